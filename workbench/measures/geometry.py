"""Geometry of the states of one or two languages, the logit lens, statistics of feed-forward neurons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.align.solvers import centered, row_mean
from workbench.core.errors import InputError
from workbench.measures.base import Rows, check_states, spearman
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


# Logit lens, and statistics of feed-forward neurons.


# Logit lens: which tokens, and whose, a state in mid-model would predict if the model ended there.


LogP = Float[Tensor, "sent vocab"]
Readout = Callable[[Tensor], Tensor]
"""A model's own final norm, or its unembedding: states in, states or logits out."""

BLOCK_LOGITS = 2**25
"""Logits held at once, about 256 MB in float64; `read_lens` goes through the rows in such blocks."""


def lens(h: Float[Tensor, "sent d"], final_norm: Readout, unembed: Readout) -> LogP:
    """log softmax(unembed(final_norm(h))), in float64 (nostalgebraist 2020)."""
    if h.ndim != 2 or not len(h):
        raise InputError(f"the lens needs [sent d] with at least one row; {tuple(h.shape)} given")
    check_states("the lens", h)
    logits = unembed(final_norm(h)).double()
    if logits.ndim != 2 or len(logits) != len(h):
        raise InputError(
            f"the unembedding gave {tuple(logits.shape)} for {len(h)} rows: expected [sent vocab]"
        )
    # −∞ is a token that is ruled out; anything else that is not finite has overflowed.
    if logits.isnan().any() or (logits == float("inf")).any() or (logits.amax(1) == float("-inf")).any():
        raise InputError("the lens met logits that are not finite: unembed in float32")
    return logits.log_softmax(-1)


def entropy(log_p: LogP) -> Float[Tensor, " sent"]:
    """−Σ p ln p for each row, in nats: 0 for a single token, ln(vocab) for none preferred."""
    return torch.special.entr(log_p.double().exp()).sum(-1)


def language_share(log_p: LogP, vocab_sets: Bool[Tensor, "language vocab"]) -> Float[Tensor, "language sent"]:
    """Σ over a language's tokens of p, for each language and row (Wendler et al. 2024).

    Give each set the tokens that are the language's alone, or shares add up to more than 1. Compare the
    sizes of the sets: a flat distribution gives each its size / vocab.
    """
    _check_sets(vocab_sets, log_p.shape[-1])
    p = log_p.double().exp()
    return (vocab_sets.to(p) @ p.mT).clamp(max=1)


@dataclass(frozen=True, eq=False)
class LensReading:
    """What the lens says of each row, without the distributions themselves."""

    share: Float[Tensor, "language sent"]
    entropy: Float[Tensor, " sent"]


def read_lens(
    h: Float[Tensor, "sent d"],
    final_norm: Readout,
    unembed: Readout,
    vocab_sets: Bool[Tensor, "language vocab"],
) -> LensReading:
    """`language_share` and `entropy` of `lens`, some rows at a time: a vocabulary of 256,000 fits too."""
    _check_sets(vocab_sets, vocab_sets.shape[-1])
    if not len(h):
        raise InputError("the lens needs at least one row")
    blocks = (
        lens(rows, final_norm, unembed) for rows in h.split(max(1, BLOCK_LOGITS // vocab_sets.shape[-1]))
    )
    readings = [(language_share(log_p, vocab_sets), entropy(log_p)) for log_p in blocks]
    shares, entropies = zip(*readings, strict=True)
    return LensReading(torch.cat(shares, 1), torch.cat(entropies))


def _check_sets(vocab_sets: Tensor, vocab: int) -> None:
    if vocab_sets.ndim != 2 or vocab_sets.dtype != torch.bool or vocab_sets.shape[1] != vocab:
        raise InputError(
            f"vocab_sets needs booleans [language, vocab = {vocab}]; {tuple(vocab_sets.shape)} of "
            f"{vocab_sets.dtype} given"
        )
    empty = (~vocab_sets.any(1)).nonzero().flatten().tolist()
    if empty:
        raise InputError(f"the languages in rows {empty} of vocab_sets have no token")


# What a feed-forward layer's neurons do: how evenly they are active, how many are silent, in which order.
#
# Activations are those that are projected down (`mlp_act`); in a gated model, the product of gate and value.
# After Bhattacharya & Bojar 2024, arXiv:2404.13855.


SMALL = 0.1
"""A neuron is silent at up to this part of the sentence's largest activation, signs left out."""


def flatness(activations: Float[Tensor, "sent neuron"]) -> Float[Tensor, " sent"]:
    """−Σ_j p_j ln p_j / ln d for p_j = s_j / Σ s and s_j = (a_j − min a) / (max a − min a), d neurons.

    0: one neuron stands out and all others are at the minimum; 1: all are equal, otherwise at most
    ln(d − 1) / ln d. Where the minimum is below 0 (GELU, gates) silent neurons have a share too, and values
    lie near 1: compare within a model.
    """
    a = _checked("flatness", activations)
    least, most = a.amin(1, keepdim=True), a.amax(1, keepdim=True)
    scaled = torch.where(most > least, (a - least) / (most - least), torch.ones_like(a))
    p = scaled / scaled.sum(1, keepdim=True)
    return -torch.special.xlogy(p, p).sum(1) / torch.tensor(a.shape[1]).double().log()


def sparsity(activations: Float[Tensor, "sent neuron"], small: float = SMALL) -> Float[Tensor, " sent"]:
    """The share of neurons with |a_j| ≤ small · max_k |a_k|; 1 where all are 0.

    Not the share of a_j ≤ 0: behind a gate the sign is that of the value it is multiplied with.
    """
    if not 0 <= small < 1:
        raise InputError(f"small is a part of the largest activation, such as {SMALL}, not {small}")
    size = _checked("sparsity", activations).abs()
    return (size <= small * size.amax(1, keepdim=True)).double().mean(1)


def neuron_rank_correlation(X: Float[Tensor, "sent neuron"], Y: Float[Tensor, "other neuron"]) -> float:
    """Spearman's ρ, over neurons, of the mean activation in one language with that in the other.

    Give parallel sentences, in any order. With few it is too low, since their means are noisy: compare it
    with the correlation of two halves of the sentences of one language.
    """
    name = "rank correlation"
    x, y = (_checked(name, value).mean(0) for value in (X, Y))
    if len(x) != len(y):
        raise InputError(f"{name} needs the same neurons: {len(x)} and {len(y)} given")
    if (x == x[0]).all() or (y == y[0]).all():
        raise InputError(f"{name} is not defined where all neurons are equally active")
    return float(spearman(x, y))


def _checked(name: str, activations: Tensor) -> Tensor:
    if activations.ndim != 2 or not len(activations) or activations.shape[1] < 2:
        raise InputError(
            f"{name} needs [sent neuron], at least one and two; {tuple(activations.shape)} given"
        )
    check_states(name, activations)
    return activations.double()
