"""`workbench organism`: create, train and examine a model of invented languages."""

import argparse
import time
from dataclasses import asdict, replace

import pandas as pd
import torch
from rich.table import Table

from workbench.analyses.organism.experiments import MAPS, NEARLY, InclineReport, Peaks, incline, peaks
from workbench.analyses.organism.verify import Verification, properties, summary, verdicts, verify
from workbench.cli.inputs import writing
from workbench.cli.options import Outcome, chosen
from workbench.cli.terminal import console, duration, progress, progress_bar, site_name, table
from workbench.core.errors import InputError
from workbench.core.numbers import estimated, interval_of, percent, signed
from workbench.core.store import write_json
from workbench.models import LanguageModel, load_model
from workbench.organism import (
    Shipped,
    WorldConfig,
    read_config,
    shipped,
    train_organism,
    write_config,
    write_files,
)
from workbench.results import write_table, write_tables
from workbench.study import Study


def run_new(options: argparse.Namespace) -> None:
    """Run `workbench organism new`."""
    if options.config.exists():
        raise InputError(f"{options.config} already exists: choose another name")
    write_config(WorldConfig(), options.config)
    # What is to be copied must not be broken over lines.
    then = f"workbench organism train {options.config}"
    console.print(f"{options.config}: edit its settings, then\n  {then}", soft_wrap=True)


def run_train(options: argparse.Namespace) -> Outcome:
    """Run `workbench organism train`."""
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
    return Outcome({"folder": options.out, "parameters": trained.n_parameters, "seconds": trained.seconds})


def _load(options: argparse.Namespace) -> tuple[LanguageModel, Shipped]:
    torch.set_num_threads(options.threads)
    organism = shipped(options.folder)
    return load_model(organism.folder), organism


@writing
def run_verify(options: argparse.Namespace) -> Outcome:
    """Run `workbench organism verify`."""
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
    marks = {True: "holds", False: "FAILS", None: "·"}
    lines = [(test.name, marks[test.passed], test.found.replace("; ", "\n")) for test in tested]
    console.print(table(("property", "", "measured"), lines, words=3))
    facts = summary(verification, tested)
    write_json(options.out / "verification.json", facts)
    failed = sum(test.passed is False for test in tested)
    console.print(f"verification.json, and tables and a heatmap of each language: {options.out}", style="dim")
    console.print(f"{duration(time.perf_counter() - start)} in all", style="dim")
    if failed:
        console.print(f"{failed} of {len(tested)} properties fail.", style="bold")
    return Outcome(facts, code=1 if failed else 0)


def _languages(verification: Verification) -> Table:
    rows = []
    for language in verification.config.languages:
        numbers = (language.resource, verification.shared_tokens[language.code])
        accuracies = (by_language.get(language.code) for by_language in verification.accuracy.values())
        cells = (estimated(accuracy, 2, sign=False, none="") for accuracy in accuracies)
        grammar = f"{language.order} {language.morphology}"
        rows.append((language.code, grammar, *(f"{number:.2f}" for number in numbers), *cells))
    columns = ("accuracy, unpatched", "grammar", "resource", "shared tokens", *verification.accuracy)
    return table(columns, rows, words=2)


def _ladders(verification: Verification) -> Table:
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


def _curves(verification: Verification, metric: str) -> Table:
    curves = {language: verification.curve(language, metric) for language in verification.studies}
    sites = list(next(iter(curves.values())).index)
    rows = [(language, *(f"{curve[site]:.2f}" for site in sites)) for language, curve in curves.items()]
    return table((f"{metric}, held out", *map(site_name, sites)), rows)


@writing
def run_peaks(options: argparse.Namespace) -> Outcome:
    """Run `workbench organism peaks`."""
    with progress_bar():
        model, organism = _load(options)
        sizes = chosen(options, "prompts", "items")
        result = peaks(model, organism.config, options.out, **sizes, progress=progress)
    _print_peaks(result)
    tables = {"curves": result.curves, "gains": result.gains, "peaks": result.table}
    write_tables(tables, options.out)
    return Outcome({"folder": options.out, "tables": tables})


def _print_peaks(result: Peaks) -> None:
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


@writing
def run_verdicts(options: argparse.Namespace) -> Outcome:
    """Run `workbench organism verdicts`."""
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
            interval_of(row, "gain", 2),
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
    return Outcome({"folder": options.out, "verdicts": judged})


@writing
def run_incline(options: argparse.Namespace) -> Outcome:
    """Run `workbench organism incline`."""
    with progress_bar():
        model, organism = _load(options)
        main, source = organism.config.main.code, organism.config.language(options.source).code
        task = organism.task("exact").first(dev=options.dev, test=options.items)
        text = organism.text().select(range(options.prompts)).only([source, main])
        study = Study(model, text, task, source, main, options.out, progress=progress)
        report = incline(study)
    _print_incline(study.pair, report)
    dev = pd.concat(
        [reading.dev.assign(reading=name) for name, reading in report.readings.items()], ignore_index=True
    )
    write_table(dev, options.out / "incline.parquet")
    return Outcome({"folder": options.out, "incline": dev, "difference": asdict(report.difference)})


def _print_incline(pair: str, report: InclineReport) -> None:
    console.print(f"{pair}: h + α W h at the last prompt token, at every layer's output\n")
    readings = list(report.readings.values())
    rows = [
        (
            reading.name,
            "cascade" if reading.way.cascade else "clean run",
            reading.way.fit_on,
            *(signed(gain, 2) for gain in reading.dev.gain),
        )
        for reading in readings
    ]
    strengths = (f"{alpha:g}" for alpha in readings[0].dev.strength)
    console.print(table(("gain on dev by α", "patches", "fitted on", *strengths), rows, words=3))
    tests = []
    for reading in readings:
        cells = ("none", f"(at the best α {estimated(reading.forced, 2)})", "")
        if reading.choice.layer is not None:
            retention = estimated(reading.retention, 2, none="")
            cells = (f"{reading.choice.strength:g}", estimated(reading.verdict.gain, 2), retention)
        tests.append((reading.name, *cells, reading.verdict.headline))
    console.print(table(("on test", "α", "gain", "on the target", "verdict"), tests))
    console.print(f"paper − released, each at its best α of dev: {estimated(report.difference)} (95 %)")
