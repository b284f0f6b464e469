"""What any model offers, whichever backend runs it, and one digest for its weights."""

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, overload

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from workbench.core.errors import HookError, InputError, SiteError
from workbench.core.store import digest_json
from workbench.core.types import Site
from workbench.models.tokens import Bos, TokenReader

# One digest for the weights of a model, over their bytes.


def weights_digest(parameters: Iterable[tuple[str, Tensor]]) -> str:
    """Digest of names, shapes, dtypes and bytes; a weight under two names (tied) counts once."""
    unique: dict[int, tuple[str, Tensor]] = {}
    for name, weight in sorted(parameters, key=lambda item: item[0]):
        unique.setdefault(weight.data_ptr(), (name, weight))

    def described(item: tuple[str, Tensor]) -> list[Any]:
        name, weight = item
        flat = weight.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
        return [name, list(weight.shape), str(weight.dtype), hashlib.sha256(flat.numpy().data).hexdigest()]

    # hashlib lets go of the interpreter lock, so two threads hash twice as fast.
    with ThreadPoolExecutor(2) as pool:
        return digest_json(list(pool.map(described, unique.values())))


ARCHITECTURES = {
    "llama": "Llama 2 and 3, many others",
    "mistral": "Mistral 7B",
    "qwen2": "Qwen 2 and 2.5",
    "qwen3": "Qwen 3",
    "gemma2": "Gemma 2",
    "gemma3_text": "Gemma 3 (text)",
    "gpt2": "GPT-2, mGPT",
    "gpt_neox": "Pythia, GPT-NeoX",
    "bloom": "BLOOM, BLOOMZ",
    "falcon": "Falcon",
    "opt": "OPT",
    "xglm": "XGLM",
    "cohere": "Command R, Aya 23, Aya Expanse",
    "cohere2": "Command R7B",
    "apertus": "Apertus",
    "olmo2": "OLMo 2",
    "phi3": "Phi 3 and 4 (mini)",
    "smollm3": "SmolLM3",
    "qwen3_moe": "Qwen 3 (mixture of experts)",
    "mixtral": "Mixtral",
    "gemma3": "Gemma 3 from 4B (its text model)",
}
"""The model types that the tests try, each with what readers know it by."""


# `LanguageModel`: the interface to a model, independent of the backend.
#
# A model is asked for three things: tokens (`tokens`), a run with hooks at named sites (`run`), and its
# own final norm and unembedding. Hooks are plain functions of a residual `[batch pos width]`; they are
# looked up by site, must fire, and are taken off whatever happens.


Padding = Literal["right", "left"]
Hook = Callable[[Tensor], Tensor | None]
"""`h[batch pos width] → h'` to change the run, or `→ None` to look on."""
Hooks = Mapping[Site, Hook]


Enough = Callable[[Sequence[int]], bool]
"""Whether a generated text, as tokens, is long enough."""


@dataclass(frozen=True)
class Batch:
    """Padded sentences, with everything a model must be told so that padding changes nothing."""

    ids: Int[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]
    positions: Int[Tensor, "batch pos"]
    padding: Padding

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def last(self) -> Int[Tensor, " batch"]:
        """Where each row's last real token stands."""
        return self.mask.shape[1] - 1 - self.mask.flip(1).int().argmax(1)


@dataclass(frozen=True)
class TokenTree:
    """Rows in which each token sees its own ancestors only, so that many texts share their beginning.

    `sees` says which tokens a token descends from (and itself); what a model's own mask hides at that
    distance (a sliding window) stays hidden. Positions count along a configuration, from 0.
    """

    ids: Int[Tensor, "batch pos"]
    positions: Int[Tensor, "batch pos"]
    sees: Bool[Tensor, "batch pos pos"]


@dataclass(frozen=True)
class Past:
    """The beginnings of rows, as the tokens behind them see them: keys and values in every layer."""

    positions: Int[Tensor, "batch pos"]
    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    """Of each layer, `[batch head pos width]`."""
    sees: Mapping[int, Tensor | None]
    """What each layer's own mask lets position p see of position q; None where it is all of the past."""
    biases: Mapping[int, Tensor | None]
    """What each layer adds to attention by the position of a key (ALiBi), for one row's heads."""


@dataclass(frozen=True)
class Forked:
    """Prompts, and behind each one or more tails that go on from it.

    Prompts are padded on the left and tails on the right, so that no padding stands between the two.
    """

    prompts: Batch
    tails: Batch
    owner: Int[Tensor, " tail"]
    """The prompt that each tail goes on from."""


