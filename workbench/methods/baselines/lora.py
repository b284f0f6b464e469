"""Fine-tuning with LoRA as a baseline: adapters, their training, and where they are kept.

Only the adapter is trained. The loss is the mean −log p of the answers' tokens; prompts are not learnt.
"""

import inspect
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from workbench.core.bundled import MODELS, resolved
from workbench.core.errors import InputError, NotApplicable, StoreError, WorkbenchError
from workbench.core.store import (
    check_files,
    digest_files,
    digest_json,
    json_bytes,
    new_folder,
    read_json,
    write_bytes,
    write_json,
)
from workbench.core.types import Progress, check_name, silent
from workbench.methods.base import Cost, LanguagePair, Question, read_answers, right_answer, shuffled_batches
from workbench.methods.baselines.asking import OWN, Variant, Wording, task_of
from workbench.models import TokenReader, load_model
from workbench.models.base import weights_digest
from workbench.models.load import short_name
from workbench.models.reading import quietly, read_causal, read_config, read_tokenizer, reported_errors

Targets = Literal["all-linear", "attention", "mlp"]
_IGNORE = -100
_REMEDY = "take a lower learning_rate"


@dataclass(frozen=True)
class LoraSettings:
    """How an adapter is shaped and trained.

    The defaults suit the organism; for models of a billion weights and more, rates near 2e-4 are usual.
    """

    rank: int = 8
    alpha: int = 16
    """The adapter's product is scaled by alpha / rank."""
    dropout: float = 0.0
    """Of what enters the adapter; the model's own dropout stays off."""
    learning_rate: float = 2e-3
    """The highest: it rises over the warm-up and falls to nothing, both in a straight line."""
    epochs: int = 4
    batch_size: int = 16
    warmup: float = 0.1
    """Share of all steps."""
    targets: Targets = "all-linear"
    """Which matrices are adapted; the embedding and the unembedding never are."""
    end: str = "\n"
    """What closes a generated answer, so that the model learns where to stop; choices have no end."""
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {"rank": 1, "alpha": 1, "epochs": 1, "batch_size": 1, "seed": 0}
        checks = {name: (getattr(self, name) >= n, f"at least {n}") for name, n in counts.items()}
        checks["learning_rate"] = (0 < self.learning_rate < float("inf"), "above 0")
        shares = ("dropout", "warmup")
        checks |= {name: (0 <= getattr(self, name) < 1, "from 0 to below 1") for name in shares}
        for name, (holds, rule) in checks.items():
            if not holds:
                raise InputError(f"{name} is {getattr(self, name)}: it must be {rule}")
        check_name(self.targets, get_args(Targets), "targets")


@dataclass(frozen=True)
class Row:
    """What is trained on: token ids of a prompt, and of the answer behind it."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def run(self) -> int:
        """Tokens that the model reads; of the last one only the probability counts."""
        return len(self.prompt) + len(self.answer) - 1


def read_rows(
    reader: TokenReader, examples: Sequence[Question], end: str, n_ctx: int | None = None
) -> list[Row]:
    """Tokenise prompts and right answers as they are when they are asked: an answer changes no prompt."""
    rows = [Row(prompt, answer) for prompt, answer in read_answers(reader, examples, end)]
    for example, row in zip(examples, rows, strict=True):
        if not row.answer:
            raise InputError(
                f"example {example.id!r}: the tokenizer joins the prompt's end with the answer "
                f"{right_answer(example, end)!r}: let the answer start with a space and the prompt end "
                "without one"
            )
        if n_ctx is not None and row.run >= n_ctx:
            raise InputError(
                f"example {example.id!r} has {row.run + 1} tokens with its answer, but the model takes "
                f"{n_ctx}: shorten it or leave it out"
            )
    return rows


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global generators at a seed, for peft and dropout draw from nothing else; put back after."""
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every card as well
        for card in cards:
            with torch.cuda.device(card):
                torch.cuda.manual_seed(seed)
        yield


