"""Null distributions of measures by permutation, and confounds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.types import Progress, silent
from workbench.measures.base import Metric, check_rows
from workbench.measures.cka import Rows, Similarity, function_of, kernel_of
from workbench.measures.ranking import spearman

# Whether a similarity is more than chance: the same measure with the sentences of one side shuffled.


@dataclass(frozen=True, eq=False)
class PermutationNull:
    """A value, and what the measure gives when rows are matched at random."""

    value: float
    null: Float[Tensor, " draw"]
    p: float
    """(1 + draws as good as the value) / (1 + draws): never 0."""

    @property
    def excess(self) -> float:
        """Value − mean of the null: what the pairing itself brings."""
        return self.value - float(self.null.mean())


def permutation_null(
    metric: Similarity,
    X: Rows,
    Y: Float[Tensor, "sent d_other"],
    draws: int = 1000,
    seed: int = 0,
    higher_is_better: bool | None = None,
    progress: Progress = silent,
) -> PermutationNull:
    """metric(X, Y[π]) for random permutations π, one-sided towards better.

    For CKA the Gram matrices are computed once and only permuted. Sentences must be exchangeable: rows
    of one document are not, and their p is too small. A `Metric` knows which way is better; of a bare
    function higher is, unless told.
    """
    if draws < 1:
        raise InputError(f"draws, {draws}, is a number of permutations: give at least 1")
    X, Y = check_rows("a permutation null", X, Y, at_least=2)
    if higher_is_better is None:
        higher_is_better = metric.higher_is_better if isinstance(metric, Metric) else True
    value_of = _permuted(metric, X, Y)
    generator = torch.Generator().manual_seed(seed)
    value = value_of(torch.arange(len(Y)))
    null = torch.zeros(draws, dtype=torch.float64)
    for draw in range(draws):
        null[draw] = value_of(torch.randperm(len(Y), generator=generator))
        progress("permutations", draw + 1, draws)
    gap = (null - value) if higher_is_better else (value - null)
    as_good = int((gap >= -1e-12).sum())
    return PermutationNull(value, null, (1 + as_good) / (1 + draws))


def _permuted(metric: Similarity, X: Tensor, Y: Tensor) -> Callable[[Tensor], float]:
    kernel, function = kernel_of(metric), function_of(metric)
    if kernel is None:
        return lambda order: function(X, Y[order.to(Y.device)])
    K, L = kernel(X), kernel(Y)

    def product(order: Tensor) -> float:
        order = order.to(L.device)
        return float((K * L[order][:, order]).sum())

    return product


# Whether a similarity is only length: its rank correlation with what sentences differ in anyway.


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
