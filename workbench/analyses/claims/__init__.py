"""The published claims as hypotheses, tested on any model that was diagnosed, by rules fixed beforehand."""

from workbench.analyses.claims.base import Case, Claim, Finding, Ground, Scale, read_scale, world_scales
from workbench.analyses.claims.languages import (
    CLAIMS_OF_MORPHOLOGY,
    CLAIMS_OF_RESOURCE,
)
from workbench.analyses.claims.layers import CLAIMS_OF_CKA, CLAIMS_OF_DEPTH, CLAIMS_OF_SCRAMBLED
from workbench.analyses.claims.maps import CLAIMS_OF_FEW_PAIRS, CLAIMS_OF_ONE_MATRIX, Piecewise
from workbench.analyses.claims.methods import CLAIMS_OF_FINE_TUNING, CLAIMS_OF_INFERENCE_COST

CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        *CLAIMS_OF_DEPTH,
        *CLAIMS_OF_RESOURCE,
        *CLAIMS_OF_FEW_PAIRS,
        *CLAIMS_OF_MORPHOLOGY,
        *CLAIMS_OF_ONE_MATRIX,
        *CLAIMS_OF_INFERENCE_COST,
        *CLAIMS_OF_FINE_TUNING,
        *CLAIMS_OF_CKA,
        *CLAIMS_OF_SCRAMBLED,
    )
}
"""Claims by the name that tables and the command line use."""

__all__ = ["CLAIMS", "Case", "Claim", "Finding", "Ground", "Piecewise", "Scale", "read_scale", "world_scales"]
