"""Learned vectors: the same as from a few lines of hand-written training, and nothing else has changed."""

from dataclasses import replace

import pytest
import torch
from plain_model import PlainLlama
from tiny_models import HAS_HOOKED, tiny_path

from workbench.core.errors import NotApplicable
from workbench.methods.recipes import RECIPES, Ingredients
from workbench.methods.recipes.base import single_layers
from workbench.methods.recipes.learned import Training, read_labelled, towards_answers, towards_states
from workbench.sweeps import sweep
from workbench.tasks import AnswerExample, AnswerTask, ChoiceTask

SHORT = Training(steps=4, batch=8, rate=0.1)
LAYER, TOP = 1, 4
LEARNERS = {"states": towards_states, "answers": towards_answers}


def last_with(plain, ids, vector, end=None):
    """Logits, and the states above LAYER at a prompt's end, with a vector on top of its state there."""
    above, end = {}, ids.shape[1] - 1 if end is None else end

    def add(h):
        step = torch.zeros_like(h)
        step[end] = 1
        return h + step * vector

    changes = {("resid_post", LAYER): add}
    for layer in range(LAYER + 1, TOP):
        changes["resid_post", layer] = lambda h, layer=layer: above.update({layer: h[end]})
    with plain.hooked(changes):
        logits = plain.model(ids).logits[0]
    return logits, above


def adam(rows_of_step, loss, unit):
    """Kingma & Ba's algorithm as printed, its rate falling in a straight line."""
    u, m, s = (torch.zeros(32) for _ in range(3))
    for t in range(SHORT.steps):
        v = (unit * u).requires_grad_()
        (g,) = torch.autograd.grad(loss(rows_of_step[t], v), v)
        g = unit * g
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        at = 1 - t / SHORT.steps * (1 - 1 / SHORT.steps)
        step = (m / (1 - 0.9 ** (t + 1))) / ((s / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
        u = u - SHORT.rate * at * step
    return unit * u


def draws(n):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0)).tolist()
    assert n >= 8 * SHORT.steps  # else a second order would begin
    return [order[8 * t : 8 * t + 8] for t in range(SHORT.steps)]


def unit_of(plain, source):
    return float(plain.last(source, "resid_post", LAYER).std(0, correction=0).square().mean().sqrt())


def states_by_hand(plain, source, target):
    above = range(LAYER + 1, TOP)
    S, T = ({at: plain.last(side, "resid_post", at) for at in above} for side in (source, target))
    apart = {at: (S[at] - T[at]).square().sum(1).mean() for at in above}

    def loss(rows, v):
        found = [last_with(plain, plain.ids(source[i]), v)[1] for i in rows]
        parts = [
            (h[at] - T[at][i]).square().sum() / apart[at]
            for h, i in zip(found, rows, strict=True)
            for at in above
        ]
        return torch.stack(parts).mean()

    return adam(draws(len(source)), loss, unit_of(plain, source))


def answers_by_hand(plain, examples, source):
    def loss(rows, v):
        terms = []
        for i in rows:
            prompt, scores = examples[i].prompt, []
            end = plain.ids(prompt).shape[1] - 1
            for choice in examples[i].choices:
                ids = plain.ids(prompt + choice)
                log_p = last_with(plain, ids, v, end)[0].log_softmax(-1)
                scores.append(log_p[end:-1].gather(-1, ids[0, end + 1 :, None]).sum())
            terms.append(-torch.stack(scores).log_softmax(0)[examples[i].answer])
        return torch.stack(terms).mean()

    return adam(draws(len(examples)), loss, unit_of(plain, source))


@pytest.fixture(scope="module")
def many(study):
    """The study with enough solved items for one round of batches: its own, thrice under other names."""
    fit = [e for e in study.task.all if e.split == "fit"]
    more = [replace(e, id=f"{e.id}-{n}") for n in range(2) for e in fit]
    return Ingredients(replace(study, task=ChoiceTask("tiny", (*study.task.all, *more))))


@pytest.fixture(scope="module")
def fresh_plain():
    return PlainLlama(tiny_path("llama"))


def test_towards_states_is_what_hand_written_training_gives(given, fresh_plain, pairs):
    learned = towards_states(given, SHORT)[LAYER].bias_
    expected = states_by_hand(fresh_plain, *pairs)
    assert float((learned - expected).abs().max()) < 1e-4 * float(expected.abs().max())


