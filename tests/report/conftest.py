"""A synthetic folder and a real one."""

import pytest
from organism_models import FAR, MAIN, tiny_organism
from report import folders

from workbench.models import load_model
from workbench.study import Settings, prepare


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    """One study of numbers with a comparison beside it; the folder and its tables."""
    folder = tmp_path_factory.mktemp("report") / "alone"
    return folder, folders.study(folder) | {"comparison": folders.compared(folder)}


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """A whole diagnosis of the tiny organism."""
    organism = tiny_organism()
    folder = tmp_path_factory.mktemp("report") / "real"
    settings = Settings(
        aligners=("ridge", "identity"),
        headline="ridge",
        interventions=("replace", "interpolate"),
        strengths=(0.25, 0.5),
    )
    text, task = organism.text(), organism.task("exact")
    diagnosis = prepare(load_model(organism.folder), text, [task], [(FAR, MAIN)], folder, settings)
    return folder, diagnosis.run()[0]
