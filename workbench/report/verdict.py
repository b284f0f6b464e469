"""The verdict in words, first: one card for each pair and task, and how sure it is."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from workbench.core.numbers import between, number, percent, plain, probability, signed
from workbench.figures.markup import Child, Markup, count, language, listed, table, tag, words
from workbench.results import Part, Run


def how_sure(selection: pd.DataFrame) -> list[str]:
    """The lines about the headline's row of the table `selection`, beside its other rows.

    The one home of these words: the report and the command line say the same.
    """
    best = selection[selection.headline].iloc[0]
    if pd.isna(best.layer):
        return ["On dev no patch was better than none by more than its own error, so none was made on test."]
    return [*_compared(selection[~selection.headline]), *_stable(best)]


def _compared(others: pd.DataFrame) -> Iterator[str]:
    beaten = [words(one.aligner) for one in others.itertuples() if (number(one.headline_over_low) or 0) > 0]
    level = [words(one.aligner) for one in others.itertuples() if words(one.aligner) not in beaten]
    if beaten:
        yield f"On test it does better than {listed(beaten)}."
    if level:
        yield f"It is not told apart from {listed(level)}."
    gaining = others[others.control & (others.gain_low > 0)]
    for control in gaining.itertuples():
        yield (
            f"Mind what a control does by itself: {words(control.aligner)} gains {signed(control.gain)} "
            f"{between(control.gain_low, control.gain_high)}."
        )


def _stable(best: pd.Series) -> Iterator[str]:
    yield (
        f"{count(int(best.gained), 'test item')} became right, {int(best.lost):,} wrong; "
        f"so many items could have shown a gain of {plain(best.detectable)}."
    )
    agreement = percent(best.agreement)
    yield (
        f"Chosen again without a fifth of dev: the same layer in {agreement} of the folds, gain "
        f"{signed(best.crossfit_gain)}, regret {plain(best.regret)}. Choosing alone brought "
        f"{signed(best.optimism)}."
    )
    if number(best.refits):
        yield (
            f"Maps from {int(best.refits)} draws of the sentences gain {signed(best.refit_low)} to "
            f"{signed(best.refit_high)} (sd {plain(best.refit_sd)})."
        )


KINDS = {
    "helps": "The interval of the gain on test lies above 0.",
    "harms": "The interval of the gain on test lies below 0.",
    "equivalent": "The gain is shown to be too small to matter, either way.",
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
    together = run.together(part) if several else None
    kind = str(best.verdict if together is None else together.holm_verdict)
    return tag(
        "article",
        heading,
        tag("p", tag("span", kind, class_=f"badge {_known(kind)}"), " ", KINDS.get(kind)),
        tag("p", part.verdict.get("sentence") or _sentence(best), class_="sentence"),
        _corrected(best, together, len(run.parts)),
        tag("dl", *_figures(part, best), class_="figures"),
        tag("ul", *(tag("li", line) for line in _beside(part, best))),
        class_=f"card {_known(kind)}-edge",
    )


def summary(run: Run) -> Markup:
    """One row for each pair and task, each linked to its section; the verdict is the corrected one."""
    rows: list[list[Child]] = []
    for place, part in enumerate(run.parts):
        link = tag("a", part.title, href=f"#part-{place}" if part.finished else "#verdict")
        best = part.headline
        if best is None:
            rows.append([link, "none yet", *[""] * 6])
            continue
        together = run.together(part)
        kind = str(best.verdict if together is None else together.holm_verdict)
        share = part.verdict.get("share_of_gap")
        nothing = pd.isna(best.layer)
        rows.append(
            [
                link,
                tag("span", kind, class_=f"badge {_known(kind)}"),
                "none" if nothing else part.jointly or str(part.layer),
                "" if nothing else f"{words(best.aligner)}, {words(best.intervention)}",
                "" if nothing else f"{best.strength:g}",
                signed(best.gain),
                between(best.gain_low, best.gain_high),
                percent(share, space="\u00a0"),
            ]
        )
    heads = ["pair and task", "verdict", "layer", "aligner", "strength α"]
    heads += ["gain on test", "95 % interval", "share of the gap"]
    corrected = any(run.together(part) is not None for part in run.parts)
    caption = "All pairs and tasks" + (", verdicts corrected together (Holm)" if corrected else "")
    return table(caption, heads, rows, words=4, class_="summary")


def _known(kind: str) -> str:
    return kind if kind in KINDS else "undecided"


def _how_far(part: Part) -> str:
    done = part.folder / "shards"
    if (done / "dev").exists() or part.records.get("choices"):
        return "this study was stopped before its end. The same command goes on where it was."
    if done.exists():
        return (
            "this study ended after its first facts: no gap to close was seen on dev, or it was stopped. "
            "The same command says which."
        )
    return f"there is no table selection. There are: {listed(sorted(part.tables)) or 'no tables'}."


def _sentence(best: pd.Series) -> str:
    """Of a folder that holds no sentence: the same facts from the table."""
    if pd.isna(best.layer):
        return f"{best.verdict}: dev prefers no patch to any with {words(best.aligner)}"
    where = f" {best.layer}" if best.joint == "one" else f"s {best.site} ({best.joint})"
    return (
        f"{best.verdict}: patch layer{where} with {words(best.aligner)} at {best.strength:g}: "
        f"{signed(best.gain, 2)} {between(best.gain_low, best.gain_high, 2)}"
    )


def _corrected(best: pd.Series, together: pd.Series | None, n: int) -> Markup | None:
    if together is None:
        return None
    alone = "" if together.holm_verdict == best.verdict else f" Taken alone, it would be “{best.verdict}”."
    return tag(
        "p", f"Corrected for {n} verdicts (Holm): p {_equals(together.holm_p)}.{alone}", class_="muted"
    )


def _equals(p: float) -> str:
    shown = probability(p)
    return shown if shown.startswith("<") else f"= {shown}"


def _figures(part: Part, best: pd.Series) -> Iterator[Markup]:
    """The numbers that matter most, each with its interval."""
    level = f"{percent(best.level if 'level' in best else 0.95)} interval"
    yield _figure(
        "gain on test", signed(best.gain), f"{between(best.gain_low, best.gain_high)}, {level}, n = {best.n}"
    )
    gap, share = part.verdict.get("gap"), part.verdict.get("share_of_gap")
    if gap:
        closed = "" if share is None else f"; {percent(share)} of it closed"
        yield _figure("gap between the languages", signed(gap["estimate"]), _of(gap) + closed)
    nothing = pd.isna(best.layer)
    chosen = "none" if nothing else part.jointly or str(part.layer)
    name = "layers chosen on dev" if part.jointly else "layer chosen on dev"
    yield _figure(name, chosen, "dev prefers no patch" if nothing else _how(best))
    if number(best.retention) is not None:
        about = f"at least {signed(best.retention_low)} (one-sided 95 %)"
        yield _figure(f"change in {language(part.target)} itself", signed(best.retention), about)


def _how(best: pd.Series) -> str:
    return f"{words(best.aligner)}, {words(best.intervention)}, α = {best.strength:g}"


def _figure(name: str, value: str, about: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", tag("strong", value), " ", tag("span", about)))


def _of(interval: dict[str, Any]) -> str:
    return between(interval["low"], interval["high"])


def _beside(part: Part, best: pd.Series) -> list[Child]:
    """What stands beside the verdict: whom it beats, how stable it is, and what it costs."""
    nothing = pd.isna(best.layer)
    return [*how_sure(part.tables["selection"]), *([] if nothing else _costs(part, best))]


def _costs(part: Part, best: pd.Series) -> Iterator[Child]:
    if number(best.retention) is None:
        yield "The task has no items in the target language: what the patch costs there is not known."
    elif not bool(best.noninferior):
        margin = part.verdict.get("delta") or (part.about("settings") or {}).get("delta")
        beyond = f" less than {margin:g}" if margin is not None else " little"
        yield tag(
            "strong",
            f"It is not shown to cost {language(part.target)} {beyond.strip()}: accuracy there changes by "
            f"{signed(best.retention)}, so patch {language(part.source)} input only.",
        )
    else:
        yield f"It is shown to cost {language(part.target)} too little to matter ({signed(best.retention)})."
