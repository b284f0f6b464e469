"""Compare what the workbench computes now with what it computed before: every table, option and figure.

python tools/golden.py                 run the cases (minutes) and compare; exit code 1 on a difference
python tools/golden.py --work DIR      keep the runs in DIR, and use those that are there already
python tools/golden.py --write         write the present results as the new reference

The reference is in tests/golden/*.json.gz. What may differ stands in tests/golden/allowed.json, each with its
reason: renamed columns, new or removed columns, and numbers that a changed rule moves.
"""

import argparse
import ast
import contextlib
import dataclasses
import gzip
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
PACKAGE = Path(__file__).parent.parent / "workbench"
sys.path.insert(0, str(PACKAGE.parent))  # the package beside this file, not another that is installed
RELATIVE, ABSOLUTE, DRAWN = 1e-4, 1e-6, 1e-4
"""Numbers may differ by so much, and those drawn in figures: another processor adds in another order."""
MOST_ROWS = 400
"""A longer table is compared by the means of its rows over items, sentences and draws."""
ITEMS = {"example", "sentence", "draw", "group", "prompt", "generated", "prediction", "text"}
"""Columns that tell rows apart which are averaged in a long table."""
TIMES = {"seconds", "took"}
GONE = {"up"}
"""Fields of figures that nothing read, and that are no more."""

Table = dict[str, Any]

STUDY = ["--aligners", "ridge,mean_shift,shuffled_pairs,random_equal_norm", "--strengths", "0.5,1"]
STUDY += ["--interventions", "replace,add_mapped", "--positions", "last", "--choices-by", "plain"]
STUDY += ["--delta", "0.02", "--refits", "5", "--batch-size", "64", "--seed", "0", "--held-out", "0.2"]
STUDY += ["--dev", "60", "--test", "100", "--threads", "1"]
ONE = ["--pairs", "x-poor-far-x-main"]
FITTED = "ridge,least_squares,procrustes,mean_shift,identity,shuffled_pairs"
COMPARED = "shots_own,prompt_search,translate_self,mean_difference,incline_paper,procrustes_greedy"

CASES: dict[str, list[str]] = {
    "demo": ["demo", "--threads", "1", "--source", "x-poor-far"],
    "diagnose": ["diagnose", "organism", "--pair", "x-poor-far-x-main,x-rich-far-x-main", *STUDY],
    "fit": [
        "fit",
        "organism",
        "--pairs",
        "x-poor-far-x-main",
        "--aligners",
        FITTED,
        "--curve",
        "--sizes",
        "50,100",
    ],
    "measure": [
        "measure",
        "organism",
        "--pairs",
        "x-poor-far-x-main",
        "--null",
        "20",
        "--grid",
        "--feed-forward",
    ],
    "compare": ["compare", "RUNS/diagnose", *ONE, "--methods", COMPARED],
    "generate": [
        "generate",
        "RUNS/diagnose",
        "--pairs",
        "x-poor-far-x-main",
        "--tokens",
        "8",
        "--prompts",
        "8",
    ],
    "claims": ["claims", "RUNS/diagnose"],
}
"""Each case as a command line; RUNS is the folder of all cases. Every setting that matters is named."""


