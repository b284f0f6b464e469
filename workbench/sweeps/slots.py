"""Slots: the prompt is run once, and every patched variant of its last token behind it.

A patch at the last prompt token changes nothing before it, so variants share the keys and values of that
part. What is a variant's own is a *block*: the last prompt token, and the tokens of the choices behind it.
One clean run gives the keys and values of all layers, and the clean states of a block. A configuration at
layer l starts there: its block is the patched state of the last token and the clean states of the choices,
which is what they are there, for a patch at layer l is seen from layer l + 1 on. From there to the top only
blocks are run, several in a row, each seeing the prompt and itself:

    prompt but its last token (keys and values) | last, choices | last, choices | …
                                                  configuration 0 configuration 1

A joint configuration starts at its lowest layer; at those above only its last token is patched again, from
its own state or, with `from_clean`, from the clean one.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS, Patch, patch_size
from workbench.models import Hook, LanguageModel, Past, TokenTree
from workbench.models.base import ARCHITECTURES
from workbench.sweeps.plan import Configuration, Limits, Plan
from workbench.sweeps.score import Reading, Scores, log_likelihoods


class Slots:
    """The engine of patches at the last prompt token of the residual stream, where a model takes trees."""

    def refusal(
        self, model: LanguageModel, readings: Sequence[Reading], configurations: Sequence[Configuration]
    ) -> str | None:
        """Why these configurations must be swept otherwise, or None where slots can do it."""
        if reason := trees_tried(model) or model.past_refused():
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
        """The clean run, and behind it the configurations of each layer, some at a time."""
        prompts = Prompts(plan.model, readings)
        unpatched = prompts.run(configurations)
        at_once = max(plan.limits.slots // int(prompts.blocks.max()), 1)
        found: dict[int, Scores] = {}
        order = sorted(range(len(configurations)), key=lambda j: _lowest(configurations[j]))
        for _, same in groupby(order, key=lambda j: _lowest(configurations[j])):
            mine = list(same)
            for start in range(0, len(mine), at_once):
                some = mine[start : start + at_once]
                pack = Pack(prompts, [configurations[j] for j in some])
                found |= zip(some, pack.run(), strict=True)
        patched = [found[j] for j in range(len(configurations))]
        return [unpatched, *patched] if clean else patched


def _lowest(configuration: Configuration) -> int:
    return configuration.parts[0][0].layer


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
    if model.info.architecture not in ARCHITECTURES:
        return f"slots have not been tried on {model.info.architecture}"
    return None


def slot_runs(
    readings: Sequence[Reading], n_configurations: int, limits: Limits
) -> Iterator[tuple[list[int], list[int]]]:
    """Which examples and configurations go into each run: rows of like length, configurations in equal parts.

    Prompts are run once for each part, so that a part has many configurations; no more than what takes a
    while, for a part that was begun is lost when a sweep is interrupted.
    """
    blocks = [block_size(reading) for reading in readings]
    order = sorted(range(len(readings)), key=lambda i: (blocks[i], len(readings[i].prompt)))
    while order:
        rows: list[int] = []
        for i in order[: limits.batch_size]:
            at_once = min(max(limits.slots // blocks[i], 1), max(n_configurations, 1))
            wide = max(len(readings[i].prompt), blocks[i] * at_once)
            if rows and wide * (len(rows) + 1) > limits.token_budget:
                break
            rows.append(i)
        order = order[len(rows) :]
        tokens = len(rows) * blocks[rows[-1]] * n_configurations
        parts = max(-(-tokens // limits.part), 1)
        each = -(-n_configurations // parts)
        for part in range(parts):
            yield rows, list(range(n_configurations))[part * each : (part + 1) * each]


def block_size(reading: Reading) -> int:
    """Tokens of a block: the last one of the prompt, and those of the choices that predict something."""
    return 1 + sum(len(choice) - 1 for choice in reading.choices)


class Prompts:
    """Some prompts, each with one block behind it: the clean run, and what configurations need of it."""

    def __init__(self, model: LanguageModel, readings: Sequence[Reading]):
        self.model, self.readings = model, readings
        device = model.device
        self.heads = torch.tensor([len(r.prompt) - 1 for r in readings], device=device)
        """Where each row's last prompt token stands: there its block begins."""
        self.blocks = torch.tensor([block_size(r) for r in readings], device=device)
        self._parts = [_block(reading) for reading in readings]
        wide = torch.arange(int(self.blocks.max()), device=device)
        self._at = self.heads[:, None] + torch.minimum(wide, self.blocks[:, None] - 1)
        """Where the tokens of each row's block stand; the last again for those that a block has not."""
        self.tree = self._tree()
        self.states: dict[int, Float[Tensor, "row pos d_model"]] = {}
        """The clean states of blocks above each layer with configurations."""
        self.past: Past | None = None

    def run(self, configurations: Sequence[Configuration]) -> Scores:
        """The clean run, which keeps what these configurations start from; its scores."""
        layers = {site.layer for configuration in configurations for site, _ in configuration.parts}
        hooks = {Site(layer): self._look(layer) for layer in layers}
        if configurations:
            h, self.past = self.model.remember(self.tree, hooks, int(self.heads.max()))
        else:
            h = self.model.run_tree(self.tree, hooks)
        choices = [of_blocks[0] for of_blocks in self.scores(self.blocks_of(h)[:, None])]
        return Scores(choices, torch.zeros(len(self.readings), dtype=torch.float64))

    def blocks_of(self, h: Float[Tensor, "row pos d_model"]) -> Float[Tensor, "row pos d_model"]:
        """The states of the blocks alone."""
        return h[torch.arange(len(h), device=h.device)[:, None], self._at.to(h.device)]

    def _look(self, layer: int) -> Hook:
        def hook(h: Tensor) -> None:
            self.states[layer] = self.blocks_of(h)

        return hook

    def _tree(self) -> TokenTree:
        """Prompts, each with one block."""
        width = int((self.heads + self.blocks).max())
        ids = torch.full((len(self.readings), width), self.model.tokens.pad)
        positions = torch.zeros(ids.shape, dtype=torch.long)
        sees = torch.eye(width, dtype=torch.bool).repeat(len(ids), 1, 1)
        for row, (reading, (block_ids, block_positions, block_sees)) in enumerate(
            zip(self.readings, self._parts, strict=True)
        ):
            head = len(reading.prompt) - 1
            end = head + len(block_ids)
            ids[row, :head] = torch.tensor(reading.prompt[:-1], dtype=torch.long)
            ids[row, head:end] = block_ids
            positions[row, :end] = torch.cat([torch.arange(head), block_positions])
            sees[row, :head, :head] = torch.ones(head, head, dtype=torch.bool).tril()
            sees[row, head:end, :head] = True
            sees[row, head:end, head:end] = block_sees
        device = self.model.device
        return TokenTree(ids.to(device), positions.to(device), sees.to(device))

    def behind(self, n: int) -> TokenTree:
        """So many blocks behind the past of each prompt."""
        width = int(self.blocks.max())
        shape = (len(self.readings), width)
        ids = torch.full(shape, self.model.tokens.pad)
        positions = torch.zeros(shape, dtype=torch.long)
        own = torch.eye(width, dtype=torch.bool).repeat(len(ids), 1, 1)
        for row, (block_ids, block_positions, block_sees) in enumerate(self._parts):
            size = len(block_ids)
            ids[row, :size], positions[row, :size] = block_ids, block_positions
            own[row, :size, :size] = block_sees
        heads = self.heads.cpu()
        past = (torch.arange(int(heads.max())) < heads[:, None])[:, None].expand(-1, width * n, -1)
        blocks = torch.einsum("ij,bpq->bipjq", torch.eye(n), own.float()).bool()
        sees = torch.cat([past, blocks.reshape(len(ids), width * n, width * n)], 2)
        device = self.model.device
        return TokenTree(ids.repeat(1, n).to(device), positions.repeat(1, n).to(device), sees.to(device))

    def scores(self, h: Float[Tensor, "row block pos d_model"]) -> list[Float[Tensor, "block choice"]]:
        """For each row the scores of its choices in each block."""
        if (classes := self.readings[0].classes) is not None:
            return list(classes.scores(h[:, :, 0].flatten(0, 1)).unflatten(0, h.shape[:2]))
        n, first = h.shape[1], 0
        states, at, tokens = [], [], []
        wanted = [_wanted(reading) for reading in self.readings]
        for row, (offsets, ids, _) in enumerate(wanted):
            size = int(self.blocks[row])
            states.append(h[row, :, :size].flatten(0, 1))
            at.append((first + torch.arange(n)[:, None] * size + offsets).flatten())
            tokens.append(ids.repeat(n))
            first += size * n
        log_p = log_likelihoods(self.model, torch.cat(states), torch.cat(at), torch.cat(tokens))
        return [
            torch.zeros(n, len(reading.choices)).index_add_(1, owner, values.unflatten(0, (n, -1)))
            for reading, (_, _, owner), values in zip(
                self.readings, wanted, log_p.split([len(part) for part in at]), strict=True
            )
        ]


