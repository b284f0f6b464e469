"""Whether a similarity is more than chance: the same measure with the sentences of one side shuffled."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.base import Metric, check_rows
from workbench.measure.gram import Rows
from workbench.measure.kernels import Similarity, function_of, kernel_of
from workbench.progress import Progress, silent


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
    check_rows("a permutation null", X, Y, at_least=2)
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
