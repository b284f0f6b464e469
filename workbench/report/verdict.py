"""The verdict in words, first: one card for each pair and task, and how sure it is."""

from collections.abc import Iterator

import pandas as pd

from workbench.core.numbers import between, interval, number, percent, plain, probability, signed
from workbench.figures.markup import Child, Markup, count, language, listed, table, tag, words
from workbench.results import Part, Run

KINDS = {
    "helps": "The interval of the gain on test lies above 0.",
    "harms": "The interval of the gain on test lies below 0.",
    "equivalent": "Any effect is shown to lie within ±δ.",
    "undecided": "Neither a gain nor the lack of one is shown.",
}


def verdict_card(run: Run, part: Part, place: int) -> Markup:
    """Kind, sentence, numbers and what they rest on; of an unfinished study, how far it went."""
    several = len(run.parts) > 1
    heading = tag("h3", tag("a", part.title, href=f"#part-{place}")) if several else None
    best = part.headline
    if best is None:
        stopped = tag("p", tag("strong", "No verdict: "), _how_far(part))
        return tag("article", heading, stopped, class_="card")
    corrected = run.together(part) if several else None
    kind = str(best.verdict if corrected is None else corrected.holm_verdict)
    lines: list[Child] = [*evidence_sentences(part.tables["selection"])]
    if pd.notna(best.layer):
        lines.append(_cost(part, best))
    return tag(
        "article",
        heading,
        tag("p", _badge(kind), " ", KINDS.get(kind)),
        tag("p", part.verdict.get("sentence") or _sentence(best), class_="sentence"),
        None if corrected is None else _correction(best, corrected, len(run.parts)),
        tag("dl", *_figures(part, best), class_="figures"),
        tag("ul", *(tag("li", line) for line in lines)),
        class_=f"card {_known(kind)}-edge",
    )


def summary(run: Run) -> Markup:
    """One row for each pair and task, each linked to its section; the verdict is the corrected one."""
    rows: list[list[Child]] = []
    corrections = [run.together(part) for part in run.parts]
    for place, (part, corrected) in enumerate(zip(run.parts, corrections, strict=True)):
        link = tag("a", part.title, href=f"#part-{place}" if part.finished else "#verdict")
        best = part.headline
        if best is None:
            rows.append([link, "none yet", *[""] * 6])
            continue
        nothing = pd.isna(best.layer)
        rows.append(
            [
                link,
                _badge(str(best.verdict if corrected is None else corrected.holm_verdict)),
                _layers(part),
                "" if nothing else f"{words(best.aligner)}, {words(best.intervention)}",
                "" if nothing else f"{best.strength:g}",
                signed(best.gain),
                between(best.gain_low, best.gain_high),
                percent(part.verdict.get("share_of_gap"), space="\u00a0"),
            ]
        )
    heads = ["pair and task", "verdict", "layer", "aligner", "strength α"]
    heads += ["gain on test", "95 % interval", "share of the gap"]
    holm = any(corrected is not None for corrected in corrections)
    caption = "All pairs and tasks" + ", verdicts Holm-corrected" * holm
    return table(caption, heads, rows, words=4, class_="summary")


def _badge(kind: str) -> Markup:
    return tag("span", kind, class_=f"badge {_known(kind)}")


def _known(kind: str) -> str:
    return kind if kind in KINDS else "undecided"


def _layers(part: Part) -> str:
    return part.jointly or ("none" if part.layer is None else str(part.layer))


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
    gain = interval(best.gain, best.gain_low, best.gain_high, 2)
    patch = f"{words(best.aligner)} ({words(best.intervention)}, α = {best.strength:g})"
    return f"{best.verdict}: patch layer{where} with {patch}: {gain}"


def _correction(best: pd.Series, corrected: pd.Series, n: int) -> Markup:
    alone = "" if corrected.holm_verdict == best.verdict else f" Taken alone, it would be “{best.verdict}”."
    p = f"= {probability(corrected.holm_p)}".replace("= <", "<")
    return tag("p", f"Holm-corrected over {n} verdicts: p {p}.{alone}", class_="muted")


def _figures(part: Part, best: pd.Series) -> Iterator[Markup]:
    """The numbers that matter most, each with its interval."""
    level = f"{percent(best.level if 'level' in best else 0.95)} interval"
    ends = between(best.gain_low, best.gain_high)
    yield _figure("gain on test", signed(best.gain), f"{ends}, {level}, n = {best.n}")
    gap, share = part.verdict.get("gap"), part.verdict.get("share_of_gap")
    if gap:
        closed = "" if share is None else f"; {percent(share)} of it closed"
        about = between(gap["low"], gap["high"]) + closed
        yield _figure("gap between the languages", signed(gap["estimate"]), about)
    about = "no patch chosen"
    if pd.notna(best.layer):
        about = f"{words(best.aligner)}, {words(best.intervention)}, α = {best.strength:g}"
    yield _figure(f"layer{'s' if part.jointly else ''} chosen on dev", _layers(part), about)
    if number(best.retention) is not None:
        about = f"at least {signed(best.retention_low)} (one-sided 95 %)"
        yield _figure(f"change in {language(part.target)} itself", signed(best.retention), about)


def _figure(name: str, value: str, about: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", tag("strong", value), " ", tag("span", about)))


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
