"""Two runs compared: inputs, circumstances, and for each study its choice, gain, verdict and tables."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.core.errors import StoreError
from workbench.core.numbers import with_cost
from workbench.core.store import digest_json, read_json
from workbench.results.files import read_table
from workbench.results.run import LATER, Part, Run, Tables
from workbench.results.schema import COLUMNS, OPTIONAL

PLACES = ("source", "revision")
"""What is said of a model that may differ where its weights are the same."""
_IDENTITY = "aligner measure confound language example sentence mapped scope split site layer".split()
_CHOSEN = ("site", "layer")
"""Columns that in `selection` are results and do not identify a row."""
_INPUTS = ("model", "seed")
"""Columns that hold a run's inputs, which are compared as such."""
_FOUND = "aligner intervention layer joint strength gain gain_low gain_high verdict".split()


@dataclass(frozen=True)
class StudyDifference:
    """One pair and task in two runs."""

    title: str
    only: Literal["first", "second"] | None
    """The run that alone has it."""
    first: Mapping[str, Any] | None
    """Choice, gain and verdict of the headline; None where there is no verdict."""
    second: Mapping[str, Any] | None
    tables: pd.DataFrame
    """`table`, whether it is the `same`, `rows` and `other_rows`, and how far apart they are.

    `largest` is the largest absolute difference of a number and `column` where it is; `changed` counts rows
    in which anything else differs. The three are missing where the rows do not match.
    """

    @property
    def same(self) -> bool:
        """Whether both runs have all tables, and the same ones."""
        both = self.only is None and (self.first is None) == (self.second is None)
        return both and bool(self.tables.same.all())


@dataclass(frozen=True)
class RunDifference:
    """What differs between two runs."""

    inputs: pd.DataFrame
    """Model, settings, sentences and items that differ: `part`, `name`, `first`, `second`."""
    circumstances: pd.DataFrame
    """Versions, threads, devices and the place of the model that differ; they are no part of `same`."""
    studies: tuple[StudyDifference, ...]

    @property
    def same(self) -> bool:
        """Whether inputs and results are the same."""
        return self.inputs.empty and all(study.same for study in self.studies)

    def to_json(self) -> dict[str, Any]:
        """All of it, as values and tables."""
        studies = [{**vars(study), "same": study.same} for study in self.studies]
        return {"same": self.same, **vars(self), "studies": studies}


def differences(first: Run, second: Run) -> RunDifference:
    """What differs between two runs, from their files alone.

    Numbers of tables are compared where both have the same rows in the same order. Columns of `selection`
    that depend on which other studies a run has (Holm's correction) are left out.
    """
    sides = [{(part.pair, part.task): part for part in run.parts} for run in (first, second)]
    return RunDifference(
        _changed(_inputs(first), _inputs(second)),
        _changed(_circumstances(first), _circumstances(second)),
        tuple(_study(*(side.get(key) for side in sides)) for key in dict.fromkeys([*sides[0], *sides[1]])),
    )


Facts = Mapping[tuple[str, str], Any]


def _changed(first: Facts, second: Facts) -> pd.DataFrame:
    """The facts that differ, with None where one run says nothing."""
    keys = dict.fromkeys([*first, *second])
    rows = [(*key, first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)]
    return pd.DataFrame(rows, columns=["part", "name", "first", "second"], dtype=object)


def _inputs(run: Run) -> Facts:
    about, facts = run.specification, dict[tuple[str, str], Any]()
    for part in ("model", "settings"):
        known = about.get(part) or {}
        facts |= {(part, name): value for name, value in known.items() if name not in PLACES}
    if (run.root / "text.parquet").exists():
        text = read_table(run.root / "text.parquet")
        spoken = dict.fromkeys(code for pair in about["pairs"] for code in pair)
        facts |= {("sentences", code): _named(text[code], "rows") for code in spoken}
    else:  # only the tables of the run were kept
        known = about.get("text") or {}
        facts |= {("sentences", name): known[name] for name in ("rows", "digest") if name in known}
    for (task, code), items in _items(run):
        facts["items", f"{task}, {code}"] = _named(items.astype(str).to_numpy().tolist(), "items")
    return facts


