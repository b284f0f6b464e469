"""A study of the tiny organism, and one of the shipped organism with an identifier of its languages."""

from dataclasses import dataclass

import pytest
import torch
from organism_models import FAR, MAIN, tiny_organism

from workbench.analyses.generate import LanguageIdentifier, Plan, generate
from workbench.models import load_model
from workbench.organism import shipped
from workbench.study import Settings, Study

PLAN = Plan(tokens=10, prompts=10)


def tiny_study(folder, model=None, **settings):
    organism = tiny_organism()
    given = {"headline": "ridge", "held_out": 0.5, "batch_size": 4, **settings}
    model = model or load_model(organism.folder)
    return Study(model, organism.text(), organism.task("exact"), FAR, MAIN, folder, Settings(**given))


@pytest.fixture(scope="session")
def tiny_model():
    return load_model(tiny_organism().folder)


@pytest.fixture(scope="session")
def generated(tiny_model, tmp_path_factory):
    """All of it, on a model that knows next to nothing: what is tested is the way, not the texts."""
    study = tiny_study(tmp_path_factory.mktemp("generated"), tiny_model)
    return study, generate(study, PLAN)


@dataclass(frozen=True)
class Planted:
    """A study of the shipped organism, whose languages are known."""

    study: Study
    identifier: LanguageIdentifier
    fit: dict[str, list[str]]
    held_out: dict[str, list[str]]


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    organism = shipped()
    text = organism.text().select(range(600))
    items = organism.task("exact").first(fit=20, dev=6, test=12)
    folder = tmp_path_factory.mktemp("planted")
    model = load_model(organism.folder)
    study = Study(model, text, items, "x-poor-far", "x-main", folder, Settings(held_out=0.3))
    split = study.alignment.split
    fit, held = (
        {code: [text[code][int(row)] for row in rows] for code in text.languages}
        for rows in (split.fit, split.test)
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the fastest for so small a model
    yield Planted(study, LanguageIdentifier(fit), fit, held)
    torch.set_num_threads(threads)
