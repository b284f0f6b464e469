"""A model loads whole or not at all: tensors, files, configuration, tokenizer and name."""

import json
import os
import shutil
import struct
import warnings

import pytest
import torch
import transformers as hf
from counts import count
from safetensors.torch import load_file, save_file
from tiny_models import CELLS, HAS_HOOKED, sentences, tiny, tiny_path

from workbench.core.errors import ModelError, quoted
from workbench.models import load_model
from workbench.models.outline import outline, support_table
from workbench.models.reading import read_causal, read_config

ARCHITECTURES = [row.architecture for row in support_table() if row.bridge]
needs_hooked = pytest.mark.skipif(not HAS_HOOKED, reason="TransformerLens 4 has no HookedTransformer")


def logits_of(model):
    batch = model.batch(model.tokens.encode(sentences(4)))
    with torch.inference_mode():
        return model.run(batch)[batch.mask]


@pytest.fixture
def copied(tmp_path):
    def copy(architecture="llama"):
        return shutil.copytree(tiny_path(architecture), tmp_path / "model")

    return copy


def change_tensors(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def change_json(folder, name="config.json", **fields):
    facts = json.loads((folder / name).read_text())
    facts.update(fields)
    facts = {key: value for key, value in facts.items() if value is not ...}
    (folder / name).write_text(json.dumps(facts))


def refused(folder, match, **options):
    with pytest.raises(ModelError, match=match) as caught:
        load_model(folder, **options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(("architecture", "backend"), CELLS)
def test_each_tensor_is_needed(copied, architecture, backend):
    folder = copied(architecture)
    whole = load_file(folder / "model.safetensors")
    removed = sorted(whole)[len(whole) // 2]
    change_tensors(folder, lambda tensors: tensors.pop(removed))
    # A checkpoint may leave out the name of the part that holds all but the head.
    assert "1 tensor is missing" in refused(folder, removed.split(".", 1)[1], backend=backend)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_tensor_is_needed_whichever_it_is(copied, architecture):
    folder = copied(architecture)
    whole = load_file(folder / "model.safetensors")
    for removed in sorted(whole)[:: count(12, 1)]:
        change_tensors(folder, lambda tensors, removed=removed: tensors.pop(removed))
        if ".experts." in removed:  # Hugging Face puts all experts of a layer into one tensor, or fails to
            refused(folder, "1 tensor is of another shape|not a model directory the workbench can load")
        else:
            with pytest.raises(ModelError, match=r": (1 tensor is|2 tensors are) missing: [^;]*$") as caught:
                read(folder)
            assert removed.split(".", 1)[1].removeprefix("language_model.") in str(caught.value)
        save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    read(folder)


def read(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = read_config(str(folder), revision=None, trust_remote_code=False)
        return read_causal(str(folder), config, None, trust_remote_code=False)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "opt", "falcon"])
def test_layers_that_the_file_lacks_are_named_and_counted(copied, architecture):
    folder = copied(architecture)
    name = "n_layer" if architecture == "gpt2" else "num_hidden_layers"
    change_json(folder, **{name: 6})
    assert "more: copy" in refused(folder, r"does not fit its configuration: \d\d tensors are missing: .*4\.")


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "opt", "falcon"])
def test_layers_that_the_configuration_lacks_are_named_and_counted(copied, architecture):
    folder = copied(architecture)
    name = "n_layer" if architecture == "gpt2" else "num_hidden_layers"
    change_json(folder, **{name: 3})
    refused(folder, r"\d+ tensors are not of this architecture: .*3\.")


