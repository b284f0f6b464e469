"""Choices as classes: prototypes beside scikit-learn's, the same by every way, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid
from sweep_grids import PROMPTS, TASK, a_map, grid, joint_grid
from tiny_models import CELLS, HAS_HOOKED, sentences
from tiny_models import tiny as tiny_of

from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS
from workbench.sweeps import ENGINES, Configuration, Plan, class_prototypes, sweep
from workbench.sweeps import suffix as suffix_module
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.run import scores_by
from workbench.sweeps.slots import Prompts
from workbench.tasks import AnswerExample, ChoiceTask, Example

LABELS = (" yes", " perhaps not", " no")
TOP = 3


def examples(prompts, split, language="sw", choices=LABELS):
    return [
        Example(f"{split}{i}", prompt, choices, i % len(choices), language, split)
        for i, prompt in enumerate(prompts)
    ]


FIT = examples(sentences(12, 9, seed=3), "fit", "en")
DEV = examples(PROMPTS, "dev")


def fitted(model, fit=FIT, **options):
    return class_prototypes(model, fit, task="t", language="en", **options)


def state(model, prompt, site=None, change=None):
    """The last prompt token's state above the last layer, the prompt run alone."""
    [ids] = model.tokens.encode([prompt])
    seen = {}
    hooks = {Site(TOP): lambda h: seen.update(h=h[0, -1].double())}
    if site is not None:

        def patch(h):
            h = h.clone()
            h[:, -1] = change(h[:, -1])
            seen.update(h=h[0, -1].double())  # where the patch is at the top itself
            return h

        hooks = hooks | {site: patch} if site.layer != TOP else {site: patch}
    with torch.no_grad():
        model.run(model.batch([ids]), hooks=hooks)
    return seen["h"].numpy()


def cosines(model, states, fit=FIT):
    """By numpy alone."""
    of_fit = np.array([state(model, e.prompt) for e in fit])
    labels = np.array([e.answer for e in fit])
    means = np.array([of_fit[labels == k].mean(0) for k in range(len(LABELS))])
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (states, means)]
    return unit[0] @ unit[1].T


@pytest.mark.parametrize(("architecture", "backend"), CELLS)
def test_slots_and_suffixes_give_the_scores_of_naive_on_either_side_of_padding(architecture, backend):
    model = tiny_of(architecture, backend)
    readings = fitted(model).read(model, DEV)
    map = a_map(model.info.d_model)
    last = grid(model, layers=[0, 2, 3])
    everywhere = [
        *(
            Configuration(
                "m", Site(layer), map, name, 0.7 if rule.uses_strength else 1.0, positions=positions
            )
            for layer, (name, rule) in zip((0, 1, 2, 3, 0, 1), INTERVENTIONS.items(), strict=True)
            for positions in ("prompt", "all")
        ),
        Configuration("m", Site(1, "attn_out"), map, "add_mapped", 0.5),
        *joint_grid(model),
    ]
    configurations = [None, *last, *everywhere]
    naive = [
        naive_scores(model, readings, b, 3, ("left", "right")[i % 2]) for i, b in enumerate(configurations)
    ]
    ways = [("suffix", configurations[1:], side) for side in ("left", "right")]
    if ENGINES["slots"].refusal(model, readings, last) is None:
        jointly = [b for b in everywhere if b.positions == "last" and b.also]
        ways.append(("slots", [*last, *jointly], "right"))
    for way, some, padding in ways:
        scores = scores_by(way, Plan(model, readings, some, padding=padding))
        for configuration, got in zip([None, *some], scores, strict=True):
            other = naive[configurations.index(configuration)]
            choices = torch.stack(got.choices), torch.stack(other.choices)
            torch.testing.assert_close(*choices, atol=1e-5, rtol=0, msg=f"{way}, {configuration}")
            torch.testing.assert_close(got.sizes, other.sizes, atol=1e-5, rtol=0, check_dtype=False)


