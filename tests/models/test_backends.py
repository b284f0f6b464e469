"""Every architecture through every backend, against the Hugging Face model it comes from."""

from types import SimpleNamespace

import pytest
import torch
import transformers as hf
from tiny_models import CELLS, HAS_HOOKED, REFUSED, sentences, tiny, tiny_path
from torch import Tensor

from workbench.core.errors import HookError, InputError, ModelError, SiteError
from workbench.core.types import COMPONENTS, Site
from workbench.models import Forked, TokenTree, load_model
from workbench.models.bridge import BRIDGED_FROM_4
from workbench.models.reading import text_model

EXPERTS = ("qwen3_moe", "mixtral")
"""Mixtures of experts: which neurons a token has differs from token to token."""


@pytest.fixture(params=CELLS, ids="-".join)
def model(request):
    return tiny(*request.param)


def mixed_batch(model, padding="right"):
    return model.batch(model.tokens.encode(sentences(6)), padding)


def read_sites(model, batch, sites, **options):
    seen: dict[Site, Tensor] = {}

    def look(site):
        def hook(h):
            seen[site] = h.clone()

        return hook

    with torch.inference_mode():
        model.run(batch, hooks={site: look(site) for site in sites}, **options)
    return seen


def plain(model):
    kernel = model.info.attention or "eager"
    return hf.AutoModelForCausalLM.from_pretrained(model.info.source, attn_implementation=kernel).eval()


def test_logits_are_those_of_hugging_face_under_both_paddings(model):
    causal = plain(model)
    tokens = model.tokens.encode(sentences(6))
    for padding in ("right", "left"):
        batch = model.batch(tokens, padding)
        with torch.inference_mode():
            logits = model.run(batch)
            rows = torch.arange(len(batch))
            last = logits[rows, batch.last]
            expected = torch.stack([causal(torch.tensor([ids])).logits[0, -1] for ids in tokens])
        assert (last - expected).abs().max() < 5e-5


def test_the_self_check_recorded_small_differences(model):
    assert model.info.self_check["logits"] < 5e-5
    assert model.info.self_check["unembed"] < 5e-5
    if model.info.backend == "bridge":
        assert model.unwrapping_is_exact
        assert model.info.self_check["unwrapped"] < 1e-5


def test_parts_of_a_block_add_up(model):
    parts = ("resid_pre", "attn_out", "mlp_out", "resid_post")
    layers = range(model.info.n_layers)
    seen = read_sites(model, mixed_batch(model), [Site(i, c) for i in layers for c in parts])
    for layer in layers:
        pre, attn, mlp, post = (seen[Site(layer, name)] for name in parts)
        assert torch.allclose(pre + attn + mlp, post, atol=2e-6)
        assert not torch.allclose(pre + attn, post, atol=1e-3)


def test_layers_follow_each_other(model):
    seen = read_sites(model, mixed_batch(model), [Site(1, "resid_post"), Site(2, "resid_pre")])
    assert torch.equal(seen[Site(1, "resid_post")], seen[Site(2, "resid_pre")])


def norms_embedding_first(model):
    return (model.info.backend, model.info.architecture) == ("hooked", "bloom")


def test_all_components_have_axes_batch_pos_width(model):
    batch = mixed_batch(model)
    sites = [Site(0 if name == "embed" else 1, name) for name in COMPONENTS]
    if norms_embedding_first(model):
        sites.remove(Site(0, "embed"))
    if model.info.architecture in EXPERTS:
        sites.remove(Site(1, "mlp_act"))
        with pytest.raises(SiteError, match=r"no site mlp_act\.1"):
            model.check_site(Site(1, "mlp_act"))
    for site, value in read_sites(model, batch, sites).items():
        assert value.shape[:2] == batch.ids.shape, site
        assert value.ndim == 3


def test_embed_is_the_token_embedding_alone(model):
    batch = mixed_batch(model)
    if norms_embedding_first(model):
        with pytest.raises(SiteError, match=r'backend="bridge"'):
            model.check_site(Site(0, "embed"))
        return
    found = read_sites(model, batch, [Site(0, "embed")])[Site(0, "embed")]
    with torch.inference_mode():
        expected = plain(model).get_input_embeddings()(batch.ids)
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_run_in_two_parts_is_the_whole_run(model):
    batch = mixed_batch(model, "left")
    with torch.inference_mode():
        whole = model.run(batch)
        for cut in range(1, model.info.n_layers):
            halfway = model.run(batch, stop=cut, head=False)
            logits = model.run(batch, start=cut, residual=halfway)
            real = batch.mask
            assert torch.allclose(logits[real], whole[real], atol=2e-6)


