"""Memory and size of a model, estimated from its configuration file alone."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from workbench.core.bundled import MODELS, resolved
from workbench.core.errors import ModelError
from workbench.models.load import read_config, read_tokenizer, reported_errors
from workbench.models.tokens import TokenReader


@dataclass(frozen=True)
class Outline:
    """Shape and size of a model that need not be loaded, or even be at hand."""

    name: str
    architecture: str
    n_layers: int
    d_model: int
    d_mlp: int
    d_heads: int
    parameters: int
    tokens: TokenReader | None

    def width(self, component: str) -> int:
        """Numbers per token at a component."""
        return {"mlp_act": self.d_mlp, "head_out": self.d_heads}.get(component, self.d_model)


def outline(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Outline:
    """Read a model's configuration, and its tokenizer where that is at hand."""
    name = resolved(name, MODELS)
    with reported_errors(name):
        config = read_config(name, revision=revision, trust_remote_code=trust_remote_code)
        with torch.device("meta"):  # shapes without memory
            causal = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    text = config.get_text_config()
    heads = text.num_attention_heads
    return Outline(
        name=name,
        architecture=text.model_type,
        n_layers=text.num_hidden_layers,
        d_model=text.hidden_size,
        d_mlp=_first(text, "intermediate_size", "ffn_dim", "n_inner") or 4 * text.hidden_size,
        d_heads=heads * (_first(text, "head_dim") or text.hidden_size // heads),
        parameters=sum(p.numel() for p in causal.parameters()),
        tokens=_tokens(name, revision, trust_remote_code),
    )


def _first(config: Any, *names: str) -> int | None:
    found = (getattr(config, name, None) for name in names)
    return next((int(value) for value in found if isinstance(value, int)), None)


def _tokens(name: str, revision: str | None, trust_remote_code: bool) -> TokenReader | None:
    try:
        with reported_errors(name):
            return read_tokenizer(name, revision=revision, trust_remote_code=trust_remote_code)
    except ModelError:
        return None
