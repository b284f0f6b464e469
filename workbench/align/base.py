"""The base of all aligners: an estimator of the map source → target at one site.

Rows are sentences: `X[sent d_source]`, `Y[sent d_target]`, and the map is Y ≈ X W + b, so that a row
is mapped by `x W + b`. Fitted attributes end in `_`.
"""

import inspect
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean
from workbench.core.types import as_tensor


@runtime_checkable
class Aligner(Protocol):
    """Learns from parallel rows how to carry a source state to where the target's would be."""

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn the map; returns itself."""

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Apply the map to rows, in their own precision."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""


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
        inside = ", ".join(f"{k}={_shown(v)}" for k, v in self.get_params(deep=False).items())
        return f"{type(self).__name__}({inside})"


def _shown(value: Any) -> str:
    return f"<{list(value.shape)}>" if isinstance(value, Tensor) else repr(value)


class Regressor(Params):
    """The objective of a scikit-learn regressor, which gets and gives numpy arrays in float64."""

    def __init__(self, estimator: Any):
        self.estimator = estimator

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Fit a copy of the regressor."""
        X, Y = check_pairs(X, Y)
        try:
            self.estimator_ = _copy(self.estimator).fit(_to_numpy(X), _to_numpy(Y))
        except ValueError as error:
            raise InputError(f"{type(self.estimator).__name__} rejects these states: {error}") from error
        self.shape_, self.n_ = (X.shape[1], Y.shape[1]), len(X)
        self.unregularized_ = type(self.estimator).__name__ == "LinearRegression"
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """What the regressor predicts, as a tensor like X."""
        check_fitted(self, "estimator_")
        X = check_rows(X, self.shape_[0])
        predicted = self.estimator_.predict(_to_numpy(X.reshape(-1, self.shape_[0])))
        return torch.as_tensor(predicted).reshape(*X.shape[:-1], self.shape_[1]).to(X)


def fresh(aligner: Any) -> Any:
    """The same aligner with the same settings, not fitted (wrapped ones included).

    Of anything with `predict`, as scikit-learn's regressors have it, an aligner is made.
    """
    return _copy(aligner) if not hasattr(aligner, "predict") else Regressor(_copy(aligner))


def _copy(value: Any) -> Any:
    if isinstance(value, Params):
        return type(value)(**{name: _copy(inner) for name, inner in value.get_params(deep=False).items()})
    if hasattr(value, "get_params"):
        from sklearn.base import clone

        return clone(value)
    return value


def _to_numpy(X: Tensor) -> NDArray[np.float64]:
    return X.detach().to("cpu", torch.float64).numpy()


def check_pairs(X: Tensor, Y: Tensor, at_least: int = 1) -> tuple[Tensor, Tensor]:
    """The two as tensors; refuse other than two matrices of the same rows, and numbers that are none."""
    X, Y = as_tensor(X, "X"), as_tensor(Y, "Y")
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or len(X) == 0:
        raise InputError(
            f"an aligner needs [sent d] twice with the same sentences; {tuple(X.shape)} and "
            f"{tuple(Y.shape)} given"
        )
    if len(X) < at_least:
        raise InputError(f"this needs at least {at_least} sentences; {len(X)} given")
    for name, value in (("source", X), ("target", Y)):
        bad = ~torch.isfinite(value).all(dim=1)
        if bad.any():
            rows = bad.nonzero().flatten()[:3].tolist()
            raise InputError(
                f"{int(bad.sum())} {name} rows hold NaN or infinity (first: {rows}): capture in "
                "float32, or leave those sentences out"
            )
    return X, Y


def check_fitted(aligner: object, attribute: str) -> None:
    """Refuse to apply a map that was never fitted."""
    if not hasattr(aligner, attribute):
        raise InputError(f"{type(aligner).__name__} is not fitted yet: call fit(X, Y) first")


def check_rows(X: Tensor, width: int) -> Tensor:
    """The rows as a tensor; refuse another width than the map was fitted on, and numbers that are none."""
    X = as_tensor(X, "X")
    if X.shape[-1] != width:
        raise InputError(f"the map was fitted on width {width}, but the rows have {X.shape[-1]}")
    if not torch.isfinite(X).all():
        bad = int((~torch.isfinite(X).all(dim=-1)).sum())
        raise InputError(f"{bad} of the rows to map hold NaN or infinity: capture in float32")
    return X
