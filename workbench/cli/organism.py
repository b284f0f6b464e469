"""`workbench organism`: create, train and examine a model of invented languages."""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.table import Table

from workbench.cli.inputs import use_threads
from workbench.cli.options import Command, Options, chosen
from workbench.cli.terminal import console, duration, progress, progress_bar, site_name, table
from workbench.core.errors import InputError
from workbench.core.numbers import estimated, interval, percent, signed
from workbench.core.store import write_json
from workbench.results import write_table

if TYPE_CHECKING:
    from workbench.analyses.organism.experiments import InclineReport, Peaks, Reading
    from workbench.analyses.organism.verify import Property, Verification
    from workbench.models import LanguageModel
    from workbench.organism import Shipped


def run(options: argparse.Namespace) -> None:
    """Create and evaluate an organism: invented languages with known ground truth, and a model of them."""
    raise AssertionError("an action is required")


def new(options: argparse.Namespace) -> None:
    """Write a config file in which every setting is explained."""
    from workbench.organism import WorldConfig, write_config

    if options.config.exists():
        raise InputError(f"{options.config} already exists: choose another name")
    write_config(WorldConfig(), options.config)
    # What is to be copied must not be broken over lines.
    then = f"workbench organism train {options.config}"
    console.print(f"{options.config}: edit its settings, then\n  {then}", soft_wrap=True)


def train(options: argparse.Namespace) -> None:
    """Train the model of a config; the same config gives the same model; resumable after Ctrl-C."""
    from workbench.organism import read_config, train_organism, write_files

    config = read_config(options.config)
    if options.seed is not None:
        config = replace(config, seed=options.seed)
    with progress_bar():
        trained = train_organism(config, options.out, threads=options.threads, progress=progress)
    assert trained is not None, "only training that was told to stop early ends without a model"
    write_files(config, options.out)
    console.print(
        f"{trained.n_parameters:,} parameters trained in {duration(trained.seconds)}: {options.out}\n"
        f"evaluate it:\n  workbench organism verify {options.out}",
        soft_wrap=True,
    )


def _load(options: argparse.Namespace) -> "tuple[LanguageModel, Shipped]":
    """The trained organism that the options name."""
    from workbench.models import load_model
    from workbench.organism import shipped

    use_threads(options.threads)
    organism = shipped(options.folder)
    return load_model(organism.folder), organism


def verify(options: argparse.Namespace) -> int:
    """Measure a trained model on fresh test items; exit code 1 when an expected property fails."""
    from workbench.analyses.organism.verify import properties, summary, verify

    start = time.perf_counter()
    with progress_bar():
        model, organism = _load(options)
        sizes = {"count": options.items, **chosen(options, "prompts", "seed")}
        verification = verify(model, organism.config, options.out, **sizes, progress=progress)
    console.print(f"{organism.folder}: {options.items} fresh test items of each language and task\n")
    console.print(_languages(verification))
    console.print(_ladders(verification))
    for metric in ("retrieval", "cka_debiased"):
        console.print(_curves(verification, metric))
    tested = properties(verification)
    console.print(_properties(tested))
    write_json(options.out / "verification.json", summary(verification, tested))
    failed = sum(test.passed is False for test in tested)
    console.print(f"verification.json, and tables and a heatmap of each language: {options.out}", style="dim")
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    if failed:
        console.print(f"{failed} of {len(tested)} properties fail.", style="bold")
    return 1 if failed else 0


def _languages(verification: "Verification") -> Table:
    rows = []
    for language in verification.config.languages:
        cells = [by_language.get(language.code) for by_language in verification.accuracy.values()]
        rows.append(
            (
                language.code,
                f"{language.order} {language.morphology}",
                f"{language.resource:.2f}",
                f"{verification.shared_tokens[language.code]:.2f}",
                *(estimated(cell, 2, sign=False, none="") for cell in cells),
            )
        )
    columns = ("accuracy, unpatched", "grammar", "resource", "shared tokens", *verification.accuracy)
    return table(columns, rows, words=2)


