"""Captured states against Hugging Face's own, whatever the batches, padding and order."""

from functools import cache

import numpy as np
import pytest
import torch
import transformers as hf
from tiny_models import CELLS, HAS_HOOKED, sentences, tiny

from workbench.core.errors import InputError, SiteError
from workbench.core.types import Site
from workbench.states import capture, fitting
from workbench.text import ParallelText

TEXT = ParallelText({"en": sentences(24, seed=1), "sw": sentences(24, seed=2)})

CUTS = [
    {"batch_tokens": 1},
    {"batch_tokens": 60, "padding": "left"},
    {"batch_tokens": 200, "in_length_order": False},
    {"batch_tokens": 200, "in_length_order": False, "padding": "left"},
    {"batch_tokens": 5000},
]


@cache
def hugging_face(source, attention):
    """The Hugging Face model, loaded once."""
    return hf.AutoModelForCausalLM.from_pretrained(source, attn_implementation=attention).eval()


@cache
def hidden_states(model, text):
    """`[layer pos d_model]` of one sentence, from the Hugging Face model alone."""
    causal = hugging_face(model.info.source, model.info.attention or "eager")
    lists = (m for m in causal.modules() if isinstance(m, torch.nn.ModuleList))
    blocks = next(blocks for blocks in lists if len(blocks) == model.info.n_layers)
    ids = model.tokens.encode([text])[0]
    top = {}
    # The last of Hugging Face's hidden states is after the final norm: take the block's own output.
    handle = blocks[-1].register_forward_hook(lambda m, a, out: top.update(h=out))
    with torch.inference_mode():
        states = causal(torch.tensor([ids]), output_hidden_states=True).hidden_states
    handle.remove()
    last = top["h"][0] if isinstance(top["h"], tuple) else top["h"]
    return torch.cat([*states[1:-1], last])


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_states_equal_hugging_face(cell):
    model = tiny(*cell)
    expected = torch.stack([hidden_states(model, text)[:, -1] for text in TEXT["en"]], dim=1)
    for cut in CUTS:
        found = capture(model, TEXT, ["en"], store=None, **cut)["en"]
        assert found.shape == (4, 24, 32)
        assert (found - expected).abs().max() < 1e-5 * expected.abs().max(), cut


@pytest.mark.skipif(not HAS_HOOKED, reason="TransformerLens 4 has no HookedTransformer")
@pytest.mark.parametrize("architecture", [a for a, backend in CELLS if backend == "hooked"])
def test_states_equal_run_with_cache(architecture):
    model = tiny(architecture, "hooked")
    found = capture(model, TEXT, ["sw"], sites=["resid_pre", "resid_post"], store=None)
    for row, text in enumerate(TEXT["sw"][:6]):
        ids = torch.tensor(model.tokens.encode([text]))
        with torch.inference_mode():
            _, cache = model.hooked_transformer.run_with_cache(ids)
        for site in found.sites:
            expected = cache[site.component, site.layer][0, -1]
            error = (found.at(site, "sw")[row] - expected).abs().max()
            assert error < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("pool", ["mean", "weighted_mean", "all"])
@pytest.mark.parametrize("architecture", ["gpt2", "mistral", "bloom"])
def test_pools_equal_their_formulas(architecture, pool, cut):
    model = tiny(architecture)
    acts = capture(model, TEXT, ["en"], sites="resid_post.2", pool=pool, store=None, **cut)
    for row, text in enumerate(TEXT["en"]):
        h = hidden_states(model, text)[2, 1:].numpy()  # without the BOS
        found = acts["en"][0, acts.tokens("en", row)].numpy()
        if pool == "mean":
            expected = h.mean(0, keepdims=True)
        elif pool == "weighted_mean":
            weight = np.arange(1, len(h) + 1)
            expected = (weight[:, None] * h).sum(0, keepdims=True) / weight.sum()
        else:
            expected = h
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_positions_say_which_tokens_count():
    model = tiny("llama")
    one = ParallelText({"en": ["water tree"]})
    h = hidden_states(model, "water tree")[3]
    everything = capture(model, one, sites="resid_post.3", pool="mean", positions="all", store=None)
    content = capture(model, one, sites="resid_post.3", pool="mean", store=None)
    assert torch.allclose(everything["en"][0, 0], h.mean(0), atol=1e-5)
    assert torch.allclose(content["en"][0, 0], h[1:].mean(0), atol=1e-5)


def test_a_template_is_captured_at_its_end_or_in_its_middle():
    model = tiny("llama")
    template, text = "Say {text} now", "the water"
    one = ParallelText({"en": [text]})
    h = hidden_states(model, "Say the water now")[3]
    flags = model.tokens.encode_in(template, [text])[0].sentence
    inside = [place for place, flag in enumerate(flags) if flag]
    options = {"sites": "resid_post.3", "template": template, "store": None}
    at_end = capture(model, one, **options)["en"][0, 0]
    in_sentence = capture(model, one, positions="sentence", **options)["en"][0, 0]
    assert torch.allclose(at_end, h[-1], atol=1e-5)
    assert torch.allclose(in_sentence, h[inside[-1]], atol=1e-5)
    assert not torch.allclose(at_end, in_sentence, atol=1e-2)


