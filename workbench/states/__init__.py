"""Capture: pooled residual streams of parallel sentences, cached on disk by digest."""

from workbench.states.activations import Activations, Captured
from workbench.states.run import capture, default_store, fitting

__all__ = ["Activations", "Captured", "capture", "default_store", "fitting"]
