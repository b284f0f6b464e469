"""A study whose choices are compared by class prototypes, made of the target's fit items."""

import numpy as np
import pytest
import torch
from organism_models import FAR, MAIN, tiny_organism

from workbench.core.errors import InputError
from workbench.models import load_model
from workbench.study import Settings, Study
from workbench.sweeps import CLEAN

BY = Settings(
    headline="ridge", choices_by="prototype", interventions=("replace",), strengths=(1.0,), refits=0
)


def study_of(task, folder):
    organism = tiny_organism()
    return Study(load_model(organism.folder), organism.text(), organism.task(task), FAR, MAIN, folder, BY)


def states_of(model, examples):
    batch = model.batch(model.tokens.encode([example.prompt for example in examples]))
    with torch.no_grad():
        h = model.run(batch, head=False)
    return h[torch.arange(len(h)), batch.last].double().numpy()


def test_classes_are_those_of_the_targets_fit_items(tmp_path):
    study = study_of("inference", tmp_path)
    result = study.run()
    assert result.facts.chance == pytest.approx(1 / 3)
    fit = study.items(MAIN, "fit")
    labels, states = np.array([e.answer for e in fit]), states_of(study.model, fit)
    means = np.array([states[labels == k].mean(0) for k in range(3)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    sweep = result.tables["sweep"]
    clean = sweep[sweep.aligner == CLEAN]
    for language in (FAR, MAIN):
        items = study.items(language, "dev")
        here = states_of(study.model, items)
        scores = (here / np.linalg.norm(here, axis=1, keepdims=True)) @ means.T
        own = clean[(clean.language == language) & (clean.split == "dev")]
        assert own.prediction.tolist() == scores.argmax(1).tolist()
        assert own.score.tolist() == pytest.approx(
            [scores[i, e.answer] for i, e in enumerate(items)], abs=1e-5
        )


def test_tasks_without_classes_are_refused_before_the_long_work(tmp_path):
    with pytest.raises(InputError, match="need the same choices in all items"):
        study_of("two-choice", tmp_path).facts()
