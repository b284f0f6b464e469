"""Tasks: what a model is asked, in which language and split, and what would be right."""

from workbench.tasks.base import ChoiceTask, Example, SplitName, Task, same_items

__all__ = ["ChoiceTask", "Example", "SplitName", "Task", "same_items"]
