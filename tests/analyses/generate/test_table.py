"""The tables have the columns that docs/tables.md tells of."""

import pytest
from tables_page import assert_documented

from workbench.analyses.generate.table import COLUMNS, SUMMARY


@pytest.mark.parametrize(("name", "columns"), [("generation", COLUMNS), ("generation_summary", SUMMARY)])
def test_every_column_is_documented_and_nothing_else(name, columns):
    assert_documented(name, columns)