def test_sites_of_several_kinds_and_layers():
    model = tiny("llama")
    sites = ["embed", "mlp_act.1", "mlp_act.3", "resid_pre", "head_out.0"]
    acts = capture(model, TEXT, ["en"], sites=sites, store=None)
    assert acts.components == ("embed", "mlp_act", "resid_pre", "head_out")
    assert acts.layers("mlp_act") == (1, 3)
    assert acts.states("en", "mlp_act").shape == (2, 24, 64)
    assert acts.states("en", "resid_pre").shape == (4, 24, 32)
    alone = capture(model, TEXT, ["en"], sites="mlp_act.3", store=None)
    assert torch.allclose(acts.at("mlp_act.3", "en"), alone["en"][0], atol=1e-6)
    with pytest.raises(SiteError, match="which component"):
        acts["en"]
    with pytest.raises(SiteError, match="not captured"):
        acts.at("resid_post.0", "en")


def test_nothing_above_the_last_wanted_layer_runs():
    model = tiny("llama")
    ran = []
    inside = model._blocks[2].mlp.original_component
    handle = inside.register_forward_hook(lambda m, a, out: ran.append(2))
    try:
        capture(model, TEXT, ["en"], sites=["resid_post.0", "resid_post.1"], store=None)
        assert not ran
        capture(model, TEXT, ["en"], sites="resid_post.2", store=None)
        assert ran
    finally:
        handle.remove()


def test_no_logits_are_computed():
    model = tiny("llama")
    ran = []
    handle = model.bridge.unembed.register_forward_hook(lambda m, a, out: ran.append(1))
    try:
        capture(model, TEXT, ["en"], store=None)
    finally:
        handle.remove()
    assert not ran


def test_memory_running_out_halves_the_batches(monkeypatch):
    model = tiny("llama")
    expected = capture(model, TEXT, ["en"], store=None)["en"]
    tried = []
    real = type(model).batch

    def small_only(self, token_lists, padding="right"):
        size = max(map(len, token_lists)) * len(token_lists)
        tried.append(size)
        if size > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, token_lists, padding)

    monkeypatch.setattr(type(model), "batch", small_only)
    found = capture(model, TEXT, ["en"], batch_tokens=1000, store=None)["en"]
    assert torch.allclose(found, expected, atol=1e-5)
    # After the first failures it knows, and no batch that is too large is tried again.
    too_large = [i for i, size in enumerate(tried) if size > 100]
    assert len(too_large) <= 4 and max(too_large) < 6


def test_another_error_is_not_taken_for_lack_of_memory(monkeypatch):
    model = tiny("llama")

    def broken(*args, **kwargs):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(type(model), "batch", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        capture(model, TEXT, ["en"], store=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool": "means"}, "did you mean 'mean'"),
        ({"positions": "contents"}, "did you mean 'content'"),
        ({"dtype": "int8"}, "unknown dtype"),
        ({"sites": "resid_pots"}, "did you mean 'resid_post'"),
        ({"sites": "resid_post.4"}, "layers 0 … 3"),
        ({"sites": []}, "no sites"),
        ({"languages": ["de"]}, "de"),
        ({"batch_tokens": -1}, "at least 1"),
    ],
)
def test_wrong_words_are_named(options, message):
    with pytest.raises((InputError, SiteError), match=message):
        capture(tiny("llama"), TEXT, store=None, **options)


def test_sentences_that_cannot_be_captured_are_named():
    model = tiny("llama")
    with pytest.raises(InputError, match=r"sentence 1 in en has \d+ tokens.*takes 256"):
        capture(model, ParallelText({"en": ["a", "Z" * 400]}), store=None)
    with pytest.raises(InputError, match=r"sentence 0 in en has no token"):
        capture(model, ParallelText({"en": ["</s>"]}), pool="mean", store=None)


def test_rows_that_fit_are_kept_in_all_languages():
    text = ParallelText({"en": ["a", "Z" * 400, "b"], "sw": ["c", "d", "Q" * 400]})
    assert fitting(tiny("llama"), text).sentences == {"en": ("a",), "sw": ("c",)}
    assert fitting(tiny("bloom"), text) == text  # ALiBi has no limit
    nearly = ParallelText({"en": ["a", "Z" * 250]})
    assert len(fitting(tiny("llama"), nearly)) == 2
    assert len(fitting(tiny("llama"), nearly, "x y z Q W K V B: {text}")) == 1


def test_half_precision_is_stored_when_asked():
    model = tiny("llama")
    half = capture(model, TEXT, ["en"], dtype="bfloat16", store=None)["en"]
    full = capture(model, TEXT, ["en"], store=None)["en"]
    assert half.dtype == torch.bfloat16
    assert torch.equal(half, full.to(torch.bfloat16))


def test_progress_reaches_its_end():
    seen = []
    capture(tiny("llama"), TEXT, batch_tokens=50, store=None, progress=lambda *step: seen.append(step))
    for language in ("en", "sw"):
        steps = [(done, total) for what, done, total in seen if what == f"capture {language}"]
        assert steps == sorted(steps) and len(steps) > 3
        assert steps[-1][0] == steps[-1][1]


def test_the_description_says_what_it_holds():
    acts = capture(tiny("llama"), TEXT, store=None)
    assert repr(acts).startswith("Activations(24 sentences, en sw; resid_post × 4; last; ")
    assert acts.sites == tuple(Site(layer) for layer in range(4))
    with pytest.raises(InputError, match="there are en, sw"):
        acts["fr"]
