"""Every table has one schema, which docs/tables.md tells of column by column."""

import pandas as pd
import pytest
from tables_page import documented

from workbench.results import COLUMNS
from workbench.results.schema import OPTIONAL, check_columns, old_names


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_is_documented_once_and_nothing_else(name):
    shared, own = documented(name)
    assert len(own) == len(set(own))
    assert set(own) | (shared & set(COLUMNS[name])) == set(COLUMNS[name])
    if name != "items":
        missing = shared - set(COLUMNS[name]) - {"layer"}
        assert not missing, "a table of results carries what every table carries"


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_of_ours_is_held_to_its_schema(name):
    whole = pd.DataFrame(columns=list(COLUMNS[name]))
    check_columns(name, whole)
    needed = next(column for column in COLUMNS[name] if column not in OPTIONAL.get(name, ()))
    with pytest.raises(AssertionError, match=needed):
        check_columns(name, whole.drop(columns=needed))
    with pytest.raises(AssertionError, match="methode"):
        check_columns(name, whole.assign(methode=1))


def test_a_column_has_one_meaning():
    """Who did it stands in one column of three."""
    for name, columns in COLUMNS.items():
        assert len({"aligner", "measure", "method"} & set(columns)) == (0 if name == "items" else 1), name


def test_columns_of_version_1_are_known_by_their_old_names():
    assert old_names("fit", ["model", "method", "r2"]) == {"aligner": "method"}
    assert old_names("similarity", ["method", "value"]) == {"measure": "method"}
    assert old_names("comparison", ["method"]) == {} and old_names("fit", ["aligner"]) == {}