class Pack:
    """Some configurations with one lowest layer, a block for each behind every prompt."""

    def __init__(self, prompts: Prompts, configurations: Sequence[Configuration]):
        self.prompts, self.configurations = prompts, configurations
        self.sizes = torch.zeros(len(configurations), len(prompts.readings), dtype=torch.float64)

    def run(self) -> list[Scores]:
        """The scores of each configuration."""
        prompts, model, n = self.prompts, self.prompts.model, len(self.configurations)
        layer = _lowest(self.configurations[0])
        clean = prompts.states[layer]
        h = clean[:, None].repeat(1, n, 1, 1)
        self._patch(h, layer, first=True)
        if layer + 1 < model.info.n_layers:
            above = {site for configuration in self.configurations for site, _ in configuration.parts[1:]}
            h = model.run_tree(
                prompts.behind(n),
                {site: self._hook(site.layer) for site in above},
                start=layer + 1,
                residual=h.flatten(1, 2),
                past=prompts.past,
            ).unflatten(1, (n, -1))
        by_row = prompts.scores(h)
        return [Scores([choices[j] for choices in by_row], self.sizes[j]) for j in range(n)]

    def _hook(self, layer: int) -> Hook:
        def hook(h: Float[Tensor, "row pos d_model"]) -> Tensor:
            changed = h.clone().unflatten(1, (len(self.configurations), -1))
            self._patch(changed, layer)
            return changed.flatten(1, 2)

        return hook

    def _patch(self, h: Float[Tensor, "row block pos d_model"], layer: int, first: bool = False) -> None:
        """Patch the last prompt token of each block that has a map for the layer."""
        clean = self.prompts.states[layer][:, 0].to(h.device)
        for j, configuration in enumerate(self.configurations):
            for site, map in configuration.parts[:1] if first else configuration.parts[1:]:
                if site.layer != layer:
                    continue
                own = h[:, j, 0]
                intervention = INTERVENTIONS[configuration.intervention]
                patch = Patch(site, intervention, map.transform, configuration.strength)
                after = patch.new_states(clean if configuration.from_clean else own).to(h.dtype)
                self.sizes[j] += patch_size(own, after).cpu() / len(configuration.parts)
                h[:, j, 0] = after


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