def main() -> int:
    """Run, then compare or write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, help="folder of the runs (default: one that is removed)")
    parser.add_argument("--write", action="store_true", help="write the reference anew")
    parser.add_argument("--only", nargs="*", help="names of cases")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = results(work.resolve(), options.only or list(CASES))
    if options.write:
        for name, value in found.items():
            write(GOLDEN / f"{name}.json.gz", value)
        return 0
    allowed = json.loads((GOLDEN / "allowed.json").read_text(encoding="utf-8"))
    wrong = [line for name, value in found.items() for line in compare(name, read(name), value, allowed)]
    print("\n".join(wrong) if wrong else f"{len(found)} results are as before, but for what is allowed")
    return 1 if wrong else 0


def results(work: Path, cases: Sequence[str]) -> dict[str, Any]:
    """All results by name: the tables of each case, options, public names, descriptions of figures."""
    found: dict[str, Any] = {}
    for name in cases:
        run(work, name)
        found[name] = {"tables": dict(tables(work / name)), "figures": figures(work / name)}
    found |= {"options": option_list(), "names": public_names()}
    return dict(json.loads(json.dumps(found).replace(str(work), "RUNS")))  # a note may name a folder


def run(work: Path, name: str) -> None:
    """Run a case, unless the folder says that it was run."""
    from workbench.cli import main as workbench

    folder = work / name
    done = folder / "golden.done"
    if done.exists():
        return
    command = [part.replace("RUNS", str(work)) for part in CASES[name]]
    print(f"workbench {' '.join(command)}", file=sys.stderr)
    with contextlib.redirect_stdout(io.StringIO()):
        code = workbench([*command, "--out", str(folder)])
    if code:
        raise SystemExit(f"{name}: exit code {code}")
    done.touch()


def tables(folder: Path) -> Iterator[tuple[str, Table]]:
    """The tables that lie in a run's folder itself; those of its studies are the same rows."""
    for path in sorted(folder.glob("*.parquet")):
        yield path.stem, compact(pd.read_parquet(path))


def compact(table: pd.DataFrame) -> Table:
    """Columns of plain values; a long table as means over its items."""
    table = table.drop(columns=[name for name in table if str(name) in TIMES])
    kinds = {name: _kind(table[name]) for name in table}
    if len(table) > MOST_ROWS:
        numbers = [
            name for name, kind in kinds.items() if kind == "number" and name not in ITEMS | {"layer", "seed"}
        ]
        keys = [name for name in table if name not in numbers and name not in ITEMS and kinds[name] != "list"]
        values = table[numbers].astype("Float64")
        groups = values.groupby([table[key].astype("string").fillna("") for key in keys], sort=False)
        table = groups.mean().reset_index().assign(rows=groups.size().to_numpy())
    return {str(name): [_plain(value) for value in table[name]] for name in table}


def _kind(column: pd.Series) -> str:
    if column.map(lambda value: hasattr(value, "__len__") and not isinstance(value, str)).any():
        return "list"
    number = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    return "number" if number else "text"


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | str):
        return value
    return float(f"{float(value):.7g}")


def figures(folder: Path) -> dict[str, Any]:
    """Each figure's description: titles, names and numbers, without the notes on single cells."""
    from workbench.core.errors import InputError
    from workbench.figures import FIGURES, NothingToShow, join_runs, make_spec
    from workbench.results import open_run

    try:
        frames = join_runs(open_run(folder)).frames
    except InputError:  # a folder of a comparison or of generated texts alone
        return {}
    found = {}
    for kind in FIGURES:
        with contextlib.suppress(NothingToShow):
            found[kind] = _described(make_spec(kind, frames))
    return found


def _described(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: _described(part) for name, part in parts.items() if name != "notes"}
    if isinstance(value, list | tuple):
        return [_described(one) for one in value]
    return _plain(value)


def option_list() -> dict[str, list[str]]:
    """The options of every command, with their defaults."""
    from workbench.cli import build_parser

    return dict(_options_of(build_parser(), "workbench"))


def _options_of(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, list[str]]]:
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub, own in action.choices.items():
                yield from _options_of(own, f"{name} {sub}")
        elif action.dest != "help":
            found.append("/".join(action.option_strings) or action.dest)
    yield name, sorted(found)


def public_names() -> list[str]:
    """Names defined at the top of any file, wherever it lies."""
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return sorted(name for name in names if not name.startswith("_"))


# Comparing ----------------------------------------------------------------------------------------


