"""The inside of fine-tuning by LoRA: tokens to train on, the adapter, the loss, the steps.

Only the adapter is trained. The loss is the mean −log p of the answers' tokens, each given its prompt and
the tokens before it: the score by which choices are compared. Prompts are read, never learnt.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean
from workbench.core.types import Progress
from workbench.models import TokenReader
from workbench.models.quiet import quietly
from workbench.tasks import AnswerExample, Example

Targets = Literal["all-linear", "attention", "mlp"]
Question = Example | AnswerExample
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
        for name, least in (("rank", 1), ("alpha", 1), ("epochs", 1), ("batch_size", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}: it must be at least {least}")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate is {self.learning_rate}: it must be above 0")
        for name in ("dropout", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: it must be from 0 to below 1")
        if self.targets not in get_args(Targets):
            raise InputError(
                f"unknown targets {self.targets!r}: {did_you_mean(self.targets, get_args(Targets))}"
            )


@dataclass(frozen=True)
class Row:
    """What is trained on: token ids of a prompt, and of the answer behind it."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def run(self) -> int:
        """Tokens that the model reads; of the last one only the probability counts."""
        return len(self.prompt) + len(self.answer) - 1


@dataclass
class Spent:
    """What training took and how it went."""

    losses: list[float] = field(default_factory=list)
    """Mean −log p per token of the answers, one for each step."""
    tokens: int = 0
    """Tokens read in forward passes, without padding."""


def read_rows(
    reader: TokenReader, examples: Sequence[Question], end: str, n_ctx: int | None = None
) -> list[Row]:
    """Tokenise prompts and right answers as they are when they are asked: an answer changes no prompt."""
    prompts = reader.encode([example.prompt for example in examples])
    whole = reader.encode([example.prompt + _answer(example, end) for example in examples])
    rows = []
    for example, prompt, ids in zip(examples, prompts, whole, strict=True):
        if not prompt or ids[: len(prompt)] != prompt or len(ids) == len(prompt):
            raise InputError(
                f"example {example.id!r}: the tokenizer joins the prompt's end with the answer "
                f"{_answer(example, end)!r}: let the answer start with a space and the prompt end without one"
            )
        if n_ctx is not None and len(ids) > n_ctx:
            raise InputError(
                f"example {example.id!r} has {len(ids)} tokens with its answer, but the model takes "
                f"{n_ctx}: shorten it or leave it out"
            )
        rows.append(Row(tuple(prompt), tuple(ids[len(prompt) :])))
    return rows


def _answer(example: Question, end: str) -> str:
    if isinstance(example, Example):
        return example.choices[example.answer]
    gap = "" if example.prompt[-1].isspace() else " "
    return gap + example.answers[0] + end


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

    shape = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=_targets(causal, settings.targets),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in causal.modules()),
    )
    with quietly():
        return get_peft_model(causal, shape)


def _targets(causal: Any, targets: Targets) -> str | list[str]:
    """What peft is told to adapt: its own word for all matrices, or the names of some."""
    if targets == "all-linear":
        return targets
    from transformers.pytorch_utils import Conv1D

    names = [
        name
        for name, module in causal.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D)
        and module is not causal.get_output_embeddings()
        and ("att" in name) == (targets == "attention")
    ]
    if not names:
        raise InputError(f"{causal.config.model_type} has no matrices under {targets!r}: take 'all-linear'")
    return names


def train(causal: Any, rows: Sequence[Row], settings: LoraSettings, pad: int, progress: Progress) -> Spent:
    """Train what is not frozen, in place. Each epoch sees all rows, in an order that the seed gives."""
    _dropout_of_adapter_only(causal)
    weights = [weight for weight in causal.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0, fused=True)
    batches = list(_batches(rows, settings))
    spent = Spent()
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _scale(step, len(batches), settings.warmup)
        optimizer.zero_grad()
        loss = answer_loss(causal, batch, pad)
        if not loss.isfinite():
            raise InputError(f"the loss is no number at step {step + 1}: {_REMEDY}")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        spent.losses.append(loss.item())
        spent.tokens += sum(row.run for row in batch)
        progress("fine-tune", step + 1, len(batches))
    if not all(weight.isfinite().all() for weight in weights):
        raise InputError(f"the adapter is no numbers after the last step: {_REMEDY}")
    causal.eval()
    return spent


def _dropout_of_adapter_only(causal: Any) -> None:
    causal.eval()
    for name, module in causal.named_modules():
        if name.endswith(".lora_dropout"):
            module.train()


def _batches(rows: Sequence[Row], settings: LoraSettings) -> Iterator[list[Row]]:
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.epochs):
        order = torch.randperm(len(rows), generator=generator).tolist()
        for start in range(0, len(order), settings.batch_size):
            yield [rows[i] for i in order[start : start + settings.batch_size]]


def _scale(step: int, steps: int, warmup: float) -> float:
    """Share of the learning rate: up in a straight line over the warm-up, then down, never quite 0."""
    rising = max(1, round(warmup * steps))
    return min((step + 1) / rising, (steps - step) / max(1, steps - rising + 1))


def answer_loss(causal: Any, rows: Sequence[Row], pad: int) -> Tensor:
    """Mean −log p over the answers' tokens of these rows.

    Padding stands at the end, where causal attention never looks from what is before it. Logits are made
    only where some row has an answer: with a large vocabulary they are most of the memory.
    """
    width = max(row.run for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    targets = torch.full((len(rows), width), _IGNORE)
    for i, row in enumerate(rows):
        ids[i, : row.run] = torch.tensor((row.prompt + row.answer)[:-1])
        mask[i, : row.run] = 1
        targets[i, len(row.prompt) - 1 : row.run] = torch.tensor(row.answer)
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
