"""What is compared: methods with what dev chose for each, scored once on test."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import pandas as pd

from workbench.align import export
from workbench.core.errors import InputError, NotApplicable
from workbench.methods.base import Cost, LanguagePair, Method, count_tokens
from workbench.methods.baselines import Baseline, Variant, Wording
from workbench.methods.recipes import Ingredients, Recipe, turned
from workbench.models import LanguageModel
from workbench.select import Choice, choose, rows_of
from workbench.study import Study
from workbench.study.result import both_sides
from workbench.sweeps import CLEAN, Configuration, read_examples
from workbench.sweeps.score import all_single
from workbench.tasks import Example

RANDOM, SHUFFLED = "random", "shuffled"
"""Controls of a recipe: steps as long in random directions; fitted on shuffled pairs."""


@dataclass(eq=False)
class Entry:
    """A method, what dev chose for it, and its rows on test items: a row of the table to be."""

    method: str
    title: str
    family: str
    """`baseline`, `recipe` or `combination`."""
    chosen: str
    """In words."""
    test: pd.DataFrame
    """One row per source-language test item."""
    on_target: pd.DataFrame | None
    """The same for target-language items; None where the method leaves those as they are."""
    cost: Cost = field(default_factory=Cost)
    choice: Choice | None = None
    """The configuration, where there is one."""
    controls: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Rows on the same test items, by the control's name."""
    over: pd.DataFrame | None = None
    """Of a combination: the rows of its baseline alone."""
    dev_gain: float = 0.0
    """Accuracy on dev over direct prompting; optimistically biased, as it was selected as the best."""


@dataclass
class Skipped:
    """A method that had nothing to work on, and why."""

    method: str
    title: str
    family: str
    note: str

    @classmethod
    def of(cls, method: Method, why: NotApplicable) -> Self:
        """The method with its reason."""
        return cls(method.name, method.title, method.family, str(why))


@dataclass(frozen=True, eq=False)
class Asked:
    """A baseline with the variant that dev prefers."""

    method: Baseline
    variant: Variant
    study: Study
    """The study as the variant would have it: its task, its model."""
    dev: pd.DataFrame
    """The variant's rows over source-language dev items."""
    seconds: float
    """What all variants took to make: translating, training."""
    control: ClassVar[None] = None
    choice: ClassVar[None] = None
    configuration: ClassVar[None] = None
    """A baseline patches nothing."""

    @property
    def name(self) -> str:
        """What its row is called."""
        return self.method.name

    @cached_property
    def test(self) -> dict[str, pd.DataFrame]:
        """Its rows over test items by language, scored when first asked for."""
        rows = self.study.sweep("test", (), folder="clean")
        return {str(language): own for language, own in rows.groupby("language")}

    @cached_property
    def cost(self) -> Cost:
        """What the variant needs, with the tokens of one test item."""
        cost, source = self.variant.cost, self.study.source
        if cost.item_tokens is not None:
            return cost
        answers = self.test[source].generated.dropna().astype(str).tolist()
        items = self.study.items(source, "test")
        return replace(cost, item_tokens=tokens_per_item(self.study.model, items, answers))

    def answer(self, study: Study, direct: "Asked") -> Entry:
        """The variant scored on test, on the target's items where it changes these, with its gain on dev."""
        variant = self.variant
        before, after = (one.items(study.target, "test") for one in (study, self.study))
        reworded = [item.prompt for item in before] != [item.prompt for item in after]
        changed = variant.model is not None or variant.by is not None or reworded
        return Entry(
            self.method.name,
            self.method.title,
            self.method.family,
            variant.name,
            self.test[study.source],
            self.test.get(study.target) if changed else None,
            self.cost,
            dev_gain=float(self.dev.correct.mean() - direct.dev.correct.mean()),
        )


def choose_on_dev(
    study: Study, methods: Sequence[Method], wording: Wording
) -> tuple[list[Asked], list["Candidate"], list[Skipped]]:
    """Every method on dev: baselines one by one, recipes and their controls in one sweep."""
    asked, skipped = [], list[Skipped]()
    for baseline in (method for method in methods if isinstance(method, Baseline)):
        try:
            asked.append(choose_variant(study, baseline, wording))
        except NotApplicable as error:
            skipped.append(Skipped.of(baseline, error))
    recipes = [method for method in methods if isinstance(method, Recipe)]
    candidates, _, not_applicable = choose_configurations(study, recipes)
    return asked, candidates, [*skipped, *not_applicable]


