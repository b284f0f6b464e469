"""What is widely claimed of mapping one language onto another, tested on one model.

Each claim is a hypothesis with a rule that was fixed beforehand. What is neither shown to hold nor shown not
to is not decidable. STUDY is a folder that `workbench diagnose` wrote, whose model, text, task and pairs are
used, or `organism`; all finished work is taken from the folder.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.diagnose import Shown, set_up
from workbench.cli.options import names, numbers
from workbench.cli.show import caution, console, duration, table
from workbench.numbers import interval, signed

if TYPE_CHECKING:
    from workbench.claims import Ground
    from workbench.claims.run import Tested

HELP = "test what is widely claimed on a study's model"
EXAMPLE = """workbench claims organism
  workbench claims runs/diagnose --only mid_to_high_layers,few_pairs"""

ORGANISM = {"dev": 300, "test": 1000, "prompts": 1000}
"""What the organism is asked, where no study says otherwise."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "study", metavar="STUDY", nargs="?", default="organism", help="folder of a study (default: organism)"
    )
    parser.add_argument("--only", metavar="A,B", help="claims to test (default: all)")
    parser.add_argument("--pairs", metavar="A-B,…", help="of the study's pairs (default: all)")
    known = parser.add_argument_group("what is known")
    known.add_argument(
        "--resources",
        type=Path,
        metavar="FILE",
        help="lines of a language, a tab and how much of it was read",
    )
    known.add_argument(
        "--distances", type=Path, metavar="FILE", help="lines of a language, a tab and how far it is"
    )
    known.add_argument(
        "--band",
        default="0.6,0.75",
        metavar="A,B",
        help="mid-to-high layers (default: 0.6,0.75 of the depth)",
    )
    asked = parser.add_argument_group("the organism by itself")
    for name, count in ORGANISM.items():
        what = "sentences to fit and measure on" if name == "prompts" else f"{name} items"
        asked.add_argument(f"--{name}", type=int, default=count, help=f"{what} (default: {count})")
    parser.add_argument("--out", type=Path, help="default: the study's folder; organism: runs/claims")
    parser.add_argument("--threads", type=int, help="CPU threads")


def run(options: argparse.Namespace) -> int:
    """Find the ground, test the claims, print and write what was found."""
    from workbench.bundled import MODELS
    from workbench.claims.run import known_claims, run_claims

    start, shown = time.perf_counter(), Shown()
    only = names(options.only)
    known_claims(only)  # a wrong name is said before the long work
    ground = _organism(options, shown) if options.study in MODELS else _of_folder(options, shown)
    with shown.bar():
        tested = run_claims(ground, only, options.out, shown)
    _print(tested)
    caution(ground.cases[0].study.text)
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    return 0


def _organism(options: argparse.Namespace, shown: Shown) -> "Ground":
    import torch

    from workbench.claims.organism import organism_ground
    from workbench.cli.options import read_pairs
    from workbench.models import load_model
    from workbench.organism import shipped

    torch.set_num_threads(options.threads or 1)  # the fastest for so small a model
    organism = shipped()
    languages = [language.code for language in organism.config.languages]
    options.target = organism.config.main.code
    with shown.bar():
        return organism_ground(
            load_model(organism.folder),
            organism,
            options.out or Path("runs/claims"),
            pairs=read_pairs(options, languages),
            dev=options.dev,
            test=options.test,
            prompts=options.prompts,
            progress=shown,
            **_known(options),
        )


def _of_folder(options: argparse.Namespace, shown: Shown) -> "Ground":
    """The studies of a folder that were worth going on with when it was diagnosed."""
    from workbench.bundled import MODELS
    from workbench.claims import world_scales
    from workbench.claims.run import ground_of
    from workbench.cli.compare import named_pairs, options_of_study
    from workbench.organism import shipped

    # What is found may go elsewhere, but what is finished lies in the study's folder, by all of its pairs.
    asked = options_of_study(argparse.Namespace(**{**vars(options), "out": None, "pairs": None}))
    diagnosis = set_up(asked, shown)
    results = []
    for study in named_pairs(options.pairs, diagnosis):
        with shown.bar():
            if asked.anyway or study.facts().worth_going_on:
                results.append(study.run())
                continue
        console.print(f"{study.pair}, {study.task.name}: no gap to close on dev, left out", style="dim")
    known = _known(options)
    if asked.model in MODELS:
        resources, distances = world_scales(shipped().config)
        known["resources"] = known["resources"] or resources
        known["distances"] = known["distances"] or distances
    return ground_of(diagnosis, results, **known)


def _known(options: argparse.Namespace) -> dict[str, Any]:
    """What the options say is known of languages, and the band."""
    from workbench.claims import read_scale
    from workbench.errors import InputError

    band = numbers(options.band, "--band")
    if len(band) != 2 or not 0 <= band[0] < band[1] <= 1:
        raise InputError(f"--band {options.band}: give two shares of the depth, the lower one first")
    found: dict[str, Any] = {"band": (band[0], band[1])}
    for name in ("resources", "distances"):
        path = getattr(options, name)
        found[name] = None if path is None else read_scale(path)
    return found


def _print(tested: "Tested") -> None:
    from workbench.claims import CLAIMS

    rows = []
    for name, finding in tested.findings.items():
        rows.append((name, finding.verdict, _shown(finding.numbers), _p(finding.adjusted_p)))
    console.print(table(("claim", "verdict", "number [95 %]", "p (Holm)"), rows, words=2))
    for name, finding in tested.findings.items():
        console.print(CLAIMS[name].statement, style="bold")
        console.print(f"  {finding.verdict}: {finding.sentence}")
    console.print(
        "Pooled over pairs; an item asked in several pairs counts once. p: of the test that a verdict rests "
        "on, corrected for all claims that have one.",
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
