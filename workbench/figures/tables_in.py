"""Tables as figures need them: read from the folders of runs, with their digests."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from workbench.errors import InputError
from workbench.store import digest_file

Frames = Mapping[str, pd.DataFrame]
"""Name of a table → the table."""

NAMES = (
    *("fit", "curve", "similarity", "null", "grid", "geometry", "pca", "confounds"),
    *("sweep", "exploration", "predictors", "selection", "comparison"),
)
_STUDY = ("model", "pair", "task", "split", "seed")
_SWEEP = ["model", "task", "pair", "language", "method", "split", "example", "group", "correct"]
"""What figures need of the largest table; of it the unpatched test rows alone."""


@dataclass(frozen=True)
class RunTables:
    """The tables of one or several runs, joined."""

    name: str
    frames: dict[str, pd.DataFrame]
    digests: dict[str, str]
    """`folder/table.parquet` → SHA-256, of every file that was read."""
    cautions: tuple[str, ...] = ()
    """What has to be said beside these results."""


def read_run(*folders: str | Path) -> RunTables:
    """The tables of a run, as `diagnose`, `demo`, `measure` or `fit` left them in its folder.

    Of several folders, tables of one name are joined; what an earlier folder says of a model, pair and
    task is not said again by a later one.
    """
    if not folders:
        raise InputError("name a folder of a run, as written by `workbench diagnose` or `workbench demo`")
    paths = [Path(folder) for folder in folders]
    found: dict[str, list[pd.DataFrame]] = {}
    digests: dict[str, str] = {}
    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path} is no folder: name one that `workbench diagnose` or `demo` wrote")
        files = [path / f"{name}.parquet" for name in NAMES if (path / f"{name}.parquet").is_file()]
        if not files:
            raise InputError(f"{path} holds no table of a run (such as exploration.parquet)")
        for file in files:
            found.setdefault(file.stem, []).append(_read(file))
            digests[f"{path.resolve().name}/{file.name}"] = digest_file(file)
    names = [path.resolve().name for path in paths]
    frames = {name: _joined(parts) for name, parts in found.items()}
    return RunTables("+".join(names), frames, digests, tuple(_cautions(paths)))


def _read(file: Path) -> pd.DataFrame:
    try:
        if file.stem != "sweep":
            return pd.read_parquet(file)
        unpatched = [("split", "==", "test"), ("method", "==", "clean")]
        return pd.read_parquet(file, columns=_SWEEP, filters=unpatched)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as a table: {error}; run the study again") from error


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


def _cautions(folders: Iterable[Path]) -> list[str]:
    """What the manifests of the runs, and of the studies inside them, say has to be said."""
    said: dict[str, None] = {}
    for folder in folders:
        for file in sorted([*folder.glob("manifest.json"), *folder.glob("*/*/manifest.json")]):
            try:
                found = json.loads(file.read_text(encoding="utf-8")).get("cautions", [])
            except (OSError, ValueError, AttributeError):
                continue  # a figure needs the tables, not this
            said |= dict.fromkeys(str(line) for line in found)
    return list(said)
