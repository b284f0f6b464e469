"""A day's work with `import workbench as wb` alone: each line of the public face runs as it is written."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
from organism_models import FAR, MAIN, tiny_organism
from tiny_models import HAS_HOOKED, sentences, tiny

import workbench as wb


@pytest.fixture(scope="module")
def model():
    return wb.load_model(tiny_organism().folder)


@pytest.fixture(scope="module")
def text():
    return tiny_organism().text().only([FAR, MAIN])


@pytest.fixture(scope="module")
def states(model, text):
    return wb.capture(model, text, store=None)


@pytest.fixture(scope="module")
def run(model, text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    wb.tasks.write_choices(folder / "exact.tsv", tiny_organism().task("exact"))
    settings = wb.Settings(
        aligners=("ridge", "mean_shift", "shuffled_pairs"),
        headline="ridge",
        interventions=("replace",),
        strengths=(1.0,),
    )
    return wb.diagnose(
        model, text, f"choices:{folder / 'exact.tsv'}", f"{FAR}-{MAIN}", folder / "run", settings
    )


def test_states_draw_their_similarity(states):
    table = states.cka(FAR, MAIN)
    assert set(table.measure) == {"cka_debiased"}
    assert list(table.layer) == list(states.layers())
    assert isinstance(table.plot(), go.Figure)
    assert isinstance(table[table.layer > 0].plot("similarity"), go.Figure)


def test_a_run_is_diagnosed_opened_and_drawn(run):
    assert isinstance(run.plot("layers"), go.Figure)
    assert isinstance(wb.open_run(run.folder).plot("aligners"), go.Figure)
    assert isinstance(wb.plot(run.folder, "aligners"), go.Figure)
    assert isinstance(wb.plot(run.tables["similarity"], "alignment"), go.Figure)
    assert repr(run).startswith("Run(") and len(repr(run)) < 300


def test_a_task_and_a_pair_may_be_named(model, tmp_path):
    with pytest.raises(wb.WorkbenchError, match="unknown task 'xcopaa'"):
        wb.diagnose(model, {FAR: ["a"], MAIN: ["b"]}, "xcopaa", f"{FAR}-{MAIN}", tmp_path)
    with pytest.raises(wb.WorkbenchError, match="no pair 'sw-en': write source-target"):
        wb.diagnose(model, {FAR: ["a"], MAIN: ["b"]}, tiny_organism().task("exact"), "sw-en", tmp_path)


def test_measures_of_states_and_of_arrays_agree(states):
    of_states = wb.measure(states, FAR, MAIN, rows=range(30))
    arrays = [states[code][:, :30].numpy() for code in (FAR, MAIN)]
    of_arrays = wb.measure(*arrays)
    assert list(of_states.measure.unique()) == list(wb.measures.METRICS)
    np.testing.assert_array_equal(of_states.value, of_arrays.value)
    one_layer = wb.measure(pd.DataFrame(arrays[0][1]), torch.tensor(arrays[1][1]), measures="csls")
    assert one_layer.value.item() == of_states.query("measure == 'csls' and layer == 1").value.item()


def test_a_table_of_measures_has_the_columns_of_a_run(states, run):
    assert list(wb.measure(states).columns) == list(run.tables["similarity"].columns)


def cached(raw, model, text, code):
    """What a user has who ran TransformerLens: the cache, and the sentences' lengths in tokens."""
    batch = model.batch(model.tokens.encode(list(text[code])))
    with torch.no_grad():
        _, cache = raw.run_with_cache(batch.ids)
    return cache, batch.mask.sum(1)


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_activations_come_from_a_cache(model, text, pool):
    caches, lengths = {}, {}
    for code in text.languages:
        caches[code], lengths[code] = cached(model.bridge, model, text, code)
    states = wb.Activations.from_cache(caches, lengths=lengths, pool=pool)
    ours = wb.capture(model, text, pool=pool, positions="all", store=None)
    for code in text.languages:
        torch.testing.assert_close(states[code], ours[code], atol=1e-4, rtol=1e-4)
    assert states.digest and states.layers() == ours.layers()
    both = wb.Activations.from_cache(caches, lengths, sites=["resid_post.1", "mlp_out"])
    assert both.components == ("resid_post", "mlp_out")


def test_a_cache_of_several_sentences_needs_their_lengths(model, text):
    cache, lengths = cached(model.bridge, model, text, FAR)
    with pytest.raises(wb.WorkbenchError, match="does not say where padding begins"):
        wb.Activations.from_cache({FAR: cache})
    with pytest.raises(wb.WorkbenchError, match="must be 40 numbers of tokens"):
        wb.Activations.from_cache({FAR: cache}, {FAR: lengths[:3]})
    with pytest.raises(wb.WorkbenchError, match="one cache for each language"):
        wb.Activations.from_cache(cache)
    one = {name: value[:1, : lengths[0]] for name, value in cache.items() if name.endswith("resid_post")}
    assert wb.Activations.from_cache({FAR: one})[FAR].shape[1] == 1
    with pytest.raises(wb.WorkbenchError, match="does not hold mlp_out: it holds resid_post"):
        wb.Activations.from_cache({FAR: one}, sites="mlp_out")


