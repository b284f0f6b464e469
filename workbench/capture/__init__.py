"""Capture: parallel sentences in, pooled residual streams out, on disk under their digest."""

from workbench.capture.activations import Activations, Captured
from workbench.capture.run import capture, default_store, fitting

__all__ = ["Activations", "Captured", "capture", "default_store", "fitting"]
