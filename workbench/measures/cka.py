"""Centred kernel alignment (linear, debiased, Gaussian, in batches), its Gram matrices, and layer grids."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.types import Progress, as_tensor, silent
from workbench.measures.base import Metric, check_rows, check_variation

# Shared by the CKA family: Gram matrices, centred, and the angle between two of them.


Rows = Float[Tensor, "sent d"]
Gram = Float[Tensor, "sent sent"]

BLOCK = 512
"""Rows of a Gram matrix that are computed at once, left of the diagonal only."""


def scaled(X: Rows) -> Rows:
    """(X − x̄) / max |x_ij − x̄_j|, so that float64 squares of float32 extremes stay in range.

    Exactly 0 where all rows are equal.
    """
    # In place throughout: at these sizes, fresh memory costs more than the arithmetic.
    X = X.to(torch.float64, copy=True)
    X -= X[0].clone()
    X -= X.mean(0)
    low, high = X.aminmax()
    return X.div_(torch.maximum(-low, high).clamp(min=torch.finfo(torch.float64).tiny))


def inner_products(X: Rows) -> Gram:
    """X Xᵀ, at little more than half the multiplications: what lies right of the diagonal is mirrored."""
    n = len(X)
    if n <= BLOCK:
        return X @ X.mT
    K = X.new_empty(n, n)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        K[start:stop, :stop] = X[start:stop] @ X[:stop].mT
        K[:start, start:stop] = K[start:stop, :start].mT
    return K


def linear_gram(X: Rows) -> Gram:
    """(X − x̄)(X − x̄)ᵀ up to a factor: centred, since its rows are."""
    return inner_products(scaled(X))


def rbf_gram(X: Rows, fraction: float = 1.0) -> Gram:
    """exp(−‖x_i − x_j‖² / 2σ²), σ = fraction · the median of the distances that are not 0.

    Distances of 0 are left out, so that duplicate rows do not make σ vanish. Not centred.
    """
    if not fraction > 0:
        raise InputError(f"fraction, {fraction}, is of the median distance: give more than 0")
    squares = squared_distances(scaled(X))
    apart = condensed(squares)
    apart = apart[apart > 0]
    if not len(apart):
        raise InputError(UNDEFINED)
    width = fraction**2 * apart.median()
    return (squares / (-2 * width)).exp_()


def squared_distances(X: Rows) -> Gram:
    """‖x_i − x_j‖² of rows that are centred; exactly 0 where rounding is all that is left."""
    K = inner_products(X)
    squares = K.diagonal()
    distances = squares[:, None] + squares[None, :] - 2 * K
    rounding = 16 * torch.finfo(K.dtype).eps * (squares[:, None] + squares[None, :])
    return torch.where(distances > rounding, distances, 0.0)


def condensed(D: Gram) -> Float[Tensor, " pair"]:
    """The entries right of the diagonal, one for each pair of rows."""
    n = len(D)
    row, column = torch.triu_indices(n, n, offset=1, device=D.device)
    return D[row, column]


def h_centered(K: Gram) -> Gram:
    """H K H with H = I − 1/n: rows and columns of mean 0."""
    row = K.mean(1)
    return K - row[:, None] - row[None, :] + row.mean()


def u_centered(K: Gram) -> Gram:
    """k_ij − k_i·/(n−2) − k_·j/(n−2) + k_··/((n−1)(n−2)) off the diagonal, 0 on it (Székely & Rizzo 2014).

    The diagonal, where a sentence meets itself, is what makes the biased form large.
    """
    return u_center_(K.clone())


def u_center_(K: Gram) -> Gram:
    """`u_centered` in place, as its name says."""
    n = len(K)
    K.fill_diagonal_(0)
    before = K.norm()
    row = K.sum(1) / (n - 2)
    K -= row[:, None]
    K -= row - row.sum() / (n - 1)
    K.fill_diagonal_(0)
    # What is nothing but rounding would correlate with itself.
    return K.zero_() if K.norm() <= 1e-12 * before else K


def angle(K: Gram, L: Gram) -> float:
    """⟨K, L⟩ / (‖K‖ ‖L‖)."""
    norms = K.norm() * L.norm()
    if norms == 0:
        raise InputError(UNDEFINED)
    return float((K * L).sum() / norms)


def angle_shares(K: Gram, L: Gram) -> Float[Tensor, " sent"]:
    """n Σ_j k_ij l_ij / (‖K‖ ‖L‖) for each i: what sentence i adds to `angle`, which is their mean.

    Large where i's similarities to all others are alike in both languages; a sentence far from the mean
    weighs more, as it does in the angle.
    """
    norms = K.norm() * L.norm()
    if norms == 0:
        raise InputError(UNDEFINED)
    return len(K) * (K * L).sum(1) / norms


UNDEFINED = (
    "CKA is not defined for these rows: at most one of them differs from the others, or all are equally "
    "far apart"
)


# Linear centred kernel alignment: how far two sets of states arrange the same sentences alike.
#
# With fewer sentences than dimensions the biased form approaches 1 for unrelated data; the debiased form
# does not, and is the one to read.


def linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K, L⟩ / (‖K‖ ‖L‖) with K, L the Gram matrices of centred rows (Kornblith et al. 2019)."""
    X, Y = _check(X, Y, at_least=2)
    return angle(linear_gram(X), linear_gram(Y))