def _ladders(verification: "Verification") -> Table:
    rows: list[tuple[str, ...]] = []
    for language, study in verification.studies.items():
        rows.append((language, "unpatched", "", estimated(study.baseline, 2, sign=False), "", ""))
        for outcome in (study.headline, *study.others):
            choice = outcome.choice
            name = choice.aligner + ("*" if outcome.is_control else "")
            patch = "none" if choice.layer is None else f"{choice.layer} (α {choice.strength:g})"
            gains = (outcome.gain, study.headline_over.get(choice.aligner))
            cells = (estimated(gain, 2, none="") for gain in gains)
            rows.append(("", name, patch, estimated(outcome.accuracy, 2, sign=False), *cells))
        accuracy = estimated(study.known_target_accuracy, 2, sign=False)
        rows.append(("", f"{study.target}, unpatched", "", accuracy, estimated(study.known_gap, 2), ""))
    columns = ("patched at the last token", "aligner (* control)", "layer", "test [95 %]", "gain")
    return table((*columns, "ridge minus it"), rows, words=2)


def _curves(verification: "Verification", metric: str) -> Table:
    curves = {language: verification.curve(language, metric) for language in verification.studies}
    sites = list(next(iter(curves.values())).index)
    rows = [(language, *(f"{curve[site]:.2f}" for site in sites)) for language, curve in curves.items()]
    return table((f"{metric}, held out", *map(site_name, sites)), rows)


def _properties(tested: "list[Property]") -> Table:
    marks = {True: "holds", False: "FAILS", None: "·"}
    rows = [(test.name, marks[test.passed], test.found.replace("; ", "\n")) for test in tested]
    return table(("property", "", "measured"), rows, words=3)


def peaks(options: argparse.Namespace) -> None:
    """Test whether similarity peaks where patching helps."""
    from workbench.analyses.organism.experiments import peaks

    with progress_bar():
        model, organism = _load(options)
        sizes = chosen(options, "prompts", "items")
        result = peaks(model, organism.config, options.out, **sizes, progress=progress)
    _print_peaks(result)
    for name, rows in {"curves": result.curves, "gains": result.gains, "peaks": result.table}.items():
        write_table(rows, options.out / f"{name}.parquet")


def _print_peaks(result: "Peaks") -> None:
    from workbench.analyses.organism.experiments import MAPS, NEARLY

    others = [name for name in MAPS.aligners if name != "identity"]
    # Words, not names: a narrow terminal breaks a heading at its spaces.
    columns = ("measure", "peak", "helps there", "unmapped", *(name.replace("_", " ") for name in others))
    for pair, gains in result.gains.groupby("pair", sort=False):
        console.print(f"{pair}", style="bold")
        helping = ", ".join(str(layer) for layer in gains.layer[gains.helps]) or "none"
        console.print(f"gain on dev items by layer: {'  '.join(signed(gain, 2) for gain in gains.gain)}")
        console.print(f"at least {percent(NEARLY)} of the best: layers {helping}")
        rows = []
        for row in result.table[result.table.pair == pair].to_dict("records"):
            values = (f"{row[name]:.2f}" for name in ("identity", *others))
            rows.append((row["measure"], row["peak"], "yes" if row["helps"] else "no", *values))
        console.print(table(columns, rows))


def verdicts(options: argparse.Namespace) -> None:
    """Diagnose every pair and task, next to the ground truth."""
    from workbench.analyses.organism.verify import verdicts

    with progress_bar():
        model, organism = _load(options)
        sizes = {"test": options.items, **chosen(options, "dev", "prompts")}
        _, judged = verdicts(model, organism, options.out, **sizes, progress=progress)
    rows = [
        (
            row["pair"],
            row["task"],
            f"{row['read']:g}",
            f"{row['taught']:g}",
            "" if pd.isna(row["gap"]) else signed(row["gap"], 2) + ("" if row["gap_low"] > 0 else " (none)"),
            "none" if pd.isna(row["layer"]) else row["layer"],
            interval(row["gain"], row["gain_low"], row["gain_high"], 2),
            signed(row["best_control"], 2),
            row["verdict"],
        )
        for row in judged.to_dict("records")
    ]
    columns = ("pair", "task", "read", "taught", "gap", "layer", "gain", "control", "verdict")
    console.print(table(columns, rows, words=2))
    console.print(
        "read, taught: shares of the training text in the language, and of the task items in it. control: "
        "the largest gain of a control. Verdicts are Holm-corrected.",
        style="dim",
    )
    write_table(judged, options.out / "verdicts.parquet")


