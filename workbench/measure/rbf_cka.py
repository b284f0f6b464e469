"""CKA with a Gaussian kernel: arrangement judged by who is near whom, rather than by all distances alike."""

from jaxtyping import Float
from torch import Tensor

from workbench.measure.base import check_rows, check_variation
from workbench.measure.gram import Gram, Rows, angle, angle_shares, h_centered, rbf_gram, u_center_


def rbf_cka(X: Rows, Y: Float[Tensor, "sent d_other"], fraction: float = 1.0, debiased: bool = True) -> float:
    """⟨K°, L°⟩ / (‖K°‖ ‖L°‖), k_ij = exp(−‖x_i − x_j‖² / 2σ²), U-centred (Kornblith et al. 2019).

    σ is `fraction` times the median distance between rows that differ. `debiased=False` centres the
    kernels by H K H, as printed there: near 1 for unrelated rows when dimensions outnumber sentences.
    """
    check_rows("CKA", X, Y, at_least=4)
    check_variation("CKA", X, Y)
    center = u_center_ if debiased else h_centered
    return angle(center(rbf_gram(X, fraction)), center(rbf_gram(Y, fraction)))


def rbf_cka_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n Σ_j k°_ij l°_ij / (‖K°‖ ‖L°‖): what each sentence adds to `rbf_cka` as it is by default."""
    check_rows("CKA", X, Y, at_least=4)
    check_variation("CKA", X, Y)
    return angle_shares(centered_rbf_gram(X), centered_rbf_gram(Y))


def centered_rbf_gram(X: Rows) -> Gram:
    """K° of `rbf_cka` as it is by default."""
    return u_center_(rbf_gram(X))
