"""Side by side with packages that do the same to a Hugging Face model; skipped where one is not installed."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers as hf
from sweep_grids import scale_of
from tiny_models import tiny_path

from workbench.align import Given
from workbench.core.types import Site
from workbench.methods.recipes import RECIPES
from workbench.sweeps import Configuration, sweep

pytestmark = pytest.mark.filterwarnings("ignore")  # what others' packages warn of is theirs


def package(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


@pytest.fixture
def causal():
    """A model of its own: these packages rewrite it."""
    return hf.AutoModelForCausalLM.from_pretrained(tiny_path("llama")).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return hf.AutoTokenizer.from_pretrained(tiny_path("llama"))


def margin(log_p_of, tokenizer, example):
    """From a function of token ids: log-probabilities of the next token at each place."""
    scores = []
    end = len(tokenizer(example.prompt).input_ids)
    for choice in example.choices:
        ids = tokenizer(example.prompt + choice, return_tensors="pt").input_ids
        with torch.no_grad():
            log_p = log_p_of(ids, end - 1).log_softmax(-1)
        scores.append(log_p[end - 1 : -1].gather(-1, ids[0, end:, None]).sum())
    scores = torch.stack(scores)
    others = torch.cat([scores[: example.answer], scores[example.answer + 1 :]])
    return float(scores[example.answer] - others.max())


def swept(study, configuration):
    examples = study.items("sw", "dev")[:2]
    table = sweep(study.model, examples, [configuration], task="tiny", pair="sw-en")
    scale = max(scale_of(study.model, examples), float(table.margin.abs().max()))
    clean, patched = table.margin.tolist()[:2], table.margin.tolist()[2:]
    assert max(abs(a - b) for a, b in zip(clean, patched, strict=True)) > 1e-4 * scale
    return examples, patched, 1e-5 * scale


def test_steering_vectors_learns_the_same_vectors(given, pairs, causal, tokenizer):
    package("steering_vectors")
    from steering_vectors import train_steering_vector

    samples = list(zip(pairs[1], pairs[0], strict=True))  # the target's sentence is what is wanted
    learned = train_steering_vector(causal, tokenizer, samples, read_token_index=-1, show_progress=False)
    configurations = RECIPES["mean_difference"].configurations(given)
    for configuration in configurations:
        theirs = learned.layer_activations[configuration.site.layer]
        assert torch.allclose(configuration.map.bias_.float(), theirs, atol=1e-5 * float(theirs.abs().max()))


def test_steering_vectors_patches_the_same(given, study, causal, tokenizer):
    package("steering_vectors")
    from steering_vectors import SteeringVector

    configuration = replace(RECIPES["mean_difference_all"].configurations(given)[5], aligner="m")
    vector = SteeringVector({configuration.site.layer: configuration.map.bias_.float()}, "decoder_block")

    def log_p(ids, end):
        with vector.apply(causal, multiplier=configuration.strength):
            return causal(ids).logits[0]

    examples, found, tolerance = swept(study, configuration)
    assert found == pytest.approx([margin(log_p, tokenizer, e) for e in examples], abs=tolerance)


def test_repeng_patches_the_same(study, causal, tokenizer, monkeypatch):
    monkeypatch.setattr(np, "float_", np.float64, raising=False)  # gone with NumPy 2, but named there
    package("repeng")
    from repeng import ControlModel, ControlVector

    generator = torch.Generator().manual_seed(0)
    steps = {layer: 0.1 * torch.randn(32, generator=generator) for layer in (1, 2)}
    configuration = Configuration.jointly(
        "m",
        {Site(layer): Given.step(step) for layer, step in steps.items()},
        "add_vector",
        2.0,
        positions="all",
    )
    steered = ControlModel(causal, [1, 2])
    steered.set_control(ControlVector("llama", {k: v.numpy() for k, v in steps.items()}), 2.0)
    examples, found, tolerance = swept(study, configuration)
    expected = [margin(lambda ids, end: steered(ids).logits[0], tokenizer, e) for e in examples]
    assert found == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", ["incline_single", "caa"])
def test_pyvene_patches_the_same(name, given, study, causal, tokenizer):
    pyvene = package("pyvene")
    configuration = replace(RECIPES[name].configurations(given)[-1], aligner="m")

    def change(base, source=None):
        image = configuration.map.transform(base)
        return base + configuration.strength * (
            image if configuration.intervention == "add_mapped" else image - base
        )

    place = {"layer": configuration.site.layer, "component": "block_output", "intervention": change}
    patched = pyvene.IntervenableModel([place], model=causal)

    def log_p(ids, end):
        base = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        return patched(base=base, unit_locations={"base": end})[1].logits[0]

    examples, found, tolerance = swept(study, configuration)
    assert found == pytest.approx([margin(log_p, tokenizer, e) for e in examples], abs=tolerance)
