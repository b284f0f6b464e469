"""What a metric is: a number for two languages' states, with what a reader needs to read it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """(X, Y) → value, over rows that are the same sentences."""

    name: str
    function: Callable[[Tensor, Tensor], float]
    range: tuple[float, float]
    higher_is_better: bool
    reading: str
    """One line for people: what a high and a low value say."""

    def __call__(self, X: Tensor, Y: Tensor) -> float:
        """The value for two languages' rows."""
        return self.function(X, Y)
