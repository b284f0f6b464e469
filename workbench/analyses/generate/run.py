"""Generate texts with the clean and patched model, and measure output language and repetition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.align import CONTROLS
from workbench.analyses.generate.texts import (
    SHORTEST,
    UNCLEAR,
    Beginnings,
    LanguageIdentifier,
    Trial,
    beginnings,
    speak,
)
from workbench.core.errors import InputError, NotApplicable
from workbench.core.store import locked, read_json, write_json
from workbench.core.types import check_names
from workbench.methods.base import typed_table
from workbench.methods.compare.candidates import RANDOM, Candidate
from workbench.methods.recipes import RECIPES, Ingredients, Recipe
from workbench.results import bounds, write_table
from workbench.select import thaw
from workbench.select.verdict import LEVEL
from workbench.stats import Interval, accuracy, mean_interval, paired_interval, units_of
from workbench.study import Study
from workbench.study.alignment import headline_of
from workbench.sweeps import CLEAN, Configuration
from workbench.text import ParallelText

TOKENS = 200
"""New tokens, where nothing else is asked for and the model's context leaves them."""
STUDY = "study"
"""What the methods of a plan call the study's own choice."""
MOST_LANGUAGES = 20
"""The identifier tells at most so many apart: the pair's first, then the text's others in order."""

_FILES = {
    "generation": "generation.parquet",
    "summary": "generation_summary.parquet",
    "choices": "choices.json",
    "timings": "timings.json",
}
_TYPES = {"Int64": "layer seed", "boolean": "control"}
_STRINGS = "model task pair site method split kind prompted intervention positions joint "


@dataclass(frozen=True)
class Plan:
    """What is generated with, from how many prompts and how far."""

    methods: tuple[str, ...] = (STUDY, "clas_bench")
    """`study`, and recipes by name."""
    tokens: int | None = None
    """None: 200, or what the model's context leaves."""
    prompts: int = 40
    """Half of them to choose configurations on, half to report."""

    def __post_init__(self) -> None:
        check_names(self.methods, (STUDY, *RECIPES), "method")
        if self.tokens is not None and self.tokens < 1:
            raise InputError(f"a text needs at least one token; {self.tokens} asked for")
        if self.prompts < 4:
            raise InputError(
                f"half of the prompts choose and half report: give 4 at least, not {self.prompts}"
            )


