"""First facts: whether there is anything to close, before anything is patched."""

from dataclasses import replace

import pandas as pd
import pytest

from workbench.stats import accuracy
from workbench.study import Settings
from workbench.study.alignment import control_cautions
from workbench.study.result import first_facts
from workbench.sweeps import CLEAN

TOKENS = pd.DataFrame({"language": ["sw", "en"], "sentences": 2, "tokens": [9, 6]})


def rows(language: str, right: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "aligner": CLEAN,
            "language": language,
            "example": [str(i) for i in range(len(right))],
            "group": None,
            "correct": [bool(r) for r in right],
        }
    )


def test_the_gap_is_between_the_same_items() -> None:
    clean = pd.concat([rows("sw", [0, 0, 1] * 40), rows("en", [1, 1, 1] * 40)])
    facts = first_facts(TOKENS, clean, "sw", n_test=500, chance=0.5)
    assert facts.baseline.estimate == pytest.approx(1 / 3) and facts.target_accuracy.estimate == 1
    assert facts.gap.estimate == pytest.approx(2 / 3) and facts.worth_going_on
    assert (facts.n_dev, facts.n_test) == (120, 500)
    assert facts.detectable == pytest.approx(0.051, abs=0.001), "as `plan` says of 500 items"


def test_without_a_gap_there_is_nothing_to_close() -> None:
    clean = pd.concat([rows("sw", [1, 0, 1, 1] * 25), rows("en", [1, 1, 1, 0] * 25)])
    few, many = clean, pd.concat([clean.assign(example=clean.example + f"-{i}") for i in range(40)])
    assert first_facts(TOKENS, few, "sw", 500, 0.5).worth_going_on, "100 items do not show that it is small"
    assert not first_facts(TOKENS, many, "sw", 500, 0.5).worth_going_on
    assert not first_facts(TOKENS, few, "sw", 500, 0.5, delta_gap=0.5).worth_going_on


def test_accuracies_are_by_group_where_items_have_groups() -> None:
    clean = pd.concat([rows("sw", [0, 0, 1, 1] * 30), rows("en", [1] * 120)])
    paragraph = [i // 10 if i < 110 else None for i in range(120)]
    clean["group"] = paragraph * 2
    facts = first_facts(TOKENS, clean, "sw", 500, None)
    units = [f"{number}" for number in range(11) for _ in range(10)] + [str(i) for i in range(110, 120)]
    assert facts.baseline == accuracy([0, 0, 1, 1] * 30, units) and facts.baseline.n == 21
    assert facts.target_accuracy == accuracy([1] * 120, units)


def test_without_target_items_nobody_can_say() -> None:
    facts = first_facts(TOKENS, rows("sw", [1, 0] * 30), "sw", 500, None)
    assert facts.target_accuracy is None and facts.gap is None and facts.worth_going_on


def test_a_gap_between_guesses_is_said_to_mean_little() -> None:
    guessing, knowing = rows("sw", [0, 1] * 50), rows("en", [1] * 100)
    near = first_facts(TOKENS, pd.concat([guessing, rows("en", [1, 0] * 50)]), "sw", 500, 0.5)
    assert "near chance (0.50)" in near.cautions[0]
    assert first_facts(TOKENS, pd.concat([guessing, knowing]), "sw", 500, 0.5).cautions == []
    assert first_facts(TOKENS, pd.concat([guessing, knowing]), "sw", 500, None).cautions == []
    assert first_facts(TOKENS, guessing, "sw", 500, 0.5).cautions == [], "of one language there is no gap"


def test_controls_of_another_aligner_than_the_headline_are_named() -> None:
    settings = Settings(aligners=("ridge", "mean_shift", "identity", "shuffled_pairs"))
    (caution,) = control_cautions("mean_shift", settings)
    assert caution.startswith("shuffled_pairs: made from ridge, not from mean_shift, which dev chose")
    assert control_cautions("ridge", settings) == []
    (none,) = control_cautions("mean_shift", replace(settings, headline="mean_shift"))
    assert "shuffled_pairs: of mean_shift it is mean_shift again" in none
    other = ("mean_shift", "random_equal_norm")
    assert control_cautions("mean_shift", replace(settings, headline="mean_shift", aligners=other)) == []
    assert control_cautions("mean_shift", replace(settings, aligners=("ridge", "mean_shift"))) == []
