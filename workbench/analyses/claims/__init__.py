"""The published claims as hypotheses, tested on any model that was diagnosed, by rules fixed beforehand."""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from workbench.analyses.claims import gains, maps
from workbench.analyses.claims.base import Case, Claim, Finding, Ground, Scale, read_scale, world_scales
from workbench.analyses.claims.maps import Piecewise
from workbench.core.bundled import Registry

_TESTS: dict[str, Callable[[Ground], Finding]] = {
    "mid_to_high_layers": maps.mid_to_high_layers,
    "low_resource_gains_most": gains.low_resource_gains_most,
    "few_pairs": partial(maps.few_pairs, aligner="ridge"),
    "few_pairs_plain": partial(maps.few_pairs, aligner="least_squares"),
    "distant_morphology": gains.distant_morphology,
    "one_matrix": maps.one_matrix,
    "costs_about_12_percent": gains.inference_cost,
    "complements_fine_tuning": partial(gains.complements, baseline="lora"),
    "complements_few_labels": partial(gains.complements, baseline="lora_few"),
    "cka_predicts": maps.cka_predicts,
    "scrambled_does_as_well": maps.scrambled_does_as_well,
}
_TEXTS = tomllib.loads((Path(__file__).parent / "claims.toml").read_text(encoding="utf-8"))

CLAIMS: Registry[Claim] = Registry(
    "claims",
    {name: Claim(name, test=_TESTS[name], **texts) for name, texts in _TEXTS.items()},
)
"""Claims by the name that tables and the command line use."""

__all__ = ["CLAIMS", "Case", "Claim", "Finding", "Ground", "Piecewise", "Scale", "read_scale", "world_scales"]
