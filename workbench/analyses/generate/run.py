"""Generate texts with the clean and patched model, and measure output language and repetition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.analyses.generate.judge import SHORTEST, Judge, LanguageIdentifier, Trial
from workbench.analyses.generate.table import generation_rows, summary_table
from workbench.analyses.generate.texts import Beginnings, batches, beginnings, longest, speak
from workbench.analyses.generate.variants import (
    RANDOM,
    Score,
    Skipped,
    Variant,
    best,
    clean_variants,
    frozen_variants,
    recipe_configurations,
    score,
)
from workbench.core.errors import InputError, NotApplicable, did_you_mean
from workbench.core.store import write_json
from workbench.methods.recipes import RECIPES, Ingredients
from workbench.results import write_table
from workbench.study import Study
from workbench.sweeps import Configuration
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
        known = (STUDY, *RECIPES)
        for name in self.methods:
            if name not in known:
                raise InputError(f"unknown method {name!r}: {did_you_mean(name, known)}")
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
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    """What has to be said beside the results."""
    seconds: dict[str, float]
    """For one new token of a whole batch, by method; prompts in the target language stand apart."""
    paths: dict[str, Path]


def generate(study: Study, plan: Plan | None = None, text: ParallelText | None = None) -> Generated:
    """Texts of the clean model and of every method of the plan, from the same held-out beginnings.

    `text` may hold more languages than the study's own: the identifier learns to tell them all apart.
    """
    plan = plan or Plan()
    known = text or study.text
    fit, held_out = _sentences(study, known)
    prompts = beginnings(study, plan.prompts)
    tokens, notes = _room(study, prompts, plan.tokens)
    if (count := sum(map(len, prompts.source.values()))) < plan.prompts - plan.prompts % 2:
        notes.append(f"held-out sentences have {count} different beginnings, not {plan.prompts}")
    judge = Judge(LanguageIdentifier(fit), study.source, study.target)
    work = _Work(study, prompts, tokens, judge, study.folder / "generate")
    variants, skipped = work.choose(plan.methods)
    found = [work.test(variant) for variant in variants]
    trial = judge.identifier.trial(held_out, _length(found))
    tables = [
        generation_rows(study, variant, work.prompts_of(variant), judge.columns(rows))
        for variant, rows in zip(variants, found, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    summary = summary_table(study, variants, tables, trial)
    paths = {name: work.folder / file for name, file in _FILES.items()}
    write_table(table, paths["generation"])
    write_table(summary, paths["summary"])
    seconds = _seconds(study, variants, found)
    write_json(paths["timings"], {"seconds_per_token": seconds})
    notes += [] if trial.caution is None else [trial.caution]
    return Generated(table, summary, trial, tuple(skipped), tuple(notes), seconds, paths)


def _sentences(study: Study, text: ParallelText) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """In each language the study's fitting sentences, and those it holds out."""
    pair = (study.source, study.target)
    languages = [*pair, *(code for code in text.languages if code not in pair)][:MOST_LANGUAGES]
    parts = []
    for rows in (study.alignment.split.fit, study.alignment.split.test):
        mine = {study.text[study.source][int(row)] for row in rows}
        those = [row for row, sentence in enumerate(text[study.source]) if sentence in mine]
        parts.append({code: [text[code][row] for row in those] for code in languages})
    return parts[0], parts[1]


def _room(study: Study, prompts: Beginnings, wanted: int | None) -> tuple[int, list[str]]:
    """How many new tokens there is room for behind the longest prompt, and a word on it."""
    context = study.model.info.n_ctx
    every = [one for side in (prompts.source, prompts.target) for half in side.values() for one in half]
    if context is None:
        return wanted or TOKENS, []
    most = context - longest(study.model, every)
    if most < 1 or (wanted is not None and wanted > most):
        raise InputError(
            f"{study.model.info.name} takes {context} tokens, which leaves {max(most, 0)} new ones behind "
            f"the longest prompt: {wanted or TOKENS} are too many"
        )
    if wanted is not None or most >= TOKENS:
        return wanted or TOKENS, []
    return most, [
        f"{study.model.info.name} takes {context} tokens: texts are {most} new tokens long, not {TOKENS}"
    ]


