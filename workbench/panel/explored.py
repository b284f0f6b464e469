"""What the panel shows of one pair and task: a study's tables, asked layer by layer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import number
from workbench.figures.frames import controls, ordered, places
from workbench.figures.kinds.sweep import single
from workbench.figures.markup import words
from workbench.report.examples import turned
from workbench.results import Part, Run, open_run, read_table

CLEAN = "clean"
Wanted = tuple[str, str, object]
"""Column, comparison and value of rows to read."""
_EXTRA = ("grid", "pca")
"""Tables that a report does not need; a folder may lack them."""


@dataclass(frozen=True)
class Explored:
    """One pair and task. A *configuration* is a patch type at a strength, of an aligner at a layer."""

    part: Part
    run: Run
    configurations: pd.DataFrame
    """The dev sweep's configurations of one site each, with their `place` and their `label`."""
    extra: dict[str, pd.DataFrame]
    _kept: dict[tuple[str, str, int], pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """Pair and task."""
        return self.part.title

    @property
    def aligners(self) -> list[str]:
        """The headline first, then other aligners, then controls."""
        found = ordered(map(str, self.configurations.aligner), controls(self.part.tables))
        best = self.part.headline
        return sorted(found, key=lambda aligner: best is None or aligner != best.aligner)

    @property
    def measures(self) -> list[str]:
        """The similarities measured."""
        table = self.part.tables.get("similarity")
        return [] if table is None else list(dict.fromkeys(map(str, table.measure)))

    @property
    def layers(self) -> list[int]:
        """The layers patched."""
        return sorted(set(map(int, self.configurations.place)))

    def of(self, aligner: str) -> pd.DataFrame:
        """An aligner's configurations."""
        return self.configurations[self.configurations.aligner == aligner]

    def labels(self, aligner: str) -> list[str]:
        """Its formulas and strengths, in the table's order."""
        return list(dict.fromkeys(self.of(aligner).label))

    def at(self, aligner: str, layer: int, label: str) -> pd.Series | None:
        """One configuration."""
        mine = self.of(aligner)
        mine = mine[(mine.place == layer) & (mine.label == label)]
        return None if mine.empty else mine.iloc[0]

    def frozen(self, aligner: str) -> pd.Series | None:
        """The aligner's row of `selection`: what was fixed on dev and scored once on test.

        None where nothing was chosen, or a patch of several layers at once, which has no place here.
        """
        selection = self.part.tables.get("selection")
        if selection is None:
            return None
        mine = selection[
            (selection.aligner == aligner) & selection.layer.notna() & (selection.joint == "one")
        ]
        return None if mine.empty else mine.iloc[0]

    def chosen(self, aligner: str) -> tuple[int, str] | None:
        """Layer and label of what was fixed."""
        row = self.frozen(aligner)
        return None if row is None else (int(row.layer), _label(row.intervention, row.strength))

    def start(self, aligner: str) -> tuple[int, str]:
        """Where to look first: at what was fixed, or else where the gain on dev is largest."""
        best = self.of(aligner).sort_values("gain", kind="stable").iloc[-1]
        return self.chosen(aligner) or (int(best.place), str(best.label))

    def table(self, name: str) -> pd.DataFrame | None:
        """A further table's rows about this pair; None where there are none."""
        found = self.extra.get(name)
        return None if found is None or found.empty else found

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
        row = pd.DataFrame([configuration]).assign(headline=True)
        # The report's function looks at the rows of one split and of one configuration, which it is handed
        # here.
        tables = {"selection": row, "sweep": rows.assign(split="test")}
        return turned(replace(self.part, tables=tables))

    def _dev(self, aligner: str, layer: int) -> pd.DataFrame | None:
        """The dev rows of a layer, read from disk when they are looked at: all of them can be millions."""
        path = self.part.folder / "sweep.parquet"
        if not path.exists():
            return None
        key = (str(path), aligner, layer)
        if key not in self._kept:
            patched: list[Wanted] = [
                ("split", "==", "dev"),
                ("aligner", "==", aligner),
                ("layer", "==", layer),
            ]
            clean: list[Wanted] = [("split", "==", "dev"), ("aligner", "==", CLEAN)]
            self._kept[key] = read_table(path, filters=[clean, patched])
        rows = self._kept[key]
        return None if rows.empty else rows


def read_explored(folder: str | Path, *more: str | Path) -> list[Explored]:
    """Every pair and task of a run that was swept, in the run's order."""
    run = open_run(folder)
    others = [Path(one) for one in more]
    for one in others:
        if not one.is_dir():
            raise InputError(f"there is no folder {one}: give one that workbench measure --grid wrote")
    found = [_explored(run, part, others) for part in run.parts if _swept(part)]
    if not found:
        raise InputError(
            f"{run.folder} holds no table exploration with configurations: nothing was swept to its end; "
            "run the study, or give a folder that workbench diagnose wrote"
        )
    return found


def _swept(part: Part) -> bool:
    return "exploration" in part.tables and not single(part.tables["exploration"]).empty


def _explored(run: Run, part: Part, more: Iterable[Path]) -> Explored:
    table = single(part.tables["exploration"])
    labels = [_label(*one) for one in zip(table.intervention, table.strength, strict=True)]
    configurations = table.assign(place=places(table), label=labels)
    folders = list(dict.fromkeys([part.folder, run.folder, *more]))
    extra = {name: rows for name in _EXTRA if (rows := _of_pair(name, folders, part)) is not None}
    return Explored(part, run, configurations, extra)


def _of_pair(name: str, folders: Sequence[Path], part: Part) -> pd.DataFrame | None:
    """A table's rows about the pair and the model, from the first folder that has any."""
    for path in (folder / f"{name}.parquet" for folder in folders):
        if path.exists():
            table = read_table(path)
            mine = table[(table.pair == part.pair) & (table.model == part.model)]
            if not mine.empty:
                return mine
    return None


def _label(intervention: object, strength: object) -> str:
    alpha = number(strength)
    return words(intervention) + ("" if alpha is None else f", α = {alpha:g}")
