"""A study of a tiny Llama in two invented languages, and the same model without the workbench."""

import random

import pytest
from plain_model import PlainLlama
from tiny_models import tiny_path

from workbench.methods.recipes import Ingredients
from workbench.models import load_model
from workbench.study import Settings, Study
from workbench.tasks import ChoiceTask, Example
from workbench.text import ParallelText

WORDS = {
    "en": "the cat sat on a mat and then dogs ran over to water house tree".split(),
    "sw": "maji nyumba mti paka mbwa juu ya na kisha wengi ile hiyo moto kiti".split(),
}
CHOICES = {"single": (" a", " b", " c"), "several": (" yes indeed", " no", " perhaps not")}


def sentence(language, seed):
    """The same numbers in words of either language: word for word a translation."""
    rng = random.Random(seed)
    return " ".join(WORDS[language][rng.randrange(14)] for _ in range(rng.randint(3, 9)))


def items(choices, **counts):
    return tuple(
        Example(f"{split}-{i}", sentence(code, f"{split}{i}"), choices, i % len(choices), code, split)
        for code in ("sw", "en")
        for split, n in counts.items()
        for i in range(n)
    )


def make_study(folder, choices="several", backend="bridge", n=60):
    text = ParallelText({code: tuple(sentence(code, i) for i in range(n)) for code in ("sw", "en")})
    task = ChoiceTask("tiny", items(CHOICES[choices], fit=24, dev=4, test=4))
    model = load_model(tiny_path("llama"), backend=backend)
    return Study(model, text, task, "sw", "en", folder, Settings())


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("recipes"))


@pytest.fixture(scope="session")
def given(study):
    return Ingredients(study)


@pytest.fixture(scope="session")
def plain(given):
    made = PlainLlama(tiny_path("llama"))
    made.items = given.labelled("sw")
    return made


@pytest.fixture(scope="session")
def pairs(study):
    """The fitting sentences: of the source, and their translations."""
    rows = [int(row) for row in study.alignment.split.fit]
    return tuple([study.text[code][row] for row in rows] for code in ("sw", "en"))
