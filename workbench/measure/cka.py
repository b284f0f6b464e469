"""Linear centred kernel alignment: how far two sets of states arrange the same sentences alike.

With fewer sentences than dimensions the biased form approaches 1 for unrelated data; the debiased form
does not, and is the one to read.
"""

from jaxtyping import Float
from torch import Tensor

from workbench.measure.base import check_rows, check_variation
from workbench.measure.gram import Gram, Rows, angle, angle_shares, linear_gram, u_center_


def linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K, L⟩ / (‖K‖ ‖L‖) with K, L the Gram matrices of centred rows (Kornblith et al. 2019)."""
    _check(X, Y, at_least=2)
    return angle(linear_gram(X), linear_gram(Y))


def linear_cka_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n Σ_j k_ij l_ij / (‖K‖ ‖L‖): what each sentence adds to `linear_cka`, itself (j = i) included."""
    _check(X, Y, at_least=2)
    return angle_shares(linear_gram(X), linear_gram(Y))


def debiased_linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K°, L°⟩ / (‖K°‖ ‖L°‖) with K°, L° the U-centred Gram matrices (Song et al. 2012).

    ⟨K°, L°⟩ / n(n−3) is the unbiased estimate of HSIC, so the value is about 0 for unrelated rows, and
    may fall a little below.
    """
    _check(X, Y, at_least=4)
    return angle(debiased_gram(X), debiased_gram(Y))


def debiased_linear_cka_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n Σ_j k°_ij l°_ij / (‖K°‖ ‖L°‖): what each sentence adds to `debiased_linear_cka`."""
    _check(X, Y, at_least=4)
    return angle_shares(debiased_gram(X), debiased_gram(Y))


def debiased_gram(X: Rows) -> Gram:
    """K°, the U-centred Gram matrix of centred rows."""
    return u_center_(linear_gram(X))


def _check(X: Tensor, Y: Tensor, at_least: int) -> None:
    check_rows("CKA", X, Y, at_least)
    check_variation("CKA", X, Y)
