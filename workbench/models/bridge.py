"""Backend `bridge`: a `TransformerBridge`, which runs the Hugging Face module itself under hooks."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer
from typing_extensions import override

from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.models.base import (
    HOOK_NAMES,
    Batch,
    Forked,
    Hook,
    Hooks,
    LanguageModel,
    ModelInfo,
    Pair,
    Past,
    TokenTree,
    firing,
)
from workbench.models.tokens import TokenReader

_STREAM = ("embed", "resid_pre", "resid_post")
BRIDGED_FROM_4 = ("cohere", "cohere2")
"""Architectures whose attention TransformerLens 3.9 computes otherwise than Hugging Face."""


class BridgeModel(LanguageModel):
    """A `TransformerBridge`, ours or the user's own."""

    _place = "through the bridge"
    _names = HOOK_NAMES | {"embed": "embed.hook_out"}

    def __init__(self, bridge: Any, info: ModelInfo, tokens: TokenReader):
        # Of a mixture of experts the bridge gives the layer's output the name of its neurons.
        points = {
            name: point
            for name, point in bridge.hook_dict.items()
            if not (name.endswith(".mlp.hook_post") and str(point.name).endswith(".mlp.hook_out"))
        }
        self.causal: Any = bridge.original_model  # Hugging Face's: its attributes have no types
        config = self.causal.config
        cap, scale = getattr(config, "final_logit_softcapping", None), getattr(config, "logit_scale", None)
        super().__init__(
            bridge, info, tokens, points, next(self.causal.parameters()).dtype, cap, scale or 1.0
        )
        self.bridge, self.body = bridge, self.causal.base_model
        self._takes_positions = "position_ids" in inspect.signature(self.body.forward).parameters
        # Held here, for while they are unwrapped the bridge's own lists show the bare modules.
        self._blocks, self._embed = list(bridge.blocks), bridge.embed
        self._blocks_return_tuples = self._probe_block()
        # Set by the self-check once the unwrapped modules are known to compute the same.
        self.unwrapping_is_exact = False
        self._is_unwrapped = False

    @override
    def _run(
        self, batch: Batch, hooks: Hooks, start: int, end: int, residual: Tensor | None, head: bool
    ) -> Tensor:
        inputs = self._inputs(batch.ids, batch.mask, batch.positions)
        return self._pass(inputs, hooks, start, end, residual, head)

    def _pass(
        self,
        inputs: Mapping[str, Any],
        hooks: Hooks,
        start: int,
        end: int,
        residual: Tensor | None,
        head: bool = False,
    ) -> Tensor:
        kept: list[Tensor] = []
        inject: dict[Site, Hook] = {} if residual is None else {Site(start, "resid_pre"): lambda h: residual}
        keep: dict[Site, Hook] = {} if head else {Site(end - 1, "resid_post"): kept.append}
        with ExitStack() as stack:
            # The user's hooks are placed first and the keeper last, so that what is returned is
            # the residual as the hooks left it; an injected residual comes before both.
            for part in (inject, hooks, keep):
                stack.enter_context(self.hooked(part, tuple(inputs["input_ids"].shape)))
            stack.enter_context(self._idle(start, end))
            output = (self.causal if head else self.body)(**inputs)
        return output.logits if head else kept[0]

    @override
    def forked_refused(self) -> str | None:
        return self._cache_refused

    @override
    def _run_forked(
        self, forked: Forked, hooks: tuple[Hooks, Hooks], start: int, end: int, residuals: Pair | None
    ) -> Pair:
        prompts, tails, owner = forked.prompts, forked.tails, forked.owner
        below_prompts, below_tails = residuals or (None, None)
        cache = DynamicCache()
        inputs = self._inputs(prompts.ids, prompts.mask, prompts.positions, cache)
        above_prompts = self._pass(inputs, hooks[0], start, end, below_prompts)
        layers: list[Any] = cache.layers
        for layer in layers[start:]:
            layer.batch_select_indices(owner)
        # The layers below did not run; how long the past is, is asked of them all the same.
        idle = torch.zeros(len(owner), 1, prompts.ids.shape[1], 1, dtype=self._dtype, device=self.device)
        layers[:start] = [Beginning(idle, idle)] * start
        mask = torch.cat([prompts.mask[owner], tails.mask], 1)
        behind = tails.positions + prompts.positions[owner, -1:] + 1
        inputs = self._inputs(tails.ids, mask, behind, cache)
        return above_prompts, self._pass(inputs, hooks[1], start, end, below_tails)

    @override
    def decoder(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        mask, positions, past = batch.mask.long(), batch.positions, None

        def decode(ids: Tensor) -> Tensor:
            nonlocal mask, positions, past
            if past is not None:
                mask = torch.cat([mask, torch.ones_like(ids)], 1)
                positions = positions[:, -1:] + 1
            cached = {"use_cache": True, "past_key_values": past}
            output = self.causal(**self._inputs(ids, mask, positions) | cached)
            past = output.past_key_values
            return output.logits[:, -1]

        return decode

    @property
    @override
    def ends(self) -> frozenset[int]:
        known = getattr(self.causal.generation_config, "eos_token_id", None)
        also = known if isinstance(known, list) else [] if known is None else [known]
        return super().ends | {int(token) for token in also}

    @override
    def parameters(self) -> Iterator[tuple[str, Tensor]]:
        with self._unwrapped():  # so that names are the checkpoint's, whichever bridge this is
            named = list(self.causal.named_parameters())
            head = self.causal.get_output_embeddings()
        # TransformerLens 3 gives a head without a bias one of zeros; it is not the checkpoint's.
        added = None if head.bias is None or head.bias.any() else head.bias
        yield from ((name, weight) for name, weight in named if weight is not added)
        if not self.unwrapping_is_exact:
            # The bridge computes with weights of its own (split or processed): they count as well.
            known = {id(weight) for _, weight in named}
            for name, weight in self.causal.named_parameters():
                if id(weight) not in known:
                    yield f"bridge.{name}", weight

    @override
    @contextmanager
    def reading(self, hooks: Hooks) -> Iterator[Callable[[Batch], None]]:
        """As in the base; for the residual stream alone, past the bridge's own hook points.

        The bridge recomputes attention and norms in Python so that each step has a hook. Where no hook but
        ours is there, the Hugging Face modules it wraps compute the same faster.
        """
        lean = (
            self.unwrapping_is_exact
            and all(site.component in _STREAM for site in hooks)
            and not self._hooked_by_others()
        )
        if not lean:
            with super().reading(hooks) as wrapped:
                yield wrapped
            return
        for site in hooks:
            self.check_site(site)
        stop = 1 + max((site.layer for site in hooks), default=0)
        fired: set[Site] = set()

        def read(batch: Batch) -> None:
            self.body(**self._inputs(batch.ids, batch.mask, batch.positions))

        with self._unwrapped(), self._idle(0, stop), ExitStack() as stack:
            for site, hook in hooks.items():
                stack.enter_context(self._look(site, hook, fired))
            yield read
        self.must_have_fired(hooks, fired)

    @override
    def tree_refused(self) -> str | None:
        name = self.info.architecture
        if self.info.attention not in (None, "eager", "sdpa"):
            return f"{self.info.attention} takes no mask of our own: load with attn='sdpa' or 'eager'"
        if getattr(self.causal.config, "alibi", False):
            return f"this {name} mixes ALiBi into its mask"
        if "attention_mask" not in self._block_takes:
            return f"the blocks of {name} make their masks themselves"
        if not self._takes_positions and "alibi" not in self._block_takes:
            return f"{name} takes no position ids"
        return None

    @override
    def run_tree(
        self,
        tree: TokenTree,
        hooks: Hooks,
        *,
        start: int = 0,
        stop: int | None = None,
        residual: Tensor | None = None,
        past: Past | None = None,
    ) -> Tensor:
        if past is None and (reason := self.tree_refused()):
            raise InputError(f"no tree of tokens in {self.info.name}: {reason}")
        cache = None
        if past is not None:
            cache = Cache(layers=[Beginning(*pair) for pair in zip(past.keys, past.values, strict=True)])
        masks = TreeMasks(tree, past, self._dtype, self._block_takes)
        end = self.check_range(start, stop, residual, head=False)
        return self._climb(tree, hooks, masks, start, end, residual, cache)

    @override
    def past_refused(self) -> str | None:
        return self.tree_refused() or self._cache_refused

    @cached_property
    def _cache_refused(self) -> str | None:
        """Why keys and values cannot be kept, found out with a text of two tokens."""
        two = torch.zeros((1, 2), dtype=torch.long, device=self.device)
        cache = DynamicCache()
        with torch.no_grad(), self._unwrapped():
            self.body(input_ids=two, past_key_values=cache, use_cache=True)
        keys = [getattr(layer, "keys", None) for layer in cache.layers]
        if len(keys) == self.info.n_layers and all(k is not None and k.shape[2:-1] == (2,) for k in keys):
            return None
        return f"{self.info.architecture} does not keep keys and values for every layer"

    @override
    def remember(self, tree: TokenTree, hooks: Hooks, width: int) -> tuple[Tensor, Past]:
        if reason := self.past_refused():
            raise InputError(f"no keys and values of {self.info.name}: {reason}")
        cache, masks = DynamicCache(), TreeMasks(tree, None, self._dtype, self._block_takes)
        h = self._climb(tree, hooks, masks, 0, self.info.n_layers, None, cache)
        layers: list[Any] = cache.layers
        keys = [layer.keys[:, :, :width] for layer in layers]
        values = [layer.values[:, :, :width] for layer in layers]
        return h, Past(tree.positions[:, :width], keys, values, masks.sees, masks.biases)

    def _climb(
        self,
        tree: TokenTree,
        hooks: Hooks,
        masks: "TreeMasks",
        start: int,
        end: int,
        residual: Tensor | None,
        cache: Cache | None,
    ) -> Tensor:
        """From layer `start` to the output of layer `end - 1`, each block under the mask of the tree."""
        for site in hooks:
            self.check_site(site)
            if site.component != "resid_post":
                raise InputError(f"a tree of tokens is patched at resid_post, not at {site}")
        fired: set[Site] = set()
        kept: list[Tensor] = []
        with ExitStack() as stack:
            if self.unwrapping_is_exact and not self._hooked_by_others():
                stack.enter_context(self._unwrapped())
            stack.enter_context(self._idle(start, end))
            blocks, place = self._block_modules(), stack.enter_context
            changes = [(blocks[layer], masks.hook(layer)) for layer in range(start, end)]
            if residual is not None:
                changes.append((blocks[start], _injected(residual)))
            for block, change in changes:
                place(block.register_forward_pre_hook(change, with_kwargs=True))
            # Idle blocks are called all the same: a hook there would see what is none of its layer's.
            within = [(site, hook) for site, hook in hooks.items() if start <= site.layer < end]
            for site, hook in [*within, (Site(end - 1, "resid_post"), kept.append)]:
                place(blocks[site.layer].register_forward_hook(firing(site, hook, fired, None)))
            everything = torch.ones(len(tree.sees), tree.sees.shape[-1], device=tree.ids.device)
            self.body(**self._inputs(tree.ids, everything, tree.positions, cache))
        self.must_have_fired(hooks, fired)
        return kept[0]

    # How ---------------------------------------------------------------------------------------

    @cached_property
    def _block_takes(self) -> tuple[str, ...]:
        """What a block's forward takes, in order; of its class, for the bridge patches some instances."""
        forward = inspect.signature(type(self._blocks[0].original_component).forward)
        return tuple(forward.parameters)[1:]

    def _inputs(
        self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Cache | None = None
    ) -> dict[str, Any]:
        inputs = {"input_ids": ids, "attention_mask": mask.long(), "use_cache": cache is not None}
        inputs |= {} if cache is None else {"past_key_values": cache}
        return inputs | ({"position_ids": positions} if self._takes_positions else {})

    def _probe_block(self) -> bool:
        """Whether this model's blocks return `(h, …)` or `h`: it differs between architectures."""
        seen: list[bool] = []
        block = self._blocks[0].original_component
        with (
            torch.inference_mode(),
            block.register_forward_hook(lambda m, a, out: seen.append(isinstance(out, tuple))),
        ):
            self.body(input_ids=torch.zeros((1, 1), dtype=torch.long, device=self.device), use_cache=False)
        return seen[0]

    @contextmanager
    def _idle(self, start: int, end: int) -> Iterator[None]:
        """Layers outside `start … end − 1` pass their input on and do no work.

        The model's own forward goes on preparing masks and positions, so each layer that does run is called
        as ever; TransformerLens' `start_at_layer` runs the layers below and throws the result away.
        """
        layers = self._block_modules()
        returns_tuple = self._blocks_return_tuples

        def pass_on(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
            return (hidden_states, None) if returns_tuple else hidden_states

        with ExitStack() as stack:
            # In the instance's dict it goes before the class's forward; taken off, nothing of it
            # remains. Plain assignment would not do: a bridge hands that on to the module it wraps.
            for block in [*layers[:start], *layers[end:]]:
                if "forward" not in block.__dict__:
                    block.__dict__["forward"] = pass_on
                    stack.callback(block.__dict__.pop, "forward")
            yield

    def _block_modules(self) -> list[nn.Module]:
        """The blocks as the model's forward finds them just now: wrapped, or not."""
        return [block.original_component if self._is_unwrapped else block for block in self._blocks]

    @cached_property
    def _wrappers(self) -> list[tuple[nn.Module, str, Any]]:
        """Every place where a Hugging Face module holds a bridge component for one of its own."""
        return [
            (parent, name, child)
            for parent in self.causal.modules()
            if not isinstance(parent, GeneralizedComponent)
            for name, child in parent._modules.items()
            if isinstance(child, GeneralizedComponent) and child.original_component is not None
        ]

    @contextmanager
    def _unwrapped(self) -> Iterator[None]:
        for parent, name, child in self._wrappers:
            parent._modules[name] = child.original_component
        config, kernel = self.causal.config, self.causal.config._attn_implementation
        # Some bridges switch the configuration to the slow kernel that they imitate themselves.
        config._attn_implementation = self.info.attention or kernel
        self._is_unwrapped = True
        try:
            yield
        finally:
            self._is_unwrapped = False
            config._attn_implementation = kernel
            for parent, name, child in self._wrappers:
                parent._modules[name] = child

    def _hooked_by_others(self) -> bool:
        return any(
            module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
            for module in self.bridge.modules()
            if isinstance(module, HookPoint)
        )

    def _look(self, site: Site, hook: Hook, fired: set[Site]) -> Any:
        """Place a look at the stream on the unwrapped modules."""
        wrapped = self._embed if site.component == "embed" else self._blocks[site.layer]
        module = wrapped.original_component
        if site.component != "resid_pre":
            return module.register_forward_hook(firing(site, hook, fired, None))

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            fired.add(site)
            hook(args[0] if args else kwargs["hidden_states"])

        return module.register_forward_pre_hook(before, with_kwargs=True)


def _injected(residual: Tensor) -> Callable[[nn.Module, Any, Any], Any]:
    """A pre-hook for a block that lets another residual enter it."""

    def inject(block: nn.Module, args: Any, kwargs: Any) -> Any:
        if args:
            return (residual, *args[1:]), kwargs
        return args, kwargs | {"hidden_states": residual}

    return inject


class TreeMasks:
    """Pre-hooks for blocks: the mask that each is given, read by position, and cut to a token's ancestors.

    A row is as long as any continuation, so the model's own mask for it says what position p sees of
    position q: windows, where a layer has one. None says that all of the past is seen. ALiBi counts along
    the row as well; it is read by position too. Behind a past, rows are short: what was read for it holds.
    """

    def __init__(self, tree: TokenTree, past: Past | None, dtype: torch.dtype, takes: tuple[str, ...]):
        self.tree, self.past, self.dtype, self.takes = tree, past, dtype, takes
        self.sees: dict[int, Tensor | None] = {} if past is None else dict(past.sees)
        self.biases: dict[int, Tensor | None] = {} if past is None else dict(past.biases)
        self.keys = tree.positions if past is None else torch.cat([past.positions, tree.positions], 1)
        self._own: list[tuple[Tensor, Tensor]] = []
        self._made: list[tuple[Tensor | None, Tensor]] = []  # layers share masks, so these are few

    def hook(self, layer: int) -> Callable[[nn.Module, Any, Any], Any]:
        """The pre-hook of a layer."""

        def replace(block: nn.Module, args: Any, kwargs: Any) -> Any:
            given = dict(zip(self.takes, args, strict=False)) | kwargs
            alibi = given.get("alibi")
            if self.past is None:
                self.sees[layer] = self._by_position(given.get("attention_mask"))
                self.biases[layer] = None if alibi is None else self._of_one_row(alibi)
            changed = {"attention_mask": self._mask(self.sees[layer])}
            if alibi is not None:
                bias = self.biases[layer]
                assert bias is not None
                index = self.keys[:, None, None].expand(-1, bias.shape[0], -1, -1)
                rows = bias[None].expand(len(self.keys), -1, -1, -1)
                changed["alibi"] = rows.gather(-1, index).flatten(0, 1)
            # Each argument stays where it was, by place or by name: the bridge looks for some by name.
            by_place = [changed.pop(name, arg) for name, arg in zip(self.takes, args, strict=False)]
            return tuple(by_place), kwargs | changed

        return replace

    def _by_position(self, own: Tensor | None) -> Tensor | None:
        """A block's own mask as what position p sees of position q."""
        if own is None:
            return None
        for known, seen in self._own:
            if known is own:
                return seen
        seen = own[0, 0] if own.dtype == torch.bool else own[0, 0] == 0
        self._own.append((own, seen))
        return seen

    def _of_one_row(self, alibi: Tensor) -> Tensor:
        return alibi.reshape(len(self.tree.ids), -1, 1, alibi.shape[-1])[0]

    def _mask(self, seen: Tensor | None) -> Tensor:
        for known, mask in self._made:
            if known is seen:
                return mask
        sees = self.tree.sees
        if seen is not None:
            sees = sees & seen.to(sees.device)[self.tree.positions[:, :, None], self.keys[:, None, :]]
        mask = torch.zeros(sees.shape, dtype=self.dtype, device=sees.device)
        mask = mask.masked_fill(~sees, torch.finfo(self.dtype).min)[:, None]
        self._made.append((seen, mask))
        return mask


class Beginning(DynamicLayer):
    """A layer's keys and values of the past, which new ones are read behind and not added to."""

    def __init__(self, keys: Tensor, values: Tensor):
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values = self._beginning = keys, values

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        """The whole."""
        keys, values = self._beginning
        return torch.cat([keys, key_states], -2), torch.cat([values, value_states], -2)
