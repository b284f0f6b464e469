"""p-values adjusted for multiple testing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Floats


def holm(p: ArrayLike) -> Floats:
    """max_{j ≤ i} min(1, (m − j + 1) p_(j)): bounds the chance of even one false rejection.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = _checked(p)
    order = np.argsort(p)
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    result = np.empty_like(adjusted)
    result[order] = np.minimum(adjusted, 1)
    return result


def holm_rejections(p: ArrayLike, level: float = 0.95) -> tuple[Floats, NDArray[np.bool_]]:
    """`holm`, and which hypotheses it rejects, so that all rejections hold at once at `level`.

    >>> adjusted, rejected = holm_rejections([0.01, 0.04, 0.03])
    >>> rejected
    array([ True, False, False])
    """
    if np.size(p) == 0:
        return np.zeros(0), np.zeros(0, dtype=bool)
    adjusted = holm(p)
    return adjusted, adjusted <= 1 - level + 1e-12


def _checked(p: ArrayLike) -> Floats:
    values = base.finite(p, "p")
    if values.min() < 0 or values.max() > 1:
        raise InputError(f"p-values lie between 0 and 1; {values.min():g} to {values.max():g} given")
    return values
