"""Maps that are not linear: kernels, a small network, strengths and shortcuts that depend on the state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import (
    Affine,
    Around,
    Estimator,
    Fixed,
    LinearAligner,
    Wrapper,
    check_fitted,
    check_rows,
    fresh,
)
from workbench.align.linear import Procrustes, Ridge
from workbench.align.solvers import PENALTIES
from workbench.core.errors import InputError
from workbench.core.numbers import as_tensor


@dataclass(eq=False, repr=False)
class KernelRidge(Estimator):
    """argmin_f Σ ‖f(x) + b − y‖² + λ ‖f‖²_k, with k(x, z) = exp(−‖x − z‖² / (2 w²)).

    λ is that of `Ridge`. f is a sum of k(·, z_j), z_j `landmarks` rows drawn from X by the seed (Nyström); w
    is `width` times the median distance between them. Far from all of them the map gives b.
    """

    landmarks: int = 256
    width: float = 1.0
    penalties: float | Sequence[float] = PENALTIES
    seed: int = 0
    at_least = 2

    def _fit(self, X: Tensor, Y: Tensor) -> None:
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

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """f(x) + b."""
        check_fitted(self, "ridge_")
        X = check_rows(X, self.landmarks_.shape[1])
        return self.ridge_.transform(self._features(X.double())).to(X)

    def _features(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... feature"]:
        return self._kernel(X) @ self.root_.to(X.device)

    def _kernel(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... landmark"]:
        rows = X.reshape(-1, X.shape[-1])
        apart = torch.cdist(rows, self.landmarks_.to(X.device), compute_mode="donot_use_mm_for_euclid_dist")
        return (-apart.square() / (2 * self.scale_**2)).exp().reshape(*X.shape[:-1], -1)


@dataclass(eq=False, repr=False)
class ResidualMLP(Estimator):
    """x ↦ x W + b + A relu(B z + c) + a, z the standardised x.

    W and b are ridge's, the rest is learned by Adam. The step with the least error on a share `held_out` of
    the pairs is kept (0, ridge alone, where none is better); training stops `patience` steps after it.
    """

    hidden: int = 128
    steps: int = 400
    patience: int = 40
    rate: float = 3e-3
    held_out: float = 0.2
    seed: int = 0
    at_least = 4

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        if not 0 < self.held_out < 1:
            raise InputError(f"the share held out lies between 0 and 1; {self.held_out:g} given")
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(X), generator=generator)
        n = min(max(round(self.held_out * len(X)), 1), len(X) - 2)
        watched, learned = order[:n], order[n:]
        self.ridge_ = Ridge().fit(X[learned], Y[learned])
        self.mean_, self.spread_ = X[learned].float().mean(0), float(X[learned].float().std(0).mean()) or 1.0
        left = (Y - self.ridge_.transform(X)).float()
        self.unit_ = float(left[learned].square().mean().sqrt()) or 1.0
        self._learn(self._standard(X), left / self.unit_, learned, watched, generator)

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Ridge's image, and what the network adds."""
        check_fitted(self, "steps_")
        X = check_rows(X, len(self.mean_))
        image = self.ridge_.transform(X)
        if self.steps_ == 0:
            return image
        weights = [getattr(self, f"{name}_").to(X.device) for name in _NAMES]
        return image + (self.unit_ * _network(weights, self._standard(X))).to(image)

    def _standard(self, X: Tensor) -> Tensor:
        return (X.float() - self.mean_.to(X.device)) / self.spread_

    def _learn(
        self, Z: Tensor, left: Tensor, learned: Tensor, watched: Tensor, generator: torch.Generator
    ) -> None:
        width, out = Z.shape[1], left.shape[1]
        first = torch.randn(width, self.hidden, generator=generator) * (2 / width) ** 0.5
        shapes = [first, torch.zeros(self.hidden), torch.zeros(self.hidden, out), torch.zeros(out)]
        weights = [weight.to(Z.device).requires_grad_() for weight in shapes]
        optimizer = torch.optim.Adam(weights, lr=self.rate)
        best, self.steps_, kept = float(left[watched].square().mean()), 0, weights
        for step in range(1, self.steps + 1):
            optimizer.zero_grad()
            with torch.enable_grad():
                (_network(weights, Z[learned]) - left[learned]).square().mean().backward()
            optimizer.step()
            with torch.no_grad():
                error = float((_network(weights, Z[watched]) - left[watched]).square().mean())
            if error < best:
                best, self.steps_ = error, step
                kept = [weight.detach().clone() for weight in weights]
            elif step - self.steps_ >= self.patience:
                break
        for name, weight in zip(_NAMES, kept, strict=True):
            setattr(self, f"{name}_", weight.detach())


