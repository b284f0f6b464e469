"""Each property holds where it was planted, and fails alone where one thing is broken."""

from dataclasses import replace

import pandas as pd
import pytest

from workbench.align import CONTROLS
from workbench.analyses.organism.verify import METHODS, NULLS, Verification, properties
from workbench.core.numbers import signed
from workbench.organism.config import LanguageConfig, WorldConfig
from workbench.organism.texts import TASKS
from workbench.select import Choice, CrossFit, Verdict
from workbench.stats import Interval
from workbench.study import Outcome, StudyResult
from workbench.sweeps import CLEAN

MAIN, RICH_FAR, NEAR, FAR, FUSED = "x-main", "x-rich-far", "x-poor-near", "x-poor-far", "x-poor-fused"
LAYERS, N = 8, 40
INSIDE = [0.1, 0.2, 0.5, 0.8, 0.9, 0.8, 0.6, 0.5, 0.4]
ACCURACY = {MAIN: 0.99, "x-rich-near": 0.8, RICH_FAR: 0.75, NEAR: 0.5, FAR: 0.45, FUSED: 0.45}
SHARED = {MAIN: 1.0, "x-rich-near": 0.5, RICH_FAR: 0.0, NEAR: 0.5, FAR: 0.0, FUSED: 0.0}
RICH, POOR = {"gap": 0.2, "gain": 0.15}, {"gap": 0.5, "gain": 0.4}


def about(estimate, half=0.03):
    return Interval(estimate, estimate - half, estimate + half, 0.95, N)


def outcome(aligner, gain, layer):
    choice = Choice(aligner, "interpolate", layer, 1.0, gain, gain)
    if layer is None:
        choice = Choice(aligner, None, None, None, 0.0, 0.0)
    verdict = Verdict("undecided", about(gain), 0.02, 0.05, 0, 0)
    crossfitted = CrossFit(choice, gain, 0.0, {layer: 5})
    return Outcome(choice, aligner in CONTROLS, about(gain), about(0.4 + gain), verdict, crossfitted)


def rows(language, aligner, correct, layer=None):
    """Test rows in which that share of the items is right."""
    return pd.DataFrame(
        {
            "split": "test",
            "language": language,
            "aligner": aligner,
            "intervention": None if aligner == CLEAN else "interpolate",
            "layer": layer,
            "strength": None if aligner == CLEAN else 1.0,
            "example": [f"e{i}" for i in range(N)],
            "group": None,
            "correct": [i < round(correct * N) for i in range(N)],
        }
    )


def study(language, gap, gain, layer=4, gains=None, over=None, curves=None, retention=-0.01):
    """A study that found the numbers given; of all else it found what it should."""
    gains = dict.fromkeys((*NULLS, *METHODS), 0.0) | (gains or {})
    similar = {"retrieval": INSIDE, "cka_debiased": INSIDE} | (curves or {})
    sites = ["embed", *(f"resid_post.{i}" for i in range(LAYERS))]
    similarity = [pd.DataFrame({"measure": m, "site": sites, "value": v}) for m, v in similar.items()]
    sweep = [rows(language, CLEAN, 0.4)]
    if layer is not None:
        sweep.append(rows(language, "ridge", 0.4 + gain, layer))
    return StudyResult(
        baseline=about(0.4),
        target_accuracy=about(0.4 + gap),
        gap=about(gap),
        headline=outcome("ridge", gain, layer),
        share_of_gap=gain / gap if gap else None,
        beyond_half=about(gain - gap / 2),
        retention=None if retention is None else about(retention),
        retained=None,
        refits=None,
        others=tuple(outcome(aligner, g, 3) for aligner, g in gains.items()),
        headline_over={aligner: about(0.3) for aligner in gains} | (over or {}),
        model={},
        task="exact",
        pair=f"{language}-{MAIN}",
        source=language,
        target=MAIN,
        n={"test": N},
        facts=None,
        tables={"similarity": pd.concat(similarity), "sweep": pd.concat(sweep)},
        paths={},
        seconds={},
    )


