"""A small comparison on the organism's poor far language, run once."""

from dataclasses import replace

import pytest
from methods.baselines.conftest import organism, organism_model, study_of  # noqa: F401

from workbench.methods.baselines import organism_wording
from workbench.methods.compare import Plan, compare

METHODS = ("target_language", "shots_own", "prompt_translation", "incline_single")


@pytest.fixture(scope="session")
def study(organism, organism_model, tmp_path_factory):  # noqa: F811
    return study_of(organism, organism_model, tmp_path_factory.mktemp("compared"), "exact")


@pytest.fixture(scope="session")
def wording(organism):  # noqa: F811
    return replace(organism_wording(organism.config), shots=(1,), seeds=2)


@pytest.fixture(scope="session")
def compared(study, wording):
    return compare(study, wording, Plan.of(METHODS, on_top=("incline_single",)))
