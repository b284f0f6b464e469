"""Show which architectures work through which backend, as the test suite verifies them.

With --check, make a tiny random model of each and verify it here and now, with the versions of
TransformerLens, transformers and torch that are installed.
"""

import argparse
import tempfile
from pathlib import Path

from workbench.cli.show import console, progress_bar, table

HELP = "supported architectures and backends"
EXAMPLE = "workbench models --check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--check", action="store_true", help="verify each of them now (half a minute)")


def run(options: argparse.Namespace) -> int:
    """Print the table; exit code 1 where a check finds otherwise than the table says."""
    from importlib.metadata import version

    from workbench.models.outline import support_table

    rows = support_table()
    has_hooked = version("transformer-lens").startswith("3.")
    if not options.check:
        cells = [(r.architecture, r.example, _mark(r.bridge), _mark(r.hooked and has_hooked)) for r in rows]
        console.print(table(("architecture", "such as", "bridge", "hooked"), cells, words=2))
        console.print(
            f"TransformerLens {version('transformer-lens')}. "
            "bridge: hub name or local directory. hooked (HookedTransformer, TransformerLens 3 only): "
            "local directories of the architectures marked, and any hub name TransformerLens 3.9 "
            "lists.\nOther architectures may work: every model is checked when it is loaded."
        )
        return 0
    from workbench.models.outline import check_cell

    found: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
        for done, row in enumerate(rows):
            progress("checking", done, len(rows))
            for backend in ("bridge", "hooked"):
                found[row.architecture, backend] = check_cell(row.architecture, backend, Path(folder))
    cells = [
        (r.architecture, r.example, found[r.architecture, "bridge"], found[r.architecture, "hooked"])
        for r in rows
    ]
    console.print(table(("architecture", "such as", "bridge", "hooked"), cells, words=2))
    console.print("Numbers: the largest difference of logits from the Hugging Face model.")
    expected = {(r.architecture, "bridge"): r.bridge for r in rows}
    expected |= {(r.architecture, "hooked"): r.hooked and has_hooked for r in rows}
    wrong = [f"{a} ({b})" for (a, b), works in expected.items() if works == (found[a, b] == "—")]
    if wrong:
        console.print("Differs from the table of supported models: " + ", ".join(wrong))
    return 1 if wrong else 0


def _mark(works: bool) -> str:
    return "yes" if works else "—"
