"""Ways to close the gap: baselines, intervention recipes, and their comparison."""

from workbench.methods import baselines, compare, recipes

__all__ = ["baselines", "compare", "recipes"]
