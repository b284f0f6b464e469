"""What goes in broken comes back as an error or as finite numbers, whatever the method."""

import json

import pytest
import torch

from workbench.align import (
    ALIGNERS,
    CONTROLS,
    LeastSquares,
    Ridge,
    WrongLanguage,
    export,
    fit_facts,
    restore,
)
from workbench.align.base import fresh
from workbench.core.errors import InputError, WorkbenchError

EVERY = {name: make() for name, make in ALIGNERS.items()} | {
    name: make(**({"aligner": Ridge()} if name in ("shuffled_pairs", "random_equal_norm") else {}))
    for name, make in CONTROLS.items()
}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def spoiled(kind):
    """Pairs with one defect each, all of one width."""
    X, Y = draw(30, 12), draw(30, 12, seed=1)
    if kind == "constant columns":
        X[:, :3], Y[:, 2:5] = 0.1, 7
    elif kind == "all rows equal":
        X, Y = X[:1].expand(30, -1), Y[:1].expand(30, -1)
    elif kind == "source rows equal":
        X = X[:1].expand(30, -1)
    elif kind == "all zero":
        X, Y = torch.zeros_like(X), torch.zeros_like(Y)
    elif kind == "one sentence":
        X, Y = X[:1], Y[:1]
    elif kind == "two sentences":
        X, Y = X[:2], Y[:2]
    elif kind == "two equal sentences":
        X, Y = X[[0, 0]], Y[[0, 0]]
    elif kind == "fewer sentences than dimensions":
        X, Y = X[:7], Y[:7]
    elif kind == "as many sentences as dimensions":
        X, Y = X[:12], Y[:12]
    elif kind == "duplicate rows":
        X, Y = X[torch.arange(30) % 5], Y[torch.arange(30) % 5]
    elif kind == "repeated columns":
        X = X[:, torch.arange(12) % 3]
    elif kind == "huge":
        X, Y = 1e30 * X, 1e30 * Y
    elif kind == "tiny":
        X, Y = 1e-30 * X, 1e-30 * Y
    elif kind == "far from the origin":
        X, Y = X + 1e6, Y - 1e6
    return X, Y


KINDS = (
    "constant columns",
    "all rows equal",
    "source rows equal",
    "all zero",
    "one sentence",
    "two sentences",
    "two equal sentences",
    "fewer sentences than dimensions",
    "as many sentences as dimensions",
    "duplicate rows",
    "repeated columns",
    "huge",
    "tiny",
    "far from the origin",
)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("kind", KINDS)
def test_degenerate_pairs_give_an_error_or_finite_states(name, kind):
    X, Y = spoiled(kind)
    try:
        fitted = fresh(EVERY[name]).fit(X, Y)
    except InputError as error:
        assert kind == "one sentence" and "at least 2" in str(error)
        return
    assert torch.isfinite(fitted.transform(X)).all()
    facts = fit_facts(fitted)
    assert facts.n == len(X)
    if facts.rank is not None and kind in ("all rows equal", "all zero"):
        assert facts.rank == 0 or (facts.rank == 1 and name == "least_squares")  # through the origin


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_named_by_side_and_row(name, side, bad):
    pairs = [draw(9, 5), draw(9, 5, seed=1)]
    pairs[side][4, 2] = bad
    with pytest.raises(InputError, match=rf"1 {('source', 'target')[side]} rows hold NaN or inf.*\[4\]"):
        fresh(EVERY[name]).fit(*pairs)


@pytest.mark.parametrize("name", EVERY)
def test_float16_that_has_overflowed_is_refused(name):
    X = (1e5 * draw(9, 5)).half()
    with pytest.raises(InputError, match="float32"):
        fresh(EVERY[name]).fit(X, draw(9, 5).half())
    fitted = fresh(EVERY[name]).fit(draw(9, 5), draw(9, 5, seed=1))
    with pytest.raises(InputError, match="hold NaN or infinity"):
        fitted.transform(X)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("identity", "random_rotation")])
def test_images_that_float16_cannot_hold_are_refused(name):
    X = 1e4 * draw(30, 5)
    fitted = fresh(EVERY[name]).fit(X, X + 1e6)
    with pytest.raises(InputError, match="range of float16"):
        fitted.transform(X.half())


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("n", [7, 30])
def test_saved_and_restored_it_maps_to_the_same_bits(name, n):
    X, Y, rows = draw(n, 20), draw(n, 20, seed=1), draw(4, 20, seed=2)
    fitted = fresh(EVERY[name]).fit(X, Y)
    record, tensors = export(fitted)
    text = json.dumps(record, allow_nan=False)
    again = restore(json.loads(text), {key: value.clone() for key, value in tensors.items()})
    assert type(again) is type(fitted) and repr(again) == repr(fitted)
    assert fit_facts(again) == fit_facts(fitted)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert torch.equal(again.transform(rows.to(dtype)), fitted.transform(rows.to(dtype)))
    assert json.dumps(export(again)[0]) == text
    assert torch.equal(again.fit(X, Y).transform(rows), fitted.transform(rows))


def test_the_other_languages_states_are_not_saved():
    fitted = WrongLanguage(Ridge(), draw(9, 5)).fit(draw(9, 5, seed=1), draw(9, 5, seed=2))
    record, tensors = export(fitted)
    assert not any("other" in key for key in tensors)
    assert torch.equal(restore(record, tensors).transform(draw(2, 5)), fitted.transform(draw(2, 5)))


def test_infinite_facts_survive():
    fitted = LeastSquares().fit(torch.zeros(5, 3), draw(5, 3))
    assert fitted.condition_ == float("inf")
    record, tensors = export(fitted)
    assert restore(json.loads(json.dumps(record, allow_nan=False)), tensors).condition_ == float("inf")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.update(kind="Rigde"),
        lambda record: record.update(kind="Popen"),
        lambda record: record.pop("params"),
        lambda record: record["params"].update(strength=3),
        lambda record: record["fitted"].update(transform=3),
        lambda record: record["fitted"].update(map_={"tensor": "nowhere"}),
        lambda record: record["fitted"].update(map_={"pickle": "…"}),
    ],
)
def test_records_that_are_none_are_refused(spoil):
    record, tensors = export(Ridge().fit(draw(9, 5), draw(9, 5, seed=1)))
    spoil(record)
    with pytest.raises(WorkbenchError, match=r"saved|unknown"):
        restore(record, tensors)
