"""Training is the same with and without interruption, and its model loads like any other."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from workbench.core.errors import InputError, StoreError
from workbench.models import load_model
from workbench.organism.config import TrainingConfig, WorldConfig
from workbench.organism.texts import Corpus, Items
from workbench.organism.training import batches, train_organism, train_tokenizer

TINY = WorldConfig(
    training=TrainingConfig(layers=2, width=16, heads=2, hidden=16, steps=6, batch=12, warmup=2)
)


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train_organism(TINY, tmp_path_factory.mktemp("organism") / "whole")


def test_resumed_training_equals_uninterrupted_training(whole, tmp_path):
    folder = tmp_path / "resumed"
    for stop in (2, 5):
        assert train_organism(TINY, folder, checkpoint_every=2, stop_at=stop) is None
        assert not folder.exists()
    kept = {path.suffix for path in (tmp_path / "resumed.checkpoint").iterdir()}
    assert kept == {".json", ".safetensors"}
    steps = []
    resumed = train_organism(TINY, folder, progress=lambda what, done, total: steps.append(done))
    assert steps == [6], "the steps done were not done again"
    assert resumed.loss == whole.loss
    one, other = weights(whole.folder), weights(folder)
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert not (tmp_path / "resumed.checkpoint").exists()


def test_another_seed_gives_other_weights(whole, tmp_path):
    other = train_organism(replace(TINY, seed=1), tmp_path / "other")
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(weights(whole.folder)[name], weights(other.folder)[name])


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(tmp_path):
    folder = tmp_path / "model"
    train_organism(TINY, folder, stop_at=1)
    with pytest.raises(InputError, match="other settings"):
        train_organism(replace(TINY, seed=1), folder)
    path = next((tmp_path / "model.checkpoint").glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="damaged"):
        train_organism(TINY, folder)


def test_training_lowers_the_loss(tmp_path):
    longer = replace(TINY, training=replace(TINY.training, steps=40, learning_rate=1e-2))
    short = train_organism(replace(TINY, training=replace(TINY.training, steps=1)), tmp_path / "one")
    assert train_organism(longer, tmp_path / "many").loss < short.loss - 1


def test_the_model_is_in_half_precision_and_loads_like_any_other(whole):
    assert {value.dtype for value in weights(whole.folder).values()} == {torch.float16}
    model = load_model(whole.folder)
    assert (model.info.n_layers, model.info.d_model) == (2, 16)
    assert model.info.architecture == "llama"


@pytest.mark.parametrize("last_token", ["operand", "mark"])
def test_every_text_of_the_world_is_read_without_an_unknown_token(last_token):
    config = replace(TINY, fit=10, dev=10, test=10, last_token=last_token)
    corpus = Corpus(config)
    tokenizer = train_tokenizer(corpus.vocabulary(), 64)
    texts = [document.text for document in corpus.documents(0, 400)]
    items = Items(config)
    for name in ("exact", "inference", "translation"):
        texts += [e.prompt + e.choices[0] for e in items.task(name).all]
    for text, ids in zip(texts, tokenizer(texts)["input_ids"], strict=True):
        assert ids[0] == tokenizer.bos_token_id and tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_a_word_is_as_many_tokens_as_the_language_says():
    corpus = Corpus(TINY)
    tokenizer = train_tokenizer(corpus.vocabulary(), 64)
    for language in corpus.languages.values():
        for word in {*language.words, *language.subjects}:
            assert len(tokenizer.tokenize(word)) == len(word) / 2
    assert tokenizer.tokenize("Ada") == ["▁Ada"]
    assert tokenizer.tokenize("<x-poor-far>") == ["▁<x-poor-far>"]


def test_batches_hold_every_document_once_with_little_padding():
    rows = [[1] * n for n in (8, 8, 14, 8, 24, 9)]
    found = batches(rows, pad=0)
    assert len(found) == 2
    assert sorted(int((row != 0).sum()) for batch in found for row in batch) == [8, 8, 8, 9, 14, 24]
    assert sum(batch.numel() for batch in found) == 4 * 9 + 2 * 24
    assert [batch.shape for batch in batches([[1, 2]], pad=0)] == [(1, 2)]
