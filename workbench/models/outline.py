"""What is known of a model without its weights: its size, whether it is supported, and a tiny one like it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from workbench.core.bundled import MODELS, resolved
from workbench.core.errors import ModelError
from workbench.models.base import ARCHITECTURES
from workbench.models.bridge import BRIDGED_FROM_4
from workbench.models.hooked import BY_CONFIG
from workbench.models.load import load_model
from workbench.models.reading import located, quietly, read_config, read_tokenizer, reported_errors
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
    d_keys: int
    """Numbers that the keys of one token have in a layer, and its values."""
    parameters: int
    unembedding: int
    """Numbers of the matrix that makes logits."""
    body: int
    """Numbers of the layers, without embedding and unembedding."""
    tokens: TokenReader | None

    def inside(self, tokens: int) -> int:
        """Numbers held while so many tokens pass a layer: input, norm, queries, keys, values, MLP."""
        return tokens * (8 * self.d_model + 3 * self.d_mlp)

    def width(self, component: str) -> int:
        """Numbers per token at a component."""
        return {"mlp_act": self.d_mlp, "head_out": self.d_heads}.get(component, self.d_model)


def _without_weights(name: str, revision: str | None, trust_remote_code: bool) -> tuple[Any, Any]:
    """Configuration and Hugging Face model, in shapes that take no memory."""
    name, gguf_file = located(name)
    with reported_errors(name):
        config = read_config(
            name, revision=revision, trust_remote_code=trust_remote_code, gguf_file=gguf_file
        )
        with torch.device("meta"):
            return config, hf.AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)


def block_path(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> str:
    """Where the blocks are in the body of a Hugging Face model, such as `layers` or `decoder.layers`."""
    config, causal = _without_weights(resolved(name, MODELS), revision, trust_remote_code)
    count = config.get_text_config().num_hidden_layers
    for path, module in causal.base_model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return str(path)
    raise ModelError(f"{name}: its body has no list of {count} blocks")


def outline(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Outline:
    """Read a model's configuration, and its tokenizer where that is at hand."""
    name = resolved(name, MODELS)
    config, causal = _without_weights(name, revision, trust_remote_code)
    tokens: TokenReader | None = None
    place, gguf_file = located(name)
    with suppress(ModelError), reported_errors(name):
        tokens = read_tokenizer(
            place, revision=revision, trust_remote_code=trust_remote_code, gguf_file=gguf_file
        )
    text = config.get_text_config()
    heads = text.num_attention_heads
    d_head = _first(text, "head_dim") or text.hidden_size // heads
    return Outline(
        name=name,
        architecture=text.model_type,
        n_layers=text.num_hidden_layers,
        d_model=text.hidden_size,
        d_mlp=_first(text, "intermediate_size", "ffn_dim", "n_inner") or 4 * text.hidden_size,
        d_heads=heads * d_head,
        d_keys=(_first(text, "num_key_value_heads", "num_kv_heads") or heads) * d_head,
        parameters=sum(p.numel() for p in causal.parameters()),
        unembedding=text.vocab_size * text.hidden_size,
        body=sum(p.numel() for p in causal.base_model.parameters())
        - causal.get_input_embeddings().weight.numel(),
        tokens=tokens,
    )


def _first(config: Any, *names: str) -> int | None:
    values = (getattr(config, name, None) for name in names)
    return next((int(value) for value in values if isinstance(value, int)), None)


# Which architecture works through which backend: what the test suite verifies, and nothing else.


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
    late = BRIDGED_FROM_4 if version("transformer-lens").startswith("3.") else ()
    return [Support(name, ARCHITECTURES[name], name not in late, name in BY_CONFIG) for name in CONFIGS]


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


# Tiny random models, one per architecture, for tests of the real code paths.


VOCABULARY = 320
_SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
}
_GROUPED: dict[str, Any] = _SHAPE | {"num_key_value_heads": 2}
_WINDOWED: dict[str, Any] = _GROUPED | {"sliding_window": 8}
_EXPERTS: dict[str, Any] = _GROUPED | {"head_dim": 8, "num_experts_per_tok": 2}

