"""Layer × layer grids: every layer of one language against every layer of the same or another."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.kernels import Similarity, function_of, kernel_of
from workbench.progress import Progress, silent

Layers = Float[Tensor, "layer sent d"] | Sequence[Float[Tensor, "sent d"]]

GRAM_BYTES = 2 * 1024**3
"""Memory for the source's Gram matrices. More layers and sentences go in several turns, and only then is a
target's Gram matrix computed more than once."""


def grid(
    metric: Similarity, source: Layers, target: Layers | None = None, progress: Progress = silent
) -> Float[Tensor, "layer_source layer_target"]:
    """g_ij = metric(source_i, target_j), float64 on the CPU; without a target, the source against itself.

    For CKA (linear, debiased, RBF) each layer's centred Gram matrix is computed once, and a row or column
    of the grid is one product with the stack of them; other measures are taken pair by pair.
    """
    if not len(source) or (target is not None and not len(target)):
        raise InputError("a grid needs at least one layer on each side")
    kernel = kernel_of(metric)
    if kernel is not None:
        return _by_gram(kernel, source, target, progress)
    function, others = function_of(metric), source if target is None else target
    total = len(source) * len(others)
    found = torch.zeros(total, dtype=torch.float64)
    for cell in range(total):
        found[cell] = function(source[cell // len(others)], others[cell % len(others)])
        progress("grid", cell + 1, total)
    return found.view(len(source), len(others))


def _by_gram(
    kernel: Callable[[Tensor], Tensor], source: Layers, target: Layers | None, progress: Progress
) -> Tensor:
    others = source if target is None else target
    n = len(source[0])
    if any(len(layer) != n for layer in (*source, *others)):
        raise InputError("a grid needs the same sentences at every layer of both sides")
    turn = max(1, GRAM_BYTES // (8 * n * n))
    turns = -(-len(source) // turn)
    found = torch.zeros(len(source), len(others), dtype=torch.float64)
    total, done = len(source) + turns * len(others), 0
    for start in range(0, len(source), turn):
        part = range(start, min(start + turn, len(source)))
        stack = source[0].new_empty(len(part), n * n, dtype=torch.float64)
        for layer in part:
            stack[layer - start] = kernel(source[layer]).flatten()
            progress("grid", done := done + 1, total)
        for layer in range(len(others)):
            own = target is None and layer in part
            column = stack[layer - start] if own else kernel(others[layer]).flatten().to(stack)
            found[start : part.stop, layer] = (stack @ column).cpu()
            progress("grid", done := done + 1, total)
    return found
