"""Branches: the variants of a run that a sweep compares, and the table they fill."""

from dataclasses import dataclass

from workbench.align import Aligner
from workbench.types import Site

CLEAN = "clean"

COLUMNS = {
    "model": "string",
    "task": "string",
    "pair": "string",
    "language": "string",
    "site": "string",
    "layer": "Int64",
    "method": "string",
    "intervention": "string",
    "strength": "Float64",
    "seed": "Int64",
    "split": "string",
    "example": "string",
    "group": "string",
    "prediction": "Int64",
    "correct": "boolean",
    "margin": "float64",
    "patch_size": "float64",
}
"""The sweep table, one row per branch and example. Clean runs have no site, layer or strength.

`margin` is the log-likelihood of the right choice minus that of the best other one; `patch_size` is
‖h′ − h‖ / ‖h‖ at the patched position.
"""

BRANCH = ["method", "intervention", "layer", "strength"]
"""The columns that tell branches of one sweep apart."""


@dataclass(frozen=True, eq=False)
class Branch:
    """One patched variant: a fitted map, put in at a site by an intervention with a strength."""

    method: str
    site: Site
    map: Aligner
    intervention: str
    strength: float = 1.0
    seed: int = 0
