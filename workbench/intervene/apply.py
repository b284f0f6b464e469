"""From a formula to a hook: where in a run the new state goes."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene.base import Intervention, Map, patch_size


@dataclass(eq=False)
class PositionPatch:
    """A hook that changes one position of every row, and remembers by how much.

    Give it to `model.run(batch, hooks={site: patch})`; the run fails if it never fires. Where the
    positions are `batch.last`, that is the last prompt token, whatever the padding.
    """

    intervention: Intervention
    map: Map
    positions: Int[Tensor, " batch"]
    strength: float = 1.0
    size: Float[Tensor, " batch"] | None = field(default=None, init=False)
    """‖h′ − h‖ / ‖h‖ of each row, once it has fired."""

    def __call__(self, h: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """The residual with the new states in place."""
        if len(self.positions) != len(h):
            raise InputError(f"{len(self.positions)} positions for a batch of {len(h)} rows")
        rows = torch.arange(len(h), device=h.device)
        positions = self.positions.to(h.device)
        before = h[rows, positions]
        after = self.intervention(before, self.map, self.strength)
        if after.shape != before.shape:
            raise InputError(
                f"the map turns width {before.shape[-1]} into {after.shape[-1]}: it belongs to another model"
            )
        if not torch.isfinite(after).all():
            raise InputError("the patched state holds NaN or infinity: the map or α is too large")
        self.size = patch_size(before, after).cpu()
        changed = h.clone()
        changed[rows, positions] = after.to(h.dtype)
        return changed
