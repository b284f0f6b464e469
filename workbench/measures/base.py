"""`Metric` and `Geometry`, the checks of states that measures share, rank correlation, and confounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.numbers import as_tensor
from workbench.stats import rank_interval

Rows = Float[Tensor, "sent d"]
PerSentence = Float[Tensor, " sent"]
BySentence = Callable[[Tensor, Tensor], Tensor]
"""(X, Y) → one number for each sentence."""
Among = Callable[[Any, Any], float]
"""(row numbers of X, row numbers of Y) → the value among these rows alone."""


@dataclass(frozen=True)
class Sides:
    """A measure that compares what it makes of each side alone, most of it once for all sets of rows."""

    name: str
    """What it is called where it refuses states."""
    at_least: int
    """Sentences that it needs."""
    side: Callable[[Tensor], Tensor]
    """X → a number for each pair of rows, [sent sent]; without `pairs` some for each row, [sent k]."""
    prepare: Callable[[Tensor], Tensor]
    """What is made of these numbers, or of those of some rows, once for each set of rows."""
    compare: Callable[[Tensor, Tensor], Tensor]
    pairs: bool = True
    varied: bool = True
    """Whether rows that are all equal are refused."""

    def check(self, X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
        """The two as tensors, or why they are refused."""
        return check_rows(self.name, X, Y, self.at_least, varied=self.varied)

    def prepared(self, X: Tensor, Y: Tensor) -> tuple[Tensor, ...]:
        """Both sides, ready to be compared."""
        return tuple(self.prepare(self.side(rows)) for rows in self.check(X, Y))

    def value(self, X: Tensor, Y: Tensor) -> float:
        """The measure of all rows."""
        return float(self.compare(*self.prepared(X, Y)))

    def among(self, X: Tensor, Y: Tensor) -> Among:
        """The measure of any of the rows."""
        X, Y = self.check(X, Y)
        A, B = self.side(X), self.side(Y)
        # Equal rows have one number: it says as much as they do of whether any of them differ.
        x_kinds, y_kinds = (rows.unique(dim=0, return_inverse=True)[1][:, None] for rows in (X, Y))

        def value(rows: Any, others: Any) -> float:
            self.check(x_kinds[rows], y_kinds[others])
            one, other = A[rows], B[others]
            if self.pairs:
                one, other = one[:, rows], other[:, others]
            return float(self.compare(self.prepare(one), self.prepare(other)))

        return value


@dataclass(frozen=True)
class Metric:
    """(X, Y) → value, over rows that are the same sentences."""

    name: str
    function: Callable[[Tensor, Tensor], float]
    range: tuple[float, float] = (0.0, 1.0)
    higher_is_better: bool = True
    reading: str = ""
    """One line for people: what a high and a low value say."""
    reference: str = ""
    """Where it was first described."""
    per_query: BySentence | None = None
    """Each sentence's own score among all others; their mean is the value. Only such scores may be
    resampled: the pool of candidates stays as it is."""
    shares: BySentence | None = None
    """Of a measure that compares sets, what each sentence adds to it; their mean is the value."""
    sides: Sides | None = None
    """The same measure of what each side makes alone."""

    def __call__(self, X: Tensor, Y: Tensor) -> float:
        """The value for two languages' rows."""
        return self.function(as_tensor(X, "X"), as_tensor(Y, "Y"))

    def among(self, X: Tensor, Y: Tensor) -> Among:
        """The value among any of the rows, for jackknives and permutations."""
        if self.sides is None:
            return lambda rows, others: self(X[rows], Y[others])
        return self.sides.among(X, Y)

    def by_sentence(self, X: Tensor, Y: Tensor) -> Tensor:
        """Scores per query, or shares: one number for each sentence, with the value as their mean."""
        parts = self.per_query or self.shares
        if parts is None:
            raise InputError(f"{self.name} does not tell what each sentence adds to it")
        return parts(as_tensor(X, "X"), as_tensor(Y, "Y"))


