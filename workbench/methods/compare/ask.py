"""Baselines: every variant is scored on dev, the best one on test."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from workbench.core.errors import NotApplicable
from workbench.methods.base import Cost
from workbench.methods.baselines.base import Baseline, Variant, Wording
from workbench.methods.compare.entry import Entry, Skipped, tokens_per_item
from workbench.models import LanguageModel
from workbench.study import Study


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
    control: None = None
    patch: tuple[None, ...] = (None,)

    @property
    def name(self) -> str:
        """What its rows are called."""
        return self.method.name

    @property
    def record(self) -> str:
        """The variant."""
        return self.variant.name

    @property
    def model(self) -> LanguageModel:
        """The model that answers."""
        return self.study.model

    @property
    def cost(self) -> Cost:
        """The variant's."""
        return self.variant.cost

    def tokens(self) -> float:
        """Tokens run forward for one test item; what was generated counts."""
        said = [str(text) for text in self.test.generated.dropna()]
        return tokens_per_item(self.model, self.study.items(self.study.source, "test"), said)

    @cached_property
    def test(self) -> pd.DataFrame:
        """Its rows over source-language test items; the first to ask scores them."""
        return self._on_test[self._on_test.language == self.study.source]

    @cached_property
    def test_there(self) -> pd.DataFrame | None:
        """Its rows over the same items in the target's language; None where the task has none."""
        rows = self._on_test[self._on_test.language != self.study.source]
        return None if rows.empty else rows

    @cached_property
    def _on_test(self) -> pd.DataFrame:
        return self.study.sweep("test", (), folder="clean")


@dataclass(frozen=True)
class Asking:
    """How baselines are chosen and judged."""

    wording: Wording

    def choose(self, study: Study, methods: Sequence[Baseline]) -> tuple[list[Asked], list[Skipped]]:
        """Every baseline asked on dev."""
        asked, skipped = [], []
        for baseline in methods:
            try:
                asked.append(ask_on_dev(study, baseline, self.wording))
            except NotApplicable as error:
                skipped.append(Skipped(baseline.name, baseline.title, "baseline", str(error)))
        return asked, skipped

    def answer(self, study: Study, chosen: Sequence[Asked]) -> list[Entry]:
        """Every baseline scored on test; its gain on dev is over the first of them, asking directly."""
        entries = []
        for one in chosen:
            entry = ask_on_test(study, one)
            entry.dev_gain = float(one.dev.correct.mean() - chosen[0].dev.correct.mean())
            entries.append(entry)
        return entries


def ask_on_dev(study: Study, baseline: Baseline, wording: Wording) -> Asked:
    """Score each variant on dev; the largest mean margin (or score) wins, the first of equals."""
    best, start = None, time.perf_counter()
    variants = baseline.variants(study, wording)
    seconds = time.perf_counter() - start
    for variant in variants:
        put = as_variant(study, baseline.name, variant)
        rows = put.sweep("dev", (), folder="clean")
        asked = Asked(baseline, variant, put, rows[rows.language == study.source], seconds)
        if best is None or worth(asked.dev) > worth(best.dev):
            best = asked
    assert best is not None, f"{baseline.name} has no variant"
    return best


def ask_on_test(study: Study, asked: Asked) -> Entry:
    """Score the chosen variant once on test, and on the target's items where it changes these as well."""
    changed = asked.variant.model is not None or asked.variant.by is not None or _put_otherwise(study, asked)
    return Entry(
        asked.name,
        asked.method.title,
        "baseline",
        asked.variant.name,
        asked.test,
        asked.test_there if changed else None,
        asked.cost,
    )


def as_variant(study: Study, name: str, variant: Variant) -> Study:
    """The study with a variant's task and model, in a folder of its own."""
    settings = study.settings if variant.by is None else replace(study.settings, choices_by=variant.by)
    return replace(
        study,
        task=variant.task,
        model=variant.model or study.model,
        settings=settings,
        folder=compare_folder(study) / name,
        store=study.alignment.store,
    )


def compare_folder(study: Study) -> Path:
    """Where a comparison keeps what it has done."""
    return study.folder / "compare"


def worth(rows: pd.DataFrame) -> float:
    """What dev chooses by: the mean margin, or where answers are generated the mean score."""
    return float(rows.margin.mean() if rows.margin.notna().any() else rows.score.mean())


def _put_otherwise(study: Study, asked: Asked) -> bool:
    """Whether the variant puts target-language items in other words than the study does."""
    before, after = (one.items(study.target, "test") for one in (study, asked.study))
    return [item.prompt for item in before] != [item.prompt for item in after]
