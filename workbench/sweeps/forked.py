"""Rows of a suffix in two parts: each prompt once, and behind it its choices, which see its keys and values.

For backends that keep a cache of keys and values. A choice of one token needs no row: it is read from its
prompt's last state. Of longer ones all tokens but the last are run.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.types import Site
from workbench.intervene import Patch, Placement
from workbench.models import Forked, Hook, LanguageModel
from workbench.sweeps.score import Reading, log_likelihoods

Both = tuple[Float[Tensor, "prompt pos d_model"], Float[Tensor, "tail pos d_model"]]
"""The residual of prompts, and of the choices behind them."""


class ForkedPlacement:
    """One patch in prompts, and in choices where it is at all positions."""

    def __init__(self, patch: Patch, prompts: Placement, tails: Placement | None):
        self.patch, self.prompts, self.tails = patch, prompts, tails

    def __call__(self, h: Both) -> Both:
        """The residuals with the new states in place."""
        in_prompts = self.prompts(h[0])
        in_tails = None if self.tails is None else self.tails(h[1])
        return h[0] if in_prompts is None else in_prompts, h[1] if in_tails is None else in_tails

    def look(self, h: Tensor) -> None:
        """Compute the new states of prompts here and now."""
        self.prompts.look(h)

    @property
    def size(self) -> Float[Tensor, " batch"] | None:
        """‖h′ − h‖ / ‖h‖ of each prompt."""
        return self.prompts.size


class ForkedRows:
    """A row for each example, and one for each of its choices of several tokens."""

    def __init__(self, model: LanguageModel, readings: Sequence[Reading]):
        self.model, self.readings = model, readings
        tails: list[tuple[int, ...]] = []
        owner: list[int] = []
        self.wanted: list[tuple[int, int, int]] = []
        """Of each token of each choice: the tail that predicts it or −1 − its prompt, where in it, its id."""
        for row, reading in enumerate(readings):
            for choice in reading.choices:
                self.wanted.append((-1 - row, 0, choice[0]))
                self.wanted += [(len(tails), k, token) for k, token in enumerate(choice[1:])]
                if len(choice) > 1:
                    tails.append(choice[:-1])
                    owner.append(row)
        prompts = model.batch([reading.prompt for reading in readings], "left")
        behind = model.batch(tails, "right")
        self.forked = Forked(prompts, behind, torch.tensor(owner, device=model.device))
        self.first = torch.arange(len(readings))

    def place(self, patch: Patch) -> ForkedPlacement:
        """The patch in these rows."""
        prompts, tails = self.forked.prompts, self.forked.tails
        behind = Placement(patch, tails.mask, tails.last) if patch.positions == "all" else None
        return ForkedPlacement(patch, Placement(patch, prompts.mask, prompts.last), behind)

    def run(
        self, hooks: Mapping[Site, "ForkedPlacement | Hook"], start: int, stop: int, h: Both | None
    ) -> Both:
        """From the input of one layer to that of another; hooks that are no placements look at prompts."""
        placed = {site: hook for site, hook in hooks.items() if isinstance(hook, ForkedPlacement)}
        looking = {site: hook for site, hook in hooks.items() if not isinstance(hook, ForkedPlacement)}
        on_prompts = {site: placement.prompts for site, placement in placed.items()} | looking
        on_tails = {site: one.tails for site, one in placed.items() if one.tails is not None}
        return self.model.run_forked(self.forked, on_prompts, on_tails, start=start, stop=stop, residuals=h)

    def scores(self, h: Both) -> list[Tensor]:
        """Log-likelihoods of the choices of each example, from what leaves the last layer."""
        prompts, tails = h
        last = prompts[:, -1]
        row, behind, token = (torch.tensor(column) for column in zip(*self.wanted, strict=True))
        in_prompt = row < 0
        states = torch.empty(len(row), last.shape[-1], dtype=last.dtype, device=last.device)
        states[in_prompt.to(last.device)] = last[(-1 - row[in_prompt]).to(last.device)]
        here = row[~in_prompt].to(tails.device), behind[~in_prompt].to(tails.device)
        states[~in_prompt.to(last.device)] = tails[here].to(last.device)
        return log_likelihoods(self.model, self.readings, states, token)


def forks(model: LanguageModel, readings: Sequence[Reading]) -> bool:
    """Whether these are run in two parts: choices have something to run, and the model keeps a cache."""
    several = any(len(choice) > 1 for reading in readings for choice in reading.choices)
    return several and model.forked_refused() is None
