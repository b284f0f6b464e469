"""Every pair and task of a world is judged, and what is said of each is what its study says."""

import pytest
from organism_models import FAR, MAIN, NEAR, tiny_organism

from workbench.analyses.organism.verify import verdicts
from workbench.models import load_model
from workbench.organism.texts import TASKS


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    organism = tiny_organism()
    folder = tmp_path_factory.mktemp("verdicts")
    return verdicts(load_model(organism.folder), organism, folder, dev=12, test=12, prompts=40)


def test_every_pair_and_task_has_its_verdict(found):
    expected = {(f"{code}-{MAIN}", task) for code in (NEAR, FAR) for task in TASKS}
    assert set(zip(found[1].pair, found[1].task, strict=True)) == expected
    for result, row in zip(found[0], found[1].to_dict("records"), strict=True):
        assert row["pair"] == result.pair and row["gain"] == result.headline.gain.estimate
        if result.gap is None:
            assert row["task"] == "translation", "into the main language: it has no items of its own"
        else:
            assert row["gap"] == result.gap.estimate


def test_being_several_never_makes_a_verdict_bolder(found):
    bold = ("helps", "harms")
    for result, row in zip(found[0], found[1].to_dict("records"), strict=True):
        assert row["verdict"] not in bold or row["verdict"] == result.headline.verdict.kind
        assert row["holm_p"] >= result.headline.verdict.p - 1e-12


def test_the_truth_stands_beside_it(found):
    far = found[1][found[1].pair == f"{FAR}-{MAIN}"]
    assert set(far.read) == {0.25} and set(far.taught) == {0.0}