@dataclass(frozen=True)
class Generated:
    """What was written, what is said of it, and where it lies."""

    table: pd.DataFrame
    summary: pd.DataFrame
    trial: Trial
    """The language identifier on held-out text."""
    skipped: dict[str, str]
    """Methods that had nothing to work on, and why."""
    notes: tuple[str, ...]
    """What has to be said beside the results."""
    seconds: dict[str, float]
    """For one new token of a whole batch, by method; prompts in the target language stand apart."""
    paths: dict[str, Path]


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to generate."""

    method: str
    kind: str
    """`clean`, `study` or `recipe`."""
    prompted: str
    """The language of the prompts."""
    configuration: Configuration | None = None
    """None: nothing is patched, of a recipe because nothing was better on dev."""
    control: bool = False
    dev_score: float | None = None
    """What chose it."""

    def columns(self, study: Study) -> dict[str, Any]:
        """What tables say of it."""
        own = vars(self) if self.configuration is None else vars(self) | self.configuration.columns
        return study.alignment.facts | own | {"task": study.task.name, "split": "test"}


def generate(study: Study, plan: Plan | None = None, text: ParallelText | None = None) -> Generated:
    """Texts of the clean model and of every method of the plan, from the same held-out beginnings.

    `text` may hold more languages than the study's own: the identifier learns to tell them all apart.
    """
    with locked(study.root):
        return _generate(study, plan or Plan(), text or study.text)


def _generate(study: Study, plan: Plan, text: ParallelText) -> Generated:
    folder = study.folder / "generate"
    paths = {name: folder / file for name, file in _FILES.items()}
    fit, held_out = _sentences(study, text)
    prompts = beginnings(study, plan.prompts)
    tokens, notes = _room(study, prompts, plan.tokens)
    if (n := sum(map(len, prompts[study.source].values()))) < plan.prompts - plan.prompts % 2:
        notes.append(f"held-out sentences have {n} different beginnings, not {plan.prompts}")
    identifier = LanguageIdentifier(fit)
    variants, candidates, skipped = _methods(study, plan.methods)
    total = len(variants) + bool(candidates) + sum(len(own) + 1 for own in candidates.values())
    done = count(1)

    def say(code: str, half: str, configuration: Configuration | None) -> pd.DataFrame:
        begun, size = prompts[code][half], study.settings.batch_size
        rows = speak(study.model, begun, configuration, tokens, size, folder / "texts")
        study.progress("generate", next(done), total)
        return identifier.judged(rows, study.source, study.target)

    def on_dev(configuration: Configuration | None) -> dict[str, Any]:
        return score(say(study.source, "dev", configuration), study.target)

    clean = on_dev(None) if candidates else None
    record = {}
    for name, own in candidates.items():
        variant, record[name] = _choose(study, name, own, list(map(on_dev, own)), clean or {})
        variants.append(variant)
    about = study.alignment.facts | {
        "weights": study.model.weights_digest,
        "text": study.text.digest,
        "tokens": tokens,
        "prompts": {half: [one.id for one in some] for half, some in prompts[study.source].items()},
    }
    write_json(paths["choices"], {"about": about, "clean": clean, "methods": record})
    judged = [say(variant.prompted, "test", variant.configuration) for variant in variants]
    lengths = pd.concat([rows.text.str.len() for rows in judged])
    trial = identifier.trial(held_out, max(SHORTEST, int(lengths.median())))
    tables = [
        generation_rows(study, variant, prompts[variant.prompted]["test"], rows)
        for variant, rows in zip(variants, judged, strict=True)
    ]
    wheres = ["" if variant.prompted == study.source else f" ({variant.prompted})" for variant in variants]
    # Of each variant's fastest batch, which the machine disturbed least.
    seconds = {
        variant.method + where: round(float(rows.seconds.min()), 7)
        for variant, where, rows in zip(variants, wheres, judged, strict=True)
    }
    table, summary = pd.concat(tables, ignore_index=True), summary_table(study, variants, tables, trial)
    write_table(table, paths["generation"])
    write_table(summary, paths["summary"])
    write_json(paths["timings"], {"seconds_per_token": seconds})
    notes += [] if trial.caution is None else [trial.caution]
    return Generated(table, summary, trial, skipped, tuple(notes), seconds, paths)


def _sentences(study: Study, text: ParallelText) -> list[dict[str, list[str]]]:
    """In each language the study's fitting sentences, and those it holds out."""
    pair = (study.source, study.target)
    languages = [*pair, *(code for code in text.languages if code not in pair)][:MOST_LANGUAGES]
    parts = []
    for rows in (study.alignment.split.fit, study.alignment.split.test):
        own = {study.text[study.source][int(row)] for row in rows}
        kept = [row for row, sentence in enumerate(text[study.source]) if sentence in own]
        parts.append({code: [text[code][row] for row in kept] for code in languages})
    return parts


def _room(study: Study, prompts: Beginnings, wanted: int | None) -> tuple[int, list[str]]:
    """How many new tokens there is room for behind the longest prompt, and a word on it."""
    info = study.model.info
    ids = study.model.tokens.encode(
        [one.prompt for halves in prompts.values() for half in halves.values() for one in half]
    )
    room = TOKENS if info.n_ctx is None else info.n_ctx - max(map(len, ids))
    if info.n_ctx is not None and room < (wanted or 1):
        raise InputError(
            f"{info.name} takes {info.n_ctx} tokens, which leaves {max(room, 0)} new ones behind "
            f"the longest prompt: {wanted or TOKENS} are too many"
        )
    if wanted is not None or room >= TOKENS:
        return wanted or TOKENS, []
    return room, [f"{info.name} takes {info.n_ctx} tokens: texts are {room} new tokens long, not {TOKENS}"]


