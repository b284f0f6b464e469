"""Parallel text: readers for each corpus format, and splits that share nothing."""

from workbench.core.languages import canonical, same_language
from workbench.text.formats.lines import flores_parts
from workbench.text.parallel import ParallelText, text_of
from workbench.text.raw import Raw, Request, Side
from workbench.text.readers import READERS, Reader, read
from workbench.text.splits import Split

__all__ = [
    "READERS",
    "ParallelText",
    "Raw",
    "Reader",
    "Request",
    "Side",
    "Split",
    "canonical",
    "flores_parts",
    "read",
    "same_language",
    "text_of",
]