@pytest.mark.parametrize("backend", ["bridge", pytest.param("hooked", marks=needs_hooked)])
def test_extra_and_misshapen_tensors_are_told_in_one_line(copied, backend):
    folder = copied("llama")

    def change(tensors):
        tensors["model.adapter\x1b[31m.weight"] = torch.zeros(3)
        tensors["model.norm.weight"] = torch.ones(31)
        del tensors["model.layers.0.mlp.up_proj.weight"]

    change_tensors(folder, change)
    message = refused(folder, "1 tensor is missing: model.layers.0.mlp.up_proj.weight", backend=backend)
    assert r"1 tensor is not of this architecture: model.adapter\x1b[31m.weight" in message
    assert "1 tensor is of another shape: model.norm.weight (31 in the file, 32 in the model)" in message


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gpt_neox", "falcon", "xglm"])
def test_buffers_of_old_checkpoints_are_no_fault(copied, architecture):
    folder = copied(architecture)
    mask = torch.ones(1, 1, 256, 256, dtype=torch.bool).tril()
    old = {
        "llama": {"model.layers.1.self_attn.rotary_emb.inv_freq": torch.ones(4)},
        "gpt2": {"h.1.attn.bias": mask, "transformer.h.1.attn.masked_bias": torch.tensor(-1e4)},
        "gpt_neox": {
            "gpt_neox.layers.1.attention.bias": mask,
            "gpt_neox.layers.1.attention.masked_bias": torch.tensor(-1e9),
            "gpt_neox.layers.1.attention.rotary_emb.inv_freq": torch.ones(4),
        },
        "falcon": {"transformer.h.1.self_attention.rotary_emb.inv_freq": torch.ones(4)},
        "xglm": {"model.embed_positions.weights": torch.ones(258, 32)},
    }
    change_tensors(folder, lambda tensors: tensors.update(old[architecture]))
    assert torch.equal(logits_of(load_model(folder)), logits_of(tiny(architecture)))


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2", "bloom"])
def test_a_tied_head_is_no_fault_and_an_untied_one_is_missed(tmp_path, copied, architecture):
    folder = copied(architecture)
    tied = json.loads((folder / "config.json").read_text()).get("tie_word_embeddings")
    if not tied:
        change_json(folder, tie_word_embeddings=True)
        change_tensors(folder, lambda tensors: tensors.pop("lm_head.weight"))
    model = load_model(folder)
    assert model.info.self_check["logits"] < 5e-5
    change_json(folder, tie_word_embeddings=False)
    refused(folder, "1 tensor is missing: lm_head.weight")
    change_json(folder, tie_word_embeddings=True)
    change_tensors(
        folder, lambda tensors: tensors.pop(next(n for n in tensors if "wte" in n or "embed" in n))
    )
    refused(folder, "missing: .*(wte|embed)")


@pytest.fixture
def sharded(tmp_path):
    causal = hf.AutoModelForCausalLM.from_pretrained(tiny_path("llama"))
    folder = shutil.copytree(tiny_path("llama"), tmp_path / "sharded")
    (folder / "model.safetensors").unlink()
    causal.save_pretrained(folder, max_shard_size="60KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 2
    return folder


class TestShards:
    def test_a_whole_one_is_the_same_model(self, sharded):
        assert torch.equal(logits_of(load_model(sharded)), logits_of(tiny("llama")))

    def test_a_missing_file_is_named(self, sharded):
        gone = sorted(sharded.glob("model-*.safetensors"))[1]
        gone.unlink()
        refused(sharded, f"{gone.name}.*is missing: copy")

    def test_a_tensor_in_no_file_is_named(self, sharded):
        shard = sorted(sharded.glob("model-*.safetensors"))[1]
        tensors = load_file(shard)
        name, _ = tensors.popitem()
        save_file(tensors, shard, metadata={"format": "pt"})
        refused(sharded, f"1 tensor is missing: {name}")

    def test_a_tensor_in_two_files_is_named(self, sharded):
        a, b = sorted(sharded.glob("model-*.safetensors"))[:2]
        name = next(iter(load_file(a)))
        save_file(load_file(b) | {name: torch.ones(2)}, b, metadata={"format": "pt"})
        refused(sharded, f"'{name}' is both in {a.name} and in {b.name}")

    @pytest.mark.parametrize(
        "index",
        [
            '{"weight_map": []}',
            "{}",
            "[]",
            '{"weight_map": {"a": 3}}',
            '{"weight_map": {"a": "../x.safetensors"}}',
        ],
    )
    def test_an_index_that_is_none_is_refused(self, sharded, index):
        (sharded / "model.safetensors.index.json").write_text(index)
        refused(sharded, "index.json")


def header(folder):
    data = (folder / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def write(folder, facts, body, size=None):
    text = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
    size = len(text) if size is None else size
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", size) + text + body)


def lies():
    first = "lm_head.weight"

    def set_in(**fields):
        return lambda facts, body: (facts | {first: facts[first] | fields}, body)

    return {
        "truncated": lambda facts, body: (facts, body[:-100]),
        "headless": lambda facts, body: (b"", b""),
        "longer than it says": lambda facts, body: (facts, body + b"12345678"),
        "offsets beyond the end": set_in(data_offsets=[0, 1 << 50]),
        "offsets that overlap": set_in(data_offsets=[4, 320 * 32 * 4 + 4]),
        "offsets reversed": set_in(data_offsets=[400, 0]),
        "negative offsets": set_in(data_offsets=[-8, 0]),
        "unknown type": set_in(dtype="F33"),
        "whole numbers": set_in(dtype="I32"),
        "shape too large": set_in(shape=[1 << 40, 1 << 40]),
        "shape of words": set_in(shape="all"),
        "header is no JSON": lambda facts, body: (b"\xff" * 64, body),
        "header is a list": lambda facts, body: (b"[1, 2]", body),
        "header is nested": lambda facts, body: (b'{"a":' * 9000 + b"1" + b"}" * 9000, body),
        "header is huge": lambda facts, body: (facts, body, 1 << 62),
        "header ends outside": lambda facts, body: (facts, body, 90_000_000),
    }


@pytest.mark.parametrize("lie", lies())
def test_weights_that_lie_are_refused(copied, lie):
    folder = copied("llama")
    write(folder, *lies()[lie](*header(folder)))
    refused(folder, "model.safetensors' (is damaged or incomplete|holds 'lm_head.weight' as I32)")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_hidden_layers": -3}, "num_hidden_layers is -3"),
        ({"num_hidden_layers": 10**9}, "more than any model has"),
        ({"num_hidden_layers": "four"}, "num_hidden_layers"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"num_hidden_layers": ...}, "has no num_hidden_layers"),
        ({"num_attention_heads": ...}, "has no num_attention_heads"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0"),
        ({"num_attention_heads": 3, "head_dim": None}, "heads"),
        ({"num_attention_heads": 2.5}, "num_attention_heads"),
        ({"num_key_value_heads": 3}, "3 heads for keys and values do not divide 4 heads"),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0"),
        ({"hidden_size": ...}, "has no hidden_size"),
        ({"hidden_size": 10**13}, "model"),
        ({"vocab_size": 10**9}, "asks for 64,000,0"),
        ({"vocab_size": 319}, "another shape"),
        ({"vocab_size": -1}, "vocab_size is -1"),
        ({"model_type": "no_such_model"}, "no_such_model"),
        ({"model_type": ...}, "model_type"),
        ({"model_type": 7}, "model"),
        ({"architectures": 7}, "model"),
        ({"rope_parameters": "none"}, "rope"),
        ({"hidden_act": "no_such_act\x1b[2J"}, "no_such_act"),
        ({"transformers_weights": "adapter_model.bin"}, "transformers_weights is 'adapter_model.bin'"),
    ],
)
def test_configurations_that_no_model_has_are_refused(copied, fields, match):
    folder = copied("llama")
    change_json(folder, **fields)
    refused(folder, match)


