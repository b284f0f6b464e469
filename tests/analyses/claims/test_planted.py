"""Each claim in worlds where it is true, where it is false, and where nobody can tell."""

import numpy as np
import pandas as pd
import pytest
from analyses.claims.planted import WrittenCase, ground

from workbench.analyses.claims import CLAIMS, maps
from workbench.analyses.claims.gains import (
    decided_inference_cost,
    decided_morphology,
    decided_resource,
    slowdown,
)
from workbench.analyses.claims.maps import best_of, in_band

TRUE, FALSE, UNKNOWN = "supported", "not supported", "not decidable"
LOW_BEST, BAND_BEST = [0.3, 0.7, 0.8, 0.7, 0.5, 0.4, 0.3, 0.3], [0.3, 0.3, 0.4, 0.5, 0.7, 0.8, 0.5, 0.3]
FLAT = [0.6] * 8


def judged(name, *cases, **more):
    return CLAIMS[name].test(ground(*cases, **more))


def test_there_are_the_claims_of_the_literature_each_with_its_rule():
    assert len(CLAIMS) == 11  # nine, of which two are asked in two ways
    for name, claim in CLAIMS.items():
        assert claim.name == name and claim.reference and claim.statement.endswith(".")
        assert "Supported where" in claim.rule and "not supported where" in claim.rule
    assert f"{maps.FEW} pairs (mean of {maps.DRAWS} draws)" in CLAIMS["few_pairs"].rule
    assert f"each of {maps.CLUSTERS} clusters" in CLAIMS["one_matrix"].rule
    assert [name for name, claim in CLAIMS.items() if not claim.reproducible] == ["costs_about_12_percent"]


# Mid-to-high layers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "verdict"),
    [
        ({"ridge": BAND_BEST, "chosen": 5}, TRUE),
        ({"ridge": LOW_BEST, "chosen": 2}, FALSE),
        ({"ridge": FLAT, "chosen": 2}, FALSE),  # shown to make no difference
        ({"ridge": FLAT, "chosen": 2, "items": 80, "alike": False}, UNKNOWN),
    ],
)
def test_mid_to_high_layers(world, verdict):
    found = judged("mid_to_high_layers", WrittenCase(**world))
    assert found.verdict == verdict
    if verdict != UNKNOWN:
        inside = max(world["ridge"][4:6])
        outside = max(world["ridge"][:4] + world["ridge"][6:])
        assert found.numbers["estimate"] == pytest.approx(inside - outside, abs=0.002)


def test_the_band_is_an_argument_and_shallow_models_may_have_none():
    assert judged("mid_to_high_layers", WrittenCase(LOW_BEST, 2), band=(0.3, 0.4)).verdict == TRUE
    assert in_band(3) == [1] and in_band(2) == []
    found = judged("mid_to_high_layers", WrittenCase([0.3, 0.6], 1))
    assert found.verdict == UNKNOWN and not found.numbers


def test_layers_above_the_band_are_outside_too():
    case = WrittenCase([0.3, 0.3, 0.3, 0.4, 0.6, 0.6, 0.8, 0.9], 7)
    found = judged("mid_to_high_layers", case)
    assert found.verdict == FALSE and found.table.outside_layer.tolist() == [7]
    assert found.numbers["estimate"] == pytest.approx(-0.3, abs=0.002)


def test_outside_the_band_neighbours_are_not_averaged_across_it():
    """Layer 6 is the best; averaged with layer 3, as if that lay beside it, it would be below it."""
    case = WrittenCase([0.3, 0.55, 0.6, 0.58, 0.3, 0.3, 0.78, 0.3], 6)
    assert best_of(case.dev, "ridge", [[0, 1, 2, 3, 6, 7]]).layer == 3
    assert judged("mid_to_high_layers", case).table.outside_layer.tolist() == [6]


def test_without_any_patch_nothing_is_said():
    found = judged("mid_to_high_layers", WrittenCase([0.3] * 8, None))
    assert found.verdict == UNKNOWN and found.p is None


# Low resource, distant morphology ----------------------------------------------------------------