Pair = tuple[Tensor, Tensor]
"""The residuals of prompts and those of tails."""


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a loaded model that go into every result made with it.

    `name` is what tables and figures call it; `source` is the hub name or path it came from.
    """

    name: str
    source: str
    architecture: str
    backend: str
    n_layers: int
    d_model: int
    d_vocab: int
    n_ctx: int | None
    dtype: str
    device: str
    attention: str | None = None
    processing: tuple[str, ...] = ()
    revision: str | None = None
    quantisation: str | None = None
    bos: Bos = "tokenizer"
    """What texts start with (see `BOS` in `tokens`)."""
    self_check: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The facts as JSON values."""
        return asdict(self) | {"processing": list(self.processing), "self_check": dict(self.self_check)}


HOOK_NAMES = {
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_post": "blocks.{layer}.hook_resid_post",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "mlp_act": "blocks.{layer}.mlp.hook_post",
    "head_out": "blocks.{layer}.attn.hook_z",
    "embed": "hook_embed",
}
"""Components by the name of their hook in TransformerLens, which is their key in a cache.

`hook_mlp_out` and `hook_attn_out` stand after the post-norm where a block has one (gemma)."""


class LanguageModel(ABC):
    """A decoder-only language model behind one of the backends."""

    _place = ""
    """Where TransformerLens has the hooks."""
    _names: Mapping[str, str] = HOOK_NAMES

    def __init__(
        self,
        lens_model: Any,
        info: ModelInfo,
        tokens: TokenReader,
        points: Mapping[str, nn.Module],
        dtype: torch.dtype,
        softcap: float | None,
        logit_scale: float = 1.0,
    ):
        self._lens_model, self.info, self.tokens = lens_model, info, tokens
        self._points, self._dtype, self._softcap, self._logit_scale = points, dtype, softcap, logit_scale
        self.load_seconds: dict[str, float] = {}
        """What each part of loading took; the digest of the weights, too, once it is asked for."""
        self.workers: Any = None  # the `Workers` that compute its sweeps and captures, if not this process

    # What a backend provides -------------------------------------------------------------------

    @abstractmethod
    def _run(
        self, batch: Batch, hooks: Hooks, start: int, end: int, residual: Tensor | None, head: bool
    ) -> Tensor:
        """What `run` gives, once its arguments are checked."""

    @abstractmethod
    def _run_forked(
        self, forked: Forked, hooks: tuple[Hooks, Hooks], start: int, end: int, residuals: Pair | None
    ) -> Pair:
        """What `run_forked` gives, once its arguments are checked."""

    @abstractmethod
    def parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Names and weights, under the names the checkpoint gave them."""

    @abstractmethod
    def decoder(self, batch: Batch) -> Callable[[Int[Tensor, "batch pos"]], Float[Tensor, "batch d_vocab"]]:
        """A run with a KV cache: new tokens in (the batch's own at first), logits behind the last out.

        The batch is padded on the left; what follows has no padding.
        """

    # What follows from that --------------------------------------------------------------------

    def run(
        self,
        batch: Batch,
        *,
        hooks: Hooks | None = None,
        start: int = 0,
        stop: int | None = None,
        residual: Float[Tensor, "batch pos d_model"] | None = None,
        head: bool = True,
    ) -> Tensor:
        """Run layers `start` … `stop − 1` and return logits, or the last residual if not `head`.

        With `start > 0`, `residual` is what enters layer `start`, and the layers below do no work.
        Logits exist only at the top, so `head` with `stop` is refused.
        """
        end = self.check_range(start, stop, residual, head)
        return self._run(batch, hooks or {}, start, end, residual, head)

    def point(self, site: Site) -> nn.Module:
        """The module whose output is this site; a `SiteError` where the model has no such site."""
        name = self._names[site.component].format(layer=site.layer)
        if name not in self._points:
            raise SiteError(
                f"{self.info.architecture} has no site {site} {self._place} ({name}): "
                "use a residual site (resid_pre, resid_post)"
            )
        return self._points[name]

    def final_norm(self, h: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        """The model's own norm before the unembedding."""
        return self._lens_model.ln_final(h.to(self._dtype))

    def unembed(self, h: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_vocab"]:
        """Normed residual → logits."""
        logits = self._lens_model.unembed(h.to(self._dtype))
        logits = logits * self._logit_scale if self._logit_scale != 1 else logits
        return torch.tanh(logits / self._softcap) * self._softcap if self._softcap else logits

    @contextmanager
    def reading(self, hooks: Hooks) -> Iterator[Callable[[Batch], None]]:
        """Hooks that only look, and a function that runs a batch past them, no higher than needed.

        For many batches in a row: nothing is placed or checked more than once, no logits are
        computed, and a backend may look where looking costs least.
        """
        stop = 1 + max((site.layer for site in hooks), default=0)
        shape: list[int] = [0, 0]
        with self.hooked(hooks, shape):

            def read(batch: Batch) -> None:
                shape[:] = batch.ids.shape
                self.run(batch, stop=stop, head=False)

            yield read

    def tree_refused(self) -> str | None:
        """Why this model has no `run_tree`, or None where it has."""
        return f"the {self.info.backend} backend takes neither position ids nor a mask of its own"

    def run_tree(
        self,
        tree: TokenTree,
        hooks: Hooks,
        *,
        start: int = 0,
        stop: int | None = None,
        residual: Float[Tensor, "batch pos d_model"] | None = None,
        past: Past | None = None,
    ) -> Float[Tensor, "batch pos d_model"]:
        """The residual above the last layer of many continuations of one prompt, in one run.

        Hooks stand at `resid_post` sites and see whole rows, configurations and all. `start`, `stop` and
        `residual` are those of `run` without a head. With a `past`, rows go on behind it, and the columns
        of `tree.sees` are those of the past and then their own.
        """
        raise InputError(f"no tree of tokens in {self.info.name}: {self.tree_refused()}")

    def past_refused(self) -> str | None:
        """Why this model has no `remember`, or None where it has."""
        return self.tree_refused()

    def remember(
        self, tree: TokenTree, hooks: Hooks, width: int
    ) -> tuple[Float[Tensor, "batch pos d_model"], Past]:
        """What `run_tree` gives, and the keys and values of the first `width` tokens of each row."""
        raise InputError(f"no keys and values of {self.info.name}: {self.past_refused()}")

    def forked_refused(self) -> str | None:
        """Why this model has no `run_forked`, or None where it has."""
        return None

    def run_forked(
        self,
        forked: Forked,
        on_prompts: Hooks,
        on_tails: Hooks,
        *,
        start: int = 0,
        stop: int | None = None,
        residuals: Pair | None = None,
    ) -> tuple[Float[Tensor, "prompt pos d_model"], Float[Tensor, "tail pos d_model"]]:
        """The residuals of prompts and of tails, each prompt run once: tails see its keys and values.

        `start`, `stop` and `residuals` are those of `run` without a head, for both.
        """
        if reason := self.forked_refused():
            raise InputError(f"no forked prompts in {self.info.name}: {reason}")
        end = self.check_range(start, stop, residuals, head=False)
        return self._run_forked(forked, (on_prompts, on_tails), start, end, residuals)

    @property
    def ends(self) -> frozenset[int]:
        """Tokens that end a text."""
        end = self.tokens.tokenizer.eos_token_id
        return frozenset() if end is None else frozenset([int(end)])

    def __repr__(self) -> str:
        info = self.info
        return f"{type(self).__name__}({info.name}, {info.n_layers} layers × {info.d_model}, {info.dtype})"

    @overload
    def generate(self, batch: str, max_new_tokens: int = ..., enough: Enough | None = ...) -> str: ...

    @overload
    def generate(
        self, batch: Batch, max_new_tokens: int = ..., enough: Enough | None = ...
    ) -> list[list[int]]: ...

    @torch.no_grad()
    def generate(
        self, batch: Batch | str, max_new_tokens: int = 32, enough: Enough | None = None
    ) -> list[list[int]] | str:
        """The likeliest next token, again and again, until a text ends or is `enough`; the end left out.

        Of one prompt as a string, the new text; of a batch, the new tokens of each row. Nothing of a
        checkpoint's own settings for generation (penalties, sampling) has a say.
        """
        if isinstance(batch, str):
            prompt = self.batch(self.tokens.encode([batch]), padding="left")
            return self.tokens.decode(self.generate(prompt, max_new_tokens, enough)[0])
        if not isinstance(batch, Batch):
            raise InputError(
                f"generate takes one prompt as a string or a padded batch, not a {type(batch).__name__}: "
                'model.batch(model.tokens.encode(prompts), padding="left")'
            )
        if batch.padding != "left" and not batch.mask.all():
            raise InputError("generation goes on at the right end: pad the batch on the left")
        width = batch.ids.shape[1] + max_new_tokens
        if self.info.n_ctx is not None and width > self.info.n_ctx:
            raise InputError(
                f"prompt and {max_new_tokens} new tokens make {width}, but {self.info.name} takes "
                f"{self.info.n_ctx}: ask for fewer tokens, or shorten the prompts"
            )
        texts: list[list[int]] = [[] for _ in range(len(batch))]
        going, ids, decode = set(range(len(batch))), batch.ids, self.decoder(batch)
        for _ in range(max_new_tokens):
            ids = decode(ids).argmax(-1, keepdim=True)
            new = ids[:, 0].tolist()
            for row in sorted(going):
                token = new[row]
                if token not in self.ends:
                    texts[row].append(token)
                if token in self.ends or (enough is not None and enough(texts[row])):
                    going.discard(row)
            if not going:
                break
        return texts

    @cached_property
    def weights_digest(self) -> str:
        """Digest over the bytes of all weights: two models with one digest are one model."""
        start = time.perf_counter()
        digest = weights_digest(self.parameters())
        self.load_seconds["digest"] = round(time.perf_counter() - start, 3)
        return digest

    @property
    def device(self) -> torch.device:
        """Where token ids go."""
        return torch.device(self.info.device)

    def batch(self, token_lists: Sequence[Sequence[int]], padding: Padding = "right") -> Batch:
        """Pad token lists, with mask and positions such that the side makes no difference."""
        lengths = [len(ids) for ids in token_lists]
        if not lengths or min(lengths) == 0:
            raise InputError("a batch needs at least one token in every row")
        width = max(lengths)
        if self.info.n_ctx is not None and width > self.info.n_ctx:
            raise InputError(
                f"row {lengths.index(width)} has {width} tokens, but {self.info.name} takes "
                f"{self.info.n_ctx}: shorten it or leave it out"
            )
        columns, filled = torch.arange(width), torch.tensor(lengths)[:, None]
        mask = columns < filled if padding == "right" else columns >= width - filled
        ids = torch.full(mask.shape, self.tokens.pad)
        ids[mask] = torch.tensor([token for ids in token_lists for token in ids])
        positions = (mask.long().cumsum(1) - 1).clamp(min=0)
        return Batch(ids.to(self.device), mask.to(self.device), positions.to(self.device), padding)

    @contextmanager
    def hooked(self, hooks: Hooks, shape: Sequence[int] | None = None) -> Iterator[None]:
        """Place hooks for the runs inside the block, and know afterwards that each one fired.

        `shape` is (batch, pos), for the few sites where a model flattens the two.
        """
        fired: set[Site] = set()
        with ExitStack() as stack:
            for site, hook in hooks.items():
                callback = firing(site, hook, fired, shape)
                stack.enter_context(self.check_site(site).register_forward_hook(callback))
            yield
        self.must_have_fired(hooks, fired)

    def must_have_fired(self, hooks: Hooks, fired: set[Site]) -> None:
        """Raise where a hook was placed that no run went through."""
        silent = [str(site) for site in hooks if site not in fired]
        if silent:
            raise HookError(
                f"hooks at {', '.join(silent)} never fired in {self.info.architecture} "
                f"({self.info.backend}): the run was not patched"
            )

    def check_site(self, site: Site) -> nn.Module:
        """The module at a site; raise, with what there is, where this model has no such site."""
        if site.layer >= self.info.n_layers:
            raise SiteError(f"no site {site} in {self.info.name}: it has layers 0 … {self.info.n_layers - 1}")
        return self.point(site)

    def check_range(self, start: int, stop: int | None, residual: Any, head: bool) -> int:
        """The layer to stop at, once the arguments of `run` make sense together."""
        top = self.info.n_layers
        end = top if stop is None else stop
        if not 0 <= start < end <= top:
            raise InputError(f"cannot run layers {start} … {end}: the model has layers 0 … {top - 1}")
        if start > 0 and residual is None:
            raise InputError(f"starting at layer {start} needs the residual that enters it")
        if head and end != top:
            raise InputError("logits exist only above the last layer: pass head=False with stop")
        return end


def firing(
    site: Site, hook: Hook, fired: set[Site], shape: Sequence[int] | None
) -> Callable[[nn.Module, Any, Any], Any]:
    """Wrap a hook for torch: always `[batch pos width]` in, the module's own shape out."""

    def callback(module: nn.Module, args: Any, output: Any) -> Any:
        value = output[0] if isinstance(output, tuple) else output
        fired.add(site)
        h = value
        if value.ndim == 4:  # [batch pos head d_head]
            h = value.flatten(2)
        elif value.ndim == 2 and shape is not None:  # [(batch pos) width]
            h = value.reshape(*shape, -1)
        changed = hook(h)
        if changed is None:
            return None
        changed = changed.reshape(value.shape).to(value.dtype)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    return callback
