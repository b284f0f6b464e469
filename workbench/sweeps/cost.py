"""What a sweep will cost: floating-point operations counted from tokens, and seconds at a measured speed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from workbench.models.outline import Outline
from workbench.models.tokens import guessed_tokens
from workbench.sweeps.plan import Configuration, Limits, Plan, part_of
from workbench.sweeps.run import GENERATED, fastest_way, run_shard, spread
from workbench.sweeps.score import LOGITS, Reading
from workbench.sweeps.shards import Shard
from workbench.sweeps.slots import block_size, slot_runs
from workbench.tasks import Example

_TIMED = 4
"""Items whose unpatched run is timed, twice."""


@dataclass(frozen=True)
class SweepCost:
    """The cost of a sweep by slots, padding included."""

    examples: int
    configurations: int
    prompt_tokens: int
    """Tokens of prompts, each with one block, that pass through all layers."""
    block_tokens: int
    """Tokens of configurations' blocks, that pass through the layers above their patch."""
    flops: float
    """With configurations at all layers alike, so that half of the layers are above a patch on average."""
    one_by_one: int
    """Tokens that one run for every configuration would take."""


def sweep_cost(
    outline: Outline, examples: Sequence[Example], n_configurations: int, batch_size: int = 64
) -> SweepCost:
    """Count the tokens of a sweep by slots, and of as many runs without; no model is needed."""
    readings = _readings(outline, examples)
    prompts = blocks = 0
    limits = Limits(batch_size, part=part_of(outline.n_layers, outline.d_model, outline.unembedding))
    for rows, configurations in slot_runs(readings, n_configurations, limits):
        prompts += len(rows) * max(len(readings[i].prompt) - 1 + block_size(readings[i]) for i in rows)
        blocks += len(rows) * max(block_size(readings[i]) for i in rows) * len(configurations)
    lengths = [len(reading.prompt) - 1 + block_size(reading) for reading in readings]
    alone = sum(lengths) * (n_configurations + 1)
    flops = 2.0 * (outline.body * (prompts + blocks / 2) + outline.unembedding * blocks)
    return SweepCost(len(examples), n_configurations, prompts, blocks, flops, alone)


@dataclass(frozen=True)
class SweepMemory:
    """The most that a sweep by slots holds beside the weights, in bytes, with attention by sdpa."""

    keys_values: int
    """Of all prompts of a run, in every layer."""
    states: int
    """Residuals, what a layer holds while tokens pass it, and masks."""
    logits: int
    """Of a piece of the vocabularies' logits, which are never held for all tokens."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.keys_values + self.states + self.logits


def sweep_memory(
    outline: Outline,
    bytes_per_number: int,
    examples: Sequence[Example] = (),
    n_configurations: int = 1,
    batch_size: int = 64,
) -> SweepMemory:
    """The largest run of a sweep over the examples; without examples, of rows of 128 tokens."""
    limits = Limits(batch_size)
    if not examples:
        width = limits.token_budget // Limits().batch_size
        return _memory(outline, bytes_per_number, batch_size, width, 1, min(limits.slots, width))
    readings = _readings(outline, examples)
    found = []
    for rows, configurations in slot_runs(readings, n_configurations, limits):
        block = max(block_size(readings[i]) for i in rows)
        prompt = max(len(readings[i].prompt) for i in rows)
        at_once = min(max(limits.slots // block, 1), max(len(configurations), 1))
        found.append(_memory(outline, bytes_per_number, len(rows), prompt, block, block * at_once))
    return max(found, key=lambda one: one.total)


def _memory(outline: Outline, size: int, rows: int, prompt: int, block: int, slots: int) -> SweepMemory:
    """Of one run: rows of a prompt with one block, then `slots` tokens of blocks behind it."""
    width, layers = prompt - 1 + block, outline.n_layers
    kept = rows * block * outline.d_model * layers * size
    mask = (1 + size) * rows  # for each pair of tokens whether one sees the other, and what is added for it
    whole = outline.inside(rows * width) * size + mask * width**2
    # Behind the prompt a layer joins its keys and values with those of the blocks, one for each head.
    seen = prompt - 1 + slots
    joined = 2 * rows * seen * (outline.d_keys + outline.d_heads) * size
    behind = outline.inside(rows * slots) * size + joined + mask * slots * seen
    vocabulary = max(outline.unembedding // outline.d_model, 1)
    pieces = min(rows * slots, max(LOGITS // vocabulary, 1)) * vocabulary
    return SweepMemory(
        keys_values=2 * rows * width * outline.d_keys * layers * size,
        states=kept + max(whole, behind),
        logits=pieces * (8 if size == 4 else 8 + size),  # in float32, and once more for their sum
    )


def _readings(outline: Outline, examples: Sequence[Example]) -> list[Reading]:
    """As many tokens as the examples have; which ones makes no difference to the cost."""
    prompts = _counts(outline, [example.prompt for example in examples])
    choices = _counts(outline, [choice for example in examples for choice in example.choices])
    counted = iter(choices)
    return [
        Reading(example, (0,) * n, tuple((0,) * max(next(counted) - 1, 1) for _ in example.choices))
        for example, n in zip(examples, prompts, strict=True)
    ]


def _counts(outline: Outline, texts: Sequence[str]) -> list[int]:
    if outline.tokens is not None:
        return [len(ids) for ids in outline.tokens.encode(list(texts))]
    return [guessed_tokens(len(text)) for text in texts]


def counted(plan: Plan, way: str, configuration: Configuration | None = None) -> float:
    """Operations of one configuration over all items by one way; unpatched where there is none.

    Prompts are counted once for all their choices, and by slots and suffix only the layers above the patch.
    """
    info = plan.model.info
    block, head = 24.0 * info.d_model**2, 2.0 * info.d_model * info.d_vocab
    prompts = float(sum(len(item.prompt) for item in plan.items))
    if plan.generation is not None:
        more = wanted = float(plan.generation.max_new_tokens * len(plan.items))
    else:
        choices = [choice for item in plan.items if item.classes is None for choice in item.choices]
        more, wanted = float(sum(map(len, choices)) - len(choices)), float(sum(map(len, choices)))
    if configuration is None or way in ("naive", GENERATED):
        return block * info.n_layers * (prompts + more) + head * wanted
    above = info.n_layers - configuration.parts[0][0].layer
    return block * above * ((len(plan.items) if way == "slots" else prompts) + more) + head * wanted


@torch.no_grad()
def seconds_of(plan: Plan) -> tuple[float, float]:
    """What the unpatched run will take, and all configurations, each by its fastest way.

    The speed is that of the unpatched run of some items, short and long ones: the faster of two rounds.
    """
    ways = [fastest_way(plan, configuration) for configuration in plan.configurations]
    patched = sum(counted(plan, *pair) for pair in zip(ways, plan.configurations, strict=True))
    some = replace(plan, items=spread(plan.items, _TIMED), configurations=())
    times = []
    for _ in range(2):
        start = time.perf_counter()
        run_shard(some, Shard(GENERATED if plan.generation else "naive", tuple(range(len(some.items))), (0,)))
        times.append(time.perf_counter() - start)
    rate = counted(some, "naive") / min(times)
    return counted(plan, "naive") / rate, patched / rate
