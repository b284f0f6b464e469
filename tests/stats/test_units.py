"""What counts as one observation."""

import pandas as pd

from workbench.stats import units_of


def test_units_are_groups_and_items_without_a_group_their_own():
    names = ["a", "b", "c", "d"]
    assert units_of(["p", "p", "q", "q"], names) == ["p", "p", "q", "q"]
    assert units_of(["p", None, float("nan"), pd.NA], names) == ["p", "b", "c", "d"]
    assert units_of([None] * 4, names) is None


def test_columns_of_a_table_are_taken_as_they_are():
    table = pd.DataFrame({"group": pd.array(["1", pd.NA], dtype="string"), "example": [7, 8]})
    assert units_of(table.group, table.example) == ["1", "8"]
    assert units_of(table.group[1:], table.example[1:]) is None