def planted(config=None, accuracy=None, studies=None, shared=None):
    """A verification in which every property holds, but for what is given."""
    config = config or WorldConfig()
    codes = [language.code for language in config.languages]
    found = {
        task: {c: about(ACCURACY[c], 0.02) for c in codes if task != "translation" or c != MAIN}
        for task in TASKS
    }
    for (task, code), value in (accuracy or {}).items():
        found[task][code] = about(value, 0.02)
    told = {c: (POOR if "poor" in c else RICH) | (studies or {}).get(c, {}) for c in codes[1:]}
    made = {code: study(code, **numbers) for code, numbers in told.items()}
    return Verification(config, "planted", LAYERS, found, made, SHARED | (shared or {}))


def failed(v):
    return [one.name for one in properties(v) if one.passed is False]


def said(v, start):
    return next(one for one in properties(v) if one.name.startswith(start))


KNOWS, GAP, ORDER = "1 the main language", "1 the poorest", "1 more resource"
INSIDE_STACK, HALF, NULL = "2 poor languages", "3 one patch", "3 identity and random"
BEATS, LAYER, DISTANT = "3 the map beats", "3 its layer", "3 all this"
RICH_LESS, FAR_LESS, RETENTION = "4 rich", "4 far", "5 what"


def curves(code, metric, values):
    return {"studies": {code: {"curves": {metric: values}}}}


FEW_KNOWN = {(task, MAIN): 0.94 for task in ("two-choice", "inference")}
PEAK_FIRST, PEAK_LAST = [0.95, *INSIDE[1:]], [*INSIDE[:-1], 0.95]
BROKEN = {
    "one task known": ({"accuracy": FEW_KNOWN}, KNOWS),
    "a small gap": ({"studies": {NEAR: {"gap": 0.24, "gain": 0.2}}}, GAP),
    "a rich language below a poor one": ({"accuracy": {("exact", RICH_FAR): 0.45}}, ORDER),
    "retrieval best at the embedding": (curves(NEAR, "retrieval", PEAK_FIRST), INSIDE_STACK),
    "retrieval best at the last layer": (curves(FAR, "retrieval", PEAK_LAST), INSIDE_STACK),
    "CKA best at the embedding": (curves(FUSED, "cka_debiased", PEAK_FIRST), INSIDE_STACK),
    "less than half": ({"studies": {NEAR: {"gain": 0.24}}}, HALF),
    "identity helps": ({"studies": {NEAR: {"gains": {"identity": 0.15 * 0.5}}}}, NULL),
    "a random change helps": ({"studies": {FUSED: {"gains": {"random_equal_norm": 0.05}}}}, NULL),
    "a random rotation helps": ({"studies": {FAR: {"gains": {"random_rotation": 0.06}}}}, NULL),
    "mean shift as good": ({"studies": {NEAR: {"over": {"mean_shift": about(0.03)}}}}, BEATS),
    "shuffled pairs as good": ({"studies": {NEAR: {"over": {"shuffled_pairs": about(0.0)}}}}, BEATS),
    "the first layer": ({"studies": {NEAR: {"layer": 0}}}, LAYER),
    "the last layer": ({"studies": {NEAR: {"layer": LAYERS - 1}}}, LAYER),
    "no tokens of their own": ({"shared": {FAR: 0.2, FUSED: 0.3}}, DISTANT),
}  # fmt: skip


def test_all_hold_where_all_are_planted():
    judged = properties(planted())
    assert [one.passed for one in judged] == [True] * 9 + [None] * 3
    assert all(one.found for one in judged)


@pytest.mark.parametrize(("broken", "name"), BROKEN.values(), ids=BROKEN.keys())
def test_one_broken_thing_fails_one_property(broken, name):
    (only,) = failed(planted(**broken))
    assert only.startswith(name)


@pytest.mark.parametrize(
    "still_right",
    [
        {"accuracy": {(task, MAIN): 0.95 for task in ("two-choice", "inference")}},
        {"accuracy": {("inference", MAIN): 0.5}},
        {"accuracy": {("exact", RICH_FAR): 0.47}},
        {"studies": {NEAR: {"gap": 0.25, "gain": 0.125}}},
        {"studies": {NEAR: {"gains": {"identity": 0.04}}}},
        {"studies": {NEAR: {"layer": 1}, FAR: {"layer": LAYERS - 2}}},
        {"studies": {"x-rich-near": {"gap": 0.1, "gain": 0.0, "layer": 0}}},
        {"shared": {FAR: 0.3}},
    ],
    ids=[
        "just known",
        "two of three known",
        "within the intervals",
        "just enough",
        "a small null",
        "near the ends",
        "a rich language is not asked",
        "one distant language is enough",
    ],
)
def test_what_is_just_right_holds(still_right):
    assert failed(planted(**still_right)) == []


