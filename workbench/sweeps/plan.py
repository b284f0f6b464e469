"""Branches: the variants of a run that a sweep compares, and the table they fill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from workbench.align import Aligner
from workbench.core.errors import InputError, did_you_mean
from workbench.core.types import POSITIONS, Positions, Site

CLEAN = "clean"

COLUMNS = {
    "model": "string",
    "task": "string",
    "pair": "string",
    "language": "string",
    "site": "string",
    "layer": "Int64",
    "aligner": "string",
    "intervention": "string",
    "positions": "string",
    "joint": "string",
    "strength": "Float64",
    "seed": "Int64",
    "split": "string",
    "example": "string",
    "group": "string",
    "prediction": "Int64",
    "generated": "string",
    "correct": "boolean",
    "margin": "float64",
    "score": "float64",
    "patch_size": "float64",
}
"""The sweep table, one row per branch and example. Clean runs have none of the columns in `BRANCH` but
the aligner.

`site` names all sites of a branch (`resid_post.0-7`), `layer` is the lowest of them. `joint` is `one` for
a branch of one site; for one of several sites `cascade`, where each patch sees the stream as those below
it left it, or `from_clean`, where all are computed from one unpatched run and overwritten.

`margin` is the score of the right choice minus that of the best other one, and `score` that of the right
choice: its log-likelihood, or how near the class is where choices are compared by prototypes. For generated
answers `score` is the scorer's, `correct` means that it is 1, `generated` is the text, and there is neither
prediction nor margin. `patch_size` is ‖h′ − h‖ / ‖h‖, its mean over the patched tokens of the prompt and
over the sites.
"""

BRANCH = ["aligner", "seed", "intervention", "site", "layer", "positions", "joint", "strength"]
"""The columns that tell branches of one sweep apart."""


@dataclass(frozen=True, eq=False)
class Branch:
    """One patched variant: a fitted map, put in at a site by an intervention with a strength.

    `also` names further sites that are patched in the same run, each with its map (see `jointly`).
    """

    aligner: str
    site: Site
    map: Aligner
    intervention: str
    strength: float = 1.0
    seed: int = 0
    positions: Positions = "last"
    also: tuple[tuple[Site, Aligner], ...] = ()
    from_clean: bool = False
    """Whether the states of a joint branch are computed from an unpatched run, or in cascade."""

    def __post_init__(self) -> None:
        if self.positions not in POSITIONS:
            hint = did_you_mean(str(self.positions), POSITIONS)
            raise InputError(f"unknown positions {self.positions!r}: {hint}")
        sites = [site for site, _ in self.parts]
        if len(set(sites)) < len(sites):
            raise InputError(f"branch {self.aligner!r} patches one site twice: {self.where}")
        if self.from_clean and self.positions == "all":
            raise InputError(
                f"branch {self.aligner!r}: a clean run knows no tokens yet to come: "
                'with from_clean use "last" or "prompt"'
            )

    @classmethod
    def jointly(
        cls, aligner: str, maps: Mapping[Site, Aligner], intervention: str, strength: float = 1.0, **more: Any
    ) -> Self:
        """Several sites patched in one run, in cascade; with `from_clean=True` from one unpatched run."""
        if not maps:
            raise InputError(f"branch {aligner!r} patches no site")
        (site, first), *rest = sorted(maps.items(), key=lambda part: part[0])
        return cls(aligner, site, first, intervention, strength, also=tuple(rest), **more)

    @property
    def parts(self) -> tuple[tuple[Site, Aligner], ...]:
        """All sites with their maps, from the lowest layer up."""
        return tuple(sorted([(self.site, self.map), *self.also], key=lambda part: part[0]))

    @property
    def where(self) -> str:
        """All sites in one word: `resid_post.0-7`, or `mlp_out.3+resid_post.0,2`."""
        return site_set([site for site, _ in self.parts])

    @property
    def joint(self) -> str:
        """`one`, `cascade` or `from_clean`, as in the table."""
        return "one" if not self.also else "from_clean" if self.from_clean else "cascade"

    @property
    def columns(self) -> dict[str, Any]:
        """What the table says of the branch."""
        return {
            "aligner": self.aligner,
            "site": self.where,
            "layer": self.parts[0][0].layer,
            "intervention": self.intervention,
            "positions": self.positions,
            "joint": self.joint,
            "strength": self.strength,
            "seed": self.seed,
        }

    def __str__(self) -> str:
        how = [self.intervention, f"{self.strength:g}"]
        how += [self.positions] if self.positions != "last" else []
        how += [self.joint] if self.also else []
        return f"{self.aligner} at {self.where} ({', '.join(how)})"


def site_set(sites: Sequence[Site]) -> str:
    """Sites in one word, runs of layers as `first-last`.

    >>> site_set([Site(0), Site(1), Site(2), Site(5)])
    'resid_post.0-2,5'
    """
    words = []
    by_name = sorted((str(site.component), site.layer) for site in sites)
    for component, those in groupby(by_name, key=lambda one: one[0]):
        layers = [layer for _, layer in those]
        runs = []
        for _, run in groupby(enumerate(layers), key=lambda one: one[1] - one[0]):
            members = [layer for _, layer in run]
            runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
        words.append(component if component == "embed" else f"{component}.{','.join(runs)}")
    return "+".join(words)
