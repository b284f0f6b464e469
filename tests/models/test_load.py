"""Loading, wrapping, and every way in which they are refused."""

import json
import shutil
from typing import ClassVar

import pytest
import torch
import transformers as hf
from tiny_models import HAS_HOOKED, sentences, tiny, tiny_path

from workbench.core.errors import ModelError
from workbench.core.types import Site
from workbench.models import load as load_room
from workbench.models import load_model, reading, wrap
from workbench.models.outline import outline


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def logits_of(model):
    batch = model.batch(model.tokens.encode(sentences(4)))
    with torch.inference_mode():
        return model.run(batch)[batch.mask]


def test_a_bridge_is_used_as_it_is():
    bridge = tiny("llama").bridge
    assert torch.equal(logits_of(wrap(bridge)), logits_of(tiny("llama")))
    assert wrap(bridge).bridge is bridge


def test_wrapping_twice_is_wrapping_once():
    assert wrap(tiny("gpt2")) is tiny("gpt2")


def test_a_raw_model_is_refused_with_the_remedy():
    causal = hf.AutoModelForCausalLM.from_pretrained(tiny_path("llama"))
    with pytest.raises(ModelError, match=r"copied=True.*load_model"):
        wrap(causal, tokenizer=tiny("llama").tokens.tokenizer)


def test_a_raw_model_is_copied_and_stays_untouched():
    causal = hf.AutoModelForCausalLM.from_pretrained(tiny_path("gpt2")).eval()
    modules, before = [type(m) for m in causal.modules()], state(causal)
    model = wrap(causal, tokenizer=tiny("gpt2").tokens.tokenizer, copied=True)
    assert torch.allclose(logits_of(model), logits_of(tiny("gpt2")), atol=1e-5)
    assert [type(m) for m in causal.modules()] == modules
    assert all(torch.equal(before[name], value) for name, value in causal.state_dict().items())


@pytest.mark.skipif(not HAS_HOOKED, reason="TransformerLens 4 has no HookedTransformer")
def test_a_users_hooked_transformer_keeps_its_processing():
    hooked = tiny("gpt2", "hooked").hooked_transformer
    assert wrap(hooked).info.processing == ("none",)
    from workbench.models.hooked import build_hooked

    path = tiny_path("gpt2")
    causal = hf.AutoModelForCausalLM.from_pretrained(path).eval()
    mine = build_hooked(str(path), causal, tiny("gpt2").tokens.tokenizer, torch.float32, "cpu")
    mine.process_weights_(fold_ln=True, center_writing_weights=True, center_unembed=True)
    wrapped = wrap(mine)
    assert set(wrapped.info.processing) == {
        "layer norm folded",
        "writing weights centred",
        "unembedding centred",
    }
    # Centred logits differ by a constant a row; what they say is the same.
    ours, plain = (torch.log_softmax(logits_of(m), -1) for m in (wrapped, tiny("gpt2")))
    assert torch.allclose(ours, plain, atol=1e-4)


def test_a_processed_bridge_is_read_as_processed():
    model = load_model(tiny_path("gpt2"))
    bridge = model.bridge
    bridge.enable_compatibility_mode(disable_warnings=True)
    wrapped = wrap(bridge)
    seen = {}
    batch = wrapped.batch(wrapped.tokens.encode(sentences(3)))
    with torch.inference_mode():
        wrapped.run(batch, hooks={Site(1): lambda h: seen.update(run=h.clone())})
        with wrapped.reading({Site(1): lambda h: seen.update(read=h.clone())}) as read:
            read(batch)
    assert torch.allclose(seen["run"], seen["read"], atol=1e-5)
    assert wrapped.info.processing == ("compatibility mode",)
    assert wrapped.weights_digest != tiny("gpt2").weights_digest


def test_weights_edited_through_the_bridge_count():
    bridge = load_model(tiny_path("gpt2")).bridge
    before = wrap(bridge).weights_digest
    with torch.no_grad():  # gpt2 has one weight for q, k and v; the bridge shows three
        bridge.blocks[1].attn.q.original_component.weight.mul_(2.0)
    edited = wrap(bridge)
    assert edited.weights_digest != before
    assert not torch.allclose(logits_of(edited), logits_of(tiny("gpt2")), atol=1e-4)
    batch = edited.batch(edited.tokens.encode(sentences(3)))
    seen = {}
    with torch.inference_mode():
        edited.run(batch, hooks={Site(1): lambda h: seen.update(run=h.clone())})
        with edited.reading({Site(1): lambda h: seen.update(read=h.clone())}) as read:
            read(batch)
    assert torch.allclose(seen["run"], seen["read"], atol=1e-5)


def test_a_model_in_training_is_refused():
    bridge = load_model(tiny_path("gpt2")).bridge
    bridge.train()
    with pytest.raises(ModelError, match=r"call \.eval\(\)"):
        wrap(bridge)
    bridge.eval()
    wrap(bridge)


def test_nothing_else_can_be_wrapped():
    with pytest.raises(ModelError, match="cannot wrap a dict"):
        wrap({})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "brigde"}, "did you mean 'bridge'"),
        ({"dtype": "flaot32"}, "did you mean 'float32'"),
        ({"attn": "flash_attention_9"}, "cannot load|not a model directory"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ModelError, match=message):
        load_model(tiny_path("llama"), **options)


def test_a_name_that_is_not_there_says_what_to_do():
    with pytest.raises(ModelError, match="local copy") as caught:
        load_model("nobody/no-such-model")
    assert "\n" not in str(caught.value)


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="not a model directory"):
        load_model(tmp_path)


