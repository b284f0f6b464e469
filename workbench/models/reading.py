"""What is read of a model, from a folder, a GGUF file or the hub, and what went wrong there in one line."""

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import errors as hub
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import cached_file
from transformers.utils import logging as hf_logging

from workbench.core.errors import ModelError, WorkbenchError, did_you_mean, quoted
from workbench.models.base import ARCHITECTURES
from workbench.models.check import check_files, check_name, check_settings, check_shape, check_weights
from workbench.models.memory import is_out_of_memory
from workbench.models.tokens import Bos, TokenReader


def located(name: str) -> tuple[str, str | None]:
    """The folder or repository of a model, and the GGUF file in it: of `FILE`, or `REPOSITORY:FILE`."""
    if not name.endswith(".gguf"):
        return name, None
    path = Path(name)
    repository, colon, file = name.partition(":")
    if not path.is_file() and (not colon or Path(repository).exists()):
        raise ModelError(f"there is no file {quoted(name)}: check the path, or give owner/model:file.gguf")
    try:
        import gguf  # noqa: F401 - which transformers needs
    except ImportError as error:
        message = "GGUF files need the package gguf: pip install 'alignment-workbench[gguf]'"
        raise ModelError(message) from error
    return (str(path.parent), path.name) if path.is_file() else (repository, file)


def gguf_type(place: str, file: str, revision: str | None) -> str:
    """How the weights in a GGUF file are quantised, as its header says: `gguf Q4_K_M`."""
    from gguf import GGUFReader, LlamaFileType

    field = GGUFReader(str(cached_file(place, file, revision=revision))).get_field("general.file_type")
    known = {kind.value: kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in LlamaFileType}
    number = None if field is None else field.contents()
    return f"gguf {known.get(number, number)}" if number is not None else "gguf"


QUANTISED = ("8bit", "4bit")


def quantised(bits: str | None, device: str) -> dict[str, Any]:
    """Options of Hugging Face that store the weights of linear layers in so many bits, if asked for."""
    if bits is None:
        return {}
    if bits not in QUANTISED:
        raise ModelError(f"quantise is {bits!r}: {did_you_mean(bits, QUANTISED)}")
    if find_spec("bitsandbytes") is None:
        raise ModelError("quantise needs the package bitsandbytes: pip install bitsandbytes")
    config = BitsAndBytesConfig(**{f"load_in_{bits}": True})
    return {"quantization_config": config, "device_map": {"": device}}


def read_config(
    name: str, *, revision: str | None, trust_remote_code: bool, gguf_file: str | None = None
) -> Any:
    """The configuration of a model; of a local one, what can be told from it and the files beside it."""
    check_name(name)
    if gguf_file is not None:
        return AutoConfig.from_pretrained(name, revision=revision, gguf_file=gguf_file)
    folder = Path(name) if Path(name).is_dir() else None
    raw = check_settings(folder) if folder else {}
    config = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=trust_remote_code)
    check_shape(folder, raw, config)
    return config


def read_tokenizer(
    name: str,
    *,
    revision: str | None,
    trust_remote_code: bool,
    bos: Bos = "tokenizer",
    gguf_file: str | None = None,
) -> TokenReader:
    """The tokenizer of a model, seen to read a text."""
    try:
        given: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        given |= {} if gguf_file is None else {"gguf_file": gguf_file}
        return TokenReader(AutoTokenizer.from_pretrained(name, **given), bos)
    except BaseException as error:
        # The tokenizers library raises a bare Exception where a file is wrong, and where it did not expect
        # what it finds, a panic, which is no Exception.
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise ModelError(
            f"the tokenizer of {quoted(name)} is damaged ({first_line(error)}): copy it again"
        ) from error


