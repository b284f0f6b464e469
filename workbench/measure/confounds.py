"""Whether a similarity is only length: its rank correlation with what sentences differ in anyway."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.ranks import spearman

PerSentence = Float[Tensor, " sent"]


@dataclass(frozen=True)
class Confound:
    """How far one measure's value for a sentence goes along with one property of it."""

    measure: str
    confound: str
    rho: float | None
    """Spearman's; None where `constant` says that one of the two does not vary."""
    n: int
    constant: bool
    low: float | None = None
    """Ends of the 95 % interval; None without a ρ, and with fewer than 4 sentences."""
    high: float | None = None


def confounds(scores: Mapping[str, PerSentence], properties: Mapping[str, PerSentence]) -> list[Confound]:
    """ρ(score, property) over sentences, for every measure and property (Spearman 1904).

    Scores are what each sentence adds to a measure, as `Metric.by_sentence` gives it. Properties are what
    is known of the texts alone: length in tokens, fertility (tokens per word), log ratio of the two lengths,
    share of tokens that both sides have, one script or two. |ρ| near 0 clears a measure; |ρ| above about
    0.5 says that sentences score by that property: compare within strata of it before believing the measure.
    """
    columns = {
        **{("score", k): v for k, v in scores.items()},
        **{("property", k): v for k, v in properties.items()},
    }
    if not scores or not properties:
        raise InputError("confounds need at least one score and one property")
    values = {key: torch.as_tensor(value).double() for key, value in columns.items()}
    n = len(next(iter(values.values())))
    for (kind, name), value in values.items():
        if value.ndim != 1 or len(value) != n:
            raise InputError(
                f"{kind} {name!r} is {tuple(value.shape)}: give one number for each of {n} sentences"
            )
        if not torch.isfinite(value).all():
            raise InputError(f"{kind} {name!r} holds numbers that are not finite: leave those sentences out")
    if n < 3:
        raise InputError(f"{n} sentences are too few for a rank correlation: give at least 3")
    return [
        _compare(measure, values["score", measure], confound, values["property", confound])
        for measure in scores
        for confound in properties
    ]


def _compare(measure: str, score: Tensor, confound: str, value: Tensor) -> Confound:
    constant = bool((score == score[0]).all() or (value == value[0]).all())
    rho = None if constant else float(spearman(score, value))
    low, high = (None, None) if rho is None else rank_interval(rho, len(score))
    return Confound(measure, confound, rho, len(score), constant, low, high)


def rank_interval(rho: float, n: int, level: float = 0.95) -> tuple[float | None, float | None]:
    """tanh(artanh ρ ± z √(1.06 / (n − 3))): Fisher's interval with Spearman's variance (Fieller et al. 1957).

    As if sentences were drawn one by one: with few documents, or for the shares of a measure of sets, which
    lean on each other, it is too narrow.
    """
    if n < 4:
        return None, None
    if abs(rho) >= 1:
        return rho, rho
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(1.06 / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)
