"""The tables have the columns that docs/tables.md tells of."""

import re
from pathlib import Path

import pytest

from workbench.generate.table import COLUMNS, SUMMARY


@pytest.mark.parametrize(("name", "columns"), [("generation", COLUMNS), ("generation_summary", SUMMARY)])
def test_every_column_is_documented_and_nothing_else(name, columns):
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
    (mine,) = re.findall(rf"\n## {name}\n(.*?)(?=\n## |\Z)", page, flags=re.DOTALL)
    common = page.partition("\n## In every table\n")[2].partition("\n## ")[0]
    shared = set(re.findall(r"^\| `([a-z_]+)`", common, flags=re.MULTILINE))
    written = re.findall(r"^\| (`.*?) \|", mine, flags=re.MULTILINE)
    documented = [column for row in written for column in re.findall(r"`([a-z_]+)`", row)]
    assert shared <= set(columns) and len(documented) == len(set(documented))
    assert set(documented) == set(columns) - shared
