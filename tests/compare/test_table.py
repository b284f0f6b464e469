"""The table of a comparison has the columns that docs/tables.md tells of, and those that figures read."""

import re
from pathlib import Path

import made_tables

from workbench.compare.table import COLUMNS


def test_every_column_is_documented_and_nothing_else():
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
    (mine,) = re.findall(r"\n## comparison\n(.*?)(?=\n## |\Z)", page, flags=re.DOTALL)
    common = page.partition("\n## In every table\n")[2].partition("\n## ")[0]
    shared = set(re.findall(r"^\| `([a-z_]+)`", common, flags=re.MULTILINE))
    rows = re.findall(r"^\| (`.*?) \|", mine, flags=re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]
    assert shared <= set(COLUMNS) and len(documented) == len(set(documented))
    assert set(documented) == set(COLUMNS) - shared


def test_tables_made_for_figures_have_no_other_columns():
    assert set(made_tables.comparison(1).columns) <= set(COLUMNS)