@pytest.mark.parametrize(
    ("architecture", "backend"), [c for c in CELLS if c[0] in ("llama", "gpt2", "gemma2")]
)
@pytest.mark.parametrize("layer", [1, TOP])
def test_rows_are_those_by_hand(architecture, backend, layer):
    model = tiny_of(architecture, backend)
    some = a_map(model.info.d_model)
    configuration = Configuration("m", Site(layer), some, "add_mapped", 0.7)
    table = sweep(model, DEV, [configuration], **TASK, by=fitted(model))
    unpatched = np.array([state(model, e.prompt) for e in DEV])
    patched = np.array(
        [state(model, e.prompt, Site(layer), lambda h: h + 0.7 * some.transform(h)) for e in DEV]
    )
    for aligner, states in (("clean", unpatched), ("m", patched)):
        own, expected = table[table.aligner == aligner], cosines(model, states)
        for row, scores, example in zip(own.itertuples(), expected, DEV, strict=True):
            others = [s for k, s in enumerate(scores) if k != example.answer]
            assert row.score == pytest.approx(scores[example.answer], abs=1e-5)
            assert row.margin == pytest.approx(scores[example.answer] - max(others), abs=1e-5)
            assert row.prediction == scores.argmax() and row.correct == (row.prediction == example.answer)
    assert (
        abs(table[table.aligner == "m"].margin.to_numpy() - table[table.aligner == "clean"].margin).max()
        > 1e-3
    )


def test_predictions_are_those_of_scikit_learns_nearest_centroid():
    model = tiny_of("llama")
    asked = examples(sentences(40, 9, seed=8), "dev")
    table = sweep(model, asked, (), **TASK, by=fitted(model, distance="euclidean"))
    of_fit = np.array([state(model, e.prompt) for e in FIT])
    other = NearestCentroid().fit(of_fit, [e.answer for e in FIT])
    found = other.predict(np.array([state(model, e.prompt) for e in asked]))
    assert len(set(found)) == 3 and table.prediction.tolist() == found.tolist()


def test_planted_classes_are_found_and_a_patch_that_swaps_them_swaps_the_answers():
    """The last word is the class, so that states of one lie close together; a mirror swaps them."""
    model = tiny_of("llama")
    words = {"house": 0, "maji": 1}
    choices = (" a", " b")

    def asked(split, beginnings, language):
        return [
            Example(f"{split}{b}{w}", f"{b} {w}", choices, label, language, split)
            for b in beginnings
            for w, label in words.items()
        ]

    classes = fitted(model, asked("fit", ["the", "a", "two of the"], "en"))
    dev = asked("dev", ["and", "dogs ran over to", "water"], "sw")
    low, high = classes.prototypes.means.float()
    middle = (low + high) / 2

    class Mirror:
        """About the hyperplane between the two prototypes."""

        def transform(self, h):
            axis = (high - low) / (high - low).norm()
            return h - 2 * ((h - middle.to(h)) @ axis)[:, None] * axis

    table = sweep(model, dev, [Configuration("mirror", Site(TOP), Mirror(), "replace")], **TASK, by=classes)
    assert table[table.aligner == "clean"].correct.all()
    assert not table[table.aligner == "mirror"].correct.any()


def test_prototypes_are_of_fit_items_alone_and_need_no_choice_to_be_read():
    model = tiny_of("llama")
    long = tuple(f"{label} and so on and so on" for label in LABELS)
    classes = fitted(model)
    asked = [replace(e, choices=long) for e in DEV]
    table = sweep(model, asked, grid(model, [1]), **TASK, by=classes)
    same = sweep(model, DEV, grid(model, [1]), **TASK, by=classes)
    assert table.margin.tolist() == same.margin.tolist()  # in another language choices are other words


