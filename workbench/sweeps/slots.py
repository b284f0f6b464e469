"""Slots: many patched variants of a prompt in one run.

A patch at the last prompt token changes nothing before it, so variants can share that part. Behind it a
row holds one *block* for the clean run and one for each configuration, and a block holds the last prompt
token and the tokens of the choices that follow it:

    prompt but its last token | last, choices | last, choices | …
                                clean           configuration 0        …

Each block sees the shared part and itself, at the positions it would have. At its layer a configuration's
block
is overwritten: the last token with the patched clean state, the choices with their clean states, which is
what they are there, for a patch at layer l is seen from layer l + 1 on. Below that a block is dead weight,
above it *is* the patched run. A joint configuration is overwritten so at its lowest layer; at those above
only its last token is patched again, from its own state or, with `from_clean`, from the clean block's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS, Intervention, Map, PositionPatch, patch_size
from workbench.models import Hook, LanguageModel, TokenTree
from workbench.models.outline import Outline, support_table
from workbench.sweeps.plan import Configuration, Limits, Plan
from workbench.sweeps.score import LOGITS, Reading, Scores
from workbench.tasks import Example


class Slots:
    """The engine of patches at the last prompt token of the residual stream, where a model takes trees."""

    def refusal(
        self, model: LanguageModel, readings: Sequence[Reading], configurations: Sequence[Configuration]
    ) -> str | None:
        """Why these configurations must be swept otherwise, or None where slots can do it."""
        if reason := trees_tried(model):
            return reason
        for configuration in configurations:
            if configuration.positions != "last":
                return f"slots patch the last prompt token, not {configuration.positions!r}"
            for site, _ in configuration.parts:
                if site.component != "resid_post":
                    return f"slots patch resid_post, not {site}"
        return too_long(model, readings)

    def runs(
        self, plan: Plan, configurations: Sequence[Configuration]
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Rows of like length, blocks in equal parts."""
        return slot_runs(plan.items, len(configurations), plan.limits)

    @torch.no_grad()
    def run(
        self, plan: Plan, readings: Sequence[Reading], configurations: Sequence[Configuration], clean: bool
    ) -> list[Scores]:
        """All in one run, which always holds the clean one."""
        pack = Pack(plan.model, readings, configurations)
        h = plan.model.run_tree(pack.tree, pack.hooks())
        of_block = list(zip(*pack.scores(h), strict=True))
        found = [Scores(list(choices), size) for choices, size in zip(of_block, pack.sizes, strict=True)]
        return found if clean else found[1:]


def too_long(model: LanguageModel, readings: Sequence[Reading]) -> str | None:
    """Which text the model cannot take, if there is one."""
    longest = max((len(r.prompt) + len(c) - 1 for r in readings for c in r.choices), default=0)
    if model.info.n_ctx is not None and longest > model.info.n_ctx:
        return f"an example has {longest} tokens, but {model.info.name} takes {model.info.n_ctx}"
    return None


def trees_tried(model: LanguageModel) -> str | None:
    """Why no tree of tokens is run through this model, or None where one is."""
    if reason := model.tree_refused():
        return reason
    if model.info.architecture not in {row.architecture for row in support_table()}:
        return f"slots have not been tried on {model.info.architecture}"
    return None


