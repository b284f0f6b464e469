"""Ridge regression in the space of a Gaussian kernel, with Nyström's landmarks: smooth, but not linear."""

from collections.abc import Sequence
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Params, check_fitted, check_pairs, check_rows
from workbench.align.ridge import Ridge
from workbench.align.solvers import PENALTIES
from workbench.errors import InputError


class KernelRidge(Params):
    """argmin_f Σ ‖f(x) + b − y‖² + λ ‖f‖²_k, with k(x, z) = exp(−‖x − z‖² / (2 w²)).

    λ is the one of least leave-one-out error. f is sought among functions of k(·, z_j), z_j `landmarks` rows
    drawn from X by the seed; with as many landmarks as rows that is kernel ridge regression itself. w is
    `width` times the median distance between landmarks. Far from all of them the map gives b and no more: it
    must not be trusted there.
    """

    def __init__(
        self,
        landmarks: int = 256,
        width: float = 1.0,
        penalties: float | Sequence[float] = PENALTIES,
        seed: int = 0,
    ):
        self.landmarks = landmarks
        self.width = width
        self.penalties = penalties
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Draw landmarks; choose λ; learn f and b."""
        check_pairs(X, Y, at_least=2)
        if self.landmarks < 1 or not self.width > 0:
            raise InputError(f"landmarks {self.landmarks} and width {self.width:g} must both be above 0")
        X = X.double()
        order = torch.randperm(len(X), generator=torch.Generator().manual_seed(self.seed))
        chosen = order[: self.landmarks].sort().values.to(X.device)
        self.landmarks_ = X[chosen]
        median = float(torch.pdist(self.landmarks_).median()) if len(chosen) > 1 else 0.0
        self.scale_ = self.width * median or 1.0
        S, V = torch.linalg.eigh(self._kernel(self.landmarks_))
        known = len(S) * torch.finfo(S.dtype).eps * S.max() < S
        self.root_ = V[:, known] / S[known].sqrt()
        self.ridge_ = Ridge(self.penalties).fit(self._features(X), Y.double())
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """f(x) + b."""
        check_fitted(self, "ridge_")
        check_rows(X, self.landmarks_.shape[1])
        return self.ridge_.transform(self._features(X.double())).to(X)

    def _kernel(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... landmark"]:
        rows = X.reshape(-1, X.shape[-1])
        apart = torch.cdist(rows, self.landmarks_.to(X.device), compute_mode="donot_use_mm_for_euclid_dist")
        return (-apart.square() / (2 * self.scale_**2)).exp().reshape(*X.shape[:-1], -1)

    def _features(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... feature"]:
        return self._kernel(X) @ self.root_.to(X.device)
