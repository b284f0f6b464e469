"""From a name, a directory or an object the user already has, to a checked `LanguageModel`."""

import copy
import shutil
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from transformer_lens.model_bridge import TransformerBridge

from workbench.core.bundled import MODELS, resolved
from workbench.core.errors import ModelError, quoted
from workbench.core.types import check_name
from workbench.models.base import LanguageModel, ModelInfo
from workbench.models.bridge import BRIDGED_FROM_4, BridgeModel
from workbench.models.check import (
    check_vocabulary,
    reference_logits,
    self_check,
)
from workbench.models.hooked import (
    HookedModel,
    build_hooked,
    hooked_transformer_class,
    processing_of,
)
from workbench.models.reading import (
    first_line,
    gguf_type,
    located,
    quantised,
    quietly,
    read_causal,
    read_config,
    read_tokenizer,
    reported_errors,
    text_model,
)
from workbench.models.tokens import Bos, TokenReader

BACKENDS: tuple[str, ...] = ("bridge", "hooked")

_DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}


def load_model(
    name_or_dir: str | Path,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    backend: str = "bridge",
    attn: str | None = None,
    revision: str | None = None,
    device_map: str | dict[str, Any] | None = None,
    trust_remote_code: bool = False,
    bos: Bos = "tokenizer",
    title: str | None = None,
    quantise: str | None = None,
) -> LanguageModel:
    """Load a model by hub name, from a local directory or a GGUF file, and check it before handing it over.

    `"organism"` is the small one that comes with the project. A GGUF file is `FILE.gguf`, or
    `owner/model:FILE.gguf` at the hub; its weights are made into floating-point numbers. `dtype` is float32
    on a CPU and the checkpoint's own on a GPU; `attn` is `sdpa` where the architecture has it, else `eager`.
    `backend="hooked"` gives a `HookedTransformer` with nothing folded and nothing centred, so that both
    backends hold the same residual stream. Texts become tokens as the tokenizer makes them; `bos="always"`
    puts a BOS before each, as TransformerLens does, and `bos="never"` none. `quantise="8bit"` or `"4bit"`
    stores the weights of linear layers in so many bits (through bitsandbytes). `title` is what tables and
    figures call the model, in place of its own name.
    """
    check_name(backend, BACKENDS, "backend", ModelError)
    if backend == "hooked":
        hooked_transformer_class()
        if device_map is not None:
            raise ModelError('device_map is for backend="bridge": HookedTransformer takes a device')
    name, gguf_file = located(resolved(name_or_dir, MODELS))
    place, clock = str(device or _default_device()), _Clock()
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    options |= {"gguf_file": gguf_file} if gguf_file else {}
    smaller = quantised(quantise, place)
    if smaller and (gguf_file is not None or backend == "hooked" or device_map is not None):
        raise ModelError("quantise goes with none of: a GGUF file, the hooked backend, device_map")
    with reported_errors(name), quietly():
        config = read_config(name, **options)
        kind = _dtype(dtype, place, config)
        clock.lap("configuration")
        reader = read_tokenizer(name, bos=bos, **options)
        clock.lap("tokenizer")
        how = {"dtype": kind, "device_map": device_map} | options | smaller
        causal = read_causal(name, config, attn, **how)
        check_vocabulary(name, reader, causal.get_input_embeddings().weight.shape[0])
        if device_map is None and not smaller:
            causal = causal.to(place)
        clock.lap("weights")
        facts = {"bos": bos} | _origin(name_or_dir, name, gguf_file, revision)
        facts |= {"quantisation": f"bitsandbytes {quantise}"} if quantise else {}
        facts |= {"name": title} if title else {}
        if backend == "bridge":
            return _bridged(name, causal, reader, kind, facts, clock)
        facts |= {"backend": "hooked", "device": place, "attention": None}
        return _hooked(name, causal, reader, kind, facts, clock)


def load_again(about: Mapping[str, Any], device: str | None = None) -> LanguageModel:
    """Load a model as it was loaded before, from its facts (`ModelInfo.as_dict`)."""
    tool, _, bits = str(about.get("quantisation") or "").partition(" ")
    return load_model(
        about["source"],
        device=device,
        backend=about["backend"],
        dtype=str(about["dtype"]).removeprefix("torch."),
        attn=about["attention"],
        revision=about["revision"],
        bos=about.get("bos", "tokenizer"),
        title=about["name"],
        quantise=bits if tool == "bitsandbytes" and bits else None,
    )


