"""The verdict: for all pairs and tasks as columns beside the map, and for one in words."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from workbench.core.numbers import (
    between,
    interval_of,
    number,
    percent,
    plain,
    probability,
    signed,
    with_cost,
)
from workbench.figures.markup import Child, Markup, count, language, listed, records, tag, words
from workbench.report.evidence import two_lines
from workbench.results import Part, Run

KINDS = {
    "helps": "the interval of the gain on test lies above 0",
    "harms": "the interval of the gain on test lies below 0",
    "equivalent": "any effect is shown to lie within ±δ",
    "undecided": "neither a gain nor the lack of one is shown",
}


def kind_of(run: Run, part: Part) -> str:
    """The kind of a finished study's verdict, corrected if it is one of several."""
    corrected, best = run.together(part), part.headline
    assert best is not None, "a finished study has a headline"
    return str(best.verdict if corrected is None else corrected.holm_verdict)


def _named(kind: str, best: pd.Series) -> tuple[str, str]:
    """The verdict in a few words, and the name of its colour."""
    name = with_cost(kind, best.retention, best.noninferior)
    return name, "costs" if name != kind else kind if kind in KINDS else "undecided"


def badge(run: Run, part: Part) -> Child:
    """The verdict in a few words and its colour; of an unfinished study, that there is none."""
    best = part.headline
    if best is None:
        return "no verdict yet"
    kind = kind_of(run, part)
    name, look = _named(kind, best)
    about = part.jointly and f"layers {part.jointly}"
    if pd.isna(best.layer):
        about = "no patch chosen"
    return [tag("span", name, class_=f"badge {look}"), tag("small", about) if about else None]


def on_phone(run: Run, part: Part) -> Markup:
    """Verdict and gain, for a screen on which the columns beside the map have no room."""
    best = part.headline
    gain = None if best is None else f" {signed(best.gain, 2)}"
    return tag("span", badge(run, part), gain, class_="phone")


def columns(run: Run) -> dict[str, list[Child]]:
    """What stands beside the map: for each head, a cell for each pair and task."""
    targets = {part.target for part in run.parts}
    target = language(targets.pop()) if len(targets) == 1 else "the target language"
    cells: Mapping[str, Callable[[Part, Any], Child]] = {
        "gain on test": lambda part, best: two_lines(best, "gain"),
        "gap": _gap,
        f"change in {target}": _kept,
        "best other aligner": _rival,
    }
    beside: dict[str, list[Child]] = {"verdict": [badge(run, part) for part in run.parts]}
    for head, cell in cells.items():
        beside[head] = [None if part.headline is None else cell(part, part.headline) for part in run.parts]
    return beside


def _gap(part: Part, best: pd.Series) -> Child:
    gap, share = part.verdict.get("gap"), part.verdict.get("share_of_gap")
    if not gap:
        return "unknown"
    closed = None if share is None else tag("small", percent(share, space="\u00a0"), " closed")
    return [signed(gap["estimate"]), closed if gap["low"] > 0 else tag("small", "no gap shown")]


def _kept(part: Part, best: pd.Series) -> Child:
    if number(best.retention) is None:
        return "unknown" if pd.notna(best.layer) else None
    change = signed(best.retention)
    if best.noninferior:
        return change
    return tag("span", change, class_="lost", title="a relevant loss is not ruled out")


def _rival(part: Part, best: pd.Series) -> Child:
    """The other aligner, no control, that gains most on test."""
    table = part.tables["selection"]
    others = table[~table.headline & ~table.control.astype(bool)]
    if others.empty:
        return "none"
    patched = others[others.layer.notna()]
    if patched.empty:
        return "no patch"
    row = max(records(patched), key=lambda row: float(row["gain"]))
    return [words(row["aligner"]), tag("small", interval_of(row, "gain"))]


def in_words(run: Run, part: Part) -> Markup:
    """Sentence, correction, and what the verdict rests on; of an unfinished study, how far it went."""
    best = part.headline
    if best is None:
        return tag("p", tag("strong", "No verdict: "), _how_far(part))
    kind = kind_of(run, part)
    lines: list[Child] = [*evidence_sentences(part.tables["selection"])]
    if pd.notna(best.layer):
        lines.append(_cost(part, best))
    return tag(
        "div",
        tag("p", part.verdict.get("sentence") or _sentence(best), class_="sentence"),
        tag("p", _meaning(run, part, kind), class_="muted"),
        tag("ul", *(tag("li", line) for line in lines)),
        class_=f"verdict {_named(kind, best)[1]}-edge",
    )


