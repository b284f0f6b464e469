"""Variants of generation: unpatched, what a study froze, and recipes chosen on dev texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from workbench.align import CONTROLS
from workbench.analyses.generate.judge import Judge
from workbench.core.errors import InputError, NotApplicable
from workbench.core.store import read_json
from workbench.methods.recipes import Ingredients, Recipe, turned
from workbench.select import thaw
from workbench.study import Study
from workbench.study.alignment import headline_of
from workbench.sweeps import CLEAN, Configuration

RANDOM = "random"
"""The control of a recipe: steps as long, in random directions."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to generate."""

    method: str
    kind: str
    """`clean`, `study` or `recipe`."""
    prompted: str
    """The language of the prompts."""
    configuration: Configuration | None = None
    """None: nothing is patched, of a recipe because nothing was better on dev."""
    control: bool = False
    of: str | None = None
    """Of a control: the method that it stands beside."""
    dev_score: float | None = None
    """What chose it."""

    @property
    def chosen(self) -> str:
        """The configuration in words."""
        return "nothing" if self.configuration is None else str(self.configuration).split(" ", 1)[1]


@dataclass(frozen=True)
class Skipped:
    """A method that had nothing to work on, and why."""

    method: str
    why: str


@dataclass(frozen=True)
class Score:
    """What a configuration's texts on dev are worth."""

    language_control: float
    """The share in the target language."""
    repetition: float
    score: float
    """The harmonic mean of control and 1 − repetition."""

    def to_json(self) -> dict[str, float | None]:
        """As JSON values; texts too short to repeat themselves have no repetition."""
        return {name: None if value != value else value for name, value in vars(self).items()}


def clean_variants(study: Study) -> list[Variant]:
    """Unpatched in the source language, and in the target's: what it would look like there."""
    return [Variant(CLEAN, "clean", study.source), Variant(CLEAN, "clean", study.target)]


def frozen_variants(study: Study) -> list[Variant]:
    """The headline's choice as the study froze it on dev, and those of its controls."""
    path = study.folder / "choices.json"
    if not path.is_file():
        raise NotApplicable(f"{study.folder} holds no choices: workbench diagnose makes them")
    choices, states = thaw(path), study.alignment.capture()
    if read_json(path)["about"].get("states") != states.digest:
        raise InputError(f"{path} was made from other states than the study's now: run the study again")
    headline = headline_of(choices, study.settings)
    wanted = [headline, *(name for name in choices if name in CONTROLS)]
    there = [name for name in wanted if choices[name].layer is not None]
    if not there:
        raise NotApplicable("no patch was chosen on dev, neither for the headline nor for its controls")
    maps = study.alignment.fit(states)
    return [
        Variant(
            name,
            "study",
            study.source,
            study.configuration(maps, choices[name]),
            control=name != headline,
            of=None if name == headline else headline,
        )
        for name in there
    ]


def recipe_configurations(given: Ingredients, recipe: Recipe) -> Iterator[tuple[str, list[Configuration]]]:
    """All configurations of a recipe, then those of its control, whose steps have random directions."""
    if recipe.grow is not None:
        raise NotApplicable("its configurations grow by its gain on a task: texts cannot choose them")
    seed = given.seed
    found = [
        replace(configuration, aligner=recipe.name, seed=seed)
        for configuration in recipe.configurations(given)
    ]
    yield recipe.name, found
    name = f"{recipe.name}~{RANDOM}"
    yield name, [turned(replace(configuration, aligner=name), seed) for configuration in found]


def score(rows: pd.DataFrame, judge: Judge) -> Score:
    """What texts are worth: language control and 1 − repetition, neither of which makes up for the other.

    A text too short to repeat itself has no say in repetition; where all are, the score is 0.
    """
    judged = judge.columns(rows)
    control = float((judged.language == judge.target).mean())
    repeated = float(judged.repetition.mean())
    fresh = 0.0 if pd.isna(repeated) else 1 - repeated
    return Score(control, repeated, harmonic(control, fresh))


def harmonic(a: float, b: float) -> float:
    """2 a b / (a + b), 0 where either is 0.

    >>> harmonic(1.0, 0.5)
    0.6666666666666666
    """
    return 2 * a * b / (a + b) if a > 0 and b > 0 else 0.0


def best(configurations: Sequence[Configuration], scores: Sequence[Score], clean: Score) -> int | None:
    """The best-scoring configuration, of equals the weakest, then the lowest; None if clean is as good."""
    order = sorted(
        range(len(configurations)),
        key=lambda i: (
            -round(scores[i].score, 12),
            abs(configurations[i].strength),
            configurations[i].parts[0][0].layer,
            i,
        ),
    )
    if not order or round(scores[order[0]].score, 12) <= round(clean.score, 12):
        return None
    return order[0]
