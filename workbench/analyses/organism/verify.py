"""Measure a trained organism on fresh items, test the properties expected of it, and judge every pair.

Maps are fitted on parallel text of the `fit` facts, layer and strength are chosen on the `dev` facts, and the
fresh items are of the `test` facts. A property that cannot be asked of a world fails with that reason.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import estimated
from workbench.core.types import Progress, silent
from workbench.models import LanguageModel
from workbench.organism.config import LanguageConfig, WorldConfig
from workbench.organism.files import Shipped
from workbench.organism.texts import TASKS, Items
from workbench.select import accuracy_of, paired_correct, rows_of
from workbench.stats import Interval, paired_interval
from workbench.study import Settings, Study, StudyResult, prepare
from workbench.study.diagnosis import holm_of
from workbench.sweeps import CLEAN, sweep
from workbench.tasks import ChoiceTask

LADDER_TASK = "exact"
"""The task that is patched: the skill that the main language has and the poor ones lack."""
PROMPTS = 500
"""Parallel prompts that a map is fitted on; as many again measure similarity."""
CHOSEN_ON = 400
"""Dev items that layer and strength are chosen on."""
LADDER = Settings(
    aligners=("ridge", "mean_shift", "shuffled_pairs", "identity", "random_equal_norm", "random_rotation"),
    headline="ridge",
    # (1 − α) h + α W h: the identity changes nothing at any α, so that it is a null.
    interventions=("interpolate",),
    strengths=(0.5, 1.0),
    held_out=0.5,
    batch_size=256,
)


@dataclass(frozen=True)
class Verification:
    """The measurements, from which `properties` follow."""

    config: WorldConfig
    model: str
    n_layers: int
    accuracy: dict[str, dict[str, Interval]]
    """Task → language → unpatched accuracy on fresh test items."""
    studies: dict[str, StudyResult]
    """Language → its ladder of maps into the main language."""
    shared_tokens: dict[str, float]

    @property
    def poorest(self) -> list[str]:
        """The languages other than the main one that were read least."""
        others = self.config.languages[1:]
        least = min(language.resource for language in others)
        return [language.code for language in others if language.resource == least]

    def curve(self, language: str, metric: str) -> pd.Series:
        """A similarity to the main language from the embedding through every layer, by site."""
        table = self.studies[language].tables["similarity"]
        curve: pd.Series = table[table.measure == metric].set_index("site").value
        return curve


def verify(
    model: LanguageModel,
    config: WorldConfig,
    folder: Path,
    *,
    count: int = 2000,
    prompts: int = PROMPTS,
    seed: int = 1,
    progress: Progress = silent,
) -> Verification:
    """Measure a model on `count` fresh test items of each language and task."""
    items = Items(config)
    if not 0 < count <= config.test:
        raise InputError(f"{count} test items wanted, but the world keeps {config.test} facts for testing")
    if config.fit < 2 * prompts:
        raise InputError(f"the world keeps {config.fit} facts for fitting: at least {2 * prompts} are needed")
    main, *others = languages = [language.code for language in config.languages]
    total = len(TASKS) + len(others)
    accuracy, studies = {}, {}
    for done, name in enumerate(TASKS):
        progress("verify organism", done, total)
        fresh = items.fresh(name, count, seed)
        accuracy[name] = {language: _accuracy(model, fresh, language) for language in fresh.languages}
    dev, text = items.task(LADDER_TASK).first(dev=CHOSEN_ON), items.parallel_text(2 * prompts)
    task = ChoiceTask(dev.name, (*dev.all, *items.fresh(LADDER_TASK, count, seed).all))
    for done, language in enumerate(others, len(TASKS)):
        progress("verify organism", done, total)
        pair = text.only([language, main])
        studies[language] = Study(model, pair, task, language, main, folder / language, LADDER).run()
    progress("verify organism", total, total)
    truth = items.truth()["languages"]
    shared = {language: float(truth[language]["shared_tokens"]) for language in languages}
    return Verification(config, model.info.name, model.info.n_layers, accuracy, studies, shared)


def _accuracy(model: LanguageModel, task: ChoiceTask, language: str) -> Interval:
    """Unpatched accuracy on the task's test items in one language."""
    items, size = task.examples(language, "test"), LADDER.batch_size
    return accuracy_of(sweep(model, items, [], task=task.name, pair=language, batch_size=size))