def read_causal(name: str, config: Any, attn: str | None, **options: Any) -> Any:
    """The Hugging Face model, whole, from safetensors; `attn` is by default the fastest attention it has."""
    if options.get("gguf_file") is None and Path(name).is_dir():
        check_files(Path(name), config, own_code=options["trust_remote_code"])
    # A wrong shape is reported with the rest, where it would be an error that names nothing.
    options |= {"use_safetensors": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
    read: Any = partial(AutoModelForCausalLM.from_pretrained, name, **options)
    try:
        model, report = read(attn_implementation=attn or "sdpa")
    except ValueError as error:
        if attn is not None or "attention implementation" not in str(error):
            raise
        model, report = read(attn_implementation="eager")
    check_weights(name, model, report)
    if model.config.architectures is None:  # a GGUF file does not say it
        model.config.architectures = [type(model).__name__]
    return text_model(name, model).eval()


def text_model(name: str, causal: Any) -> Any:
    """The text model inside a model that reads images as well; others as they are.

    TransformerLens would run the whole, and install packages to prepare images.
    """
    text = causal.config.get_text_config()
    if text is causal.config:
        return causal
    if causal.config.model_type not in ARCHITECTURES:
        raise ModelError(
            f"{quoted(name)} is a {causal.config.model_type}, which is no text model alone: of such models "
            "gemma3 is supported"
        )
    body = causal.base_model.language_model
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(body.config)
    setattr(model, model.base_model_prefix, body)
    model.set_output_embeddings(causal.get_output_embeddings())
    model.generation_config = causal.generation_config
    model.config.architectures = [type(model).__name__]  # which TransformerLens goes by
    return model


@contextlib.contextmanager
def reported_errors(name: str) -> Iterator[None]:
    """Turn any exception of the libraries that load a model into one line with the remedy."""
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:
        raise ModelError(_explained(name, error)) from error


_REASONS = (
    (
        "is gated|gated repo",
        "{} is gated: accept its terms on its page at the hub, then run `hf auth login`",
    ),
    (
        "safetensors.*does not appear to have|does not appear to have.*safetensors",
        "{} has no weights as safetensors, and pickled ones are not read because they can run any "
        "code: convert it where you trust it, and give the folder of the result",
    ),
    (
        "[cC]onnect|offline|cached files",
        "{} is not on this machine and the hub cannot be reached: give the path of a local "
        "copy, or download it once where there is a network (`hf download`)",
    ),
)
"""What a message of the libraries says, and what it means."""


def _explained(name: str, error: Exception) -> str:
    text, shown = str(error), quoted(name)
    if isinstance(error, hub.GatedRepoError):
        return _REASONS[0][1].format(shown)
    if isinstance(error, hub.RepositoryNotFoundError):
        return f"no model {shown} at the hub (or it is private: run `hf auth login`)"
    if is_out_of_memory(error):
        return (
            f"{shown} does not fit in memory: try dtype=bfloat16, device_map=auto, a smaller model or "
            "another device (`workbench plan` tells how much it needs)"
        )
    if "trust_remote_code" in text:
        return (
            f"{shown} brings its own code, which is not run unless asked for: read that code, then "
            "pass trust_remote_code=True (--trust-remote-code)"
        )
    if Path(name).is_dir():
        return f"{shown} is not a model directory the workbench can load: {first_line(error)}"
    for pattern, reason in _REASONS:
        if re.search(pattern, text, re.DOTALL):
            return reason.format(shown)
    return f"cannot load {shown}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """The first line of a message, and the second where the first only announces it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1]).rstrip(".")
    told = isinstance(error, (OSError, ValueError, ImportError, RuntimeError)) or type(error) is Exception
    kind = "" if text and told else type(error).__name__ + (": " if text else "")
    return kind + quoted(text, 300)[1:-1]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence of other libraries' bars and deprecation notes while a model loads; put back after."""
    bars = hf_logging.is_progress_bar_enabled()
    level = logging.root.manager.disable
    hf_logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for kind in (DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", kind)
            yield
    finally:
        logging.disable(level)
        if bars:
            hf_logging.enable_progress_bar()
