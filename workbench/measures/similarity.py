"""Similarity of whole spaces: CKA, canonical correlations, Procrustes distance, RSA; layer grids, chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.numbers import as_tensor
from workbench.core.types import Progress, silent
from workbench.measures.base import Metric, PerSentence, Rows, Sides, check_rows, standardized
from workbench.measures.neighbours import unit

# Shared by the CKA family: Gram matrices, centred, and the angle between two of them.


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


def gaussian(squares: Gram, fraction: float = 1.0) -> Gram:
    """exp(−‖x_i − x_j‖² / 2σ²), σ = fraction · the median of the distances that are not 0.

    Distances of 0 are left out, so that duplicate rows do not make σ vanish. Not centred.
    """
    if not fraction > 0:
        raise InputError(f"fraction, {fraction}, is of the median distance: give more than 0")
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
    row, column = torch.triu_indices(len(D), len(D), offset=1, device=D.device)
    return D[row, column]


def h_centered(K: Gram) -> Gram:
    """H K H with H = I − 1/n: rows and columns of mean 0."""
    row = K.mean(1)
    return K - row[:, None] - row[None, :] + row.mean()


def u_center_(K: Gram) -> Gram:
    """k_ij − k_i·/(n−2) − k_·j/(n−2) + k_··/((n−1)(n−2)) off the diagonal, 0 on it (Székely & Rizzo 2014).

    In place. The diagonal, where a sentence meets itself, is what makes the biased form large.
    """
    n = len(K)
    K.fill_diagonal_(0)
    before = K.norm()
    row = K.sum(1) / (n - 2)
    K -= row[:, None]
    K -= row - row.sum() / (n - 1)
    K.fill_diagonal_(0)
    # What is nothing but rounding would correlate with itself.
    return K.zero_() if K.norm() <= 1e-12 * before else K


UNDEFINED = (
    "CKA is not defined for these rows: at most one of them differs from the others, or all are equally "
    "far apart"
)


# Centred kernel alignment: how far two sets of states arrange the same sentences alike.
#
# With fewer sentences than dimensions the biased linear form approaches 1 for unrelated data: read the
# debiased one. A Gaussian kernel judges by who is near whom, rather than by all distances alike.


def linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K, L⟩ / (‖K‖ ‖L‖) with K, L the Gram matrices of centred rows (Kornblith et al. 2019)."""
    return CKA[linear_cka].value(X, Y)


def debiased_linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K°, L°⟩ / (‖K°‖ ‖L°‖) with K°, L° the U-centred Gram matrices (Song et al. 2012).

    ⟨K°, L°⟩ / n(n−3) is the unbiased estimate of HSIC, so the value is about 0 for unrelated rows, and
    may fall a little below.
    """
    return CKA[debiased_linear_cka].value(X, Y)


def rbf_cka(X: Rows, Y: Float[Tensor, "sent d_other"], fraction: float = 1.0, debiased: bool = True) -> float:
    """⟨K°, L°⟩ / (‖K°‖ ‖L°‖), k_ij = exp(−‖x_i − x_j‖² / 2σ²), U-centred (Kornblith et al. 2019).

    σ is `fraction` times the median distance between rows that differ. `debiased=False` centres the
    kernels by H K H, as printed there: near 1 for unrelated rows when dimensions outnumber sentences.
    """
    center = u_center_ if debiased else h_centered
    return replace(CKA[rbf_cka], prepare=lambda D: center(gaussian(D, fraction))).value(X, Y)


def scaled_distances(X: Rows) -> Gram:
    """‖x_i − x_j‖², of `scaled` rows."""
    return squared_distances(scaled(X))


def _angle(K: Gram, L: Gram) -> Float[Tensor, ""]:
    return _products(K, L).sum()


def _products(K: Gram, L: Gram) -> Gram:
    """k_ij l_ij / (‖K‖ ‖L‖)."""
    norms = K.norm() * L.norm()
    if norms == 0:
        raise InputError(UNDEFINED)
    return K * L / norms


# What a CKA makes of one side alone: the centred Gram matrix of which it then takes the angle.
#
# Grids and permutations take the angle of many such matrices, and compute each of them once.


Similarity = Metric | Callable[[Tensor, Tensor], float]
"""A metric, or a function of two sides' rows."""


CKA: dict[Callable[..., float], Sides] = {
    linear_cka: Sides("CKA", 2, linear_gram, h_centered, _angle),
    debiased_linear_cka: Sides("CKA", 4, linear_gram, u_center_, _angle),
    rbf_cka: Sides("CKA", 4, scaled_distances, lambda D: u_center_(gaussian(D)), _angle),
}


