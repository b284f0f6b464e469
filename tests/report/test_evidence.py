"""The sentences beside a verdict say what the table `selection` holds."""

import pandas as pd
import pytest

from workbench.report import evidence_sentences

ROW = {
    "headline": False,
    "control": True,
    "layer": 3,
    "gain": 0.1,
    "gain_low": 0.03,
    "gain_high": 0.17,
    "headline_over_low": 0.2,
    "gained": 95,
    "lost": 2,
    "detectable": 0.183,
    "agreement": 1.0,
    "crossfit_gain": 0.6,
    "regret": 0.0,
    "selection_bias": 0.0,
    "refits": 6,
    "refit_low": 0.607,
    "refit_high": 0.627,
    "refit_sd": 0.007,
}


@pytest.fixture
def selection():
    def build(*rows):
        return pd.DataFrame([ROW | row for row in rows])

    return build


BEST = {"headline": True, "control": False, "aligner": "ridge"}


def test_each_sentence_in_standard_terms(selection):
    found = evidence_sentences(
        selection(
            BEST,
            {"aligner": "random_equal_norm"},
            {"aligner": "identity", "headline_over_low": -0.1, "gain_low": -0.1},
            {"aligner": "shuffled_pairs", "layer": None, "gain": 0.0, "gain_low": 0.0},
        )
    )
    assert found == [
        "On test it is more accurate than random equal norm.",
        "No significant difference from identity.",
        "Caution: a control also gains: random equal norm +0.100 [0.030, 0.170].",
        "No patch chosen on dev for shuffled pairs.",
        "95 test items became right, 2 wrong; minimum detectable gain: 0.18 (80 % power).",
        "5-fold check: same layer in all folds; gain +0.600, regret 0.000, selection bias 0.000.",
        "Refitted on 5 other random samples of the sentences: gain +0.607 to +0.627 (sd 0.007).",
    ]


def test_a_headline_without_a_patch_has_one_sentence(selection):
    found = evidence_sentences(selection(BEST | {"layer": None}))
    assert len(found) == 1 and found[0].startswith("No patch was chosen: ")