def test_layers_left_out_do_no_work(model):
    batch = mixed_batch(model)
    with torch.inference_mode():
        residual = model.run(batch, stop=2, head=False)
    ran: list[int] = []
    points = [model.point(Site(layer, "mlp_out")) for layer in range(model.info.n_layers)]
    handles = [
        point.register_forward_hook(lambda m, a, o, layer=layer: ran.append(layer))
        for layer, point in enumerate(points)
    ]
    try:
        with torch.inference_mode():
            model.run(batch, start=2, residual=residual)
            assert set(ran) == {2, 3}
            ran.clear()
            model.run(batch, stop=1, head=False)
            assert set(ran) == {0}
    finally:
        for handle in handles:
            handle.remove()


def test_a_hook_changes_the_run_and_is_gone_afterwards(model):
    batch = mixed_batch(model)
    site = Site(1, "resid_post")
    with torch.inference_mode():
        before = model.run(batch)
        changed = model.run(batch, hooks={site: lambda h: h.flip(-1)})
        same = model.run(batch, hooks={site: lambda h: h})
        after = model.run(batch)
    assert not torch.allclose(changed, before, atol=1e-4)
    assert torch.equal(same, before)
    assert torch.equal(after, before)


def test_heads_and_neurons_can_be_changed_too(model):
    batch = mixed_batch(model)
    with torch.inference_mode():
        before = model.run(batch)
        own = () if model.info.architecture in EXPERTS else ("mlp_act",)
        for name in ("head_out", *own, "attn_out", "mlp_out", "resid_pre"):
            changed = model.run(batch, hooks={Site(1, name): lambda h: h * 1.5})
            assert not torch.allclose(changed, before, atol=1e-5), name
        assert torch.equal(model.run(batch), before)


def test_hooks_come_off_after_an_exception(model):
    batch = mixed_batch(model)
    with torch.inference_mode():
        before = model.run(batch)

        def broken(h):
            raise ZeroDivisionError

        for options in ({"hooks": {Site(1): broken}}, {"hooks": {Site(1): broken}, "head": False}):
            with pytest.raises(ZeroDivisionError):
                model.run(batch, **options)
        with pytest.raises(ZeroDivisionError), model.reading({Site(1): broken}) as read:
            read(batch)
        assert torch.equal(model.run(batch), before)


def test_a_hook_that_never_fires_is_an_error(model):
    batch = mixed_batch(model)
    with torch.inference_mode(), pytest.raises(HookError, match=r"resid_post\.3 never fired"):
        model.run(batch, hooks={Site(3): lambda h: h}, stop=2, head=False)
    with pytest.raises(HookError, match="never fired"), model.reading({Site(3): lambda h: None}):
        pass


def test_reading_sees_what_running_sees(model):
    batch = mixed_batch(model)
    sites = [Site(0, "embed"), Site(1, "resid_pre"), Site(2, "resid_post"), Site(3, "resid_post")]
    if norms_embedding_first(model):
        sites = sites[1:]
    ran = read_sites(model, batch, sites)
    seen: dict[Site, Tensor] = {}

    def look(site):
        def hook(h):
            seen[site] = h.clone()

        return hook

    with torch.inference_mode(), model.reading({s: look(s) for s in sites}) as read:
        read(batch)
    for site in sites:
        # What a pad position holds is nobody's business.
        ours, theirs = seen[site][batch.mask], ran[site][batch.mask]
        assert (ours - theirs).abs().max() < 1e-6 * theirs.abs().max(), site


def test_someone_elses_hook_is_obeyed_while_reading(model):
    # An edit that the user made to the model must show in what is captured from it.
    batch = mixed_batch(model)
    seen = []
    handle = model.point(Site(1)).register_forward_hook(lambda m, a, out: out + 1.0)
    try:
        with torch.inference_mode(), model.reading({Site(2, "resid_pre"): lambda h: seen.append(h)}) as read:
            read(batch)
    finally:
        handle.remove()
    clean = read_sites(model, batch, [Site(2, "resid_pre")])[Site(2, "resid_pre")]
    assert torch.allclose(seen[0], clean + 1.0, atol=1e-5)


