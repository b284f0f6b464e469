"""The study's patches against the other methods of `workbench compare`: in words, drawn, and as tables."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.core.numbers import NONE, between, interval_of, number, plain, probability, signed
from workbench.figures.kinds.comparison import judged, order_of
from workbench.figures.markup import Child, Markup, count, records, table, tag, words
from workbench.figures.svg import draw_svg
from workbench.report.evidence import Columns, cells_of, plots_of
from workbench.results import Run

_UNJUDGED = ("direct", "target_language")


def against_others(run: Run) -> Markup | None:
    """For each pair and task: the result in words, a figure, all numbers."""
    comparison = run.tables.get("comparison")
    if comparison is None or comparison.empty:
        return None
    groups = list(comparison.groupby(["pair", "task"], sort=False))
    blocks = [_block(f"{pair} · {task}" if len(groups) > 1 else None, rows) for (pair, task), rows in groups]
    return tag("div", *blocks)


def _block(heading: str | None, rows: pd.DataFrame) -> Markup:
    children: list[Child] = [tag("h3", heading) if heading else None]
    drawn: list[Child] = []
    if (rows.gain.notna() & (rows.method != "direct")).any():
        ran = judged(rows)
        by_method = ran.set_index("method", drop=False).loc[order_of(ran)]
        methods = records(by_method[by_method.method != "direct"])
        items = count(int(methods[0]["n"]), "test item")
        children.append(tag("p", " ".join(_sentences(methods, items))))
        drawn += [
            *(
                draw_svg(replace(plot, title="Gain on test of each method"))
                for plot in plots_of("comparison", {"comparison": rows}, top=len(methods))
            ),
            tag("p", _LEGEND, class_="muted"),
            table(_GAINS_CAPTION.format(items), *cells_of(_GAINS, methods), words=3, class_="compared"),
            table(_COSTS_CAPTION, *cells_of(_COSTS, methods)),
        ]
    reasons = [tag("li", f"{row['title']}: {row['note']}") for row in records(rows[rows.gain.isna()])]
    if reasons:
        drawn += [tag("p", tag("strong", f"{len(reasons)} not run, and why:")), tag("ul", *reasons)]
    summary = "Gains and costs of each method" if len(drawn) > 2 else "Methods that were not run"
    children.append(tag("details", tag("summary", summary), *drawn) if drawn else None)
    return tag("div", *children, class_="block")


_LEGEND = (
    "A baseline changes the prompt or trains; a recipe patches; a combination does both. "
    "Lines: intervals of 95 %. Filled marks are shown to gain or lose, corrected for all methods; of hollow "
    "ones neither is shown. Grey marks are a recipe’s controls: what they gain, it has to beat. The dotted "
    "lines are asking directly and, where it was asked, the same items in the target language. "
    "target: the change of accuracy in the target language; * a loss that matters is not ruled out."
)


def _verdict(row: dict[str, Any]) -> str:
    """The corrected verdict, or that of the interval where nothing is claimed."""
    return next((str(row[name]) for name in ("holm_verdict", "verdict") if pd.notna(row[name])), "")


def _sentences(methods: list[dict[str, Any]], items: str) -> Iterator[str]:
    claims = [row for row in methods if row["method"] not in _UNJUDGED]
    kinds = [_verdict(row) for row in claims]
    yield (
        f"{count(len(claims), 'other way', 'other ways')} of answering the same {items}, against asking "
        f"directly: {kinds.count('helps')} shown to help, {kinds.count('harms')} to harm, corrected for all "
        "of them (Holm)."
    )
    if "helps" in kinds:
        best = _largest((row for row in claims if _verdict(row) == "helps"), "gain")
        yield f"The largest gain is that of “{best['title']}”: {interval_of(best, 'gain')}."
    if recipes := [row for row in claims if row["family"] == "recipe"]:
        yield from _of_patch(_largest(recipes, "gain"))
    for row in methods:
        if row["method"] == "target_language":
            yield f"Asked in the target language itself, the model gains {signed(row['gain'])}."
    if combined := [row for row in claims if number(row["over_own"]) is not None]:
        best = _largest(combined, "over_own")
        adds = f"{interval_of(best, 'over_own')} (“{best['title']}”)"
        yield f"On top of another method, patching adds at most {adds}."
    yield "The best of many methods is optimistically biased: use the intervals."


def _of_patch(row: dict[str, Any]) -> Iterator[str]:
    """The patch that gains most: its gain, also over its controls, and its cost."""
    yield f"Of patches alone, “{row['title']}” gains most: {interval_of(row, 'gain')}."
    controls = [name for name in ("random_over", "shuffled_over") if number(row[name]) is not None]
    if controls:
        least = min(controls, key=lambda name: float(row[name]))
        beats = all(float(row[f"{name}_low"]) > 0 for name in controls)
        yield (
            f"It is {'' if beats else 'not '}shown to gain more than its best control: "
            f"{interval_of(row, least)} over it."
        )
    if number(row["retention"]) is not None:
        kept = "too little" if row["noninferior"] else "which is not shown to be too little"
        yield f"It changes accuracy in the target language by {signed(row['retention'])}, {kept} to matter."


def _largest(rows: Iterable[dict[str, Any]], column: str) -> dict[str, Any]:
    return max(rows, key=lambda row: float(row[column]))


_GAINS_CAPTION = (
    "Gain over asking directly on {}, and what the recipe’s controls gain: random directions, shuffled pairs."
)
_GAINS: Columns = {
    "method": lambda row: words(row["method"]),
    "what it is, and what dev chose": lambda row: f"{row['title']}: {row['chosen']}",
    "verdict": lambda row: "" if row["method"] in _UNJUDGED else _verdict(row),
    "gain": lambda row: signed(row["gain"]),
    "95 % interval": lambda row: between(row["gain_low"], row["gain_high"]),
    "p (Holm)": lambda row: probability(row["holm_p"]),
    "random": lambda row: signed(row["random_gain"]),
    "shuffled": lambda row: signed(row["shuffled_gain"]),
}
_COSTS_CAPTION = (
    "What each costs: change of accuracy on items in the target language (*: a loss that matters is not "
    "ruled out; –: such items stay as they are, or there are none), tokens run, and what it needs."
)


def _kept(row: dict[str, Any]) -> str:
    lost = number(row["retention"]) is not None and not row["noninferior"]
    return signed(row["retention"]) + "*" * lost


def _count(value: Any) -> str:
    return NONE if number(value) is None else f"{float(value):,.0f}"


_COSTS: Columns = {
    "method": lambda row: words(row["method"]),
    "target language": _kept,
    "tokens an item": lambda row: plain(row["item_tokens"], 0),
    "tokens to fit": lambda row: _count(row["fit_tokens"]),
    "pairs": lambda row: _count(row["pairs"]),
    "labels": lambda row: _count(row["labels"]),
    "translations": lambda row: _count(row["translations"]),
}