def linear_cka_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n Σ_j k_ij l_ij / (‖K‖ ‖L‖): what each sentence adds to `linear_cka`, itself (j = i) included."""
    X, Y = _check(X, Y, at_least=2)
    return angle_shares(linear_gram(X), linear_gram(Y))


def debiased_linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K°, L°⟩ / (‖K°‖ ‖L°‖) with K°, L° the U-centred Gram matrices (Song et al. 2012).

    ⟨K°, L°⟩ / n(n−3) is the unbiased estimate of HSIC, so the value is about 0 for unrelated rows, and
    may fall a little below.
    """
    X, Y = _check(X, Y, at_least=4)
    return angle(debiased_gram(X), debiased_gram(Y))


def debiased_linear_cka_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n Σ_j k°_ij l°_ij / (‖K°‖ ‖L°‖): what each sentence adds to `debiased_linear_cka`."""
    X, Y = _check(X, Y, at_least=4)
    return angle_shares(debiased_gram(X), debiased_gram(Y))


def debiased_gram(X: Rows) -> Gram:
    """K°, the U-centred Gram matrix of centred rows."""
    return u_center_(linear_gram(X))


def _check(X: Tensor, Y: Tensor, at_least: int) -> tuple[Tensor, Tensor]:
    X, Y = check_rows("CKA", X, Y, at_least)
    check_variation("CKA", X, Y)
    return X, Y


# CKA with a Gaussian kernel: arrangement judged by who is near whom, rather than by all distances alike.


def rbf_cka(X: Rows, Y: Float[Tensor, "sent d_other"], fraction: float = 1.0, debiased: bool = True) -> float:
    """⟨K°, L°⟩ / (‖K°‖ ‖L°‖), k_ij = exp(−‖x_i − x_j‖² / 2σ²), U-centred (Kornblith et al. 2019).

    σ is `fraction` times the median distance between rows that differ. `debiased=False` centres the
    kernels by H K H, as printed there: near 1 for unrelated rows when dimensions outnumber sentences.
    """
    X, Y = check_rows("CKA", X, Y, at_least=4)
    check_variation("CKA", X, Y)
    center = u_center_ if debiased else h_centered
    return angle(center(rbf_gram(X, fraction)), center(rbf_gram(Y, fraction)))


def rbf_cka_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n Σ_j k°_ij l°_ij / (‖K°‖ ‖L°‖): what each sentence adds to `rbf_cka` as it is by default."""
    X, Y = check_rows("CKA", X, Y, at_least=4)
    check_variation("CKA", X, Y)
    return angle_shares(centered_rbf_gram(X), centered_rbf_gram(Y))


def centered_rbf_gram(X: Rows) -> Gram:
    """K° of `rbf_cka` as it is by default."""
    return u_center_(rbf_gram(X))


# What a CKA makes of one side alone: the centred Gram matrix of which it then takes the angle.
#
# Grids and permutations take the angle of many such matrices, and compute each of them once.


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
        X, _ = check_rows("CKA", X, X, at_least)
        check_variation("CKA", X, X)
        K = center(X)
        norm = K.norm()
        if norm == 0:
            raise InputError(UNDEFINED)
        return K.div_(norm)

    return normalized


# Layer × layer grids: every layer of one language against every layer of the same or another.


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
    source = [as_tensor(layer) for layer in source]
    target = None if target is None else [as_tensor(layer) for layer in target]
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
