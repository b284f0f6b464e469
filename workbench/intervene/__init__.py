"""Interventions: formulas for a new state, and the hook that puts it in its place."""

from workbench.intervene.add_mapped import AddMapped
from workbench.intervene.apply import PositionPatch
from workbench.intervene.base import Intervention, Map, patch_size
from workbench.intervene.interpolate import Interpolate
from workbench.intervene.replace import Replace

INTERVENTIONS: dict[str, Intervention] = {
    "replace": Replace(),
    "add_mapped": AddMapped(),
    "interpolate": Interpolate(),
}
"""Interventions, by the name that tables and the command line use."""

__all__ = [
    "INTERVENTIONS",
    "AddMapped",
    "Interpolate",
    "Intervention",
    "Map",
    "PositionPatch",
    "Replace",
    "patch_size",
]
