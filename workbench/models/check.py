"""Checks of a model's folder before it is loaded, and of the loaded model: all tensors, true hooks."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import AutoModelForCausalLM

from workbench.core.errors import ModelError, quoted
from workbench.core.types import Site, expand_sites
from workbench.models.base import Batch, Hook, LanguageModel
from workbench.models.bridge import BridgeModel
from workbench.models.tokens import TokenReader

# Whether a model folder can be what it says.
#
# Only local folders, and without reading a weight, so that a damaged one costs neither time nor memory.


WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_JSON = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
    INDEX,
)
_COUNTS = frozenset(
    "num_hidden_layers n_layer num_layers num_attention_heads n_head attention_heads num_key_value_heads "
    "head_dim hidden_size n_embd d_model vocab_size".split()
)
_DISTRIBUTED = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")

# Buffers that are computed, not learned: old checkpoints hold them, and every loader makes its own.
REBUILT = re.compile(
    r"(^|\.)(rotary_emb\.inv_freq|position_ids|masked_bias|embed_positions\.weights|"
    r"(attn|attention|self_attn|self_attention)\.(bias|mask|causal_mask))$"
)
# How far the numbers that a configuration asks for may exceed those in its files before the model
# is not even made to see which are missing.
_TOO_MANY = 50_000_000
_MOST_LAYERS = 2000


def check_name(name: str) -> None:
    """Refuse what can be neither a hub name nor the path of a folder."""
    if not name.strip():
        raise ModelError("no model is named: give a hub name or the path of a folder")
    try:
        os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        if name.startswith(("/", ".", "~", "\\")) or name.count("/") > 1:
            raise ModelError(
                f"there is no folder {quoted(name)}: check the path, or give a hub name (owner/model)"
            ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or quoted(str(error))[1:-1]
        raise ModelError(f"{quoted(name, 80)} is no model that can be read: {reason}") from error
    else:
        if not os.path.isdir(name):
            raise ModelError(f"{quoted(name)} is not a folder: give the folder that holds config.json")


def check_settings(folder: Path) -> dict[str, Any]:
    """The configuration of a local model, every JSON file beside it checked as well."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ModelError(f"{quoted(str(folder))} cannot be read: {error.strerror}") from error
    if "adapter_config.json" in names:
        raise ModelError(
            f"{quoted(str(folder))} holds an adapter (adapter_config.json), which is not read: merge it into "
            "its base model (peft: merge_and_unload) and give the folder of the result"
        )
    if "config.json" not in names:
        gguf = any(name.endswith(".gguf") for name in names)
        reason = "it holds GGUF files: name one of them" if gguf else "it has no config.json"
        raise ModelError(f"{quoted(str(folder))} is not a model directory: {reason}")
    objects = {name: _read_object(folder / name) for name in _JSON if name in names}
    _check_template(folder / "tokenizer.json", objects.get("tokenizer.json", {}).get("post_processor"))
    config = objects["config.json"]
    weights = config.get("transformers_weights", WEIGHTS)
    if weights != WEIGHTS:
        raise ModelError(
            f"{quoted(str(folder / 'config.json'))}: transformers_weights is {quoted(weights)}: "
            f"name the file {WEIGHTS} and take the field out"
        )
    text = config.get("text_config")
    for field, value in (*config.items(), *(text.items() if isinstance(text, dict) else ())):
        if field in _COUNTS and type(value) is int and value < 1:
            raise ModelError(
                f"{quoted(str(folder / 'config.json'))}: {field} is {value}, but a model needs at least 1"
            )
    return config


def _read_object(path: Path) -> dict[str, Any]:
    where = f"{quoted(str(path))} is damaged"
    if not path.is_file():
        raise ModelError(f"{quoted(str(path))} is not a file that can be read: copy the model again")
    try:
        value = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ModelError(f"{where}: it is nested too deep: copy it again") from error
    except OSError as error:
        raise ModelError(f"{quoted(str(path))} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{where}: it is not JSON ({quoted(str(error))[1:-1]}): copy it again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{where}: it holds a {type(value).__name__} where an object belongs: copy it again")
    return value


def _check_template(path: Path, processor: Any) -> None:
    """Refuse a template with tokens it does not define, at which the tokenizers library panics."""
    if not isinstance(processor, dict):
        return
    for inner in _entries(processor.get("processors")):
        _check_template(path, inner)
    known = processor.get("special_tokens") or {}
    for piece in _entries(processor.get("single")) + _entries(processor.get("pair")):
        token = piece.get("SpecialToken") if isinstance(piece, dict) else None
        name = token.get("id") if isinstance(token, dict) else None
        if isinstance(name, str) and name not in known:
            raise ModelError(
                f"{quoted(str(path))} is damaged: its template has {quoted(name)}, which it does not define: "
                "copy it again"
            )


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def check_shape(folder: Path | None, raw: dict[str, Any], config: Any) -> None:
    """Refuse a configuration that leaves out its layers, width or heads, or no model can have.

    transformers fills in what is left out. `folder` is that of a local model, `raw` its configuration.
    """
    where = "the configuration" if folder is None else quoted(str(folder / "config.json"))
    text, renamed = config.get_text_config(), getattr(config, "attribute_map", {})
    facts = ("num_hidden_layers", "hidden_size", "num_attention_heads")
    for fact in facts:
        # The parts of a model for text and images may rely on their defaults.
        names = {fact, renamed.get(fact, fact)} | ({"n_embed"} if fact == "hidden_size" else set())
        if folder and "text_config" not in raw and hasattr(text, fact) and not names & raw.keys():
            raise ModelError(f"{where} has no {' or '.join(sorted(names))}: copy it again")
    if getattr(text, "num_hidden_layers", 1) > _MOST_LAYERS:
        raise ModelError(f"{where}: {text.num_hidden_layers} layers are more than any model has")
    width, heads = getattr(text, "hidden_size", 1), getattr(text, "num_attention_heads", 1)
    if getattr(text, "head_dim", None) is None and isinstance(heads, int) and width % heads:
        raise ModelError(f"{where}: {heads} heads do not divide the width {width}")
    groups = getattr(text, "num_key_value_heads", None)
    if type(groups) is int and isinstance(heads, int) and heads % groups:
        raise ModelError(f"{where}: {groups} heads for keys and values do not divide {heads} heads")


