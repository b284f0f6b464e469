"""Quality of a fitted map, and mismatch between the states it is applied to and fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.solvers import centered, r_squared, row_mean
from workbench.core.errors import InputError
from workbench.measures.base import Rows, check_rows, check_states

# How well mapped states meet the target's, on rows that the map has not seen.


@dataclass(frozen=True)
class FitQuality:
    """Every measure of one map's held-out fit."""

    r2: float
    """0: no better than the target's mean; 1: exact; below 0: worse than the mean."""
    r2_median: float
    """The same of the median dimension: far below `r2`, a few large dimensions carry it."""
    relative_error: float
    cosine: float
    ratio_to_control: float | None
    """Error over that of the best control: below 1, the map does what no control does. None without."""
    best_control: str | None


def fit_quality(Y: Rows, predicted: Rows, controls: Mapping[str, Rows] | None = None) -> FitQuality:
    """All of R² (total, median dimension), relative error, cosine, and the ratio to the best control."""
    controls = controls or {}
    best = min(controls, key=lambda name: relative_error(Y, controls[name]), default=None)
    return FitQuality(
        r2=total_r_squared(Y, predicted),
        r2_median=median_r_squared(Y, predicted),
        relative_error=relative_error(Y, predicted),
        cosine=mean_cosine(Y, predicted),
        ratio_to_control=None if best is None else ratio_to_control(Y, predicted, controls[best]),
        best_control=best,
    )


def total_r_squared(Y: Rows, predicted: Rows) -> float:
    """1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖², over all dimensions together; refused where no row of Y differs."""
    value = r_squared(*_pair(Y, predicted))
    if value != value:
        raise InputError("R² is not defined where all rows of the target are equal")
    return value


def median_r_squared(Y: Rows, predicted: Rows) -> float:
    """Median over k of 1 − Σ(y_k − ŷ_k)² / Σ(y_k − ȳ_k)², of the dimensions that vary."""
    Y, predicted = _pair(Y, predicted)
    total = centered(Y).square().sum(0)
    if not total.any():
        raise InputError("R² is not defined where all rows of the target are equal")
    error = (Y - predicted).square().sum(0)
    return float((1 - error[total > 0] / total[total > 0]).median())


def relative_error(Y: Rows, predicted: Rows) -> float:
    """‖Y − Ŷ‖ / ‖Y‖: 0 is exact, 1 is what predicting zero would cost."""
    Y, predicted = _pair(Y, predicted)
    size = Y.norm()
    if size == 0:
        raise InputError("the relative error is not defined where all of the target is zero")
    return float((Y - predicted).norm() / size)


def mean_cosine(Y: Rows, predicted: Rows) -> float:
    """Mean over i of cos(y_i, ŷ_i), counting 0 where ŷ_i = 0; direction alone, whatever the length."""
    Y, predicted = _pair(Y, predicted)
    if (Y == 0).all(1).any():
        raise InputError("the cosine needs a direction for every target row, but some are zero")
    lengths = Y.norm(dim=1) * predicted.norm(dim=1)
    return float(torch.where(lengths > 0, (Y * predicted).sum(1) / lengths.clamp(min=1e-300), 0.0).mean())


def ratio_to_control(Y: Rows, predicted: Rows, control: Rows) -> float:
    """‖Y − Ŷ‖ / ‖Y − Ŷ_control‖: below 1, better than the control; 1, no better."""
    (Y, predicted), (_, control) = _pair(Y, predicted), _pair(Y, control)
    error = (Y - control).norm()
    if error == 0:
        raise InputError("the control meets the target exactly: no ratio is defined")
    return float((Y - predicted).norm() / error)


def caution(n_fit: int, d: int, regularised: bool) -> str | None:
    """What to know before believing a fit of n sentences in d dimensions; None when there is nothing."""
    if regularised or n_fit >= 2 * d:
        return None
    if n_fit <= d:
        return (
            f"{n_fit} sentences in {d} dimensions: without regularisation the map passes through every "
            "pair, whatever the pairs are; read only held-out rows, or use ridge"
        )
    return (
        f"{n_fit} sentences in {d} dimensions: without regularisation the map is near where its error "
        "explodes (n = d); use ridge, or at least twice as many sentences as dimensions"
    )


def _pair(Y: Tensor, predicted: Tensor) -> tuple[Tensor, Tensor]:
    Y, predicted = check_rows("the fit", Y, predicted, at_least=2, equal_widths=True)
    return Y.double(), predicted.double()


# How far states that a map is applied to lie from those it was fitted on.
#
# Maps are fitted at the ends of sentences and applied at the ends of prompts. What a map does outside of
# where it was fitted is extrapolation.


