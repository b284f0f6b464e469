"""Capture: parallel sentences in, pooled residual streams out, on disk under their digest."""

import sys
from types import ModuleType
from typing import Any

from workbench.capture.activations import Activations, Captured
from workbench.capture.run import capture, default_store, fitting

__all__ = ["Activations", "Captured", "capture", "default_store", "fitting"]


class _Callable(ModuleType):
    """A room that can be called as its function.

    They share a name: `workbench.capture` is the one or the other, by what was imported before. So
    `wb.capture(model, text)` always works.
    """

    def __call__(self, *args: Any, **options: Any) -> Activations:
        return capture(*args, **options)


sys.modules[__name__].__class__ = _Callable
