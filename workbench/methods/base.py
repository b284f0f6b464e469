"""What a method is: a way to close the gap between two languages, chosen on dev and judged once on test.

Baselines ask in another way, recipes patch the model. A comparison knows both by the protocols here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from workbench.core.types import Progress
from workbench.models import LanguageModel
from workbench.sweeps import Configuration
from workbench.tasks import AnswerTask, Task
from workbench.text import ParallelText
from workbench.text.splits import Rows

Family = Literal["baseline", "recipe"]
Need = Literal["pairs", "labels", "training"]
"""Parallel sentences, solved items, or gradient steps on a model's weights."""


class LanguagePair(Protocol):
    """What a method works on: a model, sentences in two languages, those to fit on, and a task.

    A `Study` is one; so is any object with these attributes.
    """

    @property
    def model(self) -> LanguageModel:
        """The model."""

    @property
    def text(self) -> ParallelText:
        """Sentences of both languages."""

    @property
    def source(self) -> str:
        """The language to improve."""

    @property
    def target(self) -> str:
        """The main language."""

    @property
    def task(self) -> Task | AnswerTask:
        """What is asked."""

    @property
    def fit_rows(self) -> Rows:
        """The sentences to fit on."""

    @property
    def seed(self) -> int:
        """Of everything random."""

    @property
    def folder(self) -> Path:
        """Where translations and trained models are kept."""

    @property
    def states_folder(self) -> Path:
        """Where captured states are kept."""

    @property
    def progress(self) -> Progress:
        """Called with what is done, how far, of how much."""


@dataclass(frozen=True)
class Cost:
    """What a method needs besides the model, before the first test item is asked."""

    parameters: int = 0
    """Numbers that were fitted or trained, of what is used in the end."""
    fit_tokens: int = 0
    """Tokens run forward to fit or train it; choosing on dev is not counted."""
    pairs: int = 0
    """Parallel sentences."""
    labels: int = 0
    """Solved items."""
    translations: int = 0
    """Items translated from outside."""
    item_tokens: float | None = None
    """Tokens run forward for one test item, where it is not the item as it is asked."""


class Method(Protocol):
    """A row of a comparison: its name, its family, and what it needs besides the model."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def family(self) -> Family:
        """Which kind of method it is."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it learns from."""


class Chosen(Protocol):
    """A method, or a control of it, with what dev chose for it."""

    @property
    def method(self) -> Method:
        """Which one."""

    @property
    def name(self) -> str:
        """What its rows are called."""

    @property
    def control(self) -> str | None:
        """Which control it is; None for the method itself."""

    @property
    def record(self) -> Any:
        """The choice as JSON values, written down before any test item is scored."""

    @property
    def seconds(self) -> float:
        """What it took to make: fitting, translating, training."""

    @property
    def model(self) -> LanguageModel:
        """The model that answers."""

    @property
    def patch(self) -> tuple[Configuration | None, ...]:
        """What is patched in a run, None for nothing; empty where there is nothing to time."""

    @property
    def cost(self) -> Cost:
        """What it needs before the first test item is asked."""
