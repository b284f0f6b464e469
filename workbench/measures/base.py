"""`Metric`: a measure of two languages' states, with range, direction and interpretation."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.types import as_tensor

BySentence = Callable[[Tensor, Tensor], Tensor]
"""(X, Y) → one number for each sentence."""


@dataclass(frozen=True)
class Metric:
    """(X, Y) → value, over rows that are the same sentences."""

    name: str
    function: Callable[[Tensor, Tensor], float]
    range: tuple[float, float]
    higher_is_better: bool
    reading: str
    """One line for people: what a high and a low value say."""
    reference: str = ""
    """Where it was first described."""
    per_query: BySentence | None = None
    """Each sentence's own score among all others; their mean is the value. Only such scores may be
    resampled: the pool of candidates stays as it is."""
    shares: BySentence | None = None
    """Of a measure that compares sets, what each sentence adds to it; their mean is the value."""

    def __call__(self, X: Tensor, Y: Tensor) -> float:
        """The value for two languages' rows."""
        return self.function(as_tensor(X, "X"), as_tensor(Y, "Y"))

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
    range: tuple[float, float]
    reading: str
    reference: str = ""

    def __call__(self, *states: Tensor) -> float:
        """The value for one or two languages' rows."""
        return self.function(*map(as_tensor, states))


def check_rows(metric: str, X: Tensor, Y: Tensor, at_least: int) -> tuple[Tensor, Tensor]:
    """The two as tensors; refuse other than matrices of the same rows, too few of them, and no numbers."""
    X, Y = as_tensor(X, "X"), as_tensor(Y, "Y")
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y):
        raise InputError(
            f"{metric} needs [sent d] twice with the same sentences; {tuple(X.shape)} and "
            f"{tuple(Y.shape)} given"
        )
    if len(X) < at_least:
        raise InputError(f"{len(X)} sentences are too few for this {metric}: give at least {at_least}")
    for value in (X, Y):
        if not torch.isfinite(value).all():
            raise InputError(f"{metric} needs finite numbers: capture in float32")
    return X, Y


def check_variation(metric: str, X: Tensor, Y: Tensor) -> None:
    """Refuse rows that are all equal: nothing is left of them once their mean is gone."""
    for value in (X, Y):
        if (value == value[0]).all():
            raise InputError(f"{metric} is not defined where all rows are equal")
