"""Recipes in a comparison: swept on dev with controls, judged on test, alone and on top of a baseline."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from workbench.align import export
from workbench.core.errors import InputError, NotApplicable
from workbench.methods.base import Cost
from workbench.methods.compare.ask import Asked, compare_folder
from workbench.methods.compare.entry import Entry, Skipped
from workbench.methods.recipes import Ingredients, Recipe, turned
from workbench.models import LanguageModel
from workbench.select import Choice, choose, rows_of
from workbench.study import Study
from workbench.sweeps import CLEAN, Configuration

# Recipes: all configurations swept on dev in one go, with their controls; the chosen ones judged on test.


RANDOM, SHUFFLED = "random", "shuffled"
"""Controls of a recipe: steps as long in random directions; fitted on shuffled pairs."""


@dataclass(eq=False)
class Tried:
    """A recipe, or one of its controls, with all configurations tried so far."""

    method: Recipe
    control: str | None
    given: Ingredients
    found: list[Configuration] = field(default_factory=list)
    """Configurations as the recipe gave them, under this name."""
    configurations: list[Configuration] = field(default_factory=list)
    """The same, turned where that is the control: what is swept."""
    choice: Choice | None = None
    seconds: float = 0.0
    """Seconds that the first configurations took. Shared states count with their first user."""

    @property
    def name(self) -> str:
        """What its rows are called: `shifcon`, `shifcon~random`."""
        return self.method.name + (f"~{self.control}" if self.control else "")

    @property
    def record(self) -> dict[str, Any] | None:
        """The choice."""
        return None if self.choice is None else asdict(self.choice)

    @property
    def model(self) -> LanguageModel:
        """The model that is patched."""
        return self.given.study.model

    @property
    def patch(self) -> tuple[Configuration, ...]:
        """The chosen configuration of the recipe itself."""
        return () if self.configuration is None or self.control is not None else (self.configuration,)

    @property
    def cost(self) -> Cost:
        """What fitting takes, and how large the chosen maps are."""
        given, study = self.given, self.given.study
        numbers = (
            0 if self.configuration is None else sum(_numbers(map) for _, map in self.configuration.parts)
        )
        if self.method.needs_labels:
            items = given.labelled(study.source)
            tokens = sum(map(len, study.model.tokens.encode([item.prompt for item in items])))
            return Cost(parameters=numbers, fit_tokens=tokens, labels=len(items))
        sides = [study.text[code][int(row)] for code in (study.source, study.target) for row in given.rows]
        tokens = sum(map(len, study.model.tokens.encode(sides)))
        return Cost(parameters=numbers, fit_tokens=tokens, pairs=len(given.rows))

    @property
    def configuration(self) -> Configuration | None:
        """The chosen configuration."""
        if self.choice is None or self.choice.layer is None:
            return None
        return next(b for b in self.configurations if self.choice.where.items() <= b.columns.items())

    def take(self, found: Sequence[Configuration]) -> list[Configuration]:
        """Add configurations, and return those to sweep."""
        seed = self.given.seed
        named = [replace(b, aligner=self.name, seed=seed) for b in found]
        own = [turned(configuration, seed) for configuration in named] if self.control == RANDOM else named
        known = {tuple(b.columns.items()) for b in self.configurations}
        for configuration in own:
            if (columns := tuple(configuration.columns.items())) in known:
                raise InputError(
                    f"{self.name} has two configurations that tables cannot tell apart: {configuration}"
                )
            known.add(columns)
        self.found += named
        self.configurations += own
        return own


class Patching:
    """How recipes are chosen and judged: all in shared sweeps, each beside its controls."""

    def choose(self, study: Study, methods: Sequence[Recipe]) -> tuple[list[Tried], list[Skipped]]:
        """Every recipe and its controls swept on dev."""
        tried, _, skipped = try_on_dev(study, methods)
        return tried, skipped

    def answer(self, study: Study, chosen: Sequence[Tried]) -> list[Entry]:
        """Every choice scored on test."""
        return judge_on_test(study, chosen)


def try_on_dev(study: Study, recipes: Sequence[Recipe]) -> tuple[list[Tried], pd.DataFrame, list[Skipped]]:
    """Sweep all recipes and their controls, round by round, and choose a configuration of each."""
    tried, skipped = [], []
    given = Ingredients(study)
    for recipe in recipes:
        start = time.perf_counter()
        try:
            found = recipe.configurations(given)
            took = time.perf_counter() - start
            some = [Tried(recipe, None, given, seconds=took), Tried(recipe, RANDOM, given)]
            some[0].take(found)
            some[1].take(found)
            if recipe.uses_pairs:
                some.append(Tried(recipe, SHUFFLED, given.broken()))
                some[2].take(recipe.configurations(some[2].given))
        except NotApplicable as error:
            skipped.append(Skipped(recipe.name, recipe.title, "recipe", str(error)))
            continue
        tried += some
    rows = _sweep(study, [configuration for one in tried for configuration in one.configurations], 0)
    growing = [one for one in tried if one.method.grow]
    for number in range(1, study.model.info.n_layers + 1):
        more = [configuration for one in growing for configuration in _grown(one, rows)]
        if not more:
            break
        rows = pd.concat([rows, _sweep(study, more, number, clean=False)], ignore_index=True)
    for one in tried:
        one.choice = choose(rows, one.name)
    return tried, rows, skipped


def judge_on_test(study: Study, tried: Sequence[Tried]) -> list[Entry]:
    """Score what was chosen once on test; the recipes' patches, not the controls', on target items too."""
    chosen = [one.configuration for one in tried if one.configuration is not None]
    own = [one.configuration for one in tried if one.configuration is not None and one.control is None]
    rows = study.sweep("test", chosen, own, folder="recipes")
    here, there = (rows[(rows.language == study.source) == side] for side in (True, False))
    entries = []
    for one in tried:
        if one.control is not None:
            continue
        assert one.choice is not None
        controls = {
            str(other.control): rows_of(here, other.choice)
            for other in tried
            if other.method is one.method and other.control is not None and other.choice is not None
        }
        patched = one.configuration is not None and not there.empty
        entries.append(
            Entry(
                one.method.name,
                one.method.title,
                "recipe",
                _words(one.choice),
                rows_of(here, one.choice),
                rows_of(there, one.choice) if patched else None,
                one.cost,
                one.choice,
                controls,
                dev_gain=one.choice.accuracy_gain,
            )
        )
    return entries


def _grown(one: Tried, rows: pd.DataFrame) -> list[Configuration]:
    assert one.method.grow is not None
    mine = rows[(rows.aligner == one.name) | (rows.aligner == CLEAN)]
    return one.take(one.method.grow(one.given, one.found, mine))


def _sweep(
    study: Study, configurations: Sequence[Configuration], number: int, clean: bool = True
) -> pd.DataFrame:
    here = replace(study, folder=compare_folder(study) / "recipes", store=study.alignment.store)
    rows = here.sweep("dev", configurations, folder=f"round-{number}")
    own = rows[rows.language == study.source]
    return own if clean else own[own.aligner != CLEAN]


def _words(choice: Choice) -> str:
    return "nothing" if choice.layer is None else choice.name.split(" ", 1)[1]


def _numbers(map: object) -> int:
    """How many numbers a fitted map holds; 0 where it is no aligner of the workbench."""
    try:
        return sum(tensor.numel() for tensor in export(map)[1].values())
    except InputError:
        return 0


# What combines with what: a recipe on top of a baseline that changed the prompt or the model.


def combine(asked: Asked, recipes: Sequence[Recipe]) -> tuple[list[Entry], list[Skipped]]:
    """The recipes fitted, chosen and judged anew where the baseline's variant is the starting point.

    What they gain is counted over that baseline: does patching still help after it?
    """
    tried, _, skipped = try_on_dev(asked.study, recipes)
    name, title = asked.name, asked.method.title
    entries = judge_on_test(asked.study, tried)
    for entry in entries:
        entry.method, entry.title = f"{name}+{entry.method}", f"{title} + {entry.title}"
        entry.family, entry.over = "combination", asked.test
        if entry.on_target is None:
            entry.on_target = asked.test_there  # without a patch, what the baseline alone does there
        entry.cost = _sum(asked.cost, entry.cost)
    renamed = [Skipped(f"{name}+{s.method}", f"{title} + {s.title}", "combination", s.why) for s in skipped]
    return entries, renamed


def _sum(one: Cost, other: Cost) -> Cost:
    return Cost(
        parameters=one.parameters + other.parameters,
        fit_tokens=one.fit_tokens + other.fit_tokens,
        pairs=one.pairs + other.pairs,
        labels=one.labels + other.labels,
        translations=one.translations + other.translations,
        item_tokens=one.item_tokens,
    )