def incline(options: argparse.Namespace) -> None:
    """Compare INCLINE's paper with its released code."""
    from workbench.analyses.organism.experiments import incline
    from workbench.study import Study

    with progress_bar():
        model, organism = _load(options)
        main, source = organism.config.main.code, organism.config.language(options.source).code
        task = organism.task("exact").first(dev=options.dev, test=options.items)
        text = organism.text().select(range(options.prompts)).only([source, main])
        study = Study(model, text, task, source, main, options.out, progress=progress)
        report = incline(study)
    _print_incline(study.pair, report)
    dev = [reading.dev.assign(reading=name) for name, reading in report.readings.items()]
    write_table(pd.concat(dev, ignore_index=True), options.out / "incline.parquet")


def _print_incline(pair: str, report: "InclineReport") -> None:
    console.print(f"{pair}: h + α W h at the last prompt token, at every layer's output\n")
    readings = list(report.readings.values())
    rows = []
    for reading in readings:
        patches = "cascade" if reading.way.cascade else "clean run"
        gains = (signed(gain, 2) for gain in reading.dev.gain)
        rows.append((reading.name, patches, reading.way.fit_on, *gains))
    strengths = (f"{alpha:g}" for alpha in readings[0].dev.strength)
    console.print(table(("gain on dev by α", "patches", "fitted on", *strengths), rows, words=3))
    tests = map(_test_of, readings)
    console.print(table(("on test", "α", "gain", "on the target", "verdict"), tests))
    console.print(f"paper − released, each at its best α of dev: {estimated(report.difference)} (95 %)")


def _test_of(reading: "Reading") -> tuple[str, str, str, str, str]:
    choice = reading.choice
    if choice.layer is None:
        forced = f"(at the best α {estimated(reading.forced, 2)})"
        return (reading.name, "none", forced, "", reading.verdict.headline)
    gain, retention = estimated(reading.verdict.gain, 2), estimated(reading.retention, 2, none="")
    return (reading.name, f"{choice.strength:g}", gain, retention, reading.verdict.headline)


_FOLDER = {"folder FOLDER?": "a trained model (default: the bundled one)"}
_THREADS = {"--threads N": ("CPU threads", 1)}
_PROMPTS = {"--prompts N": ("sentences for fitting a map", 500)}
_STUDY = {
    **_FOLDER,
    "--prompts N": ("parallel sentences, most for fitting", 600),
    "--dev N": ("dev items for selection", 300),
    "--items N": ("test items", 1000),
    **_THREADS,
}


def _out(name: str) -> Options:
    return {"--out FOLDER": ("folder", Path("runs") / name)}


_ACTIONS: dict[Callable[[argparse.Namespace], int | None], Options] = {
    new: {"config CONFIG": {"type": Path, "help": "file to write, such as world.toml"}},
    train: {
        "config CONFIG": {"type": Path, "help": "a file that `new` wrote"},
        **_out("organism"),
        "--seed N": "seed in place of the config's own",
        "--threads N": ("CPU threads (default: 1; other values change rounding)", 1),
    },
    verify: {
        **_FOLDER,
        "--items N": ("test items per language and task", 2000),
        **_PROMPTS,
        "--seed N": ("seed of the test items", 1),
        **_out("verify"),
        **_THREADS,
    },
    peaks: {**_FOLDER, **_PROMPTS, "--items N": ("dev items to patch", 400), **_out("peaks"), **_THREADS},
    verdicts: {**_STUDY, **_out("verdicts")},
    incline: {**_STUDY, **_out("incline"), "--source LANG": ("language", "x-poor-far")},
}

COMMAND = Command(
    run,
    help="invented languages with known ground truth, and a model of them",
    example="""workbench organism verify
  workbench organism new world.toml
  workbench organism train world.toml --out runs/world""",
    actions={action.__name__: Command(action, options=options) for action, options in _ACTIONS.items()},
)
