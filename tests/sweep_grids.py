"""What tests of sweeps share: items of mixed lengths, grids of configurations, and when two tables agree."""

from itertools import product

import pandas as pd
import torch
from tiny_models import CELLS

from workbench.align import LeastSquares
from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS
from workbench.sweeps import COLUMNS, Configuration, Limits, Plan, read_examples, run_plan
from workbench.tasks import Example

ARCHITECTURES = [architecture for architecture, backend in CELLS if backend == "bridge"]
TASK = {"task": "t", "pair": "sw-en"}
# The windows of tiny models are 8 tokens: the second prompt is several windows long.
PROMPTS = ("the cat", "a much longer sentence than that one, with water and trees", "two birds", "mti")
EXACT = [
    name for name, kind in COLUMNS.items() if kind != "float64" and name not in ("prediction", "correct")
]


def items(kind):
    choices = {
        "single": ("a", "b"),
        "multi": (" yes indeed", " no", " perhaps not"),
        "mixed": (" ", " it is so"),
    }[kind]
    return [Example(f"{kind}{i}", p, choices, i % 2, "sw", "dev", f"g{i % 2}") for i, p in enumerate(PROMPTS)]


def a_map(width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X, Y = (torch.randn(80, width, generator=generator) for _ in range(2))
    return LeastSquares().fit(X, X + 0.3 * Y)


def grid(model, layers=None):
    """Every intervention at every layer, with a strength where it has one, in no particular order."""
    fitted = a_map(model.info.d_model)
    layers = range(model.info.n_layers) if layers is None else layers
    return [
        Configuration("least_squares", Site(layer), fitted, name, 0.7 if rule.uses_strength else 1.0, seed=3)
        for (name, rule), layer in product(INTERVENTIONS.items(), layers)
    ]


JOINT = [(positions, False) for positions in ("last", "prompt", "all")] + [("last", True), ("prompt", True)]
"""Positions of joint configurations, and whether their states come from a clean run."""


def joint_grid(model, layers=((0, 1, 2, 3), (1, 3)), modes=JOINT, strength=0.2):
    """Sets of layers patched together, in every mode."""
    maps = {layer: a_map(model.info.d_model, seed=layer) for layer in range(model.info.n_layers)}
    return [
        Configuration.jointly(
            "joint",
            {Site(layer): maps[layer] for layer in some},
            "add_mapped",
            strength,
            positions=positions,
            from_clean=from_clean,
        )
        for some, (positions, from_clean) in product(layers, modes)
    ]


def table_by(way, model, examples, configurations, padding="right", **limits):
    """The table of one engine, in runs of other sizes or padded on the other side."""
    plan = Plan.of(model, examples, configurations, **TASK, padding=padding, limits=Limits(**limits))
    return run_plan(plan, way)


def scale_of(model, examples):
    readings = read_examples(model, examples)
    with torch.no_grad():
        return float(model.run(model.batch([r.prompt for r in readings])).abs().max())


def close(got, expected, scale, share):
    """The same rows in the same order; margins and sizes as close as asked for."""
    assert list(got) == list(expected)
    pd.testing.assert_frame_equal(got[EXACT], expected[EXACT])
    assert float((got.margin - expected.margin).abs().max()) <= share * scale
    assert float((got.score - expected.score).abs().max()) <= share * scale
    assert float((got.patch_size - expected.patch_size).abs().max()) <= 1e-5
    firm = expected.margin.abs() > share * scale  # where it is not, naive has a tie
    assert (got.correct == expected.correct)[firm].all()
    pd.testing.assert_series_equal(got.dtypes, expected.dtypes)