def check_files(folder: Path, config: Any, own_code: bool = False) -> None:
    """Refuse weights that cannot be read, are pickled, or are far too few for the configuration."""
    held: dict[str, Path] = {}
    numbers = 0
    quantised = getattr(config, "quantization_config", None) is not None
    for path in _weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a dictionary
                    part = file.get_slice(name)
                    numbers += torch.Size(part.get_shape()).numel()
                    if name in held:
                        raise ModelError(
                            f"{quoted(name)} is both in {held[name].name} and in {path.name} of "
                            f"{quoted(str(folder))}: leave one"
                        )
                    held[name] = path
                    kind = part.get_dtype()
                    if not (quantised or REBUILT.search(name) or kind.startswith(("F", "BF"))):
                        raise ModelError(
                            f"{quoted(str(path))} holds {quoted(name)} as {kind}, but weights are "
                            "floating-point numbers: copy it again"
                        )
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{quoted(str(path))} is damaged or incomplete: {quoted(str(error))[1:-1]}: copy it again"
            ) from error
    if not (quantised or own_code):
        _check_numbers(folder, config, numbers)


def _check_numbers(folder: Path, config: Any, numbers: int) -> None:
    with torch.device("meta"):  # shapes without memory
        causal = AutoModelForCausalLM.from_config(config)
    asked = sum(made.numel() for made in (*causal.parameters(), *causal.buffers()))
    if asked > 2 * numbers + _TOO_MANY:
        raise ModelError(
            f"{quoted(str(folder))}: the configuration asks for {asked:,} numbers, but its files hold "
            f"{numbers:,}: take config.json and weights from the same model"
        )


def _weight_files(folder: Path) -> Iterable[Path]:
    names = sorted(os.listdir(folder))
    if any(_DISTRIBUTED.match(name) for name in names):
        raise ModelError(
            f"{quoted(str(folder))} is a distributed checkpoint, which is not read: save the model with "
            "save_pretrained"
        )
    if WEIGHTS in names:
        if not (folder / WEIGHTS).is_file():
            raise ModelError(f"{quoted(str(folder / WEIGHTS))} is not a file: copy the model again")
        return [folder / WEIGHTS]
    if INDEX in names:
        return _shards(folder)
    if any(name.endswith(_PICKLED) for name in names):
        raise ModelError(
            f"{quoted(str(folder))} has its weights as pickle only, which is not read because it can run any "
            "code: convert it where you trust it, "
            "AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)"
        )
    if any(name.endswith(".gguf") for name in names):
        raise ModelError(
            f"{quoted(str(folder))} has its weights as GGUF only, which is not read: give the original model"
        )
    raise ModelError(f"{quoted(str(folder))} has no weights: it needs {WEIGHTS}, or shards and {INDEX}")


def _shards(folder: Path) -> list[Path]:
    index = folder / INDEX
    where = _read_object(index).get("weight_map")
    if not isinstance(where, dict) or not where or not all(isinstance(name, str) for name in where.values()):
        raise ModelError(f"{quoted(str(index))} is damaged: it names no files: copy it again")
    paths = [folder / name for name in sorted(set(where.values()))]
    for path in paths:
        if path.parent != folder or path.suffix != ".safetensors" or not path.is_file():
            raise ModelError(
                f"{quoted(str(index))} names {quoted(path.name)}, which is missing: copy the model again"
            )
    return paths


# Check that a loaded model is complete: each tensor from its files, each token with an embedding.


_SHOWN = 4


def check_weights(name: str, causal: Any, report: dict[str, Any]) -> None:
    """Refuse a checkpoint with tensors missing, left over or of another shape.

    `report` is the loading info of transformers. A tied head and computed buffers are no faults.
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

    Added special tokens are let through: some models (Gemma 3) name tokens for images, which no text makes.
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


def _allowed(model: LanguageModel, exact: float) -> float:
    """How far numbers may be apart; products with quantised weights are rounded as in half precision."""
    if (model.info.quantisation or "").startswith("bitsandbytes"):
        return _HALF["torch.float16"]
    return _HALF.get(model.info.dtype, exact)


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
    allowed = _allowed(model, LOGITS_TOLERANCE)
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
    model.unwrapping_is_exact = worst <= _allowed(model, STREAM_TOLERANCE)
    return worst
