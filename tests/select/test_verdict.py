"""A verdict follows from the items, and no difference found is not the same as none."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.select import Choice, decide, freeze, thaw


def items(n, gained, lost, right=0.5):
    """Before and after: `gained` items become right, `lost` wrong."""
    before = np.zeros(n)
    before[: int(right * n)] = 1
    after = before.copy()
    after[:lost] = 0
    after[n - gained :] = 1
    return after, before


@pytest.mark.parametrize(
    ("n", "gained", "lost", "kind"),
    [
        (400, 80, 10, "helps"),
        (400, 10, 80, "harms"),
        (4000, 15, 15, "equivalent"),
        (100, 8, 5, "undecided"),
        (40, 0, 0, "undecided"),  # forty items that all stayed as they were prove little at ±0.02
    ],
)
def test_each_verdict(n, gained, lost, kind):
    found = decide(*items(n, gained, lost))
    assert found.kind == kind and (found.gained, found.lost) == (gained, lost)
    assert found.gain.estimate == pytest.approx((gained - lost) / n)
    assert f"{gained} items became right, {lost} wrong" in found.sentence
    assert ("could have detected" in found.sentence) == (kind == "undecided")


def test_a_wider_margin_makes_equivalent_what_was_undecided():
    data = items(100, 3, 3)
    assert decide(*data).kind == "undecided" and decide(*data, delta=0.1).kind == "equivalent"


def test_groups_count_as_one():
    after, before = items(400, 40, 10)
    assert decide(after, before).kind == "helps"
    groups = ["first" if i < 200 else "second" for i in range(400)]
    assert decide(after, before, groups).gain.n == 2


def test_under_the_null_it_seldom_helps_or_harms():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(60):
        before = (rng.random(300) < 0.5).astype(float)
        flips = rng.random(300) < 0.2
        after = np.where(flips, rng.random(300) < 0.5, before).astype(float)
        wrong += decide(after, before).kind in ("helps", "harms")
    assert wrong / 60 < 0.12


def test_other_numbers_are_refused():
    with pytest.raises(InputError, match="right or wrong"):
        decide([0.5, 1], [0, 1])


def test_frozen_choices_come_back_and_cannot_be_changed_unseen(tmp_path):
    choices = {
        "ridge": Choice("ridge", "replace", 3, 1.0, 0.5, 0.2),
        "identity": Choice("identity", *[None] * 3, 0, 0),
    }
    path = tmp_path / "choices.json"
    digest = freeze(choices, path, {"pair": "sw-en"})
    assert thaw(path) == choices and freeze(choices, path, {"pair": "sw-en"}) == digest
    path.write_text(path.read_text().replace('"layer": 3', '"layer": 4'))
    with pytest.raises(InputError, match="changed after it was frozen"):
        thaw(path)
    with pytest.raises(InputError, match="no frozen choices"):
        thaw(tmp_path / "none.json")
