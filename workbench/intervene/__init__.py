"""Patch types (formulas for a new state) and the hooks that apply them."""

from workbench.core.bundled import Registry
from workbench.intervene.apply import Patch, Placement, applied, as_hooks, in_place
from workbench.intervene.formulas import (
    INCLINE,
    AddMapped,
    AddVector,
    Incline,
    Interpolate,
    Intervention,
    Map,
    NormKept,
    Replace,
    patch_size,
)

INTERVENTIONS: Registry[Intervention] = Registry(
    "interventions",
    {
        "replace": Replace(),
        "add_mapped": AddMapped(),
        "interpolate": Interpolate(),
        "add_vector": AddVector(),
        "replace_norm_kept": NormKept(Replace()),
        "interpolate_norm_kept": NormKept(Interpolate()),
    },
)
"""Interventions, by the name that tables and the command line use.

An `AddVector` with a vector of its own brings data, so it is made, not named.
"""

__all__ = [
    "INCLINE",
    "INTERVENTIONS",
    "AddMapped",
    "AddVector",
    "Incline",
    "Interpolate",
    "Intervention",
    "Map",
    "NormKept",
    "Patch",
    "Placement",
    "Replace",
    "applied",
    "as_hooks",
    "in_place",
    "patch_size",
]
