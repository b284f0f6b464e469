"""Analyses of runs: published claims tested, generated text, and experiments on a trained organism."""
