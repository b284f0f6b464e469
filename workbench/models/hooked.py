"""Backend `hooked`: a `HookedTransformer` (TransformerLens up to 3.9), loaded without processing."""

import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from workbench.core.errors import ModelError, SiteError, quoted
from workbench.core.types import Site
from workbench.models.base import Batch, Forked, Hooks, LanguageModel, ModelInfo, Pair
from workbench.models.tokens import TokenReader


class HookedModel(LanguageModel):
    """A `HookedTransformer`, ours or the user's own with whatever processing it has."""

    _place = "in HookedTransformer"

    def __init__(self, hooked: Any, info: ModelInfo, tokens: TokenReader):
        cap = max(hooked.cfg.output_logits_soft_cap, 0.0)
        super().__init__(hooked, info, tokens, hooked.hook_dict, hooked.cfg.dtype, cap)
        self.hooked_transformer = hooked

    @override
    def point(self, site: Site) -> nn.Module:
        if site.component == "embed" and self.hooked_transformer.cfg.post_embedding_ln:
            raise SiteError(
                f"HookedTransformer norms the embedding of {self.info.architecture} before its first "
                'hook, so the embedding alone is not available: use backend="bridge"'
            )
        return super().point(site)

    @override
    def _run(
        self, batch: Batch, hooks: Hooks, start: int, end: int, residual: Tensor | None, head: bool
    ) -> Tensor:
        with self.hooked(hooks, tuple(batch.ids.shape)):
            # Stopping above the last layer returns the residual and leaves the head out.
            return self._layers(batch, batch.mask, start, None if head else end, residual)

    def _layers(
        self, batch: Batch, mask: Tensor, start: int, end: int | None, residual: Any, past: Any = None
    ) -> Tensor:
        return self.hooked_transformer(
            batch.ids if residual is None else residual,
            attention_mask=mask.long(),
            start_at_layer=None if residual is None else start,
            stop_at_layer=end,
            past_kv_cache=past,
        )

    @override
    def _run_forked(
        self, forked: Forked, hooks: tuple[Hooks, Hooks], start: int, end: int, residuals: Pair | None
    ) -> Pair:
        prompts, tails, owner = forked.prompts, forked.tails, forked.owner
        below_prompts, below_tails = residuals or (None, None)
        past = self._cache(len(prompts))
        with self.hooked(hooks[0], tuple(prompts.ids.shape)):
            above_prompts = self._layers(prompts, prompts.mask, start, end, below_prompts, past)
        for entry in past.entries[start:end]:
            at = owner.to(entry.past_keys.device)
            entry.past_keys, entry.past_values = entry.past_keys[at], entry.past_values[at]
        past.previous_attention_mask = prompts.mask[owner].long()
        mask = tails.mask
        if residuals is not None:  # above the embedding the whole mask is asked for
            mask = torch.cat([prompts.mask[owner], mask], 1)
        with self.hooked(hooks[1], tuple(tails.ids.shape)):
            return above_prompts, self._layers(tails, mask, start, end, below_tails, past)

    def _cache(self, rows: int) -> Any:
        from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache

        return TransformerLensKeyValueCache.init_cache(self.hooked_transformer.cfg, self.device, rows)

    @override
    def decoder(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        past, mask = self._cache(len(batch)), batch.mask.long()

        def decode(ids: Tensor) -> Tensor:
            nonlocal mask
            logits = self.hooked_transformer(ids, attention_mask=mask, past_kv_cache=past)[:, -1]
            mask = torch.ones_like(ids[:, :1])  # the cache remembers that of the prompts
            return logits

        return decode

    @override
    def parameters(self) -> Iterator[tuple[str, Tensor]]:
        # Where positions come otherwise, this table is made but never filled, used or loaded.
        alibi = self.hooked_transformer.cfg.positional_embedding_type == "alibi"
        for name, weight in self.hooked_transformer.named_parameters():
            if not (alibi and name == "pos_embed.W_pos"):
                yield name, weight


def hooked_transformer_class() -> Any:
    """The class, or a clear word that the installed TransformerLens no longer has it."""
    try:
        from transformer_lens import HookedTransformer
    except ImportError as error:
        raise ModelError(
            "this TransformerLens has no HookedTransformer (it went with 4.0): "
            'use backend="bridge", or install transformer-lens 3.9'
        ) from error
    return HookedTransformer


# Architectures that TransformerLens 3.9 reads from a configuration alone. Others it knows by hub name
# (gemma), or not at all (falcon, xglm).
BY_CONFIG = ("bloom", "gpt2", "gpt_neox", "llama", "mistral", "opt", "qwen2", "qwen3")


def build_hooked(name: str, causal: Any, tokenizer: Any, dtype: torch.dtype, device: str) -> Any:
    """A `HookedTransformer` with the weights of `causal`, nothing folded and nothing centred."""
    from transformer_lens import loading_from_pretrained as loading

    cls = hooked_transformer_class()
    known_by_name = name.lower() in loading.make_model_alias_map()
    if not known_by_name and causal.config.model_type not in BY_CONFIG:
        raise ModelError(
            f"HookedTransformer does not cover {causal.config.model_type} ({quoted(name)}); from local "
            f"directories it covers {', '.join(BY_CONFIG)}, and others by hub name: "
            'use backend="bridge"'
        )
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="wb") as folder:
        warnings.simplefilter("ignore")
        source = name if known_by_name else _neutral_directory(Path(folder), causal.config)
        config = loading.get_pretrained_model_config(source, device=device, dtype=dtype, fold_ln=False)
        config.model_name = name
        state = loading.get_pretrained_state_dict(source, config, causal, dtype=dtype)
        model = cls(config, tokenizer, move_to_device=True)
        model.load_and_process_state_dict(
            state,
            fold_ln=False,
            center_writing_weights=False,
            center_unembed=False,
            fold_value_biases=False,
            refactor_factored_attn_matrices=False,
        )
    return model.eval()


def _neutral_directory(folder: Path, hf_config: Any) -> str:
    """A directory that holds the configuration only, under a name that means nothing.

    TransformerLens guesses an architecture from the *path*, and expects `n_ctx`, which newer configurations
    of gpt2 no longer write.
    """
    facts = json.loads(hf_config.to_json_string(use_diff=False))
    if hf_config.model_type == "gpt2":
        facts.setdefault("n_ctx", facts["n_positions"])
    (folder / "config.json").write_text(json.dumps(facts), encoding="utf-8")
    return str(folder)


def processing_of(model: Any) -> tuple[str, ...]:
    """What has been done to a user's `HookedTransformer`, as far as its weights tell."""

    def centred(weight: Tensor) -> bool:
        weight = weight.float()
        return bool(weight.mean(-1).abs().max() < 1e-5 * weight.abs().max())

    facts = {
        "layer norm folded": str(model.cfg.normalization_type).endswith("Pre"),
        "writing weights centred": centred(model.W_E),
        "unembedding centred": centred(model.W_U),
    }
    return tuple(name for name, holds in facts.items() if holds) or ("none",)
