"""Exported patches do in other tools what they do here; what a format cannot hold is refused."""

import importlib.util
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tiny_models import sentences, tiny, tiny_path
from transformers import AutoModelForCausalLM

from workbench.align import KernelRidge, MeanShift, Ridge
from workbench.cli import main
from workbench.cli.commands import EXPORTS
from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.interop import FORMATS, export_patch
from workbench.intervene import applied
from workbench.study import load_patch, save_patch
from workbench.sweeps import Configuration

KINDS = ("llama", "gpt2")
PROMPTS = sentences(4, seed=11)


def made(folder, name, kind="llama", aligner=None, sites=None, formula="replace", strength=1.0, **more):
    """A saved patch of a tiny model, read back."""
    model = tiny(kind)
    generator = torch.Generator().manual_seed(0)
    maps = {}
    for site in sites or (Site(1),):
        X, Y = torch.randn(2, 60, model.info.d_model, generator=generator)
        maps[site] = (aligner or Ridge()).fit(X, Y + 1.0)
        aligner = None if aligner is None else type(aligner)()
    where = {"aligner": "made", "maps": maps, "intervention": formula, "strength": strength}
    card = {"model": "tiny", "pair": "sw-en", "task": "t", "source": str(tiny_path(kind))}
    card |= {"architecture": model.info.architecture, "weights_digest": model.weights_digest}
    card |= {"test": {"gain": 0.25, "low": 0.125, "high": 0.375, "n": 100}}
    path = folder / f"{name}.safetensors"
    save_patch(Configuration.jointly(**where, **more), path, card)
    return load_patch(path)


def ours(saved, kind, padding="left", ends=None):
    """Logits of our own patched run of the prompts."""
    model = tiny(kind)
    batch = model.batch(model.tokens.encode(PROMPTS), padding)
    with torch.no_grad(), applied(model, saved.patches, batch, ends=ends):
        return model.run(batch), batch


def plain(kind):
    return AutoModelForCausalLM.from_pretrained(tiny_path(kind), dtype=torch.float32).eval()


def theirs(model, batch):
    """Logits of a Hugging Face model on the same rows."""
    given = {"input_ids": batch.ids, "attention_mask": batch.mask.long(), "position_ids": batch.positions}
    with torch.no_grad():
        return model(**given).logits


def module_at(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def agree(found, wanted, batch):
    """Equal where there are tokens."""
    torch.testing.assert_close(found[batch.mask], wanted[batch.mask], atol=1e-4, rtol=1e-4)


PATCHES = {
    "replace": {},
    "add": {"formula": "add_mapped", "strength": 0.5},
    "interpolate": {"formula": "interpolate", "strength": 0.25, "positions": "prompt"},
    "vector": {"aligner": MeanShift(), "positions": "all"},
    "half vector": {"aligner": MeanShift(), "formula": "add_vector", "strength": 0.5, "positions": "all"},
    "norm": {"formula": "replace_norm_kept"},
    "before": {"sites": (Site(1, "resid_pre"),), "formula": "add_mapped", "strength": 0.5},
    "cascade": {"sites": (Site(0), Site(1)), "formula": "add_mapped", "strength": 0.25},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PATCHES)
def test_the_folder_for_transformers_needs_nothing_of_ours(tmp_path, name, kind):
    saved = made(tmp_path, "patch", kind, **PATCHES[name])
    files = export_patch(saved, "transformers", tmp_path / "out")
    code = next(path for path in files if path.name == "patch.py")
    assert "workbench" not in code.read_text()
    exported, model = module_at(code, "patch"), plain(kind)
    clean = None
    for padding in ("left", "right"):
        wanted, batch = ours(saved, kind, padding)
        clean = theirs(model, batch)
        with exported.patched(model, ends=batch.last):
            agree(theirs(model, batch), wanted, batch)
        assert (wanted - clean)[batch.mask].abs().max() > 1e-2
        torch.testing.assert_close(theirs(model, batch), clean, atol=0, rtol=0)
    left = ours(saved, kind)[1]
    with exported.patched(model):  # by default at the last column
        agree(theirs(model, left), ours(saved, kind)[0], left)
    page = (tmp_path / "out" / "README.md").read_text()
    assert (
        "+0.250 [0.125, 0.375]" in page and "FOLDER OF THE MODEL" in page and str(tiny_path(kind)) not in page
    )


@pytest.mark.parametrize("name", ["replace", "vector"])
def test_what_the_folder_generates_is_what_is_generated_here(tmp_path, name):
    saved, model = made(tmp_path, "patch", **PATCHES[name]), plain("llama")
    export_patch(saved, "transformers", tmp_path / "out")
    exported, lens = module_at(tmp_path / "out" / "patch.py", "patch"), tiny("llama")
    for prompt in PROMPTS:
        ids = torch.tensor(lens.tokens.encode([prompt]))
        batch = lens.batch(ids.tolist(), "left")
        with applied(lens, saved.patches, batch):
            wanted = lens.generate(batch, 6)[0]
        with exported.patched(model):
            found = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False
            )
        assert found[0, ids.shape[1] :].tolist()[: len(wanted)] == wanted