def test_one_distant_language_must_show_all_of_it():
    halves = {FAR: {"gain": 0.2}, FUSED: {"over": {"mean_shift": about(0.0)}}}
    names = failed(planted(studies=halves))
    assert [name[:10] for name in names] == [HALF[:10], BEATS[:10], DISTANT[:10]]
    one_left = failed(planted(studies={FAR: {"gain": 0.2}}))
    assert [name[:10] for name in one_left] == [HALF[:10]], "the other one shows all of it"


def test_a_world_without_such_a_language_fails_with_that_reason():
    orders = tuple(replace(language, order="SVO") for language in WorldConfig().languages)
    v = planted(config=replace(WorldConfig(), languages=orders))
    (only,) = failed(v)
    assert only.startswith(DISTANT) and "no poor language of another order" in said(v, DISTANT).found


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_where_all_are_read_as_much_none_is_poor(share):
    codes = (RICH_FAR, NEAR, FAR)
    others = tuple(LanguageConfig(code, share) for code in codes)
    config = replace(WorldConfig(), languages=(LanguageConfig(MAIN, 1 - 3 * share), *others))
    v = planted(config=config, studies={RICH_FAR: POOR})
    assert [name[:10] for name in failed(v)] == [INSIDE_STACK[:10], DISTANT[:10]]
    assert said(v, INSIDE_STACK).found.startswith("the world has no poor language")


def test_where_nothing_was_chosen_nothing_is_recovered():
    v = planted(studies={NEAR: {"gain": 0.0, "layer": None, "retention": None}})
    assert [name[:10] for name in failed(v)] == [HALF[:10], LAYER[:10]]
    assert f"{NEAR}: nothing was better than no patch" in said(v, HALF).found
    assert f"{NEAR} layer None" in said(v, LAYER).found
    assert f"patch of {NEAR}" not in said(v, RETENTION).found
    empty = {"gap": 0.0, "gain": 0.0, "layer": None}
    assert said(planted(studies={NEAR: empty}), HALF).passed is False, "half of no gap is nothing"


@pytest.mark.parametrize(
    ("poor", "rich", "judged"), [(0.4, 0.15, "yes"), (0.1, 0.35, "not so"), (0.2, 0.2, "not told apart")]
)
def test_whether_rich_languages_gain_less_is_reported(poor, rich, judged):
    v = planted(studies={FAR: {"gain": poor}, RICH_FAR: {"gain": rich}})
    told = said(v, RICH_LESS)
    assert told.passed is None
    assert f"{judged}: gain of {FAR} − {RICH_FAR} {signed(poor - rich)} [" in told.found
    # Near ones are compared with near ones.
    assert f"{NEAR} − x-rich-near" in told.found and f"{NEAR} − {RICH_FAR}" not in told.found


@pytest.mark.parametrize(
    ("near", "far", "judged"), [(0.4, 0.25, "yes"), (0.25, 0.4, "not so"), (0.3, 0.325, "not told apart")]
)
def test_whether_far_languages_gain_less_is_reported(near, far, judged):
    v = planted(studies={NEAR: {"gain": near}, FAR: {"gain": far}})
    told = said(v, FAR_LESS)
    assert told.passed is None
    assert f"{judged}: gain of {NEAR} − {FAR} {signed(near - far)} [" in told.found
    assert f"{NEAR} − {RICH_FAR}" not in told.found, "only those of equal resource"


def test_retention_is_reported_for_each_patch():
    told = said(planted(studies={FAR: {"retention": -0.2}}), RETENTION)
    assert told.passed is None
    assert f"patch of {FAR} −0.200 [−0.230, −0.170]" in told.found and f"patch of {NEAR}" in told.found
    nothing = {code: {"retention": None} for code in SHARED if code != MAIN}
    assert said(planted(studies=nothing), RETENTION).found == f"{MAIN} with the patch: none was chosen"
