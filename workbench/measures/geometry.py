"""Geometry of the states of one or two languages: norms, means, spread, planes, probes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.solvers import centered, row_mean
from workbench.core.errors import InputError
from workbench.measures.base import Rows, check_states
from workbench.measures.neighbours import unit
from workbench.measures.similarity import scaled

# The shape of a cloud of states, and how far two languages' clouds lie apart. Rows need not be matched.


def mean_distance(X: Rows, Y: Float[Tensor, "sent_other d"]) -> float:
    """‖x̄ − ȳ‖, in the units of the states."""
    X, Y = check_states("mean_distance", X, Y)
    return float((row_mean(X.double()) - row_mean(Y.double())).norm())


def mean_share(X: Rows, Y: Float[Tensor, "sent_other d"]) -> float:
    """n_x n_y/n² ‖x̄ − ȳ‖² / tr Cov of both languages' rows together: the part that lies between the means.

    0: the languages are centred alike; 1: nothing but the language tells two states apart (the η² of an
    analysis of variance; Libovický et al. 2020 call for taking these means out).
    """
    X, Y = (side.double() for side in check_states("mean_share", X, Y, at_least=2))
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
    X = scaled(*check_states("effective_rank", X, at_least=2))
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
    (X,) = check_states("anisotropy", X, at_least=2)
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
    X = check_states("norm_profile", X, at_least=2)[0].double()
    norms = X.norm(dim=1)
    if not norms.any():
        raise InputError("norm_profile is not defined where all rows are zero")
    low, median, high = torch.quantile(norms, norms.new_tensor([0.05, 0.5, 0.95])).tolist()
    shares = X.square().sum(0) / norms.square().sum()
    top = int(shares.argmax())
    return NormProfile(float(norms.mean()), float(norms.std()), low, median, high, top, float(shares[top]))


# Whether a linear probe can tell a state's language: what is left of the language in the states.


@dataclass(frozen=True)
class Probe:
    """Cross-validated accuracy, and what guessing would reach."""

    accuracy: float
    folds: tuple[float, ...]
    chance: float


def language_probe(
    states: Mapping[str, Rows], folds: int = 5, groups: Tensor | np.ndarray | None = None, C: float = 1.0
) -> Probe:
    """Accuracy of logistic regression on standardised states, language from state, over held-out folds.

    Rows of all languages are the same sentences. A sentence (or a document, where `groups` numbers them) is
    in the same fold in every language. C is the inverse strength of the L2 penalty, as in scikit-learn.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, n = _stacked(states)
    groups = np.arange(n) if groups is None else np.asarray(groups)
    if len(groups) != n:
        raise InputError(f"{len(groups)} groups for {n} sentences: give one for each")
    if not 2 <= folds <= len(np.unique(groups)):
        raise InputError(
            f"{folds} folds of {len(np.unique(groups))} groups: give at least 2, at most one each"
        )
    # Deterministic: lbfgs draws nothing, and GroupKFold without shuffling deals groups out in turn.
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))
    labels, groups = np.repeat(np.arange(len(states)), n), np.tile(groups, len(states))
    scores = cross_val_score(model, X, labels, groups=groups, cv=GroupKFold(folds))
    return Probe(float(np.mean(scores)), tuple(map(float, scores)), 1 / len(states))


def _stacked(states: Mapping[str, Rows]) -> tuple[Float[np.ndarray, "row d"], int]:
    if len(states) < 2:
        raise InputError("a language probe needs at least two languages")
    shapes = {tuple(rows.shape) for rows in states.values()}
    if len(shapes) > 1:
        raise InputError(f"a language probe needs [sent d] of the same sentences; {sorted(shapes)} given")
    check_states("a language probe", *states.values())
    X = torch.cat([rows.double() for rows in states.values()])
    X = X - X.mean(0)
    largest = X.abs().max()
    if largest == 0:
        raise InputError("a language probe is not defined where all rows are equal")
    return (X / largest).cpu().numpy(), len(next(iter(states.values())))


# The plane in which two languages' states spread most: their first two principal components together.


@dataclass(frozen=True, eq=False)
class Plane:
    """A mean and two orthogonal directions; the second is zero where states lie on a line."""

    mean: Float[Tensor, " d"]
    axes: Float[Tensor, "two d"]
    shares: tuple[float, float]
    """The part of the fitted states' variance that lies along each."""

    def project(self, X: Rows) -> Float[Tensor, "sent two"]:
        """The places of states in the plane, those it was not fitted on too."""
        if X.ndim != 2 or X.shape[1] != len(self.mean):
            raise InputError(f"the plane is of states [sent {len(self.mean)}]; {tuple(X.shape)} given")
        return (X.to(self.mean) - self.mean) @ self.axes.mT


def joint_plane(X: Rows, Y: Float[Tensor, "sent_other d"]) -> Plane:
    """First two principal components of both languages' rows together: V of the SVD of [X; Y] − mean.

    Signs, which the components leave open, are such that Y's mean lies to the right of X's, and above.
    """
    X, Y = check_states("joint_plane", X, Y, at_least=2)
    both = torch.cat([X.double(), Y.double()])
    mean = row_mean(both)
    both = both - mean
    _, sigma, axes = torch.linalg.svd(both, full_matrices=False)
    rounding = max(both.shape) * torch.finfo(both.dtype).eps * max(float(sigma[0]), float(mean.norm()))
    if sigma[0] <= rounding:
        raise InputError("joint_plane is not defined where all rows of both languages are equal")
    shares = sigma.square() / sigma.square().sum()
    towards = axes @ (row_mean(Y.double()) - row_mean(X.double()))
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True)).squeeze(1)
    signs = torch.where(towards.abs() > rounding, towards, largest).sign()
    kept = torch.where(sigma > rounding, signs, 0.0)[:2]
    flat = len(kept) < 2 or not bool(kept[1])
    two = torch.nn.functional.pad(axes[:2] * kept[:, None], (0, 0, 0, 2 - len(kept)))
    return Plane(mean, two, (float(shares[0]), 0.0 if flat else float(shares[1])))
