"""Small invented languages with a known truth, and models of them."""

from workbench.organism.toy import Toy, make_toy
from workbench.organism.toy_world import FAR, MAIN, ToyConfig, ToyWorld

__all__ = ["FAR", "MAIN", "Toy", "ToyConfig", "ToyWorld", "make_toy"]