def test_left_padding_ends_where_the_sentence_does(model, text):
    batch = model.batch(model.tokens.encode(list(text[FAR])), padding="left")
    cache = {"blocks.0.hook_resid_post": batch.positions[..., None].float()}
    states = wb.Activations.from_cache({FAR: cache}, {FAR: batch.mask.sum(1)}, padding="left")
    assert states[FAR][0, :, 0].tolist() == (batch.mask.sum(1) - 1).tolist()


def test_activations_come_from_arrays():
    X = np.random.default_rng(0).normal(size=(3, 12, 5)).astype(np.float32)
    states = wb.Activations.from_arrays({"sw": X, "en": torch.tensor(X)})
    assert repr(states) == "Activations(12 sentences, sw en; resid_post × 3; given; arrays)"
    assert torch.equal(states["swh"], states.at("resid_post.2", "en").new_tensor(X))
    with pytest.raises(wb.WorkbenchError, match="'en' has 3 layers of 11 sentences, but 'sw' 3 of 12"):
        wb.Activations.from_arrays({"sw": X, "en": X[:, :11]})
    with pytest.raises(wb.WorkbenchError, match="name two of sw, en"):
        states.cka("sw")
    with pytest.raises(wb.WorkbenchError, match="'de' was not captured: there are sw, en"):
        states.cka("sw", "de")


