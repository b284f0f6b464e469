"""Measure how alike two languages' states are at every layer, each value with its interval.

Beside it: whether what is measured goes along with length, fertility, shared tokens or script.
"""

import argparse
import math
from typing import TYPE_CHECKING

from workbench.cli.alignments import add_alignment_options, alignments, write_table
from workbench.cli.show import caution, console, table

if TYPE_CHECKING:
    import pandas as pd

HELP = "similarities per layer with intervals, and what they may be confounded with"
EXAMPLE = "workbench measure bigscience/bloomz-560m --text ntrex128 --pairs sw-en --out runs/measure"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_alignment_options(parser, out="runs/measure")
    parser.add_argument(
        "--blocks", type=int, default=20, help="of the jackknife behind the intervals; 0: none (default: 20)"
    )
    parser.add_argument("--readings", action="store_true", help="say how each measure is to be read")


def run(options: argparse.Namespace) -> int:
    """Measure and print the curves."""
    from workbench.measure import METRICS
    from workbench.study import Settings

    settings = Settings(held_out=options.held_out, seed=options.seed)
    similarities, confounded, geometries = [], [], []
    for alignment in alignments(options, settings):
        states = alignment.capture()
        similarity = alignment.similarity_table(states, options.blocks or None)
        confounds = alignment.confounds_table(states)
        geometries.append(alignment.geometry_table(states))
        similarities.append(similarity)
        confounded.append(confounds)
        _print_curves(alignment.pair, similarity)
        _print_geometry(alignment.pair, geometries[-1])
        _print_confounds(confounds)
        caution(alignment.text)
    if options.readings:
        console.print(
            table(("measure", "how to read it"), [(m.name, m.reading) for m in METRICS.values()], 2)
        )
    write_table(similarities, options.out / "similarity.parquet")
    write_table(geometries, options.out / "geometry.parquet")
    write_table(confounded, options.out / "confounds.parquet")
    return 0


def _print_curves(pair: str, similarity: "pd.DataFrame") -> None:
    from workbench.measure import METRICS

    sites = list(dict.fromkeys(similarity.site))
    columns = [f"{pair}, held out", *(site.removeprefix("resid_post.") for site in sites), "best [95 %]"]
    rows = []
    for metric in METRICS.values():
        some = similarity[similarity.method == metric.name].reset_index(drop=True)
        at = int(
            (some.value if metric.higher_is_better else -some.value).fillna(-math.inf).to_numpy().argmax()
        )
        best = some.iloc[at]
        interval = "" if best.low != best.low else f"{best.value:.2f} [{best.low:.2f}, {best.high:.2f}]"
        rows.append((metric.name, *("" if math.isnan(v) else f"{v:.2f}" for v in some.value), interval))
    console.print(table(columns, rows))


def _print_geometry(pair: str, geometry: "pd.DataFrame") -> None:
    sites = list(dict.fromkeys(geometry.site))
    columns = [f"{pair}, where states lie", "of", *(site.removeprefix("resid_post.") for site in sites)]
    rows = []
    whose = geometry.language.fillna("both")
    for (name, of), some in geometry.groupby(["method", whose], sort=False):
        rows.append((name, of, *("" if math.isnan(v) else f"{v:.3g}" for v in some.value)))
    console.print(table(columns, rows, words=2))


def _print_confounds(confounds: "pd.DataFrame") -> None:
    some = confounds[confounds.method == "retrieval"]
    rows = []
    for name, own in some.groupby("confound", sort=False):
        rho = own.rho.astype(float)
        furthest = float(rho.fillna(0.0).to_numpy()[rho.fillna(0.0).abs().to_numpy().argmax()])
        shown = "constant" if rho.isna().all() else f"{furthest:+.2f}"
        rows.append((name, f"{own['mean'].iloc[0]:.2f}", shown))
    console.print(table(("of the sentences", "mean", "largest ρ with retrieval"), rows))
