"""Models in GGUF files: the same model as in a folder, with its quantisation recorded."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_models import sentences, tiny, tiny_path

from workbench.cli import main
from workbench.core.errors import ModelError
from workbench.models import load_model
from workbench.models.outline import block_path, outline

gguf = pytest.importorskip("gguf")
NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
HEADS = {"attn_q": 4, "attn_k": 2}


def gguf_name(name):
    """A tensor of Hugging Face's Llama by the name that llama.cpp gives it."""
    whole = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    stem = name.removesuffix(".weight")
    if stem in whole:
        return f"{whole[stem]}.weight"
    layer, _, part = stem.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{NAMES[part]}.weight"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The tiny Llama as a GGUF file, its queries and keys in the order of llama.cpp."""
    folder, path = tiny_path("llama"), tmp_path_factory.mktemp("gguf") / "tiny.F32.gguf"
    config = json.loads((folder / "config.json").read_text())
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    tokens = sorted(vocabulary["vocab"], key=vocabulary["vocab"].get)
    tokens += [f"<unused{i}>" for i in range(config["vocab_size"] - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(tokens) - 3))
    writer.add_token_merges([" ".join(pair) for pair in vocabulary["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(2)
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        named, values = gguf_name(name), tensor.numpy()
        if heads := HEADS.get(named.split(".")[-2]):
            rows, width = values.shape
            values = values.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)
        writer.add_tensor(named, np.ascontiguousarray(values))
    if "lm_head.weight" not in tensors:
        writer.add_tensor("output.weight", tensors["model.embed_tokens.weight"].numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_file_gives_the_model_of_the_folder(path):
    model, folder = load_model(path), tiny("llama")
    info = model.info
    assert (info.name, info.quantisation, info.source) == ("tiny.F32", "gguf F32", str(path))
    batch = folder.batch([[5, 9, 40, 33], [7, 8, 250]])
    with torch.inference_mode():
        found, wanted = model.run(batch), folder.run(batch)
    torch.testing.assert_close(found[batch.mask], wanted[batch.mask], atol=1e-5, rtol=1e-5)
    texts = sentences(5)
    ours, theirs = model.tokens.encode(texts), folder.tokens.encode(texts)
    assert [ids[-3:] for ids in ours] == [ids[-3:] for ids in theirs]
    assert load_model(info.source).weights_digest == model.weights_digest


def test_its_outline_needs_no_weights(path):
    shape = outline(str(path))
    assert (shape.n_layers, shape.d_model, shape.tokens is not None) == (4, 32, True)
    assert block_path(str(path)) == "layers"


def test_what_is_not_there_and_a_missing_package_are_told(path, tmp_path, monkeypatch, capsys):
    with pytest.raises(ModelError, match=r"no file .*owner/model:file\.gguf"):
        load_model(tmp_path / "none.gguf")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + path.read_bytes()[4:2000])
    assert main(["plan", str(broken), "--no-probe"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(ModelError, match=r"alignment-workbench\[gguf\]"):
        load_model(path)


REAL = Path(os.environ.get("WORKBENCH_MODELS", "~/models")).expanduser() / "gguf"


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real models in {REAL.parent}")
def test_a_real_quantised_file_is_the_folder_made_of_it():
    (path,) = REAL.glob("SmolLM2*.gguf")
    model = load_model(path)
    folder = load_model(REAL.parent / "smollm2-135m-instruct")
    assert model.info.quantisation == "gguf Q4_1" and model.info.architecture == "llama"
    assert model.weights_digest == folder.weights_digest
    assert model.tokens.encode(["The house."]) == folder.tokens.encode(["The house."])