def with_adapter(causal: Any, settings: LoraSettings) -> Any:
    """The model with a fresh adapter in its matrices, in float32; all of its own weights are frozen."""
    from transformers.pytorch_utils import Conv1D

    with quietly():
        from peft import LoraConfig, get_peft_model

    targets: str | list[str] = settings.targets
    if targets != "all-linear":  # which is peft's own word for all matrices
        targets = [
            name
            for name, module in causal.named_modules()
            if isinstance(module, torch.nn.Linear | Conv1D)
            and module is not causal.get_output_embeddings()
            and ("att" in name) == (settings.targets == "attention")
        ]
        if not targets:
            kind = causal.config.model_type
            raise InputError(f"{kind} has no matrices under {settings.targets!r}: take 'all-linear'")
    shape = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in causal.modules()),
    )
    with quietly():
        return get_peft_model(causal, shape)


def train(
    causal: Any, rows: Sequence[Row], settings: LoraSettings, pad: int, progress: Progress
) -> list[float]:
    """Train what is not frozen, in place; returns the mean −log p per token of the answers of each step."""
    causal.eval()
    for name, module in causal.named_modules():
        if name.endswith(".lora_dropout"):  # the model's own dropout stays off
            module.train()
    weights = [weight for weight in causal.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0, fused=True)
    steps = settings.epochs * ceil(len(rows) / settings.batch_size)
    rising = max(1, round(settings.warmup * steps))
    losses = []
    batches = shuffled_batches(len(rows), settings.batch_size, settings.seed)
    for step, batch in enumerate(islice(batches, steps)):
        # Up in a straight line over the warm-up, then down, never quite 0.
        share = min((step + 1) / rising, (steps - step) / max(1, steps - rising + 1))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * share
        optimizer.zero_grad()
        loss = answer_loss(causal, [rows[i] for i in batch], pad)
        if not loss.isfinite():
            raise InputError(f"the loss is no number at step {step + 1}: {_REMEDY}")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        losses.append(loss.item())
        progress("fine-tune", step + 1, steps)
    if not all(weight.isfinite().all() for weight in weights):
        raise InputError(f"the adapter is no numbers after the last step: {_REMEDY}")
    causal.eval()
    return losses


def answer_loss(causal: Any, rows: Sequence[Row], pad: int) -> Tensor:
    """Mean −log p over the answers' tokens of these rows.

    Padding stands at the end, where causal attention never looks from what is before it. Logits are made
    only where some row has an answer: with a large vocabulary they are most of the memory.
    """
    ids = pad_sequence([torch.tensor((row.prompt + row.answer)[:-1]) for row in rows], True, pad)
    mask = pad_sequence([torch.ones(row.run, dtype=torch.long) for row in rows], True)
    answers = [(_IGNORE,) * (len(row.prompt) - 1) + row.answer for row in rows]
    targets = pad_sequence([torch.tensor(answer) for answer in answers], True, _IGNORE)
    at = (targets != _IGNORE).any(0).nonzero()[:, 0]
    place = causal.get_input_embeddings().weight.device
    some = "logits_to_keep" in inspect.signature(causal.forward).parameters
    logits = causal(
        input_ids=ids.to(place),
        attention_mask=mask.to(place),
        use_cache=False,
        **({"logits_to_keep": at.to(place)} if some else {}),
    ).logits
    logits = logits if some else logits[:, at.to(logits.device)]
    wanted = targets[:, at].flatten().to(logits.device)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), wanted, ignore_index=_IGNORE)


# From a checkpoint and fit items to a checkpoint that any backend opens, in safetensors and JSON.
#
# The adapter is trained in float32 and merged into the weights; beside them it lies alone, in peft's format.
# The seed gives the weights to the bit on the same machine and number of threads; attention is `eager`, as
# fused kernels add in any order on a GPU. What was interrupted starts anew; nothing is under the folder's
# name before all of it is.


ADAPTER = "adapter"
"""The folder of the adapter, within that of the merged model."""
_CARD = "fine-tuning.json"
_OF_THE_CARD = ("trained_parameters", "forward_tokens", "examples", "seconds", "losses")


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
    if not name:
        raise InputError("no model to fine-tune: give a hub name or the folder of a checkpoint")
    with seeded(settings.seed, place):
        with reported_errors(name), quietly():  # from safetensors, without running any code of a model's own
            origin: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
            reader = read_tokenizer(name, **origin)
            causal = read_causal(name, read_config(name, **origin), "eager", dtype=dtype, **origin)
        n_ctx = getattr(causal.config.get_text_config(), "max_position_embeddings", None)
        rows = read_rows(reader, examples, settings.end, n_ctx)
        digest = _digest(causal, reader, rows, settings)
        if (finished := _finished(folder, digest)) is not None:
            return finished
        start = time.perf_counter()
        adapted = with_adapter(causal, settings)
        causal.to(place)
        losses = train(causal, rows, settings, reader.pad, progress)
    result = Tuned(
        folder=folder,
        trained_parameters=sum(p.numel() for p in causal.parameters() if p.requires_grad),
        forward_tokens=settings.epochs * sum(row.run for row in rows),
        examples=len(examples),
        seconds=round(time.perf_counter() - start, 2),
        losses=losses,
        digest=digest,
    )
    facts = {"source": short_name(name), "revision": revision, "settings": asdict(settings)}
    _save(adapted, reader.tokenizer, result, facts)
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