KNOWN = 0.95
"""Accuracy from which a language counts as knowing a task."""
GAP = 0.25
"""How far the poorest language must be below the main one."""
SHARE = 0.5
"""How much of the gap the map must recover."""
NULL = 0.1
"""What identity and random map may reach of it at most."""
SHARED = 0.2
"""Below this share of shared tokens a language is far."""
NULLS = ("identity", "random_equal_norm", "random_rotation")
METHODS = ("mean_shift", "shuffled_pairs")
SIMILARITIES = ("retrieval", "cka_debiased")


@dataclass(frozen=True)
class Property:
    """One line of the verdict. Where `passed` is None, it is reported and not judged."""

    name: str
    passed: bool | None
    found: str


def properties(v: Verification) -> list[Property]:
    """All of them, in order."""
    return [Property(name, *ask(v)) for name, ask in _QUESTIONS.items()]


def summary(v: Verification, judged: list[Property]) -> dict[str, Any]:
    """The verdict and what it rests on, as JSON values."""
    ladders = {
        language: {
            "unpatched": _numbers(study.baseline),
            "main": _numbers(study.known_target_accuracy),
            "retention": None if study.retention is None else _numbers(study.retention),
            "aligners": {
                outcome.choice.aligner: {
                    "layer": outcome.choice.layer,
                    "strength": outcome.choice.strength,
                    "accuracy": _numbers(outcome.accuracy),
                    "gain": _numbers(outcome.gain),
                }
                for outcome in (study.headline, *study.others)
            },
            **{metric: v.curve(language, metric).to_dict() for metric in SIMILARITIES},
        }
        for language, study in v.studies.items()
    }
    return {
        "config_digest": v.config.digest,
        "properties": [asdict(one) for one in judged],
        "accuracy": {
            task: {language: _numbers(interval) for language, interval in languages.items()}
            for task, languages in v.accuracy.items()
        },
        "ladders": ladders,
    }


def _numbers(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.estimate, interval.low, interval.high)]


def _knows(v: Verification) -> tuple[bool, str]:
    code = v.config.main.code
    main = {task: languages[code] for task, languages in v.accuracy.items() if code in languages}
    known = [task for task, interval in main.items() if interval.estimate >= KNOWN]
    return len(known) >= 2, ", ".join(f"{task} {estimated(one, sign=False)}" for task, one in main.items())


def _ordered(v: Verification) -> tuple[bool, str]:
    accuracies = v.accuracy[LADDER_TASK]
    words = {code: f"{code} {estimated(one, sign=False)}" for code, one in accuracies.items()}
    wrong = [
        f"{words[more.code]} below {words[less.code]}"
        for more in v.config.languages
        for less in v.config.languages
        # Within the intervals: what overlaps is no disorder.
        if more.resource > less.resource and accuracies[more.code].high < accuracies[less.code].low
    ]
    shown = ", ".join(f"{code} {interval.estimate:.3f}" for code, interval in accuracies.items())
    return not wrong, "; ".join(wrong) or shown


def _aligns_inside(v: Verification) -> tuple[bool, str]:
    words, inside = [], []
    for language in _poor(v):
        for metric in SIMILARITIES:
            values = v.curve(language.code, metric).tolist()
            peak = max(range(len(values)), key=values.__getitem__)
            inside.append(0 < peak < len(values) - 1)
            where = "the embedding" if peak == 0 else f"layer {peak - 1}"
            words.append(
                f"{language.code} {metric} {values[0]:.2f} at the embedding, "
                f"{values[peak]:.2f} at {where}, {values[-1]:.2f} at the last"
            )
    holds = bool(inside) and all(inside)
    return holds, "; ".join(words) or "the world has no poor language: all are read as much"


def _of_poorest(v: Verification, ask: Callable[[str, StudyResult], tuple[bool, str]]) -> tuple[bool, str]:
    """Whether it holds of each of the poorest languages."""
    answers = [ask(language, v.studies[language]) for language in v.poorest]
    return all(holds for holds, _ in answers), "; ".join(words for _, words in answers)