def by_pair(**columns):
    pairs = [f"{code}-a" for code in "bcdefg"]
    return pd.DataFrame({"pair": pairs, "r2": [0.5, 0.4, 0.6, 0.3, 0.2, 0.1], **columns})


ORDERS = [
    ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1], TRUE),
    ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], FALSE),
    ([0.4, 0.1, 0.5, 0.2, 0.6, 0.3], UNKNOWN),
]


@pytest.mark.parametrize(("gains", "verdict"), ORDERS)
def test_low_resource_gains_most(gains, verdict):
    found = decided_resource(by_pair(gain=gains, resource=[1.0, 2, 3, 4, 5, 6]), "share read")
    assert found.verdict == verdict and "share read" in found.sentence


@pytest.mark.parametrize(("shares", "verdict"), ORDERS)
def test_distant_morphology(shares, verdict):
    found = decided_morphology(by_pair(share_of_gap=shares, distance=[0.0, 1, 2, 3, 4, 5]), "distance")
    assert found.verdict == verdict


def test_pairs_without_a_gap_say_nothing_of_its_share():
    shares = pd.array([0.6, 0.5, 0.4, 0.3, 0.2, None], dtype="Float64")
    found = decided_morphology(by_pair(share_of_gap=shares, distance=[0.0, 1, 2, 3, 4, 5]), "distance")
    assert found.numbers["pairs"] == 5 and found.verdict == TRUE


def test_several_tasks_of_a_pair_are_one_pair():
    table = by_pair(gain=ORDERS[0][0], resource=[1.0, 2, 3, 4, 5, 6])
    twice = pd.concat([table, table.assign(gain=table.gain + 0.1)])
    assert decided_resource(twice, "x").numbers == decided_resource(table, "x").numbers


# Scrambled pairs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "verdict"),
    [
        ({"scrambled": LOW_BEST}, TRUE),
        ({"scrambled": [0.3, 0.4, 0.5, 0.4, 0.4, 0.3, 0.3, 0.3]}, FALSE),
        ({"scrambled": LOW_BEST, "items": 80, "alike": False}, UNKNOWN),
    ],
)
def test_scrambled_does_as_well(world, verdict):
    found = judged("scrambled_does_as_well", WrittenCase(LOW_BEST, 2, **world))
    assert found.verdict == verdict
    assert found.numbers["estimate"] == pytest.approx(max(world["scrambled"]) - 0.8, abs=0.07)


def test_pairs_are_pooled_over_their_common_items():
    worlds = ({"scrambled": LOW_BEST}, {"scrambled": [0.5] * 8, "pair": "c-a"})
    found = judged("scrambled_does_as_well", *(WrittenCase(LOW_BEST, 2, **world) for world in worlds))
    assert found.numbers["estimate"] == pytest.approx(-0.15, abs=0.002)
    assert found.numbers["items"] == 1000 and found.numbers["pairs"] == 2
    assert found.table.difference.tolist() == pytest.approx([0.0, -0.3], abs=0.002)


def test_without_the_control_it_says_what_to_add():
    found = judged("scrambled_does_as_well", WrittenCase(LOW_BEST, 2))
    assert found.verdict == UNKNOWN and "shuffled_pairs" in found.sentence


# CKA ---------------------------------------------------------------------------------------------


def predictors(rho, p):
    return pd.DataFrame(
        {"scope": ["layers", "pair"], "measure": "cka_debiased", "rho": [rho, 0.0], "p": [p, 1.0]}
    )


@pytest.mark.parametrize(
    ("cka", "rho", "p", "verdict"),
    [
        (LOW_BEST, 0.9, 0.01, TRUE),
        (LOW_BEST, 0.9, 0.06, UNKNOWN),  # eight layers cannot show less
        (LOW_BEST, -0.9, 0.01, UNKNOWN),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 0.9, 0.01, FALSE),
    ],
)
def test_cka_predicts(cka, rho, p, verdict):
    found = judged("cka_predicts", WrittenCase(LOW_BEST, 2, cka=cka), predictors=predictors(rho, p))
    assert found.verdict == verdict and found.numbers["rho"] == rho
    layer = int(np.argmax(cka))
    assert found.table.layer.tolist() == [layer]
    assert found.numbers["estimate"] == pytest.approx(LOW_BEST[layer] - 0.8, abs=0.002)


