"""One study of the tiny organism, run once."""

import pytest
from organism_models import FAR, MAIN, tiny_organism

from workbench.models import load_model
from workbench.study import Settings, Study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    organism = tiny_organism()
    model = load_model(organism.folder)
    folder = tmp_path_factory.mktemp("study")
    return Study(
        model,
        organism.text(),
        organism.task("exact"),
        FAR,
        MAIN,
        folder,
        Settings(
            aligners=("ridge", "mean_shift", "identity", "shuffled_pairs", "random_equal_norm"),
            headline="ridge",
            interventions=("replace", "interpolate"),
            strengths=(0.25, 0.5),
        ),
    )


@pytest.fixture(scope="session")
def result(study):
    return study.run()


@pytest.fixture(scope="session")
def maps(study):
    return study.alignment.fit(study.alignment.capture())
