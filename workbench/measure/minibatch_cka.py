"""Debiased CKA of more sentences than a Gram matrix can hold, batch by batch."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.base import check_rows
from workbench.measure.gram import UNDEFINED, inner_products, u_center_


class MinibatchCKA:
    """Σ_b n_b h_b(K, L) / √(Σ_b n_b h_b(K, K) · Σ_b n_b h_b(L, L)), h_b the unbiased HSIC of batch b.

    h_b(K, L) = ⟨K°, L°⟩ / n_b(n_b − 3). With batches of one size this is minibatch CKA (Nguyen et al.
    2021), and with a single one `debiased_linear_cka`. Shuffle sentences first: a batch of neighbours
    within a document says less than one across documents.

    >>> states = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    >>> similarity = MinibatchCKA()
    >>> for batch in states.split(20):
    ...     similarity.add(batch, 3 * batch)
    >>> round(similarity.value(), 6)
    1.0
    """

    def __init__(self) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64)
        self._scales: tuple[float, float] | None = None
        self.sentences = 0

    def add(self, X: Float[Tensor, "batch d"], Y: Float[Tensor, "batch d_other"]) -> None:
        """Take in matched rows, four or more: fewer have no unbiased HSIC."""
        check_rows("minibatch CKA", X, Y, at_least=4)
        n = len(X)
        # One scale for all batches, or large ones would count for less; each batch has its own centre.
        X, Y = X.double(), Y.double()
        X, Y = X - X.mean(0), Y - Y.mean(0)
        scales = self._scales or (float(X.abs().max()) or 1.0, float(Y.abs().max()) or 1.0)
        K, L = (u_center_(inner_products(one / scale)) for one, scale in zip((X, Y), scales, strict=True))
        products = torch.stack([(K * L).sum(), K.square().sum(), L.square().sum()])
        self._scales = scales
        self._sums += products.cpu() / (n - 3)
        self.sentences += n

    def value(self) -> float:
        """The similarity over all batches so far."""
        if self.sentences == 0:
            raise InputError("no sentences were added: add batches of at least 4")
        cross, one, other = self._sums
        if one <= 0 or other <= 0:
            raise InputError(UNDEFINED)
        return float(cross / (one.sqrt() * other.sqrt()))
