"""`workbench claims`: published claims tested on one model, and what is printed of the findings."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from workbench.analyses.claims import CLAIMS, Ground, read_scale, world_scales
from workbench.analyses.claims.run import Tested, ground_of, known_claims, organism_ground, run_claims
from workbench.cli.inputs import helped, opened, read_pairs
from workbench.cli.options import Outcome, chosen, names, numbers
from workbench.cli.terminal import console, print_end, progress, progress_bar, table
from workbench.core.bundled import MODELS
from workbench.core.errors import InputError
from workbench.core.numbers import interval, signed
from workbench.core.store import locked
from workbench.models import load_model
from workbench.organism import shipped


def run(options: argparse.Namespace) -> Outcome:
    """Run `workbench claims`."""
    start = time.perf_counter()
    only = names(options.only)
    known_claims(only)  # a wrong name is reported before the long work
    known = _known(options)
    ground = _organism(options, known) if options.study in MODELS else _of_folder(options, known)
    with progress_bar(), locked(ground.folder), locked(options.out or ground.folder):
        tested = run_claims(ground, only, options.out, progress)
    _print(tested)
    print_end(ground.cases[0].study.text, start)
    return Outcome({"claims": tested.table, "files": tested.paths})


def _organism(options: argparse.Namespace, known: dict[str, Any]) -> Ground:
    torch.set_num_threads(options.threads or 1)
    organism = shipped()
    options.target = organism.config.main.code
    pairs = read_pairs(options, [language.code for language in organism.config.languages])
    with progress_bar():
        return organism_ground(
            helped(options, load_model("organism")),
            organism,
            options.out or Path("runs/claims"),
            pairs=pairs,
            progress=progress,
            **chosen(options, "dev", "test", "prompts", "overwrite"),
            **known,
        )


def _of_folder(options: argparse.Namespace, known: dict[str, Any]) -> Ground:
    """The studies of a run that have a verdict."""
    diagnosis = opened(options)
    results = []
    for study in diagnosis.studies:
        if not study.finished:
            console.print(f"{study.pair}, {study.task.name}: no verdict in the folder, left out", style="dim")
            continue
        with progress_bar():
            results.append(study.run())
    if diagnosis.specification.model["source"] in MODELS:
        scales = zip(("resources", "distances"), world_scales(shipped().config), strict=True)
        known |= {name: known[name] or scale for name, scale in scales}
    return ground_of(diagnosis, results, **known)


def _known(options: argparse.Namespace) -> dict[str, Any]:
    band = numbers(options.band, "--band")
    if len(band) != 2 or not 0 <= band[0] < band[1] <= 1:
        raise InputError(f"--band {options.band}: give two fractions of the depth, the lower one first")
    files = {"resources": options.resources, "distances": options.distances}
    scales = {name: None if path is None else read_scale(path) for name, path in files.items()}
    return {"band": tuple(band), **scales}


def _print(tested: Tested) -> None:
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
    return "" if value is None else f"{value:.2g}" if value >= 1e-4 else "< 0.0001"


def _estimate(numbers: Mapping[str, Any]) -> str:
    estimate, low = numbers.get("estimate"), numbers.get("low")
    if estimate is not None and low is None:
        return f"ρ = {signed(estimate, 2)}"
    return interval(estimate, low, numbers.get("high"), none="")
