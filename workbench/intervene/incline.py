"""INCLINE (arXiv 2410.12462), as its paper defines it and as its released code behaves."""

from dataclasses import dataclass
from typing import Literal

from workbench.types import Positions


@dataclass(frozen=True)
class Incline:
    """One reading of the method; both patch h + α W h at every layer's output, W fitted layer by layer.

    How to run one, given a fitted map for each site:

        patches = [
            Patch(site, INTERVENTIONS[way.formula], map, alpha, way.positions) for site, map in maps.items()
        ]
        with applied(model, patches, batch, from_clean=not way.cascade):
            logits = model.run(batch)
    """

    formula: str
    """A name in `INTERVENTIONS`."""
    positions: Positions
    cascade: bool
    """Whether a layer's patch sees what the patches below it did, or the states of a clean run."""
    centre: bool
    """Whether W is fitted on centred states, with a bias."""
    fit_on: Literal["last", "mean"]
    """The state of a sentence that W is fitted on: at its last token, or the mean over its tokens."""


INCLINE = {
    "paper": Incline("add_mapped", "last", cascade=True, centre=False, fit_on="last"),
    "released": Incline("add_mapped", "last", cascade=False, centre=False, fit_on="mean"),
}
"""The two configurations.

Left out of `released`, as they are mistakes of a study and not of a method: α is chosen on the test file,
copies of English are mixed into the pairs, and the right answer is fed in while scoring. Its script for
Llama flips the sign, which is a negative α here. Both take α from [−1, 1].
"""
