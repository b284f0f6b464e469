"""Convert a fitted aligner to JSON values and tensors, and back.

record, tensors = export(aligner)      # json.dumps(record) and safetensors, say
again = restore(record, tensors)       # maps every row to the same bits
"""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from workbench.align.base import Affine, Params
from workbench.core.errors import InputError, did_you_mean

Record = dict[str, Any]
"""Strict JSON: text, numbers (finite ones), true, false, null, lists and objects."""


def export(aligner: Any) -> tuple[Record, dict[str, Tensor]]:
    """What the aligner was told and what it has learned, the numbers in a flat dict of tensors.

    Tensors share the aligner's memory. A scikit-learn regressor is refused: only pickle could hold it.
    """
    tensors: dict[str, Tensor] = {}
    return _record(aligner, "", tensors), tensors


def restore(record: Record, tensors: Mapping[str, Tensor]) -> Any:
    """The aligner that `export` was given, fitted as it was."""
    try:
        return _aligner(record, tensors)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"no saved aligner: {type(error).__name__} {error}; give record and tensors as export() made them"
        ) from error


def _record(aligner: Any, path: str, tensors: dict[str, Tensor]) -> Record:
    if not isinstance(aligner, Params):
        raise InputError(
            f"{type(aligner).__name__} cannot be saved: only aligners of the workbench can, since reading a "
            "foreign object back would run code"
        )
    left_out = getattr(aligner, "not_exported", ())
    params = {k: v for k, v in aligner.get_params(deep=False).items() if k not in left_out}
    fitted = {k: v for k, v in vars(aligner).items() if k.endswith("_") and not k.startswith("_")}
    return {
        "kind": type(aligner).__name__,
        "params": {k: _encode(v, f"{path}{k}", tensors) for k, v in params.items()},
        "fitted": {k: _encode(v, f"{path}{k}", tensors) for k, v in fitted.items()},
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
        factors = _encode(value.factors, path, tensors)["tuple"]
        bias = _encode(value.bias, f"{path}.bias", tensors)
        return {"affine": {"factors": factors, "bias": bias, "skip": value.skip}}
    if isinstance(value, list | tuple):
        items = [_encode(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if hasattr(value, "tolist"):  # numpy
        return _encode(value.tolist(), path, tensors)
    return {"aligner": _record(value, f"{path}.", tensors)}


def _aligner(record: Record, tensors: Mapping[str, Tensor]) -> Any:
    kinds = {kind.__name__: kind for kind in _kinds(Params)}
    if record["kind"] not in kinds:
        raise InputError(f"unknown aligner {record['kind']!r}: {did_you_mean(record['kind'], kinds)}")
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
