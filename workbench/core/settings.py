"""Settings of a study: one set of defaults for the command line, notebooks and Python.

The options of `workbench diagnose` are generated from these fields and their help texts.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from workbench.core.errors import InputError
from workbench.core.types import CHOICES_BY, JOINT, POSITIONS, ComparedBy, Positions, check_name, check_names

FITS = 5
"""Minimum number of fits, including the map itself, for which a spread is reported."""


def option(default: Any, text: str) -> Any:
    """A dataclass field with its default and a text that explains it, for help and configuration files."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """Settings of a study; all randomness follows from the seed."""

    aligners: tuple[str, ...] = option(
        ("ridge", "least_squares", "mean_shift", "identity", "shuffled_pairs", "random_equal_norm"),
        "aligners and controls; shuffled_pairs and random_equal_norm are made from --headline, or if it is "
        "not given from the first aligner listed that is not a control",
    )
    headline: str | None = option(
        None, "the aligner that the verdict is about (default: the best on dev, not a control)"
    )
    interventions: tuple[str, ...] = option(("replace", "add_mapped"), "patch types")
    strengths: tuple[float, ...] = option(
        (0.25, 0.5, 0.75, 1.0), "values of α; a patch type without α is run once"
    )
    choices_by: ComparedBy = option(
        "plain",
        "score of answer choices: log-likelihood plain, per_token or per_character; or prototype, nearest "
        "class mean of the task's fit items in the target language",
    )
    joint: tuple[str, ...] = option((), "also patch all layers jointly: cascade, from_clean")
    positions: Positions = option("last", "tokens to patch: last (of the prompt), prompt or all")
    rows: int = option(0, "sentence pairs to use, drawn at random (0: all)")
    held_out: float = option(0.2, "fraction of the parallel sentences held out for fit and similarity")
    delta: float = option(
        0.02,
        "δ, the margin of equivalence and non-inferiority: the largest change in accuracy considered "
        "negligible",
    )
    delta_gap: float = option(
        0.05,
        "smallest gap worth closing: a study ends before maps are fitted if its gap is shown to be smaller",
    )
    budget: float = option(
        20.0,
        "minutes that one study may take: if the whole grid on dev takes longer, configurations are dropped "
        "early (a race); 0 races always",
    )
    whole_grid: bool = option(False, "run all configurations on all dev items, however long it takes")
    refits: int = option(5, "refits of the chosen map on other random samples of the sentences")
    batch_size: int = option(64, "items per batch")
    allow_naive: bool = option(False, "fall back to the naive engine where a fast engine disagrees with it")
    seed: int = option(0, "seed of splits and controls")

    def __post_init__(self) -> None:
        for what, named in (
            ("an aligner", self.aligners),
            ("an intervention", self.interventions),
            ("a strength", self.strengths),
        ):
            if not named:
                raise InputError(f"a study needs {what} at least: none is given")
            if len(set(named)) != len(named):
                raise InputError(f"{what} is named twice: {', '.join(map(str, named))}")
        check_name(self.positions, POSITIONS, "positions")
        check_names(self.joint, JOINT, "way to patch layers jointly")
        check_name(self.choices_by, CHOICES_BY, "way to compare choices")
        if self.headline is not None:
            check_name(self.headline, self.aligners, "headline")
        for holds, problem in (
            (0 < self.held_out < 1, f"the share held out lies between 0 and 1; {self.held_out} given"),
            (
                not self.refits or self.refits >= FITS - 1,
                f"the spread over {self.refits} refits says little: give {FITS - 1}, or 0 for none",
            ),
            (self.delta > 0, f"δ, the change that would not matter, lies above 0; {self.delta:g} given"),
            (self.rows >= 0, f"a number of sentence pairs is not negative; {self.rows} given"),
            (self.budget >= 0, f"a budget of minutes is not negative; {self.budget:g} given"),
            (self.delta_gap > 0, f"a gap that would be none lies above 0; {self.delta_gap:g} given"),
            (
                self.batch_size >= 1 and self.seed >= 0,
                "a batch holds one item at least and a seed is not negative; "
                f"{self.batch_size} and {self.seed} given",
            ),
            (
                all(abs(strength) < float("inf") for strength in self.strengths),
                f"strengths are finite numbers; {self.strengths} given",
            ),
        ):
            if not holds:
                raise InputError(problem)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The settings that `to_json` gave."""
        try:
            given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
            return cls(**given)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"these are no settings of a study: {error}") from error
