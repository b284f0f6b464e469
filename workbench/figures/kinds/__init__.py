"""The kinds of figures: each is one function from tables to a `Spec`, and one line in `FIGURES`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.core.bundled import Registry
from workbench.core.errors import InputError, did_you_mean
from workbench.figures.frames import Frames, NothingToShow
from workbench.figures.kinds import comparison, maps, states, sweep
from workbench.figures.spec import Cells, Spec


@dataclass(frozen=True)
class Kind:
    """A kind of figure: what it shows, the tables it needs, and how it is described from them."""

    about: str
    needs: tuple[str, ...]
    spec: Callable[..., Spec]
    made_by: str = "workbench diagnose"
    """The command that writes these tables."""
    may: tuple[str, ...] = ()
    """Tables it shows more with, where they are there."""
    options: tuple[str, ...] = ()
    """The options it takes, as the command line names them."""


_MEASURE = "workbench measure"
_COMPARE = "workbench compare"
_CHOICES = ("selection",)
_DEPTH = ("depth",)

FIGURES: Registry[Kind] = Registry(
    "figures",
    {
        "layers": Kind(
            "gain on dev by layer and pair",
            ("exploration",),
            sweep.layers,
            may=_CHOICES,
            options=("controls", "depth"),
        ),
        "strengths": Kind(
            "gain on dev by layer and strength",
            ("exploration",),
            sweep.strengths,
            may=_CHOICES,
            options=_DEPTH,
        ),
        "aligners": Kind(
            "gain on dev by aligner and layer", ("exploration",), sweep.aligners, may=_CHOICES, options=_DEPTH
        ),
        "similarity": Kind(
            "similarity by pair and layer", ("similarity",), states.similarity, _MEASURE, options=_DEPTH
        ),
        "alignment": Kind(
            "similarity over layers",
            ("similarity",),
            states.alignment,
            may=("null",),
            options=("depth", "measures"),
        ),
        "grid": Kind("every layer with every layer", ("grid",), states.grid, f"{_MEASURE} --grid"),
        "fit": Kind(
            "held-out R² of maps and controls over layers", ("fit",), maps.fit, may=_CHOICES, options=_DEPTH
        ),
        "predictors": Kind("rank correlation of similarity with gain", ("predictors",), maps.predictors),
        "curve": Kind("held-out R² by number of pairs", ("curve",), maps.data_curve, "workbench fit --curve"),
        "pca": Kind("where sentences lie before and after the map", ("pca",), maps.pca, may=_CHOICES),
        "lens": Kind(
            "the logit lens' share per language over layers",
            ("geometry",),
            states.lens,
            _MEASURE,
            options=_DEPTH,
        ),
        "flips": Kind("items that became right and wrong", ("selection",), sweep.flips),
        "confounds": Kind(
            "what else goes along with the measures", ("confounds",), states.confounds, options=_DEPTH
        ),
        "gap": Kind("share of the gap closed", ("selection", "sweep"), sweep.gap),
        "comparison": Kind(
            "gain, controls and retention of the best methods",
            ("comparison",),
            comparison.comparison,
            _COMPARE,
            options=("top",),
        ),
        "pareto": Kind("gain against what it costs", ("comparison",), comparison.pareto, _COMPARE),
    },
)


RENAMED = {"methods": "aligners"}
"""Former name of a kind, which is still accepted → its name."""


def kind_name(name: str) -> str:
    """The name of a kind as it is in `FIGURES`."""
    name = name if name in FIGURES else RENAMED.get(name, name)
    if name not in FIGURES:
        raise InputError(f"no kind of figure is called {name!r}: {did_you_mean(name, FIGURES)}")
    return name


def find_kind(name: str) -> Kind:
    """The kind of this name."""
    return FIGURES[kind_name(name)]


def lacking(name: str, frames: Frames) -> list[str]:
    """The tables that a kind needs and that are not there, or empty."""
    return [table for table in find_kind(name).needs if table not in frames or frames[table].empty]


def make_spec(name: str, frames: Frames, cautions: Sequence[str] = (), **options: Any) -> Spec:
    """The description of one figure; `cautions` are what has to be said about the data.

    `options` are those that the kind takes: `make_spec("layers", frames, controls=True)`.
    """
    kind = find_kind(name)
    if foreign := [option for option in options if option not in kind.options]:
        own = ", ".join(kind.options) or "none"
        raise InputError(f"figure {name} has no option {foreign[0]} (its options: {own})")
    if missing := lacking(name, frames):
        tables = " and ".join(missing)
        raise NothingToShow(f"figure {name} needs the table {tables}; `{kind.made_by}` writes it")
    try:
        spec = kind.spec(frames, **options)
    except KeyError as error:
        raise InputError(f"figure {name}: a table has no column {error}; write it anew") from error
    return with_notes(spec, cautions)


def with_notes(spec: Spec, cautions: Sequence[str] = ()) -> Spec:
    """The description with what has to be said about its data in the footer."""
    cells = (panel.values for panel in spec.panels if isinstance(panel, Cells))
    grey = any(value is None for values in cells for row in values for value in row)
    signs, notes = spec.signs.strip(), [f"Note: {caution}." for caution in cautions]
    return replace(
        spec,
        signs=f"{signs} Grey: not measured.".strip() if grey else signs,
        footer=" ".join(filter(None, [spec.footer.strip(), *notes])),
    )


__all__ = ["FIGURES", "Kind", "find_kind", "lacking", "make_spec", "with_notes"]
