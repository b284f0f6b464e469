"""States: sentences in, pooled residual streams out, on disk under their digest; how alike they are."""

from workbench.states.activations import Activations, Captured, measure
from workbench.states.run import capture, default_store, fitting
from workbench.states.similarity import SimilarityTable, measured_at, named_metric, similarity_table

__all__ = [
    "Activations",
    "Captured",
    "SimilarityTable",
    "capture",
    "default_store",
    "fitting",
    "measure",
    "measured_at",
    "named_metric",
    "similarity_table",
]
