"""States: sentences in, pooled residual streams out, on disk under their digest; how alike they are."""

from workbench.states.activations import (
    Activations,
    SimilarityTable,
    measure,
    measured_at,
    named_metric,
    similarity_table,
)
from workbench.states.run import capture, default_store, fitting

__all__ = [
    "Activations",
    "SimilarityTable",
    "capture",
    "default_store",
    "fitting",
    "measure",
    "measured_at",
    "named_metric",
    "similarity_table",
]
