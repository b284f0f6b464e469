"""How well mapped states meet the target's, on rows that the map has not seen."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.solvers import centered, r_squared
from workbench.errors import InputError
from workbench.measure.base import check_rows

Rows = Float[Tensor, "sent d"]


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
    _check(Y, predicted)
    value = r_squared(Y, predicted)
    if value != value:
        raise InputError("R² is not defined where all rows of the target are equal")
    return value


def median_r_squared(Y: Rows, predicted: Rows) -> float:
    """Median over k of 1 − Σ(y_k − ŷ_k)² / Σ(y_k − ȳ_k)², of the dimensions that vary."""
    _check(Y, predicted)
    Y, predicted = Y.double(), predicted.double()
    total = centered(Y).square().sum(0)
    if not total.any():
        raise InputError("R² is not defined where all rows of the target are equal")
    error = (Y - predicted).square().sum(0)
    return float((1 - error[total > 0] / total[total > 0]).median())


def relative_error(Y: Rows, predicted: Rows) -> float:
    """‖Y − Ŷ‖ / ‖Y‖: 0 is exact, 1 is what predicting zero would cost."""
    _check(Y, predicted)
    Y, predicted = Y.double(), predicted.double()
    size = Y.norm()
    if size == 0:
        raise InputError("the relative error is not defined where all of the target is zero")
    return float((Y - predicted).norm() / size)


def mean_cosine(Y: Rows, predicted: Rows) -> float:
    """Mean over i of cos(y_i, ŷ_i), counting 0 where ŷ_i = 0; direction alone, whatever the length."""
    _check(Y, predicted)
    Y, predicted = Y.double(), predicted.double()
    if (Y == 0).all(1).any():
        raise InputError("the cosine needs a direction for every target row, but some are zero")
    lengths = Y.norm(dim=1) * predicted.norm(dim=1)
    cosines = torch.where(lengths > 0, (Y * predicted).sum(1) / lengths.clamp(min=1e-300), 0.0)
    return float(cosines.mean())


def ratio_to_control(Y: Rows, predicted: Rows, control: Rows) -> float:
    """‖Y − Ŷ‖ / ‖Y − Ŷ_control‖: below 1, better than the control; 1, no better."""
    _check(Y, predicted)
    _check(Y, control)
    Y = Y.double()
    error = (Y - control.double()).norm()
    if error == 0:
        raise InputError("the control meets the target exactly: there is nothing to be better at")
    return float((Y - predicted.double()).norm() / error)


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


def _check(Y: Tensor, predicted: Tensor) -> None:
    check_rows("the fit", Y, predicted, at_least=2)
    if Y.shape != predicted.shape:
        raise InputError(f"the fit needs equal widths; {Y.shape[1]} and {predicted.shape[1]} given")
