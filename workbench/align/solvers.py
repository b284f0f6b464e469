"""The linear algebra of the maps: spectra, least squares, ridge and its leave-one-out errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.numbers import as_tensor

SAFE = 1e-8
"""Squared singular values down to this share of the largest are taken from the Gram matrix.

Squaring leaves the smallest of them about 8 digits, more than states captured in float32 have of it.
"""
TINY = 1e-16
BLOCK = 160
"""Columns of a triangular matrix that are multiplied at once."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """X = U S Vᵀ over the directions that count, the largest first."""

    U: Float[Tensor, "sent rank"]
    S: Float[Tensor, " rank"]
    V: Float[Tensor, "d rank"]
    complete: bool
    """Whether U spans all rows (all that sum to 0, when centred): nothing of any Y is then left out."""


def spectrum(X: Float[Tensor, "sent d"], centered: bool = False, floor: float = 0.0) -> Spectrum:
    """U, S and V of a float64 matrix; `centered` says that its columns sum to 0.

    From the eigenvectors of X Xᵀ or Xᵀ X, whichever is smaller; from LAPACK's SVD where a squared singular
    value is below `SAFE` of the largest, without values up to max(sent, d) · ε of it. Where only S² + λ with
    λ ≥ `floor` is used, a wide X needs no SVD and keeps all; V's columns of tiny S may be shorter than 1.
    """
    rows = _reflect(X)[1:] if centered else X
    wide = rows.shape[0] < rows.shape[1]
    if 0 in rows.shape or not rows.any():
        return Spectrum(X.new_zeros(len(X), 0), X.new_zeros(0), X.new_zeros(X.shape[1], 0), complete=False)
    squares, vectors = torch.linalg.eigh(rows @ rows.mT if wide else rows.mT @ rows)
    squares, vectors = squares.flip(0), vectors.flip(1)
    if squares[-1] > SAFE * squares[0] or (wide and floor > SAFE * squares[0]):
        S = squares.clamp(min=TINY * squares[0]).sqrt()
        U, V = (vectors, rows.mT @ (vectors / S)) if wide else (rows @ (vectors / S), vectors)
    else:
        U, S, Vh = torch.linalg.svd(rows, full_matrices=False)
        rank = int((max(X.shape) * torch.finfo(X.dtype).eps * S[0] < S).sum())
        U, S, V = U[:, :rank], S[:rank], Vh[:rank].mT
    if centered:
        U = _reflect(torch.cat([U.new_zeros(1, len(S)), U]))
    return Spectrum(U, S, V, complete=len(S) == len(rows))


def leading(C: Float[Tensor, "m d"], k: int) -> Float[Tensor, "d k"]:
    """The right singular vectors of the k largest singular values (fewer, where C has a lower rank)."""
    wide = C.shape[0] < C.shape[1]
    squares, vectors = torch.linalg.eigh(C @ C.mT if wide else C.mT @ C)
    tolerance = max(C.shape) * torch.finfo(C.dtype).eps * squares.max() if len(squares) else 0
    kept = vectors.flip(1)[:, : min(k, int((squares > tolerance).sum()))]
    # Householder makes them orthonormal to the last digit, also those of small singular values.
    return torch.linalg.qr(C.mT @ kept)[0] if wide else kept


def _reflect(rows: Float[Tensor, "sent k"]) -> Float[Tensor, "sent k"]:
    """Swap the directions (1, …, 1)/√n and (1, 0, …): what sums to 0 then has nothing in its first row."""
    axis = rows.new_full((len(rows),), len(rows) ** -0.5)
    axis[0] -= 1
    length = axis.square().sum()
    return rows - axis[:, None] * (2 / length * (axis @ rows)) if length > 0 else rows


def split_mean(X: Float[Tensor, "sent d"], center: bool = True) -> tuple[Tensor, Tensor]:
    """x̄ and X − x̄ in float64; without `center`, X as it is."""
    X = X.double()
    return row_mean(X), centered(X) if center else X


def row_mean(X: Float[Tensor, "sent d"]) -> Float[Tensor, " d"]:
    """x̄, exactly the row where all rows are equal."""
    return X[0] + (X - X[0]).mean(0)


def centered(X: Float[Tensor, "sent d"]) -> Float[Tensor, "sent d"]:
    """X − x̄, exactly 0 where all rows are equal: rounding would else look like variation."""
    X = X - X[0]
    return X - X.mean(0)


PENALTIES = (1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 0.1, 0.316, 1.0, 3.16, 10.0, 31.6, 100.0)
"""Strengths relative to the mean squared singular value of X, two per decade."""


@dataclass(frozen=True, eq=False)
class Solution:
    """W = left · right and b, with what says how far to trust them."""

    left: Float[Tensor, "d_source rank"]
    right: Float[Tensor, "rank d_target"]
    bias: Float[Tensor, " d_target"] | None
    gains: Float[Tensor, " rank"]
    """√(s² + λ) of each direction in `left`: the singular values of X, or of [X; √λ I] there."""
    rank: int
    """How many directions X has, up to rounding."""
    condition: float
    """Largest over smallest singular value of X, or of [X; √λ I] over the directions X could have had;
    infinite when nothing counts."""


@dataclass(frozen=True, eq=False)
class RidgeSolution(Solution):
    """The strength that was chosen, and what every strength would have cost."""

    penalty: float
    """The chosen strength, relative to the mean squared singular value of X."""
    lambda_: float
    """The same, as it stands in the objective."""
    loo_errors: Float[Tensor, " penalty"]
    """Mean over sentences of ‖y − ŷ‖², each predicted from all the others."""


class LeastSquaresSystem:
    """One X, for any number of Y: `solve_least_squares` with the decomposition done once."""

    def __init__(self, X: Float[Tensor, "sent d_source"], center: bool = False):
        self.center, self.shape = center, X.shape
        self.x_mean, X = split_mean(X, center)
        self.spectrum = spectrum(X, center, self._floor(X))
        self.left = self.spectrum.V.contiguous()  # once for all maps that share it

    def _floor(self, X: Tensor) -> float:
        """The least λ that is added to S²."""
        return 0.0

    def solve(self, Y: Float[Tensor, "sent d_target"]) -> Solution:
        """W = X⁺ Y, of the centred matrices with `center`."""
        x, (y_mean, Y) = self.spectrum, split_mean(Y, self.center)
        right = (x.U.mT @ Y) / x.S[:, None]
        condition = float(x.S[0] / x.S[-1]) if len(x.S) else float("inf")
        return Solution(self.left, right, self._bias(right, y_mean), x.S, len(x.S), condition)

    def _bias(self, right: Tensor, y_mean: Tensor) -> Float[Tensor, " d_target"] | None:
        return y_mean - (self.x_mean @ self.left) @ right if self.center else None


def solve_least_squares(
    X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"], center: bool = False
) -> Solution:
    """W = X⁺ Y = V S⁻¹ Uᵀ Y: of all W that minimise ‖X W − Y‖², the one with the smallest ‖W‖.

    With fewer sentences than dimensions it passes through every pair: judge it on rows it has not seen.
    """
    return LeastSquaresSystem(X, center).solve(Y)


class RidgeSystem(LeastSquaresSystem):
    """One X and one grid of strengths, for any number of Y: `solve_ridge` with one decomposition."""

    def __init__(
        self, X: Float[Tensor, "sent d_source"], penalties: Float[Tensor, " penalty"], center: bool = True
    ):
        self.penalties = penalties.to(X.device, torch.float64)
        super().__init__(X, center)

    def _floor(self, X: Tensor) -> float:
        self.lambdas = self.penalties * X.square().sum() / min(X.shape)
        return float(self.lambdas.min())

    def solve(self, Y: Float[Tensor, "sent d_target"]) -> RidgeSolution:
        """The map to one target, at its own best strength."""
        x, (y_mean, Y) = self.spectrum, split_mean(Y, self.center)
        reached = x.U.mT @ Y
        errors = _leave_one_out(x, Y, reached, self.lambdas, 1 / len(Y) if self.center else 0.0)
        # Equal errors (as of two sentences, whatever λ) differ by rounding, which must not choose.
        penalty = self.penalties[errors <= errors.min() * (1 + 1e-9)].max()
        chosen = self.lambdas[self.penalties == penalty][0]
        right = (x.S / (x.S.square() + chosen))[:, None] * reached
        gains = (x.S.square() + chosen).sqrt()
        rounding = max(self.shape) * torch.finfo(gains.dtype).eps
        rank = int((x.S.square() > rounding * x.S[:1].square()).sum())
        possible = min(self.shape[0] - self.center, self.shape[1])
        least = gains[-1] if len(gains) == possible > 0 else chosen.sqrt()
        condition = float(gains[0] / least) if len(gains) else float("inf")
        bias = self._bias(right, y_mean)
        return RidgeSolution(
            self.left, right, bias, gains, rank, condition, float(penalty), float(chosen), errors
        )


def solve_ridge(
    X: Float[Tensor, "sent d_source"],
    Y: Float[Tensor, "sent d_target"],
    penalties: Float[Tensor, " penalty"],
    center: bool = True,
) -> RidgeSolution:
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖², λ = penalty · ‖X‖² / min(sent, d) of least leave-one-out error.

    With `center`, b is free and X in λ is centred; without, b = 0. W = V S (S² + λ)⁻¹ Uᵀ Y. Of equally good
    strengths the largest is taken; where no column of X varies, W = 0.
    """
    return RidgeSystem(X, penalties, center).solve(Y)


