"""Whether a model folder can be what it says, before anything is built from it.

Only local folders are looked at here. What can be known of their files without reading a weight is held
against the configuration, so that a damaged folder costs neither time nor memory.
"""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from workbench.core.errors import ModelError, quoted

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
        reason = (
            "it holds GGUF files, which are not read: give the original model that they were made from"
            if gguf
            else "it has no config.json"
        )
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
    for inner in _listed(processor.get("processors")):
        _check_template(path, inner)
    known = processor.get("special_tokens") or {}
    for piece in _listed(processor.get("single")) + _listed(processor.get("pair")):
        token = piece.get("SpecialToken") if isinstance(piece, dict) else None
        name = token.get("id") if isinstance(token, dict) else None
        if isinstance(name, str) and name not in known:
            raise ModelError(
                f"{quoted(str(path))} is damaged: its template has {quoted(name)}, which it does not define: "
                "copy it again"
            )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def check_shape(folder: Path | None, raw: dict[str, Any], config: Any) -> None:
    """Refuse a configuration that leaves out its layers, width or heads, or no model can have.

    transformers fills in what is left out, and a wrong number of heads fits the same weights. `folder`
    is that of a local model, `raw` its configuration as written.
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
    from transformers import AutoModelForCausalLM

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
