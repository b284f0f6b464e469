"""Write the tables of docs/claims.md: the claims from themselves, the verdicts from a run on the organism.

workbench claims organism
python tools/claims_table.py [runs/claims]
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "claims.md"
END = "<!-- end of the table -->"
RULES, VERDICTS = (f"<!-- {what}: written by tools/claims_table.py -->" for what in ("rules", "verdicts"))


def rules() -> str:
    """Every claim with its rule, as Markdown."""
    from workbench.analyses.claims import CLAIMS

    heads = ("name", "claim", "rule", "reference")
    rows = [(f"`{one.name}`", one.statement, one.rule, one.reference) for one in CLAIMS.values()]
    return _table(heads, rows)


def verdicts(folder: Path) -> str:
    """What a run found of every claim, as Markdown."""
    from workbench.analyses.claims import CLAIMS
    from workbench.core.store import read_json

    found: dict[str, Any] = read_json(folder / "claims.json") | _verdicts_of(
        read_json(folder / "claims" / "timings.json")
    )
    rows = [
        (f"`{name}`", f"**{found[name]['verdict']}**", found[name]["sentence"], _p(found[name]["holm_p"]))
        for name in CLAIMS
    ]
    return _table(("claim", "verdict", "found", "p (Holm)"), rows)


def page(text: str, written: dict[str, str]) -> str:
    """The page with its tables as they should be."""
    for begin, table in written.items():
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{table}\n\n{END}{rest.partition(END)[2]}"
    return text


def _verdicts_of(timings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: one[key] for key in ("verdict", "sentence", "holm_p")} for name, one in timings.items()
    }


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(_row(cells) for cells in (heads, ("---",) * len(heads), *rows))


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/claims")
    written = {RULES: rules(), VERDICTS: verdicts(run)}
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), written), encoding="utf-8")