def _leave_one_out(
    x: Spectrum,
    Y: Float[Tensor, "sent d_target"],
    reached: Float[Tensor, "rank d_target"],
    lambdas: Float[Tensor, " penalty"],
    leverage_of_mean: float,
) -> Float[Tensor, " penalty"]:
    """Mean of ‖e_i‖² / (1 − h_i)² for each λ: e the residuals, h_i = 1/n + Σ_k u_ik² s_k² / (s_k² + λ)."""
    if x.complete and len(x.S) < Y.shape[1]:
        # U reaches all of Y, so that e = U diag(shrunk) Uᵀ Y: at the cost of rank³ each.
        gram = reached @ reached.mT

        def residuals(shrunk: Tensor) -> Tensor:
            scaled = x.U * shrunk
            return ((scaled @ gram) * scaled).sum(1).clamp(min=0)
    else:
        # A rotation of Y's columns changes no ‖e_i‖: in these axes only the first `rank` depend on λ.
        rest = Y - x.U @ reached
        axes, upper = torch.linalg.qr(reached.mT)
        inside = rest @ axes
        lower = upper.mT.contiguous()
        outside = (rest.square().sum(1) - inside.square().sum(1)).clamp(min=0)

        def residuals(shrunk: Tensor) -> Tensor:
            rows = x.U * shrunk
            sums = outside
            for start in range(0, lower.shape[1], BLOCK):
                part = slice(start, start + BLOCK)  # above it `lower` is 0
                sums = sums + torch.addmm(inside[:, part], rows[:, start:], lower[start:, part]).square().sum(
                    1
                )
            return sums

    # 1 − h_i as a sum of what is not negative, since the difference loses its digits when h_i is near 1.
    free = (1 - leverage_of_mean - x.U.square().sum(1)).clamp(min=0)
    shrunk = lambdas / (x.S.square()[:, None] + lambdas)
    kept = free[:, None] + x.U.square() @ shrunk
    return (torch.stack([residuals(column) for column in shrunk.mT], 1) / kept.square()).mean(0)


