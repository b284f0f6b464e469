"""A tiny organism for tests: trained once per run, in about a second, so that it knows next to nothing."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from workbench.organism import (
    LanguageConfig,
    Shipped,
    TrainingConfig,
    WorldConfig,
    shipped,
    train_organism,
    write_files,
)

MAIN, NEAR, FAR = "x-main", "x-near", "x-far"
TINY = WorldConfig(
    concepts=8,
    relations=4,
    fit=40,
    dev=16,
    test=20,
    languages=(
        LanguageConfig(MAIN, resource=0.5, skill=1.0),
        LanguageConfig(NEAR, resource=0.25, cognates=0.5),
        LanguageConfig(FAR, resource=0.25, order="VSO", script="own"),
    ),
    training=TrainingConfig(layers=3, width=16, heads=2, hidden=16, steps=6, batch=12, warmup=2),
)


@cache
def tiny_organism() -> Shipped:
    """The model and what lies beside it; tests leave it as they found it."""
    folder = Path(mkdtemp(prefix="workbench-organism-")) / "organism"
    train_organism(TINY, folder)
    write_files(TINY, folder)
    return shipped(folder)
