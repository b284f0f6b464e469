"""A toy model with a known gap, trained in seconds: what the demo runs on until there is better.

It is made to be small, not to be like a language: read its numbers as a check that the machinery works.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import InputError, StoreError
from workbench.models.quiet import quietly
from workbench.organism.threads import threads
from workbench.organism.toy_world import FAR, MAIN, NAMES, ToyConfig, ToyWorld, syllables
from workbench.progress import Progress, silent
from workbench.store import digest_json, read_json, write_json
from workbench.tasks import ChoiceTask
from workbench.text import ParallelText

_VERSION = 1  # of the recipe below: raise it when the same dials would give another model
_CARD = "toy.json"


@dataclass(frozen=True)
class Toy:
    """A trained toy: where its model lies, the text and task that go with it, and how it came.

    The map goes from `source`, which lacks the skill, to `target`, which has it.
    """

    folder: Path
    text: ParallelText
    task: ChoiceTask
    source: str
    target: str
    config: ToyConfig
    reused: bool
    seconds: float
    """How long the training took (when it was done, if reused)."""
    n_parameters: int


def make_toy(store: Path, config: ToyConfig | None = None, progress: Progress = silent) -> Toy:
    """Train the toy from its seed and save it in Hugging Face format, unless it is there already."""
    config = config or ToyConfig()
    _check(config)
    asked = {"config": config.as_dict(), "recipe": _VERSION}
    folder = store / f"toy-{digest_json(asked)[:12]}"
    world = ToyWorld(config)
    card = _read_card(folder, asked)
    reused = card is not None
    if card is None:
        card = _train_and_save(world, folder, asked, progress)
    return Toy(
        folder=folder,
        text=world.parallel_text(),
        task=world.task(),
        source=FAR,
        target=MAIN,
        config=config,
        reused=reused,
        seconds=float(card["seconds"]),
        n_parameters=int(card["n_parameters"]),
    )


def _check(config: ToyConfig) -> None:
    first, second = syllables(MAIN)
    facts = config.relations * config.things**2
    if config.relations + 2 * config.things > len(first) * len(second):
        raise InputError(f"{config.things} things need more words than the syllables give: take fewer")
    if config.text + config.dev + config.test >= facts:
        raise InputError(f"the toy's {facts} facts are too few for its splits: add things")


def _read_card(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """What was written beside a finished model of just these dials; None where there is none."""
    try:
        card = read_json(folder / _CARD)
    except StoreError:
        return None
    return card if {key: card.get(key) for key in asked} == asked else None


def _train_and_save(
    world: ToyWorld, folder: Path, asked: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    tokenizer = _tokenizer()
    start = time.perf_counter()
    with threads(1):
        model = _train(world, tokenizer, progress)
    card = asked | {
        "seconds": round(time.perf_counter() - start, 2),
        "n_parameters": sum(p.numel() for p in model.parameters()),
    }
    # A folder is whole under its name or not there at all.
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with quietly():
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
    write_json(part / _CARD, card)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return card


def _tokenizer() -> Any:
    """Words are cut into syllables, the second marked `##`; names are whole."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<unk>", "<s>", *NAMES]
    for language in (MAIN, FAR):
        first, second = syllables(language)
        vocabulary += [*first, *(f"##{part}" for part in second)]
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", ids["<s>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", unk_token="<unk>"
    )


def _train(world: ToyWorld, tokenizer: Any, progress: Progress) -> Any:
    """Next-token prediction on documents of the training facts, drawn anew for every step."""
    c = world.config
    rng = np.random.default_rng([c.seed, 2])
    model = _new_model(c, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.learning_rate, weight_decay=0.1, betas=(0.9, 0.98))
    facts = world.facts["train"]
    for step in range(c.steps):
        # A short warm-up, then a straight line to zero.
        scale = min(1.0, (step + 1) / 30) * (1 - step / c.steps)
        for group in optimizer.param_groups:
            group["lr"] = c.learning_rate * scale
        documents = world.documents(facts[rng.integers(len(facts), size=c.batch)], rng)
        ids = torch.tensor(tokenizer(documents)["input_ids"])
        loss = _loss(model, ids)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress("train toy", step + 1, c.steps)
    return model.eval()


def _loss(model: Any, ids: Tensor) -> Tensor:
    logits = model(ids[:, :-1]).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def _new_model(config: ToyConfig, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.d_model,
        intermediate_size=config.d_mlp,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads,
        max_position_embeddings=32,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return LlamaForCausalLM(shape)
