"""Fine-tuning with LoRA as a baseline: adapters, which items they learn from, and where they are kept."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from workbench.core.bundled import MODELS, resolved
from workbench.core.errors import InputError, NotApplicable, StoreError, WorkbenchError
from workbench.core.store import digest_file, digest_json, json_bytes, read_json, write_bytes, write_json
from workbench.core.types import Progress, silent
from workbench.methods.base import Cost, LanguagePair
from workbench.methods.baselines.base import Baseline, Variant, Wording, task_of
from workbench.methods.baselines.lora_training import (
    LoraSettings,
    Question,
    Row,
    read_rows,
    seeded,
    train,
    with_adapter,
)
from workbench.models import TokenReader, load_model
from workbench.models.base import weights_digest
from workbench.models.load import (
    read_causal,
    read_config,
    read_tokenizer,
    reported_errors,
    short_name,
)
from workbench.models.quiet import quietly

# Supervised fine-tuning by LoRA: from a checkpoint and fit items to a checkpoint that any backend opens.
#
# The adapter is trained in float32 and merged into the weights, so that what is tuned is a model like any
# other: it can be captured, swept and intervened on. Beside the merged model lies the adapter alone, in
# peft's format. Everything is safetensors and JSON.
#
# The seed gives the weights to the bit on the same machine and number of threads: order, first weights
# and dropout follow from it, and attention is computed plainly (`eager`), for the backward pass of fused
# kernels adds in any order on a GPU. Training takes minutes, so what was interrupted starts anew; nothing is
# under the folder's name before all of it is.


ADAPTER = "adapter"
"""The folder of the adapter, within that of the merged model."""
_CARD = "fine-tuning.json"
_OF_THE_FILE = ("_name_or_path", "transformers_version")
"""What a config says of its file, not of the model."""


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned model on disk, and what it took."""

    folder: Path
    """The merged model with its tokenizer: `load_model(folder)` opens it."""
    trained_parameters: int
    forward_tokens: int
    """Tokens read in training, without padding; each was also run backward."""
    examples: int
    """Different examples; each is seen once an epoch."""
    seconds: float
    """Of training, at the time it was done."""
    losses: list[float]
    """Mean −log p per token of the answers, one for each step."""
    digest: str
    """Of the model, its tokens, the settings and their type: what the weights follow from."""


@dataclass(frozen=True)
class _Base:
    """The model before training."""

    causal: Any
    tokenizer: Any
    reader: TokenReader


def fine_tune(
    source: str | Path,
    examples: Sequence[Question],
    folder: Path,
    settings: LoraSettings | None = None,
    progress: Progress = silent,
    *,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device | None = None,
) -> Tuned:
    """Train an adapter on fit items, merge it, and save the model so that `load_model(folder)` opens it.

    `source` is a hub name, a folder, or "organism": `model.info.source` of a model from `load_model`.
    `dtype` is what the frozen weights are held and saved in. A folder that holds this very result is
    returned as it is; one that holds anything else is refused.
    """
    settings = settings or LoraSettings()
    _check(examples, dtype)
    folder, name = Path(folder), resolved(source, MODELS)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with seeded(settings.seed, place):
        base = _load(name, revision, dtype)
        n_ctx = getattr(base.causal.config.get_text_config(), "max_position_embeddings", None)
        rows = read_rows(base.reader, examples, settings.end, n_ctx)
        digest = _digest(base, rows, settings)
        if (found := _finished(folder, digest)) is not None:
            return found
        start = time.perf_counter()
        tuned = with_adapter(base.causal, settings)
        base.causal.to(place)
        spent = train(base.causal, rows, settings, base.reader.pad, progress)
    result = Tuned(
        folder=folder,
        trained_parameters=sum(p.numel() for p in base.causal.parameters() if p.requires_grad),
        forward_tokens=spent.tokens,
        examples=len(examples),
        seconds=round(time.perf_counter() - start, 2),
        losses=spent.losses,
        digest=digest,
    )
    _save(tuned, base, result, {"source": short_name(name), "revision": revision, "settings": settings})
    return result


def _check(examples: Sequence[Question], dtype: torch.dtype) -> None:
    if not examples:
        raise InputError("no examples to fine-tune on: give fit items, task.examples(language, 'fit')")
    for example in examples:
        if example.split != "fit":
            raise InputError(
                f"example {example.id!r} is of split {example.split!r}: fine-tuning sees fit items only, "
                "task.examples(language, 'fit')"
            )
    if dtype not in (torch.float32, torch.bfloat16):
        raise InputError(f"cannot fine-tune in {dtype}, where gradients overflow: take float32 or bfloat16")


def _load(name: str, revision: str | None, dtype: torch.dtype) -> _Base:
    """Without running any code of a model's own, from safetensors."""
    if not name:
        raise InputError("no model to fine-tune: give a hub name or the folder of a checkpoint")
    with reported_errors(name), quietly():
        config = read_config(name, revision=revision, trust_remote_code=False)
        reader = read_tokenizer(name, revision=revision, trust_remote_code=False)
        causal = read_causal(name, config, "eager", revision=revision, trust_remote_code=False, dtype=dtype)
    return _Base(causal, reader.tokenizer, reader)