def test_cka_few_items_cannot_tell():
    case = WrittenCase(FLAT, 2, cka=BAND_BEST, items=80, alike=False)
    assert judged("cka_predicts", case, predictors=predictors(0.9, 0.01)).verdict == UNKNOWN


# Fine-tuning -------------------------------------------------------------------------------------


def compared(*rows, method="lora+shifcon", layer=3):
    table = pd.DataFrame(rows, columns=["over_own", "over_own_low", "over_own_high"])
    about = {"model": "toy", "task": "toy", "pair": "b-a", "site": "resid_post.3", "layer": layer}
    numbers = {"seed": 0, "split": "test", "chosen": "", "accuracy": 0.9, "level": 0.95, "n": 500}
    return table.assign(method=method, **about, **numbers).astype({"layer": "Int64"})


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([(0.05, 0.02, 0.08), (0.03, -0.01, 0.07)], TRUE),
        ([(-0.05, -0.08, -0.02)], FALSE),
        ([(0.001, -0.01, 0.012)], FALSE),
        ([(0.02, -0.02, 0.06)], UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    ("claim", "method"),
    [("complements_fine_tuning", "lora+shifcon"), ("complements_few_labels", "lora_few+shifcon")],
)
def test_complements_fine_tuning(claim, method, rows, verdict):
    found = judged(claim, WrittenCase(LOW_BEST, 2), comparison=compared(*rows, method=method))
    assert found.verdict == verdict
    assert found.numbers["low"] == pytest.approx(np.mean([row[1] for row in rows]))


def test_where_dev_prefers_nothing_on_top_nothing_is_shown():
    """A gain of exactly 0 lies within ±δ, but does not show that none could be had."""
    case, nothing = WrittenCase(LOW_BEST, 2), compared((0.0, 0.0, 0.0), layer=None)
    found = judged("complements_fine_tuning", case, comparison=nothing)
    assert found.verdict == UNKNOWN and "accuracy 0.900" in found.sentence
    both = pd.concat([nothing, compared((0.05, 0.02, 0.08))], ignore_index=True)
    found = judged("complements_fine_tuning", case, comparison=both)
    assert found.verdict == TRUE and found.numbers["estimate"] == 0.05 and "1 of 2" in found.sentence


def test_without_a_comparison_the_command_is_named():
    for table in (None, compared((0.1, 0.0, 0.2), method="shots_own+shifcon")):
        found = judged("complements_fine_tuning", WrittenCase(LOW_BEST, 2), comparison=table)
        assert found.verdict == UNKNOWN and "`workbench compare`" in found.sentence
    other = compared((0.05, 0.02, 0.08)).assign(pair="z-a")
    assert judged("complements_fine_tuning", WrittenCase(LOW_BEST, 2), comparison=other).verdict == UNKNOWN


# Cost --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "noise", "verdict"),
    [(1.12, 0.01, TRUE), (1.9, 0.01, FALSE), (1.0, 0.01, FALSE), (1.22, 0.3, UNKNOWN)],
)
def test_costs_about_12_percent(factor, noise, verdict):
    rng = np.random.default_rng(0)
    # Whatever else slows the machine slows a clean run and the patched one after it alike.
    clean = 0.01 * np.exp(rng.standard_normal(30))
    found = slowdown(clean, clean * factor * np.exp(noise * rng.standard_normal(30)))
    assert decided_inference_cost(found) == verdict
    if noise == 0.01:
        assert found.low < factor - 1 < found.high and found.high - found.low < 0.02


def test_the_interval_of_the_median_holds_it():
    """Of 30 times that are now and then far too long, in at least 95 % of trials (exactly: 95.7 %)."""
    rng = np.random.default_rng(1)
    times = 1.12 + rng.standard_t(1, size=(2000, 30)) / 100
    found = [slowdown(np.ones(30), one) for one in times]
    held = np.mean([one.low <= 0.12 <= one.high for one in found])
    assert 0.945 < held < 0.97
    assert slowdown(np.ones(3), np.ones(3)).high == np.inf
