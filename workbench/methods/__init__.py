"""Ways to close the gap: baselines, intervention recipes, and their comparison."""
