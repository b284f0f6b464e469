"""What every aligner is: an estimator of the map source → target at one site.

Rows are sentences: `X[sent d_source]`, `Y[sent d_target]`, and the map is Y ≈ X W + b, so that a row
is mapped by `x W + b`. Fitted attributes end in `_`.
"""

import inspect
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError, did_you_mean


@runtime_checkable
class Aligner(Protocol):
    """Learns from parallel rows how to carry a source state to where the target's would be."""

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn the map; returns itself."""

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Apply the map to rows, in their own precision."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""


A = TypeVar("A")


class Params:
    """`get_params` and `set_params` as scikit-learn has them, read from the constructor."""

    @classmethod
    def _names(cls) -> list[str]:
        return list(inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments; with `deep`, those of a wrapped aligner as `name__argument`."""
        params = {name: getattr(self, name) for name in self._names()}
        if deep:
            for name, value in list(params.items()):
                if hasattr(value, "get_params"):
                    params |= {f"{name}__{key}": inner for key, inner in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments; what was fitted before stays until the next `fit`."""
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            if outer not in self._names():
                hint = did_you_mean(outer, self._names())
                raise InputError(f"{type(self).__name__} has no parameter {outer!r}: {hint}")
            if inner:
                getattr(self, outer).set_params(**{inner: value})
            else:
                setattr(self, outer, value)
        return self

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self.get_params(deep=False).items())
        return f"{type(self).__name__}({inside})"


def fresh(aligner: A) -> A:
    """The same aligner with the same settings, not fitted (wrapped ones included)."""
    params = aligner.get_params(deep=False)  # type: ignore[attr-defined]
    return type(aligner)(**{name: fresh(v) if hasattr(v, "get_params") else v for name, v in params.items()})


def check_pairs(X: Tensor, Y: Tensor) -> None:
    """Refuse what cannot be fitted: not two matrices of the same rows, or numbers that are none."""
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or len(X) == 0:
        raise InputError(
            f"an aligner needs [sent d] twice with the same sentences; {tuple(X.shape)} and "
            f"{tuple(Y.shape)} given"
        )
    for name, value in (("source", X), ("target", Y)):
        bad = ~torch.isfinite(value).all(dim=1)
        if bad.any():
            rows = bad.nonzero().flatten()[:3].tolist()
            raise InputError(
                f"{int(bad.sum())} {name} rows hold NaN or infinity (first: {rows}): capture in "
                "float32, or leave those sentences out"
            )


def affine(X: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """X W + b in the precision of X (float32 at least), and on its device."""
    dtype = X.dtype if X.dtype in (torch.float32, torch.float64) else torch.float32
    out = X.to(dtype)
    if weight is not None:
        out = out @ weight.to(X.device, dtype)
    if bias is not None:
        out = out + bias.to(X.device, dtype)
    return out.to(X.dtype)


def check_fitted(aligner: object, attribute: str) -> None:
    """Refuse to apply a map that was never fitted."""
    if not hasattr(aligner, attribute):
        raise InputError(f"{type(aligner).__name__} is not fitted yet: call fit(X, Y) first")


def check_width(X: Tensor, width: int) -> None:
    """Refuse rows of another width than the map was fitted on."""
    if X.shape[-1] != width:
        raise InputError(f"the map was fitted on width {width}, but the rows have {X.shape[-1]}")
