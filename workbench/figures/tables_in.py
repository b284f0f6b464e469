"""Tables as figures need them: read from the folders of runs, with their digests."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.store import digest_file
from workbench.results import Run

Frames = Mapping[str, pd.DataFrame]
"""Name of a table → the table."""

NAMES = (
    *("fit", "curve", "similarity", "null", "grid", "geometry", "pca", "confounds"),
    *("sweep", "exploration", "predictors", "selection", "comparison"),
)
_STUDY = ("model", "pair", "task", "split", "seed")
_UNPATCHED = [("split", "==", "test"), ("aligner", "==", "clean")]
"""What figures need of the largest table: the unpatched test rows alone."""


@dataclass(frozen=True)
class RunTables:
    """The tables of one or several runs, joined."""

    name: str
    frames: dict[str, pd.DataFrame]
    digests: dict[str, str]
    """`folder/table.parquet` → SHA-256, of every file that was read."""
    cautions: tuple[str, ...] = ()
    """What has to be said beside these results."""


def join_runs(*runs: Run) -> RunTables:
    """The tables of opened runs, as figures need them.

    Of several runs, tables of one name are joined; what an earlier one says of a model, pair and task is not
    said again by a later one.
    """
    if not runs:
        raise InputError("name a folder of a run, as written by `workbench diagnose` or `workbench demo`")
    found: dict[str, list[pd.DataFrame]] = {}
    digests: dict[str, str] = {}
    for run in runs:
        names = [name for name in NAMES if name in run.tables]
        if not names:
            raise InputError(f"{run.folder} holds no table of a run (such as exploration.parquet)")
        for name in names:
            table = run.tables.read(name, _UNPATCHED) if name == "sweep" else run.tables[name]
            found.setdefault(name, []).append(table)
            path = run.folder / f"{name}.parquet"
            digests[f"{run.folder.resolve().name}/{path.name}"] = digest_file(path)
    frames = {name: _joined(parts) for name, parts in found.items()}
    cautions = dict.fromkeys(line for run in runs for line in run.cautions)
    name = "+".join(run.folder.resolve().name for run in runs)
    return RunTables(name, frames, digests, tuple(cautions))


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    kept = [parts[0]]
    for part in parts[1:]:
        keys = [name for name in _STUDY if name in part and all(name in other for other in kept)]
        seen = pd.concat([other[keys] for other in kept]).drop_duplicates().astype(str)
        known = set(seen.itertuples(index=False, name=None))
        new = [row not in known for row in part[keys].astype(str).itertuples(index=False, name=None)]
        if any(new):
            kept.append(part[new])
    return kept[0] if len(kept) == 1 else pd.concat(kept, ignore_index=True)
