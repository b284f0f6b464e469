"""One digest for the weights of a model, over their bytes."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from workbench.core.store import digest_json


def weights_digest(parameters: Iterable[tuple[str, Tensor]]) -> str:
    """Digest of names, shapes, dtypes and bytes; a weight under two names (tied) counts once."""
    seen: dict[int, str] = {}
    unique: list[tuple[str, Tensor]] = []
    for name, weight in sorted(parameters, key=lambda item: item[0]):
        if weight.data_ptr() not in seen:
            seen[weight.data_ptr()] = name
            unique.append((name, weight))
    # hashlib lets go of the interpreter lock, so two threads hash twice as fast.
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda item: _digest(item[1]), unique))
    return digest_json(
        [
            [name, list(weight.shape), str(weight.dtype), part]
            for (name, weight), part in zip(unique, parts, strict=True)
        ]
    )


def _digest(weight: Tensor) -> str:
    flat = weight.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(flat.numpy().data).hexdigest()
