"""The published claims as hypotheses, tested on any model that was diagnosed, by rules fixed beforehand."""

from workbench.claims import (
    cka,
    depth,
    few_pairs,
    fine_tuning,
    inference_cost,
    morphology,
    one_matrix,
    resource,
    scrambled,
)
from workbench.claims.base import Case, Claim, Finding, Ground
from workbench.claims.piecewise import Piecewise
from workbench.claims.scale import Scale, read_scale, world_scales

CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        *depth.CLAIMS,
        *resource.CLAIMS,
        *few_pairs.CLAIMS,
        *morphology.CLAIMS,
        *one_matrix.CLAIMS,
        *inference_cost.CLAIMS,
        *fine_tuning.CLAIMS,
        *cka.CLAIMS,
        *scrambled.CLAIMS,
    )
}
"""Claims by the name that tables and the command line use."""

__all__ = ["CLAIMS", "Case", "Claim", "Finding", "Ground", "Piecewise", "Scale", "read_scale", "world_scales"]
