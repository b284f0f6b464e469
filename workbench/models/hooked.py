"""Backend `hooked`: a `HookedTransformer` (TransformerLens up to 3.9), loaded without processing."""

import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from workbench.core.errors import ModelError, SiteError, quoted
from workbench.core.types import Site
from workbench.models.base import Batch, Forked, Hook, LanguageModel, ModelInfo
from workbench.models.tokens import TokenReader

HOOK_NAMES = {
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_post": "blocks.{layer}.hook_resid_post",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "mlp_act": "blocks.{layer}.mlp.hook_post",
    "head_out": "blocks.{layer}.attn.hook_z",
    "embed": "hook_embed",
}
"""Components by the name of their hook in TransformerLens, which is their key in a cache."""


class HookedModel(LanguageModel):
    """A `HookedTransformer`, ours or the user's own with whatever processing it has."""

    def __init__(self, hooked: Any, info: ModelInfo, tokens: TokenReader):
        self.hooked_transformer, self.info, self.tokens = hooked, info, tokens

    @override
    def point(self, site: Site) -> nn.Module:
        if site.component == "embed" and self.hooked_transformer.cfg.post_embedding_ln:
            raise SiteError(
                f"HookedTransformer norms the embedding of {self.info.architecture} before its first "
                'hook, so the embedding alone is not available: use backend="bridge"'
            )
        name = HOOK_NAMES[site.component].format(layer=site.layer)
        found = self.hooked_transformer.hook_dict.get(name)
        if found is None:
            raise SiteError(
                f"{self.info.architecture} has no site {site} in HookedTransformer ({name}): "
                "use a residual site (resid_pre, resid_post)"
            )
        return found

    @override
    def run(
        self,
        batch: Batch,
        *,
        hooks: Mapping[Site, Hook] | None = None,
        start: int = 0,
        stop: int | None = None,
        residual: Tensor | None = None,
        head: bool = True,
    ) -> Tensor:
        end = self.check_range(start, stop, residual, head)
        context = self.hooked(hooks, tuple(batch.ids.shape)) if hooks else nullcontext()
        with context:
            return self.hooked_transformer(
                batch.ids if residual is None else residual,
                attention_mask=batch.mask.long(),
                start_at_layer=None if residual is None else start,
                # Stopping above the last layer returns the residual and leaves the head out.
                stop_at_layer=None if head else end,
                return_type="logits",
            )

    @override
    def forked_refused(self) -> str | None:
        return None

    @override
    def run_forked(
        self,
        forked: Forked,
        on_prompts: Mapping[Site, Hook],
        on_tails: Mapping[Site, Hook],
        *,
        start: int = 0,
        stop: int | None = None,
        residuals: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache as Cache

        prompts, tails, owner = forked.prompts, forked.tails, forked.owner
        end = self.check_range(start, stop, residuals, head=False)
        layers = {"start_at_layer": None if residuals is None else start, "stop_at_layer": end}
        past = Cache.init_cache(self.hooked_transformer.cfg, self.device, len(prompts))
        with self.hooked(on_prompts, tuple(prompts.ids.shape)):
            above_prompts = self.hooked_transformer(
                prompts.ids if residuals is None else residuals[0],
                attention_mask=prompts.mask.long(),
                past_kv_cache=past,
                **layers,
            )
        for entry in past.entries[start:end]:
            at = owner.to(entry.past_keys.device)
            entry.past_keys, entry.past_values = entry.past_keys[at], entry.past_values[at]
        past.previous_attention_mask = prompts.mask[owner].long()
        mask = tails.mask.long()
        if residuals is not None:  # above the embedding the whole mask is asked for
            mask = torch.cat([past.previous_attention_mask, mask], 1)
        with self.hooked(on_tails, tuple(tails.ids.shape)):
            above_tails = self.hooked_transformer(
                tails.ids if residuals is None else residuals[1],
                attention_mask=mask,
                past_kv_cache=past,
                **layers,
            )
        return above_prompts, above_tails

    @override
    def decoder(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache as Cache

        past = Cache.init_cache(self.hooked_transformer.cfg, self.device, len(batch))
        mask = batch.mask.long()

        def decode(ids: Tensor) -> Tensor:
            nonlocal mask
            logits = self.hooked_transformer(ids, attention_mask=mask, past_kv_cache=past)[:, -1]
            mask = torch.ones_like(ids[:, :1])  # the cache remembers that of the prompts
            return logits

        return decode

    @override
    def final_norm(self, h: Tensor) -> Tensor:
        return self.hooked_transformer.ln_final(h.to(self.hooked_transformer.cfg.dtype))

    @override
    def unembed(self, h: Tensor) -> Tensor:
        logits = self.hooked_transformer.unembed(h.to(self.hooked_transformer.cfg.dtype))
        cap = self.hooked_transformer.cfg.output_logits_soft_cap
        return logits if cap <= 0.0 else torch.tanh(logits / cap) * cap

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


def covered(name: str, hf_config: Any) -> bool:
    """Whether TransformerLens has an exact conversion for this checkpoint."""
    from transformer_lens import loading_from_pretrained as loading

    if name.lower() in loading.make_model_alias_map():
        return True
    return hf_config.model_type in BY_CONFIG


# Architectures that TransformerLens 3.9 reads from a configuration alone. The others it knows, it
# knows by hub name (gemma: the shape is written into its loader), or not at all (falcon, xglm).
BY_CONFIG = ("bloom", "gpt2", "gpt_neox", "llama", "mistral", "opt", "qwen2", "qwen3")


def build_hooked(name: str, causal: Any, tokenizer: Any, dtype: torch.dtype, device: str) -> Any:
    """A `HookedTransformer` with the weights of `causal`, nothing folded and nothing centred."""
    from transformer_lens import loading_from_pretrained as loading

    cls = hooked_transformer_class()
    if not covered(name, causal.config):
        raise ModelError(
            f"HookedTransformer does not cover {causal.config.model_type} ({quoted(name)}); from local "
            f"directories it covers {', '.join(BY_CONFIG)}, and others by hub name: "
            'use backend="bridge"'
        )
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="wb") as folder:
        warnings.simplefilter("ignore")
        known_by_name = name.lower() in loading.make_model_alias_map()
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

    TransformerLens guesses an architecture from the *path* (a folder called `llama-notes/` would
    do), and expects `n_ctx`, which newer configurations of gpt2 no longer write.
    """
    facts = json.loads(hf_config.to_json_string(use_diff=False))
    if hf_config.model_type == "gpt2":
        facts.setdefault("n_ctx", facts["n_positions"])
    (folder / "config.json").write_text(json.dumps(facts), encoding="utf-8")
    return str(folder)


def processing_of(model: Any) -> tuple[str, ...]:
    """What has been done to a user's `HookedTransformer`, as far as its weights tell."""
    found = []
    if str(model.cfg.normalization_type).endswith("Pre"):
        found.append("layer norm folded")
    if model.W_E.float().mean(-1).abs().max() < 1e-5 * model.W_E.float().abs().max():
        found.append("writing weights centred")
    if model.W_U.float().mean(-1).abs().max() < 1e-5 * model.W_U.float().abs().max():
        found.append("unembedding centred")
    return tuple(found) or ("none",)
