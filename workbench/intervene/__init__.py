"""Patch types (formulas for a new state) and the hooks that apply them."""

from workbench.intervene.apply import Patch, Placement, PositionPatch, applied, as_hooks
from workbench.intervene.formulas import (
    INCLINE,
    AddMapped,
    AddVector,
    Incline,
    Interpolate,
    Intervention,
    Map,
    NormKept,
    ProjectOut,
    Replace,
    Shift,
    language_subspace,
    patch_size,
)

INTERVENTIONS: dict[str, Intervention] = {
    "replace": Replace(),
    "add_mapped": AddMapped(),
    "interpolate": Interpolate(),
    "add_vector": AddVector(),
    "replace_norm_kept": NormKept(Replace()),
    "interpolate_norm_kept": NormKept(Interpolate()),
}
"""Interventions, by the name that tables and the command line use.

`ProjectOut`, `Shift` and an `AddVector` with a vector of its own bring data, so they are made, not named.
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
    "PositionPatch",
    "ProjectOut",
    "Replace",
    "Shift",
    "applied",
    "as_hooks",
    "language_subspace",
    "patch_size",
]
