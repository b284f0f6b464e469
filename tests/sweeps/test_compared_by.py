"""Choices compared by likelihood for each token or character: the sums are the same, their lengths count."""

import pytest
import torch
from tiny_models import sentences, tiny

from workbench.align import Identity
from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.sweeps import Configuration, read_examples, score_choices, sweep
from workbench.tasks import Example

CHOICES = (" yes", " one two three four", " no no")
ITEMS = [Example(f"{i}", p, CHOICES, i % 3, "en", "dev") for i, p in enumerate(sentences(9, 7, seed=5))]


def configurations(model):
    identity = Identity().fit(torch.randn(4, model.info.d_model), torch.randn(4, model.info.d_model))
    return [Configuration("identity", Site(1), identity, "interpolate", 0.5)]


@pytest.mark.parametrize("by", ["plain", "per_token", "per_character"])
def test_margins_are_those_of_the_divided_sums(by):
    model = tiny("llama")
    readings = read_examples(model, ITEMS)
    table = sweep(model, ITEMS, configurations(model), task="t", pair="a-b", by=by)
    for reading, sums in zip(readings, score_choices(model, readings), strict=True):
        lengths = {
            "plain": [1, 1, 1],
            "per_token": [len(choice) for choice in reading.choices],
            "per_character": [len(choice.strip()) for choice in CHOICES],
        }[by]
        scores = [float(s) / n for s, n in zip(sums, lengths, strict=True)]
        right = reading.example.answer
        margin = scores[right] - max(s for i, s in enumerate(scores) if i != right)
        own = table[table.example == reading.example.id]
        # The identity patches nothing, so both configurations are the unpatched run.
        assert own.margin.tolist() == pytest.approx([margin, margin], abs=1e-4)
        assert set(own.prediction) == {max(range(3), key=scores.__getitem__)}


def test_the_ways_are_named():
    model = tiny("llama")
    with pytest.raises(InputError, match="did you mean 'per_token'"):
        sweep(model, ITEMS, configurations(model), task="t", pair="a-b", by="per_tokens")


def test_shards_of_one_way_are_not_taken_for_another(tmp_path):
    model = tiny("llama")
    plain = sweep(model, ITEMS, (), task="t", pair="a-b", folder=tmp_path)
    by_token = sweep(model, ITEMS, (), task="t", pair="a-b", folder=tmp_path, by="per_token")
    assert not plain.margin.equals(by_token.margin)
