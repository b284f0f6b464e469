"""A small network on top of ridge: what a linear map leaves, as far as held-out pairs confirm it."""

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Params, check_fitted, check_pairs, check_rows
from workbench.align.ridge import Ridge
from workbench.errors import InputError


class ResidualMLP(Params):
    """x ↦ x W + b + A relu(B z + c) + a, z the standardised x.

    W and b are ridge's, the rest is learned by Adam.
    A share `held_out` of the pairs is never learned from. The network is the one of the step with the least
    error on it, and training stops when `patience` steps have not found a better one; where no step beats
    ridge alone, ridge alone is what remains (`steps_` is 0).
    """

    def __init__(
        self,
        hidden: int = 128,
        steps: int = 400,
        patience: int = 40,
        rate: float = 3e-3,
        held_out: float = 0.2,
        seed: int = 0,
    ):
        self.hidden = hidden
        self.steps = steps
        self.patience = patience
        self.rate = rate
        self.held_out = held_out
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Fit ridge on most pairs; learn the rest on them, watching the others."""
        check_pairs(X, Y, at_least=4)
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
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Ridge's image, and what the network adds."""
        check_fitted(self, "steps_")
        check_rows(X, len(self.mean_))
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
            with torch.enable_grad():
                loss = (_network(weights, Z[learned]) - left[learned]).square().mean()
                gradients = torch.autograd.grad(loss, weights)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
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
