"""Every method of the literature on one study's task and pairs: what patching is worth against the others.

Asking directly, translating, prompts, shots, fine-tuning and the interventions of `workbench recipes`, each
chosen on dev items, frozen, and judged once on the same test items, with controls, costs and what it does to
the main language. Recipes are also tried on top of shots and of fine-tuning.

STUDY is a folder that `workbench diagnose` wrote, whose model, text, task and pairs are used, or `organism`.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.compared import print_comparison
from workbench.cli.diagnose import Shown, set_up
from workbench.cli.diagnose import add_arguments as add_diagnose_arguments
from workbench.cli.options import names, whole_numbers
from workbench.cli.show import caution, console, duration

if TYPE_CHECKING:
    from workbench.baselines import Wording
    from workbench.compare import Plan
    from workbench.study import Diagnosis, Study

HELP = "every method of the literature side by side on a study's task"
EXAMPLE = """workbench compare organism --pairs x-poor-far-x-main
  workbench compare runs/diagnose --methods shots_own,translate_self,incline_paper"""

ORGANISM = {
    "task": "exact",
    "dev": 200,
    "test": 500,
    "pairs": "x-poor-near-x-main,x-poor-far-x-main,x-poor-fused-x-main",
}
"""What is asked of the organism where no study says otherwise: its languages with a large gap."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "study", metavar="STUDY", nargs="?", default="organism", help="folder of a study (default: organism)"
    )
    chosen = parser.add_argument_group("what is compared")
    chosen.add_argument(
        "--methods", metavar="A,B", help="baselines and recipes (default: all; workbench recipes lists them)"
    )
    chosen.add_argument("--no-training", action="store_true", help="leave out what trains the model")
    chosen.add_argument(
        "--combine",
        metavar="A,B",
        help="baselines to patch on top of (default: both kinds of shots, lora)",
    )
    chosen.add_argument(
        "--on-top", metavar="A,B", help="recipes for these (default: the one that dev likes best)"
    )
    chosen.add_argument("--pairs", metavar="A-B,…", help="of the study's pairs (default: all)")
    words = parser.add_argument_group("words")
    words.add_argument("--shots", metavar="N,…", help="numbers of shots to choose from (default: 1,2,4)")
    words.add_argument("--seeds", type=int, help="draws of shots to choose from (default: 3)")
    words.add_argument(
        "--translations", type=Path, metavar="FILE", help="table of id and prompt in the main language"
    )
    words.add_argument(
        "--templates", type=Path, metavar="FILE", help="templates to search, one a line, each with {prompt}"
    )
    parser.add_argument("--out", type=Path, help="default: the study's folder; organism: runs/compare")
    parser.add_argument("--threads", type=int, help="CPU threads")


def run(options: argparse.Namespace) -> int:
    """Compare in every study of the folder, print one table for each, write all of them as one."""
    import pandas as pd

    from workbench.compare import compare, with_holm
    from workbench.study.writing import write_table

    start, shown = time.perf_counter(), Shown()
    plan = _plan(options)
    asked = options_of_study(options)
    wording = _wording(options, asked)
    diagnosis = set_up(asked, shown)
    tables = []
    for study in named_pairs(options.pairs, diagnosis):
        with shown.bar():
            found = compare(study, wording, plan)
        print_comparison(found.table, found.seconds, found.prepared)
        tables.append(found.table)
    together = with_holm(pd.concat(tables, ignore_index=True))
    path = asked.out / "comparison.parquet"
    write_table(together, path)
    console.print(f"\ntable    {path}", soft_wrap=True)
    draw(asked.out)
    caution(diagnosis.studies[0].text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def draw(folder: Path) -> None:
    """The table as two figures beside it: what each method gains, and what a gain costs."""
    from workbench.figures.tables_in import read_run
    from workbench.figures.writing import write_figures

    written = write_figures(
        read_run(folder),
        folder / "figures",
        formats=("pdf", "png"),
        only=("comparison", "pareto"),
        command=f"workbench figures {folder}",
    )
    shown = ", ".join(str(file) for file in written.files if file.suffix == ".pdf")
    console.print(f"figures  {shown}", soft_wrap=True)


def _plan(options: argparse.Namespace) -> "Plan":
    from workbench.compare import COMBINED, Plan

    combined = tuple(names(options.combine) or ()) if options.combine is not None else COMBINED
    return Plan.of(
        names(options.methods),
        training=not options.no_training,
        combined=combined,
        on_top=tuple(names(options.on_top) or ()),
    )


def options_of_study(options: argparse.Namespace) -> argparse.Namespace:
    """The options of the study's own `diagnose`, as it left them in its folder."""
    from workbench.bundled import MODELS
    from workbench.cli.config import configured
    from workbench.errors import InputError

    parser = argparse.ArgumentParser()
    add_diagnose_arguments(parser)
    given: dict[str, Any] = {}
    if options.study in MODELS:
        asked = configured(parser.parse_args([options.study]))
        given = {**ORGANISM, "out": Path("runs/compare")}
        if options.threads is None:
            given["threads"] = 1  # the fastest for so small a model
    else:
        folder = Path(options.study)
        config = folder / "study.toml"
        if not config.is_file():
            raise InputError(
                f"{folder} is no study: {config} is missing; give a folder that workbench diagnose wrote, "
                "or organism"
            )
        asked = configured(parser.parse_args(["--config", str(config)]))
        given = {"out": folder}
    vars(asked).update(given)
    if options.study in MODELS and options.pairs is not None:
        asked.pairs = options.pairs
    for name in ("out", "threads"):
        if getattr(options, name) is not None:
            setattr(asked, name, getattr(options, name))
    return asked


def named_pairs(pairs: str | None, diagnosis: "Diagnosis") -> "list[Study]":
    """The studies of the pairs named; what is finished lies in the folder by all of the study's pairs."""
    from workbench.cli.options import read_pairs
    from workbench.errors import InputError

    if pairs is None:
        return list(diagnosis.studies)
    studied = [(study.source, study.target) for study in diagnosis.studies]
    codes = list(dict.fromkeys(code for pair in studied for code in pair))
    wanted = read_pairs(argparse.Namespace(pairs=pairs), codes)
    for source, target in wanted:
        if (source, target) not in studied:
            raise InputError(f"--pairs {source}-{target}: {diagnosis.folder} has no study of it")
    return [study for study in diagnosis.studies if (study.source, study.target) in wanted]


def _wording(options: argparse.Namespace, asked: argparse.Namespace) -> "Wording":
    from dataclasses import replace

    from workbench.baselines import Wording, organism_wording, read_translations
    from workbench.bundled import MODELS
    from workbench.errors import InputError
    from workbench.organism import shipped
    from workbench.reading import read_lines

    wording = organism_wording(shipped().config) if asked.model in MODELS else Wording()
    if options.shots is not None:
        wording = replace(wording, shots=whole_numbers(options.shots, "--shots"))
    if options.seeds is not None:
        wording = replace(wording, seeds=options.seeds)
    if options.translations is not None:
        wording = replace(wording, translations=read_translations(options.translations))
    if options.templates is not None:
        lines = [line for line in read_lines(options.templates) if line.strip()]
        for number, line in enumerate(lines, 1):
            if "{prompt}" not in line:
                raise InputError(f"{options.templates}:{number}: {line!r} lacks {{prompt}}")
        wording = replace(wording, templates=tuple(line.replace("\\n", "\n") for line in lines))
    return wording
