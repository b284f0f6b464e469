"""Experiments on a trained organism: what it shows, and what a study says of its languages."""
