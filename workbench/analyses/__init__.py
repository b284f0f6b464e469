"""Analyses of runs: published claims tested, and generated text."""
