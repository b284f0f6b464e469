"""Small invented languages with a known truth, and models of them."""

from workbench.organism.config import LanguageConfig, TrainingConfig, WorldConfig, explain
from workbench.organism.corpus import Corpus
from workbench.organism.items import TASKS, Items
from workbench.organism.language import Language, build_languages, shared_tokens
from workbench.organism.toy import Toy, make_toy
from workbench.organism.toy_world import FAR, MAIN, ToyConfig, ToyWorld
from workbench.organism.training import Trained, train_organism
from workbench.organism.world import World

__all__ = [
    "FAR",
    "MAIN",
    "TASKS",
    "Corpus",
    "Items",
    "Language",
    "LanguageConfig",
    "Toy",
    "ToyConfig",
    "ToyWorld",
    "Trained",
    "TrainingConfig",
    "World",
    "WorldConfig",
    "build_languages",
    "explain",
    "make_toy",
    "shared_tokens",
    "train_organism",
]