def choose_variant(study: Study, baseline: Baseline, wording: Wording) -> Asked:
    """Score each variant on dev; the largest mean margin (or score) wins, the first of equals."""
    start, asked = time.perf_counter(), []
    variants = baseline.variants(study, wording)
    seconds = time.perf_counter() - start
    for variant in variants:
        changed = replace(
            study,
            task=variant.task,
            model=variant.model or study.model,
            settings=replace(study.settings, choices_by=variant.by or study.settings.choices_by),
            folder=study.folder / "compare" / baseline.name,
            store=study.alignment.store,
        )
        rows = changed.sweep("dev", (), folder="clean")
        asked.append(Asked(baseline, variant, changed, rows[rows.language == study.source], seconds))
    return max(asked, key=lambda one: worth(one.dev))


def worth(rows: pd.DataFrame) -> float:
    """What dev chooses by: the mean margin, or where answers are generated the mean score."""
    return float(rows.margin.mean() if rows.margin.notna().any() else rows.score.mean())


@dataclass(eq=False)
class Candidate:
    """A recipe, or one of its controls, with all configurations so far and the one that dev chose."""

    method: Recipe
    control: str | None
    ingredients: Ingredients
    proposed: list[Configuration] = field(default_factory=list)
    """Configurations as the recipe gave them, under this name."""
    configurations: list[Configuration] = field(default_factory=list)
    """The same, turned where that is the control: what is swept."""
    choice: Choice | None = None
    seconds: float = 0.0
    """Seconds that the first configurations took. Shared states count with their first user."""

    @property
    def study(self) -> LanguagePair:
        """Where it patches."""
        return self.ingredients.study

    @property
    def name(self) -> str:
        """What its rows are called: `shifcon`, `shifcon~random`."""
        return self.method.name + (f"~{self.control}" if self.control else "")

    @property
    def configuration(self) -> Configuration | None:
        """The chosen configuration."""
        if self.choice is None or self.choice.layer is None:
            return None
        return self.choice.among(self.configurations)

    @property
    def cost(self) -> Cost:
        """What fitting takes, and how large the chosen maps are."""
        study, rows = self.ingredients.study, self.ingredients.rows
        parts = () if self.configuration is None else self.configuration.parts
        parameters = sum(_numbers(map) for _, map in parts)
        if "labels" in self.method.needs:
            prompts = [item.prompt for item in self.ingredients.labelled(study.source)]
            return Cost(parameters, count_tokens(study.model, prompts), labels=len(prompts))
        sides = [*self.ingredients.sentences(study.source), *self.ingredients.sentences(study.target)]
        return Cost(parameters, count_tokens(study.model, sides), pairs=len(rows))

    def take(self, proposed: Sequence[Configuration]) -> list[Configuration]:
        """Add configurations, and return those to sweep."""
        seed = self.ingredients.study.seed
        named = [replace(b, aligner=self.name, seed=seed) for b in proposed]
        swept = [turned(b, seed) for b in named] if self.control == RANDOM else named
        known = {tuple(b.columns.items()) for b in self.configurations}
        for configuration in swept:
            if (columns := tuple(configuration.columns.items())) in known:
                raise InputError(
                    f"{self.name} has two configurations that tables cannot tell apart: {configuration}"
                )
            known.add(columns)
        self.proposed += named
        self.configurations += swept
        return swept

    def next_round(self, rows: pd.DataFrame) -> list[Configuration]:
        """Configurations to sweep next, after the dev rows so far; none where the recipe is done."""
        if self.method.grow is None:
            return []
        own = rows[rows.aligner.isin([self.name, CLEAN])]
        return self.take(self.method.grow(self.ingredients, self.proposed, own))