def _length(found: Sequence[pd.DataFrame]) -> int:
    """Characters of the median text."""
    lengths = pd.concat([rows.text.str.len() for rows in found])
    return max(SHORTEST, int(lengths.median()))


def _seconds(study: Study, variants: Sequence[Variant], found: Sequence[pd.DataFrame]) -> dict[str, float]:
    """A token's time by variant: that of its fastest batch, which the machine disturbed least."""
    names = [
        one.method if one.prompted == study.source else f"{one.method} ({one.prompted})" for one in variants
    ]
    return {name: round(float(rows.seconds.min()), 7) for name, rows in zip(names, found, strict=True)}


@dataclass
class _Work:
    """The texts of one study, each generated once."""

    study: Study
    prompts: Beginnings
    tokens: int
    judge: Judge
    folder: Path
    _done: int = 0
    _total: int = 0

    def choose(self, methods: Sequence[str]) -> tuple[list[Variant], list[Skipped]]:
        """All variants; recipes are chosen on dev and saved before any test text is generated."""
        given, skipped = Ingredients(self.study), []
        variants = clean_variants(self.study)
        candidates: list[tuple[str, list[Configuration]]] = []
        for name in dict.fromkeys(methods):
            try:
                if name == STUDY:
                    variants += frozen_variants(self.study)
                else:
                    candidates += recipe_configurations(given, RECIPES[name])
            except NotApplicable as error:
                skipped.append(Skipped(name, str(error)))
        self._count(candidates, len(variants))
        clean = score(self._speak("dev", None), self.judge) if candidates else None
        record = {}
        for name, configurations in candidates:
            assert clean is not None
            scores = [
                score(self._speak("dev", configuration), self.judge) for configuration in configurations
            ]
            at = best(configurations, scores, clean)
            chosen = None if at is None else configurations[at]
            worth = (clean if at is None else scores[at]).score
            of = name.removesuffix(f"~{RANDOM}")
            control = of != name
            variants.append(
                Variant(name, "recipe", self.study.source, chosen, control, of if control else None, worth)
            )
            record[name] = _record(chosen, configurations, scores)
        self._freeze(record, clean)
        return variants, skipped

    def test(self, variant: Variant) -> pd.DataFrame:
        """The variant's texts on the half that is reported."""
        return self._speak("test", variant.configuration, there=variant.prompted != self.study.source)

    def prompts_of(self, variant: Variant) -> Sequence[Any]:
        """What the reported texts go on from."""
        here = variant.prompted == self.study.source
        return (self.prompts.source if here else self.prompts.target)["test"]

    def _speak(self, half: str, configuration: Configuration | None, there: bool = False) -> pd.DataFrame:
        side = self.prompts.target if there else self.prompts.source
        size = self.study.settings.batch_size
        return speak(
            self.study.model, side[half], configuration, self.tokens, size, self.folder / "texts", self._tell
        )

    def _tell(self) -> None:
        self._done += 1
        self.study.progress("generate", self._done, self._total)

    def _count(self, candidates: Sequence[tuple[str, list[Configuration]]], others: int) -> None:
        """Batches in all, for the progress bar."""
        size = self.study.settings.batch_size
        dev, test = (batches(self.prompts.source[half], size) for half in ("dev", "test"))
        on_dev = sum(len(configurations) for _, configurations in candidates) + bool(candidates)
        self._total = dev * on_dev + test * (others + len(candidates))

    def _freeze(self, record: Mapping[str, Any], clean: Score | None) -> None:
        about = self.study.alignment.facts | {
            "weights": self.study.model.weights_digest,
            "text": self.study.text.digest,
            "tokens": self.tokens,
            "prompts": {half: [one.id for one in those] for half, those in self.prompts.source.items()},
        }
        made = {"about": about, "clean": None if clean is None else clean.to_json(), "methods": dict(record)}
        write_json(self.folder / _FILES["choices"], made)


def _record(
    chosen: Configuration | None, configurations: Sequence[Configuration], scores: Sequence[Score]
) -> dict[str, Any]:
    """What was chosen, and what all configurations scored on dev."""
    return {
        "chosen": None if chosen is None else chosen.columns,
        "dev": [
            configuration.columns | one.to_json()
            for configuration, one in zip(configurations, scores, strict=True)
        ],
    }


__all__ = ["STUDY", "TOKENS", "Generated", "Plan", "generate"]
