"""The whole page: one file, no request to anywhere, nothing run but its own script."""

import base64
import hashlib
from pathlib import Path

from workbench.figures.look import style
from workbench.figures.markup import Child, Markup, language, listed, tag
from workbench.report import comparison, evidence, examples, provenance
from workbench.report.heatmap import as_data, methods_by_layers, pairs_by_layers, reach_of, similarity_maps
from workbench.report.verdict import summary, verdict_card
from workbench.results import Part, Run

_HERE = Path(__file__).parent


def to_html(run: Run) -> str:
    """The report on a study, or on several of one model, as one HTML page."""
    css = style() + (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    title = _title(run)
    ours = f"style-src {_hash(css)}; script-src {_hash(script)}"
    policy = f"default-src 'none'; {ours}; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Beside escaping, a second lock: only this script runs, and nothing is ever fetched.
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="generator", content="alignment-workbench"),
        tag("title", title),
        tag("style", Markup(css)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the result", href="#alike" if _taskless(run) else "#verdict", class_="skip"),
        tag("header", tag("h1", title), _subtitle(run), _navigation(run)),
        tag("main", *_sections(run)),
        tag("footer", tag("p", "Written by alignment-workbench from the tables in this folder.")),
        tag("div", id="tip", role="tooltip", hidden=True),
        as_data(run.parts),
        tag("script", Markup(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _title(run: Run) -> str:
    part = run.parts[0]
    model = part.model or run.folder.name
    if _taskless(run):
        return f"At which layers does {model} hold the languages alike?"
    pair = "one language onto another"
    if len(run.parts) == 1 and part.source and part.target:
        pair = f"{language(part.source)} onto {language(part.target)}"
    return f"Does mapping {pair} help {model}?"


def _subtitle(run: Run) -> Markup:
    names = {"task": [part.task for part in run.parts], "pair": [part.pair for part in run.parts]}
    known = {name: list(dict.fromkeys(filter(None, values))) for name, values in names.items()}
    said = [f"{name}{'s' * (len(v) != 1)} {listed(v)}" if v else f"no {name}" for name, v in known.items()]
    return tag("p", " · ".join(said) if known["pair"] else f"Folder {run.folder.name}", class_="muted")


def _taskless(run: Run) -> bool:
    """Whether the run fitted and measured sentences alone."""
    return bool(run.specification) and not any(part.task for part in run.parts)


def _navigation(run: Run) -> Markup:
    several = {f"part-{i}": part.title for i, part in enumerate(run.parts)}
    links = {
        **({"alike": "Similarity"} if _taskless(run) else {"verdict": "Verdict"}),
        **(several if len(run.parts) > 1 else _PART_LINKS),
        **({"compared": "Other methods"} if comparison.against_others(run) else {}),
        **{"doctor": "Sentences", "settings": "Settings", "provenance": "Provenance"},
    }
    items = [tag("li", tag("a", label, href=f"#{name}")) for name, label in links.items()]
    return tag("nav", tag("ul", *items), aria_label="Contents")


_PART_LINKS = {
    "where-0": "Layers",
    "evidence-0": "Evidence",
    "examples-0": "Items",
    "confounds-0": "Confounds",
}


def _sections(run: Run) -> list[Child]:
    parts, reach = run.parts, reach_of(run.parts)
    notes = [tag("p", tag("strong", "Caution: "), note, class_="note") for note in provenance.notes(parts)]
    missing = [
        tag(
            "p",
            f"Not in the folder of {part.title}, and so not shown: {listed(part.missing)}.",
            class_="note",
        )
        for part in parts
        if part.finished and part.missing
    ]
    if _taskless(run):
        first = _section("alike", "Similarity by pair and layer", *notes, similarity_maps(parts))
    else:
        cards = tag("div", *(verdict_card(run, part, i) for i, part in enumerate(parts)), class_="cards")
        table = summary(run) if len(parts) > 1 else None
        first = _section("verdict", "Verdict", table, cards, *notes, *missing)
    # One study has its own table; of several, only that over all of them answers the question.
    tables = next((t for t in (run.tables, parts[0].tables) if "predictors" in t), {})
    predictors = evidence.predictors(tables["predictors"]) if tables else None
    overview = pairs_by_layers(parts, reach) if len(parts) > 1 else None
    origin = [*provenance.provenance(parts), tag("h3", "The command"), provenance.command(run)]
    return [
        first,
        _section("overview", "All pairs by layer", overview),
        *(_part(part, i, reach, len(parts) > 1) for i, part in enumerate(parts)),
        _section("compared", "Against other methods", comparison.against_others(run)),
        _section("predictors", "Which measure foretells the gain", predictors),
        _section("doctor", "The sentences: what the doctor found", provenance.doctor(parts)),
        _section("settings", "Settings", provenance.settings(parts)),
        _section("provenance", "Provenance", *origin),
    ]


_WHERE = "Where the patch helps on dev"


def _part(part: Part, place: int, reach: float, several: bool) -> Markup | None:
    """All about one pair and task; of a study that has no tables, nothing but what its card says."""
    blocks = [
        _block(f"where-{place}", _WHERE if several else None, _where(part, place, reach)),
        _block(f"evidence-{place}", "Evidence", _evidence(part)),
        _block(f"examples-{place}", "Items that turned", examples.flipped(part)),
        _block(f"confounds-{place}", "Confounds", evidence.confounds(part)),
        _block(f"facts-{place}", "First facts", provenance.facts(part)),
    ]
    heading = part.title if several or "exploration" not in part.tables else _WHERE
    return _section(f"part-{place}", heading, *blocks)


def _where(part: Part, place: int, reach: float) -> Markup | None:
    if "exploration" not in part.tables or part.tables["exploration"].empty:
        return None
    note = (
        "Exploratory: the best of many cells is optimistically biased. Point at a cell for "
        "its numbers; click it, or press Enter, for all of its layer. Arrow keys move between cells."
    )
    return tag(
        "div",
        methods_by_layers(part, place, reach),
        tag("p", note, class_="muted screen"),
        tag("div", id=f"detail-{place}", class_="detail", hidden=True),
        tag("noscript", tag("p", "Without scripts, the numbers of each cell are in exploration.parquet.")),
    )


def _evidence(part: Part) -> Markup | None:
    children: list[Child] = [evidence.outcomes(part)] if part.finished else []
    if curves := evidence.curves(part):
        tables = tag("details", tag("summary", "The curves as tables"), *evidence.numbers(part))
        children += [tag("h4", "Fit and similarity over layers"), curves, tables]
    if planes := evidence.before_and_after_map(part):
        children += [tag("h4", "Sentences before and after the map"), planes]
    return tag("div", *children) if children else None


def _section(name: str, heading: str, *children: Child) -> Markup | None:
    """A section; None where nothing stands in it."""
    if not any(children):
        return None
    return tag("section", tag("h2", heading, id=name), *children, aria_labelledby=name)


def _block(name: str, heading: str | None, child: Markup | None) -> Markup | None:
    """A part of a section; without a heading, the section's own says what it is."""
    if child is None:
        return None
    head = None if heading is None else tag("h3", heading, id=name)
    return tag("div", head, child, class_="block", id=name if heading is None else None)
