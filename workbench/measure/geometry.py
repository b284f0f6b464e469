"""The shape of a cloud of states, and how far two languages' clouds lie apart. Rows need not be matched."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.solvers import centered, row_mean
from workbench.errors import InputError
from workbench.measure.gram import Rows, scaled
from workbench.measure.neighbours import unit


def mean_distance(X: Rows, Y: Float[Tensor, "sent_other d"]) -> float:
    """‖x̄ − ȳ‖, in the units of the states."""
    _check_two("mean_distance", X, Y, at_least=1)
    return float((row_mean(X.double()) - row_mean(Y.double())).norm())


def mean_share(X: Rows, Y: Float[Tensor, "sent_other d"]) -> float:
    """n_x n_y/n² ‖x̄ − ȳ‖² / tr Cov of both languages' rows together: the part that lies between the means.

    0: the languages are centred alike; 1: nothing but the language tells two states apart (the η² of an
    analysis of variance; Libovický et al. 2020 call for taking these means out).
    """
    _check_two("mean_share", X, Y, at_least=2)
    X, Y = X.double(), Y.double()
    scale = torch.maximum(X.abs().max(), Y.abs().max()).clamp(min=torch.finfo(torch.float64).tiny)
    X, Y = X / scale, Y / scale
    n = len(X) + len(Y)
    between = len(X) * len(Y) / n * (row_mean(X) - row_mean(Y)).square().sum()
    within = centered(X).square().sum() + centered(Y).square().sum()
    if between + within == 0:
        raise InputError("mean_share is not defined where all rows of both languages are equal")
    return float(between / (between + within))


def effective_rank(X: Rows) -> float:
    """exp(−Σ p_k ln p_k), p_k = σ_k / Σ σ, σ the singular values of X − x̄ (Roy & Vetterli 2007).

    Between 1 (all states on a line) and min(n − 1, d): how many directions the states really use.
    """
    _check("effective_rank", X, at_least=2)
    X = scaled(X)
    squares = torch.linalg.eigvalsh(X @ X.mT if len(X) <= X.shape[1] else X.mT @ X)
    rounding = max(X.shape) * torch.finfo(X.dtype).eps * squares.max()
    if squares.max() == 0:
        raise InputError("effective_rank is not defined where all rows are equal")
    sigma = torch.where(squares > rounding, squares, 0.0).sqrt()
    return float(torch.special.entr(sigma / sigma.sum()).sum().exp())


def anisotropy(X: Rows) -> float:
    """Mean of cos(x_i, x_j) over all i ≠ j = (‖Σ u_i‖² − n) / n(n−1), u = x/‖x‖ (Ethayarajh 2019).

    About 0: states point everywhere; near 1: all in one direction, and any two sentences look alike by
    cosine. Exact, where the paper draws pairs at random.
    """
    _check("anisotropy", X, at_least=2)
    n = len(X)
    return float((unit(X, "anisotropy").sum(0).square().sum() - n) / (n * (n - 1)))


@dataclass(frozen=True)
class NormProfile:
    """Lengths of the states: their mean, spread and quantiles, and how far one dimension makes them."""

    mean: float
    sd: float
    low: float
    """The 5 % quantile; `high` is the 95 % one."""
    median: float
    high: float
    top_dimension: int
    top_share: float
    """The share of Σ x² that lies in `top_dimension`: near 1, one dimension decides cosines and distances."""


def norm_profile(X: Rows) -> NormProfile:
    """Mean, sd and quantiles of ‖x_i‖, and max_k Σ_i x_ik² / Σ_i ‖x_i‖² (Sun et al. 2024)."""
    _check("norm_profile", X, at_least=2)
    X = X.double()
    norms = X.norm(dim=1)
    if not norms.any():
        raise InputError("norm_profile is not defined where all rows are zero")
    low, median, high = torch.quantile(norms, norms.new_tensor([0.05, 0.5, 0.95])).tolist()
    shares = X.square().sum(0) / norms.square().sum()
    top = int(shares.argmax())
    return NormProfile(float(norms.mean()), float(norms.std()), low, median, high, top, float(shares[top]))


def median_norm(X: Rows) -> float:
    """Median of ‖x_i‖."""
    return norm_profile(X).median


def top_dimension_share(X: Rows) -> float:
    """max_k Σ_i x_ik² / Σ_i ‖x_i‖²: how much of the states' length one dimension makes (Sun et al. 2024)."""
    return norm_profile(X).top_share


def _check(name: str, X: Tensor, at_least: int) -> None:
    if X.ndim != 2:
        raise InputError(f"{name} needs [sent d]; {tuple(X.shape)} given")
    if len(X) < at_least:
        raise InputError(f"{len(X)} sentences are too few for {name}: give at least {at_least}")
    if not torch.isfinite(X).all():
        raise InputError(f"{name} needs finite numbers: capture in float32")


def _check_two(name: str, X: Tensor, Y: Tensor, at_least: int) -> None:
    for value in (X, Y):
        _check(name, value, at_least)
    if X.shape[1] != Y.shape[1]:
        raise InputError(f"{name} needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
