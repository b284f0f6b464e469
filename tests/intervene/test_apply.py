"""Patches in a running model: which tokens, in which order, cascading or not, with a KV cache or without."""

import pytest
import torch
from tiny_models import CELLS, HAS_HOOKED, sentences, tiny

from workbench.core.errors import HookError, InputError, SiteError
from workbench.core.types import Site
from workbench.intervene import INCLINE, INTERVENTIONS, AddVector, Patch, applied, as_hooks

PAIRS = [(name, "bridge") for name in ("llama", "gpt2")]
PAIRS += [(name, "hooked") for name in ("llama", "gpt2")] if HAS_HOOKED else []
ARCHITECTURES = [name for name, backend in CELLS if backend == "bridge"]
POSITIONS = ["last", "prompt", "all"]
TOP = Site(3)
ALL_LAYERS = [Site(layer) for layer in range(4)]


@pytest.fixture(params=PAIRS, ids="-".join)
def model(request):
    return tiny(*request.param)


def weight(site, d=32):
    drawn = torch.randn(d, d, generator=torch.Generator().manual_seed(site.layer + 1))
    return drawn / d**0.5


def map_at(site):
    return lambda h: h @ weight(site)


def patches_at(sites, positions="last", strength=0.5):
    add = INTERVENTIONS["add_mapped"]
    return [Patch(site, add, map_at(site), strength, positions) for site in sites]


def tokens_of(model, n=5):
    return model.tokens.encode(sentences(n))


@torch.no_grad()
def stream(model, batch, hooks=None):
    """The residual that leaves each layer."""
    seen = {}

    def keep(site):
        def hook(h):
            seen[site] = h.clone()

        return hook

    with model.hooked(hooks or {}), model.hooked({site: keep(site) for site in ALL_LAYERS}):
        model.run(batch)
    return seen


@torch.no_grad()
def logits_of(model, batch, at=None):
    rows = torch.arange(len(batch))
    return model.run(batch)[rows, batch.last if at is None else at]


# Which tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["right", "left"])
def test_positions_are_those_named(model, padding):
    batch = model.batch(tokens_of(model), padding)
    site, ends = Site(1), batch.last - 1
    ends = torch.where(batch.mask.sum(1) > 2, ends, batch.last)  # a row of two tokens keeps its last
    clean = stream(model, batch)[site]
    columns = torch.arange(batch.ids.shape[1])
    expected = {
        "last": columns == ends[:, None],
        "prompt": batch.mask & (columns <= ends[:, None]),
        "all": batch.mask,
    }
    for positions, where in expected.items():
        with applied(model, patches_at([site], positions), batch, ends=ends) as (placed,):
            seen = stream(model, batch)[site]
        assert torch.equal((seen != clean).any(-1), where)
        torch.testing.assert_close(seen[where], clean[where] + 0.5 * clean[where] @ weight(site))
        sizes = (seen - clean).norm(dim=-1) / clean.norm(dim=-1)
        prompt = where & (columns <= ends[:, None])  # what follows has no say in the size
        by_row = torch.stack([size[row].mean() for size, row in zip(sizes, prompt, strict=True)])
        torch.testing.assert_close(placed.size, by_row.double())


MODES = [(positions, False) for positions in POSITIONS] + [("last", True), ("prompt", True)]


