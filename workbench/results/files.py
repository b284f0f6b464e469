"""The files of a run: tables with SHA-256 digests in `manifest.json`, verified on reading.

Tables carry a mark, so that one which is not listed in the manifest is noticed too.
"""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import InputError, StoreError
from workbench.core.store import digest_bytes, read_bytes, read_json, write_bytes, write_json
from workbench.results.schema import VERSION, check_columns, old_names

MANIFEST = "manifest.json"
AGAIN = "give the command that made it again, which makes it anew"
MOST_VALUES = 1 << 31
"""Largest number of rows × columns of a table that is read."""
_MARK = b"workbench"
# What each kind of file contains if the workbench wrote it.
_OURS = {
    ".html": b"alignment-workbench",
    ".safetensors": b'"workbench"',
    ".toml": b"# workbench",
    ".txt": b"workbench ",
}
Filters = Sequence[tuple[str, str, object]] | Sequence[Sequence[tuple[str, str, object]]]


def write_table(table: pd.DataFrame, path: Path) -> None:
    """One Parquet file, whole or not at all, and its digest in the folder's manifest."""
    write_tables({path.stem: table}, path.parent)


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Several tables of one folder by name; the manifest is written once, after them."""
    digests = {}
    for name, table in tables.items():
        check_columns(name, table)
        arrow, buffer = pa.Table.from_pandas(table, preserve_index=False), io.BytesIO()
        marked = {**(arrow.schema.metadata or {}), _MARK: str(VERSION).encode()}
        pq.write_table(arrow.replace_schema_metadata(marked), buffer)
        write_bytes(folder / f"{name}.parquet", buffer.getvalue())
        digests[f"{name}.parquet"] = digest_bytes([buffer.getvalue()])
    update_manifest(folder, {}, digests)


def update_manifest(folder: Path, facts: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Add facts and digests of files to the folder's manifest; what it says of others stays."""
    path = folder / MANIFEST
    try:
        before = read_json(path) if path.exists() else {}
    except StoreError:  # a damaged manifest is written anew: so are the tables that it lists
        before = {}
    listed = {**before.get("files", {}), **files}
    write_json(path, before | dict(facts) | {"schema": VERSION, "files": listed})


def read_manifest(folder: Path) -> dict[str, Any]:
    """The folder's manifest; empty where there is none."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    manifest = read_json(path, digest="optional")
    if "schema" in manifest:
        manifest = read_json(path)
    if int(manifest.get("schema", 1)) > VERSION:
        raise InputError(
            f"{path} was written by a newer workbench (schema {manifest['schema']}; this one knows {VERSION})"
        )
    return manifest


def read_table(
    path: Path,
    *,
    columns: Sequence[str] | None = None,
    filters: Filters | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """A table as it was written; what is damaged, or is not in the manifest, is a `StoreError` naming it.

    A table of workbench 0.1 has no digest, and comes under today's names of columns. `filters` are
    conjunctions of (column, comparison, value), or a list of such of which one must hold.
    """
    data = read_bytes(path)
    manifest = read_manifest(path.parent) if manifest is None else manifest
    listed = manifest.get("files", {}).get(path.name)
    if listed is not None and digest_bytes([data]) != listed:
        raise StoreError(f"{path} is damaged (its digest is wrong): {AGAIN}")
    try:
        about = pq.read_metadata(pa.BufferReader(data))
        if about.num_rows * about.num_columns > MOST_VALUES:  # a small file can hold one value many times
            raise StoreError(f"{path} holds more than {MOST_VALUES:,} values: it is not read")
        schema = about.schema.to_arrow_schema()
        if _MARK in (schema.metadata or {}) and listed is None:
            raise StoreError(f"{path} is not listed in {MANIFEST} beside it: {AGAIN}")
        old = old_names(path.stem, schema.names)
        table = pd.read_parquet(
            io.BytesIO(data),
            columns=None if columns is None else [old.get(name, name) for name in columns],
            filters=_renamed(filters, old),
        )
    except (pa.ArrowException, ValueError, OSError, KeyError) as error:
        raise StoreError(f"{path} is damaged (not a Parquet table of a run): {AGAIN}") from error
    return table.rename(columns={before: now for now, before in old.items()})


def _renamed(filters: Filters | None, old: Mapping[str, str]) -> Any:
    return filters and [
        (old.get(str(part[0]), part[0]), *part[1:]) if isinstance(part, tuple) else _renamed(part, old)
        for part in filters
    ]


def claim(folder: Path, names: Iterable[str], overwrite: bool = False) -> None:
    """Refuse a folder that holds a file of another origin (or workbench 0.1) under a name to be written.

    With `overwrite` such files are removed.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: give a folder with --out")
    foreign = [path for name in names if (path := folder / name).exists() and not is_ours(path)]
    if foreign and not overwrite:
        raise InputError(
            f"{foreign[0]} already exists and was not written by this version of the workbench: give "
            "another folder with --out, or --overwrite to replace it"
        )
    for path in foreign:
        path.unlink()


def is_ours(path: Path) -> bool:
    """Whether this version of the workbench wrote the file, damaged or not."""
    if not path.is_file():
        return False
    try:
        if path.suffix == ".parquet":
            return _MARK in (pq.read_schema(path).metadata or {})
        data = path.read_bytes()
        return "digest" in json.loads(data) if path.suffix == ".json" else _OURS[path.suffix] in data
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return False