def _methods(
    study: Study, methods: Sequence[str]
) -> tuple[list[Variant], dict[str, list[Configuration]], dict[str, str]]:
    """The variants that are settled, the configurations of recipes by name, and why methods are left out."""
    variants = [Variant(CLEAN, "clean", code) for code in (study.source, study.target)]
    candidates: dict[str, list[Configuration]] = {}
    skipped = {}
    ingredients = Ingredients(study)
    for name in dict.fromkeys(methods):
        try:
            if name == STUDY:
                variants += frozen_variants(study)
            else:
                candidates |= recipe_configurations(ingredients, RECIPES[name])
        except NotApplicable as error:
            skipped[name] = str(error)
    return variants, candidates, skipped


def _choose(
    study: Study,
    name: str,
    configurations: Sequence[Configuration],
    scores: Sequence[dict[str, Any]],
    clean: dict[str, Any],
) -> tuple[Variant, dict[str, Any]]:
    """A recipe with its best configuration, and the scores of all of them to be written down."""
    at = best(configurations, [one["score"] for one in scores], clean["score"])
    chosen, worth = (None, clean) if at is None else (configurations[at], scores[at])
    dev = [b.columns | one for b, one in zip(configurations, scores, strict=True)]
    variant = Variant(name, "recipe", study.source, chosen, name.endswith(f"~{RANDOM}"), worth["score"])
    return variant, {"chosen": chosen and chosen.columns, "dev": dev}


def frozen_variants(study: Study) -> list[Variant]:
    """The headline's choice as the study froze it on dev, and those of its controls."""
    path = study.folder / "choices.json"
    if not path.is_file():
        raise NotApplicable(f"{study.folder} holds no choices: workbench diagnose makes them")
    choices, states = thaw(path), study.alignment.capture()
    if read_json(path)["about"].get("states") != states.digest:
        raise InputError(f"{path} was made from other states than the study's now: run the study again")
    headline = headline_of(choices, study.settings)
    wanted = [headline, *(name for name in choices if name in CONTROLS)]
    chosen = [choices[name] for name in wanted if choices[name].layer is not None]
    if not chosen:
        raise NotApplicable("no patch was chosen on dev, neither for the headline nor for its controls")
    maps = study.alignment.fit(states)
    return [
        Variant(
            choice.aligner,
            "study",
            study.source,
            study.configuration(maps, choice),
            control=choice.aligner != headline,
        )
        for choice in chosen
    ]


def recipe_configurations(ingredients: Ingredients, recipe: Recipe) -> Mapping[str, list[Configuration]]:
    """All configurations of a recipe, and those of its control, whose steps have random directions."""
    if recipe.grow is not None:
        raise NotApplicable("its configurations grow by its gain on a task: texts cannot choose them")
    configurations = recipe.configurations(ingredients)
    candidates = (Candidate(recipe, control, ingredients) for control in (None, RANDOM))
    return {candidate.name: candidate.take(configurations) for candidate in candidates}


def score(rows: pd.DataFrame, target: str) -> dict[str, Any]:
    """What judged texts are worth: the harmonic mean of language control and 1 − repetition, beside both.

    Neither makes up for the other. A text too short to repeat itself has no say in repetition; where all
    are, it is None, and the score is 0.
    """
    control = float((rows.language == target).mean())
    repeated = None if rows.repetition.isna().all() else float(rows.repetition.mean())
    worth = harmonic(control, 0.0 if repeated is None else 1 - repeated)
    return {"language_control": control, "repetition": repeated, "score": worth}


def best(configurations: Sequence[Configuration], scores: Sequence[float], clean: float) -> int | None:
    """The best-scoring configuration, of equals the weakest, then the lowest; None if clean is as good."""

    def rank(i: int) -> tuple[float, float, int]:
        configuration = configurations[i]
        return -round(scores[i], 12), abs(configuration.strength), configuration.parts[0][0].layer

    at = min(range(len(configurations)), key=rank, default=None)
    return None if at is None or -rank(at)[0] <= round(clean, 12) else at


