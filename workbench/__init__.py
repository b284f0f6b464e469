"""An interpretability workbench for multilingual language models.

At which layer does a model hold one language in a form that maps onto another, does mapping it there
make the model better at a task, and is the answer to be believed?

The pipeline reads as prose; each step is public, and the command line calls the same ones:

    >>> import workbench as wb                                          # doctest: +SKIP
    >>> model = wb.load_model("bigscience/bloomz-560m")                 # doctest: +SKIP
    >>> text = wb.read("ntrex128", languages=["sw", "en"])              # doctest: +SKIP
    >>> states = wb.capture(model, text)                                # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

# Public names and the room that holds each. They are imported on first use, so that
# `workbench --help` and the figures (which need no torch) start at once.
_HOMES = {
    "Activations": "workbench.states",
    "ParallelText": "workbench.text",
    "Site": "workbench.core.types",
    "WorkbenchError": "workbench.core.errors",
    "capture": "workbench.states",
    "load_model": "workbench.models",
    "open_run": "workbench.study",
    "read": "workbench.text",
    "wrap": "workbench.models",
}

__all__ = [
    "Activations",
    "ParallelText",
    "Site",
    "WorkbenchError",
    "__version__",
    "capture",
    "load_model",
    "open_run",
    "read",
    "wrap",
]

if TYPE_CHECKING:
    from workbench.core.errors import WorkbenchError
    from workbench.core.types import Site
    from workbench.models import load_model, wrap
    from workbench.states import Activations, capture
    from workbench.study import open_run
    from workbench.text import ParallelText, read


def __getattr__(name: str) -> object:
    """Import a public name from its room the first time it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
