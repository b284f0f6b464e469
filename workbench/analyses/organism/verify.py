"""Measure a trained model on fresh test items.

Nothing here is chosen on what it is reported on: maps are fitted on parallel text of the `fit` facts,
layer and strength are chosen on the `dev` facts, and the fresh items are of the `test` facts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.types import Progress, silent
from workbench.models import LanguageModel
from workbench.organism.config import WorldConfig
from workbench.organism.items import TASKS, Items
from workbench.select import accuracy_of
from workbench.stats import Interval
from workbench.study import Settings, Study, StudyResult
from workbench.sweeps import sweep
from workbench.tasks import ChoiceTask

LADDER_TASK = "exact"
"""The task that is patched: the skill that the main language has and the poor ones lack."""
PROMPTS = 500
"""Parallel prompts that a map is fitted on; as many again measure similarity."""
CHOSEN_ON = 400
"""Dev items that layer and strength are chosen on."""
LADDER = Settings(
    aligners=("ridge", "mean_shift", "shuffled_pairs", "identity", "random_equal_norm", "random_rotation"),
    headline="ridge",
    # (1 − α) h + α W h: the identity changes nothing at any α, so that it is a null.
    interventions=("interpolate",),
    strengths=(0.5, 1.0),
    held_out=0.5,
    batch_size=256,
)


@dataclass(frozen=True)
class Verification:
    """The measurements, from which `properties` follow."""

    config: WorldConfig
    model: str
    n_layers: int
    accuracy: dict[str, dict[str, Interval]]
    """Task → language → unpatched accuracy on fresh test items."""
    studies: dict[str, StudyResult]
    """Language → its ladder of maps into the main language."""
    shared_tokens: dict[str, float]

    @property
    def main(self) -> str:
        """The main language."""
        return self.config.main.code

    @property
    def poorest(self) -> list[str]:
        """The languages other than the main one that were read least."""
        others = self.config.languages[1:]
        least = min(language.resource for language in others)
        return [language.code for language in others if language.resource == least]

    def curve(self, language: str, metric: str) -> pd.Series:
        """A similarity to the main language from the embedding through every layer, by site."""
        table = self.studies[language].tables["similarity"]
        curve: pd.Series = table[table.measure == metric].set_index("site").value
        return curve


def verify(
    model: LanguageModel,
    config: WorldConfig,
    folder: Path,
    *,
    count: int = 2000,
    prompts: int = PROMPTS,
    seed: int = 1,
    progress: Progress = silent,
) -> Verification:
    """Measure a model on `count` fresh test items of each language and task."""
    items = Items(config)
    if not 0 < count <= config.test:
        raise InputError(f"{count} test items wanted, but the world keeps {config.test} facts for testing")
    if config.fit < 2 * prompts:
        raise InputError(f"the world keeps {config.fit} facts for fitting: at least {2 * prompts} are needed")
    main, *others = languages = [language.code for language in config.languages]
    total = len(TASKS) + len(others)
    with _counted(progress, total) as done:
        accuracy = {}
        for name in TASKS:
            accuracy[name] = _accuracy(model, items.fresh(name, count, seed))
            done()
        studies = {}
        task, text = _ladder_task(items, count, seed), items.parallel_text(2 * prompts)
        for language in others:
            pair = text.only([language, main])
            studies[language] = Study(model, pair, task, language, main, folder / language, LADDER).run()
            done()
    truth = items.truth()["languages"]
    shared = {language: float(truth[language]["shared_tokens"]) for language in languages}
    return Verification(config, model.info.name, model.info.n_layers, accuracy, studies, shared)


def _accuracy(model: LanguageModel, task: ChoiceTask) -> dict[str, Interval]:
    """Unpatched accuracy of each language that the task is asked in."""
    found = {}
    for language in task.languages:
        examples = task.examples(language, "test")
        rows = sweep(model, examples, [], task=task.name, pair=language, batch_size=LADDER.batch_size)
        found[language] = accuracy_of(rows)
    return found


def _ladder_task(items: Items, count: int, seed: int) -> ChoiceTask:
    """Dev items to choose on, and fresh test items to be judged on."""
    dev = items.task(LADDER_TASK).first(dev=CHOSEN_ON)
    return ChoiceTask(dev.name, (*dev.all, *items.fresh(LADDER_TASK, count, seed).all))


@contextmanager
def _counted(progress: Progress, total: int) -> Iterator:
    """A callback that says one more step is done."""
    steps = 0

    def one_more() -> None:
        nonlocal steps
        steps += 1
        progress("verify organism", steps, total)

    progress("verify organism", 0, total)
    yield one_more
