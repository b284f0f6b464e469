"""INCLINE in two readings: each is what its formula says, naively, and α is chosen on dev alone."""

import pytest
import torch
from organism_models import FAR, MAIN, tiny_organism

from workbench.align import LeastSquares, fit_layers
from workbench.analyses.organism.experiments import incline
from workbench.intervene import INCLINE
from workbench.methods.recipes.base import SIGNED_ALPHAS
from workbench.models import load_model
from workbench.states import capture
from workbench.study import Study
from workbench.sweeps import CLEAN


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    organism = tiny_organism()
    model, folder = load_model(organism.folder), tmp_path_factory.mktemp("incline")
    return Study(model, organism.text(), organism.task("exact"), FAR, MAIN, folder)


@pytest.fixture(scope="module")
def found(study):
    return incline(study)


def test_each_reading_has_a_curve_over_all_of_alpha(found):
    assert set(found.readings) == set(INCLINE)
    for reading in found.readings.values():
        assert tuple(reading.dev.strength) == SIGNED_ALPHAS and reading.verdict.gain.n == 20


@pytest.mark.parametrize("name", list(INCLINE))
def test_margins_are_those_of_the_formula_run_by_hand(study, name):
    way, model = INCLINE[name], study.model
    states = capture(model, study.text, sites="resid_post", pool=way.fit_on, store=study.alignment.store)
    source, target = (states.states(code, "resid_post") for code in (study.source, study.target))
    maps = fit_layers(LeastSquares(center=False), source, target, study.alignment.split.fit)
    dev = study.sweep("dev", (), folder="clean")
    incline(study)
    swept = _dev_rows(study)
    example = study.task.examples(FAR, "dev")[3]
    ids = model.tokens.encode([example.prompt])[0]
    batch = model.batch([ids])
    alpha, clean = 0.2, []

    def by_hand(layer):
        def hook(h):
            clean.append(h[:, -1].clone())
            base = h[:, -1] if way.cascade else untouched[layer]
            changed = h.clone()
            changed[:, -1] = base + alpha * maps[layer].transform(base)
            return changed

        return hook

    from workbench.core.types import Site

    untouched = {}

    def look(layer):
        def hook(h):
            untouched[layer] = h[:, -1].clone()

        return hook

    layers = range(model.info.n_layers)
    with torch.no_grad():
        model.run(batch, hooks={Site(layer): look(layer) for layer in layers})
        logits = model.run(batch, hooks={Site(layer): by_hand(layer) for layer in layers})[0, -1]
    log_p = logits.float().log_softmax(-1)
    firsts = [model.tokens.encode([example.prompt + choice])[0][len(ids)] for choice in example.choices]
    scores = [float(log_p[token]) for token in firsts]
    margin = scores[example.answer] - max(s for i, s in enumerate(scores) if i != example.answer)
    row = swept[(swept.aligner == name) & (swept.strength == alpha) & (swept.example == example.id)]
    assert len(row) == 1 and row.margin.iloc[0] == pytest.approx(margin, abs=1e-4)
    assert set(dev.aligner) == {CLEAN}


def _dev_rows(study):
    import pandas as pd

    parts = (study.folder / "shards" / "incline" / FAR).rglob("*.parquet")
    return pd.concat([pd.read_parquet(part) for part in parts])
