"""The study's patches against the other methods of `workbench compare`: in words, drawn, and as a table."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.core.numbers import between, interval, number, plain, probability, signed
from workbench.figures.kinds.comparison import FAMILIES
from workbench.figures.markup import Child, Markup, count, records, table, tag, words
from workbench.figures.svg import draw_svg
from workbench.report.evidence import plots_of
from workbench.results import Run

_CONTROLS = ("random", "shuffled")
_UNJUDGED = ("direct", "target_language")


def against_others(run: Run) -> Markup | None:
    """For each pair and task: what was found, in words; a picture; all numbers."""
    found = run.tables.get("comparison")
    if found is None or found.empty:
        return None
    groups = list(found.groupby(["pair", "task"], sort=False))
    made = [_one(f"{pair} · {task}" if len(groups) > 1 else None, rows) for (pair, task), rows in groups]
    return tag("div", *made)


def _one(heading: str | None, rows: pd.DataFrame) -> Markup:
    ran = rows[rows.gain.notna()]
    methods = _ordered(records(ran[ran.method != "direct"]))
    left = records(rows[rows.gain.isna()])
    shown: list[Child] = [tag("p", " ".join(_said(methods)))] if methods else []
    if methods:
        shown += [*_picture(rows), tag("p", _READ, class_="muted"), _gains(methods), _costs(methods)]
    if left:
        names = [tag("li", f"{one['title']}: {one['note']}") for one in left]
        shown.append(tag("details", tag("summary", f"{len(left)} not run, and why"), tag("ul", *names)))
    return tag("div", tag("h3", heading) if heading else None, *shown, class_="block")


_READ = (
    "A baseline asks otherwise, or trains; a recipe patches; a combination does both. "
    "Lines: intervals of 95 %. Filled marks are shown to gain or lose, corrected for all methods; of hollow "
    "ones neither is shown. Grey marks are a recipe’s controls: what they gain, it has to beat. The dotted "
    "lines are asking directly and, where it was asked, the same items in the target language. "
    "main: the change of accuracy in the main language; * a loss that matters is not ruled out."
)


def _ordered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By family, those that gain more first."""
    return sorted(found, key=lambda one: (FAMILIES.index(str(one["family"])), -float(one["gain"])))


def _verdict(one: dict[str, Any]) -> str | None:
    """The corrected verdict; of what claims nothing, that of its interval."""
    kind = one["verdict"] if pd.isna(one["holm_verdict"]) else one["holm_verdict"]
    return None if pd.isna(kind) else str(kind)


def _said(methods: list[dict[str, Any]]) -> Iterator[str]:
    judged = [one for one in methods if one["method"] not in _UNJUDGED]
    kinds = [_verdict(one) for one in judged]
    helps, harms = kinds.count("helps"), kinds.count("harms")
    yield (
        f"{count(len(judged), 'other way', 'other ways')} of answering the same "
        f"{count(int(methods[0]['n']), 'test item')}, against asking directly: {helps} shown to help, "
        f"{harms} to harm, corrected for all of them (Holm)."
    )
    best = max((one for one in judged if _verdict(one) == "helps"), key=_gain, default=None)
    if best is not None:
        yield f"The largest gain is that of {_named(best)}: {_with_interval(best, 'gain')}."
    recipes = [one for one in judged if one["family"] == "recipe"]
    if recipes:
        yield from _of_patch(max(recipes, key=_gain))
    target = next((one for one in methods if one["method"] == "target_language"), None)
    if target is not None:
        yield f"Asked in the target language itself, the model gains {signed(target['gain'])}."
    on_top = [one for one in judged if number(one["over_own"]) is not None]
    if on_top:
        one = max(on_top, key=lambda one: float(one["over_own"]))
        adds = f"{_with_interval(one, 'over_own')} ({_named(one)})"
        yield f"On top of another method, patching adds at most {adds}."
    yield "The best of many methods is optimistically biased: use the intervals."


def _of_patch(one: dict[str, Any]) -> Iterator[str]:
    """The patch that gains most: what it gains, over its controls, and what it costs."""
    yield f"Of patches alone, {_named(one)} gains most: {_with_interval(one, 'gain')}."
    known = [name for name in ("random_over", "shuffled_over") if number(one[name]) is not None]
    if known:
        least = min(known, key=lambda name: float(one[name]))
        beats = all(float(one[f"{name}_low"]) > 0 for name in known)
        yield (
            f"It is {'' if beats else 'not '}shown to gain more than its best control: "
            f"{_with_interval(one, least)} over it."
        )
    if number(one["retention"]) is not None:
        kept = (
            "too little to matter"
            if bool(one["noninferior"])
            else "which is not shown to be too little to matter"
        )
        yield f"It changes accuracy in the main language by {signed(one['retention'])}, {kept}."


def _gain(one: dict[str, Any]) -> float:
    return float(one["gain"])


def _control(one: dict[str, Any], name: str) -> float | None:
    """What a control gains over asking directly; the table has it over a combination's baseline."""
    over = number(one[f"{name}_over"])
    return None if over is None else round(_gain(one) - over, 9)


def _named(one: dict[str, Any]) -> str:
    return f"“{one['title']}”"


def _with_interval(one: dict[str, Any], name: str) -> str:
    return interval(one[name], one[f"{name}_low"], one[f"{name}_high"])


def _picture(rows: pd.DataFrame) -> list[Markup]:
    plots = plots_of("comparison", {"comparison": rows})
    return [draw_svg(replace(plot, title="Gain on test of each method")) for plot in plots]


def _gains(methods: list[dict[str, Any]]) -> Markup:
    heads = ["method", "what it is, and what dev chose", "verdict", "gain", "95 % interval", "p (Holm)"]
    caption = (
        f"Gain over asking directly on {count(int(methods[0]['n']), 'test item')}, and what the recipe’s "
        "controls gain: random directions, shuffled pairs."
    )
    rows: list[list[Child]] = [
        [
            words(one["method"]),
            f"{one['title']}: {one['chosen']}",
            "" if one["method"] in _UNJUDGED else _verdict(one) or "",
            signed(one["gain"]),
            between(one["gain_low"], one["gain_high"]),
            probability(one["holm_p"]),
            *(signed(_control(one, name)) for name in _CONTROLS),
        ]
        for one in methods
    ]
    return table(caption, [*heads, "random", "shuffled"], rows, words=3, class_="compared")


def _costs(methods: list[dict[str, Any]]) -> Markup:
    heads = ["method", "main language", "tokens an item", "tokens to fit", "pairs", "labels", "translations"]
    caption = (
        "What each costs: change of accuracy on items in the main language (*: a loss that matters is not "
        "ruled out; –: such items stay as they are, or there are none), tokens run, and what it needs."
    )
    rows: list[list[Child]] = [
        [
            words(one["method"]),
            _kept(one),
            plain(one["item_tokens"], 0),
            *(_count(one[name]) for name in ("fit_tokens", "pairs", "labels", "translations")),
        ]
        for one in methods
    ]
    return table(caption, heads, rows)


def _kept(one: dict[str, Any]) -> str:
    known = number(one["retention"]) is not None
    return signed(one["retention"]) + "*" * (known and not bool(one["noninferior"]))


def _count(value: Any) -> str:
    known = number(value)
    return plain(None) if known is None else f"{known:,.0f}"
