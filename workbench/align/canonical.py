"""Canonical directions of two centred matrices: what CCA, SVCCA and whitening share."""

from dataclasses import dataclass
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.spectrum import Spectrum
from workbench.errors import InputError


@dataclass(frozen=True, eq=False)
class Canonical:
    """`left` takes a centred source row to canonical coordinates, `right` those to a centred target row."""

    left: Float[Tensor, "d_source k"]
    correlations: Float[Tensor, " k"]
    right: Float[Tensor, "k d_target"]


def canonical(x: Spectrum, y: Spectrum, k: int, x_lambda: float = 0.0, y_lambda: float = 0.0) -> Canonical:
    """The k leading canonical directions, the strongest first.

    With the whitened X_w = X V_x (S_x² + λ_x)^(−½) and Y_w alike, X_wᵀ Y_w = P diag(ρ) Qᵀ. Then left =
    V_x (S_x² + λ_x)^(−½) P and right = Qᵀ (S_y² + λ_y)^(½) V_yᵀ, so that left · diag(ρ) · right over all
    directions is the ridge solution of strength λ_x, whatever λ_y.
    """
    x_size, y_size = (x.S.square() + x_lambda).sqrt(), (y.S.square() + y_lambda).sqrt()
    core = (x.S / x_size)[:, None] * (x.U.mT @ y.U) * (y.S / y_size)
    P, rho, Qh = torch.linalg.svd(core, full_matrices=False)
    count = min(k, int((rho > max(core.shape) * torch.finfo(rho.dtype).eps).sum()))
    return Canonical((x.V / x_size) @ P[:, :count], rho[:count].clamp(max=1), (Qh[:count] * y_size) @ y.V.mT)


def relative(penalty: float, X: Float[Tensor, "sent d"]) -> float:
    """λ of a strength in units of ‖X‖² / min(sent, d)."""
    return float(penalty * X.square().sum() / min(X.shape))


def check_penalty(penalty: float) -> None:
    """Refuse a strength that is none."""
    number = isinstance(penalty, int | float) and not isinstance(penalty, bool)
    if not number or not isfinite(penalty) or penalty <= 0:
        raise InputError(f"penalty must be a number above 0, but {penalty!r} was given")


def check_count(name: str, count: int) -> None:
    """Refuse a number of directions that is none."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InputError(f"{name} must be a whole number, at least 1, but {count!r} was given")
