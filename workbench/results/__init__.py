"""The files of a run: table schemas, files with digests, and their reader."""

from workbench.results.differences import RunDifference, StudyDifference, differences
from workbench.results.files import (
    claim,
    is_ours,
    read_table,
    update_manifest,
    write_table,
    write_tables,
)
from workbench.results.run import SPECIFICATION, Part, Run, Tables, open_run
from workbench.results.schema import COLUMNS, VERSION, bounds

__all__ = [
    "COLUMNS",
    "SPECIFICATION",
    "VERSION",
    "Part",
    "Run",
    "RunDifference",
    "StudyDifference",
    "Tables",
    "bounds",
    "claim",
    "differences",
    "is_ours",
    "open_run",
    "read_table",
    "update_manifest",
    "write_table",
    "write_tables",
]