def _gap(language: str, study: StudyResult) -> tuple[bool, str]:
    gap = study.known_gap
    return gap.estimate >= GAP, f"{language} {estimated(gap, sign=False)} below on {LADDER_TASK}"


def _recovers(language: str, study: StudyResult) -> tuple[bool, str]:
    choice = study.headline.choice
    if choice.layer is None:
        return _half(study), f"{language}: nothing was better than no patch"
    return _half(study), (
        f"{language} {study.baseline.estimate:.3f} → {study.headline.accuracy.estimate:.3f} of "
        f"{study.known_target_accuracy.estimate:.3f} at layer {choice.layer}, α = {choice.strength:g}: "
        f"{_share(study):.0%} of the gap (gain less half of it "
        f"{estimated(study.beyond_half, none='unknown')})"
    )


def _nulls(language: str, study: StudyResult) -> tuple[bool, str]:
    gains = {aligner: study.outcome(aligner).gain for aligner in NULLS}
    words = ", ".join(f"{aligner} {estimated(gain)}" for aligner, gain in gains.items())
    small = all(gain.estimate < NULL * study.known_gap.estimate for gain in gains.values())
    return small, f"{language} {words}"


def _beats(language: str, study: StudyResult) -> tuple[bool, str]:
    words = ", ".join(f"over {aligner} {estimated(study.headline_over[aligner])}" for aligner in METHODS)
    return _better(study), f"{language} {words}"


def _inside(v: Verification) -> tuple[bool, str]:
    words = ", ".join(f"{code} layer {v.studies[code].headline.choice.layer}" for code in v.poorest)
    return all(_within(v, v.studies[code]) for code in v.poorest), f"{words} of 0 … {v.n_layers - 1}"


def _distant_too(v: Verification) -> tuple[bool, str]:
    words, holds = [], False
    for language in _poor(v):
        if language.order == v.config.main.order or not _is_far(v, language):
            continue
        study = v.studies[language.code]
        holds |= _half(study) and _better(study) and _within(v, study)
        words.append(
            f"{language.code}, {language.order}, {v.shared_tokens[language.code]:.0%} shared tokens: "
            f"{_share(study):.0%} of the gap"
        )
    return holds, "; ".join(words) or "the world has no poor language of another order and its own tokens"


def _compared(
    v: Verification, which: Callable[[Verification, LanguageConfig, LanguageConfig], bool]
) -> tuple[None, str]:
    """Gain of one language less that of another, over the same items, for the pairs of that kind."""
    others, words = v.config.languages[1:], []
    for more, less in [(a.code, b.code) for a in others for b in others if which(v, a, b)]:
        difference = paired_interval(_gains(v.studies[more]), _gains(v.studies[less]))
        judged = "yes" if difference.low > 0 else "not so" if difference.high < 0 else "not told apart"
        words.append(f"{judged}: gain of {more} − {less} {estimated(difference)}")
    return None, "; ".join(words) or "the world has no such languages to compare"


def _retention(v: Verification) -> tuple[None, str]:
    words = [
        f"patch of {language} {estimated(study.retention)}"
        for language, study in v.studies.items()
        if study.retention is not None
    ]
    return None, f"{v.config.main.code} with the " + (", ".join(words) or "patch: none was chosen")


_QUESTIONS: dict[str, Callable[[Verification], tuple[bool | None, str]]] = {
    f"1 the main language reaches {KNOWN} on two tasks": _knows,
    f"1 the poorest are {GAP} below it": partial(_of_poorest, ask=_gap),
    "1 more resource, more accuracy": _ordered,
    "2 poor languages align best inside the stack": _aligns_inside,
    "3 one patch recovers half of their gap": partial(_of_poorest, ask=_recovers),
    "3 identity and random maps recover under a tenth": partial(_of_poorest, ask=_nulls),
    "3 the map beats mean shift and shuffled pairs": partial(_of_poorest, ask=_beats),
    "3 its layer is neither the first nor the last": _inside,
    "3 all this for another word order and own tokens": _distant_too,
    "4 rich languages gain less than poor ones": partial(
        _compared,
        which=lambda v, a, b: a in _poor(v) and b not in _poor(v) and _is_far(v, a) == _is_far(v, b),
    ),
    "4 far ones less than near ones of equal resource": partial(
        _compared, which=lambda v, a, b: a.resource == b.resource and not _is_far(v, a) and _is_far(v, b)
    ),
    "5 what the patch does to the main language": _retention,
}


