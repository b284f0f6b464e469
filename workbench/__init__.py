"""An interpretability workbench for multilingual language models.

At which layer does a model hold one language in a form that maps onto another, does mapping it there
make the model better at a task, and is the answer to be believed?

The pipeline reads as prose; each step is public, and the command line calls the same ones:

    >>> import workbench as wb                                          # doctest: +SKIP
    >>> model = wb.load_model("bigscience/bloomz-560m")                 # doctest: +SKIP
    >>> text = wb.read("data/ntrex", languages=["sw", "en"])            # doctest: +SKIP
    >>> states = wb.capture(model, text)                                # doctest: +SKIP
    >>> states.cka("sw", "en").plot()                                   # doctest: +SKIP
    >>> run = wb.diagnose(model, text, "xcopa:data/xcopa", "sw-en")     # doctest: +SKIP
    >>> run.plot("layers")                                              # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

# Public names and the room that holds each. They are imported on first use, so that
# `workbench --help` and the figures (which need no torch) start at once.
_HOMES = {
    name: f"workbench.{module}"
    for module, names in {
        "align": "fit_layers",
        "core.errors": "WorkbenchError",
        "core.settings": "Settings",
        "core.types": "Site",
        "figures": "plot",
        "models": "load_model wrap",
        "states": "Activations capture measure",
        "study": "Study diagnose load_patch open_run",
        "sweeps": "sweep",
        "tasks": "read_task",
        "text": "ParallelText read",
    }.items()
    for name in names.split()
}

# Rooms with more than a day's work needs, as in `wb.align.Ridge()`; they are imported on first use too.
_ROOMS = (
    "align analyses checks figures intervene measures methods models organism report results select states "
    "stats study sweeps tasks text"
).split()

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from workbench.align import fit_layers
    from workbench.core.errors import WorkbenchError
    from workbench.core.settings import Settings
    from workbench.core.types import Site
    from workbench.figures import plot
    from workbench.models import load_model, wrap
    from workbench.states import Activations, capture, measure
    from workbench.study import Study, diagnose, load_patch, open_run
    from workbench.sweeps import sweep
    from workbench.tasks import read_task
    from workbench.text import ParallelText, read


def __getattr__(name: str) -> object:
    """Import a public name from its room, or a room, the first time it is asked for."""
    if name in _ROOMS:
        return import_module(f"workbench.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
