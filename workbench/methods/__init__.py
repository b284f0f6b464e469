"""Ways to close the gap: baselines, intervention recipes, and their comparison."""

from importlib import import_module
from types import ModuleType

__all__ = ["baselines", "compare", "recipes"]


def __getattr__(name: str) -> ModuleType:
    """Import a part the first time it is asked for: recipes need no study, and comparisons do."""
    if name not in __all__:
        raise AttributeError(f"module 'workbench.methods' has no attribute {name!r}")
    return import_module(f"workbench.methods.{name}")
