"""`workbench organism`: train, verify and examine the model of invented languages."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.show import console, duration, progress_bar, table
from workbench.core.numbers import estimated, interval, percent, signed

if TYPE_CHECKING:
    from workbench.analyses.organism.verify import Property, Verification
    from workbench.methods.compare.incline import InclineReport, Reading


# Studies of the organism: every pair and task, and INCLINE as in its paper and as in its released code.


def verdicts(options: argparse.Namespace) -> int:
    """A verdict for each language and task, beside what the world was made to be."""
    import pandas as pd
    import torch

    from workbench.analyses.organism.verify import verdicts as judged
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.results import write_table

    torch.set_num_threads(options.threads)
    organism = shipped(options.folder)
    with progress_bar() as progress:
        found = judged(
            load_model(organism.folder),
            organism,
            options.out,
            dev=options.dev,
            test=options.items,
            prompts=options.prompts,
            progress=progress,
        )
    rows = []
    for row in found.table.to_dict("records"):
        patched = "none" if pd.isna(row["layer"]) else row["layer"]
        gain = interval(row["gain"], row["gain_low"], row["gain_high"], 2)
        gap = "" if pd.isna(row["gap"]) else signed(row["gap"], 2) + ("" if row["gap_low"] > 0 else " (none)")
        settings = f"{row['read']:g}", f"{row['taught']:g}"
        rows.append(
            (
                row["pair"],
                row["task"],
                *settings,
                gap,
                patched,
                gain,
                signed(row["best_control"], 2),
                row["verdict"],
            )
        )
    columns = ("pair", "task", "read", "taught", "gap", "layer", "gain", "control", "verdict")
    console.print(table(columns, rows, words=2))
    console.print(
        "read, taught: shares of the training text in the language, and of the task items in it. control: "
        "the largest gain of a control. Verdicts are Holm-corrected.",
        style="dim",
    )
    write_table(found.table, options.out / "verdicts.parquet")
    return 0


def incline(options: argparse.Namespace) -> int:
    """INCLINE as its paper defines it and as its released code behaves, on one language."""
    import pandas as pd
    import torch

    from workbench.methods.compare.incline import incline as compared
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.results import write_table
    from workbench.study import Study

    torch.set_num_threads(options.threads)
    organism = shipped(options.folder)
    main, source = organism.config.main.code, organism.config.language(options.source).code
    task = organism.task("exact").first(dev=options.dev, test=options.items)
    text = organism.text().select(range(options.prompts)).only([source, main])
    with progress_bar() as progress:
        model = load_model(organism.folder)
        study = Study(model, text, task, source, main, options.out, progress=progress)
        found = compared(study)
    _print_incline(study.pair, found)
    dev = [reading.dev.assign(reading=name) for name, reading in found.readings.items()]
    write_table(pd.concat(dev, ignore_index=True), options.out / "incline.parquet")
    return 0


def _print_incline(pair: str, found: "InclineReport") -> None:
    console.print(f"{pair}: h + α W h at the last prompt token, at every layer's output\n")
    readings = found.readings.values()
    strengths = next(iter(readings)).dev.strength
    rows = [
        (
            reading.name,
            "cascade" if reading.way.cascade else "clean run",
            reading.way.fit_on,
            *(signed(gain, 2) for gain in reading.dev.gain),
        )
        for reading in readings
    ]
    columns = ("gain on dev by α", "patches", "fitted on", *(f"{alpha:g}" for alpha in strengths))
    console.print(table(columns, rows, words=3))
    console.print(table(("on test", "α", "gain", "on the target", "verdict"), map(_judged, readings)))
    console.print(f"paper − released, each at its best α of dev: {estimated(found.difference)} (95 %)")


def _judged(reading: "Reading") -> tuple[str, str, str, str, str]:
    choice = reading.choice
    if choice.layer is None:
        forced = f"(at the best α {estimated(reading.forced, 2)})"
        return (reading.name, "none", forced, "", reading.verdict.headline)
    kept = "" if reading.retention is None else estimated(reading.retention, 2)
    gain = estimated(reading.verdict.gain, 2)
    return (reading.name, f"{choice.strength:g}", gain, kept, reading.verdict.headline)


# Create and evaluate an organism: invented languages with known ground truth, and a model trained on them.
#
# new       write a config file in which every setting is explained
# train     generate the data and train the model; the same config gives the same model
# verify    measure a trained model on fresh test items and test its expected properties
# peaks     test whether similarity measures peak at the layers where patching helps
# verdicts  diagnose every pair and task, next to the known ground truth
# incline   compare INCLINE as defined in its paper with its released code


HELP = "invented languages with known ground truth, and a model of them"
EXAMPLE = """workbench organism verify
  workbench organism new world.toml
  workbench organism train world.toml --out runs/world"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="action")

    new = _action(actions, "new", "write a config file in which every setting is explained")
    new.add_argument("config", metavar="CONFIG", type=Path, help="file to write, such as world.toml")

    train = _action(actions, "train", "train the model of a config; resumable after Ctrl-C")
    train.add_argument("config", metavar="CONFIG", type=Path, help="a file that `new` wrote")
    train.add_argument(
        "--out", type=Path, default=Path("runs/organism"), help="folder (default: runs/organism)"
    )
    train.add_argument("--seed", type=int, help="seed in place of the config's own")
    train.add_argument(
        "--threads", type=int, default=1, help="CPU threads (default: 1; other values change rounding)"
    )

    verify = _action(actions, "verify", "measure a trained model; exit code 1 when a property fails")
    verify.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", help="a trained model (default: the bundled one)"
    )
    verify.add_argument(
        "--items", type=int, default=2000, help="test items per language and task (default: 2000)"
    )
    verify.add_argument("--prompts", type=int, default=500, help="sentences for fitting a map (default: 500)")
    verify.add_argument("--seed", type=int, default=1, help="seed of the test items (default: 1)")
    verify.add_argument("--out", type=Path, default=Path("runs/verify"), help="folder (default: runs/verify)")
    verify.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")

    peaks = _action(actions, "peaks", "test whether similarity peaks where patching helps")
    peaks.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", help="a trained model (default: the bundled one)"
    )
    peaks.add_argument("--prompts", type=int, default=500, help="sentences for fitting a map (default: 500)")
    peaks.add_argument("--items", type=int, default=400, help="dev items to patch (default: 400)")
    peaks.add_argument("--out", type=Path, default=Path("runs/peaks"), help="folder (default: runs/peaks)")
    peaks.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")

    _add_studies(actions)


