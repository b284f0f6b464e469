"""The bases of all aligners: estimators of the map source → target at one site, affine maps, export.

Rows are sentences: `X[sent d_source]`, `Y[sent d_target]`, and the map is Y ≈ X W + b, so that a row
is mapped by `x W + b`. Fitted attributes end in `_`.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from math import isfinite
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.numbers import as_tensor
from workbench.core.types import check_name


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
            check_name(outer, self._names(), f"parameter of {type(self).__name__}")
            if inner:
                getattr(self, outer).set_params(**{inner: value})
            else:
                setattr(self, outer, value)
        return self

    def __repr__(self) -> str:
        inside = ", ".join(
            f"{name}=<{list(value.shape)}>" if isinstance(value, Tensor) else f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
        )
        return f"{type(self).__name__}({inside})"


class Estimator(Params, ABC):
    """An aligner that learns from checked pairs: subclasses write `_fit` and `transform`."""

    at_least = 1  # sentences
    equal_widths = False

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn the map from matching rows; returns itself."""
        X, Y = check_pairs(X, Y, self.at_least)
        if self.equal_widths and X.shape != Y.shape:
            raise InputError(f"{type(self).__name__} needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        self._fit(X, Y)
        self.n_ = len(X)
        return self

    @abstractmethod
    def _fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> None:
        """Learn the map from rows that are checked."""


class Wrapper(Estimator):
    """An aligner around another one, `aligner`, of which it fits a copy, `aligner_`."""

    aligner: Any
    aligner_: Aligner

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """The map of the fitted copy."""
        check_fitted(self, "aligner_")
        return self.aligner_.transform(X)


class Fixed(Params):
    """An aligner that has nothing to learn."""

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Returns itself."""
        return self


class Around(Params):
    """An aligner around another one, `aligner`, which it fits itself and which may be fitted already."""

    aligner: Any

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Fit the wrapped aligner; returns itself."""
        self.aligner.fit(X, Y)
        return self


@dataclass(eq=False, repr=False)
class Regressor(Estimator):
    """The objective of a scikit-learn regressor, which gets and gives numpy arrays in float64."""

    estimator: Any

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        try:
            self.estimator_ = _copy(self.estimator).fit(_to_numpy(X), _to_numpy(Y))
        except ValueError as error:
            raise InputError(f"{type(self.estimator).__name__} rejects these states: {error}") from error
        self.shape_ = X.shape[1], Y.shape[1]
        self.unregularized_ = type(self.estimator).__name__ == "LinearRegression"

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """What the regressor predicts, as a tensor like X."""
        check_fitted(self, "estimator_")
        X = check_rows(X, self.shape_[0])
        predicted = self.estimator_.predict(_to_numpy(X.reshape(-1, self.shape_[0])))
        return torch.as_tensor(predicted).reshape(*X.shape[:-1], self.shape_[1]).to(X)


def fresh(aligner: Any) -> Any:
    """The same aligner, not fitted (nor is a wrapped one); of a scikit-learn regressor an aligner is made."""
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
            raise InputError(
                f"{int(bad.sum())} {name} rows hold NaN or infinity (first: "
                f"{bad.nonzero().flatten()[:3].tolist()}): capture in float32, or leave those sentences out"
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


@dataclass(frozen=True, eq=False)
class Affine:
    """x ↦ skip · x + x A₁ A₂ … + b; without factors it only scales and shifts."""

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
            raise InputError(
                f"mapped states exceed the range of {str(X.dtype).removeprefix('torch.')}: give them in "
                "float32 or bfloat16"
            )
        return out


class Linear(Params):
    """An aligner with `map_`, x ↦ x W + b."""

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


class LinearAligner(Linear, Estimator):
    """One that learns its `map_`."""


Record = dict[str, Any]
"""Strict JSON: text, numbers (finite ones), true, false, null, lists and objects."""


# Fitted aligners as JSON values and tensors, which safetensors can hold, and back, to the bit.


def export(aligner: Any) -> tuple[Record, dict[str, Tensor]]:
    """Settings and fitted attributes, the numbers in a flat dict of tensors that share the aligner's memory.

    A scikit-learn regressor is refused: only pickle could hold it.
    """
    tensors: dict[str, Tensor] = {}
    return _record(aligner, "", tensors), tensors


def restore(record: Record, tensors: Mapping[str, Tensor]) -> Any:
    """The aligner that `export` was given, fitted as it was."""
    try:
        return _aligner(record, tensors)
    except (KeyError, TypeError, AttributeError, ValueError, AssertionError) as error:
        raise InputError(
            f"no saved aligner: {type(error).__name__} {error}; give record and tensors as export() made them"
        ) from error


def _record(aligner: Any, path: str, tensors: dict[str, Tensor]) -> Record:
    if not isinstance(aligner, Params):
        raise InputError(
            f"{type(aligner).__name__} cannot be saved: only aligners of the workbench can, since reading a "
            "foreign object back would run code"
        )
    return {
        "kind": type(aligner).__name__,
        "params": {
            k: _encode(v, f"{path}{k}", tensors)
            for k, v in aligner.get_params(deep=False).items()
            if k not in getattr(aligner, "not_exported", ())
        },
        "fitted": {
            k: _encode(v, f"{path}{k}", tensors)
            for k, v in vars(aligner).items()
            if k.endswith("_") and not k.startswith("_")
        },
    }


def _encode(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        tensors[path] = value.contiguous()
        return {"tensor": path}
    if isinstance(value, Affine):
        return {
            "affine": {
                "factors": _encode(value.factors, path, tensors)["tuple"],
                "bias": _encode(value.bias, f"{path}.bias", tensors),
                "skip": value.skip,
            }
        }
    if isinstance(value, list | tuple):
        items = [_encode(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if hasattr(value, "tolist"):  # numpy
        return _encode(value.tolist(), path, tensors)
    return {"aligner": _record(value, f"{path}.", tensors)}


def _aligner(record: Record, tensors: Mapping[str, Tensor]) -> Any:
    # A class of another package may have the name of one of ours, which then is meant.
    every = sorted(_kinds(Params), key=lambda kind: kind.__module__.startswith("workbench."))
    kinds = {kind.__name__: kind for kind in every}
    check_name(record["kind"], kinds, "aligner")
    kind: Any = kinds[record["kind"]]
    params = {name: _decode(value, tensors) for name, value in record["params"].items()}
    aligner = kind(**params, **{name: torch.empty(0) for name in getattr(kind, "not_exported", ())})
    for name, value in record["fitted"].items():
        if not name.endswith("_") or name.startswith("_"):
            raise ValueError(f"{name!r} is no fitted attribute")
        setattr(aligner, name, _decode(value, tensors))
    return aligner


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    match value:
        case {"float": text}:
            return float(text)
        case {"tensor": path}:
            return tensors[path]
        case {"affine": {"factors": factors, "bias": bias, "skip": skip}}:
            return Affine(_decode({"tuple": factors}, tensors), _decode(bias, tensors), skip)
        case {"tuple": items}:
            return tuple(_decode(item, tensors) for item in items)
        case {"list": items}:
            return [_decode(item, tensors) for item in items]
        case {"aligner": record}:
            return _aligner(record, tensors)
        case dict():
            raise ValueError(f"unknown entry {next(iter(value), None)!r}")
    return value


def _kinds(base: type[Params]) -> Iterator[type[Params]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
