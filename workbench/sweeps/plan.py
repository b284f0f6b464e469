"""What is swept: configurations (variants of a run), the plan of a sweep, its engines, the table it fills."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from typing import Any, Protocol, Self

import pandas as pd
import torch

from workbench.align import Aligner
from workbench.core.errors import InputError
from workbench.core.types import POSITIONS, Normalisation, Positions, Site, check_name
from workbench.intervene import INTERVENTIONS, Patch
from workbench.models import LanguageModel
from workbench.models.base import Padding
from workbench.models.memory import Halving
from workbench.results.schema import COLUMNS as SCHEMA
from workbench.sweeps.score import Classes, Generation, Reading, Scores, read_examples, read_questions
from workbench.tasks import AnswerExample

CLEAN = "clean"

COLUMNS = (
    dict.fromkeys(SCHEMA["sweep"], "string")
    | dict.fromkeys(("layer", "seed", "prediction"), "Int64")
    | {"strength": "Float64", "correct": "boolean"}
    | dict.fromkeys(("margin", "score", "patch_size"), "float64")
)
"""The sweep table, one row per configuration and example. Clean runs have none of the columns in
`CONFIGURATION` but the aligner.

`site` names all sites of a configuration (`resid_post.0-7`), `layer` is the lowest of them. `joint` is
`one` for
a configuration of one site; for one of several sites `cascade`, where each patch sees the stream as those
below it left it, or `from_clean`, where all are computed from one unpatched run and overwritten.

`margin` is the score of the right choice minus that of the best other one, and `score` that of the right
choice: its log-likelihood, or how near the class is where choices are compared by prototypes. For generated
answers `score` is the scorer's, `correct` means that it is 1, `generated` is the text, and there is neither
prediction nor margin. `patch_size` is ‖h′ − h‖ / ‖h‖, its mean over the patched tokens of the prompt and
over the sites.
"""

CONFIGURATION = ["aligner", "seed", "intervention", "site", "layer", "positions", "joint", "strength"]
"""The columns that tell configurations of one sweep apart."""


@dataclass(frozen=True, eq=False)
class Configuration:
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
    """Whether the states of a joint configuration are computed from an unpatched run, or in cascade."""

    def __post_init__(self) -> None:
        check_name(self.positions, POSITIONS, "positions")
        sites = [site for site, _ in self.parts]
        if len(set(sites)) < len(sites):
            raise InputError(f"configuration {self.aligner!r} patches one site twice: {self.where}")
        if self.from_clean and self.positions == "all":
            raise InputError(
                f"configuration {self.aligner!r}: a clean run knows no tokens yet to come: "
                'with from_clean use "last" or "prompt"'
            )

    @classmethod
    def jointly(
        cls, aligner: str, maps: Mapping[Site, Aligner], intervention: str, strength: float = 1.0, **more: Any
    ) -> Self:
        """Several sites patched in one run, in cascade; with `from_clean=True` from one unpatched run."""
        if not maps:
            raise InputError(f"configuration {aligner!r} patches no site")
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
        """What the table says of the configuration."""
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


def patches_of(configuration: Configuration) -> list[Patch]:
    """What the configuration changes, site by site."""
    formula = INTERVENTIONS[configuration.intervention]
    return [
        Patch(site, formula, map.transform, configuration.strength, configuration.positions)
        for site, map in configuration.parts
    ]


# The plan of a sweep, and what runs it.


PART = 1.2e13
"""Floating-point operations of one part of a sweep by slots, for those that run all layers."""
SLOTS = 256
"""Most tokens of configurations in one row."""


@dataclass(frozen=True)
class Limits:
    """How large a run may be: rows, tokens, and tokens of configurations in a row; one of each at least."""

    batch_size: int = 64
    token_budget: int = 8192
    row_tokens: int = 8192
    """Most tokens in a run of whole rows, where that is less: by suffix, naively and unpatched."""
    slots: int = SLOTS
    part: int = 2**16
    """About so many tokens of configurations make one part of a sweep by slots."""


def limits_of(model: LanguageModel, batch_size: int = 64) -> Limits:
    """The limits of a sweep over this model.

    On a CPU, what whole rows of one run hold in a layer should stay in its cache: with eight times as many
    tokens a sweep took half as long again, in models 576 and 640 wide. In narrow ones short runs are mostly
    overhead. Slots gain nothing from it where choices are short.
    """
    info, limits = model.info, Limits(batch_size)
    tokens = limits.row_tokens
    if model.device.type == "cpu":
        tokens = min(max(2**19 // info.d_model, 1024), tokens)
    part = part_of(info.n_layers, info.d_model, info.d_vocab * info.d_model)
    return replace(limits, row_tokens=tokens, part=part)


def part_of(n_layers: int, d_model: int, unembedding: int) -> int:
    """Tokens of configurations in one part, so that it takes some two minutes on two cores of a CPU.

    What a part began is lost when a sweep is interrupted, and progress is told after each.
    """
    return int(min(max(PART / (24.0 * n_layers * d_model**2 + 2.0 * unembedding), 2**10), 2**16))


def _generation(
    examples: Sequence[Any], scorer: str | None, most: int, until: str | tuple[str, ...] | None
) -> Generation | None:
    asked = [isinstance(example, AnswerExample) for example in examples]
    if not any(asked):
        return None
    if not all(asked):
        raise InputError("examples with choices and with answers in one sweep: sweep over each kind alone")
    if scorer is None:
        raise InputError("generated answers need a scorer: pass scorer=task.scorer")
    return Generation(scorer, most, until)


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep as its engines see it: model, items, configurations, and how choices are compared."""

    model: LanguageModel
    items: Sequence[Any]
    """Readings; where answers are generated, questions."""
    configurations: Sequence[Configuration]
    task: str = ""
    pair: str = ""
    clean: bool = True
    """Whether the unpatched run has rows, too: it is the first configuration then."""
    limits: Limits = field(default_factory=Limits)
    padding: Padding = "right"
    """On which side rows are padded that hold a prompt with one choice each."""
    by: Normalisation | Classes = "plain"
    generation: Generation | None = None
    memory: Halving = field(default_factory=lambda: Halving("sweep"))
    """What fits in memory, once something did not."""

    @classmethod
    def of(
        cls,
        model: LanguageModel,
        examples: Sequence[Any],
        configurations: Sequence[Configuration],
        *,
        task: str,
        batch_size: int = 64,
        by: Normalisation | Classes = "plain",
        scorer: str | None = None,
        max_new_tokens: int = 32,
        until: str | tuple[str, ...] | None = "\n",
        limits: Limits | None = None,
        **more: Any,
    ) -> Self:
        """Read the examples as choices, as classes or, where they have answers, as questions."""
        if not examples:
            raise InputError(f"no examples of {task} to sweep over")
        generation = _generation(examples, scorer, max_new_tokens, until)
        if isinstance(by, Classes):
            items: Sequence[Any] = by.read(model, examples)
        elif by == "prototype":
            raise InputError("class prototypes need items: pass by=class_prototypes(model, fit_items, …)")
        else:
            items = (
                read_questions(model, examples, generation.scorer)
                if generation
                else read_examples(model, examples)
            )
        limits = limits_of(model, batch_size) if limits is None else limits
        return cls(model, items, configurations, task, generation=generation, by=by, limits=limits, **more)

    def __getstate__(self) -> dict[str, Any]:
        """All but the model, which a worker has."""
        return vars(self) | {"model": None}

    @property
    def examples(self) -> list[Any]:
        """What is asked."""
        return [item.example for item in self.items]

    @property
    def facts(self) -> dict[str, str]:
        """What the table says of every row."""
        return {"model": self.model.info.name, "task": self.task, "pair": self.pair}

    def configuration(self, number: int) -> Configuration | None:
        """A configuration by its number in the table; 0 is the clean run."""
        return self.configurations[number - 1] if number else None


