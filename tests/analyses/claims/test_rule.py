"""The rule by which claims are decided: true, false and undecidable, over pairs that share their items."""

import numpy as np
import pandas as pd
import pytest

from workbench.analyses.claims import Finding
from workbench.analyses.claims.base import Part, brings_more, difference, does_as_well, table_of, with_holm
from workbench.stats import paired_interval


def part(first, second, names=None, pair="b-a", group=None, task="toy"):
    names = [f"e{i}" for i in range(len(first))] if names is None else names
    sides = [
        pd.DataFrame({"example": names, "group": group, "correct": np.asarray(side, dtype=float)})
        for side in (first, second)
    ]
    return Part({"pair": pair, "task": task}, *sides)


def planted(n, gained, lost):
    """Items of which so many become right and so many wrong."""
    before = np.r_[np.zeros(gained), np.ones(lost), np.arange(n - gained - lost) % 2]
    after = before.copy()
    after[: gained + lost] = 1 - before[: gained + lost]
    return after, before


MORE = [
    ((500, 60, 10), "supported"),
    ((500, 10, 60), "not supported"),
    ((2000, 5, 5), "not supported"),  # no different by more than δ, and shown
    ((100, 8, 5), "not decidable"),
]
AS_WELL = [
    ((500, 60, 10), "supported"),
    ((2000, 5, 5), "supported"),
    ((500, 10, 60), "not supported"),
    ((100, 8, 5), "not decidable"),
]


@pytest.mark.parametrize(("counts", "verdict"), MORE)
def test_brings_more(counts, verdict):
    ruling = brings_more(difference([part(*planted(*counts))], 0.02))
    assert ruling.verdict == verdict
    assert (ruling.p <= 0.05) == (verdict != "not decidable")


@pytest.mark.parametrize(("counts", "verdict"), AS_WELL)
def test_does_as_well(counts, verdict):
    ruling = does_as_well(difference([part(*planted(*counts))], 0.02))
    assert ruling.verdict == verdict
    assert (ruling.p <= 0.05) == (verdict != "not decidable")


def test_a_small_loss_that_is_shown_is_still_as_well():
    """Lost less than δ and surely more than 0: no better, and as good as the claim says."""
    found = difference([part(*planted(5000, 5, 45))], 0.02)
    assert found.interval.high < 0 and does_as_well(found).verdict == "supported"
    assert brings_more(found).verdict == "not supported"


def test_an_item_asked_in_several_pairs_is_one_unit():
    after, before = planted(100, 30, 10)
    one = difference([part(after, before)], 0.02)
    # The very same answers in three more languages tell nothing new.
    four = difference([part(after, before, pair=f"{code}-a") for code in "bcde"], 0.02)
    assert four.interval.n == one.interval.n == 100
    assert four.interval.high - four.interval.low == pytest.approx(
        one.interval.high - one.interval.low, rel=0.03
    )
    # Under other names they would pass for new items, and so they do in another task.
    other = [part(after, before, task=f"t{i}") for i in range(4)]
    assert difference(other, 0.02).interval.n == 400


def test_pooling_is_the_grouped_interval_of_all_items():
    rng = np.random.default_rng(0)
    parts, sides, names = [], ([], []), []
    for code in "bcd":
        after, before = rng.integers(0, 2, (2, 40)).astype(float)
        parts.append(part(after, before, pair=f"{code}-a"))
        sides[0].append(after), sides[1].append(before)
        names += [f"e{i}" for i in range(40)]
    expected = paired_interval(np.concatenate(sides[0]), np.concatenate(sides[1]), names)
    assert difference(parts, 0.02).interval == expected


def test_items_of_one_group_stay_together_across_pairs():
    after, before = planted(40, 10, 5)
    groups = [f"g{i % 8}" for i in range(40)]
    parts = [part(after, before, pair=pair, group=groups) for pair in ("b-a", "c-a")]
    assert difference(parts, 0.02).interval.n == 8


def test_the_table_has_a_line_for_each_pair():
    parts = [part(*planted(100, 30, 10)), part(*planted(100, 0, 20), pair="c-a")]
    table = table_of(parts, "first", "second", 0.02, brings_more)
    assert table.difference.tolist() == [0.2, -0.2]
    assert table.verdict.tolist() == ["supported", "not supported"]
    assert (table["first"] - table["second"]).tolist() == pytest.approx([0.2, -0.2])


def naive_holm(values):
    order, found, so_far = np.argsort(values), np.empty(len(values)), 0.0
    for rank, at in enumerate(order):
        so_far = max(so_far, min(1.0, (len(values) - rank) * values[at]))
        found[at] = so_far
    return found


def test_holm_is_over_the_claims_that_have_a_p():
    ps = {"a": 0.001, "b": 0.02, "c": 0.03, "d": None, "e": 0.6}
    found = with_holm({name: Finding("supported", "", {}, p=p) for name, p in ps.items()})
    tested = [name for name, p in ps.items() if p is not None]
    assert [found[name].adjusted_p for name in tested] == pytest.approx(
        naive_holm([ps[name] for name in tested]).tolist()
    )
    assert found["a"].verdict == "supported" and found["d"].verdict == "supported"
    assert found["b"].verdict == found["e"].verdict == "not decidable"
    assert found["d"].adjusted_p is None
    assert with_holm({}) == {}
