"""A verdict follows from the items, and no difference found is not the same as none."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from workbench.core.errors import InputError, StoreError
from workbench.select import (
    Choice,
    choose,
    decide,
    decide_choice,
    freeze,
    holm_kinds,
    holm_verdicts,
    retained,
    thaw,
)
from workbench.stats import detectable_effect, holm, noninferiority


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
    assert ("minimum detectable gain" in found.sentence) == (kind == "undecided")


def test_a_wider_margin_makes_equivalent_what_was_undecided():
    data = items(100, 3, 3)
    assert decide(*data).kind == "undecided" and decide(*data, delta=0.1).kind == "equivalent"


def test_groups_count_as_one():
    after, before = items(400, 40, 10)
    assert decide(after, before).kind == "helps"
    groups = ["first" if i < 200 else "second" for i in range(400)]
    assert decide(after, before, groups).gain.n == 2


def test_groups_that_go_together_could_have_detected_less():
    rng = np.random.default_rng(0)
    after, before = np.repeat(rng.random((2, 40)) < 0.5, 10, axis=1).astype(float)
    apart = decide(after, before).detectable
    whole = decide(after, before, [f"g{i // 10}" for i in range(400)]).detectable
    assert whole == pytest.approx(detectable_effect(40, discordance=(after != before).mean()), rel=0.05)
    assert whole > 2.5 * apart


@pytest.mark.parametrize("seed", range(8))
def test_p_agrees_with_the_interval_and_is_near_the_other_tests(seed):
    rng = np.random.default_rng(seed)
    before = rng.random(300) < 0.5
    after = np.where(rng.random(300) < 0.3, rng.random(300) < 0.6, before)
    found = decide(after, before)
    assert (found.p <= 0.05) == (found.gain.low > 0 or found.gain.high < 0)
    # The exact test counts the table that was found whole; counted half, the two are near.
    changed = found.gained + found.lost
    half = scipy_stats.binom.pmf(found.gained, changed, 0.5) * (1 if found.gained != found.lost else 0.5)
    assert found.p == pytest.approx(scipy_stats.binomtest(found.gained, changed, 0.5).pvalue - half, abs=0.02)
    groups = [f"g{i % 30}" for i in range(300)]
    means = (after.astype(float) - before).reshape(10, 30).mean(0)
    assert decide(after, before, groups).p == pytest.approx(
        scipy_stats.ttest_1samp(means, 0).pvalue, abs=0.03
    )


def test_holm_over_the_hypotheses_alone():
    verdicts = {
        "sw-en": decide(*items(400, 80, 10)),
        "yo-en": decide(*items(400, 30, 15)),
        "zu-en": decide(*items(400, 15, 30)),
        "fr-en": decide(*items(4000, 15, 15)),
    }
    assert [v.kind for v in verdicts.values()] == ["helps", "helps", "harms", "equivalent"]
    found = holm_verdicts(verdicts)
    assert [v.adjusted_p for v in found.values()] == pytest.approx(holm([v.p for v in verdicts.values()]))
    assert [v.kind for v in found.values()] == ["helps", "undecided", "undecided", "equivalent"]
    assert [v.gain for v in found.values()] == [v.gain for v in verdicts.values()]
    one = {"yo-en": verdicts["yo-en"]}
    assert holm_verdicts(one)["yo-en"].kind == "helps" and holm_verdicts({}) == {}


def test_kinds_fall_to_what_was_shown_without_a_difference():
    p, kinds = [0.01, 0.04, 0.03, 0.5], ["helps", "harms", "helps", "equivalent"]
    adjusted, found = holm_kinds(p, kinds, [True, False, True, True])
    assert adjusted == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert found == ["helps", "undecided", "equivalent", "equivalent"]
    assert holm_kinds([], [], []) == ([], [])


def test_what_helps_less_than_matters_is_equivalent_once_holm_takes_it_back():
    small = decide(*items(4000, 30, 14))
    assert small.kind == "helps" and small.within_delta
    found = holm_verdicts({str(i): small for i in range(5)})
    assert {v.kind for v in found.values()} == {"equivalent"}


def test_what_was_chosen_is_judged_on_its_own_test_rows(configuration, sweep_table):
    after, before = items(400, 80, 10)
    runs = (None, before - 0.5), (configuration(3), after - 0.5), (configuration(4), before - 0.5)
    choice = choose(sweep_table(*runs), "map")
    test = sweep_table(*runs, split="test")
    assert decide_choice(test, choice) == decide(after, before)
    nothing = decide_choice(test, Choice("map", None, None, None, 0.0, 0.0))
    assert nothing.kind == "undecided" and (nothing.gain.low, nothing.gain.high) == (0, 0)
    with pytest.raises(InputError, match="only test rows"):
        decide_choice(sweep_table(*runs), choice)


def test_retention_is_non_inferiority_at_the_stated_margin(configuration, sweep_table):
    choice = choose(sweep_table((None, [1.0] * 9), (configuration(3), [2.0] * 9)), "map")
    after, before = items(1000, 4, 6)
    runs = (None, before - 0.5), (configuration(3), after - 0.5)
    found = retained(sweep_table(*runs, split="test"), choice, 0.02)
    assert found == noninferiority(after, before, 0.02) and found.holds
    few = sweep_table((None, before[:60] - 0.5), (configuration(3), before[:60] - 0.5), split="test")
    assert not retained(few, choice, 0.02).holds, "sixty items cannot show it"
    groups = [f"g{i % 20}" for i in range(1000)]
    grouped = retained(sweep_table(*runs, split="test", groups=groups), choice, 0.02)
    assert grouped == noninferiority(after, before, 0.02, groups)


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
        "joint": Choice("ridge", "replace", 1, 0.5, 0.5, 0.2, 0.4, {"site": "resid_post.1-3", "seed": 0}),
    }
    path = tmp_path / "choices.json"
    digest = freeze(choices, path, {"pair": "sw-en"})
    assert thaw(path) == choices and freeze(choices, path, {"pair": "sw-en"}) == digest
    path.write_text(path.read_text().replace('"layer": 3', '"layer": 4'))
    with pytest.raises(StoreError, match=r"choices\.json is damaged"):
        thaw(path)
    with pytest.raises(InputError, match="no frozen choices"):
        thaw(tmp_path / "none.json")
