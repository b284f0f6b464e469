"""What is known of a model without its weights: size from its configuration, supported architectures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from workbench.core.bundled import MODELS, resolved
from workbench.core.errors import ModelError
from workbench.models.hooked import BY_CONFIG
from workbench.models.load import load_model, read_config, read_tokenizer, reported_errors
from workbench.models.tiny import CONFIGS, make_tiny_model
from workbench.models.tokens import TokenReader

# Memory and size of a model, estimated from its configuration file alone.


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
    unembedding: int
    """Numbers of the matrix that makes logits."""
    body: int
    """Numbers of the layers, without embedding and unembedding."""
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
        unembedding=text.vocab_size * text.hidden_size,
        body=sum(p.numel() for p in causal.base_model.parameters())
        - causal.get_input_embeddings().weight.numel(),
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


# Which architecture works through which backend: what the test suite verifies, and nothing else.


# What readers know an architecture by, where the model type in config.json does not say it.
_EXAMPLES = {
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
}


@dataclass(frozen=True)
class Support:
    """One row of the table that `workbench models` prints."""

    architecture: str
    example: str
    bridge: bool
    hooked: bool


def support_table() -> list[Support]:
    """Backend × architecture.

    `tests/models/` loads a tiny model for every cell, and fails both where a cell that says yes does
    not work and where one that says no does.
    """
    return [Support(name, _EXAMPLES[name], True, name in BY_CONFIG) for name in CONFIGS]


def check_cell(architecture: str, backend: str, folder: Path) -> str:
    """Load a tiny model of an architecture: the largest difference of its logits, or a dash."""
    path = folder / architecture
    if not path.exists():
        make_tiny_model(architecture, path)
    try:
        model = load_model(path, backend=backend)
    except ModelError:
        return "—"
    return f"{model.info.self_check['logits']:.0e}"
