"""Every table has the columns that docs/tables.md tells of, and rows for every place it speaks of."""

from dataclasses import replace

import torch

from workbench.measures import METRICS
from workbench.results import COLUMNS
from workbench.results.schema import check_columns
from workbench.study import Settings


def test_every_table_has_the_columns_of_its_schema_in_their_order(study, result):
    states = study.alignment.capture()
    tables = result.tables | {
        "geometry": study.alignment.geometry_table(states),
        "feed_forward": study.alignment.feed_forward_table(),
        "null": study.alignment.null_table(states, draws=1),
        "grid": study.alignment.grid_table(states),
        "curve": study.alignment.curve_table(states, draws=1),
        "mismatch": study.alignment.mismatch_table(states, study.task),
    }
    for name, table in tables.items():
        check_columns(name, table)
        assert list(table) == [column for column in COLUMNS[name] if column in table], name


def test_similarity_starts_at_the_embedding_which_is_no_layer(result):
    table = result.tables["similarity"]
    sites = ["embed", "resid_post.0", "resid_post.1", "resid_post.2"]
    for metric in METRICS:
        rows = table[table.measure == metric]
        assert rows.site.tolist() == sites
        assert rows.layer.isna().tolist() == [True, False, False, False]
        assert rows.layer.dropna().tolist() == [0, 1, 2]
    assert len(table) == len(METRICS) * len(sites) and set(table.n) == {result.n["held_out"]}


def test_fit_has_one_row_for_each_layer_and_method(result, study):
    table = result.tables["fit"]
    assert table.groupby("aligner").layer.agg(list).to_dict() == {
        aligner: [0, 1, 2] for aligner in study.settings.aligners
    }
    assert set(table.n_fit) == {result.n["fit"]} and set(table.n_held_out) == {result.n["held_out"]}


def test_selection_tells_what_was_judged(result):
    table = result.tables["selection"].set_index("aligner")
    for outcome in (result.headline, *result.others):
        row = table.loc[outcome.choice.aligner]
        assert (row.gain, row.gain_low, row.gain_high) == (
            outcome.gain.estimate,
            outcome.gain.low,
            outcome.gain.high,
        )
        assert row.control == outcome.is_control
    assert table.headline_over.isna().sum() == 1, "the headline is not compared with itself"


def test_a_site_with_nothing_to_compare_is_flagged_and_stops_nothing(study):
    states = study.alignment.capture()
    rows = study.alignment.split.test
    # Every sentence ends in the same token: at the embedding all states are equal.
    flat = {
        code: replace(one, states={**one.states, "embed": torch.ones_like(one.states["embed"])})
        for code, one in states.captured.items()
    }
    table = study.alignment.similarity_table(replace(states, captured=flat))
    embed = table[table.site == "embed"].set_index("measure")
    assert embed.value.isna()["cka"] and "equal" in embed.note["cka"]
    others = table[table.site != "embed"]
    assert others.value.notna().all() and (others.note == "").all() and len(rows) == others.n.iloc[0]


def test_a_fit_that_means_nothing_carries_a_warning(study):
    states = study.alignment.capture()
    settings = Settings(
        aligners=("least_squares", "ridge", "shuffled_pairs"), headline="least_squares", held_out=0.5
    )
    alignment = replace(study.alignment, settings=settings)
    table = alignment.fit_table(alignment.fit(states), states)
    told = table.groupby("aligner").warning.unique()
    assert told["ridge"].tolist() == [""]
    assert all("without regularisation" in text for text in told["least_squares"]), "20 pairs, 16 dimensions"
    assert all("without regularisation" in text for text in told["shuffled_pairs"]), "it wraps the headline"
    assert (table[table.aligner == "ridge"].best_control == "shuffled_pairs").all()
    assert table[table.aligner == "shuffled_pairs"].best_control.isna().all(), "it is the only control"