def _origin(given: str | Path, place: str, gguf_file: str | None, revision: str | None) -> dict[str, Any]:
    """What loads the same model again from any folder: a name, or an absolute path."""
    path = Path(given)
    facts: dict[str, Any] = {"source": str(path.resolve() if path.exists() else given)}
    facts |= {"revision": revision} if revision else {}
    if gguf_file is not None:
        facts |= {"name": gguf_file.removesuffix(".gguf")}
        facts |= {"quantisation": gguf_type(place, gguf_file, revision)}
    return facts


def _hooked(
    name: str,
    causal: Any,
    reader: TokenReader,
    dtype: torch.dtype,
    facts: dict[str, Any],
    clock: "_Clock",
) -> LanguageModel:
    """The model in a `HookedTransformer`; `facts` are those that its configuration does not hold."""
    reference = reference_logits(causal)
    clock.lap("reference")
    info = replace(_info(name, causal, dtype), **facts)
    hooked = HookedModel(
        build_hooked(name, causal, _copied(reader.tokenizer), dtype, info.device), info, reader
    )
    clock.lap("hooks")
    return clock.checked(hooked, reference)


class _Clock:
    """Times the parts of loading a model."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, part: str) -> None:
        """What was done since the last part is this one."""
        now = time.perf_counter()
        self.seconds[part] = round(now - self._since, 3)
        self._since = now

    def checked(self, model: LanguageModel, reference: torch.Tensor | None) -> LanguageModel:
        """The model after its self-check, the last part; it keeps the seconds."""
        model = self_check(model, reference)
        self.lap("self_check")
        model.load_seconds = self.seconds
        return model


def _copied(tokenizer: Any) -> Any:
    """A copy for TransformerLens, which changes special tokens and the side of padding.

    What it does not change, and is large (vocabulary, merges, the arguments it was made with), is shared.
    """
    large = [
        value for value in vars(tokenizer).values() if isinstance(value, dict | list) and len(value) > 1000
    ]
    shared = [*large, tokenizer.init_kwargs] if hasattr(tokenizer, "init_kwargs") else large
    return copy.deepcopy(tokenizer, {id(value): value for value in shared})


def wrap(
    model: Any, *, tokenizer: Any = None, copied: bool = False, rewritten: bool = False
) -> LanguageModel:
    """Use a model the user already has: a `TransformerBridge` or `HookedTransformer` as it is.

    A raw Hugging Face model is not altered. Booting a bridge rewrites its modules, so it is refused unless
    `copied=True`, which makes the bridge of a copy (twice the memory), or `rewritten=True`, which gives the
    model away: its modules are those of the bridge from then on.
    """
    kind = type(model).__name__
    if isinstance(model, LanguageModel):
        return model
    if isinstance(model, str | Path):
        name = quoted(str(model), 60)
        raise ModelError(f"{name} is the name of a model, not a model: load it first, wb.load_model({name})")
    with quietly():
        if kind == "TransformerBridge":
            return _wrap_bridge(model, tokenizer)
        if hasattr(model, "hook_dict") and hasattr(model, "W_U"):
            return _wrap_hooked(model, tokenizer)
        if isinstance(model, transformers.PreTrainedModel):
            return _wrap_causal(model, tokenizer, copied, rewritten)
    raise ModelError(
        f"cannot wrap a {kind}: pass a TransformerBridge, a HookedTransformer or a Hugging Face "
        "causal language model"
    )


def _wrap_bridge(bridge: Any, tokenizer: Any) -> LanguageModel:
    causal = bridge.original_model
    if causal.training:
        raise ModelError("this bridge is in training mode, where dropout is at work: call .eval() on it")
    info = _info(str(bridge.cfg.model_name), causal)
    if bridge.compatibility_mode:
        info = replace(info, processing=("compatibility mode",))
    reader = _reader(tokenizer or bridge.tokenizer, "TransformerBridge")
    return self_check(BridgeModel(bridge, info, reader), None)


def _wrap_hooked(hooked: Any, tokenizer: Any) -> LanguageModel:
    cfg = hooked.cfg
    info = ModelInfo(
        name=short_name(str(cfg.model_name)),
        source=str(cfg.model_name),
        architecture=str(cfg.original_architecture or "HookedTransformer"),
        backend="hooked",
        n_layers=cfg.n_layers,
        d_model=cfg.d_model,
        d_vocab=cfg.d_vocab,
        n_ctx=cfg.n_ctx,
        dtype=str(cfg.dtype),
        device=str(hooked.W_E.device),
        processing=processing_of(hooked),
    )
    reader = _reader(tokenizer or hooked.tokenizer, "HookedTransformer")
    return self_check(HookedModel(hooked, info, reader), None)


def _wrap_causal(causal: Any, tokenizer: Any, copied: bool, rewritten: bool) -> LanguageModel:
    if not (copied or rewritten):
        size = sum(p.numel() * p.element_size() for p in causal.parameters()) / 1e9
        raise ModelError(
            "a bridge would rewrite the modules of this Hugging Face model: pass copied=True to use "
            f"a copy ({size:.1f} GB more), or load_model(name) for one that is the workbench's own"
        )
    reader = _reader(tokenizer, "Hugging Face model")
    name = str(causal.config._name_or_path or causal.config.model_type)
    causal = text_model(name, causal if rewritten else copy.deepcopy(causal)).eval()
    return _bridged(name, causal, reader, causal.get_input_embeddings().weight.dtype, {}, _Clock())


def _reader(tokenizer: Any, what: str) -> TokenReader:
    if tokenizer is None:
        raise ModelError(f"this {what} has no tokenizer: pass tokenizer=…")
    return TokenReader(tokenizer)


def _bridged(
    name: str,
    causal: Any,
    reader: TokenReader,
    dtype: torch.dtype,
    facts: dict[str, Any],
    clock: _Clock,
) -> LanguageModel:
    """The model in a bridge; `facts` are those that its configuration does not hold."""
    kind = causal.config.model_type
    if kind in BRIDGED_FROM_4 and version("transformer-lens").startswith("3."):
        raise ModelError(
            f"{quoted(name)} is a {kind}, whose attention TransformerLens 3 computes otherwise: "
            "pip install 'transformer-lens>=4'"
        )
    reference = reference_logits(causal)
    clock.lap("reference")
    info = replace(_info(name, causal, dtype), **facts)  # before the bridge changes the kernel
    try:
        bridge = TransformerBridge.boot_transformers(
            name, hf_model=causal, tokenizer=_copied(reader.tokenizer), dtype=dtype
        )
    except (ValueError, NotImplementedError, RuntimeError, AttributeError, KeyError) as error:
        raise ModelError(
            f"TransformerLens cannot bridge {causal.config.model_type} ({quoted(name)}): "
            f"{first_line(error)}; `workbench models` lists what is known to work"
        ) from error
    info = replace(info, device=str(causal.get_input_embeddings().weight.device))
    model = BridgeModel(bridge, info, reader)
    clock.lap("hooks")
    return clock.checked(model, reference)


def _info(name: str, causal: Any, dtype: torch.dtype | None = None) -> ModelInfo:
    """Facts about a Hugging Face model that a bridge runs."""
    text, weight = causal.config.get_text_config(), causal.get_input_embeddings().weight
    return ModelInfo(
        name=short_name(name),
        source=name,
        architecture=text.model_type,
        backend="bridge",
        n_layers=text.num_hidden_layers,
        d_model=text.hidden_size,
        d_vocab=causal.get_output_embeddings().weight.shape[0],
        n_ctx=getattr(text, "max_position_embeddings", None),
        dtype=str(dtype or weight.dtype),
        device=str(weight.device),
        attention=causal.config._attn_implementation,
        processing=("none",),
        revision=getattr(causal.config, "_commit_hash", None),
        quantisation=_quantisation(causal.config),
    )


def short_name(source: str) -> str:
    """A hub name as it is; of a local directory the last part, for a figure is no place for a path."""
    return Path(source).resolve().name if Path(source).is_dir() else source


def _quantisation(config: Any) -> str | None:
    """How the weights were quantised, where they were."""
    facts = getattr(config, "quantization_config", None)
    if facts is None:
        return None
    method = facts.get("quant_method") if isinstance(facts, dict) else getattr(facts, "quant_method", None)
    return str(getattr(method, "value", method) or "quantised")


def _dtype(dtype: str | torch.dtype | None, device: str, config: Any) -> torch.dtype:
    if isinstance(dtype, str):
        check_name(dtype, _DTYPES, "dtype", ModelError)
        return _DTYPES[dtype]
    own = getattr(config.get_text_config(), "dtype", None) if device.startswith("cuda") else None
    return dtype or (own if isinstance(own, torch.dtype) else torch.float32)


def _default_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    _warn_of_idle_gpu()
    return "cpu"


@cache
def _warn_of_idle_gpu() -> None:
    """Say once that there is a driver which this build of torch cannot use."""
    driver = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists()
    if driver and torch.version.cuda is None:
        warnings.warn(
            "this machine has an NVIDIA driver, but torch was built for the CPU only: see the "
            "README for the one line that installs the CUDA build",
            stacklevel=4,
        )