@dataclass(frozen=True)
class Geometry:
    """X → value of one language's rows, or (X, Y) → value of two; rows need not be the same sentences."""

    name: str
    function: Callable[..., float]
    languages: int
    """How many of them the function takes: 1 or 2."""
    range: tuple[float, float] = (0.0, 1.0)
    reading: str = ""
    reference: str = ""

    def __call__(self, *states: Tensor) -> float:
        """The value for one or two languages' rows."""
        return self.function(*map(as_tensor, states))


# What states are refused by every measure.


def check_rows(
    metric: str, X: Tensor, Y: Tensor, at_least: int, equal_widths: bool = False, varied: bool = False
) -> tuple[Tensor, Tensor]:
    """The two as tensors; refuse other than matrices of the same rows, too few of them, and no numbers.

    With `varied`, rows that are all equal too: nothing is left of them once their mean is gone.
    """
    X, Y = as_tensor(X, "X"), as_tensor(Y, "Y")
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y):
        raise InputError(
            f"{metric} needs [sent d] twice with the same sentences; {tuple(X.shape)} and "
            f"{tuple(Y.shape)} given"
        )
    X, Y = check_states(metric, X, Y, at_least=at_least, equal_widths=equal_widths)
    if varied and any((value == value[0]).all() for value in (X, Y)):
        raise InputError(f"{metric} is not defined where all rows are equal")
    return X, Y


def check_states(
    measure: str, *states: Tensor, at_least: int = 1, equal_widths: bool = True
) -> tuple[Tensor, ...]:
    """The states as tensors; refuse other than matrices, too few rows, and no numbers."""
    states = tuple(map(as_tensor, states))
    for X in states:
        if X.ndim != 2:
            raise InputError(f"{measure} needs [sent d]; {tuple(X.shape)} given")
        if len(X) < at_least:
            raise InputError(f"{len(X)} sentences are too few for {measure}: give at least {at_least}")
        if not torch.isfinite(X).all():
            raise InputError(f"{measure} needs finite numbers: capture in float32")
    widths = [X.shape[1] for X in states]
    if equal_widths and len(set(widths)) > 1:
        raise InputError(f"{measure} needs equal widths; {' and '.join(map(str, widths))} given")
    return states


# Shared by what correlates ranks: Spearman's coefficient of many values at once.


def ranks(values: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows n"]:
    """1 for the smallest to n for the largest of each row; equal values share the mean of their ranks."""
    return torch.from_numpy(rankdata(values.double().cpu().numpy(), axis=-1)).to(values.device)


def standardized(values: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows n"]:
    """Values less their mean, of length 1; NaN where nothing varies."""
    centred = values - values.mean(-1, keepdim=True)
    return centred / centred.norm(dim=-1, keepdim=True)


def spearman(a: Float[Tensor, "*rows n"], b: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows"]:
    """Pearson's r of the ranks; NaN where either side does not vary, which is for the caller to see to."""
    return (standardized(ranks(a)) * standardized(ranks(b))).sum(-1).clamp(-1, 1)


# Whether a similarity is only length: its rank correlation with what sentences differ in anyway.


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

    Scores are those of `Metric.by_sentence`. Properties are what is known of the texts alone: length in
    tokens, fertility (tokens per word), log ratio of the two lengths, share of common tokens, one script or
    two. |ρ| near 0 clears a measure; above about 0.5, compare within strata of the property first.
    """
    if not scores or not properties:
        raise InputError("confounds need at least one score and one property")
    values = {
        (kind, name): torch.as_tensor(value).double()
        for kind, columns in (("score", scores), ("property", properties))
        for name, value in columns.items()
    }
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
    low, high = (None, None) if rho is None or len(score) < 4 else rank_interval(rho, len(score), 1.06)
    return Confound(measure, confound, rho, len(score), constant, low, high)
