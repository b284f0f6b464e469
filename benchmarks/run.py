"""All that is measured beside other libraries, in one run: `make bench`.

    python benchmarks/run.py                             a random model; a quarter of an hour at most
    python benchmarks/run.py --models DIR --data DIR     a real one, with real items
    python benchmarks/run.py --quick --out DIR           small sizes, for a try

Writes results.md and results.json beside this script (or into `--out`), and scaling.png and scaling.svg:
seconds against configurations, layers and sentences. Ratios are compared with the committed ones of the same
work at the same size, and those that are more than 10 % worse are named; with `--strict` the exit code is
then 1. Where there is a GPU, gpu.py runs as well and writes results of its own.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from harness import OURS, Row, in_turns, show, versions
from material import Material, Shape, arguments, make_model, parsed
from peers import HOOK, HOOKS, capture_ways, measured, sweep_ways
from rich.console import Console
from threadpoolctl import threadpool_info

from workbench.figures import Axis, Plot, Series, Spec, draw_paper, save_paper

HERE = Path(__file__).parent
WORSE = 0.9
"""Ratios of the peers to the workbench below this share of the committed ones are reported."""
TITLES = {
    "capture": "Last-token states of all layers",
    "sweep": "Patching every third layer and scoring all choices",
    "ridge": "Ridge with a choice of 20 penalties, seconds of a layer",
    "compare": "Comparing states",
}
CONFIGURATIONS, DEPTHS, COUNTS = (1, 4, 16, 64), (6, 12, 24, 36), (64, 128, 256, 512)
GROWING = Shape(12, 256, 688, 4, 4, 1024)
GROWTH_ITEMS = 8
FASTEST = "transformers, hooks"
"""How the figure calls the loops in plain transformers."""

Growth = dict[str, dict[str, list[float]]]
"""Seconds by panel and contender; under `x` the sizes."""


def main() -> int:
    """Measure, write, compare with what is committed."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--strict", action="store_true", help="exit code 1 where a ratio is worse")
    parser.add_argument("--no-scaling", action="store_true", help="leave the scaling figures out")
    options = parsed(parser)
    console = Console(width=140)

    def say(line: str) -> None:
        console.print(line, style="dim")

    rows = measured(options, say)
    growth = {} if options.no_scaling or options.only else grown(options.quick, options.rounds, say)
    count, worse = compared(rows, committed())
    alike = f"{count} ratios compared, none more than 10 % worse." if count else "None is known."
    verdict = worse or [alike]
    found = {"machine": machine(options), "versions": versions()}
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found | {"rows": [asdict(row) for row in rows], "growth": growth}, indent=1)
    (options.out / "results.json").write_text(text + "\n", encoding="utf-8")
    (options.out / "results.md").write_text(page(rows, found, verdict, bool(growth)), encoding="utf-8")
    if growth:
        figure = draw_paper(drawn(growth), "acl-wide")[0]
        for kind in ("png", "svg"):
            (options.out / f"scaling.{kind}").write_bytes(save_paper(figure, kind))
    show(rows, console)
    for line in verdict:
        console.print(line, markup=False)
    gpu = [sys.executable, str(HERE / "gpu.py"), "--out", str(options.out)]
    status = 0 if options.only else subprocess.run(gpu).returncode
    return 1 if status or (worse and options.strict) else 0


