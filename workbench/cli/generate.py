"""What a model writes under a patch: in which language, and how much of it repeats itself.

The model goes on with beginnings of held-out source sentences: clean, under the study's own choice and its
controls, and under recipes, above all clas_bench, which steers the language of what is written. A recipe's
branch is chosen by its texts on one half of the beginnings; everything is reported on the other half. The
language is judged by an identifier learned from the study's own sentences, whose accuracy on held-out ones
stands beside the results.

STUDY is a folder that `workbench diagnose` wrote, whose model, text and pairs are used, or `organism`.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.compare import named_pairs, options_of_study
from workbench.cli.diagnose import Shown, set_up
from workbench.cli.generated import print_generated
from workbench.cli.options import names, read_text
from workbench.cli.show import caution, console, duration

if TYPE_CHECKING:
    from workbench.generate import Plan

HELP = "what a model writes under a patch: its language, and how much it repeats itself"
EXAMPLE = """workbench generate organism
  workbench generate runs/diagnose --methods study,clas_bench --tokens 200 --prompts 100"""

ORGANISM = {"pairs": "x-poor-far-x-main", "out": Path("runs/generate")}
"""What is asked of the organism where nothing else is said."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "study", metavar="STUDY", nargs="?", default="organism", help="folder of a study (default: organism)"
    )
    parser.add_argument(
        "--methods",
        metavar="A,B",
        help="study, its own choice and controls, and recipes (default: study,clas_bench)",
    )
    parser.add_argument(
        "--tokens", type=int, help="new tokens of a text (default: 200, or what the model's context leaves)"
    )
    parser.add_argument(
        "--prompts", type=int, default=40, help="beginnings, half to choose on, half to report (default: 40)"
    )
    parser.add_argument("--pairs", metavar="A-B,…", help="of the study's pairs (default: all)")
    parser.add_argument("--out", type=Path, help="default: the study's folder; organism: runs/generate")
    parser.add_argument("--threads", type=int, help="CPU threads")


def run(options: argparse.Namespace) -> int:
    """Generate in every study of the folder, print one table for each, write all of them as one."""
    import pandas as pd

    from workbench.bundled import MODELS
    from workbench.generate import generate
    from workbench.study.writing import write_table

    start, shown = time.perf_counter(), Shown()
    plan = _plan(options)
    if options.study in MODELS:
        for name, value in ORGANISM.items():
            if getattr(options, name) is None:
                setattr(options, name, value)
    asked = options_of_study(options)
    # Languages that are in no pair help to tell those that are from what is neither.
    text = read_text(asked) if asked.fit_on == "sentences" else None
    diagnosis = set_up(asked, shown)
    found = []
    for study in named_pairs(options.pairs, diagnosis):
        with shown.bar():
            found.append(generate(study, plan, text))
        print_generated(found[-1])
    for name in ("generation", "summary"):
        path = asked.out / found[0].paths[name].name
        tables = [one.table if name == "generation" else one.summary for one in found]
        write_table(pd.concat(tables, ignore_index=True), path)
        console.print(f"{'texts' if name == 'generation' else 'table'}    {path}", soft_wrap=True)
    caution(diagnosis.studies[0].text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _plan(options: argparse.Namespace) -> "Plan":
    from workbench.generate import Plan

    methods = names(options.methods)
    chosen = {} if methods is None else {"methods": tuple(methods)}
    return Plan(tokens=options.tokens, prompts=options.prompts, **chosen)
