"""The table of places before and after a map, beside scikit-learn's components of the same states."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from workbench.core.types import Site
from workbench.study.alignment import some_rows


@pytest.fixture(scope="module")
def states(study):
    return study.alignment.capture()


def places(table):
    return table[["x", "y"]].to_numpy()


def test_a_study_has_the_headline_s_map_at_every_layer(study, result):
    table = result.tables["pca"]
    assert set(table.aligner) == {result.headline.choice.aligner}
    assert sorted(set(table.layer)) == [0, 1, 2] and set(table.split) == {"held_out"}
    kinds = table.groupby(["layer", "language", "mapped"]).sentence.agg(list)
    drawn = study.alignment.split.test.tolist()
    assert len(kinds) == 3 * 3 and all(one == drawn for one in kinds) and set(table.n) == {len(drawn)}


def test_places_are_scikit_learn_s_components_of_the_states_before_the_map(study, states, maps):
    pair, rows = (study.source, study.target), study.alignment.split.test
    table = study.alignment.pca_table(maps["ridge"], states)
    for layer in range(3):
        x, y = (states.at(Site(layer), code)[rows] for code in pair)
        mine = table[table.layer == layer]
        before = mine[~mine.mapped]
        assert before.language.tolist() == [pair[0]] * len(rows) + [pair[1]] * len(rows)
        reference = PCA(2, svd_solver="full").fit(torch.cat([x, y]).double().numpy())
        signs = np.sign((places(before) * reference.transform(torch.cat([x, y]).double().numpy())).sum(0))
        assert np.allclose(places(before), signs * reference.transform(torch.cat([x, y]).double().numpy()))
        after = reference.transform(maps["ridge"].transform(layer, x).double().numpy())
        assert np.allclose(places(mine[mine.mapped]), signs * after, atol=1e-6)
        shares = mine[["share_x", "share_y"]].drop_duplicates().to_numpy()
        assert np.allclose(shares, [reference.explained_variance_ratio_])


def test_a_mean_shift_brings_the_means_of_two_planted_clouds_together(study, states, maps):
    # The target's states are made the source's, moved: the map has nothing to learn but the shift.
    source, moved = study.source, torch.linspace(-2, 2, states.at(Site(0), study.source).shape[-1])
    planted = replace(
        states.captured[study.target],
        states={name: part + moved for name, part in states.captured[source].states.items()},
    )
    shifted = replace(states, captured={**states.captured, study.target: planted})
    fitted = study.alignment.fit(shifted)["mean_shift"]
    table = study.alignment.pca_table(fitted, shifted, "mean_shift")
    means = table.groupby(["layer", "language", "mapped"])[["x", "y"]].mean()
    for layer in range(3):
        before, after, there = (
            means.loc[(layer, language, mapped)].to_numpy()
            for language, mapped in ((source, False), (source, True), (study.target, False))
        )
        assert np.linalg.norm(there - before) > 1 and np.linalg.norm(there - after) < 1e-4
        assert (there >= before).all(), "the target lies to the right, and above"


def test_the_seed_draws_the_sentences_and_every_layer_has_the_same(study, states, maps):
    def drawn(seed):
        alignment = replace(study.alignment, settings=replace(study.settings, seed=seed))
        table = alignment.pca_table(maps["ridge"], states, most=5)
        assert table.n.eq(5).all() and len(table) == 3 * 3 * 5
        (own,) = {tuple(some) for _, some in table.groupby(["layer", "language", "mapped"]).sentence}
        rows = alignment.split.test
        assert own == tuple(some_rows(rows, 5, seed).tolist()) and set(own) <= set(rows.tolist())
        assert list(own) == sorted(own)
        return own

    assert drawn(0) == drawn(0)
    held_out = study.alignment.split.test
    assert len({tuple(some_rows(held_out, 5, seed).tolist()) for seed in range(4)}) > 1
    assert some_rows([3, 1, 2], 3, seed=0).tolist() == [3, 1, 2]


def test_a_layer_without_a_plane_says_why_and_stops_nothing(study, states, maps):
    flat = {
        code: replace(one, states={**one.states, "resid_post": one.states["resid_post"].clone()})
        for code, one in states.captured.items()
    }
    for one in flat.values():
        one.states["resid_post"][1] = 1.0
    table = study.alignment.pca_table(maps["ridge"], replace(states, captured=flat))
    none = table[table.layer == 1]
    assert len(none) == 3 and none.x.isna().all() and none.note.str.contains("equal").all()
    assert (table[table.layer != 1].note == "").all()
