"""Tiny random models for tests: made once per run, one folder per architecture."""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

from workbench.models import LanguageModel, load_model
from workbench.models.outline import make_tiny_model, support_table

HAS_HOOKED = version("transformer-lens").startswith("3.")

CELLS = [(row.architecture, "bridge") for row in support_table() if row.bridge] + [
    (row.architecture, "hooked") for row in support_table() if row.hooked and HAS_HOOKED
]
REFUSED = [row.architecture for row in support_table() if not row.hooked] if HAS_HOOKED else []

WORDS = "the cat sat on a mat and then dogs ran over to water house tree maji nyumba mti".split()


@cache
def tiny_folder() -> Path:
    """A folder for this test run."""
    return Path(mkdtemp(prefix="workbench-tiny-"))


@cache
def tiny_path(architecture: str, bos: bool = True) -> Path:
    """The directory of a tiny model."""
    name = architecture if bos else f"{architecture}-no-bos"
    return make_tiny_model(architecture, tiny_folder() / name, bos=bos)


@cache
def tiny(architecture: str, backend: str = "bridge") -> LanguageModel:
    """A tiny model, loaded once; tests leave it as they found it."""
    return load_model(tiny_path(architecture), backend=backend)


def sentences(n: int, longest: int = 14, seed: int = 0) -> tuple[str, ...]:
    """Random sentences of mixed length."""
    import random

    rng = random.Random(seed)
    return tuple(" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(n))