def test_code_that_comes_with_a_model_is_not_run(tmp_path):
    shutil.copytree(tiny_path("llama"), tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["model_type"] = "its_own"
    config["auto_map"] = {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    (tmp_path / "m" / "own.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelError, match="trust_remote_code=True"):
        load_model(tmp_path / "m")


def test_a_gated_model_says_where_to_go(monkeypatch):
    from huggingface_hub.errors import GatedRepoError

    class Response:
        headers: ClassVar[dict[str, str]] = {}
        request = None
        status_code = 403

    def refuse(*args, **kwargs):
        raise GatedRepoError("gated", response=Response())

    monkeypatch.setattr(reading.AutoConfig, "from_pretrained", refuse)
    with pytest.raises(ModelError, match=r"is gated: .*hf auth login"):
        load_model("meta/model")


def test_too_little_memory_says_what_to_try(monkeypatch):
    def fail(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(reading.AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(ModelError, match="does not fit in memory: try dtype=bfloat16"):
        load_model(tiny_path("llama"))


def test_a_wrong_model_fails_the_self_check_by_name(monkeypatch):
    real = load_room.reference_logits
    monkeypatch.setattr(load_room, "reference_logits", lambda causal: real(causal) + 1e-3)
    with pytest.raises(ModelError, match=r"self-check failed at logits of llama \(bridge\)"):
        load_model(tiny_path("llama"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_loads_and_says_so(dtype):
    model = load_model(tiny_path("llama"), dtype=dtype)
    assert model.info.dtype == f"torch.{dtype}"
    assert (logits_of(model).float() - logits_of(tiny("llama"))).abs().max() < 0.1


def test_global_settings_are_as_before():
    import logging
    import warnings

    bars, level = hf.utils.logging.is_progress_bar_enabled(), logging.root.manager.disable
    filters, threads = list(warnings.filters), torch.get_num_threads()
    load_model(tiny_path("opt"))
    assert hf.utils.logging.is_progress_bar_enabled() == bars
    assert logging.root.manager.disable == level
    assert list(warnings.filters) == filters
    assert torch.get_num_threads() == threads


def test_nothing_is_printed(capfd):
    load_model(tiny_path("gpt2"))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bloom", "xglm"])
def test_an_outline_tells_what_the_model_will_be(architecture):
    model, shape = tiny(architecture), outline(str(tiny_path(architecture)))
    assert shape.n_layers == model.info.n_layers
    assert shape.d_model == model.info.d_model
    assert shape.parameters == sum(weight.numel() for _, weight in model.parameters())
    batch = model.batch(model.tokens.encode(sentences(2)))
    widths = {}
    hooks = {
        Site(1, name): lambda h, name=name: widths.update({name: h.shape[-1]})
        for name in ("mlp_act", "head_out", "resid_post")
    }
    with torch.inference_mode():
        model.run(batch, hooks=hooks)
    assert {name: shape.width(name) for name in widths} == widths


def test_an_outline_needs_no_weights(tmp_path):
    shutil.copy(tiny_path("llama") / "config.json", tmp_path)
    shape = outline(str(tmp_path))
    assert shape.parameters == outline(str(tiny_path("llama"))).parameters
    assert shape.tokens is None


def test_an_idle_gpu_is_mentioned_once(monkeypatch):
    load_room._warn_of_idle_gpu.cache_clear()
    monkeypatch.setattr(load_room.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(UserWarning, match="NVIDIA driver"):
        assert load_room._default_device() == "cpu"
    assert load_room._default_device() == "cpu"  # a second warning would be an error here


def test_a_title_is_what_tables_call_the_model_and_the_source_stays(tmp_path):
    model = load_model(tiny_path("llama"), title="Llama, Q4_K_M")
    assert model.info.name == "Llama, Q4_K_M" and model.info.source == str(tiny_path("llama").resolve())


def test_loading_tells_what_its_parts_took():
    model = load_model(tiny_path("llama"))
    parts = ["configuration", "tokenizer", "weights", "reference", "hooks", "self_check"]
    assert list(model.load_seconds) == parts and all(took >= 0 for took in model.load_seconds.values())
    assert model.weights_digest and list(model.load_seconds) == [*parts, "digest"]


def test_a_copied_tokenizer_is_changed_alone():
    tokenizer = load_model(tiny_path("llama")).tokens.tokenizer
    before = (tokenizer.bos_token, tokenizer.pad_token, tokenizer.padding_side, len(tokenizer))
    copied = load_room._copied(tokenizer)
    assert copied.get_vocab() == tokenizer.get_vocab() and copied("the cat") == tokenizer("the cat")
    copied.bos_token, copied.pad_token, copied.padding_side = "<b>", "<p>", "left"
    copied.add_special_tokens({"eos_token": "<new>"})
    assert before == (tokenizer.bos_token, tokenizer.pad_token, tokenizer.padding_side, len(tokenizer))
    assert "<new>" not in tokenizer.get_vocab()


def test_a_device_map_of_the_cpu_gives_the_same_and_disk_is_refused():
    parts = ("embed_tokens", "rotary_emb", "norm", *(f"layers.{i}" for i in range(4)))
    split = {f"model.{part}": "cpu" for part in parts} | {"lm_head": "cpu"}
    for given in ("auto", {"": "cpu"}, split):
        assert torch.equal(
            logits_of(load_model(tiny_path("llama"), device_map=given)), logits_of(tiny("llama"))
        )
    on_disk = split | {"model.layers.3": "disk"}
    if HAS_HOOKED:  # TransformerLens 3
        with pytest.raises(ModelError, match=r"unsupported offload targets: \['disk'\]"):
            load_model(tiny_path("llama"), device_map=on_disk)
    else:
        assert torch.allclose(
            logits_of(load_model(tiny_path("llama"), device_map=on_disk)), logits_of(tiny("llama"))
        )
