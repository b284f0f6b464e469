"""What a report is made from: the files of a study's folder, as far as they are there."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.errors import InputError, StoreError
from workbench.store import read_json

NEEDED = {
    "fit": "layer method r2 r2_median cosine ratio_to_control n_fit n_held_out warning",
    "similarity": "site layer method value low high n note",
    "confounds": "site layer method confound rho low high mean n note",
    "pca": "layer method language mapped x y share_x share_y",
    "exploration": "method intervention site layer joint strength gain low high band_low band_high p "
    "beyond_band margin_gain n task pair model language",
    "predictors": "scope pair method rho low high p n note",
    "selection": "method task pair model site layer joint intervention strength control headline dev_gain "
    "gain gain_low gain_high headline_over headline_over_low headline_over_high n verdict detectable gained "
    "lost crossfit_gain optimism regret agreement refits refit_sd refit_low refit_high retention "
    "retention_low noninferior",
    "sweep": "language site layer joint method intervention strength seed split example prediction generated "
    "correct margin",
}
"""The tables of a study, and the columns that the report reads."""
COMPARISON = (
    "pair task method family title chosen gain gain_low gain_high n verdict holm_p holm_verdict over_own "
    "over_own_low over_own_high random_over random_over_low random_over_high "
    "shuffled_over shuffled_over_low shuffled_over_high retention noninferior fit_tokens pairs labels "
    "translations item_tokens note"
)
"""The same of the table that `workbench compare` leaves in a run's folder; most runs have none."""
RECORDS = ("manifest", "verdict", "choices", "timings")
_MARKS = ("manifest.json", "choices.json", "selection.parquet", "shards")
"""Any of these makes a folder the place of a study, finished or not."""
_STORES = ("store", "shards", "figures", "compare")


@dataclass(frozen=True)
class Part:
    """One pair and task: what its folder holds. What is missing is empty, and named in `missing`."""

    folder: Path
    name: str
    """Of the folder, for a part of which nothing else is known."""
    tables: dict[str, pd.DataFrame]
    records: dict[str, dict[str, Any]]
    items: pd.DataFrame | None

    @property
    def missing(self) -> list[str]:
        """The tables that are not there."""
        return [name for name in NEEDED if name not in self.tables]

    @property
    def finished(self) -> bool:
        """Whether there is a verdict."""
        return self.headline is not None

    @cached_property
    def headline(self) -> pd.Series | None:
        """The row of `selection` that the study is about."""
        selection = self.tables.get("selection")
        if selection is None or not selection.headline.any():
            return None
        return selection[selection.headline].iloc[0]

    @property
    def layer(self) -> int | None:
        """The one layer chosen on dev; None where no patch was chosen, or one at several layers at once."""
        best = self.headline
        alone = best is not None and pd.notna(best.layer) and best.joint == "one"
        return int(best.layer) if best is not None and alone else None

    @property
    def jointly(self) -> str | None:
        """The layers of a chosen patch at several at once, in words."""
        best = self.headline
        if best is None or pd.isna(best.layer) or best.joint == "one":
            return None
        return f"{str(best.site).partition('.')[2]} jointly ({str(best.joint).replace('_', ' ')})"

    @property
    def manifest(self) -> dict[str, Any]:
        """Empty where there is none."""
        return self.records.get("manifest", {})

    @property
    def verdict(self) -> dict[str, Any]:
        """Empty where there is none."""
        return self.records.get("verdict", {})

    @property
    def pair(self) -> str:
        """Source and target."""
        return self._about("pair")

    @property
    def task(self) -> str:
        """Name of the task."""
        return self._about("task")

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.manifest.get("model", {}).get("name") or self._about("model"))

    @property
    def source(self) -> str | None:
        """The language that is mapped."""
        return self.verdict.get("source") or self._language(0) or self._about("language") or None

    @property
    def target(self) -> str | None:
        """The language it is mapped to."""
        return self.verdict.get("target") or self._language(1)

    @property
    def title(self) -> str:
        """Pair and task, or else the folder."""
        return " · ".join(dict.fromkeys(one for one in (self.pair, self.task) if one)) or self.name

    def _about(self, column: str) -> str:
        for table in (self.tables.get(name) for name in ("selection", "exploration", "fit")):
            if table is not None and column in table and len(table):
                return str(table[column].iloc[0])
        found = self.manifest.get(column, "")
        return found if isinstance(found, str) else ""

    def _language(self, place: int) -> str | None:
        spoken = self.manifest.get("facts", {}).get("tokens", [])
        return str(spoken[place]["language"]) if len(spoken) > place else None