def generation_rows(
    study: Study, variant: Variant, prompts: Sequence[Any], rows: pd.DataFrame
) -> pd.DataFrame:
    """The judged rows of one variant over these prompts, with all that says whose they are."""
    names = {name: [getattr(prompt, name) for prompt in prompts] for name in ("group", "prompt")}
    table = rows.assign(**variant.columns(study), **names, example=[prompt.id for prompt in prompts])
    strings = _STRINGS + "example group prompt text language"
    return typed_table("generation", table, string=strings, **_TYPES | {"Int64": "layer seed tokens"})


def summary_table(
    study: Study, variants: Sequence[Variant], tables: Sequence[pd.DataFrame], trial: Trial
) -> pd.DataFrame:
    """One row a variant; the first is the clean run in the source language, which others are held against."""
    by_method = {variant.method: rows for variant, rows in zip(variants[2:], tables[2:], strict=True)}
    clean, target, summaries = tables[0], study.target, []
    for variant, rows in zip(variants, tables, strict=True):
        chosen = "nothing" if variant.configuration is None else str(variant.configuration).split(" ", 1)[1]
        summary = variant.columns(study) | {"chosen": chosen} | _measures(rows, study.source, target)
        if rows is not clean:
            summary |= _over_clean(rows, clean, target)
        if (control := by_method.get(f"{variant.method}~{RANDOM}")) is not None:
            summary |= bounds("over_random", _control_over(rows, control, target))
        trials = bounds("identifier_accuracy", trial.accuracy)
        summaries.append(summary | trials | {"identifier_characters": trial.characters})
    whole = {"Int64": "layer seed n identifier_characters"}
    return typed_table("generation_summary", summaries, string=_STRINGS + "chosen", **_TYPES | whole)


def _measures(rows: pd.DataFrame, source: str, target: str) -> dict[str, Any]:
    """Shares of languages, repetition and score of one variant's texts."""
    control = accuracy((rows.language == target).astype(float), units_of(rows.group, rows.example))
    counted = rows[rows.repetition.notna()]
    repeated, fresh = {}, 0.0
    if not counted.empty:
        repetition = mean_interval(counted.repetition.astype(float), units_of(counted.group, counted.example))
        repeated, fresh = bounds("repetition", repetition), 1 - repetition.estimate
    return {
        "n": len(rows),
        "level": LEVEL,
        **bounds("language_control", control),
        "source_share": float((rows.language == source).mean()),
        "other_share": float((~rows.language.isin([source, target, UNCLEAR])).mean()),
        "unclear_share": float((rows.language == UNCLEAR).mean()),
        **repeated,
        "score": harmonic(control.estimate, fresh),
        "tokens": float(rows.tokens.mean()),
    }


def _over_clean(rows: pd.DataFrame, clean: pd.DataFrame, target: str) -> dict[str, Any]:
    """Both measures less those of the clean run, text by text."""
    both = rows.repetition.notna() & clean.repetition.notna()
    columns = bounds("control_gain", _control_over(rows, clean, target))
    if both.any():
        after, before = (one.repetition[both].astype(float) for one in (rows, clean))
        units = units_of(rows.group[both], rows.example[both])
        columns |= bounds("repetition_change", paired_interval(after, before, units))
    return columns


def _control_over(rows: pd.DataFrame, others: pd.DataFrame, target: str) -> Interval:
    assert rows.example.tolist() == others.example.tolist()
    after, before = ((one.language == target).astype(float) for one in (rows, others))
    return paired_interval(after, before, units_of(rows.group, rows.example))


def harmonic(a: float, b: float) -> float:
    """2 a b / (a + b), 0 where either is 0.

    >>> harmonic(1.0, 0.5)
    0.6666666666666666
    """
    return 2 * a * b / (a + b) if a > 0 and b > 0 else 0.0