def cka_shares(cka: Callable[..., float], X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """n Σ_j k_ij l_ij / (‖K‖ ‖L‖) for each i: what sentence i adds to a CKA, which is their mean.

    Large where i's similarities to all others are alike in both languages; a sentence far from the mean
    weighs more, as it does in the angle.
    """
    K, L = CKA[cka].prepared(X, Y)
    return len(K) * _products(K, L).sum(1)


def kernel_of(metric: Similarity) -> Callable[[Tensor], Gram] | None:
    """X → K / ‖K‖ when the metric is ⟨K, L⟩ / (‖K‖ ‖L‖) of centred Gram matrices, else None."""
    cka = CKA.get(getattr(metric, "function", metric))
    if cka is None:
        return None

    def normalized(X: Tensor) -> Tensor:
        K = cka.prepare(cka.side(cka.check(X, X)[0]))
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
    pairs = list(product(source, source if target is None else target))
    values = torch.zeros(len(pairs), dtype=torch.float64)
    for cell, (X, Y) in enumerate(pairs):
        values[cell] = metric(X, Y)
        progress("grid", cell + 1, len(pairs))
    return values.view(len(source), -1)


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


# Whether a similarity is more than chance: the same measure with the sentences of one side shuffled.


@dataclass(frozen=True, eq=False)
class PermutationNull:
    """A value, and what the measure gives when rows are matched at random."""

    value: float
    null: Float[Tensor, " draw"]
    p: float
    """(1 + draws as good as the value) / (1 + draws): never 0."""


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

    For CKA the Gram matrices are computed once. Sentences must be exchangeable: rows of one document are
    not, and their p is too small. Of a bare function higher is better, unless told.
    """
    if draws < 1:
        raise InputError(f"draws, {draws}, is a number of permutations: give at least 1")
    X, Y = check_rows("a permutation null", X, Y, at_least=2)
    if higher_is_better is None:
        higher_is_better = metric.higher_is_better if isinstance(metric, Metric) else True
    value_of = _permuted(metric, X, Y)
    generator = torch.Generator().manual_seed(seed)
    value = value_of(torch.arange(len(Y), device=Y.device))
    null = torch.zeros(draws, dtype=torch.float64)
    for draw in range(draws):
        null[draw] = value_of(torch.randperm(len(Y), generator=generator).to(Y.device))
        progress("permutations", draw + 1, draws)
    gap = (null - value) if higher_is_better else (value - null)
    return PermutationNull(value, null, (1 + int((gap >= -1e-12).sum())) / (1 + draws))


def _permuted(metric: Similarity, X: Tensor, Y: Tensor) -> Callable[[Tensor], float]:
    kernel = kernel_of(metric)
    if kernel is None:
        value = (metric if isinstance(metric, Metric) else Metric("", metric)).among(X, Y)
        rows = torch.arange(len(X), device=X.device)
        return lambda order: value(rows, order)
    K, L = kernel(X), kernel(Y)
    return lambda order: float((K * L[order][:, order]).sum())


# Canonical correlations: which directions of two sets of states carry the same signal, however mixed.


def svcca(X: Rows, Y: Float[Tensor, "sent d_other"], variance: float = 0.99) -> float:
    """Mean of ρ_1 … ρ_c between the principal components of `variance` of X and of Y (Raghu et al. 2017).

    ρ are the singular values of U_Xᵀ U_Y, with U the kept left singular vectors of the centred rows, and c
    the number kept on the narrower side. Refused where so many are kept that some ρ are 1 by counting.
    """
    return float(_canonical(X, Y, variance)[0].mean())


def pwcca(X: Rows, Y: Float[Tensor, "sent d_other"], variance: float = 1.0) -> float:
    """Σ α_i ρ_i / Σ α_i, α_i = Σ_j |⟨h_i, x_j⟩|, h_i X's canonical variates, x_j its columns.

    Morcos et al. 2018. ρ as in `svcca`, by default of all directions, weighted by X's dimensions: X and Y
    do not play the same part, and a rotation of X matters. Refused as `svcca` is.
    """
    rho, alpha, _ = _canonical(X, Y, variance)
    return float((alpha * rho).sum() / alpha.sum())


def svcca_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """n/c Σ_k h_ik g_ik for each i, h_k and g_k the canonical variates: what sentence i adds to `svcca`."""
    return len(X) * _canonical(X, Y, 0.99)[2].mean(1)


def pwcca_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """n Σ_k α_k h_ik g_ik / Σ α for each i: what sentence i adds to `pwcca`."""
    _, alpha, products = _canonical(X, Y, 1.0)
    return len(X) * products @ (alpha / alpha.sum())


def _canonical(X: Tensor, Y: Tensor, variance: float) -> tuple[Tensor, Tensor, Float[Tensor, "sent c"]]:
    """ρ, α and the products h_ik g_ik of the variates."""
    if not 0 < variance <= 1:
        raise InputError(f"variance, {variance}, is the share to keep: give more than 0 and at most 1")
    X, Y = check_rows("CCA", X, Y, at_least=4, varied=True)
    (U, S, Vh), (other, _, _) = _principal(X, variance), _principal(Y, variance)
    kept = U.shape[1], other.shape[1]
    if sum(kept) > len(X) - 1:  # what centred rows have
        raise InputError(
            f"{kept[0]} and {kept[1]} directions of {len(X)} sentences correlate perfectly whatever "
            f"the states are: give more sentences, or a variance below {variance} to keep fewer"
        )
    left, rho, right = torch.linalg.svd(U.mT @ other, full_matrices=False)
    # H = U A and X = U S Vᵀ, so that Hᵀ X = Aᵀ S Vᵀ.
    alpha = (left.mT @ (S[:, None] * Vh)).abs().sum(1)
    return rho.clamp(max=1), alpha, (U @ left) * (other @ right.mT)


def _principal(X: Tensor, variance: float) -> tuple[Tensor, Tensor, Tensor]:
    X = scaled(X)
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    rank = int((max(X.shape) * torch.finfo(X.dtype).eps * S[0] < S).sum())
    if variance < 1:
        share = S.square().cumsum(0) / S.square().sum()
        rank = min(rank, int((share < variance - 1e-12).sum()) + 1)
    return U[:, :rank], S[:rank], Vh[:rank]


# Procrustes distance: what is left between two sets of states after the best rotation.


def procrustes_distance(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """min over orthogonal R of ‖X̃ − Ỹ R‖² / 2 = 1 − ‖X̃ᵀ Ỹ‖_*, X̃ = (X − x̄) / ‖X − x̄‖ (Ding et al. 2021).

    ‖·‖_* is the sum of singular values. Where widths differ the narrower side is padded with zeros.
    """
    return PROCRUSTES.value(X, Y)


def procrustes_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """1 − n ⟨x̃_i, ỹ_i R⟩ for each i, R the best rotation: their mean is `procrustes_distance`.

    Small where the rotation brings sentence i near to its translation; one far from the mean weighs more.
    """
    one, other = PROCRUSTES.prepared(X, Y)
    U, _, Vh = torch.linalg.svd(one.mT @ other, full_matrices=False)
    return 1 - len(X) * ((one @ U) * (other @ Vh.mT)).sum(1)


def _factor(X: Tensor) -> Float[Tensor, "sent k"]:
    """A with the inner products of X's centred rows, up to a factor: in at most as many columns as rows."""
    X = scaled(X)
    return X if X.shape[1] <= len(X) else torch.linalg.qr(X.mT, mode="r").R.mT


def _unit_norm(A: Tensor) -> Tensor:
    A = A - A.mean(0)
    return A / A.norm()


PROCRUSTES = Sides(
    "Procrustes distance",
    2,
    side=_factor,
    prepare=_unit_norm,
    compare=lambda A, B: (1 - torch.linalg.svdvals(A.mT @ B).sum()).clamp(0, 1),
    pairs=False,
)


# Representational similarity: whether sentences that lie apart in one language lie apart in the other.


DISTANCES = ("cosine", "euclidean")


def rsa(X: Rows, Y: Float[Tensor, "sent d_other"], distance: str = "cosine") -> float:
    """Spearman of d(x_i, x_j) with d(y_i, y_j) over i < j, d = 1 − cos or ‖·‖ (Kriegeskorte et al. 2008)."""
    if distance not in DISTANCES:
        raise InputError(f"unknown distance {distance!r}: give one of {', '.join(DISTANCES)}")
    return RSA[distance].value(X, Y)


def rsa_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """n/2 Σ_j r_ij s_ij for each i, r and s the ranks of all distances, centred and of length 1.

    What the distances of sentence i to all others add to `rsa`, by cosine: each is half i's and half j's.
    """
    one, other = RSA["cosine"].prepared(X, Y)
    n, product = len(X), one * other
    row, column = torch.triu_indices(n, n, offset=1, device=product.device)
    return n / 2 * product.new_zeros(n).index_add(0, row, product).index_add(0, column, product)


def _levels(X: Tensor, distance: str) -> Int[Tensor, "sent sent"]:
    """The distances numbered by size. Those that differ by rounding alone are equal, and share a rank."""
    if distance == "cosine":
        distances, largest = 1 - inner_products(unit(X, "RSA")), 1.0
    else:
        distances = scaled_distances(X)  # the ranks of distances are those of their squares
        largest = float(distances.max())
    return (distances / (largest * 1e-12)).round().unique(return_inverse=True)[1]


def _unit_ranks(levels: Int[Tensor, "sent sent"]) -> Float[Tensor, " pair"]:
    values = condensed(levels)
    if (values == values[0]).all():
        raise InputError("RSA is not defined where all sentences are equally far apart")
    counts = torch.bincount(values)
    return standardized((counts.cumsum(0) - (counts - 1) / 2.0).double()[values])


RSA = {
    distance: Sides(
        "RSA",
        3,
        side=partial(_levels, distance=distance),
        prepare=_unit_ranks,
        compare=lambda one, other: (one * other).sum().clamp(-1, 1),
    )
    for distance in DISTANCES
}
