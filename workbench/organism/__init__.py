"""Invented languages with known ground truth, and models trained on them."""

from workbench.organism.config import (
    LanguageConfig,
    TrainingConfig,
    WorldConfig,
    read_config,
    write_config,
)
from workbench.organism.files import Shipped, shipped, write_files
from workbench.organism.texts import Items
from workbench.organism.training import train_organism

__all__ = [
    "Items",
    "LanguageConfig",
    "Shipped",
    "TrainingConfig",
    "WorldConfig",
    "read_config",
    "shipped",
    "train_organism",
    "write_config",
    "write_files",
]