def _items(run: Run) -> Iterable[Any]:
    tables = Tables(run.root)
    columns = {"task", "language"}
    there = "items" in tables and columns <= set(tables["items"])
    return tables["items"].groupby(["task", "language"], sort=False) if there else ()


def _named(values: Iterable[Any], what: str) -> str:
    """How many, and the beginning of their digest."""
    listed = list(values)
    return f"{len(listed):,} {what}, {digest_json(listed)[:8]}"


def _circumstances(run: Run) -> Facts:
    about, devices = run.specification, set()
    for path in run.root.glob("store/*/*/plan.json"):
        with contextlib.suppress(StoreError):  # a damaged one is made anew where it is needed
            devices.add(str(read_json(path).get("made_with", {}).get("model", {}).get("device")))
    facts = {("versions", name): version for name, version in (about.get("versions") or {}).items()}
    facts |= {("model", name): value for name, value in about.get("model", {}).items() if name in PLACES}
    return facts | {
        ("machine", "threads"): about.get("threads"),
        ("machine", "device"): ", ".join(sorted(devices)) or None,
    }


def _study(first: Part | None, second: Part | None) -> StudyDifference:
    known = first or second
    assert known is not None, "a study is in one of the runs"
    only: Literal["first", "second"] | None = None
    if first is None or second is None:
        only = "first" if second is None else "second"
    there = {name for part in (first, second) if part for name in part.tables}
    names = [name for name in COLUMNS if name in there - {"items", *LATER}]
    rows = [{"table": name, **_table(name, first, second)} for name in names]
    columns = ["table", "same", "rows", "other_rows", "largest", "column", "changed"]
    tables = pd.DataFrame(rows, columns=columns).astype({"same": bool, "changed": "Int64"})
    tables["column"] = tables["column"].astype(object).where(tables["column"].notna(), None)
    return StudyDifference(known.title, only, _found(first), _found(second), tables)


def _found(part: Part | None) -> dict[str, Any] | None:
    if part is None or (best := part.headline) is None:
        return None
    found = {name: None if pd.isna(best[name]) else best[name] for name in _FOUND}
    return found | {"verdict": with_cost(str(best.verdict), best.retention, best.noninferior)}


def _table(name: str, first: Part | None, second: Part | None) -> dict[str, Any]:
    """How far a table is apart in both."""
    one, other = (None if part is None else part.tables.get(name) for part in (first, second))
    sizes = {"rows": None if one is None else len(one), "other_rows": None if other is None else len(other)}
    if one is None or other is None:
        return {"same": False, **sizes}
    one, other = (table.drop(columns=list(OPTIONAL.get(name, ())), errors="ignore") for table in (one, other))
    if one.reset_index(drop=True).equals(other.reset_index(drop=True)):
        return {"same": True, **sizes, "largest": 0.0, "changed": 0}
    identity = [name for name in _IDENTITY if name in one and name in other]
    if name == "selection":
        identity = [name for name in identity if name not in _CHOSEN]
    if len(one) != len(other) or (_words(one[identity]) != _words(other[identity])).any():
        return {"same": False, **sizes}
    return {"same": False, **sizes, **_distance(one, other)}


def _distance(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, Any]:
    """The largest difference of a number, and in how many rows anything else differs."""
    changed, largest, where = np.zeros(len(one), dtype=bool), 0.0, None
    for column in [name for name in one if name in other and name not in _INPUTS]:
        here, there = one[column], other[column]
        if not (pd.api.types.is_float_dtype(here) and pd.api.types.is_float_dtype(there)):
            changed |= (_words(here.to_frame()) != _words(there.to_frame())).any(axis=1)
            continue
        a, b = (side.to_numpy(dtype=float, na_value=np.nan) for side in (here, there))
        changed |= np.isnan(a) != np.isnan(b)
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            apart = float(np.nan_to_num(np.abs(a - b), posinf=np.inf).max(initial=0.0))
        if apart > largest:
            largest, where = apart, str(column)
    return {"largest": largest, "column": where, "changed": int(changed.sum())}


def _words(table: pd.DataFrame) -> Any:
    return table.astype("string").fillna("").to_numpy()