def slot_runs(
    readings: Sequence[Reading], n_configurations: int, limits: Limits
) -> Iterator[tuple[list[int], list[int]]]:
    """Which examples and configurations go into each run: rows of like length, blocks in equal parts."""
    blocks = [block_size(reading) for reading in readings]
    order = sorted(range(len(readings)), key=lambda i: (blocks[i], len(readings[i].prompt)))
    while order:
        # The longest block of a batch decides how many configurations fit; sorted, it is the last one's.
        rows: list[int] = []
        width, parts = 0, 1
        for i in order[: limits.batch_size]:
            at_once = max(limits.slots // blocks[i], 1)
            parts_now = max(-(-n_configurations // at_once), 1)
            each = -(-n_configurations // parts_now)
            wide = max(width, len(readings[i].prompt) - 1 + blocks[i] * (each + 1))
            if rows and wide * (len(rows) + 1) > limits.token_budget:
                break
            rows.append(i)
            width, parts = wide, parts_now
        order = order[len(rows) :]
        each = -(-n_configurations // parts)
        for part in range(parts):
            yield rows, list(range(n_configurations))[part * each : (part + 1) * each]


def block_size(reading: Reading) -> int:
    """Tokens of a block: the last one of the prompt, and those of the choices that predict something."""
    return 1 + sum(len(choice) - 1 for choice in reading.choices)


class Pack:
    """The rows of one run, and where everything is in them."""

    def __init__(
        self, model: LanguageModel, readings: Sequence[Reading], configurations: Sequence[Configuration]
    ):
        self.model, self.readings, self.configurations = model, readings, configurations
        device = model.device
        self.heads = torch.tensor([len(r.prompt) - 1 for r in readings], device=device)
        """Where each row's last prompt token stands: there its clean block begins."""
        self.blocks = torch.tensor([block_size(r) for r in readings], device=device)
        self.sizes = torch.zeros(len(configurations) + 1, len(readings), dtype=torch.float64)
        self.tree = self._tree()
        # Row and place of every token in a clean block; a configuration's copy stands some blocks later.
        self._rows = torch.arange(len(readings), device=device).repeat_interleave(self.blocks)
        starts = torch.arange(len(self._rows), device=device)
        first = (self.blocks.cumsum(0) - self.blocks)[self._rows]
        self._source = self.heads[self._rows] + starts - first
        self._step = self.blocks[self._rows]

    def _tree(self) -> TokenTree:
        n = len(self.configurations) + 1
        width = int((self.heads + self.blocks * n).max())
        shape = (len(self.readings), width)
        ids = torch.full(shape, self.model.tokens.pad)
        positions = torch.zeros(shape, dtype=torch.long)
        sees = torch.eye(width, dtype=torch.bool).repeat(shape[0], 1, 1)
        for row, reading in enumerate(self.readings):
            block_ids, block_positions, block_sees = _block(reading)
            head, end = len(reading.prompt) - 1, len(reading.prompt) - 1 + len(block_ids) * n
            ids[row, :head] = torch.tensor(reading.prompt[:-1], dtype=torch.long)
            positions[row, :head] = torch.arange(head)
            ids[row, head:end] = block_ids.repeat(n)
            positions[row, head:end] = block_positions.repeat(n)
            sees[row, :end, :head] = True
            sees[row, :head, :head] = torch.ones(head, head, dtype=torch.bool).tril()
            sees[row, head:end, head:end] = torch.block_diag(*[block_sees] * n).bool()
        device = self.model.device
        return TokenTree(ids.to(device), positions.to(device), sees.to(device))

    def hooks(self) -> dict[Site, Hook]:
        """For each layer with configurations, the hook that puts them in their blocks."""
        at: dict[Site, list[tuple[int, int]]] = {}
        for j, configuration in enumerate(self.configurations):
            for part, (site, _) in enumerate(configuration.parts):
                at.setdefault(site, []).append((j, part))
        return {site: self._fill(mine) for site, mine in at.items()}

    def _fill(self, mine: list[tuple[int, int]]) -> Hook:
        """For some configurations, each with the place of this layer among its sites."""

        def hook(h: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
            here = [t.to(h.device) for t in (self._rows, self._source, self._step, self.heads, self.blocks)]
            rows, source, step, heads, blocks = here
            each = torch.arange(len(h), device=h.device)
            state = h[each, heads][:, None]
            clean = h[rows, source]
            changed = h.clone()
            for j, part in mine:
                configuration, at = self.configurations[j], heads + (j + 1) * blocks
                if part == 0:
                    # A block is written whole, so that choices of several tokens carry their clean states.
                    changed[rows, source + (j + 1) * step] = clean
                own = h[each, at][:, None] if part else state
                patch = PositionPatch(
                    *_formula(configuration, part), torch.zeros_like(heads), configuration.strength
                )
                after = patch(state if configuration.from_clean else own)
                changed[each, at] = after[:, 0]
                self.sizes[j + 1] += patch_size(own[:, 0], after[:, 0]).cpu() / len(configuration.parts)
            return changed

        return hook

    def scores(self, h: Float[Tensor, "batch pos d_model"]) -> Iterator[list[Tensor]]:
        """For each row, and in it for each block (clean first), the scores of the choices."""
        n = len(self.configurations) + 1
        for row, reading in enumerate(self.readings):
            size, head = block_size(reading), len(reading.prompt) - 1
            states = h[row, head : head + size * n]
            if reading.classes is not None:
                yield list(reading.classes.scores(states))
                continue
            offsets, tokens, owner = _wanted(reading)
            log_p = self._log_likelihoods(states, size, offsets.to(h.device), tokens.to(h.device))
            sums = torch.zeros(n, len(reading.choices)).index_add_(1, owner, log_p)
            yield list(sums)

    def _log_likelihoods(
        self, states: Float[Tensor, "pos d_model"], size: int, offsets: Tensor, tokens: Tensor
    ) -> Float[Tensor, "block token"]:
        """log p of each wanted token, read from the place that predicts it, in each block."""
        step = max(LOGITS // (self.model.info.d_vocab * size), 1) * size
        parts = []
        for some in states.split(step):
            logits = self.model.unembed(self.model.final_norm(some[None]))[0].float()
            log_p = logits.log_softmax(-1).unflatten(0, (-1, size))
            parts.append(log_p[:, offsets, tokens].cpu())
        return torch.cat(parts)


def _formula(configuration: Configuration, part: int) -> tuple[Intervention, Map]:
    return INTERVENTIONS[configuration.intervention], configuration.parts[part][1].transform


def _block(reading: Reading) -> tuple[Int[Tensor, " pos"], Int[Tensor, " pos"], Tensor]:
    """Tokens, positions and who sees whom: the last prompt token, then each choice but its last token."""
    ids, positions = [reading.prompt[-1]], [len(reading.prompt) - 1]
    sees = torch.eye(block_size(reading))
    sees[:, 0] = 1
    for choice in reading.choices:
        start, length = len(ids), len(choice) - 1
        sees[start : start + length, start : start + length] = torch.ones(length, length).tril()
        ids += choice[:-1]
        positions += range(len(reading.prompt), len(reading.prompt) + length)
    return torch.tensor(ids), torch.tensor(positions), sees


def _wanted(reading: Reading) -> tuple[Tensor, Tensor, Tensor]:
    """For each token of each choice: where in a block it is predicted, the token, and whose it is."""
    offsets: list[int] = []
    tokens: list[int] = []
    owner: list[int] = []
    start = 1
    for c, choice in enumerate(reading.choices):
        offsets += [0, *range(start, start + len(choice) - 1)]
        tokens += choice
        owner += [c] * len(choice)
        start += len(choice) - 1
    return torch.tensor(offsets), torch.tensor(tokens), torch.tensor(owner)


# What a sweep by slots would cost, before it runs: from the tokens of its items and the number of
# configurations.


_CHARACTERS_A_TOKEN = 3.0
"""Where no tokenizer is at hand, as in the plan of a capture."""


@dataclass(frozen=True)
class SweepCost:
    """The bill of a sweep by slots."""

    examples: int
    configurations: int
    tokens: int
    """Tokens that pass through the model, padding included."""
    runs: int
    flops: float
    one_by_one: int
    """Tokens that one run for every configuration would take."""


def sweep_cost(
    outline: Outline, examples: Sequence[Example], n_configurations: int, batch_size: int = 64
) -> SweepCost:
    """Count the tokens of all runs, configurations in slots, and of as many runs without slots."""
    readings = _readings(outline, examples)
    tokens = runs = 0
    for rows, configurations in slot_runs(readings, n_configurations, Limits(batch_size)):
        runs += 1
        widths = [_head(readings[i]) + block_size(readings[i]) * (len(configurations) + 1) for i in rows]
        tokens += max(widths) * len(rows)
    alone = sum(_head(reading) + block_size(reading) for reading in readings) * (n_configurations + 1)
    return SweepCost(len(examples), n_configurations, tokens, runs, 2.0 * outline.parameters * tokens, alone)


def _head(reading: Reading) -> int:
    return len(reading.prompt) - 1


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
    return [1 + max(1, round(len(text) / _CHARACTERS_A_TOKEN)) for text in texts]
