"""Tiny random models, made once per test run."""
