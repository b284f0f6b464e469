"""What the panel shows of one pair and task: a study's tables, asked layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import number
from workbench.figures.frames import controls, names, ordered
from workbench.figures.kinds.sweep import chosen, single
from workbench.figures.markup import words
from workbench.report.examples import turned
from workbench.results import Part, open_run, read_table

_EXTRA = ("grid", "pca")
"""Tables that a report does not need; a folder may lack them."""


@dataclass(frozen=True)
class StudyView:
    """One pair and task. A *configuration* is a patch type at a strength, of an aligner at a layer."""

    part: Part
    configurations: pd.DataFrame
    """The dev sweep's configurations of one site each, with their `place` and their `label`."""
    extra: dict[str, pd.DataFrame]
    """Further tables' rows about this pair, where there are any."""
    _dev_rows: dict[tuple[str, int], pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """Pair and task."""
        return self.part.title

    @property
    def aligners(self) -> list[str]:
        """The headline first, then other aligners, then controls."""
        best = self.part.headline
        known = ordered(self.configurations.aligner, controls(self.part.tables))
        return sorted(known, key=lambda aligner: best is None or aligner != best.aligner)

    @property
    def measures(self) -> list[str]:
        """The similarities measured."""
        table = self.part.tables.get("similarity")
        return [] if table is None else names(table.measure)

    @property
    def layers(self) -> list[int]:
        """The layers patched."""
        return sorted(set(map(int, self.configurations.place)))

    def of(self, aligner: str) -> pd.DataFrame:
        """An aligner's configurations."""
        return self.configurations[self.configurations.aligner == aligner]

    def labels(self, aligner: str) -> list[str]:
        """Its formulas and strengths, in the table's order."""
        return names(self.of(aligner).label)

    def at(self, aligner: str, layer: int, label: str) -> pd.Series | None:
        """One configuration."""
        rows = self.of(aligner)
        rows = rows[(rows.place == layer) & (rows.label == label)]
        return None if rows.empty else rows.iloc[0]

    def frozen(self, aligner: str) -> Any:
        """The aligner's row of `selection`: what was fixed on dev and scored once on test.

        None where nothing was chosen, or a patch of several layers at once, which has no place here.
        """
        choices = chosen(self.part.tables).items()
        return next((row for owner, row in choices if owner[-1] == aligner), None)

    def chosen(self, aligner: str) -> tuple[int, str] | None:
        """Layer and label of what was fixed."""
        row = self.frozen(aligner)
        return None if row is None else (int(row.layer), _label(row.intervention, row.strength))

    def start(self, aligner: str) -> tuple[int, str]:
        """Where to look first: at what was fixed, or else where the gain on dev is largest."""
        best = self.of(aligner).sort_values("gain", kind="stable").iloc[-1]
        return self.chosen(aligner) or (int(best.place), str(best.label))

    # Items ---------------------------------------------------------------------------------------

    def is_chosen(self, aligner: str, layer: int, label: str) -> bool:
        """Whether test items were scored with this very configuration and are known item by item."""
        best = self.part.headline
        headline = best is not None and best.aligner == aligner
        return headline and self.chosen(aligner) == (layer, label) and "sweep" in self.part.tables

    def turned(self, aligner: str, layer: int, label: str) -> pd.DataFrame | None:
        """Items before and after this patch: on test where it is the chosen one, on dev elsewhere.

        None where the folder has no sweep.
        """
        if self.is_chosen(aligner, layer, label):
            return turned(self.part)
        configuration, rows = self.at(aligner, layer, label), self._dev(aligner, layer)
        if configuration is None or rows is None:
            return None
        # The report's function looks at the test rows of the headline.
        row = pd.DataFrame([configuration]).assign(headline=True)
        return turned(replace(self.part, tables={"selection": row, "sweep": rows.assign(split="test")}))

    def _dev(self, aligner: str, layer: int) -> pd.DataFrame | None:
        """The dev rows of a layer, read from disk when they are looked at: all of them can be millions."""
        path = self.part.folder / "sweep.parquet"
        if not path.exists():
            return None
        if (aligner, layer) not in self._dev_rows:
            dev: tuple[str, str, object] = ("split", "==", "dev")
            patched = [dev, ("aligner", "==", aligner), ("layer", "==", layer)]
            clean = [dev, ("aligner", "==", "clean")]
            self._dev_rows[aligner, layer] = read_table(path, filters=[clean, patched])
        rows = self._dev_rows[aligner, layer]
        return None if rows.empty else rows


def read_views(folder: str | Path, *more: str | Path) -> list[StudyView]:
    """Every pair and task of a run that was swept, in the run's order."""
    run = open_run(folder)
    for other in map(Path, more):
        if not other.is_dir():
            raise InputError(f"there is no folder {other}: give one that workbench measure --grid wrote")
    views = []
    for part in run.parts:
        table = single(part.tables["exploration"]) if "exploration" in part.tables else pd.DataFrame()
        if not table.empty:
            table["label"] = list(map(_label, table.intervention, table.strength))
            folders = [part.folder, run.folder, *map(Path, more)]
            tables = {name: _of_pair(name, folders, part) for name in _EXTRA}
            extra = {name: rows for name, rows in tables.items() if rows is not None}
            views.append(StudyView(part, table, extra))
    if not views:
        raise InputError(
            f"{run.folder} holds no table exploration with configurations: nothing was swept to its end; "
            "run the study, or give a folder that workbench diagnose wrote"
        )
    return views


def _of_pair(name: str, folders: Sequence[Path], part: Part) -> pd.DataFrame | None:
    """A table's rows about the pair and the model, from the first folder that has any."""
    for path in (folder / f"{name}.parquet" for folder in folders):
        if path.exists():
            table = read_table(path)
            rows = table[(table.pair == part.pair) & (table.model == part.model)]
            if not rows.empty:
                return rows
    return None


def _label(intervention: object, strength: object) -> str:
    alpha = number(strength)
    return words(intervention) + ("" if alpha is None else f", α = {alpha:g}")
