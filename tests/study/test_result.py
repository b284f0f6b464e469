"""The verdict is what can be computed by hand from the rows of the test sweep."""

import pandas as pd
import pytest
from organism_models import FAR, MAIN

from workbench.select import Choice, CrossFit
from workbench.stats import paired_interval
from workbench.study import Settings
from workbench.study.result import judge
from workbench.sweeps import CLEAN

RIDGE = Choice("ridge", "replace", 1, 1.0, 0.5, 0.5)
NONE = Choice("ridge", None, None, None, 0.0, 0.0)


def known(choices):
    """Choices as a study knows them: with what cross-fitting said of each."""
    return {name: CrossFit(one, one.accuracy_gain, 0.0, {one.layer: 5}) for name, one in choices.items()}


ALONE = Settings(aligners=("ridge",), headline="ridge", strengths=(1.0,), refits=0)
HERE, PATCHED = [1, 0, 0, 0, 0, 0] * 2, [1, 1, 1, 1, 0, 0] * 2
THERE, HARMED = [1, 1, 1, 1, 1, 0] * 2, [1, 1, 0, 1, 0, 0] * 2


def rows(language, aligner, correct, reverse=False):
    clean = aligner == CLEAN
    table = pd.DataFrame(
        {
            "language": language,
            "split": "test",
            "aligner": aligner,
            "intervention": None if clean else "replace",
            "layer": pd.array([None if clean else 1] * len(correct), dtype="Int64"),
            "strength": pd.array([None if clean else 1.0] * len(correct), dtype="Float64"),
            "example": [f"e{i}" for i in range(len(correct))],
            "group": None,
            "seed": pd.array([None if clean else 0] * len(correct), dtype="Int64"),
            "correct": pd.array([bool(c) for c in correct], dtype="boolean"),
        }
    )
    return table[::-1] if reverse else table


def test_beyond_half_is_what_exceeds_the_middle_of_both_languages():
    # The order of the rows says nothing about which item they are of.
    table = pd.concat(
        [
            rows(FAR, CLEAN, HERE),
            rows(FAR, "ridge", PATCHED, reverse=True),
            rows(MAIN, CLEAN, THERE, reverse=True),
        ]
    )
    found = judge(table, FAR, known({"ridge": RIDGE}), ALONE)
    assert found.beyond_half.estimate == pytest.approx(4 / 6 - (1 / 6 + 5 / 6) / 2)
    assert found.beyond_half.estimate == pytest.approx(found.headline.gain.estimate - found.gap.estimate / 2)
    middle = [(a + b) / 2 for a, b in zip(HERE, THERE, strict=True)]
    expected = paired_interval(PATCHED[::-1], middle[::-1])
    assert found.beyond_half == expected
    assert found.share_of_gap == pytest.approx(3 / 4)


def test_retention_is_what_the_patch_does_to_the_target():
    table = pd.concat(
        [
            rows(FAR, CLEAN, HERE),
            rows(FAR, "ridge", PATCHED),
            rows(MAIN, CLEAN, THERE),
            rows(MAIN, "ridge", HARMED),
        ]
    )
    found = judge(table, FAR, known({"ridge": RIDGE}), ALONE)
    assert found.retention == paired_interval(HARMED, THERE)
    assert found.retention.estimate == pytest.approx(-2 / 6)
    assert found.target_accuracy.estimate == pytest.approx(5 / 6), (
        "the patched rows are no part of the target accuracy"
    )


def test_where_nothing_was_chosen_there_is_no_gain_and_no_retention():
    table = pd.concat([rows(FAR, CLEAN, HERE), rows(MAIN, CLEAN, THERE)])
    found = judge(table, FAR, known({"ridge": NONE}), ALONE)
    assert found.retention is None
    assert found.headline.gain.estimate == found.headline.gain.high == 0
    assert found.beyond_half.estimate == pytest.approx(-found.gap.estimate / 2)


def test_where_there_is_no_gap_no_share_of_it_is_told():
    table = pd.concat([rows(FAR, CLEAN, HERE), rows(FAR, "ridge", PATCHED), rows(MAIN, CLEAN, HERE)])
    assert judge(table, FAR, known({"ridge": RIDGE}), ALONE).share_of_gap is None


def test_a_study_computes_them_from_its_own_sweep(study, maps):
    choices = {"ridge": RIDGE, "identity": Choice("identity", "replace", 2, 1.0, 0.1, 0.0)}
    test = study.test(maps, choices, study.alignment.capture())
    found = judge(test, FAR, known(choices), study.settings)

    def correct(language, aligner):
        first = test.seed.isna() | (test.seed == 0)
        some = test[(test.language == language) & (test.aligner == aligner) & first].set_index("example")
        return some.correct.astype(float).sort_index()

    there, here = correct(MAIN, CLEAN), correct(FAR, CLEAN)
    patched = correct(FAR, "ridge")
    assert found.retention.estimate == pytest.approx((correct(MAIN, "ridge") - there).mean())
    assert found.beyond_half.estimate == pytest.approx((patched - (here + there) / 2).mean())
    nothing = study.test(maps, {"ridge": NONE, "identity": choices["identity"]}, study.alignment.capture())
    assert set(nothing[nothing.language == MAIN].aligner) == {CLEAN}
    assert judge(nothing, FAR, known(choices | {"ridge": NONE}), study.settings).retention is None
