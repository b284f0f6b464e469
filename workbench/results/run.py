"""Reader of a run folder: specification (none in workbench 0.1), tables and records, study by study."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd

from workbench.core.bundled import RUNS, resolved
from workbench.core.errors import InputError, StoreError
from workbench.core.store import is_inside, read_json
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
LATER = ("comparison", "generation", "generation_summary", "claims")
"""The tables of later analyses of a run."""
RECORDS = ("verdict", "choices", "timings", "looks", "race")
_MARKS = (MANIFEST, "choices.json", "selection.parquet", "shards")  # of a study of workbench 0.1
_STORES = ("store", "shards", "figures", "compare", "generate", "claims")


class MissingTable(InputError, KeyError):
    """A folder does not hold the table that was asked for."""

    __str__ = Exception.__str__  # that of KeyError puts the message in quotes


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of a folder by name, each read and checked when it is first used.

    With values of columns (`pair="sw-en"`), of tables that have these columns the rows with these values.
    """

    def __init__(self, folder: Path, **only: str):
        self.folder, self.only = folder, only
        self._read: dict[str, pd.DataFrame] = {}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The folder's manifest; empty where there is none."""
        return read_manifest(self.folder)

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            self._read[name] = self.read(name)
        return self._read[name]

    def read(self, name: str, filters: Filters | None = None) -> pd.DataFrame:
        """Some rows of a table, read anew."""
        if name not in self:
            raise MissingTable(
                f"{self.folder} holds no table {name!r} (it has {', '.join(self) or 'none'}): if the run was "
                "stopped before its end, the same command resumes it"
            )
        path = self.folder / f"{name}.parquet"
        table = read_table(path, filters=filters, manifest=self.manifest)
        for column in NEEDED.get(name, "").split():
            if column not in table:
                raise InputError(f"{path} is not the table {name} of a study: it has no column {column!r}")
        for column in self.only.keys() & set(table):
            table = table[table[column] == self.only[column]]
        return table

    def __contains__(self, name: object) -> bool:
        return (self.folder / f"{name}.parquet").is_file()

    def __iter__(self) -> Iterator[str]:
        return (name for name in COLUMNS if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class Part:
    """One pair and task of a run (of a run without a task, one pair), as far as it is there."""

    folder: Path
    name: str
    """Of the folder, for a part of which nothing else is known."""
    tables: Mapping[str, pd.DataFrame]
    specification: Mapping[str, Any]
    """Of the whole run; empty for one of workbench 0.1."""
    model: str
    pair: str
    """Source and target."""
    source: str | None
    """The language that is mapped."""
    target: str | None
    """The language it is mapped to."""
    task: str
    """Empty where there is none."""
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
        return None if best is None or pd.isna(best.layer) or best.joint != "one" else int(best.layer)

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
        digest: Literal["required", "optional"] = "required" if "schema" in self.manifest else "optional"
        paths = {name: self.folder / f"{name}.json" for name in RECORDS}
        return {name: read_json(path, digest) for name, path in paths.items() if path.exists()}

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
        if (items := self.all_items) is None:
            return self.tables.get("items")
        if lacking := {"task", "language", "split"} - set(items):
            raise StoreError(f"items.parquet of this run has no column {', '.join(sorted(lacking))}")
        own = (items.task == self.task) & items.language.isin([self.source, self.target])
        return items[own & items.split.isin(["dev", "test"])]

    @cached_property
    def test_rows(self) -> pd.DataFrame | None:
        """The test rows of the sweep: those on dev can be millions."""
        if "sweep" not in self.tables:
            return None
        if isinstance(self.tables, Tables):
            return self.tables.read("sweep", [("split", "==", "test")])
        return self.tables["sweep"].query("split == 'test'")

    def about(self, name: str) -> Any:
        """What the specification says, or where there is none the manifest; None where neither does."""
        return self.specification.get(name, self.manifest.get(name))

    @property
    def notes(self) -> list[str]:
        """What was mended or chosen in reading the task."""
        by_task = {task["name"]: task["notes"] for task in self.specification.get("tasks", ())}
        return list(by_task.get(self.task, self.manifest.get("task_notes", ())))

    @property
    def title(self) -> str:
        """Pair and task, or else the folder."""
        return " · ".join(filter(None, (self.pair, self.task))) or self.name


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
        sources = [self.specification, *(part.manifest for part in self.parts)]
        return list(dict.fromkeys(line for source in sources for line in source.get("cautions", [])))

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
        return f"Run({self.folder.resolve().name}: {'; '.join(titles[:2]) or 'no studies'}{more})"

    def together(self, part: Part) -> pd.Series | None:
        """The headline's row with its verdict corrected for being one of several."""
        rows = self.tables.get("selection")
        if rows is None or "holm_verdict" not in rows:
            return None
        rows = rows[(rows.pair == part.pair) & (rows.task == part.task) & rows.headline]
        return None if rows.empty or pd.isna(rows.iloc[0].holm_verdict) else rows.iloc[0]

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the folder of a run without its model; a run that was stopped is read as far as it went.

        Studies of real models that are kept with the project are opened by name (`RUNS`).
        """
        folder = Path(resolved(folder, RUNS))
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}: give one that a workbench command wrote")
        root = _root_of(folder)
        if root is None:
            return cls(folder, {}, tuple(_parts_of_version_1(folder)), folder)
        specification = _specification(root)
        parts = tuple(_parts(root, specification))
        if root != folder:
            parts = tuple(part for part in parts if part.folder.resolve() == folder.resolve())
        return cls(folder, specification, parts, root)


open_run = Run.open


def _specification(root: Path) -> dict[str, Any]:
    specification = read_json(root / SPECIFICATION)
    for name in ("model", "pairs", "studies"):
        if name not in specification:
            raise StoreError(f"{root / SPECIFICATION} is not the specification of a run: it has no {name!r}")
    try:
        places = [study["folder"] for study in specification["studies"]]
        pairs = [*specification["pairs"], *(study["pair"] for study in specification["studies"])]
        words = [*places, *(study["task"] for study in specification["studies"])]
        known = all(isinstance(word, str) for word in words) and all(len(pair) == 2 for pair in pairs)
    except (KeyError, TypeError):
        known = False
    if not known or not isinstance(specification["model"], dict):
        raise StoreError(f"{root / SPECIFICATION} is not the specification of a run: its fields are others")
    if not all(map(is_inside, places)):
        raise StoreError(f"{root / SPECIFICATION} names studies outside its folder: it is not opened")
    return specification


def _root_of(folder: Path) -> Path | None:
    """The folder with the specification: itself, or the one above whose run it is a study of."""
    if (folder / SPECIFICATION).exists():
        return folder
    place = folder.resolve()
    above = next((up for up in list(place.parents)[:3] if (up / SPECIFICATION).exists()), None)
    if above is None:
        return None
    studies = [(above / study["folder"]).resolve() for study in _specification(above)["studies"]]
    return above if place in studies else None


def _parts(root: Path, about: Mapping[str, Any]) -> Iterator[Part]:
    model, items = str(about["model"].get("name", "")), Tables(root).get("items")
    for study in about["studies"]:
        name, task, (source, target) = study["folder"], study["task"], study["pair"]
        tables, pair = Tables(root / name), f"{source}-{target}"
        # Where only the tables of the whole run were kept, a study has its rows of them.
        tables = tables if any(tables) else Tables(root, pair=pair, task=task)
        yield Part(root / name, name, tables, about, model, pair, source, target, task, items)
    for source, target in () if about["studies"] else about["pairs"]:
        pair = f"{source}-{target}"
        yield Part(root, pair, Tables(root, pair=pair), about, model, pair, source, target, "")


def _parts_of_version_1(folder: Path) -> Iterator[Part]:
    """The folder itself, if it is a study, or else the folders of studies in it."""
    alone = (folder / MANIFEST).exists() or (folder / "shards").exists()
    places = [] if alone else sorted(_studies_in(folder))
    if not alone and not places and not Tables(folder):
        raise InputError(
            f"{folder} holds no run (no {SPECIFICATION}, no tables): give a folder that a workbench command "
            "wrote"
        )
    for place in places or [folder]:
        name = place.relative_to(folder).as_posix() if places else folder.resolve().name
        yield _part_of_version_1(place, name)


def _part_of_version_1(folder: Path, name: str) -> Part:
    """What no specification tells stands in the tables, the manifest or the verdict."""
    tables = Tables(folder)
    part = Part(folder, name, tables, {}, "", "", None, None, "")

    def known(column: str) -> str:
        for name in ("selection", "exploration", "fit", "similarity"):
            table = tables.get(name, pd.DataFrame())
            if column in table and len(table):
                return str(table[column].iloc[0])
        value = part.manifest.get(column, "")
        return value if isinstance(value, str) else ""

    tokens = part.manifest.get("facts", {}).get("tokens", [])
    languages = [*(row["language"] for row in tokens), None, None]
    source, target = (part.verdict.get(s) or c for s, c in zip(("source", "target"), languages, strict=False))
    return replace(
        part,
        model=str(part.manifest.get("model", {}).get("name") or known("model")),
        pair=known("pair"),
        source=source or known("language") or None,
        target=target,
        task=known("task"),
    )


def _studies_in(folder: Path) -> set[Path]:
    """Folders of pairs, and of tasks in them (whose names may hold a slash)."""
    levels = ("*", "*/*", "*/*/*")
    places = {mark.parent for level in levels for name in _MARKS for mark in folder.glob(f"{level}/{name}")}
    return {place for place in places if not {*place.relative_to(folder).parts} & {*_STORES}}


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
