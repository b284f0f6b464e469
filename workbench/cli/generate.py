"""Generate text with a patched model and measure its language and repetition.

The model continues beginnings of held-out source sentences: unpatched, with the study's choice and its
controls, and with recipes (by default clas_bench, which steers the output language). A recipe's
configuration is selected on one half of the beginnings; results are reported on the other half. The output
language is predicted by an identifier trained on the study's sentences; its held-out accuracy is printed
with the results.

RUN is the folder of a run, whose model, sentences and pairs are used, or `organism`.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.compare import ITEMS
from workbench.cli.diagnose import Shown
from workbench.cli.generated import print_generated
from workbench.cli.options import names
from workbench.cli.runs import add_run_options, opened, organism_studies
from workbench.cli.show import caution, console, duration

if TYPE_CHECKING:
    from workbench.analyses.generate import Plan

HELP = "generate text with a patched model: output language and repetition"
EXAMPLE = """workbench generate organism
  workbench generate runs/diagnose --methods study,clas_bench --tokens 200 --prompts 100"""

PAIRS = ("x-poor-far-x-main",)
"""What is asked of the organism where nothing else is said."""
TABLES = ("generation", "generation_summary")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_run_options(parser, out="runs/generate")
    parser.add_argument(
        "--methods",
        metavar="A,B",
        help="study (its choice and controls) and recipes (default: study,clas_bench)",
    )
    parser.add_argument(
        "--tokens", type=int, help="new tokens per text (default: 200, or the rest of the model's context)"
    )
    parser.add_argument(
        "--prompts",
        type=int,
        default=40,
        help="beginnings: half for selection, half for the results (default: 40)",
    )


def run(options: argparse.Namespace) -> int:
    """Generate in every study of the folder, print one table for each, write all of them as one."""
    import pandas as pd

    from workbench.analyses.generate import generate
    from workbench.core.bundled import MODELS
    from workbench.results import claim, write_table

    start, shown = time.perf_counter(), Shown()
    plan = _plan(options)
    if options.study in MODELS:
        diagnosis = organism_studies(
            options.pairs,
            options.out or Path("runs/generate"),
            **ITEMS,
            threads=options.threads,
            overwrite=options.overwrite,
            progress=shown,
            known=PAIRS,
        )
    else:
        diagnosis = opened(options, shown)
    out, found = options.out or diagnosis.folder, []
    claim(out, [f"{name}.parquet" for name in TABLES], options.overwrite)
    for study in diagnosis.studies:
        with shown.bar():
            # Languages that are in no pair help to tell those that are from what is neither.
            found.append(generate(study, plan, diagnosis.specification.text))
        print_generated(found[-1])
    for name, tables in zip(TABLES, ([f.table for f in found], [f.summary for f in found]), strict=True):
        write_table(pd.concat(tables, ignore_index=True), out / f"{name}.parquet")
        kind = "texts" if name == "generation" else "table"
        console.print(f"{kind}    {out / name}.parquet", soft_wrap=True)
    caution(diagnosis.studies[0].text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _plan(options: argparse.Namespace) -> "Plan":
    from workbench.analyses.generate import Plan

    methods = names(options.methods)
    chosen = {} if methods is None else {"methods": tuple(methods)}
    return Plan(tokens=options.tokens, prompts=options.prompts, **chosen)
