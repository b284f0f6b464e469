"""The expected properties of an organism, each tested on measurements.

A property that cannot be asked of a world (it has no language of that kind) fails with that reason.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from workbench.analyses.organism.verify import LADDER_TASK, Verification
from workbench.core.numbers import estimated
from workbench.organism.config import LanguageConfig
from workbench.select import rows_of
from workbench.stats import Interval, paired_interval
from workbench.study import StudyResult
from workbench.sweeps import CLEAN

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
    return [Property(name, *ask(v)) for name, ask in _QUESTIONS]


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
            task: {language: _numbers(interval) for language, interval in found.items()}
            for task, found in v.accuracy.items()
        },
        "ladders": ladders,
    }


def _numbers(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.estimate, interval.low, interval.high)]


def _knows(v: Verification) -> tuple[bool, str]:
    mine = {task: found[v.main] for task, found in v.accuracy.items() if v.main in found}
    known = [task for task, interval in mine.items() if interval.estimate >= KNOWN]
    return len(known) >= 2, ", ".join(f"{task} {estimated(one, sign=False)}" for task, one in mine.items())


def _gap(v: Verification) -> tuple[bool, str]:
    gaps = {language: v.studies[language].known_gap for language in v.poorest}
    told = "; ".join(
        f"{language} {estimated(gap, sign=False)} below on {LADDER_TASK}" for language, gap in gaps.items()
    )
    return all(gap.estimate >= GAP for gap in gaps.values()), told


def _ordered(v: Verification) -> tuple[bool, str]:
    found = v.accuracy[LADDER_TASK]
    told = {code: estimated(one, sign=False) for code, one in found.items()}
    wrong = [
        f"{more.code} {told[more.code]} below {less.code} {told[less.code]}"
        for more in v.config.languages
        for less in v.config.languages
        # Within the intervals: what overlaps is no disorder.
        if more.resource > less.resource and found[more.code].high < found[less.code].low
    ]
    shown = ", ".join(f"{code} {interval.estimate:.3f}" for code, interval in found.items())
    return not wrong, "; ".join(wrong) or shown


def _aligns_inside(v: Verification) -> tuple[bool, str]:
    told, passed = [], bool(_poor(v))
    for language in _poor(v):
        for metric in SIMILARITIES:
            values = v.curve(language.code, metric).tolist()
            peak = max(range(len(values)), key=values.__getitem__)
            passed &= 0 < peak < len(values) - 1
            where = "the embedding" if peak == 0 else f"layer {peak - 1}"
            told.append(
                f"{language.code} {metric} {values[0]:.2f} at the embedding, "
                f"{values[peak]:.2f} at {where}, {values[-1]:.2f} at the last"
            )
    return passed, "; ".join(told) or "the world has no poor language: all are read as much"


def _recovers(v: Verification) -> tuple[bool, str]:
    studies = {language: v.studies[language] for language in v.poorest}
    told = "; ".join(_recovered(language, study) for language, study in studies.items())
    return all(_half(study) for study in studies.values()), told


def _nulls(v: Verification) -> tuple[bool, str]:
    told, passed = [], True
    for language in v.poorest:
        study = v.studies[language]
        gains = {aligner: study.outcome(aligner).gain for aligner in NULLS}
        passed &= all(gain.estimate < NULL * study.known_gap.estimate for gain in gains.values())
        told.append(
            f"{language} " + ", ".join(f"{aligner} {estimated(gain)}" for aligner, gain in gains.items())
        )
    return passed, "; ".join(told)


def _beats(v: Verification) -> tuple[bool, str]:
    told, passed = [], True
    for language in v.poorest:
        study = v.studies[language]
        passed &= _better(study)
        over = {aligner: study.headline_over[aligner] for aligner in METHODS}
        told.append(
            f"{language} " + ", ".join(f"over {aligner} {estimated(i)}" for aligner, i in over.items())
        )
    return passed, "; ".join(told)


def _inside(v: Verification) -> tuple[bool, str]:
    layers = {language: v.studies[language].headline.choice.layer for language in v.poorest}
    told = ", ".join(f"{language} layer {layer}" for language, layer in layers.items())
    return all(_within(v, v.studies[language]) for language in v.poorest), f"{told} of 0 … {v.n_layers - 1}"


def _distant_too(v: Verification) -> tuple[bool, str]:
    told, passed = [], False
    for language in _distant(v):
        study = v.studies[language.code]
        passed |= _half(study) and _better(study) and _within(v, study)
        told.append(
            f"{language.code}, {language.order}, {v.shared_tokens[language.code]:.0%} shared tokens: "
            f"{_share(study):.0%} of the gap"
        )
    return passed, "; ".join(told) or "the world has no poor language of another order and its own tokens"


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


def _rich_gain_less(v: Verification) -> tuple[None, str]:
    poor = [language.code for language in _poor(v)]
    pairs = [
        (less.code, more.code)
        for less in v.config.languages[1:]
        for more in v.config.languages[1:]
        if less.code in poor and more.code not in poor and _is_far(v, less) == _is_far(v, more)
    ]
    return None, _compared(v, pairs)


def _far_gain_less(v: Verification) -> tuple[None, str]:
    pairs = [
        (near.code, far.code)
        for near in v.config.languages[1:]
        for far in v.config.languages[1:]
        if near.resource == far.resource and not _is_far(v, near) and _is_far(v, far)
    ]
    return None, _compared(v, pairs)


def _retention(v: Verification) -> tuple[None, str]:
    told = [
        f"patch of {language} {estimated(study.retention)}"
        for language, study in v.studies.items()
        if study.retention is not None
    ]
    return None, f"{v.main} with the " + (", ".join(told) or "patch: none was chosen")


_QUESTIONS: tuple[tuple[str, Callable[[Verification], tuple[bool | None, str]]], ...] = (
    (f"1 the main language reaches {KNOWN} on two tasks", _knows),
    (f"1 the poorest are {GAP} below it", _gap),
    ("1 more resource, more accuracy", _ordered),
    ("2 poor languages align best inside the stack", _aligns_inside),
    ("3 one patch recovers half of their gap", _recovers),
    ("3 identity and random maps recover under a tenth", _nulls),
    ("3 the map beats mean shift and shuffled pairs", _beats),
    ("3 its layer is neither the first nor the last", _inside),
    ("3 all this for another word order and own tokens", _distant_too),
    ("4 rich languages gain less than poor ones", _rich_gain_less),
    ("4 far ones less than near ones of equal resource", _far_gain_less),
    ("5 what the patch does to the main language", _retention),
)


def _poor(v: Verification) -> list[LanguageConfig]:
    """The languages read less than the mean of all but the main one."""
    others = v.config.languages[1:]
    mean = sum(language.resource for language in others) / len(others)
    # Equal shares are equal, however their mean is rounded.
    return [language for language in others if language.resource < mean - 1e-9]


def _is_far(v: Verification, language: LanguageConfig) -> bool:
    return v.shared_tokens[language.code] < SHARED


def _distant(v: Verification) -> list[LanguageConfig]:
    """Poor languages of another word order than the main one, and of their own tokens."""
    order = v.config.main.order
    return [language for language in _poor(v) if language.order != order and _is_far(v, language)]


def _recovered(language: str, study: StudyResult) -> str:
    choice = study.headline.choice
    if choice.layer is None:
        return f"{language}: nothing was better than no patch"
    return (
        f"{language} {study.baseline.estimate:.3f} → {study.headline.accuracy.estimate:.3f} of "
        f"{study.known_target_accuracy.estimate:.3f} at layer {choice.layer}, α = {choice.strength:g}: "
        f"{_share(study):.0%} of the gap (gain less half of it {_beyond(study)})"
    )


def _beyond(study: StudyResult) -> str:
    return "unknown" if study.beyond_half is None else estimated(study.beyond_half)


def _share(study: StudyResult) -> float:
    return study.headline.gain.estimate / study.known_gap.estimate if study.known_gap.estimate else 0.0


def _compared(v: Verification, pairs: list[tuple[str, str]]) -> str:
    """Gain of the first less that of the second, over the same items."""
    told = []
    for more, less in pairs:
        difference = paired_interval(_gains(v.studies[more]), _gains(v.studies[less]))
        judged = "yes" if difference.low > 0 else "not so" if difference.high < 0 else "not told apart"
        told.append(f"{judged}: gain of {more} − {less} {estimated(difference)}")
    return "; ".join(told) or "the world has no such languages to compare"


def _gains(study: StudyResult) -> list[float]:
    """Patched less unpatched, of each test item in its order."""
    sweep = study.tables["sweep"]
    own = sweep[(sweep.split == "test") & (sweep.language == study.source)]
    after = rows_of(own, study.headline.choice).set_index("example").correct.astype(float)
    before = own[own.aligner == CLEAN].set_index("example").correct.astype(float)
    gains: list[float] = (after - before.loc[after.index]).tolist()
    return gains
