"""Logit lens, and statistics of feed-forward neurons."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.core.errors import InputError
from workbench.measures.base import check_states, spearman

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
