"""Check that a loaded model is complete: each tensor from its files, each token with an embedding."""

from collections.abc import Iterable
from typing import Any

from workbench.core.errors import ModelError, quoted
from workbench.models.folder import REBUILT
from workbench.models.tokens import TokenReader

_SHOWN = 4


def check_weights(name: str, causal: Any, report: dict[str, Any]) -> None:
    """Refuse a checkpoint with tensors missing, left over or of another shape.

    `report` is the loading info of transformers, which fills what is missing at random. A tied head and
    buffers that the model computes itself are no faults.
    """
    learned = dict(causal.named_parameters())
    buffers = dict(causal.named_buffers())
    missing = [key for key in report["missing_keys"] if key in learned or not REBUILT.search(key)]
    unexpected = [
        key
        for key in report["unexpected_keys"]
        if not REBUILT.search(key) and not any(f".{buffer}".endswith(f".{key}") for buffer in buffers)
    ]
    faults = [
        _listed("missing", missing),
        _listed("not of this architecture", unexpected),
        _listed(
            "of another shape",
            (
                f"{key} ({_shape(found)} in the file, {_shape(asked)} in the model)"
                for key, found, asked in report["mismatched_keys"]
            ),
        ),
        _listed("unreadable", report["error_msgs"]),
    ]
    if any(faults):
        raise ModelError(
            f"the checkpoint of {quoted(name)} does not fit its configuration: "
            f"{'; '.join(fault for fault in faults if fault)}: copy the model again, and take config.json "
            "and weights from the same model"
        )


def _listed(what: str, keys: Iterable[str]) -> str:
    keys = sorted(keys)
    if not keys:
        return ""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    noun = "tensor is" if len(keys) == 1 else "tensors are"
    return f"{len(keys)} {noun} {what}: " + ", ".join(quoted(key)[1:-1] for key in keys[:_SHOWN]) + more


def _shape(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "one number"


def check_vocabulary(name: str, tokens: TokenReader, rows: int) -> None:
    """Refuse a tokenizer with ids beyond the embedding.

    Special tokens that were added on top are let through: some models (Gemma 3) name tokens for images
    that the text model has no row for, and no text makes them.
    """
    tokenizer = tokens.tokenizer
    added = getattr(tokenizer, "added_tokens_decoder", {})
    special = {token for token, entry in added.items() if entry.special}
    used = {*tokenizer.get_vocab().values()} - special | {*tokens.prefix, tokens.pad}
    if max(used) >= rows or min(used) < 0:
        raise ModelError(
            f"the tokenizer of {quoted(name)} has ids up to {max(used)}, but the model has embeddings for "
            f"0 … {rows - 1}: take tokenizer and weights from the same model"
        )
