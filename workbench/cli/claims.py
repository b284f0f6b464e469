"""`workbench claims`: published claims tested on one model, and what is printed of the findings."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.inputs import opened, read_pairs, use_threads
from workbench.cli.options import Command, chosen, names, numbers, run_options
from workbench.cli.terminal import console, print_end, progress, progress_bar, table
from workbench.core.bundled import MODELS
from workbench.core.errors import InputError
from workbench.core.numbers import interval, signed

if TYPE_CHECKING:
    from workbench.analyses.claims import Ground
    from workbench.analyses.claims.run import Tested

OUT = "runs/claims"


def run(options: argparse.Namespace) -> None:
    """Test published claims about mapping between languages on one model.

    Each claim is a hypothesis with a decision rule fixed in advance. The verdict is supported, not
    supported or, where the data show neither, not decidable. RUN is the folder of a run, whose model,
    sentences, task and pairs are used, or `organism`. Finished work in the folder is reused.
    """
    from workbench.analyses.claims.run import known_claims, run_claims

    start = time.perf_counter()
    only = names(options.only)
    known_claims(only)  # a wrong name is reported before the long work
    known = _known(options)
    ground = (_organism if options.study in MODELS else _of_folder)(options, known)
    with progress_bar():
        tested = run_claims(ground, only, options.out, progress)
    _print(tested)
    print_end(ground.cases[0].study.text, start)


def _organism(options: argparse.Namespace, known: dict[str, Any]) -> "Ground":
    from workbench.analyses.claims.run import organism_ground
    from workbench.models import load_model
    from workbench.organism import shipped

    use_threads(options.threads or 1)
    organism = shipped()
    options.target = organism.config.main.code
    pairs = read_pairs(options, [language.code for language in organism.config.languages])
    with progress_bar():
        return organism_ground(
            load_model("organism"),
            organism,
            options.out or Path(OUT),
            pairs=pairs,
            progress=progress,
            **chosen(options, "dev", "test", "prompts", "overwrite"),
            **known,
        )


def _of_folder(options: argparse.Namespace, known: dict[str, Any]) -> "Ground":
    """The studies of a run that have a verdict."""
    from workbench.analyses.claims import world_scales
    from workbench.analyses.claims.run import ground_of
    from workbench.organism import shipped

    diagnosis = opened(options)
    results = []
    for study in diagnosis.studies:
        if not study.finished:
            console.print(f"{study.pair}, {study.task.name}: no verdict in the folder, left out", style="dim")
            continue
        with progress_bar():
            results.append(study.run())
    if diagnosis.specification.model["source"] in MODELS:
        resources, distances = world_scales(shipped().config)
        known["resources"] = known["resources"] or resources
        known["distances"] = known["distances"] or distances
    return ground_of(diagnosis, results, **known)


def _known(options: argparse.Namespace) -> dict[str, Any]:
    """The known properties of languages and the band, from the options."""
    from workbench.analyses.claims import read_scale

    band = numbers(options.band, "--band")
    if len(band) != 2 or not 0 <= band[0] < band[1] <= 1:
        raise InputError(f"--band {options.band}: give two fractions of the depth, the lower one first")
    files = {"resources": options.resources, "distances": options.distances}
    scales = {name: None if path is None else read_scale(path) for name, path in files.items()}
    return {"band": tuple(band), **scales}


def _print(tested: "Tested") -> None:
    from workbench.analyses.claims import CLAIMS

    rows = [
        (name, finding.verdict, _estimate(finding.numbers), _p(finding.adjusted_p))
        for name, finding in tested.findings.items()
    ]
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


def _estimate(numbers: Mapping[str, Any]) -> str:
    if numbers.get("estimate") is None:
        return ""
    if numbers.get("low") is None:
        return f"ρ = {signed(numbers['estimate'], 2)}"
    return interval(numbers["estimate"], numbers["low"], numbers["high"])


COMMAND = Command(
    run,
    help="test published claims on the model of a run",
    example="""workbench claims organism
  workbench claims runs/diagnose --only mid_to_high_layers,few_pairs""",
    options={**run_options(OUT), "--only A,B": "claims to test (default: all)"},
    groups={
        "known properties of languages": {
            "--resources FILE": "TSV: language, amount of its training text",
            "--distances FILE": "TSV: language, distance from the target",
            "--band A,B": ("mid-to-high layers (default: 0.6,0.75 of the depth)", "0.6,0.75"),
        },
        "the organism without a run": {
            "--dev N": ("dev items", 300),
            "--test N": ("test items", 1000),
            "--prompts N": ("sentences for fitting and measuring", 1000),
        },
    },
)
