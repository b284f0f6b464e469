"""What docs/tables.md says of a table: the columns of every table, and the table's own."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "tables.md"


def documented(name):
    """The columns that every table has, and those in the rows of this one's section, in their order."""
    page = PAGE.read_text(encoding="utf-8")
    (mine,) = re.findall(rf"\n## {name}\n(.*?)(?=\n## |\Z)", page, flags=re.DOTALL)
    common = page.partition("\n## In every table\n")[2].partition("\n## ")[0]
    shared = re.findall(r"^\| `([a-z_]+)`", common, flags=re.MULTILINE)
    first = mine.partition("|---|")[2].partition("\n\n")[0]  # a section may have a second table
    rows = re.findall(r"^\| (`.*?) \|", first, flags=re.MULTILINE)
    return set(shared), [column for row in rows for column in re.findall(r"`([a-z_0-9]+)`", row)]


def assert_documented(name, columns):
    """Every column has a row, once, and no row is of another."""
    shared, own = documented(name)
    assert shared <= set(columns) and len(own) == len(set(own))
    assert set(own) == set(columns) - shared