# Model type (as in config.json) → a configuration small enough to test with. Windows are short, so
# that a sentence is longer than one; heads are grouped where the real models group them.
CONFIGS: dict[str, Callable[..., Any]] = {
    "llama": lambda **k: hf.LlamaConfig(**_GROUPED, **k),
    "mistral": lambda **k: hf.MistralConfig(**_WINDOWED, **k),
    "qwen2": lambda **k: hf.Qwen2Config(**_GROUPED, **k),
    "qwen3": lambda **k: hf.Qwen3Config(**_GROUPED, head_dim=8, **k),
    "gemma2": lambda **k: hf.Gemma2Config(**_WINDOWED, head_dim=8, **k),
    "gemma3_text": lambda **k: hf.Gemma3TextConfig(**_WINDOWED, head_dim=8, **k),
    "gpt2": lambda **k: hf.GPT2Config(n_embd=32, n_layer=4, n_head=4, n_positions=256, **k),
    "gpt_neox": lambda **k: hf.GPTNeoXConfig(**_SHAPE, **k),
    "bloom": lambda **k: hf.BloomConfig(hidden_size=32, n_layer=4, n_head=4, **k),
    "falcon": lambda **k: hf.FalconConfig(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, **k),
    "opt": lambda **k: hf.OPTConfig(
        hidden_size=32,
        word_embed_proj_dim=32,
        ffn_dim=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=256,
        **k,
    ),
    "xglm": lambda **k: hf.XGLMConfig(
        d_model=32,
        ffn_dim=64,
        num_layers=4,
        attention_heads=4,
        max_position_embeddings=256,
        **k,
    ),
    "cohere": lambda **k: hf.CohereConfig(**_GROUPED, **k),
    "cohere2": lambda **k: hf.Cohere2Config(**_WINDOWED, **k),
    "apertus": lambda **k: hf.ApertusConfig(**_GROUPED, **k),
    "olmo2": lambda **k: hf.Olmo2Config(**_GROUPED, **k),
    "phi3": lambda **k: hf.Phi3Config(**_WINDOWED, **k),
    "smollm3": lambda **k: hf.SmolLM3Config(**_GROUPED, **k),
    "qwen3_moe": lambda **k: hf.Qwen3MoeConfig(**_EXPERTS, moe_intermediate_size=32, num_experts=4, **k),
    "mixtral": lambda **k: hf.MixtralConfig(**_EXPERTS, num_local_experts=4, **k),
    "gemma3": lambda **k: _with_images(hf.Gemma3TextConfig(**_WINDOWED, head_dim=8, **k)),
}


def _with_images(text: Any) -> Any:
    """A Gemma 3 that reads images, with this text model."""
    vision: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    vision |= {"image_size": 28, "patch_size": 14}
    tokens: dict[str, Any] = {"image_token_index": 3, "boi_token_index": 4, "eoi_token_index": 5}
    tokens |= {"mm_tokens_per_image": 4}
    return hf.Gemma3Config(text_config=text.to_dict(), vision_config=vision, **tokens)


def make_tiny_model(architecture: str, folder: Path, seed: int = 0, bos: bool = True) -> Path:
    """Write a tiny random model of an architecture, with a tokenizer, in Hugging Face format."""
    tokenizer = make_tiny_tokenizer(bos=bos)
    config = CONFIGS[architecture](
        vocab_size=VOCABULARY, bos_token_id=0 if bos else None, eos_token_id=1, pad_token_id=2
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = hf.AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            # Fresh weights are so small, and norms so even, that a mistake could hide in them.
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight) * 0.05)
    with quietly():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def make_tiny_tokenizer(bos: bool = True) -> Any:
    """A byte-level BPE tokenizer that reads any text; with a BOS it adds itself, or without one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<pad>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sample = ["the water is in the house and the child sees the tree", "maji ni katika nyumba"]
    tokenizer.train_from_iterator(sample * 4, trainer)
    names = {"eos_token": "</s>", "pad_token": "<pad>"}
    if bos:
        names["bos_token"] = "<s>"
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
        )
    return hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
