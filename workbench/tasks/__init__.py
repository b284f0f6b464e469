"""Tasks: what a model is asked, in which language and split, and what would be right."""

from workbench.tasks.base import ChoiceTask, Example, SplitName, Task, same_items
from workbench.tasks.table import read_choices, write_choices

__all__ = [
    "ChoiceTask",
    "Example",
    "SplitName",
    "Task",
    "read_choices",
    "same_items",
    "write_choices",
]
