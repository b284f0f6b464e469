"""Where states lie, and what the lens reads in them, recomputed by hand."""

import pytest
import torch
from organism_models import NEAR, tiny_organism

from workbench.core.types import Site
from workbench.measures import GEOMETRY
from workbench.study.similarity import own_tokens


@pytest.fixture(scope="module")
def table(study):
    return study.alignment.geometry_table(study.alignment.capture())


def test_each_language_and_the_pair_have_their_rows_at_every_site(study, table):
    sites = study.model.info.n_layers + 1
    for name, geometry in GEOMETRY.items():
        rows = table[table.measure == name]
        assert len(rows) == sites * (2 if geometry.languages == 1 else 1)
        assert rows.language.isna().all() == (geometry.languages == 2)


def test_own_tokens_are_those_the_other_language_never_uses(study):
    languages = (NEAR, study.target)
    text = tiny_organism().text()
    own = own_tokens(study.model, text, languages)
    used = [
        {
            i
            for ids in study.model.tokens.encode(list(text[code]))
            for i in ids[len(study.model.tokens.prefix) :]
        }
        for code in languages
    ]
    assert used[0] & used[1], "cognates: without shared tokens nothing would be left out"
    assert set(own[0].nonzero().flatten().tolist()) == used[0] - used[1]
    assert set(own[1].nonzero().flatten().tolist()) == used[1] - used[0]


def test_the_lens_is_the_model_s_own_readout(study, table):
    states, model, rows = study.alignment.capture(), study.model, study.alignment.split.test
    languages = (study.source, study.target)
    own = own_tokens(model, study.text, languages)
    h = states.at(Site(1), study.source)[rows]
    with torch.no_grad():
        p = model.unembed(model.final_norm(h)).double().softmax(-1)
    at = table[(table.site == "resid_post.1") & (table.language == study.source)].set_index("measure").value
    assert at["lens_entropy"] == pytest.approx(float(-(p * p.log()).sum(-1).mean()), rel=1e-5)
    assert at["lens_share_own"] == pytest.approx(float(p[:, own[0]].sum(-1).mean()), rel=1e-5)
    assert at["lens_share_other"] == pytest.approx(float(p[:, own[1]].sum(-1).mean()), rel=1e-5)
