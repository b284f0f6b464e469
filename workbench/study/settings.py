"""What a study compares, and how."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, get_args

from workbench.align import ALIGNERS, CONTROLS
from workbench.errors import InputError, did_you_mean
from workbench.intervene import INTERVENTIONS, Positions
from workbench.intervene.base import POSITIONS
from workbench.select import DELTA, FITS
from workbench.tasks.scoring import ComparedBy

JOINT = ("cascade", "from_clean")


@dataclass(frozen=True)
class Settings:
    """Everything random follows from the seed."""

    headline: str = "ridge"
    """The method whose gain the study is about; the others are there to compare it with."""
    others: tuple[str, ...] = ("mean_shift", "identity", "shuffled_pairs", "random_equal_norm")
    """Methods and controls; a control that wraps a method wraps the headline."""
    choose_method: bool = False
    """Whether the study is about whichever aligner dev prefers, instead of the headline."""
    interventions: tuple[str, ...] = ("replace", "add_mapped")
    strengths: tuple[float, ...] = (1.0,)
    """α; a formula that has none is run once."""
    positions: Positions = "last"
    """Which tokens are patched: the prompt's last, all of the prompt, or those generated too."""
    joint: tuple[str, ...] = ()
    """All layers at once as well: in `cascade`, or all computed `from_clean` runs."""
    choices_by: ComparedBy = "plain"
    """What choices are compared by: log-likelihood `plain`, `per_token` or `per_character`, or the nearest
    class `prototype`, which is made of the task's fit items in the target language."""
    held_out: float = 0.2
    """The share of the parallel sentences on which fit and similarity are measured."""
    delta: float = DELTA
    """A change in accuracy this small would not matter: what `equivalent` means, and `non-inferior`."""
    refits: int = 5
    """How often the chosen map is fitted anew on other draws of the sentences, for test; 0 is never."""
    allow_naive: bool = False
    """Whether a sweep goes on by the slow way where a fast one disagrees with it."""
    seed: int = 0
    batch_size: int = 128

    def __post_init__(self) -> None:
        known = {**ALIGNERS, **CONTROLS}
        for name in self.methods:
            if name not in known:
                raise InputError(f"unknown method {name!r}: {did_you_mean(name, known)}")
        for name in self.interventions:
            if name not in INTERVENTIONS:
                raise InputError(f"unknown intervention {name!r}: {did_you_mean(name, INTERVENTIONS)}")
        for what, named in (
            ("a method", self.methods),
            ("an intervention", self.interventions),
            ("a strength", self.strengths),
        ):
            if len(set(named)) != len(named):
                raise InputError(f"{what} is named twice: {', '.join(map(str, named))}")
        if _wraps(self.headline):
            raise InputError(
                f"{self.headline} wraps the headline method, so it cannot be the headline itself"
            )
        if not self.interventions or not self.strengths:
            raise InputError("a study needs at least one intervention and one strength")
        if self.positions not in POSITIONS:
            raise InputError(
                f"unknown positions {self.positions!r}: {did_you_mean(self.positions, POSITIONS)}"
            )
        for name in self.joint:
            if name not in JOINT:
                raise InputError(f"unknown way to patch layers jointly {name!r}: {did_you_mean(name, JOINT)}")
        if self.choices_by not in (known_ways := get_args(ComparedBy)):
            hint = did_you_mean(self.choices_by, known_ways)
            raise InputError(f"unknown way to compare choices {self.choices_by!r}: {hint}")
        if not 0 < self.held_out < 1:
            raise InputError(f"the share held out lies between 0 and 1; {self.held_out} given")
        if self.refits and self.refits < FITS - 1:
            raise InputError(
                f"the spread over {self.refits} refits says little: give {FITS - 1}, or 0 for none"
            )
        if not self.delta > 0:
            raise InputError(f"δ, the change that would not matter, lies above 0; {self.delta:g} given")

    @property
    def methods(self) -> tuple[str, ...]:
        """The headline and all others, in order."""
        return (self.headline, *self.others)

    def estimators(self) -> dict[str, Any]:
        """An unfitted aligner for each method, by name."""
        return {name: self._estimator(name) for name in self.methods}

    @classmethod
    def of(cls, methods: Sequence[str], **others: Any) -> Self:
        """Settings for these methods: dev chooses among the aligners, and controls wrap the first."""
        aligners = [name for name in methods if name not in CONTROLS]
        if not aligners:
            raise InputError(f"at least one aligner is needed: {', '.join(ALIGNERS)}")
        rest = tuple(name for name in methods if name != aligners[0])
        return cls(headline=aligners[0], others=rest, choose_method=len(aligners) > 1, **others)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def _estimator(self, name: str) -> Any:
        given: dict[str, Any] = {}
        if _wraps(name):
            given["aligner"] = self._estimator(self.headline)
        if "seed" in _takes(name):
            given["seed"] = self.seed
        return {**ALIGNERS, **CONTROLS}[name](**given)


def _takes(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature({**ALIGNERS, **CONTROLS}[name]).parameters


def _wraps(name: str) -> bool:
    """Whether a control is made of another method."""
    return "aligner" in _takes(name)