def penalty_grid(penalties: float | Sequence[float]) -> Float[Tensor, " penalty"]:
    """Strengths to choose from, or why they are none."""
    try:
        grid = torch.as_tensor(penalties, dtype=torch.float64).flatten()
    except (TypeError, ValueError, RuntimeError):
        grid = torch.empty(0)
    if len(grid) == 0 or not (torch.isfinite(grid) & (grid > 0)).all():
        raise InputError(
            f"penalties must be a number above 0 or several, but {penalties!r} was given; "
            "LeastSquares has no penalty"
        )
    return grid


def r_squared(Y: Float[Tensor, "sent d"], predicted: Float[Tensor, "sent d"]) -> float:
    """1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over all dimensions, ȳ the mean of these rows; NaN if all are equal."""
    Y, predicted = as_tensor(Y, "Y").double(), as_tensor(predicted, "predicted").double()
    total = (Y - Y.mean(0)).square().sum()
    return float(1 - (Y - predicted).square().sum() / total) if total > 0 else float("nan")


Canonical = tuple[Float[Tensor, "d_source k"], Float[Tensor, " k"], Float[Tensor, "k d_target"]]
"""Centred source row → canonical coordinates; their correlations; coordinates → centred target row."""


def canonical(x: Spectrum, y: Spectrum, k: int, x_lambda: float = 0.0, y_lambda: float = 0.0) -> Canonical:
    """left, ρ and right of the k leading canonical directions, the strongest first.

    With X_w = X V_x (S_x² + λ_x)^(−½), Y_w alike and X_wᵀ Y_w = P diag(ρ) Qᵀ, left = V_x (S_x² + λ_x)^(−½) P
    and right = Qᵀ (S_y² + λ_y)^(½) V_yᵀ. left · diag(ρ) · right over all directions is ridge of strength λ_x.
    """
    x_size, y_size = (x.S.square() + x_lambda).sqrt(), (y.S.square() + y_lambda).sqrt()
    core = (x.S / x_size)[:, None] * (x.U.mT @ y.U) * (y.S / y_size)
    P, rho, Qh = torch.linalg.svd(core, full_matrices=False)
    count = min(k, int((rho > max(core.shape) * torch.finfo(rho.dtype).eps).sum()))
    return (x.V / x_size) @ P[:, :count], rho[:count].clamp(max=1), (Qh[:count] * y_size) @ y.V.mT