def _digest(base: _Base, rows: Sequence[Row], settings: LoraSettings) -> str:
    """Weights alone are not a model: Mistral's would run as Llama's, but for the window of its attention."""
    config = json.loads(base.causal.config.to_json_string())
    return digest_json(
        {
            "config": {key: value for key, value in config.items() if key not in _OF_THE_FILE},
            "weights": weights_digest(base.causal.named_parameters()),  # and their type
            "tokens": base.reader.digest(),
            "rows": [[list(row.prompt), list(row.answer)] for row in rows],
            "settings": asdict(settings),
        }
    )


def _finished(folder: Path, digest: str) -> Tuned | None:
    """What an earlier run left in the folder, where that is this very result and whole."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / _CARD).is_file():
        raise InputError(f"{folder} already exists and holds no fine-tuned model: choose another folder")
    card = read_json(folder / _CARD)
    if card.get("inputs_digest") != digest:
        raise InputError(
            f"{folder} holds a model tuned from other weights, examples or settings: choose another folder"
        )
    for name, sha256 in card["files"].items():
        if not (folder / name).is_file() or digest_file(folder / name) != sha256:
            raise StoreError(f"{folder / name} is damaged or missing: delete {folder} and train again")
    facts = ("trained_parameters", "forward_tokens", "examples", "seconds", "losses")
    return Tuned(folder, digest=digest, **{name: card[name] for name in facts})


def _save(tuned: Any, base: _Base, result: Tuned, facts: dict[str, Any]) -> None:
    """The folder is whole under its name or not there at all, whatever stops it."""
    folder = result.folder
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with quietly():
            _save_adapter(tuned, part / ADAPTER, facts["source"])
            tuned.merge_and_unload(safe_merge=True).save_pretrained(part)
            base.tokenizer.save_pretrained(part)
        for path in part.rglob("*.safetensors"):
            path.chmod(0o644)  # its writer keeps it from others
        files = {str(p.relative_to(part)): digest_file(p) for p in sorted(part.rglob("*")) if p.is_file()}
        made_with = {name: version(name) for name in ("peft", "torch", "transformers")}
        card = asdict(result) | facts | {"settings": asdict(facts["settings"])}
        del card["folder"]  # whoever opens the card knows, and it may be moved
        card["inputs_digest"] = card.pop("digest")
        write_json(part / _CARD, card | {"files": files, "versions": made_with})
        shutil.rmtree(folder, ignore_errors=True)  # it is empty, if it is there
        part.rename(folder)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"cannot write {folder}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _save_adapter(tuned: Any, folder: Path, source: str) -> None:
    """The two files peft reads; its own writer adds a card with paths, and lists targets in any order."""
    from peft import get_peft_model_state_dict

    shape = tuned.peft_config["default"]
    shape.inference_mode = True
    shape.save_pretrained(folder)
    card = read_json(folder / "adapter_config.json", digest="optional")
    if isinstance(card["target_modules"], list):
        card["target_modules"] = sorted(card["target_modules"])
    # Without a digest of its own, which peft does not know; the card of the model holds it.
    card["base_model_name_or_path"] = source
    write_bytes(folder / "adapter_config.json", json_bytes(card))
    weights = get_peft_model_state_dict(tuned, save_embedding_layers=False)
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


# Supervised fine-tuning by LoRA: on labels of the language itself, or of the main one (transfer).


FEW = 50
"""Labels that one person can write in an hour or two."""


def _tuned(study: LanguagePair, wording: Wording, on: str, most: int | None = None) -> list[Variant]:
    task, language = task_of(study), study.source if on == "own" else study.target
    examples = task.examples(language, "fit")[:most] if language in task.languages else ()
    if not examples:
        raise NotApplicable(f"{task.name} has no fit items in {language} to train on")
    info, seed = study.model.info, study.seed
    dtype = info.dtype.removeprefix("torch.")
    try:
        tuned = fine_tune(
            info.source,
            examples,
            study.folder / "compare" / "tuned" / f"{task.name}-{language}-{len(examples)}-seed{seed}",
            LoraSettings(seed=seed),
            study.progress,
            revision=info.revision,
            device=info.device,
        )
    except WorkbenchError as error:  # a model that was wrapped may lie nowhere
        raise NotApplicable(f"it cannot be trained: {error}") from error
    # The merged model is kept in float32; it is asked as the study's own model is.
    model = load_model(tuned.folder, backend=info.backend, device=info.device, dtype=dtype)
    cost = Cost(parameters=tuned.trained_parameters, fit_tokens=tuned.forward_tokens, labels=tuned.examples)
    return [Variant(f"{tuned.examples} items in {language}", task, model, cost)]


FINE_TUNED = Baseline(
    "lora",
    "fine-tuning (LoRA) on its own labels",
    "a LoRA adapter trained on solved items of the language, merged",
    partial(_tuned, on="own"),
    needs=("labels", "training"),
)
FINE_TUNED_FEW = Baseline(
    "lora_few",
    f"fine-tuning (LoRA) on {FEW} of its own labels",
    "the same with few labels, where patching on top has something left to close",
    partial(_tuned, on="own", most=FEW),
    needs=("labels", "training"),
)
TRANSFER_LORA = Baseline(
    "lora_transfer",
    "cross-lingual transfer (LoRA)",
    "a LoRA adapter trained on solved items of the main language, asked in the other",
    partial(_tuned, on="main"),
    needs=("labels", "training"),
)
