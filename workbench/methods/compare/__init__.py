"""Every method of the literature side by side, on the same split, under the same controls."""

from workbench.methods.compare.run import COMBINED, Comparison, Plan, compare, with_holm

__all__ = ["COMBINED", "Comparison", "Plan", "compare", "with_holm"]