def test_wrong_sites_and_ranges_are_named(model):
    batch = mixed_batch(model)
    with pytest.raises(SiteError, match=r"layers 0 … 3"):
        model.check_site(Site(4))
    with pytest.raises(SiteError, match=r"layers 0 … 3"):
        model.run(batch, hooks={Site(0): lambda h: None, Site(4): lambda h: None})
    with pytest.raises(SiteError), model.reading({Site(0): lambda h: None, Site(4): lambda h: None}):
        pass
    with pytest.raises(InputError, match="residual"):
        model.run(batch, start=1)
    with pytest.raises(InputError, match="head=False"):
        model.run(batch, stop=1)
    with pytest.raises(InputError, match="layers 0 … 3"):
        model.run(batch, stop=9, head=False)


def test_weights_digest_tells_models_apart(model):
    again = load_model(model.info.source, backend=model.info.backend)
    assert again.weights_digest == model.weights_digest
    point = next(weight for _, weight in again.parameters())
    with torch.no_grad():
        point.view(-1)[0] += 1e-3
    del again.__dict__["weights_digest"]
    assert again.weights_digest != model.weights_digest


@pytest.mark.skipif(not HAS_HOOKED, reason="TransformerLens 4 has no HookedTransformer")
class TestHooked:
    @pytest.mark.parametrize("architecture", REFUSED)
    def test_what_it_does_not_cover_is_refused_by_name(self, architecture):
        with pytest.raises(ModelError, match=r'covers bloom, gpt2.*backend="bridge"'):
            load_model(tiny_path(architecture), backend="hooked")

    def test_both_backends_hold_the_same_stream(self):
        sites = [Site(layer) for layer in range(4)]
        a, b = tiny("llama"), tiny("llama", "hooked")
        ours, theirs = (read_sites(m, mixed_batch(m), sites) for m in (a, b))
        for site in sites:
            assert torch.allclose(ours[site], theirs[site], atol=1e-5)


@pytest.mark.skipif(HAS_HOOKED, reason="TransformerLens 3 has HookedTransformer")
def test_without_hooked_transformer_the_remedy_is_named():
    with pytest.raises(ModelError, match=r'backend="bridge"'):
        load_model(tiny_path("llama"), backend="hooked")


@pytest.mark.parametrize("architecture", [name for name, backend in CELLS if backend == "bridge"])
def test_looking_takes_the_short_way(architecture):
    # TransformerLens 4 hooks these two itself, so there the bridge's own hook points are used.
    hooked_at_boot = not HAS_HOOKED and architecture in ("opt", "xglm")
    assert tiny(architecture)._hooked_by_others() == hooked_at_boot


def test_generation_with_a_cache_is_generation_without(model, monkeypatch):
    tokens = model.tokens.encode(sentences(4, seed=3))
    batch = model.batch(tokens, "left")
    monkeypatch.setattr(type(model), "ends", frozenset())
    found = model.generate(batch, 6)
    assert model.generate(model.batch(tokens, "left"), 6) == found
    for ids, said in zip(tokens, found, strict=True):
        for n in range(6):
            with torch.no_grad():
                logits = model.run(model.batch([ids + said[:n]]))
            assert int(logits[0, -1].argmax()) == said[n]
    # A text ends before its end token, whatever the others do.
    end = found[0][2]
    monkeypatch.setattr(type(model), "ends", frozenset([end]))
    cut = [said[: said.index(end)] if end in said else said for said in found]
    assert model.generate(batch, 6) == cut
    with pytest.raises(InputError, match="pad the batch on the left"):
        model.generate(model.batch(tokens, "right"), 6)
    if model.info.n_ctx is not None:
        with pytest.raises(InputError, match="ask for fewer tokens"):
            model.generate(batch, model.info.n_ctx)


def test_trees_can_start_and_stop_anywhere(model):
    tree = tree_of_one(model)
    if model.tree_refused():
        with pytest.raises(InputError, match="no tree of tokens"):
            model.run_tree(tree, {}, start=0)
        return
    with torch.no_grad():
        whole = model.run_tree(tree, {Site(2): lambda h: 2 * h})
        below = model.run_tree(tree, {}, stop=2)
        above = model.run_tree(tree, {Site(2): lambda h: 2 * h}, start=2, residual=below)
    assert torch.equal(whole, above)
    assert not torch.allclose(whole, below)
    with torch.no_grad(), pytest.raises(HookError, match="never fired"):
        model.run_tree(tree, {Site(1): lambda h: h}, start=2, residual=below)
    with pytest.raises(InputError, match="residual"):
        model.run_tree(tree, {}, start=2)


