"""Analyses of runs: published claims tested, generated text, and experiments on a trained organism."""

from workbench.analyses import generate
from workbench.analyses.claims import CLAIMS
from workbench.analyses.claims.run import ground_of, organism_ground, run_claims

__all__ = ["CLAIMS", "generate", "ground_of", "organism_ground", "run_claims"]