@pytest.mark.parametrize("backend", ["bridge", *(["hooked"] if HAS_HOOKED else [])])
def test_a_wrong_fast_path_stops_the_sweep(backend, monkeypatch):
    """Planted: suffixes that leave the clean run a layer too high, and slots one block off."""
    model, configurations = tiny_of("llama", backend), joint_grid(tiny_of("llama"), modes=[("prompt", False)])
    classes = fitted(model)
    naive = [naive_scores(model, classes.read(model, DEV), b, 4) for b in configurations]
    real = suffix_module._leaves
    with monkeypatch.context() as patch:
        patch.setattr(suffix_module, "_leaves", lambda configuration: min(real(configuration) + 1, 4))
        with pytest.raises(InputError, match="suffix and naive disagree on llama"):
            sweep(model, DEV, configurations, **TASK, by=classes)
        table = sweep(model, DEV, configurations, **TASK, by=classes, allow_naive=True, clean=False)
        right = [float(s[e.answer]) for scores in naive for s, e in zip(scores.choices, DEV, strict=True)]
        assert table.score.tolist() == pytest.approx(right, abs=1e-6)
    if backend == "bridge":
        ours = Prompts.scores
        monkeypatch.setattr(Prompts, "scores", lambda self, h: ours(self, h.roll(1, dims=1)))
        with pytest.raises(InputError, match="slots and naive disagree on llama"):
            sweep(model, DEV, grid(model, [1]), **TASK, by=classes)


def test_shards_of_other_prototypes_are_not_taken(tmp_path):
    model, configurations = tiny_of("llama"), grid(tiny_of("llama"), [1])
    options = TASK | {"folder": tmp_path, "batch_size": 2}
    first = sweep(model, DEV, configurations, **options, by=fitted(model))
    others = [
        sweep(model, DEV, configurations, **options),
        sweep(model, DEV, configurations, **options, by=fitted(model, FIT[:9])),
        sweep(model, DEV, configurations, **options, by=fitted(model, distance="euclidean")),
    ]
    assert all(not first.margin.equals(other.margin) for other in others)
    assert len(list(tmp_path.iterdir())) == 4
    again = sweep(model, DEV, configurations, **options, by=fitted(model))
    assert first.equals(again) and len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("backend", ["bridge", *(["hooked"] if HAS_HOOKED else [])])
def test_half_precision_passes_for_what_it_is(backend):
    from tiny_models import tiny_path

    from workbench.models import load_model

    model = load_model(tiny_path("llama"), backend=backend, dtype="bfloat16")
    configurations = [*grid(model), *joint_grid(model)]
    assert len(sweep(model, DEV, configurations, **TASK, by=fitted(model))) == len(DEV) * (
        1 + len(configurations)
    )


def test_what_has_no_classes_is_refused_in_one_line():
    model = tiny_of("llama")
    fit = ChoiceTask("t", tuple(FIT))
    for items, message in [
        (fit.examples("en", "dev"), r"t has no fit items in 'en', and class prototypes are made of labelled"),
        ([*FIT, replace(FIT[0], split="dev")], r"made of fit items in 'en'; example 'fit0' is of dev"),
        ([replace(e, answer=0) for e in FIT], r"no fit item of t in 'en' has the answer ' perhaps not'"),
        (
            [*FIT, replace(FIT[0], choices=(" x", " y", " z"))],
            r"the same choices in all items, but example 'fit0' has 'x / y / z' and others in 'en' 'yes /",
        ),
        ([AnswerExample("q", "the", ("a",), "en", "fit")], r"example 'q' has no choices to make class"),
    ]:
        with pytest.raises(InputError, match=message) as error:
            fitted(model, items)
        assert len(str(error.value).splitlines()) == 1
    classes = fitted(model)
    for asked, message in [
        (examples(PROMPTS, "dev", choices=(" a", " b")), "has 2 choices, but there are prototypes of 3"),
        ([DEV[0], replace(DEV[1], choices=(" x", " y", " z"))], "the same choices in all items"),
        (examples(PROMPTS, "dev", "en", (" x", " y", " z")), "the same choices in all items"),
        ([AnswerExample("q", "the", ("a",), "en", "dev")], "generated answers need a scorer"),
    ]:
        with pytest.raises(InputError, match=message):
            sweep(model, asked, (), **TASK, by=classes)
    with pytest.raises(InputError, match="pass by=class_prototypes"):
        sweep(model, DEV, (), **TASK, by="prototype")