@pytest.mark.parametrize(
    ("architecture", "name"), [("gpt2", "n_head"), ("bloom", "n_head"), ("xglm", "attention_heads")]
)
def test_a_left_out_number_of_heads_is_not_made_up(copied, architecture, name):
    folder = copied(architecture)
    change_json(folder, **{name: ...})
    refused(folder, f"has no .*{name}")


def test_a_plan_reads_no_damaged_configuration_either(copied):
    folder = copied("llama")
    change_json(folder, num_hidden_layers=10**9)
    with pytest.raises(ModelError, match="more than any model has"):
        outline(str(folder))


NO_JSON = {
    "empty": b"",
    "cut": b'{"model_type": "lla',
    "binary": bytes(range(256)),
    "a list": b"[1, 2]",
    "a word": b'"llama"',
    "nothing": b"null",
    "nested": b"[" * 100_000,
    "nested whole": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a long number": b'{"vocab_size": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("what", NO_JSON)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_files_that_are_no_json_object_are_refused_by_name(copied, name, what):
    folder = copied("llama")
    (folder / name).write_bytes(NO_JSON[what])
    refused(folder, f"/{name}' is damaged")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_files_that_are_none_are_refused_by_name(copied, name):
    folder = copied("llama")
    (folder / name).unlink()
    os.mkfifo(folder / name)  # reading it would wait forever
    refused(folder, name)


class TestTokenizers:
    def test_more_tokens_than_embeddings_are_refused(self, copied):
        folder = copied("llama")
        change_json(folder, vocab_size=300)

        def cut(tensors):
            for name in ("lm_head.weight", "model.embed_tokens.weight"):
                tensors[name] = tensors[name][:300].contiguous()

        change_tensors(folder, cut)
        refused(folder, r"has ids up to \d+, but the model has embeddings for 0 … 299")

    def test_a_special_token_without_a_row_is_no_fault_unless_it_pads(self, copied):
        folder = copied("llama")
        tokenizer = hf.AutoTokenizer.from_pretrained(folder)
        tokenizer.add_special_tokens({"additional_special_tokens": [f"<image{i}>" for i in range(200)]})
        tokenizer.save_pretrained(folder)
        assert len(tokenizer) > 320
        assert torch.equal(logits_of(load_model(folder)), logits_of(tiny("llama")))
        tokenizer.pad_token = "<image199>"
        tokenizer.save_pretrained(folder)
        refused(folder, "embeddings for 0 … 319")

    def test_an_added_word_without_a_row_is_refused(self, copied):
        folder = copied("llama")
        tokenizer = hf.AutoTokenizer.from_pretrained(folder)
        tokenizer.add_tokens([f"word{i}" for i in range(200)])
        tokenizer.save_pretrained(folder)
        refused(folder, "embeddings for 0 … 319")

    @pytest.mark.parametrize("kind", ["BPE", "WordPiece", "Unigram"])
    def test_an_empty_one_is_refused(self, copied, kind):
        folder = copied("llama")
        facts = json.loads((folder / "tokenizer.json").read_text())
        facts |= {"added_tokens": [], "post_processor": None}
        facts["model"] |= {"type": kind, "vocab": [] if kind == "Unigram" else {}, "unk_token": "?"}
        (folder / "tokenizer.json").write_text(json.dumps(facts))
        refused(folder, ".")

    def test_a_template_with_an_unknown_token_is_refused(self, copied):
        folder = copied("llama")
        facts = json.loads((folder / "tokenizer.json").read_text())
        facts["post_processor"]["special_tokens"] = {}
        facts["post_processor"] = {"type": "Sequence", "processors": [facts["post_processor"]]}
        (folder / "tokenizer.json").write_text(json.dumps(facts))
        refused(folder, "tokenizer.json' is damaged: its template has '<s>'")

    def test_one_that_panics_is_refused(self, copied):
        folder = copied("llama")
        facts = json.loads((folder / "tokenizer.json").read_text())
        facts["model"]["continuing_subword_prefix"] = "long" * 100
        (folder / "tokenizer.json").write_text(json.dumps(facts))
        refused(folder, r"the tokenizer of '.*' is damaged \(.*copy it again")

    def test_one_that_is_random_is_refused(self, copied):
        folder = copied("llama")
        facts = json.loads((folder / "tokenizer.json").read_text())
        facts["model"]["dropout"] = 0.1
        (folder / "tokenizer.json").write_text(json.dumps(facts))
        refused(folder, "at random")

    def test_a_folder_without_one_is_refused(self, copied):
        folder = copied("llama")
        for path in folder.glob("tokenizer*"):
            path.unlink()
        refused(folder, ".")


class Trap:
    def __reduce__(self):
        return os.mkdir, (os.environ["WORKBENCH_TRAP"],)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused_and_never_opened(copied, tmp_path, monkeypatch, name):
    monkeypatch.setenv("WORKBENCH_TRAP", str(tmp_path / "ran"))
    folder = copied("llama")
    (folder / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Trap()}, folder / name)
    refused(folder, r"pickle only.*save_pretrained")
    assert not (tmp_path / "ran").exists()