@pytest.mark.skipif(not HAS_HOOKED, reason="TransformerLens 4 has no HookedTransformer")
def test_a_model_is_wrapped_on_the_way():
    wrapped = tiny("llama", "hooked")
    lines = list(sentences(4))
    states = wb.capture(wrapped.hooked_transformer, lines, store=None)
    assert states.languages == ("x-text",)
    named = wb.capture(wrapped, lines, "sw", store=None)
    assert torch.equal(states["x-text"], named["sw"])
    with pytest.raises(wb.WorkbenchError, match="is of one language, not of sw, en"):
        wb.capture(wrapped, lines, ["sw", "en"], store=None)
    batch = wrapped.batch(wrapped.tokens.encode(lines))
    _, cache = wrapped.hooked_transformer.run_with_cache(batch.ids)
    same = wb.Activations.from_cache({"sw": cache}, lengths={"sw": batch.mask.sum(1)})
    torch.testing.assert_close(same["sw"], named["sw"], atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def patch_file(model, states, tmp_path_factory):
    """A patch that moves every answer: the map of shuffled pairs."""
    maps = wb.fit_layers(wb.align.ShuffledPairs(wb.align.Ridge()), states[FAR], states[MAIN], range(40))
    configuration = wb.sweeps.Configuration("shuffled_pairs", wb.Site(1), maps[1], "add_mapped", 1.0)
    path = tmp_path_factory.mktemp("patch") / "patch.safetensors"
    card = {"model": "organism", "pair": f"{FAR}-{MAIN}", "weights_digest": model.weights_digest}
    wb.study.save_patch(configuration, path, card)
    return path


def test_a_patch_is_put_on_a_model(patch_file, model):
    saved = wb.load_patch(patch_file)
    assert len(repr(saved)) < 200
    prompts = [item.prompt for item in tiny_organism().task("exact").examples(FAR, "test")[:12]]
    clean = [model.generate(prompt, 3) for prompt in prompts]
    with saved.on(model):
        patched = [model.generate(prompt, 3) for prompt in prompts]
    assert [model.generate(prompt, 3) for prompt in prompts] == clean
    wanted = []
    for prompt in prompts:
        batch = model.batch(model.tokens.encode([prompt]), padding="left")
        with wb.intervene.applied(model, saved.patches, batch):
            wanted.append(model.tokens.decode(model.generate(batch, 3)[0]))
    assert patched == wanted
    assert patched != clean
    with saved.on(model.bridge):  # the user's own object, patched as it is called
        logits = model.bridge(torch.tensor(model.tokens.encode(prompts[:1])))[0, -1]
    batch = model.batch(model.tokens.encode(prompts[:1]))
    with wb.intervene.applied(model, saved.patches, batch):
        torch.testing.assert_close(logits, model.run(batch)[0, -1])
    with pytest.raises(wb.WorkbenchError, match="one prompt at a time, not 2"), saved.on(model):
        model.run(model.batch(model.tokens.encode(prompts[:2])))


@pytest.mark.skipif(not HAS_HOOKED, reason="TransformerLens 4 has no HookedTransformer")
@pytest.mark.parametrize("cache", [True, False])
def test_a_patch_is_put_on_a_hooked_transformer(cache):
    wrapped, prompt = tiny("llama", "hooked"), "the cat sat on"
    raw, width = wrapped.hooked_transformer, wrapped.info.d_model
    shift = wb.intervene.AddVector(3 * torch.randn(width, generator=torch.Generator().manual_seed(0)))
    patches = (wb.intervene.Patch(wb.Site(1), shift),)
    saved = wb.study.SavedPatch(patches, False, {"weights_digest": wrapped.weights_digest})
    tokens = torch.tensor(wrapped.tokens.encode([prompt]))
    how = {"max_new_tokens": 4, "do_sample": False, "use_past_kv_cache": cache, "verbose": False}
    batch = wrapped.batch(tokens.tolist(), padding="left")
    with wb.intervene.applied(wrapped, patches, batch):
        wanted = wrapped.generate(batch, 4)[0]
    with saved.on(raw):
        for _ in range(2):  # the second begins a prompt of its own
            found = raw.generate(tokens, stop_at_eos=False, **how)[0, tokens.shape[1] :].tolist()
            assert found[: len(wanted)] == wanted
    assert wrapped.generate(batch, 4)[0] != wanted


def test_a_patch_that_no_run_met_is_an_error(patch_file, model):
    saved = wb.load_patch(patch_file)
    with pytest.raises(wb.WorkbenchError, match="never fired"), saved.on(model):
        pass


FORMS = {
    "numpy": lambda X: X.numpy(),
    "pandas": lambda X: pd.DataFrame(X.numpy()),
    "read-only": lambda X: np.broadcast_to(X.numpy(), X.shape),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", [*wb.align.ALIGNERS, *wb.align.CONTROLS])
def test_aligners_take_any_form_of_numbers(name, form):
    generator = torch.Generator().manual_seed(0)
    X, Y = (torch.randn(30, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    kind = {**wb.align.ALIGNERS, **wb.align.CONTROLS}[name]
    make = (lambda: kind(wb.align.Ridge())) if "aligner" in kind._names() else kind
    expected = make().fit(X, Y).transform(X)
    assert torch.equal(make().fit(form(X), form(Y)).transform(form(X)), expected)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", [*wb.measures.METRICS, *wb.measures.MORE_METRICS])
def test_measures_take_any_form_of_numbers(name, form):
    generator = torch.Generator().manual_seed(0)
    X, Y = (torch.randn(40, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    metric = {**wb.measures.METRICS, **wb.measures.MORE_METRICS}[name]
    assert metric(form(X), form(Y)) == metric.function(form(X), form(Y)) == metric(X, Y)


def test_maps_and_statistics_take_any_form_of_numbers():
    X = np.random.default_rng(0).normal(size=(2, 30, 4))
    maps = wb.fit_layers(wb.align.Ridge(), X, X, range(20))
    assert maps.held_out(X, torch.tensor(X), range(20, 30))[0] > 0.99
    values = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0, 1.0], requires_grad=True)
    assert (
        wb.stats.mean_interval(values).estimate == wb.stats.mean_interval(pd.Series(values.tolist())).estimate
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda model: wb.capture("gpt2", {"sw": ["a"]}),
            r"'gpt2' is the name of a model.*load_model\('gpt2'\)",
        ),
        (lambda model: wb.capture(object(), {"sw": ["a"]}), "cannot wrap a object"),
        (lambda model: wb.capture(model, "ntrex128"), r"'ntrex128' is a name, not a text.*wb.read"),
        (lambda model: wb.capture(model, 7), "a int does not say its languages"),
        (lambda model: wb.capture(model, {"sw": ["a"]}, ["en"]), "the text has no 'en': it has sw"),
        (lambda model: wb.measure([["a"]], [["b"]]), "must be numbers"),
        (lambda model: wb.measure(np.ones((3, 2))), "give Activations and two languages"),
        (lambda model: wb.plot(3, "layers"), "not from a int"),
        (lambda model: wb.plot(pd.DataFrame(), "layer"), "did you mean 'layers'"),
        (lambda model: wb.align.Ridge().fit("X", "Y"), "X must be numbers"),
        (lambda model: model.generate(["a"]), "one prompt as a string or a padded batch"),
        (lambda model: wb.diagnose(model, ["a"], "starter", "sw-en"), "a list does not say its languages"),
        (lambda model: wb.diagnose(model, None, 3, "sw-en"), "a int is no task"),
    ],
)
def test_a_wrong_type_is_told_in_one_sentence_with_the_remedy(model, call, message):
    with pytest.raises(wb.WorkbenchError, match=message):
        call(model)


def test_things_say_in_short_what_they_are(model, text, states):
    task = tiny_organism().task("exact").only([FAR, MAIN])
    maps = wb.fit_layers(wb.align.Ridge(), states[FAR], states[MAIN], range(30))
    patch = wb.intervene.Patch(wb.Site(1), wb.intervene.Replace(), maps[1].transform)
    for thing in (model, text, states, task, maps, patch):
        assert len(repr(thing)) < 120, repr(thing)
    assert repr(task) == f"ChoiceTask({task.name}; {FAR} {MAIN}; 40 fit, 16 dev, 20 test items)"
    assert repr(patch) == "Patch(Replace at resid_post.1, strength 1, last)"