def test_towards_answers_is_what_hand_written_training_gives(many, fresh_plain, pairs):
    learned = towards_answers(many, SHORT)[LAYER].bias_
    expected = answers_by_hand(fresh_plain, many.labelled("sw"), pairs[0])
    assert float((learned - expected).abs().max()) < 1e-4 * float(expected.abs().max())


@pytest.mark.parametrize("learn", LEARNERS.values(), ids=LEARNERS)
def test_learning_leaves_weights_and_the_random_state_alone(given, learn):
    model = given.study.model
    before = {name: weight.clone() for name, weight in model.parameters()}
    asking = [weight.requires_grad for _, weight in model.parameters()]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    seen = []
    given.study.progress = lambda *step: seen.append(step)
    first = learn(given, SHORT)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(weight, before[name]) for name, weight in model.parameters())
    assert all(weight.grad is None for _, weight in model.parameters())
    assert [weight.requires_grad for _, weight in model.parameters()] == asking
    assert ("learn vectors", SHORT.steps, SHORT.steps) in seen
    again = learn(given, SHORT)
    assert all(torch.equal(first[layer].bias_, again[layer].bias_) for layer in first)


@pytest.mark.skipif(not HAS_HOOKED, reason="this TransformerLens has no HookedTransformer")
@pytest.mark.parametrize("learn", LEARNERS.values(), ids=LEARNERS)
def test_both_backends_learn_the_same(given, learn, tmp_path):
    from workbench.models import load_model
    from workbench.study import Study

    study = given.study
    model = load_model(tiny_path("llama"), backend="hooked")
    other = Ingredients(
        Study(model, study.text, study.task, study.source, study.target, tmp_path, study.settings)
    )
    one, two = learn(given, SHORT), learn(other, SHORT)
    for layer in one:
        scale = float(one[layer].bias_.abs().max())
        assert float((one[layer].bias_ - two[layer].bias_).abs().max()) < 1e-3 * scale


def test_answers_become_likelier_and_states_nearer(given):
    study = given.study
    how = Training(steps=20, batch=24)
    found = {"states": towards_states(given, how), "answers": towards_answers(given, how)}
    fit = given.labelled("sw")
    configurations = single_layers(found["answers"], "add_vector", (1.0,))
    table = sweep(study.model, fit, configurations, task="tiny", pair="sw-en")
    means = table.groupby(table.layer.fillna(-1)).margin.mean()
    assert (means.drop(-1) > means[-1] + 0.1).all()
    source, target = given.states()
    # A vector cannot but move the mean: it must carry it nearer to the target's, where it is put in.
    before = (source.mean(1) - target.mean(1)).norm(dim=-1)
    nearer = [
        float((source[at].mean(0) + map.bias_ - target[at].mean(0)).norm())
        for at, map in found["states"].items()
    ]
    assert all(now < float(before[at]) for at, now in zip(found["states"], nearer, strict=True))


def test_broken_pairs_teach_another_vector(given):
    one, other = towards_states(given, SHORT), towards_states(given.broken(), SHORT)
    assert not torch.allclose(one[LAYER].bias_, other[LAYER].bias_, atol=1e-4)


def test_generated_answers_teach_as_well(given):
    study = given.study
    items = tuple(
        AnswerExample(e.id, e.prompt, (e.choices[e.answer].strip(), "never"), e.language, e.split)
        for e in study.task.all
    )
    answering = Ingredients(replace(study, task=AnswerTask("said", items, "exact_match")))
    readings = read_labelled(answering)
    assert [len(reading.choices) for reading in readings] == [1] * 24
    decoded = [study.model.tokens.decode(reading.choices[0]) for reading in readings]
    assert decoded == [f" {item.answers[0]}" for item in answering.labelled("sw")]
    assert set(towards_answers(answering, SHORT)) == {0, 1, 2, 3}


def test_without_solved_items_there_is_nothing_to_learn_from(given):
    dev = tuple(e for e in given.study.task.all if e.split != "fit")
    bare = Ingredients(replace(given.study, task=ChoiceTask("bare", dev)))
    with pytest.raises(NotApplicable, match="bare has no fit items in sw"):
        RECIPES["learned_vector_answers"].configurations(bare)
