"""Write the table of docs/compare.md from a comparison on the organism.

workbench compare organism
python tools/compare_table.py [runs/compare]
"""

import sys
from pathlib import Path

import pandas as pd

PAGE = Path(__file__).parent.parent / "docs" / "compare.md"
BEGIN, END = "<!-- written by tools/compare_table.py -->", "<!-- end of the table -->"
MARKS = {"helps": "", "harms": "", "equivalent": " =", "undecided": " ?"}


def rows_of(table: pd.DataFrame) -> str:
    """A row for each method: its gain for each pair, the largest control, retention and needs."""
    table = table[table.accuracy.notna()]
    pairs = list(dict.fromkeys(table.pair))
    heads = ["method", *(f"gain, {pair}" for pair in pairs), "largest control", "target", "tokens", "needs"]
    lines = [heads, ["---", *["---:"] * (len(heads) - 2), "---"]]
    for method in dict.fromkeys(table.method):
        mine = table[table.method == method].set_index("pair")
        if method == "direct":
            continue
        gains = [_gain(mine.loc[pair]) if pair in mine.index else "" for pair in pairs]
        controls = pd.concat([mine.gain - mine.random_over, mine.gain - mine.shuffled_over]).dropna()
        kept = mine.retention.dropna()
        lines.append(
            [
                f"`{method}`",
                *gains,
                _signed(controls.max()) if len(controls) else "",
                _signed(kept.min()) if len(kept) else "",
                f"{mine.item_tokens.mean():.0f}",
                _needs(mine.iloc[0]),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-0.00", "+0.00").replace("-", "−")


def _gain(row: pd.Series) -> str:
    if row.family == "recipe" and pd.isna(row.strength):
        return "no patch chosen"
    mark = "" if pd.isna(row.holm_verdict) else MARKS[row.holm_verdict]
    low, high = (
        f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−") for value in (row.gain_low, row.gain_high)
    )
    return f"{_signed(row.gain)} [{low}, {high}]{mark}"


def _needs(row: pd.Series) -> str:
    counts = {"pairs": row.pairs, "labels": row.labels, "translations": row.translations}
    return ", ".join(f"{n} {what if n > 1 else what[:-1]}" for what, n in counts.items() if n)


def main() -> None:
    """Put the table in its place."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/compare")
    table = pd.read_parquet(folder / "comparison.parquet")
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{rows_of(table)}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
