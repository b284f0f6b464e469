"""Intervals of the right kind, chance beside each measure, and layers against layers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from workbench.core.errors import InputError
from workbench.measures import METRICS, debiased_linear_cka, permutation_null
from workbench.states import activations as similarity
from workbench.stats import accuracy, jackknife_interval, mean_interval, wilson_interval
from workbench.text import ParallelText


@pytest.fixture(scope="module")
def states(study):
    return study.alignment.capture()


@pytest.fixture(scope="module")
def at_layer_1(study, states):
    rows = study.alignment.split.test
    return tuple(states.at("resid_post.1", code)[rows] for code in (study.source, study.target))


def grouped(study, of):
    text = study.text
    groups = tuple(of(row) for row in range(len(text)))
    return replace(study.alignment, text=ParallelText(dict(text.sentences), groups))


def test_means_over_queries_have_intervals_over_queries_and_sets_the_jackknife_s(study, states, at_layer_1):
    x, y = at_layer_1
    table = study.alignment.similarity_table(states, blocks=4)
    at = table[table.site == "resid_post.1"].set_index("measure")
    for name, metric in METRICS.items():
        if metric.per_query is not None:
            scores = metric.per_query(x, y)
            binary = bool(((scores == 0) | (scores == 1)).all())
            one = wilson_interval(int(scores.sum()), len(x)) if binary else mean_interval(scores.numpy())
            assert at.interval[name] == "queries" and at.value[name] == pytest.approx(float(scores.mean()))
            assert (at.low[name], at.high[name]) == (max(one.low, 0), min(one.high, 1))
        else:
            one = jackknife_interval(lambda i, m=metric: m(x[i], y[i]), len(x), blocks=4)
            assert at.interval[name] == "jackknife"
            assert (at.low[name], at.high[name]) == pytest.approx((one.low, one.high))
    assert {name for name in METRICS if at.interval[name] == "queries"} == {
        "retrieval",
        "retrieval_centered",
        "csls",
        "mexa",
    }


def test_without_blocks_only_queries_have_an_interval(study, states):
    table = study.alignment.similarity_table(states)
    assert set(table.interval) == {"queries", ""}
    assert (table.low.isna() == (table.interval == "")).all()


def test_nothing_found_is_not_nothing_for_certain(monkeypatch, study, states):
    never = replace(METRICS["mexa"], function=lambda X, Y: 0.0, per_query=lambda X, Y: torch.zeros(len(X)))
    monkeypatch.setattr(similarity, "METRICS", {"mexa": never})
    table = study.alignment.similarity_table(states)
    assert (table.low == 0).all() and (table.high > 0.1).all()


def test_sentences_of_one_document_count_as_one(study, states, at_layer_1):
    x, y = at_layer_1
    alignment = grouped(study, lambda row: f"document {row // 4}")
    held_out = alignment.split.test
    groups = [f"document {row // 4}" for row in held_out]
    assert alignment.groups == groups and 1 < len(set(groups)) < len(held_out)
    table = alignment.similarity_table(states, blocks=20).set_index(["site", "measure"])
    x, y = (states.at("resid_post.1", code)[held_out] for code in (study.source, study.target))
    one = accuracy(METRICS["retrieval"].per_query(x, y).numpy(), groups)
    row = table.loc[("resid_post.1", "retrieval")]
    assert (row.low, row.high) == pytest.approx((one.low, one.high)) and one.n == len(set(groups))
    jackknife = jackknife_interval(lambda i: METRICS["cka"](x[i], y[i]), len(x), groups)
    row = table.loc[("resid_post.1", "cka")]
    assert (row.low, row.high) == pytest.approx((jackknife.low, jackknife.high))


def test_sentences_of_a_single_document_have_a_value_and_no_interval(study, states):
    where = (study.alignment.facts, states, study.source, study.target, study.alignment.split.test)
    table = similarity.similarity_table(*where, groups=["one"] * len(where[-1]), blocks=4)
    assert table.value.notna().all() and table.low.isna().all() and (table.interval == "").all()
    assert table.note.str.contains("of one document").all()


def test_chance_stands_beside_every_value(study, states, at_layer_1):
    table = study.alignment.null_table(states, draws=19)
    assert len(table) == len(states.sites) * len(METRICS) and set(table.draws) == {19}
    for name in ("cka", "procrustes", "mexa"):
        found = permutation_null(METRICS[name], *at_layer_1, draws=19, seed=study.settings.seed)
        row = table[(table.site == "resid_post.1") & (table.measure == name)].iloc[0]
        assert (row.value, row.p) == pytest.approx((found.value, found.p)) and row.note == ""
        expected = (*np.quantile(found.null, [0.05, 0.95]), np.mean(found.null.numpy()))
        assert (row.null_low, row.null_high, row.null_mean) == pytest.approx(expected)
    documents = grouped(study, lambda row: f"document {row // 4}").null_table(states, draws=2)
    assert documents.note.str.contains("p is too small").all()
    with pytest.raises(InputError, match="at least 1"):
        study.alignment.null_table(states, draws=0)


def test_every_layer_meets_every_layer_within_and_across(study, states):
    table = study.alignment.grid_table(states)
    rows, sites = study.alignment.split.test, [str(site) for site in states.sites]
    pairs = [(study.source, study.source), (study.source, study.target), (study.target, study.target)]
    assert len(table) == 3 * len(sites) ** 2
    for one, other in pairs:
        some = table[(table.language == one) & (table.other_language == other)]
        wide = some.pivot(index="site", columns="other_site", values="value").loc[sites, sites]
        expected = [
            [debiased_linear_cka(states.at(a, one)[rows], states.at(b, other)[rows]) for b in sites]
            for a in sites
        ]
        assert wide.to_numpy() == pytest.approx(np.array(expected))
    other = study.alignment.grid_table(states, "retrieval")
    assert set(other.measure) == {"retrieval"} and other.value.between(0, 1).all()
    with pytest.raises(InputError, match="did you mean 'cka_debiased'"):
        study.alignment.grid_table(states, "cka_debised")


def test_a_layer_with_nothing_to_compare_leaves_the_others_their_grid(study, states):
    flat = {
        code: replace(one, states={**one.states, "embed": torch.ones_like(one.states["embed"])})
        for code, one in states.captured.items()
    }
    table = study.alignment.grid_table(replace(states, captured=flat))
    touched = (table.site == "embed") | (table.other_site == "embed")
    assert table.value.isna().equals(touched) and table.note[touched].str.contains("equal").all()
    whole = study.alignment.grid_table(states)
    assert table.value[~touched].to_numpy() == pytest.approx(whole.value[~touched].to_numpy())
