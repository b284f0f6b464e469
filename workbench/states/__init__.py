"""States: parallel sentences in, pooled residual streams out, on disk under their digest."""

from workbench.states.activations import Activations, Captured
from workbench.states.run import capture, default_store, fitting

__all__ = ["Activations", "Captured", "capture", "default_store", "fitting"]