def test_folders_of_something_else_say_what_they_hold(copied, tmp_path):
    folder = copied("llama")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "gpt2"}')
    refused(folder, "holds an adapter.*merge")
    (folder / "adapter_config.json").unlink()
    (folder / "model.safetensors").rename(folder / "model.gguf")
    refused(folder, "weights as GGUF only")
    (folder / "config.json").unlink()
    refused(folder, "holds GGUF files")
    (folder / "model.gguf").unlink()
    refused(folder, "has no config.json")
    shutil.copy(tiny_path("llama") / "config.json", folder)
    refused(folder, "has no weights")
    (folder / "shard-00001-model-00001-of-00002.safetensors").touch()
    refused(folder, "distributed checkpoint")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("", "no model is named"),
        ("  ", "no model is named"),
        ("~nosuchuser/x", "there is no folder"),
        ("~", "there is no folder"),
        ("x" * 5000, "….*too long"),
        ("x" * 300, "….*too long"),
        ("a/" * 300 + "b", "there is no folder"),
        ("llama\0", r"'llama\\x00' is no model"),
        ("lla\x1b[31mma", r"lla\\x1b\[31mma"),
        ("a/b\nc", r"a/b\\nc"),
        ("/proc/self/mem", "not a folder"),
        ("/dev/null", "not a folder"),
        ("/proc/self/fd", "has no config.json"),
        ("a/b/c/d", "there is no folder"),
        ("../nowhere", "there is no folder"),
        ("owner/", "owner/"),
        ("-x/y", "-x/y"),
        ("https://example.org/model", "there is no folder"),
        ("🦙/lama", "lama"),
        ("\ud800", "ud800"),
    ],
)
def test_odd_names_are_refused_in_a_line(name, match):
    assert len(refused(name, match)) < 700


def test_here_is_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(".", "has no config.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_refused(copied):
    folder = copied("llama")
    folder.chmod(0)
    try:
        refused(folder, "[Pp]ermission")
    finally:
        folder.chmod(0o755)


def test_quoted_lets_no_escape_through():
    assert quoted("a\x1b[31m\u202e") == r"'a\x1b[31m\u202e'"
    assert len(quoted("x" * 1000)) == 200
    assert quoted("x" * 1000, 20).endswith("…")
