"""How far states that a map is applied to lie from those it was fitted on.

Maps are fitted at the ends of sentences and applied at the ends of prompts. What a map does outside of
where it was fitted is extrapolation, however well it does on held-out sentences.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.solvers import centered, row_mean
from workbench.errors import InputError


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

    Σ = (1 − γ) S + γ (tr S / d) I with γ of Ledoit & Wolf (2004), since S alone has no inverse with fewer
    sentences than dimensions. D₋ᵢ leaves f_i out of mean and S, in closed form: a state that shaped Σ is
    always near to it, so that without this new states of the same kind would look far away.
    """
    X, new = _checked(fitted_on, applied_to)
    n, d = X.shape
    mean = row_mean(X)
    X, new = centered(X), new - mean
    total = X.square().sum()
    gamma = _ledoit_wolf(X)
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    floor = gamma * total / (n * d)
    left_out = _left_out(U, S, gamma, floor)
    inside = new @ Vh.mT
    beyond = (new - inside @ Vh).square().sum(1) if len(S) < d else new.new_zeros(len(new))
    squares = (inside.square() / ((1 - gamma) * S.square() / n + floor)).sum(1) + beyond / floor
    low, high = X.amin(0), X.amax(0)
    # As far as float32 rounds: constant dimensions, and a sentence met in another batch, are no surprise.
    slack = 1e-6 * (1 + torch.maximum(low.abs(), high.abs()))
    outside = ((new < low - slack) | (new > high + slack)).double().mean()
    return Mismatch(
        ratio=float(squares.sqrt().median() / left_out.sqrt().median()),
        shift=float(new.mean(0).norm() / (total / n).sqrt()),
        outside=float(outside),
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
    for value in (fitted_on, applied_to):
        if not torch.isfinite(value).all():
            raise InputError("mismatch needs finite numbers: capture in float32")
    if (fitted_on == fitted_on[0]).all():
        raise InputError("mismatch is not defined where all fitting states are equal")
    X, new = fitted_on.double(), applied_to.double()
    scale = (X - X[0]).abs().max()
    return X / scale, new / scale