def relative(penalty: float, X: Float[Tensor, "sent d"]) -> float:
    """λ of a strength in units of ‖X‖² / min(sent, d), or why it is none."""
    number = isinstance(penalty, int | float) and not isinstance(penalty, bool)
    if not number or not isfinite(penalty) or penalty <= 0:
        raise InputError(f"penalty must be a number above 0, but {penalty!r} was given")
    return float(penalty * X.square().sum() / min(X.shape))


def check_count(name: str, count: int) -> None:
    """Refuse a number of directions that is none."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InputError(f"{name} must be a whole number, at least 1, but {count!r} was given")


RANK = 1e-4
"""Directions in which groups spread less than this share of the most are left out: little is known there."""


def discriminant_directions(groups: Sequence[Float[Tensor, "_ d"]]) -> Float[Tensor, "d k"]:
    """argmax_S tr((Sᵀ W S)⁻¹ Sᵀ B S): linear discriminant analysis, at most one direction fewer than groups.

    W is the scatter within groups, B that between their means, each group weighted by its rows.
    """
    if len(groups) < 2:
        raise InputError(f"directions that tell groups apart need two groups; {len(groups)} given")
    rows = [group.double() for group in groups]
    means = torch.stack([group.mean(0) for group in rows])
    counts = torch.tensor([len(group) for group in rows], dtype=torch.float64, device=means.device)
    within = torch.cat([group - mean for group, mean in zip(rows, means, strict=True)])
    _, D, Vh = torch.linalg.svd(within / (counts.sum() - len(rows)).sqrt(), full_matrices=False)
    known = RANK * D[:1] < D
    whiten = Vh[known].mT / D[known]
    overall = (counts[:, None] * means).sum(0) / counts.sum()
    between = counts.sqrt()[:, None] * (means - overall) @ whiten
    _, E, Qh = torch.linalg.svd(between, full_matrices=False)
    return whiten @ Qh[(RANK * E[:1] < E).nonzero()[:, 0][: len(rows) - 1]].mT
