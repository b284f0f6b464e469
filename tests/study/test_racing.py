"""A study whose configurations race on dev: the same rows as of the whole grid, without some of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from organism_models import FAR, MAIN

from workbench.core.store import read_json
from workbench.select import thaw
from workbench.study import Study
from workbench.study.racing import Estimate
from workbench.sweeps import CLEAN, CONFIGURATION


@pytest.fixture(scope="module")
def raced(study, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.select.racing.LEAST", 8)
        # A model that knows nothing has no winner: here aligners without a positive mean gain are dropped.
        patch.setattr(
            "workbench.select.racing.contenders", lambda gains, *_: np.full(gains.shape[1], gains.mean() > 0)
        )
        yield again(study, tmp_path_factory.mktemp("raced"), budget=0.0)


def again(study, folder, **settings):
    return Study(study.model, study.text, study.task, FAR, MAIN, folder, replace(study.settings, **settings))


@pytest.fixture(scope="module")
def outcome(raced):
    return raced.run()


def test_the_rows_of_a_race_are_rows_of_the_whole_grid_in_its_order(result, outcome):
    keys = [*CONFIGURATION, "language", "split", "example"]
    whole, some = (
        table[table.split == "dev"].reset_index(drop=True)
        for table in (result.tables["sweep"], outcome.tables["sweep"])
    )
    assert len(some) < len(whole)
    both = whole.reset_index().merge(some.reset_index(), on=keys, how="inner", suffixes=("", "_raced"))
    assert len(both) == len(some) and both["index"].is_monotonic_increasing
    assert both.index_raced.is_monotonic_increasing
    assert (both.margin - both.margin_raced).abs().max() < 1e-4
    clean = some[some.aligner == CLEAN]
    assert clean.language.value_counts().to_dict() == {FAR: 16, MAIN: 16}


def test_the_table_of_gains_has_the_number_of_items_and_the_folder_the_estimate(raced, outcome):
    cells = outcome.tables["exploration"]
    dev = outcome.tables["sweep"].query("split == 'dev' and aligner != 'clean'")
    counted = dev.groupby(CONFIGURATION, dropna=False, sort=False).size().tolist()
    assert cells.n.tolist() == counted and cells.n.min() < 16
    kept = read_json(raced.folder / "race.json")
    assert kept["budget"] == 0.0 and kept["minutes"] > 0


def test_a_race_is_taken_up_again_to_the_same_result(raced, outcome):
    first = (raced.folder / "sweep.parquet").read_bytes()
    for name in ("sweep.parquet", "choices.json"):
        (raced.folder / name).unlink()
    raced.run()
    assert (raced.folder / "sweep.parquet").read_bytes() == first
    assert thaw(raced.folder / "choices.json")["ridge"] == outcome.headline.choice


def test_the_whole_grid_is_run_within_the_budget_and_where_it_is_asked_for(study, tmp_path):
    maps = study.alignment.fit(study.alignment.capture())
    slow = again(study, tmp_path / "slow", budget=0.0, whole_grid=True)
    assert slow.sweep_dev(slow.configurations(maps))[1] is False
    assert not (slow.folder / "race.json").exists()
    quick = again(study, tmp_path / "quick")
    assert quick.estimate(quick.configurations(maps)).raced is False
    assert not quick.sweep_dev(quick.configurations(maps))[1]


def test_an_estimate_stays_as_it_was_made(study, tmp_path):
    slow = again(study, tmp_path, budget=0.0)
    configurations = slow.configurations(study.alignment.fit(study.alignment.capture()))
    assert slow.estimate(configurations) == slow.estimate(configurations)
    assert slow.estimate(configurations).raced
    assert Estimate(0.0, 0.0).raced and not Estimate(1.0, 2.0).raced
    assert isinstance(pd.read_json(tmp_path / "race.json", typ="series")["minutes"], float)


def test_what_was_scored_on_test_is_counted_once(raced, outcome):
    path = raced.folder / "looks.json"
    chosen = [one.choice for one in outcome.outcomes if one.choice.layer is not None]
    assert path.exists() == bool(chosen), "the unpatched run decides nothing"
    first = raced.configurations(raced.alignment.fit(raced.alignment.capture()))[:2]
    for _ in range(2):
        raced.sweep("test", first, folder="claims/more")
    raced.sweep("test", first[:1], folder="claims/more")
    looks = [(one["by"], one["scored"]) for one in read_json(path)["looks"] if one["by"] != "study"]
    assert looks == [("claims/more", 2), ("claims/more", 1)], "the same again is no second look"
