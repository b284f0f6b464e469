"""Test published claims about mapping between languages on one model.

Each claim is a hypothesis with a decision rule fixed in advance. The verdict is supported, not supported or,
where the data show neither, not decidable. RUN is the folder of a run, whose model, sentences, task and pairs
are used, or `organism`. Finished work in the folder is reused.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.diagnose import Shown
from workbench.cli.options import names, numbers
from workbench.cli.runs import add_run_options, opened, use_threads
from workbench.cli.show import caution, console, duration, table
from workbench.core.numbers import interval, signed

if TYPE_CHECKING:
    from workbench.analyses.claims import Ground
    from workbench.analyses.claims.run import Tested

HELP = "test published claims on the model of a run"
EXAMPLE = """workbench claims organism
  workbench claims runs/diagnose --only mid_to_high_layers,few_pairs"""

ORGANISM = {"dev": 300, "test": 1000, "prompts": 1000}
"""Numbers of items and sentences for the organism, where no run is given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_run_options(parser, out="runs/claims")
    parser.add_argument("--only", metavar="A,B", help="claims to test (default: all)")
    known = parser.add_argument_group("known properties of languages")
    known.add_argument(
        "--resources",
        type=Path,
        metavar="FILE",
        help="TSV: language, amount of its training text",
    )
    known.add_argument(
        "--distances", type=Path, metavar="FILE", help="TSV: language, distance from the target"
    )
    known.add_argument(
        "--band",
        default="0.6,0.75",
        metavar="A,B",
        help="mid-to-high layers (default: 0.6,0.75 of the depth)",
    )
    asked = parser.add_argument_group("the organism without a run")
    for name, count in ORGANISM.items():
        what = "sentences for fitting and measuring" if name == "prompts" else f"{name} items"
        asked.add_argument(f"--{name}", type=int, default=count, help=f"{what} (default: {count})")


def run(options: argparse.Namespace) -> int:
    """Collect the studies, test the claims, print and write the findings."""
    from workbench.analyses.claims.run import known_claims, run_claims
    from workbench.core.bundled import MODELS

    start, shown = time.perf_counter(), Shown()
    only = names(options.only)
    known_claims(only)  # a wrong name is said before the long work
    known = _known(options)
    ground = (_organism if options.study in MODELS else _of_folder)(options, known, shown)
    with shown.bar():
        tested = run_claims(ground, only, options.out, shown)
    _print(tested)
    caution(ground.cases[0].study.text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _organism(options: argparse.Namespace, known: dict[str, Any], shown: Shown) -> "Ground":
    from workbench.analyses.claims.run import organism_ground
    from workbench.cli.options import read_pairs
    from workbench.models import load_model
    from workbench.organism import shipped

    use_threads(options.threads or 1)
    organism = shipped()
    languages = [language.code for language in organism.config.languages]
    options.target = organism.config.main.code
    with shown.bar():
        return organism_ground(
            load_model("organism"),
            organism,
            options.out or Path("runs/claims"),
            pairs=read_pairs(options, languages),
            dev=options.dev,
            test=options.test,
            prompts=options.prompts,
            progress=shown,
            overwrite=options.overwrite,
            **known,
        )


def _of_folder(options: argparse.Namespace, known: dict[str, Any], shown: Shown) -> "Ground":
    """The studies of a run that have a verdict."""
    from workbench.analyses.claims import world_scales
    from workbench.analyses.claims.run import ground_of
    from workbench.core.bundled import MODELS
    from workbench.organism import shipped

    diagnosis = opened(options, shown)
    results = []
    for study in diagnosis.studies:
        if not study.finished:
            console.print(f"{study.pair}, {study.task.name}: no verdict in the folder, left out", style="dim")
            continue
        with shown.bar():
            results.append(study.run())
    if diagnosis.specification.model["source"] in MODELS:
        resources, distances = world_scales(shipped().config)
        known["resources"] = known["resources"] or resources
        known["distances"] = known["distances"] or distances
    return ground_of(diagnosis, results, **known)


def _known(options: argparse.Namespace) -> dict[str, Any]:
    """The known properties of languages and the band, from the options."""
    from workbench.analyses.claims import read_scale
    from workbench.core.errors import InputError

    band = numbers(options.band, "--band")
    if len(band) != 2 or not 0 <= band[0] < band[1] <= 1:
        raise InputError(f"--band {options.band}: give two fractions of the depth, the lower one first")
    found: dict[str, Any] = {"band": (band[0], band[1])}
    for name in ("resources", "distances"):
        path = getattr(options, name)
        found[name] = None if path is None else read_scale(path)
    return found


def _print(tested: "Tested") -> None:
    from workbench.analyses.claims import CLAIMS

    rows = []
    for name, finding in tested.findings.items():
        rows.append((name, finding.verdict, _shown(finding.numbers), _p(finding.adjusted_p)))
    console.print(table(("claim", "verdict", "number [95 %]", "p (Holm)"), rows, words=2))
    for name, finding in tested.findings.items():
        console.print(CLAIMS[name].statement, style="bold")
        console.print(f"  {finding.verdict}: {finding.sentence}")
    console.print(
        "Pooled over pairs; an item that occurs in several pairs counts once. p: of the test behind the "
        "verdict, Holm-corrected over all claims that have one.",
        style="dim",
    )
    for name in ("claims", "json", "timings"):
        if name in tested.paths:
            console.print(f"{tested.paths[name]}", soft_wrap=True)


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"


def _shown(found: Mapping[str, Any]) -> str:
    if found.get("estimate") is None:
        return ""
    if found.get("low") is None:
        return f"ρ = {signed(found['estimate'], 2)}"
    return interval(found["estimate"], found["low"], found["high"])