def _digest(causal: Any, reader: TokenReader, rows: Sequence[Row], settings: LoraSettings) -> str:
    """Weights alone are not a model: Mistral's would run as Llama's, but for the window of its attention."""
    config = json.loads(causal.config.to_json_string())
    of_the_file = ("_name_or_path", "transformers_version")
    return digest_json(
        {
            "config": {key: value for key, value in config.items() if key not in of_the_file},
            "weights": weights_digest(causal.named_parameters()),  # and their type
            "tokens": reader.digest(),
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
    check_files(folder, card["files"], "train")
    return Tuned(folder, digest=digest, **{name: card[name] for name in _OF_THE_CARD})


def _save(adapted: Any, tokenizer: Any, result: Tuned, facts: dict[str, Any]) -> None:
    """The folder is whole under its name or not there at all, whatever stops it."""
    try:
        with new_folder(result.folder) as part:  # in place of an empty one, if any
            with quietly():
                _save_adapter(adapted, part / ADAPTER, facts["source"])
                adapted.merge_and_unload(safe_merge=True).save_pretrained(part)
                tokenizer.save_pretrained(part)
            for path in part.rglob("*.safetensors"):
                path.chmod(0o644)  # its writer keeps it from others
            card = {
                **{name: getattr(result, name) for name in _OF_THE_CARD},
                **facts,
                "inputs_digest": result.digest,
                "files": digest_files(part),
                "versions": {name: version(name) for name in ("peft", "torch", "transformers")},
            }
            write_json(part / _CARD, card)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot write {result.folder}: {reason}") from error


def _save_adapter(adapted: Any, folder: Path, source: str) -> None:
    """The two files peft reads; its own writer adds a card with paths, and lists targets in any order."""
    from peft import get_peft_model_state_dict

    shape = adapted.peft_config["default"]
    shape.inference_mode = True
    shape.save_pretrained(folder)
    card = read_json(folder / "adapter_config.json", digest="optional")
    if isinstance(card["target_modules"], list):
        card["target_modules"] = sorted(card["target_modules"])
    # Without a digest of its own, which peft does not know; the card of the model holds it.
    card["base_model_name_or_path"] = source
    write_bytes(folder / "adapter_config.json", json_bytes(card))
    weights = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


FEW = 50
"""Labels that one person can write in an hour or two."""


def fine_tuned(pair: LanguagePair, wording: Wording, language: str, most: int | None = None) -> list[Variant]:
    """The model trained on solved items of the item's own language, or of the main one (transfer)."""
    task, code = task_of(pair), pair.source if language == OWN else pair.target
    examples = task.examples(code, "fit")[:most] if code in task.languages else ()
    if not examples:
        raise NotApplicable(f"{task.name} has no fit items in {code} to train on")
    info = pair.model.info
    try:
        tuned = fine_tune(
            info.source,
            examples,
            pair.folder / "compare" / "tuned" / f"{task.name}-{code}-{len(examples)}-seed{pair.seed}",
            LoraSettings(seed=pair.seed),
            pair.progress,
            revision=info.revision,
            device=info.device,
        )
    except WorkbenchError as error:  # a model that was wrapped may lie nowhere
        raise NotApplicable(f"it cannot be trained: {error}") from error
    # The merged model is kept in float32; it is asked as the pair's own model is.
    dtype = info.dtype.removeprefix("torch.")
    model = load_model(tuned.folder, backend=info.backend, device=info.device, dtype=dtype, bos=info.bos)
    cost = Cost(parameters=tuned.trained_parameters, fit_tokens=tuned.forward_tokens, labels=tuned.examples)
    return [Variant(f"{tuned.examples} items in {code}", task, model, cost)]
