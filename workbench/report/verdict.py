"""The verdict in words, first: one card for each pair and task, and how sure it is."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from workbench.core.numbers import between, number, percent, probability, signed
from workbench.figures.markup import Child, Markup, language, listed, table, tag, words
from workbench.results import Part, Run
from workbench.results.evidence import evidence_sentences

KINDS = {
    "helps": "The interval of the gain on test lies above 0.",
    "harms": "The interval of the gain on test lies below 0.",
    "equivalent": "Any effect is shown to lie within the margin δ.",
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
    caption = "All pairs and tasks" + (", verdicts Holm-corrected" if corrected else "")
    return table(caption, heads, rows, words=4, class_="summary")


def _known(kind: str) -> str:
    return kind if kind in KINDS else "undecided"


def _how_far(part: Part) -> str:
    done = part.folder / "shards"
    if (done / "dev").exists() or part.records.get("choices"):
        return "this study was stopped before its end. The same command resumes it."
    if done.exists():
        return (
            "this study ended after its first facts: no gap to close was seen on dev, or it was stopped. "
            "The same command says which."
        )
    return f"there is no table selection. There are: {listed(sorted(part.tables)) or 'no tables'}."


def _sentence(best: pd.Series) -> str:
    """Of a folder that holds no sentence: the same facts from the table."""
    if pd.isna(best.layer):
        return f"{best.verdict}: no patch chosen on dev (with {words(best.aligner)})"
    where = f" {best.layer}" if best.joint == "one" else f"s {best.site} ({best.joint})"
    return (
        f"{best.verdict}: patch layer{where} with {words(best.aligner)} at {best.strength:g}: "
        f"{signed(best.gain, 2)} {between(best.gain_low, best.gain_high, 2)}"
    )


def _corrected(best: pd.Series, together: pd.Series | None, n: int) -> Markup | None:
    if together is None:
        return None
    alone = "" if together.holm_verdict == best.verdict else f" Taken alone, it would be “{best.verdict}”."
    return tag("p", f"Holm-corrected over {n} verdicts: p {_equals(together.holm_p)}.{alone}", class_="muted")


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
    yield _figure(name, chosen, "no patch chosen" if nothing else _how(best))
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
    return [*evidence_sentences(part.tables["selection"]), *([] if nothing else _costs(part, best))]


def _costs(part: Part, best: pd.Series) -> Iterator[Child]:
    if number(best.retention) is None:
        yield "The task has no items in the target language: the cost of the patch there is unknown."
        return
    margin = part.verdict.get("delta") or (part.about("settings") or {}).get("delta")
    loss = "a relevant loss" if margin is None else f"a loss above {margin:g}"
    change = f"Accuracy in {language(part.target)} changes by {signed(best.retention)}"
    if bool(best.noninferior):
        yield f"{change} ({loss} is ruled out)."
    else:
        yield tag(
            "strong",
            f"{change} ({loss} is not ruled out): patch {language(part.source)} input only.",
        )
