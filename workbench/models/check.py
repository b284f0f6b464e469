"""Checks of a loaded model: whole, each tensor from its files, and hooks that do what they say."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from workbench.core.errors import ModelError, quoted
from workbench.core.types import Site, expand_sites
from workbench.models.base import Batch, Hook, LanguageModel
from workbench.models.bridge import BridgeModel
from workbench.models.folder import REBUILT
from workbench.models.tokens import TokenReader

# Check that a loaded model is complete: each tensor from its files, each token with an embedding.


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
    mismatched = [
        f"{key} ({_shape(held)} in the file, {_shape(asked)} in the model)"
        for key, held, asked in report["mismatched_keys"]
    ]
    faults = {
        "missing": missing,
        "not of this architecture": unexpected,
        "of another shape": mismatched,
        "unreadable": report["error_msgs"],
    }
    if any(faults.values()):
        listed = "; ".join(_listed(what, keys) for what, keys in faults.items() if keys)
        raise ModelError(
            f"the checkpoint of {quoted(name)} does not fit its configuration: {listed}: copy the model "
            "again, and take config.json and weights from the same model"
        )


def _listed(what: str, keys: Iterable[str]) -> str:
    keys = sorted(keys)
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


# Self-check of a loaded model on a short input.


LOGITS_TOLERANCE = 5e-5  # of the logits' scale, where that exceeds 1; float32
STREAM_TOLERANCE = 1e-5  # of the residual's scale; float32
# Half precision carries 8 (bf16) or 11 (fp16) bits: kernels that sum in another order differ so much.
_HALF = {"torch.bfloat16": 5e-2, "torch.float16": 1e-2}


def probe_ids(d_vocab: int) -> Tensor:
    """A short input that every vocabulary has, the same one each time."""
    return (3 + (torch.arange(12) * 7919) % max(d_vocab - 3, 1)).clamp(max=d_vocab - 1)


def reference_logits(causal: Any) -> Tensor:
    """The Hugging Face model's own logits, taken before anything is wrapped around it."""
    ids = probe_ids(causal.get_input_embeddings().weight.shape[0])[None]
    with torch.inference_mode():
        return causal(input_ids=ids.to(causal.device), use_cache=False).logits.float().cpu()


def self_check(model: LanguageModel, reference: Tensor | None) -> LanguageModel:
    """Check logits, residual sites and the head; raise `ModelError` with site and remedy.

    Returns the model, its `info.self_check` filled with the largest differences found.
    """
    info = model.info
    batch = model.batch([probe_ids(info.d_vocab).tolist()])
    seen: dict[Site, Tensor] = {}
    stream = expand_sites(("resid_pre", "resid_post"), info.n_layers)
    with torch.inference_mode():
        logits = model.run(batch, hooks={site: _copy_to(seen, site) for site in stream})
        _check_stream(model, (*batch.ids.shape, info.d_model), seen)
        top = seen[Site(info.n_layers - 1, "resid_post")]
        rebuilt = model.unembed(model.final_norm(top.to(logits.device)))
    differences = {"unembed": _difference(rebuilt, logits)}
    if reference is not None:
        differences["logits"] = _difference(logits, reference)
    for what, difference in differences.items():
        _judge(model, what, difference)
    if isinstance(model, BridgeModel):
        differences["unwrapped"] = _check_unwrapping(model, batch, seen)
    model.info = replace(info, self_check=differences)
    return model


def _copy_to(seen: dict[Site, Tensor], site: Site) -> Hook:
    return lambda h: seen.update({site: h.detach().float()})


def _check_stream(model: LanguageModel, shape: tuple[int, ...], seen: dict[Site, Tensor]) -> None:
    for site, value in seen.items():
        if tuple(value.shape) != shape:
            raise ModelError(
                f"self-check failed at {site} of {model.info.architecture} ({model.info.backend}): "
                f"shape {tuple(value.shape)} where {shape} was expected; try the other backend"
            )
        if not value.isfinite().all():
            raise ModelError(
                f"self-check failed at {site} of {model.info.architecture}: values are not finite "
                f"in {model.info.dtype}; load with dtype=float32 or bfloat16"
            )


def _difference(a: Tensor, b: Tensor) -> float:
    a, b = a.float().cpu(), b.float().cpu()
    return float((a - b).abs().max() / b.abs().max().clamp(min=1.0))


def _judge(model: LanguageModel, what: str, difference: float) -> None:
    allowed = _HALF.get(model.info.dtype, LOGITS_TOLERANCE)
    if not difference <= allowed:
        where = "logits" if what == "logits" else "final norm and unembedding"
        raise ModelError(
            f"self-check failed at {where} of {model.info.architecture} ({model.info.backend}): "
            f"they differ from the model's own by {difference:.1e} (allowed {allowed:.0e}); "
            'try the other backend, or attn="eager"'
        )


def _check_unwrapping(model: BridgeModel, batch: Batch, seen: dict[Site, Tensor]) -> float:
    """Compare the stream of the unwrapped modules with the bridge's; trust them only if equal."""
    again: dict[Site, Tensor] = {}
    model.unwrapping_is_exact = True
    with torch.inference_mode(), model.reading({s: _copy_to(again, s) for s in seen}) as read:
        read(batch)
    worst = max(
        float((again[site] - value).abs().max() / value.abs().max().clamp(min=1e-6))
        for site, value in seen.items()
    )
    # A user's bridge may carry processed weights that the modules beneath it do not have.
    model.unwrapping_is_exact = worst <= _HALF.get(model.info.dtype, STREAM_TOLERANCE)
    return worst
