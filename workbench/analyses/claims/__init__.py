"""The published claims as hypotheses, tested on any model that was diagnosed, by rules fixed beforehand."""

from workbench.analyses.claims import languages, layers, maps, methods
from workbench.analyses.claims.base import Case, Claim, Finding, Ground, Scale, read_scale, world_scales
from workbench.analyses.claims.maps import Piecewise

_ORDER = (
    *("mid_to_high_layers", "low_resource_gains_most", "few_pairs", "few_pairs_plain", "distant_morphology"),
    *("one_matrix", "costs_about_12_percent", "complements_fine_tuning", "complements_few_labels"),
)
"""The order of rows in tables; claims that are not named here follow in the order of their files."""
_FOUND = {claim.name: claim for file in (layers, languages, maps, methods) for claim in file.CLAIMS}

CLAIMS: dict[str, Claim] = {name: _FOUND[name] for name in dict.fromkeys((*_ORDER, *_FOUND))}
"""Claims by the name that tables and the command line use."""

__all__ = ["CLAIMS", "Case", "Claim", "Finding", "Ground", "Piecewise", "Scale", "read_scale", "world_scales"]