def choose_configurations(
    study: Study, recipes: Sequence[Recipe]
) -> tuple[list[Candidate], pd.DataFrame, list[Skipped]]:
    """Sweep all recipes and their controls together, round by round, and choose a configuration of each."""
    candidates: list[Candidate] = []
    skipped = []
    ingredients = Ingredients(study)
    for recipe in recipes:
        start = time.perf_counter()
        try:
            proposed = recipe.configurations(ingredients)
            own = Candidate(recipe, None, ingredients, seconds=time.perf_counter() - start)
            family = [(own, proposed), (Candidate(recipe, RANDOM, ingredients), proposed)]
            if "pairs" in recipe.needs:
                broken = ingredients.broken()
                family.append((Candidate(recipe, SHUFFLED, broken), recipe.configurations(broken)))
        except NotApplicable as error:
            skipped.append(Skipped.of(recipe, error))
            continue
        for candidate, configurations in family:
            candidate.take(configurations)
            candidates.append(candidate)
    swept = replace(study, folder=study.folder / "compare" / "recipes", store=study.alignment.store)
    rounds: list[pd.DataFrame] = []
    configurations = [b for candidate in candidates for b in candidate.configurations]
    while (configurations or not rounds) and len(rounds) <= study.model.info.n_layers:
        rows = swept.sweep("dev", configurations, folder=f"round-{len(rounds)}")
        kept = (rows.language == study.source) & ((rows.aligner != CLEAN) | (not rounds))  # clean rows once
        rounds.append(rows[kept])
        rows = pd.concat(rounds, ignore_index=True)
        configurations = [b for candidate in candidates for b in candidate.next_round(rows)]
    for candidate in candidates:
        candidate.choice = choose(rows, candidate.name)
    return candidates, rows, skipped


def answer_configurations(
    study: Study, candidates: Sequence[Candidate], item_tokens: float | None = None
) -> list[Entry]:
    """Score what was chosen once on test; the recipes' patches, not the controls', on target items too."""
    chosen = [(one.control, one.configuration) for one in candidates if one.configuration is not None]
    own = [configuration for control, configuration in chosen if control is None]
    rows = study.sweep("test", [configuration for _, configuration in chosen], own, folder="recipes")
    here, there = both_sides(rows, study.source)
    entries: dict[str, Entry] = {}
    for candidate in candidates:
        method, choice = candidate.method, candidate.choice
        assert choice is not None
        if candidate.control is not None:
            entries[method.name].controls[candidate.control] = rows_of(here, choice)
            continue
        entries[method.name] = Entry(
            method.name,
            method.title,
            method.family,
            choice.name.split(" ", 1)[-1],  # without the recipe's name
            rows_of(here, choice),
            None if choice.layer is None or there.empty else rows_of(there, choice),
            replace(candidate.cost, item_tokens=item_tokens),
            choice,
            dev_gain=choice.accuracy_gain,
        )
    return list(entries.values())


def combine(asked: Asked, recipes: Sequence[Recipe]) -> tuple[list[Entry], list[Skipped]]:
    """The recipes fitted, chosen and judged anew on top of the baseline's variant, over which they gain."""
    candidates, _, skipped = choose_configurations(asked.study, recipes)
    entries = answer_configurations(asked.study, candidates)
    rows: list[Entry | Skipped] = [*entries, *skipped]
    for row in rows:
        row.method, row.title = f"{asked.method.name}+{row.method}", f"{asked.method.title} + {row.title}"
        row.family = "combination"
    for entry in entries:
        entry.over = asked.test[asked.study.source]
        if entry.on_target is None:  # without a patch, what the baseline alone does there
            entry.on_target = asked.test.get(asked.study.target)
        sums = {
            name: n + getattr(entry.cost, name)
            for name, n in vars(asked.cost).items()
            if name != "item_tokens"
        }
        entry.cost = replace(asked.cost, **sums)
    return entries, skipped


def tokens_per_item(model: LanguageModel, items: Sequence[Any], generated: Sequence[str] = ()) -> float:
    """Mean tokens run forward to answer an item: the prompt, once for each choice of several tokens."""
    if not items or not isinstance(items[0], Example):
        return count_tokens(model, [*(item.prompt for item in items), *generated]) / max(len(items), 1)
    readings = read_examples(model, items)
    if all_single(readings):
        return sum(len(reading.prompt) for reading in readings) / len(readings)
    rows = (len(reading.prompt) + len(choice) - 1 for reading in readings for choice in reading.choices)
    return sum(rows) / len(readings)


def _numbers(map: object) -> int:
    """How many numbers a fitted map holds; 0 where it is no aligner of the workbench."""
    try:
        return sum(tensor.numel() for tensor in export(map)[1].values())
    except InputError:
        return 0
