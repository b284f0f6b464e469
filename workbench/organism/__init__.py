"""Invented languages with known ground truth, and models trained on them."""

from workbench.organism.config import (
    LanguageConfig,
    TrainingConfig,
    WorldConfig,
    explain,
    read_config,
    write_config,
)
from workbench.organism.files import Shipped, shipped, write_files
from workbench.organism.texts import TASKS, Corpus, Items
from workbench.organism.training import Trained, train_organism
from workbench.organism.world import Language, World, build_languages, shared_tokens

__all__ = [
    "TASKS",
    "Corpus",
    "Items",
    "Language",
    "LanguageConfig",
    "Shipped",
    "Trained",
    "TrainingConfig",
    "World",
    "WorldConfig",
    "build_languages",
    "explain",
    "read_config",
    "shared_tokens",
    "shipped",
    "train_organism",
    "write_config",
    "write_files",
]