def _add_studies(actions: Any) -> None:
    """Actions that are studies of the organism, as a user would run them on a model of their own."""
    both = {
        "verdicts": "diagnose every pair and task, next to the ground truth",
        "incline": "compare INCLINE's paper with its released code",
    }
    for name, what in both.items():
        action = _action(actions, name, what)
        action.add_argument(
            "folder",
            metavar="FOLDER",
            type=Path,
            nargs="?",
            help="a trained model (default: the bundled one)",
        )
        action.add_argument(
            "--prompts", type=int, default=600, help="parallel sentences, most for fitting (default: 600)"
        )
        action.add_argument("--dev", type=int, default=300, help="dev items for selection (default: 300)")
        action.add_argument("--items", type=int, default=1000, help="test items (default: 1000)")
        action.add_argument("--out", type=Path, default=Path(f"runs/{name}"), help=f"default: runs/{name}")
        action.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
        if name == "incline":
            action.add_argument("--source", default="x-poor-far", help="language (default: x-poor-far)")


def _action(actions: Any, name: str, what: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(name, help=what, description=f"{what.capitalize()}.")
    # As with every command: a flag of its own must not undo one given before it.
    made.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show a traceback")
    return made


def run(options: argparse.Namespace) -> int:
    """Do the action."""
    from workbench.cli.organism import incline, verdicts

    actions = {"new": _new, "train": _train, "verify": _verify, "peaks": _peaks}
    return (actions | {"verdicts": verdicts, "incline": incline})[options.action](options)


def _new(options: argparse.Namespace) -> int:
    from workbench.core.errors import InputError
    from workbench.organism import WorldConfig
    from workbench.organism.config_file import write_config

    if options.config.exists():
        raise InputError(f"{options.config} already exists: choose another name")
    write_config(WorldConfig(), options.config)
    # What is to be copied must not be broken over lines.
    console.print(
        f"{options.config}: edit its settings, then\n  workbench organism train {options.config}",
        soft_wrap=True,
    )
    return 0


def _train(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from workbench.organism import train_organism, write_files
    from workbench.organism.config_file import read_config

    config = read_config(options.config)
    if options.seed is not None:
        config = replace(config, seed=options.seed)
    with progress_bar() as progress:
        trained = train_organism(config, options.out, threads=options.threads, progress=progress)
    assert trained is not None, "only training that was told to stop early ends without a model"
    write_files(config, options.out)
    console.print(
        f"{trained.n_parameters:,} parameters trained in {duration(trained.seconds)}: {options.out}\n"
        f"evaluate it:\n  workbench organism verify {options.out}",
        soft_wrap=True,
    )
    return 0


def _verify(options: argparse.Namespace) -> int:
    import torch

    from workbench.analyses.organism.verify import properties, summary, verify
    from workbench.core.store import write_json
    from workbench.models import load_model
    from workbench.organism import shipped

    start = time.perf_counter()
    organism = shipped(options.folder)
    torch.set_num_threads(options.threads)
    with progress_bar() as progress:
        found = verify(
            load_model(organism.folder),
            organism.config,
            options.out,
            count=options.items,
            prompts=options.prompts,
            seed=options.seed,
            progress=progress,
        )
    console.print(f"{organism.folder}: {options.items} fresh test items of each language and task\n")
    console.print(_languages(found))
    console.print(_ladders(found))
    for metric in ("retrieval", "cka_debiased"):
        console.print(_curves(found, metric))
    judged = properties(found)
    console.print(_verdict(judged))
    write_json(options.out / "verification.json", summary(found, judged))
    failed = [one for one in judged if one.passed is False]
    console.print(f"verification.json, and tables and a heatmap of each language: {options.out}", style="dim")
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    if failed:
        console.print(f"{len(failed)} of {len(judged)} properties fail.", style="bold")
    return 1 if failed else 0


def _peaks(options: argparse.Namespace) -> int:
    import torch

    from workbench.analyses.organism.peaks import MAPS, NEARLY, peaks
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.results import write_table

    organism = shipped(options.folder)
    torch.set_num_threads(options.threads)
    with progress_bar() as progress:
        found = peaks(
            load_model(organism.folder),
            organism.config,
            options.out,
            prompts=options.prompts,
            items=options.items,
            progress=progress,
        )
    for pair, gains in found.gains.groupby("pair", sort=False):
        console.print(f"{pair}", style="bold")
        helping = ", ".join(str(layer) for layer in gains.layer[gains.helps]) or "none"
        console.print(f"gain on dev items by layer: {'  '.join(signed(gain, 2) for gain in gains.gain)}")
        console.print(f"at least {percent(NEARLY)} of the best: layers {helping}")
        own = found.table[found.table.pair == pair]
        rows = [
            (
                row["measure"],
                row["peak"],
                "yes" if row["helps"] else "no",
                *(
                    f"{row[name]:.2f}"
                    for name in ("identity", *(m for m in MAPS.aligners if m != "identity"))
                ),
            )
            for row in own.to_dict("records")
        ]
        # Words, not names: a narrow terminal breaks a heading at its spaces.
        maps = ("unmapped", *(m.replace("_", " ") for m in MAPS.aligners if m != "identity"))
        console.print(table(("measure", "peak", "helps there", *maps), rows))
    write_table(found.curves, options.out / "curves.parquet")
    write_table(found.gains, options.out / "gains.parquet")
    write_table(found.table, options.out / "peaks.parquet")
    return 0


def _languages(found: "Verification") -> object:
    tasks = list(found.accuracy)
    rows = []
    for language in found.config.languages:
        cells = [found.accuracy[task].get(language.code) for task in tasks]
        rows.append(
            (
                language.code,
                f"{language.order} {language.morphology}",
                f"{language.resource:.2f}",
                f"{found.shared_tokens[language.code]:.2f}",
                *("" if cell is None else estimated(cell, 2, sign=False) for cell in cells),
            )
        )
    return table(("accuracy, unpatched", "grammar", "resource", "shared tokens", *tasks), rows, words=2)


def _ladders(found: "Verification") -> object:
    rows = []
    for language, study in found.studies.items():
        rows.append((language, "unpatched", "", estimated(study.baseline, 2, sign=False), "", ""))
        for outcome in (study.headline, *study.others):
            choice = outcome.choice
            where = "none" if choice.layer is None else f"{choice.layer} (α {choice.strength:g})"
            over = study.headline_over.get(choice.aligner)
            name = choice.aligner + ("*" if outcome.is_control else "")
            shown = (
                estimated(outcome.accuracy, 2, sign=False),
                estimated(outcome.gain, 2),
                "" if over is None else estimated(over, 2),
            )
            rows.append(("", name, where, *shown))
        rows.append(
            (
                "",
                f"{study.target}, unpatched",
                "",
                estimated(study.known_target_accuracy, 2, sign=False),
                estimated(study.known_gap, 2),
                "",
            )
        )
    columns = (
        "patched at the last token",
        "aligner (* control)",
        "layer",
        "test [95 %]",
        "gain",
        "ridge minus it",
    )
    return table(columns, rows, words=2)


def _curves(found: "Verification", metric: str) -> object:
    curves = {language: found.curve(language, metric) for language in found.studies}
    sites = list(next(iter(curves.values())).index)
    columns = [site.removeprefix("resid_post.") for site in sites]
    rows = [(language, *(f"{curve[site]:.2f}" for site in sites)) for language, curve in curves.items()]
    return table((f"{metric}, held out", *columns), rows)


def _verdict(judged: "list[Property]") -> object:
    marks = {True: "holds", False: "FAILS", None: "·"}
    rows = [(one.name, marks[one.passed], one.found.replace("; ", "\n")) for one in judged]
    return table(("property", "", "measured"), rows, words=3)