def test_the_block_is_for_one_batch(tmp_path):
    saved, model = made(tmp_path, "patch"), plain("llama")
    export_patch(saved, "transformers", tmp_path / "out")
    exported = module_at(tmp_path / "out" / "patch.py", "patch")
    first, other, one = (torch.tensor([ids]) for ids in ([5, 9, 40, 33], [7, 8, 30, 31, 32], [12]))
    with torch.no_grad():
        for then in (other, first[:, :3] + 1):
            with exported.patched(model), pytest.raises(ValueError, match="another batch"):
                model(first)
                model(then)
        with exported.patched(model):  # the same prompt with more tokens: generated without a cache
            short, longer = model(first).logits, model(torch.cat([first, one], 1)).logits
        torch.testing.assert_close(longer[:, :4], short, atol=1e-5, rtol=1e-5)
        with exported.patched(model), pytest.raises(ValueError, match="one token"):
            model(one)
            model(one)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (
            {"source": "owner/model", "revision": "abc"},
            "from_pretrained('owner/model', dtype=\"float32\", revision='abc')",
        ),
        (
            {"source": "owner/repo:m-q4.gguf"},
            "from_pretrained('owner/repo', dtype=\"float32\", gguf_file='m-q4.gguf')",
        ),
        (
            {"source": "a/b", "dtype": "bfloat16", "quantisation": "bitsandbytes 8bit"},
            "were quantised (bitsandbytes 8bit)",
        ),
        ({"source": "a/b", "bos": "always"}, "with a BOS before each text"),
    ],
)
def test_the_page_says_which_model_it_is_for(tmp_path, card, said):
    saved = made(tmp_path, "patch")
    saved.card.update(card)
    export_patch(saved, "transformers", tmp_path / "out")
    assert said in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("alpha", [-0.9, -0.4, 0.07, 0.29])
def test_a_shift_is_one_at_any_strength(tmp_path, alpha):
    saved = made(
        tmp_path, "patch", aligner=MeanShift(), positions="all", formula="interpolate", strength=alpha
    )
    assert len(export_patch(saved, "lm-eval", tmp_path / "out")) == 1


def test_numpy_holds_the_matrix_and_the_vector(tmp_path):
    for name in ("replace", "add", "interpolate", "half vector", "cascade"):
        saved = made(tmp_path, "patch", **PATCHES[name])
        (path,) = export_patch(saved, "numpy", tmp_path / name)
        arrays = np.load(path, allow_pickle=False)
        assert json.loads(str(arrays["about"]))["pair"] == "sw-en"
        for patch in saved.patches:
            h = torch.randn(5, tiny("llama").info.d_model)
            mine = h.numpy() @ arrays[f"weight.{patch.site.layer}"] + arrays[f"bias.{patch.site.layer}"]
            np.testing.assert_allclose(mine, patch.new_states(h).numpy(), atol=1e-4)


def test_easysteer_gets_the_matrix_that_it_multiplies_from_the_left(tmp_path, monkeypatch):
    saved = made(tmp_path, "patch", **PATCHES["add"])
    export_patch(saved, "easysteer", tmp_path / "out")
    tensors = load_file(tmp_path / "out" / "patch.safetensors")
    h = torch.randn(1, tiny("llama").info.d_model)
    scaled = 1.0 * (tensors["weight"] @ h.numpy()[0] + tensors["bias"])  # its linear: scale · (W h + b)
    np.testing.assert_allclose(scaled, saved.patches[0].new_states(h).numpy()[0], atol=1e-4)
    # Its package is not at hand: what the lines give to its classes is looked at.
    vectors, payloads = ModuleType("vllm.steer_vectors"), ModuleType("vllm.steer_vectors.payloads")
    for name in ("ApplySpec", "SteeringSpec", "VectorSpec"):
        setattr(vectors, name, lambda name=name, **given: SimpleNamespace(kind=name, **given))
    payloads.LinearMap = lambda weight, bias: (weight, bias)
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    monkeypatch.setitem(sys.modules, "vllm.steer_vectors", vectors)
    monkeypatch.setitem(sys.modules, "vllm.steer_vectors.payloads", payloads)
    (vector,) = module_at(tmp_path / "out" / "steering.py", "steering").SPEC.vectors
    assert (vector.layers, vector.algorithm, vector.apply.prompt_positions) == ([1], "linear", [-1])
    np.testing.assert_array_equal(vector.data[0], tensors["weight"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["replace", "add", "vector", "half vector"])
def test_steering_vectors_applies_it(tmp_path, name, kind):
    pytest.importorskip("steering_vectors", reason="steering-vectors is not installed: make test-lm-eval")
    saved = made(tmp_path, "patch", kind, **PATCHES[name])
    export_patch(saved, "steering-vectors", tmp_path / "out")
    exported, model = module_at(tmp_path / "out" / "steering.py", "steering"), plain(kind)
    wanted, batch = ours(saved, kind)
    with exported.apply(model):
        agree(theirs(model, batch), wanted, batch)
    wanted, batch = ours(saved, kind, "right")
    columns = torch.arange(batch.ids.shape[1])
    at = columns == batch.last[:, None] if saved.patches[0].positions == "last" else batch.mask
    with exported.apply(model, at.float()):
        agree(theirs(model, batch), wanted, batch)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["vector", "half vector"])
