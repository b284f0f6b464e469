"""Models: `load_model` and `wrap`; the only subpackage that imports TransformerLens."""

from workbench.models.base import HOOK_NAMES, Batch, Forked, Hook, LanguageModel, ModelInfo, Past, TokenTree
from workbench.models.load import BACKENDS, load_again, load_model, wrap
from workbench.models.tokens import TokenReader

__all__ = [
    "BACKENDS",
    "HOOK_NAMES",
    "Batch",
    "Forked",
    "Hook",
    "LanguageModel",
    "ModelInfo",
    "Past",
    "TokenReader",
    "TokenTree",
    "load_again",
    "load_model",
    "wrap",
]
