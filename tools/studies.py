"""Run the studies on real pretrained models that docs/studies shows, and write its tables and figures.

    python tools/studies.py --models ~/models --data DIR [--only NAME]

`--models` holds the folders gemma3-270m and smollm2-135m-instruct (Hugging Face folders, made from 4-bit GGUF
files), `--data` the folders ntrex128 (or ntrex, as `workbench data` calls it), xcopa and sib200 as published.
Each study is a run in `--runs`. What was finished is not done again, so the command may be stopped and given
again. A study whose results are in docs/studies is left out, unless its run is there.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench import open_run
from workbench.core.numbers import interval, plain, signed
from workbench.core.store import write_json
from workbench.results import SPECIFICATION, Run, read_table, update_manifest, write_table

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ROOT / "docs" / "studies"
TABLES = ("selection", "exploration", "similarity", "fit", "predictors", "claims")
"""The tables that are kept with a study: small ones."""
FIGURES = ("layers", "alignment")
LEFT = {"diagnose": "report.html", "claims": "claims.parquet", "compare": "comparison.parquet"}
"""The last file that each command leaves."""
COMMAND = (str(Path(sys.executable).with_name("workbench")),)


@dataclass(frozen=True)
class Real:
    """One model on one task, in several languages."""

    name: str
    model: str
    title: str
    task: str
    pairs: tuple[str, ...]
    dev: int
    test: int
    rows: int = 1000
    note: str = ""

    def command(self, models: Path, data: Path, run: Path) -> list[str]:
        """What a user types."""
        text = next((data / name for name in ("ntrex128", "ntrex") if (data / name).exists()), data / "ntrex")
        return [
            *("diagnose", str(models / self.model), "--title", self.title),
            *("--text", str(text), "--rows", str(self.rows), "--pairs", ",".join(self.pairs)),
            *("--task", f"{self.task}:{data / self.task}", "--dev", str(self.dev), "--test", str(self.test)),
            *("--quick", "--anyway", "--out", str(run)),
        ]


STUDIES = (
    Real(
        "smollm2-sib200",
        "smollm2-135m-instruct",
        "SmolLM2 135M Instruct, Q4_1",
        "sib200",
        ("fr-en", "es-en", "de-en"),
        99,
        204,
    ),
    Real(
        "gemma3-sib200",
        "gemma3-270m",
        "Gemma 3 270M, Q4_K_M",
        "sib200",
        ("sw-en", "th-en", "tr-en", "hi-en", "vi-en"),
        99,
        204,
    ),
    Real(
        "gemma3-xcopa",
        "gemma3-270m",
        "Gemma 3 270M, Q4_K_M",
        "xcopa",
        ("vi-en", "zh-en", "id-en"),
        100,
        500,
    ),
    Real(
        "gemma3-xcopa-ta",
        "gemma3-270m",
        "Gemma 3 270M, Q4_K_M",
        "xcopa",
        ("ta-en",),
        100,
        500,
    ),
    Real(
        "smollm2-sib200-fr",
        "smollm2-135m-instruct",
        "SmolLM2 135M Instruct, Q4_1",
        "sib200",
        ("fr-en",),
        99,
        204,
        rows=500,
        note="For claims and methods; its test items are those of the first study, which it uses again.",
    ),
    Real(
        "gemma3-sib200-sw",
        "gemma3-270m",
        "Gemma 3 270M, Q4_K_M",
        "sib200",
        ("sw-en",),
        99,
        204,
        rows=500,
        note="For claims; its test items are those of the study of five languages, which it uses again.",
    ),
)
CLAIMS = ("smollm2-sib200-fr", "gemma3-sib200-sw")
"""Studies whose runs the published claims are tested on."""
COMPARED = ("smollm2-sib200-fr", "fr-en")
"""The run and pair on which methods are compared."""
METHODS = "target_language,prompt_translation,shots_own,incline_paper,mean_difference"
"""Those that take minutes on two cores; every further recipe takes as long as these together."""


def main() -> None:
    """Run what is not there yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=Path, default=Path("~/models").expanduser())
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--runs", type=Path, default=Path("runs/studies"))
    parser.add_argument("--only", choices=[study.name for study in STUDIES])
    parser.add_argument(
        "--page", action="store_true", help="write the page of what is there, and run nothing"
    )
    options = parser.parse_args()
    for study in STUDIES:
        if options.page or options.only not in (None, study.name):
            continue
        run, shown = options.runs / study.name, SHOWN / study.name
        if (shown / "study.json").exists() and not run.exists():
            print(f"{study.name}: results are in {shown.relative_to(ROOT)}; remove them to run it again")
            continue
        steps = [study.command(options.models, options.data, run)]
        steps += [["claims", str(run)]] if study.name in CLAIMS else []
        steps += (
            [["compare", str(run), "--pairs", COMPARED[1], "--methods", METHODS]]
            if study.name == COMPARED[0]
            else []
        )
        for step in steps:
            if not any(run.glob(f"**/{LEFT[step[0]]}")):
                workbench(step, run)
            keep(study, run, shown)
    (SHOWN / "README.md").write_text(page(), encoding="utf-8")