@dataclass(frozen=True)
class Run:
    """A study's folder, or that of several studies of one model."""

    folder: Path
    parts: tuple[Part, ...]
    selection: pd.DataFrame | None
    """All parts' rows, with the verdicts corrected together."""
    predictors: pd.DataFrame | None
    comparison: pd.DataFrame | None
    """Other methods on the same items; None where they were not compared."""
    options: str | None
    """The options file that repeats the run."""
    command: str | None

    def together(self, part: Part) -> pd.Series | None:
        """The headline's row with its verdict corrected for being one of several."""
        rows = self.selection
        if rows is None or "holm_verdict" not in rows:
            return None
        mine = rows[(rows.pair == part.pair) & (rows.task == part.task) & rows.headline]
        return None if mine.empty or pd.isna(mine.iloc[0].holm_verdict) else mine.iloc[0]


def read_run(folder: str | Path) -> Run:
    """Read the folder that `workbench diagnose` wrote; a study that was stopped is read as far as it went."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: give one that workbench diagnose wrote")
    places = _places(folder)
    if not places:
        raise InputError(
            f"{folder} holds no study (no tables, no manifest.json): "
            "give a folder that workbench diagnose wrote"
        )
    parts = tuple(_part(place, folder) for place in places)
    return Run(
        folder,
        parts,
        _table(folder, "selection"),
        _table(folder, "predictors"),
        _table(folder, "comparison"),
        _read_text(folder / "study.toml"),
        _read_text(folder / "command.txt"),
    )


def _places(folder: Path) -> list[Path]:
    """The folder itself, if it is a study, or the folders of pairs and tasks inside it."""
    if (folder / "manifest.json").exists() or (folder / "shards").exists():
        return [folder]
    inside = [place for place in _folders(folder) if any((place / mark).exists() for mark in _MARKS)]
    alone = any((folder / f"{name}.parquet").exists() for name in NEEDED)
    return inside or ([folder] if alone else [])


def _folders(folder: Path, deepest: int = 3) -> Iterator[Path]:
    """Folders of pairs, tasks in them (whose names may hold a slash), in order."""
    for place in sorted(one for one in folder.iterdir() if one.is_dir() and one.name not in _STORES):
        yield place
        if deepest > 1:
            yield from _folders(place, deepest - 1)


def _part(place: Path, folder: Path) -> Part:
    tables = {name: table for name in NEEDED if (table := _table(place, name)) is not None}
    paths = {name: place / f"{name}.json" for name in RECORDS}
    records = {name: read_json(path, digest="optional") for name, path in paths.items() if path.exists()}
    name = place.resolve().name if place == folder else place.relative_to(folder).as_posix()
    items = place / "items.parquet"
    return Part(place, name, tables, records, _read(items) if items.exists() else None)


def _table(place: Path, name: str) -> pd.DataFrame | None:
    path = place / f"{name}.parquet"
    if not path.exists():
        return None
    # Of the sweep only test rows are shown item by item: dev rows can be millions.
    found = _read(path, [("split", "==", "test")] if name == "sweep" else None)
    for column in (NEEDED | {"comparison": COMPARISON})[name].split():
        if column not in found:
            raise InputError(f"{path} is not the table {name} of a study: it has no column {column!r}")
    return found


def _read(path: Path, filters: list[tuple[str, str, str]] | None = None) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, filters=filters)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is damaged (not a Parquet table): run the study again") from error


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
