"""Fitted affine maps, and the base class of aligners that learn one."""

from dataclasses import dataclass
from functools import reduce
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Estimator, check_fitted, check_rows
from workbench.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Affine:
    """x ↦ skip · x + x A₁ A₂ … + b.

    A product of a tall and a wide matrix holds a map of rank r in r (d_source + d_target) numbers, and is
    applied at that cost. Without factors it only scales and shifts.
    """

    factors: tuple[Float[Tensor, "_ _"], ...]
    bias: Float[Tensor, " d_target"] | None = None
    skip: float = 0.0

    def __post_init__(self) -> None:
        # One layout in memory: another could change the last bit of a product after saving and loading.
        object.__setattr__(self, "factors", tuple(factor.contiguous() for factor in self.factors))
        assert self.factors or self.bias is not None

    @classmethod
    def of(
        cls,
        left: Float[Tensor, "d_source rank"],
        right: Float[Tensor, "rank d_target"],
        bias: Float[Tensor, " d_target"] | None = None,
        skip: float = 0.0,
    ) -> Self:
        """W = left · right, multiplied out where that takes less room than the two (skip included)."""
        rank, d_source, d_target = left.shape[1], left.shape[0], right.shape[1]
        if rank * (d_source + d_target) < d_source * d_target:
            return cls((left, right), bias, skip)
        weight = left @ right
        if skip:
            weight.diagonal().add_(skip)
        return cls((weight,), bias)

    @property
    def width(self) -> int:
        """How many numbers a row has that goes in."""
        if self.factors:
            return self.factors[0].shape[0]
        assert self.bias is not None
        return len(self.bias)

    @property
    def weight(self) -> Float[Tensor, "d_source d_target"]:
        """W as one matrix."""
        if not self.factors:
            assert self.bias is not None
            return self.skip * torch.eye(self.width).to(self.bias)
        weight = reduce(torch.matmul, self.factors)
        if self.skip:
            weight = weight.clone() if len(self.factors) == 1 else weight
            weight.diagonal().add_(self.skip)
        return weight

    @property
    def nbytes(self) -> int:
        """The room it takes."""
        parts = (*self.factors, *(() if self.bias is None else (self.bias,)))
        return sum(part.numel() * part.element_size() for part in parts)

    def __call__(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """The image of rows in their precision (computed in float32 at least), on their device."""
        dtype = X.dtype if X.dtype in (torch.float32, torch.float64) else torch.float32
        rows = X.to(dtype)
        out = reduce(lambda value, factor: value @ factor.to(X.device, dtype), self.factors, rows)
        if not self.factors:
            out = rows if self.skip == 1 else self.skip * rows
        elif self.skip:
            out = out + self.skip * rows
        if self.bias is not None:
            out = out + self.bias.to(X.device, dtype)
        out = out.to(X.dtype)
        if not torch.isfinite(out).all():
            name = str(X.dtype).removeprefix("torch.")
            raise InputError(f"mapped states exceed the range of {name}: give them in float32 or bfloat16")
        return out


class LinearAligner(Estimator):
    """An aligner that learns `map_`, x ↦ x W + b."""

    map_: Affine

    @property
    def weight_(self) -> Float[Tensor, "d_source d_target"]:
        """W, multiplied out each time it is asked for where the map is kept in factors."""
        return self.map_.weight

    @property
    def bias_(self) -> Float[Tensor, " d_target"] | None:
        """b, or None where the map goes through the origin."""
        return self.map_.bias

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """X W + b."""
        check_fitted(self, "map_")
        return self.map_(check_rows(X, self.map_.width))
