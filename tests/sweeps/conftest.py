"""One tiny random model and a few items of mixed length."""

import pytest

from workbench.models import load_model
from workbench.models.outline import make_tiny_model
from workbench.tasks import Example

PROMPTS = ("the cat", "a much longer sentence than that one", "two birds sing", "and the last of these")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return load_model(make_tiny_model("llama", tmp_path_factory.mktemp("tiny"), seed=1))


@pytest.fixture(scope="session")
def single():
    """Items whose choices are one token each (letters, which every byte-level vocabulary has)."""
    return [Example(f"s{i}", p, ("a", "b"), i % 2, "sw", "dev") for i, p in enumerate(PROMPTS)]


@pytest.fixture(scope="session")
def multi():
    """Items whose choices have several tokens, not equally many."""
    return [
        Example(f"m{i}", p, (" yes indeed", " no", " perhaps not"), i % 3, "sw", "dev")
        for i, p in enumerate(PROMPTS)
    ]
