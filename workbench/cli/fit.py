"""Fit maps from one language's states to another's at every layer, and judge them on held-out sentences.

Every method stands beside controls: read R² only as far as it exceeds theirs.
"""

import argparse

from workbench.cli.alignments import add_alignment_options, alignments, write_table
from workbench.cli.options import names
from workbench.cli.show import caution, console, table

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
    parser.add_argument("--save-maps", action="store_true", help="keep the maps themselves as well")


def run(options: argparse.Namespace) -> int:
    """Fit, judge, print R² by layer."""
    from workbench.align import CONTROLS
    from workbench.study import Settings
    from workbench.study.maps import save_maps

    first, *others = names(options.methods) or []
    settings = Settings(headline=first, others=tuple(others), held_out=options.held_out, seed=options.seed)
    tables = []
    for alignment in alignments(options, settings):
        states = alignment.capture()
        maps = alignment.fit(states)
        fit = alignment.fit_table(maps, states)
        tables.append(fit)
        n_fit, n_held_out = int(fit.n_fit.max()), int(fit.n_held_out.max())
        columns = [f"{alignment.pair}, R² held out", *map(str, range(fit.layer.max() + 1))]
        rows = [
            (f"{name}" + ("*" if name in CONTROLS else ""), *(f"{value:.2f}" for value in some.r2))
            for name, some in fit.groupby(fit.method.astype(str), sort=False)
        ]
        console.print(table(columns, rows))
        console.print(f"{n_fit} sentences fitted, {n_held_out} held out. * a control", style="dim")
        for warning in dict.fromkeys(
            f"{method}: {warning}" for method, warning in zip(fit.method, fit.warning, strict=True) if warning
        ):
            console.print(f"Mind: {warning}", style="yellow")
        for name, some in fit[fit.at_edge.fillna(False).astype(bool)].groupby("method", sort=False):
            layers = ", ".join(f"{layer}" for layer in some.layer)
            console.print(
                f"Mind: the strength of {name} is at the end of its grid at {layers}", style="yellow"
            )
        if options.save_maps:
            card = alignment.facts | {"text_digest": alignment.text.digest, "states_digest": states.digest}
            card["weights_digest"] = alignment.model.weights_digest
            for method, fitted in maps.items():
                save_maps(fitted, options.out / "maps" / alignment.pair / method, card | {"method": method})
        caution(alignment.text)
    write_table(tables, options.out / "fit.parquet")
    return 0