@dataclass(frozen=True)
class Mismatch:
    """`ratio` is the number to read; the others say of what kind the distance is."""

    ratio: float
    """About 1: like the fitting states; 2: twice as far from their mean as these are, in units of their
    spread in each direction."""
    shift: float
    """‖mean applied − mean fitted‖ / rms distance of the fitting states to their mean."""
    outside: float
    """Share of coordinates below the smallest or above the largest of the fitting states; like states have
    `outside_expected`."""
    outside_expected: float
    shrinkage: float


def mismatch(fitted_on: Float[Tensor, "sent d"], applied_to: Float[Tensor, "prompt d"]) -> Mismatch:
    """ratio = median_j D(a_j) / median_i D₋ᵢ(f_i), D(z)² = (z − f̄)ᵀ Σ⁻¹ (z − f̄) with f̄, Σ of `fitted_on`.

    Σ = (1 − γ) S + γ (tr S / d) I with γ of Ledoit & Wolf (2004). D₋ᵢ leaves f_i out of mean and S, in closed
    form: a state that shaped Σ lies near to it, and new states of the same kind would look far away.
    """
    X, new = _checked(fitted_on, applied_to)
    n, d = X.shape
    X, new = centered(X), new - row_mean(X)
    total = X.square().sum()
    gamma = _ledoit_wolf(X)
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    floor = gamma * total / (n * d)
    inside = new @ Vh.mT
    beyond = (new - inside @ Vh).square().sum(1) if len(S) < d else new.new_zeros(len(new))
    squares = (inside.square() / ((1 - gamma) * S.square() / n + floor)).sum(1) + beyond / floor
    low, high = X.amin(0), X.amax(0)
    # As far as float32 rounds: constant dimensions, and a sentence met in another batch, are no surprise.
    slack = 1e-6 * (1 + torch.maximum(low.abs(), high.abs()))
    return Mismatch(
        ratio=float(squares.sqrt().median() / _left_out(U, S, gamma, floor).sqrt().median()),
        shift=float(new.mean(0).norm() / (total / n).sqrt()),
        outside=float(((new < low - slack) | (new > high + slack)).double().mean()),
        outside_expected=2 / (n + 1),
        shrinkage=gamma,
    )


def _left_out(U: Tensor, S: Tensor, gamma: float, floor: Tensor) -> Tensor:
    """D₋ᵢ(f_i)² = q² h / (1 − a q h), q = n/(n−1), a = (1 − γ)/(n−1), h = f_iᵀ (a Σ f fᵀ + floor I)⁻¹ f_i.

    With i left out Σ f fᵀ loses q f_i f_iᵀ, and the mean moves so that f_i lies q times as far from it.
    """
    n = len(U)
    q, a = n / (n - 1), (1 - gamma) / (n - 1)
    spread = S.square()
    h = (U.square() * (spread / (a * spread + floor))).sum(1)
    return q**2 * h / (1 - a * q * h).clamp(min=torch.finfo(h.dtype).eps)


def _ledoit_wolf(X: Tensor) -> float:
    """γ = min(1, (Σ‖x‖⁴/n − ‖S‖²) / n / (‖S‖² − (tr S)²/d)), by the smaller of the two Gram matrices.

    At least 1e-6, for Σ to have an inverse.
    """
    n, d = X.shape
    gram = (X @ X.mT if n <= d else X.mT @ X) / n
    squared = gram.square().sum()
    noise = (X.square().sum(1).square().mean() - squared) / n
    signal = squared - gram.trace().square() / d
    gamma = float(noise / signal) if signal > 0 else 0.0
    return min(1.0, max(1e-6, gamma))


def _checked(fitted_on: Tensor, applied_to: Tensor) -> tuple[Tensor, Tensor]:
    if fitted_on.ndim != 2 or applied_to.ndim != 2 or fitted_on.shape[1] != applied_to.shape[1]:
        raise InputError(
            f"mismatch needs [sent d] and [prompt d]; {tuple(fitted_on.shape)} and "
            f"{tuple(applied_to.shape)} given"
        )
    if len(fitted_on) < 3 or not len(applied_to):
        raise InputError(
            f"{len(fitted_on)} fitting states and {len(applied_to)} others are too few for a mismatch: "
            "give at least 3 and 1"
        )
    check_states("mismatch", fitted_on, applied_to)
    if (fitted_on == fitted_on[0]).all():
        raise InputError("mismatch is not defined where all fitting states are equal")
    X, new = fitted_on.double(), applied_to.double()
    scale = (X - X[0]).abs().max()
    return X / scale, new / scale