def _meaning(run: Run, part: Part, kind: str) -> str:
    """What the kind of verdict means, and the correction for being one of several."""
    best, corrected = part.headline, run.together(part)
    assert best is not None, "a finished study has a headline"
    means = f"{kind}: {KINDS[kind]}." if kind in KINDS else ""
    if corrected is None or len(run.parts) == 1:
        return means
    p = f"= {probability(corrected.holm_p)}".replace("= <", "<")
    alone = "" if kind == best.verdict else f" Taken alone, it would be “{best.verdict}”."
    return f"{means} Holm-corrected over {len(run.parts)} verdicts: p {p}.{alone}"


def _how_far(part: Part) -> str:
    shards = part.folder / "shards"
    if (shards / "dev").exists() or part.records.get("choices"):
        return "this study was stopped before its end. The same command resumes it."
    if shards.exists():
        return (
            "this study ended after its first facts: its gap on dev is shown to be smaller than --delta-gap, "
            "or it was stopped. The same command says which."
        )
    return f"there is no table selection. There are: {listed(sorted(part.tables)) or 'no tables'}."


def _sentence(best: pd.Series) -> str:
    """Of a folder that holds no sentence: the same facts from the table."""
    if pd.isna(best.layer):
        return f"{best.verdict}: no patch chosen on dev (with {words(best.aligner)})"
    where = f" {best.layer}" if best.joint == "one" else f"s {best.site} ({best.joint})"
    gain = interval_of(best, "gain", 2)
    patch = f"{words(best.aligner)} ({words(best.intervention)}, α = {best.strength:g})"
    return f"{best.verdict}: patch layer{where} with {patch}: {gain}"


def _cost(part: Part, best: pd.Series) -> Child:
    if number(best.retention) is None:
        return "The task has no items in the target language: the cost of the patch there is unknown."
    margin = part.verdict.get("delta") or (part.about("settings") or {}).get("delta")
    loss = "a relevant loss" if margin is None else f"a loss above {margin:g}"
    change = f"Accuracy in {language(part.target)} changes by {signed(best.retention)}"
    if best.noninferior:
        return f"{change} ({loss} is ruled out)."
    return tag(
        "strong",
        f"{change} ({loss} is not ruled out): apply the patch to {language(part.source)} prompts alone.",
    )


def evidence_sentences(selection: pd.DataFrame) -> list[str]:
    """Sentences about the headline's row: what it beats, minimum detectable gain, 5-fold check, refits."""
    best = selection[selection.headline].iloc[0]
    if pd.isna(best.layer):
        return [
            "No patch was chosen: on dev no configuration gained more than its standard error, so no patch "
            "was scored on test."
        ]
    return [*_comparisons(selection[~selection.headline]), *_stability(best)]


def _comparisons(others: pd.DataFrame) -> Iterator[str]:
    patched, unpatched = others[others.layer.notna()], others[others.layer.isna()]
    beaten = patched.headline_over_low > 0
    if names := _names(patched[beaten]):
        yield f"On test it is more accurate than {names}."
    if names := _names(patched[~beaten]):
        yield f"No significant difference from {names}."
    if gaining := [
        f"{words(row.aligner)} {signed(row.gain)} {between(row.gain_low, row.gain_high)}"
        for row in patched[patched.control & (patched.gain_low > 0)].itertuples()
    ]:
        also = "a control also gains" if len(gaining) == 1 else "controls also gain"
        yield f"Caution: {also}: {', '.join(gaining)}."
    if names := _names(unpatched):
        yield f"No patch chosen on dev for {names}."


def _names(rows: pd.DataFrame) -> str:
    return listed([words(name) for name in rows.aligner])


def _stability(best: pd.Series) -> Iterator[str]:
    yield (
        f"{count(int(best.gained), 'test item')} became right, {int(best.lost):,} wrong; "
        f"minimum detectable gain: {plain(best.detectable, 2)} (80 % power)."
    )
    folds = "all folds" if best.agreement == 1 else f"{percent(best.agreement)} of the folds"
    yield (
        f"5-fold check: same layer in {folds}; gain {signed(best.crossfit_gain)}, "
        f"regret {plain(best.regret)}, selection bias {plain(best.selection_bias)}."
    )
    if number(best.refits):
        yield (
            f"Refitted on {int(best.refits) - 1} other random samples of the sentences: gain "
            f"{signed(best.refit_low)} to {signed(best.refit_high)} (sd {plain(best.refit_sd)})."
        )
