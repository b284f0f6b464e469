"""A study of the organism's poor far language with few items."""

import pytest

from workbench.models import load_model
from workbench.organism import shipped
from workbench.study import Settings, Study


@pytest.fixture(scope="session")
def organism():
    return shipped()


@pytest.fixture(scope="session")
def organism_model(organism):
    return load_model(organism.folder)


@pytest.fixture
def study(organism, organism_model, tmp_path):
    return study_of(organism, organism_model, tmp_path, "exact")


def study_of(organism, model, folder, task, source="x-poor-far", **settings):
    items = organism.task(task).first(fit=200, dev=60, test=120)
    text = organism.text().select(range(300))
    return Study(model, text, items, source, organism.config.main.code, folder, Settings(**settings))