def test_what_goes_on_behind_a_past_is_the_whole_tree(model):
    """The end of a row behind the keys and values of its beginning, from the bottom and from a layer up."""
    tree = tree_of_one(model)
    if reason := model.past_refused():
        with pytest.raises(InputError, match="no keys and values of"):
            model.remember(tree, {}, 3)
        assert reason
        return
    states = {}
    hooks = {Site(1): lambda h: states.__setitem__(1, h)}
    with torch.no_grad():
        whole, past = model.remember(tree, hooks, 3)
        end = TokenTree(tree.ids[:, 3:], tree.positions[:, 3:], tree.sees[:, 3:])
        behind = model.run_tree(end, {}, past=past)
        above = model.run_tree(end, {}, start=2, residual=states[1][:, 3:], past=past)
        again = model.run_tree(end, {}, start=2, residual=states[1][:, 3:], past=past)
    scale = float(whole.abs().max())
    assert torch.equal(whole, model.run_tree(tree, {}))
    assert float((behind - whole[:, 3:]).abs().max()) < 1e-5 * scale
    assert float((above - whole[:, 3:]).abs().max()) < 1e-5 * scale
    assert torch.equal(above, again), "a past is not added to"


def test_forked_prompts_are_run_once_and_choices_see_them(model):
    """Prompts of two lengths with choices of two lengths: as each whole text alone, also from a layer up."""
    if model.forked_refused():
        return
    prompts = [model.tokens.encode([text])[0] for text in sentences(2, seed=5)]
    prompts[1] = prompts[1][:-2]
    tails, owner = [prompts[0][1:4], prompts[0][2:3], prompts[1][1:3]], torch.tensor([0, 0, 1])
    forked = Forked(model.batch(prompts, "left"), model.batch(tails, "right"), owner)
    doubled = {Site(2): lambda h: 2 * h}
    with torch.no_grad():
        above, behind = model.run_forked(forked, doubled, doubled)
        below = model.run_forked(forked, {}, {}, stop=2)
        risen = model.run_forked(forked, doubled, doubled, start=2, residuals=below)
        for k, tail in enumerate(tails):
            prompt = prompts[int(owner[k])]
            alone = model.run(model.batch([[*prompt, *tail]]), hooks=doubled, head=False)[0]
            scale = float(alone.abs().max())
            for found in (above[owner[k], -len(prompt) :], risen[0][owner[k], -len(prompt) :]):
                assert float((found - alone[: len(prompt)]).abs().max()) < 1e-5 * scale
            for found in (behind[k, : len(tail)], risen[1][k, : len(tail)]):
                assert float((found - alone[len(prompt) :]).abs().max()) < 1e-5 * scale


def tree_of_one(model):
    ids = model.batch([model.tokens.encode(sentences(1, seed=5))[0]]).ids
    width = ids.shape[1]
    sees = torch.ones(1, width, width, dtype=torch.bool).tril()
    return TokenTree(ids, torch.arange(width)[None], sees)


@pytest.mark.parametrize("architecture", sorted(BRIDGED_FROM_4))
def test_what_transformer_lens_3_computes_otherwise_is_refused(architecture):
    if HAS_HOOKED:
        with pytest.raises(ModelError, match="transformer-lens>=4"):
            load_model(tiny_path(architecture))
    else:
        assert load_model(tiny_path(architecture)).info.architecture == architecture


def test_of_a_model_that_reads_images_the_text_model_is_taken_and_nothing_installed(monkeypatch):
    def install(*given, **options):
        raise AssertionError(f"a program was started: {given}")

    monkeypatch.setattr("subprocess.check_call", install)
    model = load_model(tiny_path("gemma3"))
    assert model.info.architecture == "gemma3_text" and not model.bridge.cfg.is_multimodal
    batch = mixed_batch(model)
    whole = hf.AutoModelForCausalLM.from_pretrained(tiny_path("gemma3")).eval()
    assert type(whole).__name__ == "Gemma3ForConditionalGeneration"
    with torch.inference_mode():
        theirs = whole(input_ids=batch.ids, attention_mask=batch.mask.long()).logits
        assert torch.allclose(model.run(batch)[batch.mask], theirs[batch.mask], atol=1e-4)


def test_other_models_that_read_images_are_refused(tmp_path):
    text = hf.LlamaConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
    vision = hf.CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    causal = SimpleNamespace(config=hf.LlavaConfig(text_config=text, vision_config=vision))
    with pytest.raises(ModelError, match="a llava, which is no text model alone"):
        text_model("x", causal)
