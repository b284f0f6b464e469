"""What a CKA makes of one side alone: the centred Gram matrix of which it then takes the angle.

Grids and permutations take the angle of many such matrices, and compute each of them once.
"""

from collections.abc import Callable

from torch import Tensor

from workbench.errors import InputError
from workbench.measure.base import Metric, check_rows, check_variation
from workbench.measure.cka import debiased_gram, debiased_linear_cka, linear_cka
from workbench.measure.gram import UNDEFINED, Gram, linear_gram
from workbench.measure.rbf_cka import centered_rbf_gram, rbf_cka

Similarity = Metric | Callable[[Tensor, Tensor], float]
"""A metric, or a function of two sides' rows."""


_KERNELS: dict[Callable[..., float], tuple[Callable[[Tensor], Tensor], int]] = {
    linear_cka: (linear_gram, 2),
    debiased_linear_cka: (debiased_gram, 4),
    rbf_cka: (centered_rbf_gram, 4),
}
"""The centred Gram matrix, and how many sentences it needs."""


def function_of(metric: Similarity) -> Callable[[Tensor, Tensor], float]:
    """The function of a metric; a function as it is."""
    return metric.function if isinstance(metric, Metric) else metric


def kernel_of(metric: Similarity) -> Callable[[Tensor], Gram] | None:
    """X → K / ‖K‖ when the metric is ⟨K, L⟩ / (‖K‖ ‖L‖) of centred Gram matrices, else None."""
    found = _KERNELS.get(function_of(metric))
    if found is None:
        return None
    center, at_least = found

    def normalized(X: Tensor) -> Tensor:
        check_rows("CKA", X, X, at_least)
        check_variation("CKA", X, X)
        K = center(X)
        norm = K.norm()
        if norm == 0:
            raise InputError(UNDEFINED)
        return K.div_(norm)

    return normalized
