"""Fit maps from one language's states to another's at every layer, and judge them on held-out sentences.

Every method stands beside controls: read R² only as far as it exceeds theirs.
"""

import argparse
import math
from typing import TYPE_CHECKING

from workbench.cli.alignments import add_alignment_options, alignments, write_table
from workbench.cli.layers import Row, number, print_dense, print_layers
from workbench.cli.options import names, whole_numbers
from workbench.cli.show import caution, console

if TYPE_CHECKING:
    import pandas as pd

HELP = "maps per layer, beside controls, and their held-out fit"
EXAMPLE = "workbench fit bigscience/bloomz-560m --text ntrex128 --pairs sw-en,de-en --out runs/fit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_alignment_options(parser, out="runs/fit")
    parser.add_argument(
        "--methods",
        default="ridge,least_squares,procrustes,mean_shift,identity,shuffled_pairs",
        help="aligners and controls; controls that wrap a method wrap the first (default: %(default)s)",
    )
    parser.add_argument(
        "--curve",
        action="store_true",
        help="also fit on fewer pairs: how many are needed? (curve.parquet)",
    )
    parser.add_argument(
        "--sizes", metavar="N,…", help="numbers of pairs of the curve (default: all, half, a quarter …)"
    )
    parser.add_argument(
        "--draws", type=int, default=5, help="of the pairs, at each size of the curve (default: 5)"
    )
    parser.add_argument("--save-maps", action="store_true", help="keep the maps themselves as well")


def run(options: argparse.Namespace) -> int:
    """Fit, judge, print R² by layer."""
    from workbench.study import Settings
    from workbench.study.curve import check_curve
    from workbench.study.maps import save_maps

    first, *others = names(options.methods) or []
    settings = Settings(headline=first, others=tuple(others), held_out=options.held_out, seed=options.seed)
    sizes = _sizes(options)
    tables, planes, curves = [], [], []
    for alignment in alignments(options, settings):
        if options.curve:  # what is wrong with it is said before anything is run
            check_curve(len(alignment.split.fit), sizes, options.draws)
        states = alignment.capture()
        maps = alignment.fit(states)
        fit = alignment.fit_table(maps, states)
        tables.append(fit)
        planes.append(alignment.pca_table(maps[first], states))
        _print_fit(alignment.pair, fit)
        if options.curve:
            curves.append(alignment.curve_table(states, sizes, options.draws))
            _print_curve(alignment.pair, curves[-1])
        if options.save_maps:
            card = alignment.facts | {"text_digest": alignment.text.digest, "states_digest": states.digest}
            card["weights_digest"] = alignment.model.weights_digest
            for method, fitted in maps.items():
                save_maps(fitted, options.out / "maps" / alignment.pair / method, card | {"method": method})
        caution(alignment.text)
    write_table(tables, options.out / "fit.parquet")
    write_table(planes, options.out / "pca.parquet")
    if curves:
        write_table(curves, options.out / "curve.parquet")
    return 0


def _sizes(options: argparse.Namespace) -> list[int] | None:
    return None if options.sizes is None else list(whole_numbers(options.sizes, "--sizes"))


def _print_fit(pair: str, fit: "pd.DataFrame") -> None:
    from workbench.align import CONTROLS

    n_fit, n_held_out = int(fit.n_fit.max()), int(fit.n_held_out.max())
    rows: list[Row] = [
        ((f"{name}" + ("*" if name in CONTROLS else ""),), [number(value) for value in some.r2], ())
        for name, some in fit.groupby(fit.method.astype(str), sort=False)
    ]
    print_layers(f"{pair}: R² held out, by layer", ("method",), list(dict.fromkeys(fit.site)), (), rows)
    console.print(f"{n_fit} sentences fitted, {n_held_out} held out. * a control", style="dim")
    for warning in dict.fromkeys(
        f"{method}: {warning}" for method, warning in zip(fit.method, fit.warning, strict=True) if warning
    ):
        console.print(f"Mind: {warning}", style="yellow")
    for name, some in fit[fit.at_edge.fillna(False).astype(bool)].groupby("method", sort=False):
        layers = ", ".join(f"{layer}" for layer in some.layer)
        console.print(f"Mind: the strength of {name} is at the end of its grid at {layers}", style="yellow")


def _print_curve(pair: str, curve: "pd.DataFrame") -> None:
    """Each method at the layer where all pairs serve it best: mean over the draws ± their spread."""
    rows = []
    for name, some in curve.groupby("method", sort=False):
        means = some.groupby(["layer", "n_fit"]).r2.mean().unstack()
        layer = int(means.index[int(means.iloc[:, -1].to_numpy().argmax())])
        at = some[some.layer == layer].groupby("n_fit").r2
        cells = (
            f"{mean:.2f}" + ("" if math.isnan(sd) else f" ±{sd:.2f}")
            for mean, sd in zip(at.mean(), at.std(), strict=True)
        )
        rows.append((name, layer, *cells))
    heads = ("method", "layer", *map(str, sorted(set(curve.n_fit))))
    print_dense(f"{pair}: R² held out, by number of pairs fitted (± sd of draws)", heads, rows)