class Engine(Protocol):
    """One way to run configurations over examples. All give the same scores, up to rounding."""

    def refusal(
        self, model: LanguageModel, readings: Sequence[Reading], configurations: Sequence[Configuration]
    ) -> str | None:
        """Why these configurations need another engine, or None where this one can do it."""

    def runs(
        self, plan: Plan, configurations: Sequence[Configuration]
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Which items and which of these configurations go into each run."""

    def run(
        self, plan: Plan, readings: Sequence[Reading], configurations: Sequence[Configuration], clean: bool
    ) -> list[Scores]:
        """One run: with `clean` the unpatched one first, and each configuration."""


# The rows of configurations: columns as lists, and one table made of all of them at the end.
#
# A table for each configuration would cost more than the model does, where it is small.


Columns = dict[str, list[Any]]
"""Name → a value for each row."""


def rows(plan: Plan, items: Sequence[Any], number: int, found: Mapping[str, Iterable[Any]]) -> Columns:
    """The rows of one configuration by its number, given what it made of each item."""
    configuration = plan.configuration(number)
    examples = [item.example for item in items]
    same = plan.facts | ({"aligner": CLEAN} if configuration is None else configuration.columns)
    own: dict[str, list[Any]] = {
        "language": [example.language for example in examples],
        "split": [example.split for example in examples],
        "example": [example.id for example in examples],
        "group": [example.group for example in examples],
        **{name: list(values) for name, values in found.items()},
    }
    return {name: own[name] if name in own else [same.get(name)] * len(examples) for name in COLUMNS}


def table_of(parts: Sequence[Mapping[str, Sequence[Any]]]) -> pd.DataFrame:
    """One table of the rows of many configurations, typed."""
    names = list(parts[0])
    joined = {name: list(chain.from_iterable(part[name] for part in parts)) for name in names}
    return pd.DataFrame(joined).astype({name: kind for name, kind in COLUMNS.items() if name in joined})


def choice_columns(readings: Sequence[Reading], scores: Scores) -> dict[str, list[Any]]:
    """Of all examples at once; rows with fewer choices are filled up with −∞."""
    right = torch.tensor([reading.example.answer for reading in readings])[:, None]
    all = torch.nn.utils.rnn.pad_sequence(scores.choices, batch_first=True, padding_value=-torch.inf)
    own = all.gather(1, right)
    others = all.scatter(1, right, -torch.inf).max(1).values
    predictions = all.argmax(1)
    return {
        "prediction": predictions.tolist(),
        "correct": (predictions == right[:, 0]).tolist(),
        "margin": (own[:, 0] - others).tolist(),
        "score": own[:, 0].tolist(),
        "patch_size": scores.sizes.tolist(),
    }