def test_a_control_vector_is_read_by_gguf_and_repeng(tmp_path, monkeypatch, name, kind):
    monkeypatch.setattr(np, "float_", np.float64, raising=False)  # repeng 0.4 was made for NumPy 1
    gguf = pytest.importorskip("gguf", reason="gguf is not installed: make test-lm-eval")
    repeng = pytest.importorskip("repeng", reason="repeng is not installed: make test-lm-eval")
    saved = made(tmp_path, "patch", kind, **PATCHES[name])
    (path,) = export_patch(saved, "gguf", tmp_path / "out")
    reader = gguf.GGUFReader(path)
    (tensor,) = reader.tensors
    assert tensor.name == "direction.1" and tensor.tensor_type == gguf.GGMLQuantizationType.F32
    assert reader.get_field("controlvector.model_hint").contents() == kind
    assert reader.get_field("general.architecture").contents() == "controlvector"
    vector = repeng.ControlVector.import_gguf(path)
    wrapped = repeng.ControlModel(plain(kind), [1])
    wrapped.set_control(vector, 1.0)
    wanted, batch = ours(saved, kind)
    agree(theirs(wrapped, batch), wanted, batch)


@pytest.mark.parametrize("kind", KINDS)
def test_the_harness_s_steered_model_reads_it(tmp_path, kind):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: make test-lm-eval")
    from lm_eval.models.hf_steered import SteeredModel

    from workbench.interop.harness import PatchedLM

    saved = made(tmp_path, "patch", kind, **PATCHES["half vector"])
    (path,) = export_patch(saved, "lm-eval", tmp_path / "out")
    given = {"device": "cpu", "dtype": "float32", "batch_size": 3}
    steered = SteeredModel(str(tiny_path(kind)), steer_path=str(path), **given)
    patched = PatchedLM(str(tiny_path(kind)), intervention=str(tmp_path / "patch.safetensors"), **given)
    encode = steered.tok_encode
    requests = [((p, w), encode(p), encode(w)) for p in PROMPTS for w in ("house", "water mti")]
    found, wanted = (lm._loglikelihood_tokens(requests, disable_tqdm=True) for lm in (steered, patched))
    assert [value for value, _ in found] == pytest.approx([value for value, _ in wanted], abs=1e-4)
    clean = PatchedLM(str(tiny_path(kind)), **given)._loglikelihood_tokens(requests, disable_tqdm=True)
    assert [value for value, _ in found] != pytest.approx([value for value, _ in clean], abs=1e-2)


ALL = {"aligner": MeanShift(), "positions": "all"}


@pytest.mark.parametrize(
    ("to", "patch", "said"),
    [
        ("transformers", {"aligner": KernelRidge()}, "is not linear"),
        ("transformers", {"sites": (Site(1, "mlp_out"),)}, "mlp_out.1 cannot be exported"),
        ("transformers", {"sites": (Site(0), Site(1)), "from_clean": True}, "unpatched run"),
        ("numpy", PATCHES["norm"], "does not keep the length"),
        ("easysteer", PATCHES["cascade"], "holds one layer"),
        ("easysteer", PATCHES["vector"], "the last prompt token, but the patch is at all tokens"),
        ("steering-vectors", PATCHES["interpolate"], "last prompt token or at all tokens"),
        ("steering-vectors", {**PATCHES["cascade"], "positions": "all"}, "one operator for all layers"),
        ("gguf", {"positions": "all"}, "applies a matrix"),
        ("gguf", {"aligner": MeanShift()}, "at all tokens, but the patch is at the last prompt token"),
        ("gguf", {**ALL, "sites": (Site(0),)}, "no direction for layer 0"),
        ("gguf", {**ALL, "formula": "add_mapped"}, "applies a matrix"),
        ("lm-eval", PATCHES["replace"], "applies a matrix"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, to, patch, said):
    with pytest.raises(InputError, match=said):
        export_patch(made(tmp_path, "patch", **patch), to, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_writes_a_folder_and_overwrites_nothing(tmp_path, capsys):
    made(tmp_path, "patch")
    given = ["export", str(tmp_path), "--to", "numpy", "--out", str(tmp_path / "out")]
    assert tuple(FORMATS) == EXPORTS
    assert main(given) == 0 and capsys.readouterr().out.strip() == str(tmp_path / "out" / "patch.npz")
    assert main(given) == 2 and "already exists" in capsys.readouterr().err
    assert main([*given, "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [str(tmp_path / "out" / "patch.npz")]