def machine(options: Any) -> dict[str, Any]:
    """What it was measured on."""
    cpu = next((n.split(":")[1].strip() for n in _lines("/proc/cpuinfo") if n.startswith("model name")), "")
    memory = next((int(n.split()[1]) for n in _lines("/proc/meminfo") if n.startswith("MemTotal")), 0)
    kernels = {one["architecture"] for one in threadpool_info() if one["internal_api"] == "openblas"}
    return {
        "cpu": cpu or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": options.threads,
        "memory_gb": round(memory / 1e6),
        "python": platform.python_version(),
        "openblas": ", ".join(sorted(kernels)),
        "rounds": options.rounds,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []


# Against the committed ratios ---------------------------------------------------------------------


def committed() -> dict[str, Any]:
    """The results of the last commit; those that lie there where git does not know."""
    known = subprocess.run(
        ["git", "show", "HEAD:./results.json"], cwd=HERE, capture_output=True, text=True, check=False
    )
    file = HERE / "results.json"
    text = known.stdout if known.returncode == 0 else file.read_text("utf-8") if file.exists() else "{}"
    return json.loads(text)


def compared(rows: list[Row], before: dict[str, Any]) -> tuple[int, list[str]]:
    """How many ratios were known, for the same work and size, and a line for each that is 10 % worse."""
    known = {(row["work"], row["size"], row["name"]): row["ratio"] for row in before.get("rows", [])}
    count, lines = 0, []
    for row in rows:
        ratio = known.get((row.work, row.size, row.name))
        if row.name == OURS or ratio is None:
            continue
        count += 1
        if row.ratio is None:
            lines.append(f"missing: {row.work}, {row.size}, {row.name}: was {ratio:.2f}; {row.note}")
        elif row.ratio < WORSE * ratio:
            lines.append(f"worse: {row.work}, {row.size}, {row.name}: {ratio:.2f} → {row.ratio:.2f}")
    return count, lines


# How it grows -------------------------------------------------------------------------------------


def grown(quick: bool, rounds: int, say: Callable[[str], None]) -> Growth:
    """Seconds of the workbench and of the best loop in plain transformers, as the work grows."""
    found: Growth = {}
    cut = 2 if quick else None

    def add(panel: str, x: int, ways: dict[str, Any]) -> None:
        named = {OURS if name == OURS else FASTEST: way for name, way in ways.items()}
        for way in named.values():
            way()
        times = in_turns(named, rounds, lambda line: say(f"{panel}, {x}, {line}"))
        into = found.setdefault(panel, {"x": []} | {name: [] for name in named})
        into["x"].append(x)
        for name, seconds in times.items():
            into[name].append(statistics.median(seconds))

    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for depth in DEPTHS[:cut]:
            path = make_model(Path(folder) / str(depth), GROWING._replace(layers=depth))
            given = Material.random(path, COUNTS[-1], GROWTH_ITEMS)
            items = next(iter(given.items.values()))
            add("layers", depth, sweep_ways(given, items, range(depth), (HOOK,)))
            if depth == GROWING.layers:
                for count in CONFIGURATIONS[:cut]:
                    layers = [i * depth // count if count < depth else i % depth for i in range(count)]
                    add("configurations", count, sweep_ways(given, items, layers, (HOOK,)))
                sentences = given.sentences
                for count in COUNTS[:cut]:
                    given.sentences = sentences[:count]
                    add("sentences", count, capture_ways(given, (HOOKS,)))
    return found


def drawn(growth: Growth) -> Spec:
    """The figure: a panel for each way in which the work grows."""
    panels = []
    titles = {"configurations": "Sweep", "layers": "Sweep of all layers", "sentences": "Capture"}
    for name, title in titles.items():
        x = tuple(growth[name]["x"])
        series = tuple(
            Series(who, x, tuple(growth[name][who]), slot=slot) for slot, who in enumerate((OURS, FASTEST))
        )
        most = 1.05 * max(value for one in series for value in one.y if value is not None)
        panels.append(Plot(title, Axis(name), Axis("seconds", range=(0.0, most)), series, lines=()))
    return Spec(
        "scaling",
        "Seconds as the work grows",
        f"Random model of {GROWING.layers} layers × {GROWING.width}; {GROWTH_ITEMS} items in sweeps",
        tuple(panels),
        together=3,
    )


# The page -----------------------------------------------------------------------------------------


def page(rows: list[Row], found: dict[str, Any], verdict: list[str], scaling: bool) -> str:
    """results.md."""
    facts = found["machine"]
    where = f"{facts['cpu']}, cores: {facts['cores']}, threads: {facts['threads']}, {facts['memory_gb']} GB"
    lines = [
        "# Results of `make bench`",
        "",
        f"{where}; Python {facts['python']}; OpenBLAS kernel {facts['openblas'] or 'unknown'}.",
        "",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in found["versions"].items()) + ".",
        "",
        f"Medians of {facts['rounds']} rounds in turns (for ridge: of layers). *Ratio*: how many times as "
        "long as the workbench it took; below 1, the other is faster. *Difference* of results: relative, for "
        "states; of log-likelihoods, for sweeps; of held-out R², for ridge; of values, for comparisons. What "
        "each contender does is in the docstrings of `peers.py`, `fit.py` and `similarity.py`.",
    ]
    for work, size in dict.fromkeys((row.work, row.size) for row in rows):
        lines += ["", f"## {TITLES[work]}: {size}", ""]
        lines += ["| | seconds | ratio | difference |", "|---|---|---|---|"]
        for row in rows:
            if (row.work, row.size) == (work, size):
                ratio = row.note if row.ratio is None else f"{row.ratio:.2f}"
                numbers = (_number(row.seconds, ".3g"), ratio, _number(row.difference, ".0e"))
                lines.append(f"| {' | '.join((row.name, *numbers))} |")
    lines += ["", "## Against the committed ratios", ""]
    lines += [f"- {line}" for line in verdict]
    if scaling:
        lines += [
            "",
            "## Scaling",
            "",
            "![Seconds against configurations, layers and sentences](scaling.svg)",
        ]
    return "\n".join(lines) + "\n"


def _number(value: float | None, kind: str) -> str:
    return "" if value is None else format(value, kind)


if __name__ == "__main__":
    sys.exit(main())
