"""Parallel text: readers for each corpus format, checks, and disjoint splits."""

from workbench.core.languages import canonical, same_language
from workbench.text.parallel import ParallelText
from workbench.text.readers import read
from workbench.text.splits import Split

__all__ = ["ParallelText", "Split", "canonical", "read", "same_language"]