_NAMES = ("first", "first_bias", "second", "second_bias")


def _network(weights: list[Tensor], Z: Tensor) -> Tensor:
    first, first_bias, second, second_bias = weights
    return (Z @ first + first_bias).relu() @ second + second_bias


@dataclass(eq=False, repr=False)
class Adaptive(Wrapper):
    """x ↦ x + g(x) (T(x) − x), T the wrapped aligner's map.

    g is x's place on the line between the languages' means: 1 at the source's, 0 at the target's and beyond
    it, and at most `most`.
    """

    aligner: Any
    most: float = 2.0

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        self.aligner_ = fresh(self.aligner).fit(X, Y)
        self.target_ = Y.double().mean(0)
        line = X.double().mean(0) - self.target_
        self.line_ = line / line.square().sum().clamp(min=torch.finfo(torch.float64).tiny)

    def share(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "..."]:
        """g, for each row."""
        check_fitted(self, "aligner_")
        here = X.double() - self.target_.to(X.device)
        return (here @ self.line_.to(X.device)).clamp(0, self.most)

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The states, each moved by its own share of the way."""
        X = as_tensor(X, "X")
        return X + self.share(X)[..., None].to(X) * (self.aligner_.transform(X) - X)


@dataclass(eq=False, repr=False)
class SelfLearning(LinearAligner):
    """Centred Procrustes between rows that are each other's nearest under the map so far, from R = I on.

    Nearest by 2 cos − r_x − r_y, r the mean cosine to the `k` nearest of the other language (CSLS). The rows'
    order is not used. It stops when the pairs stay the same, or after `rounds`. `matched_` counts them.
    """

    rounds: int = 20
    k: int = 10
    at_least = 2

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        if X.shape[1] != Y.shape[1] or self.rounds < 1 or self.k < 1:
            raise InputError("SelfLearning needs equal widths, and at least one round and one neighbour")
        X, Y = X.double(), Y.double()
        x_mean, y_mean = X.mean(0), Y.mean(0)
        A, B = X - x_mean, Y - y_mean
        image, seen = A, None
        for _ in range(self.rounds):
            here, there = mutual_neighbours(image, B, self.k)
            matched = (here.tolist(), there.tolist())
            if len(here) < 2 or matched == seen:
                break
            seen = matched
            rotation = Procrustes(center=False).fit(A[here], B[there])
            image = rotation.transform(A)
        if seen is None:
            raise InputError("no two states are each other's nearest: there is no dictionary to begin with")
        self.matched_ = len(seen[0])
        map = rotation.map_
        self.map_ = Affine(map.factors, y_mean - map(x_mean[None])[0], map.skip)


def mutual_neighbours(
    X: Float[Tensor, "sent d"], Y: Float[Tensor, "other d"], k: int = 10
) -> tuple[Tensor, Tensor]:
    """Rows of X and of Y that are each other's nearest by CSLS, pair by pair."""
    unit = [rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12) for rows in (X, Y)]
    cosine = unit[0] @ unit[1].mT
    near_x = cosine.topk(min(k, cosine.shape[1]), dim=1).values.mean(1)
    near_y = cosine.topk(min(k, cosine.shape[0]), dim=0).values.mean(0)
    score = 2 * cosine - near_x[:, None] - near_y
    best_y, best_x = score.argmax(1), score.argmax(0)
    here = (best_x[best_y] == torch.arange(len(X), device=X.device)).nonzero()[:, 0]
    return here, best_y[here]


class ShortcutEntry(Fixed):
    """x ↦ x, noted for the exit."""

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The rows as they are."""
        self.noted = X
        return X


@dataclass(eq=False, repr=False)
class ShortcutExit(Around):
    """x ↦ T(e), e the row that went through the entry in the same run: what lies between has no say.

    Both belong to one joint configuration in cascade, the entry at the lower layer.
    """

    entry: ShortcutEntry
    aligner: Any

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The images of the rows that were noted."""
        noted = getattr(self.entry, "noted", None)
        if noted is None or noted.numel() != X.numel():
            raise InputError(
                "a shortcut's exit was reached without its entry: patch both in one run, in cascade"
            )
        return self.aligner.transform(noted.reshape(X.shape).to(X))
