"""The command line as a user meets it: help, results, one-line errors, exit codes."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import sentences, tiny_path

from workbench.cli import COMMANDS, build_parser, main

REPO = Path(__file__).parent.parent.parent


@pytest.fixture
def text_file(tmp_path):
    rows = zip(sentences(20, seed=1), sentences(20, seed=2), strict=True)
    path = tmp_path / "text.tsv"
    path.write_text("sw\ten\n" + "".join(f"{i} {a}\t{i} {b}\n" for i, (a, b) in enumerate(rows)))
    return path


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(capsys, name):
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert "example:" in out and f"workbench {name}" in out.split("example:")[1]
    actions = next(a for a in build_parser()._actions if a.choices).choices[name]._actions
    assert all(action.help for action in actions)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="help texts are laid out as by Python 3.11")
def test_the_reference_is_what_help_says():
    spec = importlib.util.spec_from_file_location("cli_reference", REPO / "tools" / "cli_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (REPO / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == module.reference(), "run: python tools/cli_reference.py"


def test_without_a_command_help_is_shown(capsys):
    code, out, _ = run(capsys)
    assert code == 0 and "capture" in out


def test_version(capsys):
    code, out, _ = run(capsys, "--version")
    assert code == 0
    assert out.splitlines()[0].startswith("workbench 0.") and "transformer-lens" in out


def test_models_lists_all_architectures(capsys):
    code, out, _ = run(capsys, "models")
    assert code == 0
    assert "BLOOMZ" in out and "xglm" in out


def test_capture_says_what_it_kept_and_finds_it_again(capsys, text_file, tmp_path):
    arguments = ("capture", tiny_path("llama"), "--text", text_file, "--store", tmp_path / "store")
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "20 rows" in out and "4 layers × 20 rows × 32" in out and "tokens per word" in out
    digest = out.split("digest ")[1].strip()
    assert run(capsys, *arguments)[1].split("digest ")[1].strip() == digest
    assert len(list((tmp_path / "store").rglob("states.safetensors"))) == 2


def test_plan_measures_what_is_at_hand(capsys, text_file):
    code, out, err = run(capsys, "plan", tiny_path("llama"), "--text", text_file)
    assert code == 0 and not err
    assert "20 × 2 languages" in out and "forward passes" in out
    assert "not measured" not in out


def test_rows_too_long_for_the_model_are_left_out_when_asked(capsys, tmp_path):
    path = tmp_path / "long.tsv"
    path.write_text("sw\ten\nhabari\tnews\n" + "Z" * 400 + "\tthanks\n")
    common = (tiny_path("llama"), "--text", path)
    assert "1 rows too long" in run(capsys, "plan", *common)[1]
    code, _, err = run(capsys, "capture", *common, "--store", tmp_path / "s")
    assert code == 2 and "--drop-long" in err
    code, out, _ = run(capsys, "capture", *common, "--store", tmp_path / "s", "--drop-long")
    assert code == 0 and "1 rows, 1 too long" in out.replace("(sw en, ", "").replace(")", "")


LARGE = {
    "llama-3-8b": {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 8192,
    },
    "mistral-7b": {
        "model_type": "mistral",
        "architectures": ["MistralForCausalLM"],
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
        "max_position_embeddings": 32768,
        "sliding_window": 4096,
    },
    "qwen2.5-7b": {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
        "max_position_embeddings": 131072,
    },
}
"""Published shapes of models of 7 and 8 billion parameters."""


@pytest.mark.parametrize(
    ("name", "weights"), [("llama-3-8b", 16.1), ("mistral-7b", 14.5), ("qwen2.5-7b", 15.2)]
)
def test_plan_says_from_the_configuration_whether_a_large_model_fits(
    capsys, text_file, tmp_path, name, weights
):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LARGE[name]))
    head = "id\tsplit\tgroup\tlanguage\tprompt\tanswer\tchoice1\tchoice2\n"
    items = "".join(f"{i}\tdev\t\tsw\t{'maji na miti ' * 20}{i}\t1\t ndio\t la\n" for i in range(100))
    (tmp_path / "items.tsv").write_text(head + items)
    common = ("plan", folder, "--text", text_file, "--model-dtype", "bfloat16", "--no-probe")
    for more in [("--task", tmp_path / "items.tsv"), *([()] if name == "llama-3-8b" else [])]:
        code, out, _ = run(capsys, *common, *more)
        out = " ".join(out.split())  # whatever the width of the terminal
        assert code == 0
        assert f"(weights {weights} GB)" in out and "for a sweep (keys and values" in out
        cards = out.split(" GB card")[1:]
        assert len(cards) == 2
        for line in cards:
            assert " fits (" in line and f"weights {weights} GB, capture" in line
            sweep = float(line.split("sweep ")[1].split(" GB")[0])
            assert weights + 1 < sweep < weights + 5
        assert ("race on dev" in out) == bool(more)


def test_plan_needs_no_weights(capsys, text_file, tmp_path):
    folder = tmp_path / "config-only"
    folder.mkdir()
    (folder / "config.json").write_text((tiny_path("gpt2") / "config.json").read_text())
    code, out, err = run(capsys, "plan", folder, "--text", text_file)
    assert code == 0
    assert "about" in out and "not measured" in out
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--text", "nothing.tsv"), "nothing.tsv"),
        (("--text", "{text}", "--languages", "sw,fr"), "fr"),
        (("--text", "{text}", "--pool", "lsat"), "did you mean 'last'"),
        (("--text", "{text}", "--sites", "resid_post.9"), "layers 0 … 3"),
        (("--text", "{text}", "--backend", "hook"), "did you mean 'hooked'"),
        (("--text", "{text}", "--template", "none"), "exactly once"),
    ],
)
def test_errors_are_one_line_and_leave_nothing_behind(capsys, text_file, tmp_path, arguments, message):
    store = tmp_path / "store"
    filled = [text_file if a == "{text}" else a for a in arguments]
    code, out, err = run(capsys, "capture", tiny_path("llama"), *filled, "--store", store)
    assert code == 2 and not out
    assert err.startswith("workbench: ") and message in err and len(err.splitlines()) == 1
    assert not store.exists() or not list(store.rglob("*.safetensors"))


def test_a_split_of_the_text_can_be_named(capsys, tmp_path):
    for split, n in (("dev", 3), ("devtest", 5)):
        for code in ("swh_Latn", "eng_Latn"):
            path = tmp_path / "flores" / split / f"{code}.{split}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{code} {i}\n" for i in range(n)))
    common = ("capture", tiny_path("llama"), "--text", tmp_path / "flores", "--store", tmp_path / "s")
    code, out, _ = run(capsys, *common, "--text-split", "devtest")
    assert code == 0 and "5 rows" in out
    code, _, err = run(capsys, *common, "--text-split", "train")
    assert code == 2 and "train" in err


def test_files_of_one_language_are_named_one_after_another(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.swh").write_text("moja\nmbili\n")
    (tmp_path / "b.eng").write_text("one\ntwo\n")
    model = str(tiny_path("llama"))
    for named in (["a.swh", "b.eng", "--store", "s"], ["a.swh,b.eng", "--store", "s"]):
        code, out, err = run(capsys, "capture", model, "--text", *named)
        assert code == 0 and "ParallelText(sw en, 2 rows)" in out, err
    for first in (["--text", "a.swh"], ["--text=a.swh"]):
        code, out, err = run(capsys, "plan", *first, "b.eng", model)  # the model stays the model
        assert code == 0 and "2 × 2 languages" in out, err
    code, out, _ = run(capsys, "doctor", "a.swh,b.eng")
    assert "2 rows" in out
    (tmp_path / "b.eng").write_text("one\ntwo\nthree\n")
    code, _, err = run(capsys, "capture", model, "--text", "a.swh", "b.eng")
    assert code == 2 and "b.eng:3: has 3 lines but a.swh has 2" in err and len(err.splitlines()) == 1
    code, _, err = run(capsys, "capture", "--text", "a.swh", "c.eng", model)
    assert code == 2 and "no file c.eng: check the path" in err
    (tmp_path / "c.txt").write_text("un\ndeux\n")
    for named in (("a.swh", "c.txt"), ("c.txt", "a.swh")):
        code, _, err = run(capsys, "plan", model, "--text", *named)
        assert code == 2 and "the name of c.txt shows no language: call it NAME.sw, " in err


def test_an_error_in_a_file_names_file_and_line(capsys, tmp_path):
    path = tmp_path / "text.tsv"
    path.write_text("sw\ten\nhabari\tnews\nasante\t\n")
    code, _, err = run(capsys, "capture", tiny_path("llama"), "--text", path)
    assert code == 2 and f"{path}:3:" in err


def test_debug_shows_where_an_error_came_from(text_file):
    from workbench.core.errors import InputError

    for arguments in (["--debug", "capture"], ["capture", "--debug"]):
        with pytest.raises(InputError):
            main([*arguments, str(tiny_path("llama")), "--text", str(text_file), "--pool", "lsat"])


def test_ctrl_c_is_said_in_a_line(capsys, monkeypatch, text_file):
    import workbench.cli.capture as command

    def stopped(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "load", stopped)
    code, _, err = run(capsys, "capture", tiny_path("llama"), "--text", text_file)
    assert code == 130 and "goes on from here" in err


def test_a_reader_that_leaves_early_is_no_error():
    code = "import sys; from workbench.cli import main; sys.exit(main(['data']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.close()
        err = child.stderr.read().decode()
    assert err == ""


def test_plan_tells_what_a_diagnosis_would_cost_and_show(capsys, tmp_path):
    (tmp_path / "text.tsv").write_text("sw\ten\nhabari\tnews\nasante\tthanks\n")
    head = "id\tsplit\tgroup\tlanguage\tprompt\tanswer\tchoice1\tchoice2\n"
    splits = ["dev"] * 40 + ["test"] * 100
    items = "".join(f"{i}\t{split}\t\tsw\tswali {i}\t1\t ndio\t la\n" for i, split in enumerate(splits))
    (tmp_path / "items.tsv").write_text(head + items)
    arguments = ("--text", tmp_path / "text.tsv", "--task", tmp_path / "items.tsv", "--configurations", 12)
    code, out, _ = run(capsys, "plan", tiny_path("llama"), *arguments, "--no-probe")
    assert code == 0 and "40 dev and 100 test items in sw" in out
    assert "detectable gain 0.109" in out and "12 configurations" in out and "24 GB card" in out
    code, _, err = run(capsys, "plan", tiny_path("llama"), *arguments, "--no-probe", "--source", "fr")
    assert code == 2 and "fr" in err


def test_the_package_runs_as_a_module():
    python = [sys.executable, "-m", "workbench"]
    wrong = subprocess.run([*python, "diagnos"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "diagnose" in wrong.stderr
    assert subprocess.run([*python, "data", "xcopa"], capture_output=True, text=True).returncode == 0
