"""On real pretrained models, where they are: folders in `WORKBENCH_MODELS` (default: ~/models).

`python -m pytest -m real` runs these tests alone. Without the models, or without the published corpora, each
is skipped with a line that says so.
"""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
import transformers as hf

import workbench as wb
from workbench.cli import main
from workbench.core.types import Site
from workbench.sweeps import Configuration, read_examples, sweep

REPO = Path(__file__).parent.parent
sys.path.insert(0, str(REPO / "benchmarks"))
MODELS = {"gemma": "gemma3-270m", "smollm2": "smollm2-135m-instruct"}
pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=list(MODELS))
def folder(request):
    path = Path(os.environ.get("WORKBENCH_MODELS", "~/models")).expanduser() / MODELS[request.param]
    if not path.is_dir():
        pytest.skip(f"no real model: {path} does not exist; set WORKBENCH_MODELS to its parent")
    return path


@pytest.fixture(scope="module")
def model(folder):
    return wb.load_model(folder)


@pytest.fixture(scope="module")
def causal(folder):
    return hf.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def test_the_load_check_is_far_within_its_bounds(model):
    assert model.info.self_check["logits"] < 1e-5


def test_captured_states_are_hugging_faces_hidden_states(model, causal, shared_data):
    text = wb.read(shared_data / "ntrex128", languages=["sw", "en"]).select(range(12))
    states = wb.capture(model, text, store=None)
    for language in ("sw", "en"):
        for row, ids in enumerate(model.tokens.encode(list(text[language]))):
            with torch.no_grad():
                hidden = causal(torch.tensor([ids]), output_hidden_states=True).hidden_states
            for layer in range(model.info.n_layers - 1):  # the last one there is behind the final norm
                theirs, ours = hidden[layer + 1][0, -1], states.at(Site(layer), language)[row]
                assert float((ours - theirs).abs().max()) < 1e-4 * float(theirs.abs().max())


@pytest.mark.parametrize("task", ["xcopa", "sib200"])
def test_sweeps_give_what_a_plain_loop_gives(model, causal, shared_data, task):
    """Slots at the last token and suffixes at all tokens, on items of several lengths."""
    from real import loop

    examples = wb.read_task(f"{task}:{shared_data / task}").examples("sw", "dev")[:5]
    readings = read_examples(model, examples)
    generator = torch.Generator().manual_seed(0)
    width, top = model.info.d_model, model.info.n_layers - 1
    W = torch.eye(width) + 0.3 * torch.randn(width, width, generator=generator) / width**0.5
    for positions in ("last", "all"):
        some = [
            Configuration(
                "dense",
                Site(layer),
                wb.align.Given.of(wb.align.Affine((W,))),
                "interpolate",
                0.5,
                positions=positions,
            )
            for layer in (0, top // 2, top)
        ]
        table = sweep(model, examples, some, task=task, pair="sw-en")
        for layer, rows in table[table.aligner != "clean"].groupby("layer"):
            own = next(one for one in some if one.site.layer == layer)
            for row, scores, reading in zip(
                rows.itertuples(), loop(causal, readings, own), readings, strict=True
            ):
                right = scores[reading.example.answer]
                best = max(s for i, s in enumerate(scores) if i != reading.example.answer)
                assert row.margin == pytest.approx(float(right - best), abs=5e-3)


def test_a_small_diagnosis_ends_in_a_verdict(folder, shared_data, tmp_path, capsys):
    words = ["diagnose", str(folder), "--pair", "sw-en", "--text", str(shared_data / "ntrex128")]
    words += ["--task", f"sib200:{shared_data / 'sib200'}", "--dev", "8", "--test", "12", "--anyway"]
    words += ["--aligners", "mean_shift,shuffled_pairs", "--strengths", "1", "--refits", "0"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["kind"] in ("helps", "harms", "equivalent", "undecided")
    assert (
        tmp_path / "run" / "report.html"
    ).is_file() and "minimum detectable gain" in capsys.readouterr().out
