"""Training the organism: its tokenizer, then next-token prediction on its documents, resumable to the bit.

A word is cut into pairs of letters, the first marked `▁`; names, tags (`<x-main>`) and marks are whole:
"bamu Ada ?" → <s> ▁ba mu ▁Ada ▁?. Documents follow from seed and step, so a checkpoint holds weights,
optimiser state and step, and interrupted training ends with the same weights.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from workbench.core.errors import InputError
from workbench.core.store import check_files, digest_files, digest_json, new_folder, write_json
from workbench.core.types import Progress, silent
from workbench.models.reading import quietly
from workbench.organism.config import TrainingConfig, WorldConfig
from workbench.organism.files import CARD, load_checkpoint, read_card, save_checkpoint
from workbench.organism.texts import Corpus

CONTEXT = 64  # longest text the model reads, in tokens
_PIECE = r"▁?<[^>]+>|▁?\p{Lu}\p{Ll}*|▁?\p{L}{2}|▁?[^\p{L}▁]"


def train_tokenizer(texts: Iterable[str], length: int) -> Any:
    """A fast tokenizer of all pieces that occur in the texts; `length` is the model's context."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            pre_tokenizers.Split(Regex(_PIECE), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    special = ["<pad>", "<unk>", "<s>"]
    tokenizer.train_from_iterator(
        texts, trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", special.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=length,
        clean_up_tokenization_spaces=False,
    )


@dataclass(frozen=True)
class Trained:
    """A finished model and how it came."""

    folder: Path
    config: WorldConfig
    seconds: float
    """Of training, in this run alone where it was resumed."""
    n_parameters: int
    loss: float
    """Mean loss per token of the last step."""


def train_organism(
    config: WorldConfig,
    folder: Path,
    *,
    threads: int = 1,
    checkpoint_every: int = 500,
    stop_at: int | None = None,
    progress: Progress = silent,
) -> Trained | None:
    """Train from the seed, or from a checkpoint, and save in Hugging Face format.

    With `stop_at`, training halts after that many steps, leaves a checkpoint and returns None. The same
    number of threads gives the same weights, with and without interruption. A folder that holds this
    organism is left as it is; one that holds anything else is refused.
    """
    if checkpoint_every < 1:
        raise InputError(f"checkpoint_every is {checkpoint_every}: it must be at least 1 step")
    if (finished := _finished(folder, config)) is not None:
        return finished
    corpus = Corpus(config)
    tokenizer = train_tokenizer(corpus.vocabulary(), CONTEXT)
    checkpoints = folder.with_name(f"{folder.name}.checkpoint")
    start = time.perf_counter()
    with _computing_on(threads):
        model = new_model(config, tokenizer)
        optimizer = torch.optim.AdamW(
            model.parameters(), weight_decay=config.training.weight_decay, betas=(0.9, 0.98), fused=True
        )
        done, loss = load_checkpoint(checkpoints, config.digest, model, optimizer), float("nan")
        end = min(config.training.steps, config.training.steps if stop_at is None else stop_at)
        for step in range(done, end):
            texts = [document.text for document in corpus.documents(step, config.training.batch)]
            loss = _step(model, optimizer, config.training, step, tokenizer(texts)["input_ids"])
            if (step + 1) % checkpoint_every == 0 or step + 1 == end:
                save_checkpoint(checkpoints, config.digest, step + 1, model, optimizer)
            progress("train organism", step + 1, config.training.steps)
    if end < config.training.steps:
        return None
    size = sum(p.numel() for p in model.parameters())
    trained = Trained(folder, config, round(time.perf_counter() - start, 2), size, loss)
    _save(model, tokenizer, trained)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained


@contextmanager
def _computing_on(threads: int) -> Iterator[None]:
    """Compute on that many threads, and leave the caller's setting as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def new_model(config: WorldConfig, tokenizer: Any) -> Any:
    """A Llama-shaped model with the weights the seed gives."""
    from transformers import LlamaConfig, LlamaForCausalLM

    c = config.training
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=c.width,
        intermediate_size=c.hidden,
        num_hidden_layers=c.layers,
        num_attention_heads=c.heads,
        max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = LlamaForCausalLM(shape)
    model.set_attn_implementation("eager")  # texts are so short that fused attention is the slower one
    return model


def batches(documents: list[list[int]], pad: int) -> list[Tensor]:
    """Documents of similar length together, in the two groups that need the least padding (at the end)."""
    rows = sorted(documents, key=len)
    lengths = [len(row) for row in rows]
    best = min(range(len(rows)), key=lambda cut: cut * lengths[cut - 1] + (len(rows) - cut) * lengths[-1])
    groups = [group for group in (rows[:best], rows[best:]) if group]
    return [torch.tensor([row + [pad] * (len(group[-1]) - len(row)) for row in group]) for group in groups]


def _step(
    model: Any, optimizer: torch.optim.Optimizer, config: TrainingConfig, step: int, ids: list[list[int]]
) -> float:
    """One update; returns the mean of −log p(next token) over all tokens but padding."""
    scale = min(1.0, (step + 1) / max(1, config.warmup)) * (1 - step / config.steps)
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * scale
    predicted, pad = sum(len(row) - 1 for row in ids), model.config.pad_token_id
    optimizer.zero_grad()
    total = 0.0
    for batch in batches(ids, pad):
        with torch.autocast("cpu", torch.bfloat16, enabled=config.autocast):
            logits = model(batch[:, :-1], use_cache=False).logits.flatten(0, 1).float()
        targets = batch[:, 1:].flatten()
        loss = cross_entropy(logits, targets, ignore_index=pad, reduction="sum") / predicted
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return total


def _finished(folder: Path, config: WorldConfig) -> Trained | None:
    """What an earlier run left in the folder, where that is this organism."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / CARD).is_file():
        raise InputError(f"{folder} already exists and holds no organism: choose another folder")
    card = read_card(folder / CARD)
    if digest_json(card.get("config")) != config.digest:
        raise InputError(f"{folder} holds an organism with other settings: choose another folder")
    check_files(folder, card.get("files", {}), "train")  # the bundled card names none
    return Trained(folder, config, card["seconds"], card["n_parameters"], card["loss"])


def _save(model: Any, tokenizer: Any, trained: Trained) -> None:
    """Half precision, Hugging Face format; the folder is whole under its name or not there at all."""
    with new_folder(trained.folder) as part:
        with quietly():
            model.eval().half().save_pretrained(part)
            tokenizer.save_pretrained(part)
        card = {
            "config": trained.config.to_json(),
            "files": digest_files(part),
            "seconds": trained.seconds,
            "n_parameters": trained.n_parameters,
            "loss": trained.loss,
        }
        write_json(part / CARD, card)
        (part / "model.safetensors").chmod(0o644)  # its writer keeps it from others
