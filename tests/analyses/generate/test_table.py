"""The tables have the columns that docs/tables.md tells of."""

import pytest
from tables_page import assert_documented

from workbench.results import COLUMNS


@pytest.mark.parametrize("name", ["generation", "generation_summary"])
def test_every_column_is_documented_and_nothing_else(name):
    assert_documented(name, COLUMNS[name])