def workbench(arguments: Sequence[str], run: Path) -> None:
    """Run a command of the workbench, with its output in a log beside the run; its hours are added up."""
    run.parent.mkdir(parents=True, exist_ok=True)
    log = run.parent / f"{run.name}.log"
    print(f"workbench {' '.join(arguments)}  (log: {log})", flush=True)
    start = time.perf_counter()
    with log.open("a", encoding="utf-8") as file:
        call = [*COMMAND, *arguments]
        subprocess.run(call, check=True, stdout=file, stderr=subprocess.STDOUT)
    spent = run.parent / f"{run.name}.seconds.json"
    before = json.loads(spent.read_text()) if spent.exists() else {}
    before[arguments[0]] = round(before.get(arguments[0], 0) + time.perf_counter() - start)
    spent.write_text(json.dumps(before))


def keep(study: Real, run: Path, shown: Path) -> None:
    """Copy small tables, verdicts and figures of a run into the documentation."""
    keep_tables(open_run(run), shown)
    facts = {
        "title": study.title,
        "task": study.task,
        "machine": machine(),
        "seconds": json.loads((run.parent / f"{run.name}.seconds.json").read_text()),
    }
    timed = run / "claims" / "timings.json"  # not in the table, whose bytes are the same each time
    if timed.exists():
        claims = json.loads(timed.read_text(encoding="utf-8"))
        facts["timed"] = [
            {"claim": name, "verdict": found["verdict"], "sentence": found["sentence"]}
            for name, found in claims.items()
            if isinstance(found, dict) and "verdict" in found
        ]
    (shown / "study.json").write_text(
        json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    for kind in FIGURES:
        call = [*COMMAND, "figures", str(run), "--only", kind, "--preset", "acl-wide", "--titled"]
        place = run.parent / f"{run.name}.figures"
        more = ["--format", "png", "--dpi", "130", "--out", str(place)]
        subprocess.run([*call, *more], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(place / f"{kind}.png", shown)


def keep_tables(run: Run, shown: Path) -> None:
    """Small tables and verdicts, in a folder that `open_run` opens; sentences and items stay out."""
    for name in (*TABLES, "comparison"):
        for path in (run.folder / f"{name}.parquet", *sorted(run.folder.glob(f"*/*/{name}.parquet"))):
            if path.exists() and (name == "comparison" or path.parent == run.folder):
                table = read_table(path)
                if name == "claims":
                    named = f"runs/studies/{run.folder.name}"
                    table["sentence"] = table.sentence.str.replace(str(run.folder), named, regex=False)
                write_table(table, shown / f"{name}.parquet")
    about = run.specification
    kept = {name: about[name] for name in ("schema", "settings", "pairs", "studies", "cautions", "versions")}
    kept["model"] = {name: about["model"][name] for name in ("name", "weights_digest")}
    kept["text"] = {"rows": about["text"]["rows"]}
    write_json(shown / SPECIFICATION, kept)
    for part in run.parts:
        write_json(shown / part.name / "verdict.json", part.verdict)
        update_manifest(shown / part.name, {name: part.manifest[name] for name in ("n", "facts")}, {})


def machine() -> str:
    """The processor and the number of cores, in words."""
    kind = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            kind = line.partition(":")[2].strip()
    return f"{kind}, {os.cpu_count()} cores"


# The page, from what is kept in docs/studies.


def page() -> str:
    """docs/studies/README.md."""
    kept = [study for study in STUDIES if (SHOWN / study.name / "study.json").exists()]
    hours = sum(sum(facts(study)["seconds"].values()) for study in kept) / 3600
    machines = "; ".join(dict.fromkeys(facts(study)["machine"] for study in kept))
    return (
        "\n".join([*_INTRODUCTION.format(hours=hours, machines=machines).splitlines(), *chapters(kept)])
        + "\n"
    )


def facts(study: Real) -> dict[str, Any]:
    """What is kept of a study beside its tables."""
    return json.loads((SHOWN / study.name / "study.json").read_text(encoding="utf-8"))


def chapters(kept: Sequence[Real]) -> Iterator[str]:
    """One for each study."""
    for study in kept:
        run, words = open_run(SHOWN / study.name), " ".join(("workbench", *typed(study)))
        alone = f", {study.pairs[0]}" if len(study.pairs) == 1 else ""
        yield f"\n## {study.title}, {study.task}{alone}\n"
        yield from [f"{study.note}\n"] if study.note else []
        yield f"{run.specification['text']['rows']:,} sentence pairs of NTREX; `{words}`\n"
        yield from verdict_rows(run)
        for kind in FIGURES:
            if (SHOWN / study.name / f"{kind}.png").exists():
                yield f"\n![{kind}]({study.name}/{kind}.png)"
        yield from predictor_rows(study)
        yield from claim_rows(study)
        yield from comparison_rows(study)


def typed(study: Real) -> list[str]:
    """The command, with folders by name."""
    words = study.command(Path("MODELS"), Path("DATA"), Path("runs") / study.name)
    return [f'"{word}"' if " " in word else word for word in words]


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)


def verdict_rows(run: Run) -> Iterator[str]:
    """Accuracies, gap, choice and verdict of each pair."""
    selection = run.tables["selection"]
    rows = []
    for part in run.parts:
        verdict, known = part.verdict, part.manifest["facts"]
        near = [
            side is not None and side["low"] <= known["chance"]
            for side in (verdict["baseline"], verdict["target_accuracy"])
        ]
        own = selection[selection.pair == part.pair].to_dict("records")
        best = next(row for row in own if row["headline"])
        controls = [gained(row) for row in own if row["control"]]
        rows.append(
            (
                part.pair,
                *(ranged(verdict[name]) for name in ("baseline", "target_accuracy")),
                ranged(verdict["gap"], sign=True) + (" (both near chance)" if all(near) else ""),
                chosen(best),
                "nothing to test"
                if pd.isna(best["layer"])
                else interval(best["gain"], best["gain_low"], best["gain_high"], 2),
                ", ".join(controls),
                signed(best["retention"], 2, none=""),
                "undecided (no patch chosen)"
                if pd.isna(best["layer"])
                else f"{best.get('holm_verdict', best['verdict'])} (p = {best.get('holm_p', best['p']):.3f})",
            )
        )
    n, known = (run.parts[0].manifest[name] for name in ("n", "facts"))
    yield (
        f"{n['dev']} dev and {n['test']} test items; chance is {known['chance']:.3f}. All numbers are on "
        f"test{', verdicts Holm-corrected over the pairs' * (len(rows) > 1)}. *Shuffled pairs*: gain of a "
        "ridge map of wrong pairs, whichever aligner dev chose. *In target*: change there, same patch.\n"
    )
    heads = ("pair", "source", "target", "gap", "chosen on dev", "gain [95 %]", "shuffled pairs", "in target")
    yield from table((*heads, "verdict"), rows)


def chosen(row: Mapping[Any, Any]) -> str:
    """The patch that dev chose."""
    if pd.isna(row["layer"]):
        return "no patch"
    aligner, kind = (str(row[name]).replace("_", " ") for name in ("aligner", "intervention"))
    return f"layer {row['layer']}, {aligner}, {kind}, α = {row['strength']:g}"


def gained(row: Mapping[Any, Any]) -> str:
    """The gain of another aligner's own choice."""
    return "no patch" if pd.isna(row["layer"]) else signed(row["gain"], 2)


def ranged(value: dict[str, float] | None, sign: bool = False) -> str:
    """An estimate with its interval."""
    return "" if value is None else interval(value["estimate"], value["low"], value["high"], 2, sign=sign)


PEAKS = ("cka_debiased", "retrieval_centered", "csls", "mexa")
"""Measures whose peaks are shown."""


def predictor_rows(study: Real) -> Iterator[str]:
    """Where measures peak, beside the layer that was chosen, and whether their curves follow the gains."""
    similarity, selection, predictors = (
        read_table(SHOWN / study.name / f"{name}.parquet")
        for name in ("similarity", "selection", "predictors")
    )
    rows = []
    for pair, own in similarity.dropna(subset=["layer"]).groupby("pair", sort=False):
        peaks = [own[own.measure == name].set_index("layer").value.idxmax() for name in PEAKS]
        headline = selection[(selection.pair == pair) & selection.headline.astype(bool)].iloc[0]
        rows.append((pair, *peaks, "none" if pd.isna(headline.layer) else int(headline.layer)))
    yield "\nLayer at which each measure is highest (the embedding left out), and the layer that dev chose:\n"
    yield from table(("pair", *PEAKS, "chosen"), rows)
    rows = [
        (row["measure"], signed(row["rho"], 2), plain(row["p"], 3))
        for row in predictors[predictors.measure.isin(PEAKS) & (predictors.scope == "layers")].to_dict(
            "records"
        )
        if not pd.isna(row["rho"])
    ]
    if rows:
        yield "\nRank correlation over layers of a measure with the gain on dev, mean over pairs:\n"
        yield from table(("measure", "ρ", "p"), rows)


def claim_rows(study: Real) -> Iterator[str]:
    """Which published claims hold on this model."""
    path = SHOWN / study.name / "claims.parquet"
    if path.exists():
        claims = [*read_table(path).to_dict("records"), *facts(study).get("timed", ())]
        rows = [(row["claim"], row["verdict"], row["sentence"]) for row in claims]
        yield "\nPublished claims (see [claims](../claims.md)):\n"
        yield from table(("claim", "result", "evidence"), rows)


def comparison_rows(study: Real) -> Iterator[str]:
    """All methods on one pair."""
    path = SHOWN / study.name / "comparison.parquet"
    if path.exists():
        rows = [
            (row["method"], row["chosen"], interval(row["gain"], row["gain_low"], row["gain_high"], 2))
            for row in read_table(path).to_dict("records")
            if not pd.isna(row["gain"])
        ]
        yield f"\nMethods on {COMPARED[1]} (see [compare](../compare.md)):\n"
        yield from table(("method", "chosen on dev", "gain on test [95 %]"), rows)


_INTRODUCTION = """# Studies on real models

Small pretrained models on published benchmarks. `make studies MODELS=DIR DATA=DIR` runs those whose
results are not in docs/studies: remove a folder there to run its study again. It may be stopped and goes
on where it was. MODELS holds `gemma3-270m` and `smollm2-135m-instruct`, Hugging Face folders made from
4-bit GGUF files (Q4_K_M and Q4_1) that are not part of the project: with other weights of these models
the numbers are others. DATA holds `ntrex`, `xcopa` and `sib200` (`workbench data`; other languages of
SIB-200 from its repository, and for English the files `copa-dev.xml` and `copa-test.xml` of COPA beside
those of XCOPA). Time so far: {hours:.1f} hours, on: {machines}.

Read these with care:

- The models are small, and their weights are 4-bit quantisations (named in the title) read as float32.
  Nothing here can be compared with published results of the full models.
- Layer, aligner, patch type and strength are chosen on dev; each choice is scored once on test. On dev,
  configurations race (see [verdict](../verdict.md)) where the whole grid takes longer than 20 minutes.
- Dev chooses by the mean margin of log-probabilities, so a chosen layer may have lost accuracy on dev.
- p in the table of measures is of circular shifts: the share of shifted curves that follow the gains as well.
- *Undecided* is not "no effect": the test is too small to tell. Whatever came out is shown."""


if __name__ == "__main__":
    main()