def _half(study: StudyResult) -> bool:
    """At least half of the gap is recovered, where there is one."""
    return study.headline.gain.estimate >= SHARE * study.known_gap.estimate > 0


def _better(study: StudyResult) -> bool:
    """The map beats the simpler aligners, with intervals that exclude 0."""
    return all(study.headline_over[aligner].low > 0 for aligner in METHODS)


def _within(v: Verification, study: StudyResult) -> bool:
    """The chosen layer is neither the first nor the last."""
    layer = study.headline.choice.layer
    return layer is not None and 0 < layer < v.n_layers - 1


def _poor(v: Verification) -> list[LanguageConfig]:
    """The languages read less than the mean of all but the main one."""
    others = v.config.languages[1:]
    mean = sum(language.resource for language in others) / len(others)
    # Equal shares are equal, however their mean is rounded.
    return [language for language in others if language.resource < mean - 1e-9]


def _is_far(v: Verification, language: LanguageConfig) -> bool:
    return v.shared_tokens[language.code] < SHARED


def _share(study: StudyResult) -> float:
    return study.headline.gain.estimate / study.known_gap.estimate if study.known_gap.estimate else 0.0


def _gains(study: StudyResult) -> list[float]:
    """Patched less unpatched, of each test item in its order."""
    sweep = study.tables["sweep"]
    own = sweep[(sweep.split == "test") & (sweep.language == study.source)]
    after, before, _ = paired_correct(rows_of(own, study.headline.choice), own[own.aligner == CLEAN])
    return list(after - before)


SETTINGS = replace(
    LADDER,
    aligners=("ridge", "mean_shift", "identity", "shuffled_pairs", "random_equal_norm"),
    held_out=Settings().held_out,
)


def verdicts(
    model: LanguageModel,
    organism: Shipped,
    folder: Path,
    *,
    dev: int = 300,
    test: int = 1000,
    prompts: int = 600,
    progress: Progress = silent,
) -> tuple[list[StudyResult], pd.DataFrame]:
    """Diagnose each language into the main one on every task: the studies, and a row for each."""
    main, *others = organism.config.languages
    tasks = [organism.task(name).first(dev=dev, test=test) for name in TASKS]
    text = organism.text().select(range(prompts))
    pairs = [(language.code, main.code) for language in others]
    diagnosis = prepare(model, text, tasks, pairs, folder, SETTINGS, silent)
    results = diagnosis.run(lambda _, done, total: progress("verdicts", done, total))
    return results, _verdict_table(organism, results)


def _verdict_table(organism: Shipped, results: list[StudyResult]) -> pd.DataFrame:
    truth = organism.truth()["languages"]
    rows = []
    for result, verdict in zip(results, holm_of(results), strict=True):
        language = organism.config.language(result.source)
        choice, gap = result.headline.choice, result.gap
        rows.append(
            {
                "pair": result.pair,
                "task": result.task.removeprefix("organism-"),
                "read": language.resource,
                "taught": language.skill,
                "shared_tokens": float(truth[language.code]["shared_tokens"]),
                "baseline": result.baseline.estimate,
                "gap": None if gap is None else gap.estimate,
                "gap_low": None if gap is None else gap.low,
                "layer": choice.layer,
                "strength": choice.strength,
                "gain": verdict.gain.estimate,
                "gain_low": verdict.gain.low,
                "gain_high": verdict.gain.high,
                "verdict": verdict.kind,
                "holm_p": verdict.adjusted_p,
                "best_control": max(
                    (other.gain.estimate for other in result.others if other.is_control), default=0.0
                ),
            }
        )
    numbers = dict.fromkeys(("strength", "holm_p", "gap", "gap_low"), "Float64")
    return pd.DataFrame(rows).astype(numbers | {"layer": "Int64"})
