"""Feed-forward neurons of a whole model, read again one sentence at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers as hf
from scipy.stats import entropy, spearmanr
from scipy.stats import t as student

from workbench.core.errors import SiteError
from workbench.core.types import Site
from workbench.models import load_model
from workbench.states import capture
from workbench.study import Alignment


@pytest.fixture(scope="module")
def table(study):
    return study.alignment.feed_forward_table()


def neurons(study):
    languages = (study.source, study.target)
    return capture(study.model, study.text, languages, sites="mlp_act", store=study.alignment.store)


def ends(study, language, layer):
    """What enters the down-projection at the last token of each held-out sentence, by Hugging Face."""
    causal = hf.AutoModelForCausalLM.from_pretrained(study.model.info.source, dtype=torch.float32).eval()
    kept = []
    handle = causal.model.layers[layer].mlp.down_proj.register_forward_pre_hook(
        lambda _, given: kept.append(given[0][0, -1].double())
    )
    with handle, torch.no_grad():
        for row in study.alignment.split.test:
            causal(torch.tensor(study.model.tokens.encode([study.text[language][int(row)]])))
    return torch.stack(kept).numpy()


def test_values_are_those_of_activations_before_the_down_projection(study, table):
    alignment, layer = study.alignment, 1
    at = table[table.site == "mlp_act.1"]
    assert set(at.layer) == {1} and set(at.n) == {len(alignment.split.test)} and (at.note == "").all()
    states = neurons(study)
    means = []
    for language in (study.source, study.target):
        a = states.at(Site(layer, "mlp_act"), language)[alignment.split.test].double().numpy()
        expected = ends(study, language, layer)
        assert np.abs(a - expected).max() < 1e-5 * np.abs(expected).max()
        own = at[at.language == language].set_index("measure")
        size = np.abs(a)
        sparse = (size <= 0.1 * size.max(1, keepdims=True)).mean(1)
        scaled = (a - a.min(1, keepdims=True)) / np.ptp(a, axis=1)[:, None]
        flat = entropy(scaled, axis=1) / np.log(a.shape[1])
        for name, scores in (("flatness", flat), ("sparsity", sparse)):
            error = scores.std(ddof=1) / np.sqrt(len(scores)) * student.ppf(0.975, len(scores) - 1)
            row = own.loc[name]
            assert row.value == pytest.approx(scores.mean(), abs=1e-9)
            assert (row.low, row.high) == pytest.approx((row.value - error, row.value + error), abs=1e-9)
        means.append(a.mean(0))
        halves = spearmanr(a[::2].mean(0), a[1::2].mean(0)).statistic
        assert own.value["rank_correlation"] == pytest.approx(halves, abs=1e-9)
    pair = at[at.language.isna()].iloc[0]
    assert pair.measure == "rank_correlation"
    assert pair.value == pytest.approx(spearmanr(*means).statistic, abs=1e-9)


def test_every_layer_has_seven_rows_with_intervals_around_the_values(study, table):
    per_layer = ["flatness"] * 2 + ["sparsity"] * 2 + ["rank_correlation"] * 3
    assert table.measure.tolist() == per_layer * study.model.info.n_layers
    assert (table.low <= table.value).all() and (table.value <= table.high).all()
    assert (table.low[table.measure != "rank_correlation"] >= 0).all() and (table.high <= 1).all()


def test_sentences_of_one_document_have_values_without_intervals(study, monkeypatch):
    states = neurons(study)
    n = len(study.alignment.split.test)

    def grouped(groups):
        monkeypatch.setattr(Alignment, "groups", groups)
        return study.alignment.neurons_table(states, {})

    alone = grouped(None)
    four, one = grouped([str(i % 4) for i in range(n)]), grouped(["all"] * n)
    assert four.low.notna().all() and (four.note == "").all()
    assert one.low.isna().all() and (one.note != "").all()
    halves = (one.measure == "rank_correlation") & one.language.notna()
    assert one.value[~halves].equals(four.value[~halves]) and one.value[halves].isna().all()
    assert four.value.equals(alone.value), "every other document is every other sentence here"
    assert not four.low.equals(alone.low)
    assert one.note[~halves].str.startswith("no interval").all()
    assert one.note[halves].str.contains("has no halves").all()


def test_neurons_that_are_all_alike_have_no_order(study):
    states = neurons(study)
    flat = {
        code: replace(one, states={"mlp_act": torch.ones_like(one.states["mlp_act"])})
        for code, one in states.captured.items()
    }
    table = study.alignment.neurons_table(replace(states, captured=flat), {})
    ranks = table[table.measure == "rank_correlation"]
    assert ranks.value.isna().all() and ranks.note.str.contains("equally active").all()
    assert table.value[table.measure == "flatness"].tolist() == pytest.approx([1] * 6)


def test_a_model_that_does_not_show_its_neurons_says_so(study, tmp_path):
    origin = study.model.info.source
    config = hf.MixtralConfig(
        vocab_size=study.model.info.d_vocab,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_local_experts=2,
        num_experts_per_tok=1,
    )
    hf.MixtralForCausalLM(config).save_pretrained(tmp_path)
    hf.AutoTokenizer.from_pretrained(origin).save_pretrained(tmp_path)
    alignment = replace(study.alignment, model=load_model(tmp_path), store=tmp_path / "store")
    with pytest.raises(SiteError, match=r"has no site mlp_act\.0"):
        alignment.model.check_site(Site(0, "mlp_act"))
    table = alignment.feed_forward_table()
    assert table.value.isna().all() and len(table) == 7 * 2
    assert table.note.str.contains("has no site mlp_act").all()
    assert not (tmp_path / "store").exists(), "nothing was run"
