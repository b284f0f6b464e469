"""The table of a comparison says what its rows say, in the columns that docs/tables.md tells of."""

import made_tables
import pandas as pd
import pytest
from tables_page import assert_documented

from workbench.methods.compare.candidates import Entry
from workbench.methods.compare.run import comparison_table
from workbench.results import COLUMNS
from workbench.select import Choice
from workbench.stats import accuracy


def test_every_column_is_documented_and_nothing_else():
    assert_documented("comparison", COLUMNS["comparison"])


def test_tables_made_for_figures_have_no_other_columns():
    assert set(made_tables.comparison(1).columns) <= set(COLUMNS["comparison"])


def rows(correct):
    """Test rows of one configuration: so many items, right (1) or wrong (0)."""
    return pd.DataFrame(
        {"example": [f"i{k}" for k in range(len(correct))], "correct": correct, "group": None}
    )


def entry(name, correct, **more):
    return Entry(name, name.title(), more.pop("family", "recipe"), "so", rows(correct), None, **more)


DIRECT = entry("direct", [1] * 30 + [0] * 70, family="baseline")
TARGET_LANGUAGE = entry("target_language", [1] * 90 + [0] * 10, family="baseline")


def row(study, one, *others, there=None):
    table = comparison_table(study, DIRECT, there, [TARGET_LANGUAGE, one, *others], [])
    return table.set_index("method").loc[one.method]


def test_a_gain_is_over_asking_directly_and_a_share_of_the_ceilings(study):
    found = row(study, entry("half", [1] * 60 + [0] * 40))
    assert (found.accuracy, found.gain) == pytest.approx((0.6, 0.3))
    assert (found.gained, found.lost) == (30, 0)
    assert found.share_of_gap == pytest.approx(0.5)
    assert found.gain_low > 0 and found.verdict == "helps"


def test_where_there_is_no_gap_there_is_no_share_of_it(study):
    target = entry("target_language", [1] * 29 + [0] * 70 + [1], family="baseline")  # one gained, one lost
    table = comparison_table(study, DIRECT, None, [target, entry("half", [1] * 60 + [0] * 40)], [])
    assert table.share_of_gap.isna().all()


def test_asking_directly_claims_nothing(study):
    table = comparison_table(study, DIRECT, None, [], [])
    (direct,) = table.itertuples()
    assert (direct.gain, direct.gain_low, direct.gain_high) == (0, 0, 0)
    assert all(pd.isna(value) for value in (direct.verdict, direct.p, direct.within_delta))


def test_doing_nothing_gains_exactly_nothing_and_stays_undecided(study):
    nothing = Choice("idle", None, None, None, 0.0, 0.0)
    found = row(study, entry("idle", [1] * 30 + [0] * 70, choice=nothing))
    assert (found.gain, found.gain_low, found.gain_high) == (0, 0, 0)
    assert found.verdict == "undecided" and not found.within_delta
    assert pd.isna(found.layer) and pd.isna(found.intervention)


def test_controls_are_held_against_the_method_and_against_what_it_starts_from(study):
    controls = {"random": rows([1] * 40 + [0] * 60)}
    alone = row(study, entry("alone", [1] * 60 + [0] * 40, controls=controls))
    assert (alone.random_gain, alone.random_over) == pytest.approx((0.1, 0.2))
    assert alone.random_over_low > 0
    shots = rows([1] * 35 + [0] * 65)
    top = row(study, entry("shots+it", [1] * 60 + [0] * 40, controls=controls, over=shots))
    assert (top.random_gain, top.random_over) == pytest.approx((0.05, 0.2))
    assert (top.gain, top.over_own) == pytest.approx((0.3, 0.25)) and top.over_own_low > 0


def test_retention_is_the_main_languages_change(study):
    there = rows([1] * 380 + [0] * 20)
    one = entry("it", [1] * 60 + [0] * 40)
    one.on_target = rows([1] * 340 + [0] * 60)
    found = row(study, one, there=there)
    assert found.retention == pytest.approx(-0.1)
    assert found.retention_low < -0.1 and not found.noninferior
    one.on_target = there
    kept = row(study, one, there=there)
    assert kept.retention == 0 and kept.noninferior
    assert pd.isna(row(study, one, there=None).retention)


def test_accuracies_and_gains_count_paragraphs(study):
    paragraphs = [f"p{k // 10}" for k in range(100)]
    direct, it = (
        entry(name, [1] * right + [0] * (100 - right)) for name, right in (("direct", 30), ("it", 60))
    )
    for one in (direct, it):
        one.test["group"] = paragraphs
    table = comparison_table(study, direct, None, [it], []).set_index("method")
    found, expected = table.loc["it"], accuracy(it.test.correct, paragraphs)
    assert (found.accuracy_low, found.accuracy_high) == (expected.low, expected.high)
    assert expected.high - expected.low > 2 * 0.18, "as of ten items, not of a hundred"
    assert found.n == 10
