"""Hooks that apply a patch at given sites and positions of a forward pass."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from workbench.core.errors import InputError
from workbench.core.types import POSITIONS, Positions, Site, check_name
from workbench.intervene.formulas import Intervention, Map, patch_size
from workbench.models import Batch, Hook, LanguageModel
from workbench.models.base import firing


def no_map(h: Tensor) -> Tensor:
    """Placeholder of a formula without a map: not the identity, which would hide a mistake."""
    raise InputError("this patch type needs a map, but none was given")


@dataclass(frozen=True, eq=False, repr=False)
class Patch:
    """A patch type with its map at a site, on some of the tokens."""

    site: Site
    intervention: Intervention
    map: Map = no_map
    strength: float = 1.0
    positions: Positions = "last"

    def __post_init__(self) -> None:
        check_name(self.positions, POSITIONS, "positions")

    def new_states(self, before: Float[Tensor, "state d_model"]) -> Float[Tensor, "state d_model"]:
        """h′ of each state, if it fits the model and is finite."""
        after = self.intervention(before, self.map, self.strength)
        if after.shape != before.shape:
            raise InputError(
                f"the map turns width {before.shape[-1]} into {after.shape[-1]}: it belongs to another model"
            )
        if not torch.isfinite(after).all():
            raise InputError("the patched state holds NaN or infinity: the map or α is too large")
        return after

    def __repr__(self) -> str:
        formula = type(self.intervention).__name__
        return f"Patch({formula} at {self.site}, strength {self.strength:g}, {self.positions})"


@contextmanager
def applied(
    model: LanguageModel,
    patches: Sequence[Patch],
    batch: Batch,
    *,
    ends: Int[Tensor, " batch"] | None = None,
    from_clean: bool = False,
) -> Iterator[list["Placement"]]:
    """Runs of `batch` inside the block, and generation that starts with it, are patched.

    Patches of several layers cascade: each sees the stream as those below it left it. With `from_clean` all
    new states are computed from one unpatched run beforehand (as INCLINE's released code does). Patches of
    one site follow each other in order, those of an outer block first. `ends` says where the prompts end, if
    not at the rows' last tokens. The block fails if a patch never fired; the model is left as it was.
    """
    placements = _place(model, patches, batch, ends, from_clean)
    with model.hooked(_by_site((placed.patch.site, placed) for placed in placements)):
        yield placements


def as_hooks(
    model: LanguageModel,
    patches: Sequence[Patch],
    batch: Batch,
    *,
    ends: Int[Tensor, " batch"] | None = None,
    from_clean: bool = False,
) -> list[tuple[str, Callable[..., Any]]]:
    """The same as plain TransformerLens hooks: (name, function), for `run_with_hooks(fwd_hooks=…)`.

    They are for runs of the same rows and padding as `batch`; that they fire is then for the caller to see.
    """
    placements = _place(model, patches, batch, ends, from_clean)
    hooks: list[tuple[str, Callable[..., Any]]] = []
    for site, hook in _by_site((placed.patch.site, placed) for placed in placements).items():
        plain = site.component in ("resid_pre", "resid_post", "attn_out", "mlp_out")
        # A plain name is the same in both faces of TransformerLens.
        name = f"blocks.{site.layer}.hook_{site.component}" if plain else str(model.point(site).name)
        hooks.append((name, partial(_run_plain, firing(site, hook, set(), None))))
    return hooks


def _run_plain(callback: Callable[..., Any], value: Tensor, hook: Any = None) -> Any:
    """A hook of ours, called as TransformerLens calls one."""
    return callback(hook, (), value)


@dataclass(eq=False)
class Placement:
    """The hook of one patch for one batch, in full runs and behind a KV cache.

    A pass at least as wide as the batch reads the prompts; columns beyond the batch's are new tokens. A
    narrower pass after it is generation with a cache and holds new tokens only.
    """

    patch: Patch
    mask: Bool[Tensor, "batch pos"]
    ends: Int[Tensor, " batch"]
    size: Float[Tensor, " batch"] | None = field(default=None, init=False)
    """‖h′ − h‖ / ‖h‖ of each row, the mean over the patched tokens of its prompt, in the last pass there."""
    _given: Float[Tensor, "state d_model"] | None = field(default=None, init=False)
    _begun: bool = field(default=False, init=False)

    def __call__(self, h: Tensor) -> Tensor | None:
        """The residual with the new states in place; nothing where this pass holds none of them."""
        if h.ndim == 2:  # some modules flatten batch and pos
            h = h.reshape(len(self.ends), -1, h.shape[-1])
        chosen = self._chosen(*h.shape[:2])
        if chosen is None:
            return None
        chosen = chosen.to(h.device)
        before = h[chosen]
        after = self.patch.new_states(before) if self._given is None else self._given.to(h.device)
        if h.shape[1] >= self.mask.shape[1]:
            prompt = torch.arange(h.shape[1], device=h.device) <= self.ends.to(h.device)[:, None]
            sizes, rows = patch_size(before, after)[prompt[chosen]], chosen & prompt
            self.size = (
                sizes.new_zeros(len(h)).index_add(0, rows.nonzero()[:, 0], sizes) / rows.sum(1)
            ).cpu()
        changed = h.clone()
        changed[chosen] = after.to(h.dtype)
        return changed

    def look(self, h: Tensor) -> None:
        """Compute the new states from this run, to be put in place in later runs."""
        self._given = self.patch.new_states(h[self._in_prompts(h.shape[1]).to(h.device)])

    def _chosen(self, rows: int, width: int) -> Tensor | None:
        known = self.mask.shape[1]
        if rows != len(self.mask):
            raise InputError(f"a run of {rows} rows inside a patch for {len(self.mask)}: pass its own batch")
        reads_prompts = width >= known
        if not (reads_prompts or self._begun):
            raise InputError(f"the first patched run is {width} tokens wide, but the batch given is {known}")
        everywhere = self.patch.positions == "all"
        if known == width == 1 and self._begun and not everywhere:
            raise InputError(
                "a second pass over prompts of one token may as well be a generated token: "
                "run each in a block of its own, or generate without a cache"
            )
        self._begun = True
        if reads_prompts:
            return self._in_prompts(width)
        return torch.ones((rows, width), dtype=torch.bool) if everywhere else None

    def _in_prompts(self, width: int) -> Tensor:
        real = pad(self.mask, (0, width - self.mask.shape[1]), value=True)
        columns, ends = torch.arange(width, device=real.device), self.ends[:, None]
        chosen = {"last": columns == ends, "prompt": real & (columns <= ends), "all": real}
        return chosen[self.patch.positions]


@contextmanager
def in_place(model: LanguageModel, patches: Sequence[Patch]) -> Iterator[None]:
    """Every run of the model inside the block is patched, whoever starts it: one prompt at a time.

    A run that does not continue the one before begins another prompt; what follows it one token at a time is
    generated. Several prompts at once may be padded, which a run does not show: `applied` takes them.
    """
    for patch in patches:
        model.check_site(patch.site)
    current = _CurrentPrompt(patches)
    before: dict[Site, Hook] = {Site(0, "resid_pre"): current.look}
    hooks = [(patch.site, partial(current.change, number)) for number, patch in enumerate(patches)]
    with model.hooked(before), model.hooked(_by_site(hooks)):
        yield


class _CurrentPrompt:
    """The patches placed for the prompt that is run; the input of layer 0 shows when another one begins."""

    def __init__(self, patches: Sequence[Patch]):
        self.patches = patches
        self.placements: list[Placement] = []
        self.prompt: Tensor | None = None

    def look(self, h: Tensor) -> None:
        """Place the patches anew, unless h is a generated token or the prompt with more tokens."""
        h = h[None] if h.ndim == 2 else h
        if len(h) != 1:
            raise InputError(
                f"a patch in place takes one prompt at a time, not {len(h)}: where padded ones end, only "
                "workbench.intervene.applied(model, patches, batch) is told"
            )
        if self.prompt is not None:
            width = self.prompt.shape[1]
            if h.shape[1] == 1 or (h.shape[1] > width and torch.equal(h[:, :width], self.prompt)):
                return
        self.prompt = h.detach().clone()
        mask, ends = torch.ones(h.shape[:2], dtype=torch.bool), torch.tensor([h.shape[1] - 1])
        self.placements = [Placement(patch, mask, ends) for patch in self.patches]

    def change(self, number: int, h: Tensor) -> Tensor | None:
        """The hook of one of the patches."""
        if not self.placements:
            raise InputError("a patch in place did not see layer 0: run the model from its first layer")
        return self.placements[number](h)


def _place(
    model: LanguageModel, patches: Sequence[Patch], batch: Batch, ends: Tensor | None, from_clean: bool
) -> list[Placement]:
    if not patches:
        raise InputError("no patches were given: the run would not be patched")
    for patch in patches:
        model.check_site(patch.site)
    at = batch.last if ends is None else ends.to(batch.mask.device)
    if at.shape != batch.last.shape or (at < 0).any() or (at > batch.last).any():
        raise InputError(f"ends must name a token of each of the {len(batch)} rows")
    if not batch.mask[torch.arange(len(batch), device=at.device), at].all():
        raise InputError("a prompt cannot end at padding: give ends in columns of the padded batch")
    placements = [Placement(patch, batch.mask, at) for patch in patches]
    if from_clean:
        _read_clean(model, placements, batch)
    return placements


def _read_clean(model: LanguageModel, placements: Sequence[Placement], batch: Batch) -> None:
    hooks: dict[Site, Hook] = {placement.patch.site: placement.look for placement in placements}
    if len(hooks) < len(placements):
        raise InputError("two patches of one site, each from a clean run: the second would undo the first")
    if any(placement.patch.positions == "all" for placement in placements):
        raise InputError('a clean run has no generated tokens: with from_clean use "last" or "prompt"')
    with torch.no_grad():
        model.run(batch, hooks=hooks, stop=1 + max(site.layer for site in hooks), head=False)


def _by_site(hooks: Iterable[tuple[Site, Hook]]) -> dict[Site, Hook]:
    """One hook for each site, which calls those given for it in turn."""
    sites: dict[Site, list[Hook]] = {}
    for site, hook in hooks:
        sites.setdefault(site, []).append(hook)
    return {site: partial(_in_turn, those) for site, those in sites.items()}


def _in_turn(hooks: Sequence[Hook], h: Tensor) -> Tensor:
    for hook in hooks:
        changed = hook(h)
        h = h if changed is None else changed
    return h