@pytest.mark.parametrize(("positions", "from_clean"), MODES)
def test_neither_padding_nor_batch_size_matters(model, positions, from_clean):
    tokens, patches = tokens_of(model), patches_at(ALL_LAYERS, positions)
    found = []
    for padding in ("right", "left"):
        batch = model.batch(tokens, padding)
        with applied(model, patches, batch, from_clean=from_clean):
            found.append(logits_of(model, batch))
    alone = []
    for ids in tokens:
        one = model.batch([ids])
        with applied(model, patches, one, from_clean=from_clean):
            alone.append(logits_of(model, one)[0])
    for other in (found[1], torch.stack(alone)):
        torch.testing.assert_close(found[0], other, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("positions", POSITIONS)
def test_no_strength_changes_no_bit(model, positions):
    batch = model.batch(tokens_of(model))
    clean = stream(model, batch)[TOP]
    for name, formula in INTERVENTIONS.items():
        if formula.uses_strength:
            patches = [Patch(site, formula, map_at(site), 0.0, positions) for site in ALL_LAYERS]
            with applied(model, patches, batch) as placed:
                assert torch.equal(stream(model, batch)[TOP], clean), name
            assert all(torch.equal(one.size, torch.zeros(len(batch)).double()) for one in placed)


# Several layers ---------------------------------------------------------------------------------


def test_a_cascade_and_a_clean_run_are_what_they_say(model):
    batch, sites = model.batch(tokens_of(model)), [Site(0), Site(2)]
    rows, clean = torch.arange(len(batch)), stream(model, batch)
    at = (rows, batch.last)

    def put(site, states):
        def hook(h):
            h = h.clone()
            h[at] = states(h[at]) if callable(states) else states
            return h

        return {site: hook}

    def formula(site):
        return lambda h: h + 0.5 * h @ weight(site)

    by_hand = put(sites[0], formula(sites[0])) | put(sites[1], formula(sites[1]))
    cascade = stream(model, batch, by_hand)[TOP]
    fixed = put(sites[0], formula(sites[0])(clean[sites[0]][at]))
    fixed |= put(sites[1], formula(sites[1])(clean[sites[1]][at]))
    overwritten = stream(model, batch, fixed)[TOP]
    for from_clean, expected in ((False, cascade), (True, overwritten)):
        with applied(model, patches_at(sites), batch, from_clean=from_clean):
            assert torch.equal(stream(model, batch)[TOP], expected)
    assert (cascade[at] - overwritten[at]).abs().max() > 0.01
    with applied(model, patches_at(sites[:1]), batch, from_clean=True):  # one layer cannot cascade
        once = stream(model, batch)[TOP]
    with applied(model, patches_at(sites[:1]), batch):
        torch.testing.assert_close(stream(model, batch)[TOP], once, atol=0, rtol=0)


def test_inclines_readings_differ(model):
    batch, found = model.batch(tokens_of(model)), {}
    for name, way in INCLINE.items():
        formula = INTERVENTIONS[way.formula]
        patches = [Patch(site, formula, map_at(site), 0.5, way.positions) for site in ALL_LAYERS]
        with applied(model, patches, batch, from_clean=not way.cascade):
            found[name] = logits_of(model, batch)
    assert (found["paper"] - found["released"]).abs().max() > 0.01


def test_the_outer_block_comes_first_and_so_does_the_earlier_patch(model):
    batch, site = model.batch(tokens_of(model)), Site(1)
    one = Patch(site, AddVector(torch.ones(32)), positions="all")
    other = Patch(site, INTERVENTIONS["replace"], lambda h: 2 * h, positions="all")
    clean = stream(model, batch)[site]
    with applied(model, [one], batch):
        with applied(model, [other], batch):
            nested = stream(model, batch)[site]
        after_inner = stream(model, batch)[site]
    with applied(model, [one, other], batch):
        together = stream(model, batch)[site]
    torch.testing.assert_close(nested[batch.mask], 2 * (clean[batch.mask] + 1))
    torch.testing.assert_close(after_inner[batch.mask], clean[batch.mask] + 1)
    assert torch.equal(nested, together)
    with applied(model, [other, one], batch):
        torch.testing.assert_close(stream(model, batch)[site][batch.mask], 2 * clean[batch.mask] + 1)


# Failing ----------------------------------------------------------------------------------------


def test_the_model_is_left_as_it_was(model):
    batch = model.batch(tokens_of(model))
    clean = logits_of(model, batch)
    with pytest.raises(ZeroDivisionError), applied(model, patches_at(ALL_LAYERS), batch):
        assert not torch.equal(logits_of(model, batch), clean)
        raise ZeroDivisionError
    assert torch.equal(logits_of(model, batch), clean)
    broken = Patch(Site(2), INTERVENTIONS["replace"], lambda h: h / 0)
    with pytest.raises(InputError, match="NaN or infinity"), applied(model, [broken], batch):
        logits_of(model, batch)
    with pytest.raises(InputError, match="NaN or infinity"), applied(model, [broken], batch, from_clean=True):
        pass
    assert torch.equal(logits_of(model, batch), clean)
    assert not any(model.point(site)._forward_hooks for site in ALL_LAYERS)


def test_a_patch_that_never_fired_is_an_error(model):
    batch = model.batch(tokens_of(model))
    with (
        pytest.raises(HookError, match=r"resid_post\.3 never fired"),
        applied(model, patches_at([Site(0), TOP]), batch),
        torch.no_grad(),
    ):
        model.run(batch, stop=2, head=False)
    with pytest.raises(HookError, match="never fired"), applied(model, patches_at([TOP]), batch):
        pass


def test_what_cannot_be_placed_is_refused(model):
    batch = model.batch(tokens_of(model))
    refused = [
        ([], {}, "no patches"),
        (patches_at([TOP], "all"), {"from_clean": True}, "no generated tokens"),
        (patches_at([TOP, TOP]), {"from_clean": True}, "two patches of one site"),
        (patches_at([TOP]), {"ends": batch.last + 1}, "a token of each"),
        (patches_at([TOP]), {"ends": batch.last[:1]}, "a token of each"),
    ]
    for patches, options, says in refused:
        with pytest.raises(InputError, match=says), applied(model, patches, batch, **options):
            pass
    left = model.batch(tokens_of(model), "left")
    with (
        pytest.raises(InputError, match="end at padding"),
        applied(model, patches_at([TOP]), left, ends=0 * left.last),
    ):
        pass
    with pytest.raises(SiteError), applied(model, patches_at([Site(9)]), batch):
        pass
    with pytest.raises(InputError, match="did you mean 'prompt'"):
        Patch(TOP, INTERVENTIONS["replace"], map_at(TOP), positions="prompts")
    with pytest.raises(InputError, match="needs a map"), applied(model, [Patch(TOP, AddVector())], batch):
        logits_of(model, batch)


def test_another_batch_is_noticed_where_it_can_be(model):
    tokens = tokens_of(model)
    batch, patches = model.batch(tokens), patches_at([TOP])
    with pytest.raises(InputError, match="2 rows inside a patch for 5"), applied(model, patches, batch):
        logits_of(model, model.batch(tokens[:2]))
    narrow = model.batch([ids[:2] for ids in tokens])
    with pytest.raises(InputError, match="run is 2 tokens wide"), applied(model, patches, batch):
        logits_of(model, narrow)
    single = model.batch([ids[:1] for ids in tokens])
    with pytest.raises(InputError, match="prompts of one token"), applied(model, patches, single):
        logits_of(model, single)
        logits_of(model, single)


# Generation -------------------------------------------------------------------------------------


def generated(model, batch, n, cache):
    """New tokens and the logits of each step, from Hugging Face's own generation under the bridge."""
    out = model.causal.generate(
        input_ids=batch.ids,
        attention_mask=batch.mask.long(),
        max_new_tokens=n,
        min_new_tokens=n,
        do_sample=False,
        use_cache=cache,
        output_logits=True,
        return_dict_in_generate=True,
    )
    return out.sequences[:, batch.ids.shape[1] :], torch.stack(out.logits, 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("positions", [*POSITIONS, "from_clean"])
def test_generation_with_a_cache_is_generation_without(architecture, positions):
    model, from_clean = tiny(architecture), positions == "from_clean"
    batch = model.batch(tokens_of(model), "left")
    patches = patches_at([Site(0), Site(2)], "last" if from_clean else positions)
    _, clean = generated(model, batch, 6, True)
    with applied(model, patches, batch, from_clean=from_clean) as placed:
        logits_of(model, batch)
        sizes = [one.size for one in placed]
        tokens, logits = generated(model, batch, 6, True)
        for one, size in zip(placed, sizes, strict=True):
            torch.testing.assert_close(one.size, size, atol=0, rtol=1e-3)  # the prompt's, not the new tokens'
        again, same = generated(model, batch, 6, False)
    assert torch.equal(tokens, again)
    torch.testing.assert_close(logits, same, atol=5e-5, rtol=1e-4)
    assert (logits - clean).abs().amax((0, 2)).min() > 1e-3  # every step feels the patch
    # What was generated is what plain patched runs of prompt and tokens say, one row at a time.
    for row, ids in enumerate(tokens_of(model)):
        whole = model.batch([ids + tokens[row, :-1].tolist()])
        ends = torch.tensor([len(ids) - 1])
        with applied(model, patches, whole, ends=ends, from_clean=from_clean), torch.no_grad():
            plain = model.run(whole)[0, len(ids) - 1 :]
        torch.testing.assert_close(logits[row], plain, atol=5e-5, rtol=1e-4)
    assert torch.equal(generated(model, batch, 6, True)[1], clean)


@pytest.mark.parametrize("positions", POSITIONS)
def test_transformer_lens_generation_with_a_cache_is_generation_without(model, positions):
    tokens = [ids[:4] for ids in tokens_of(model, 9) if len(ids) >= 4]
    batch = model.batch(tokens)
    own = getattr(model, "bridge", None) or model.hooked_transformer
    options = {"do_sample": False, "stop_at_eos": False, "verbose": False, "max_new_tokens": 6}
    found = []
    with torch.no_grad(), applied(model, patches_at([Site(0), Site(2)], positions, 1.0), batch):
        for cache in (True, False):
            found.append(own.generate(batch.ids, use_past_kv_cache=cache, **options))
    assert torch.equal(found[0], found[1])
    assert found[0].shape == (len(tokens), 10)
    assert not torch.equal(found[0], own.generate(batch.ids, **options))


# Plain hooks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [*POSITIONS, "from_clean"])
def test_plain_hooks_say_the_same(model, positions):
    from_clean = positions == "from_clean"
    tokens = [ids[:4] for ids in tokens_of(model, 9) if len(ids) >= 4]
    batch = model.batch(tokens)
    patches = patches_at(ALL_LAYERS, "last" if from_clean else positions)
    own = getattr(model, "bridge", None) or model.hooked_transformer
    hooks = as_hooks(model, patches, batch, from_clean=from_clean)
    assert [name for name, _ in hooks] == [f"blocks.{layer}.hook_resid_post" for layer in range(4)]
    with torch.no_grad():
        plain = own.run_with_hooks(batch.ids, fwd_hooks=hooks)
        clean = own(batch.ids)
    with applied(model, patches, batch, from_clean=from_clean):
        torch.testing.assert_close(plain[:, -1], logits_of(model, batch), atol=5e-5, rtol=1e-4)
    assert (plain - clean).abs().max() > 0.01


def test_plain_hooks_know_every_site(model):
    tokens = [ids[:4] for ids in tokens_of(model, 9) if len(ids) >= 4]
    batch = model.batch(tokens)
    own = getattr(model, "bridge", None) or model.hooked_transformer
    for site in [
        Site(1, "resid_pre"),
        Site(1, "mlp_out"),
        Site(1, "attn_out"),
        Site(1, "head_out"),
        Site(0, "embed"),
    ]:
        patches = [Patch(site, AddVector(torch.ones(32)))]
        with torch.no_grad():
            plain = own.run_with_hooks(batch.ids, fwd_hooks=as_hooks(model, patches, batch))
        with applied(model, patches, batch):
            torch.testing.assert_close(plain[:, -1], logits_of(model, batch), atol=5e-5, rtol=1e-4)
