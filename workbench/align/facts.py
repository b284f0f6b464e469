"""What a fitted aligner says of its own fit: how far to trust it before any row is mapped."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FitFacts:
    """None where the method has no such number."""

    n: int | None
    """Pairs that were fitted on."""
    rank: int | None
    """Directions that were learned."""
    condition: float | None
    regularized: bool
    """Whether anything but the pairs holds the map: a penalty, a cut, or its very form."""


def fit_facts(aligner: Any) -> FitFacts:
    """The facts of a fitted aligner; of a control that wraps one and says nothing itself, those inside."""
    inner = list(_with_wrapped(aligner))

    def first(name: str) -> Any:
        return next((getattr(one, name) for one in inner if hasattr(one, name)), None)

    return FitFacts(first("n_"), first("rank_"), first("condition_"), not first("unregularized_"))


def _with_wrapped(aligner: Any) -> Iterator[Any]:
    while aligner is not None:
        yield aligner
        aligner = getattr(aligner, "aligner_", None)
