"""Reader of a run folder: specification, tables and records, study by study.

A run of today has a `specification.json`, written before any work. A folder of workbench 0.1 has none, and is
read as far as its tables go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from workbench.core.errors import InputError, StoreError
from workbench.core.store import read_json
from workbench.results.files import MANIFEST, Filters, read_manifest, read_table
from workbench.results.schema import COLUMNS

SPECIFICATION = "specification.json"
NEEDED = {
    "fit": "layer aligner r2 r2_median cosine ratio_to_control n_fit n_held_out warning",
    "similarity": "site layer measure value low high n note",
    "confounds": "site layer measure confound rho low high mean n note",
    "pca": "layer aligner language mapped x y share_x share_y",
    "exploration": "aligner intervention site layer joint strength gain low high band_low band_high p "
    "beyond_band margin_gain n task pair model language",
    "predictors": "scope pair measure rho low high p n note",
    "selection": "aligner task pair model site layer joint intervention strength control headline dev_gain "
    "gain gain_low gain_high headline_over headline_over_low headline_over_high n verdict detectable gained "
    "lost crossfit_gain selection_bias regret agreement refits refit_sd refit_low refit_high retention "
    "retention_low noninferior",
    "sweep": "language site layer joint aligner intervention strength seed split example prediction "
    "generated correct margin",
    "comparison": "pair task method family title chosen gain gain_low gain_high n verdict holm_p "
    "holm_verdict over_own over_own_low over_own_high random_over random_over_low random_over_high "
    "shuffled_over shuffled_over_low shuffled_over_high retention noninferior fit_tokens pairs labels "
    "translations item_tokens note",
}
"""Columns that pages and figures cannot do without."""
OF_STUDY = tuple(name for name in NEEDED if name != "comparison")
"""The tables that every finished study has."""
RECORDS = ("verdict", "choices", "timings")
_MARKS = (MANIFEST, "choices.json", "selection.parquet", "shards")
"""Any of these makes a folder of workbench 0.1 the place of a study, finished or not."""
_STORES = ("store", "shards", "figures", "compare", "generate", "claims")


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of a folder by name, each read and checked when it is first asked for."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._read: dict[str, pd.DataFrame] = {}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The folder's manifest; empty where there is none."""
        return read_manifest(self.folder)

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self.read(name)
        return self._read[name]

    def read(self, name: str, filters: Filters | None = None) -> pd.DataFrame:
        """Some rows of a table, read anew."""
        path = self._path(name)
        found = read_table(path, filters=filters, manifest=self.manifest)
        for column in NEEDED.get(name, "").split():
            if column not in found:
                raise InputError(f"{path} is not the table {name} of a study: it has no column {column!r}")
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._path(name).is_file()

    def __iter__(self) -> Iterator[str]:
        return (name for name in COLUMNS if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


@dataclass(frozen=True)
class Part:
    """One pair and task of a run (of a run without a task, one pair), as far as it is there."""

    folder: Path
    name: str
    """Of the folder, for a part of which nothing else is known."""
    tables: Mapping[str, pd.DataFrame]
    specification: Mapping[str, Any]
    """Of the whole run; empty for one of workbench 0.1."""
    sides: tuple[str, str] | None = None
    """Source and target, where the specification tells."""
    asked: str | None = None
    """The task, where the specification tells; empty for a run without one."""
    all_items: pd.DataFrame | None = None
    """The items of the whole run, in all languages."""

    @property
    def missing(self) -> list[str]:
        """The tables of a study that are not there."""
        return [name for name in OF_STUDY if name not in self.tables]

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

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """The JSON files of the folder by name."""
        trust = "required" if "schema" in self.manifest else "optional"
        found = {}
        for name in RECORDS:
            if (path := self.folder / f"{name}.json").exists():
                found[name] = read_json(path, digest=trust)  # type: ignore[arg-type]
        return found

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Empty where there is none."""
        return read_manifest(self.folder)

    @property
    def verdict(self) -> dict[str, Any]:
        """Empty where there is none."""
        return self.records.get("verdict", {})

    @cached_property
    def items(self) -> pd.DataFrame | None:
        """What the dev and test items of the task say, in both languages; None where nobody kept them."""
        if self.all_items is not None:
            table = self.all_items
            own = (table.task == self.task) & table.language.isin([self.source, self.target])
            return table[own & table.split.isin(["dev", "test"])]
        path = self.folder / "items.parquet"
        return read_table(path) if path.exists() else None

    @cached_property
    def test_rows(self) -> pd.DataFrame | None:
        """The test rows of the sweep: those on dev can be millions."""
        if isinstance(self.tables, Tables):
            return self.tables.read("sweep", [("split", "==", "test")]) if "sweep" in self.tables else None
        sweep = self.tables.get("sweep")
        return None if sweep is None else sweep[sweep.split == "test"]

    def about(self, name: str) -> Any:
        """What the specification says, or where there is none the manifest; None where neither does."""
        return self.specification.get(name, self.manifest.get(name))

    @property
    def notes(self) -> list[str]:
        """What was mended or chosen in reading the task."""
        tasks = self.specification.get("tasks", ())
        return list(
            next((t["notes"] for t in tasks if t["name"] == self.task), self.manifest.get("task_notes", ()))
        )

    @property
    def pair(self) -> str:
        """Source and target."""
        return "-".join(self.sides) if self.sides else self._about("pair")

    @property
    def task(self) -> str:
        """Name of the task; empty where there is none."""
        return self._about("task") if self.asked is None else self.asked

    @property
    def model(self) -> str:
        """Name of the model."""
        model = self.specification.get("model") or self.manifest.get("model", {})
        return str(model.get("name") or self._about("model"))

    @property
    def source(self) -> str | None:
        """The language that is mapped."""
        if self.sides:
            return self.sides[0]
        return self.verdict.get("source") or self._language(0) or self._about("language") or None

    @property
    def target(self) -> str | None:
        """The language it is mapped to."""
        return self.sides[1] if self.sides else self.verdict.get("target") or self._language(1)

    @property
    def title(self) -> str:
        """Pair and task, or else the folder."""
        return " · ".join(dict.fromkeys(one for one in (self.pair, self.task) if one)) or self.name

    def _about(self, column: str) -> str:
        for table in (self.tables.get(name) for name in ("selection", "exploration", "fit", "similarity")):
            if table is not None and column in table and len(table):
                return str(table[column].iloc[0])
        found = self.manifest.get(column, "")
        return found if isinstance(found, str) else ""

    def _language(self, place: int) -> str | None:
        spoken = self.manifest.get("facts", {}).get("tokens", [])
        return str(spoken[place]["language"]) if len(spoken) > place else None


@dataclass(frozen=True, repr=False)
class Run:
    """The folder that a study, a diagnosis, `workbench fit` or `workbench measure` left."""

    folder: Path
    specification: Mapping[str, Any]
    """Model, settings, versions, pairs and tasks; empty for a folder of workbench 0.1."""
    parts: tuple[Part, ...]
    """One for each pair and task; of a run without a task, one for each pair."""
    root: Path
    """The folder of the whole run, where `folder` is that of one of its studies."""

    @cached_property
    def tables(self) -> Tables:
        """The tables of the whole run by name."""
        return Tables(self.folder)

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row for each finished study, with its verdict corrected for all of them."""
        if "selection" not in self.tables:
            raise InputError(f"{self.folder} has no verdicts: no study in it was finished")
        return self.tables["selection"].query("headline")

    @property
    def cautions(self) -> list[str]:
        """What has to be said beside its results."""
        said = [*self.specification.get("cautions", [])]
        return list(
            dict.fromkeys([*said, *(one for p in self.parts for one in p.manifest.get("cautions", []))])
        )

    @property
    def options(self) -> str | None:
        """The options file that repeats the run; None where a notebook began it."""
        return _read_text(self.folder / "study.toml")

    @property
    def command(self) -> str | None:
        """The command that made it; None where a notebook did."""
        return _read_text(self.folder / "command.txt")

    def __repr__(self) -> str:
        titles = [part.title for part in self.parts]
        more = f" and {len(titles) - 2} more" if len(titles) > 2 else ""
        return f"Run({str(self.folder)!r}: {'; '.join(titles[:2]) or 'no studies'}{more})"

    def together(self, part: Part) -> pd.Series | None:
        """The headline's row with its verdict corrected for being one of several."""
        rows = self.tables.get("selection")
        if rows is None or "holm_verdict" not in rows:
            return None
        mine = rows[(rows.pair == part.pair) & (rows.task == part.task) & rows.headline]
        return None if mine.empty or pd.isna(mine.iloc[0].holm_verdict) else mine.iloc[0]

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a folder; a run that was stopped is read as far as it went."""
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}: give one that a workbench command wrote")
        root = _root_of(folder)
        if root is None:
            return cls(folder, {}, _parts_of_version_1(folder), folder)
        run = cls(root, _specification(root), (), root)
        parts = tuple(_parts(run))
        if root != folder:
            place = folder.resolve()
            parts = tuple(part for part in parts if part.folder.resolve() == place)
        return replace(run, folder=folder, parts=parts)


def open_run(folder: str | Path) -> Run:
    """Open the folder of a run: tables, records and specification, without a model."""
    return Run.open(folder)


def _specification(root: Path) -> dict[str, Any]:
    found = read_json(root / SPECIFICATION)
    for name in ("model", "pairs", "studies"):
        if name not in found:
            raise StoreError(f"{root / SPECIFICATION} is not the specification of a run: it has no {name!r}")
    return found


def _root_of(folder: Path) -> Path | None:
    """The folder with the specification: itself, or the one above whose run it is a study of."""
    if (folder / SPECIFICATION).exists():
        return folder
    place = folder.resolve()
    for up in list(place.parents)[:3]:
        if (up / SPECIFICATION).exists():
            listed = _specification(up)["studies"]
            return up if any((up / one["folder"]).resolve() == place for one in listed) else None
    return None


def _parts(run: Run) -> Iterator[Part]:
    items = run.tables.get("items")
    about = run.specification
    for one in about["studies"]:
        folder = run.folder / one["folder"]
        source, target = one["pair"]
        yield Part(folder, one["folder"], Tables(folder), about, (source, target), one["task"], items)
    if about["studies"]:
        return
    for source, target in about["pairs"]:
        pair = f"{source}-{target}"
        own = {name: table[table.pair == pair] for name, table in run.tables.items() if "pair" in table}
        yield Part(run.folder, pair, own, about, (source, target), "")


def _parts_of_version_1(folder: Path) -> tuple[Part, ...]:
    places = _places(folder)
    if not places:
        raise InputError(
            f"{folder} holds no run (no {SPECIFICATION}, no tables): give a folder that a workbench command "
            "wrote"
        )
    return tuple(
        Part(
            place,
            place.resolve().name if place == folder else place.relative_to(folder).as_posix(),
            Tables(place),
            {},
        )
        for place in places
    )


def _places(folder: Path) -> list[Path]:
    """The folder itself, if it is a study, or the folders of pairs and tasks inside it."""
    if (folder / MANIFEST).exists() or (folder / "shards").exists():
        return [folder]
    inside = [place for place in _folders(folder) if any((place / mark).exists() for mark in _MARKS)]
    alone = any((folder / f"{name}.parquet").exists() for name in COLUMNS)
    return inside or ([folder] if alone else [])


def _folders(folder: Path, deepest: int = 3) -> Iterator[Path]:
    """Folders of pairs, tasks in them (whose names may hold a slash), in order."""
    for place in sorted(one for one in folder.iterdir() if one.is_dir() and one.name not in _STORES):
        yield place
        if deepest > 1:
            yield from _folders(place, deepest - 1)


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