def compare(name: str, before: Any, after: Any, allowed: Mapping[str, Any]) -> Iterator[str]:
    """One line for each difference that is not allowed."""
    if name == "names":
        gone = set(before) - set(after) - set(allowed["names"])
        yield from (f"names: {one} is gone" for one in sorted(gone))
    elif name == "options":
        yield from _compare_options(before, after, allowed["options"])
    else:
        for table, columns in before["tables"].items():
            where = f"{name}/{table}"
            if table not in after["tables"]:
                if where not in allowed["tables"]:
                    yield f"{where} is gone"
                continue
            of_rows = [one for one in allowed["rows"] if one["case"] == name and one["table"] == table]
            if any("column" not in rule for rule in of_rows):
                continue
            rules = [
                rule
                for rule in allowed["columns"]
                if rule["table"] in (table, "*") and rule.get("case", name) == name
            ]
            columns = _renamed(columns, allowed["values"])
            yield from _compare_table(where, columns, after["tables"][table], rules, of_rows)
        yield from _compare_figures(name, before["figures"], after["figures"], allowed)


def _compare_options(before: Any, after: Any, allowed: Mapping[str, str]) -> Iterator[str]:
    for command, options in before.items():
        for option in options:
            if option not in after.get(command, ()) and f"{command} {option}" not in allowed:
                yield f"options: {command} has no {option}"


def _renamed(table: Table, values: Mapping[str, str]) -> Table:
    """A table with the names in its cells as they are today."""
    return {
        key: [values.get(value, value) if isinstance(value, str) else value for value in column]
        for key, column in table.items()
    }


def _compare_table(
    where: str,
    before: Table,
    after: Table,
    rules: Sequence[Mapping[str, Any]],
    of_rows: Sequence[Mapping[str, Any]] = (),
) -> Iterator[str]:
    """`rules` are of columns; `of_rows` name rows that may differ by the value of one of their columns."""
    renamed = {rule["from"]: rule["to"] for rule in rules if "from" in rule and rule["from"] in before}
    free = {rule["column"] for rule in rules if "column" in rule}
    known = {renamed.get(name, name): values for name, values in before.items()}
    for name in sorted(set(known) ^ set(after)):
        if name not in free:
            yield f"{where}: column {name} is {'gone' if name in known else 'new'}"
    lengths = {len(next(iter(table.values()), [])) for table in (known, after)}
    if len(lengths) > 1:
        yield f"{where}: {sorted(lengths)} rows"
        return
    other = {i for one in of_rows for i, v in enumerate(after[one["column"]]) if v == one["value"]}
    for name in known:
        if name in after and name not in free:
            pairs = enumerate(zip(known[name], after[name], strict=True))
            rows = [i for i, (a, b) in pairs if i not in other and not same(a, b)]
            if rows:
                a, b = known[name][rows[0]], after[name][rows[0]]
                said = f"{where}: {name} differs in {len(rows)} rows, first in row {rows[0]}"
                yield f"{said}: {a!r}, now {b!r}"


def _compare_figures(name: str, before: Any, after: Any, allowed: Mapping[str, Any]) -> Iterator[str]:
    reworded = allowed["figures"]  # their words may differ, their numbers not
    for kind, spec in before.items():
        now = allowed["kinds"].get(kind, kind)
        if now not in after:
            yield f"{name}: figure {kind} is gone"
            continue
        worded = f"{name}/{kind}" in reworded or kind in reworded
        for place, a, b in _differences(spec, after[now], kind):
            if not (worded and isinstance(a, str) and isinstance(b, str)):
                yield f"{name}: figure {place} was {str(a)[:90]!r}, now {str(b)[:90]!r}"
                break


def _differences(a: Any, b: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a.keys() - GONE:
            yield from _differences(a[key], b.get(key), f"{place}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from _differences(x, y, f"{place}[{i}]")
    elif not same(a, b, DRAWN):
        yield place, a, b


def same(a: Any, b: Any, absolute: float = ABSOLUTE) -> bool:
    """Whether two values are equal but for rounding; a minus sign is a minus sign."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, absolute) for x, y in zip(a, b, strict=True))
    if isinstance(a, str) and isinstance(b, str):
        return a.replace("−", "-") == b.replace("−", "-")
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return a == b
    return math.isclose(float(a), float(b), rel_tol=RELATIVE, abs_tol=absolute)


def read(name: str) -> Any:
    """The reference of this name."""
    with gzip.open(GOLDEN / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def write(path: Path, value: Any) -> None:
    """Write a reference: the same bytes from the same values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    raise SystemExit(main())
