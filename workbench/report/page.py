"""The whole page: one file, no request to anywhere, nothing run but its own script."""

import base64
import hashlib
from pathlib import Path

from workbench.figures.look import style
from workbench.figures.markup import Child, Markup, language, listed, raw, tag
from workbench.report import compared, evidence, examples, made
from workbench.report.detail import as_data
from workbench.report.heatmap import methods_by_layers, pairs_by_layers, reach_of, similarity_maps
from workbench.report.verdict import summary, verdict_card
from workbench.results import Part, Run

_HERE = Path(__file__).parent


def to_html(run: Run) -> str:
    """The report on a study, or on several of one model, as one HTML page."""
    css = style() + (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    title = _title(run)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Beside escaping, a second lock: only this script runs, and nothing is ever fetched.
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(css, script)),
        tag("meta", name="generator", content="alignment-workbench"),
        tag("title", title),
        tag("style", raw(css)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the result", href="#alike" if _taskless(run) else "#verdict", class_="skip"),
        tag("header", tag("h1", title), _subtitle(run), _navigation(run)),
        tag("main", *_sections(run)),
        tag("footer", tag("p", "Written by alignment-workbench from the tables in this folder.")),
        tag("div", id="tip", role="tooltip", hidden=True),
        as_data(run.parts),
        tag("script", raw(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _policy(css: str, script: str) -> str:
    ours = f"style-src {_hash(css)}; script-src {_hash(script)}"
    return f"default-src 'none'; {ours}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _title(run: Run) -> str:
    part = run.parts[0]
    model = part.model or run.folder.name
    if _taskless(run):
        return f"At which layers does {model} hold the languages alike?"
    if len(run.parts) > 1 or not (part.source and part.target):
        return f"Does mapping one language onto another help {model}?"
    return f"Does mapping {language(part.source)} onto {language(part.target)} help {model}?"


def _subtitle(run: Run) -> Markup:
    tasks = [task for task in dict.fromkeys(part.task for part in run.parts) if task]
    pairs = [pair for pair in dict.fromkeys(part.pair for part in run.parts) if pair]
    said = f"{_several('task', tasks)} {listed(tasks)} · {_several('pair', pairs)} {listed(pairs)}"
    if pairs and not tasks:
        said = f"no task · {_several('pair', pairs)} {listed(pairs)}"
    return tag("p", said if pairs else f"Folder {run.folder.name}", class_="muted")


def _several(name: str, found: list[str]) -> str:
    return name if len(found) == 1 else f"{name}s"


def _taskless(run: Run) -> bool:
    """Whether the run fitted and measured sentences alone."""
    return bool(run.specification) and not any(part.task for part in run.parts)


def _navigation(run: Run) -> Markup:
    several = len(run.parts) > 1
    first = ("alike", "Similarity") if _taskless(run) else ("verdict", "Verdict")
    links = [
        first,
        *((f"part-{i}", part.title) for i, part in enumerate(run.parts) if several),
    ]
    if not several:
        links += [(f"{name}-0", label) for name, label in _PART_LINKS]
    if _compared(run):
        links.append(("compared", "Other methods"))
    links += [("doctor", "Sentences"), ("settings", "Settings"), ("provenance", "Provenance")]
    items = [tag("li", tag("a", label, href=f"#{name}")) for name, label in links]
    return tag("nav", tag("ul", *items), aria_label="Contents")


_PART_LINKS = (
    ("where", "Layers"),
    ("evidence", "Evidence"),
    ("examples", "Items"),
    ("confounds", "Confounds"),
)


def _sections(run: Run) -> list[Child]:
    parts, reach = run.parts, reach_of(run.parts)
    notes = [tag("p", tag("strong", "Mind: "), note, class_="note") for note in made.notes(parts)]
    several = len(parts) > 1
    cards = tag("div", *(verdict_card(run, part, i) for i, part in enumerate(parts)), class_="cards")
    gone = [part for part in parts if part.finished and part.missing]
    lacking = [
        tag(
            "p",
            f"Not in the folder of {part.title}, and so not shown: {listed(part.missing)}.",
            class_="note",
        )
        for part in gone
    ]
    overview = several and any(part.finished and "exploration" in part.tables for part in parts)
    if _taskless(run):
        first = _section("alike", "Similarity by pair and layer", *notes, similarity_maps(parts))
    else:
        first = _section("verdict", "Verdict", summary(run) if several else None, cards, *notes, *lacking)
    return [
        first,
        _section("overview", "All pairs by layer", pairs_by_layers(parts, reach)) if overview else None,
        *(_part(part, i, reach, several) for i, part in enumerate(parts)),
        _compared(run),
        _predictors(run),
        _section("doctor", "The sentences: what the doctor found", made.doctor(parts)),
        _section("settings", "Settings", made.settings(parts)),
        _section(
            "provenance", "Provenance", *made.provenance(parts), tag("h3", "The command"), made.command(run)
        ),
    ]


_WHERE = "Where the patch helps on dev"


def _part(part: Part, place: int, reach: float, several: bool) -> Markup | None:
    """All about one pair and task; of a study that has no tables, nothing but what its card says."""
    blocks = [
        _block(f"where-{place}", _WHERE if several else None, _where(part, place, reach)),
        _block(f"evidence-{place}", "Evidence", _evidence(part)),
        _block(f"examples-{place}", "Items that turned", examples.flipped(part)),
        _block(f"confounds-{place}", "Confounds", evidence.confounds(part)),
        _block(f"facts-{place}", "First facts", made.facts(part)),
    ]
    if not any(blocks):
        return None
    alone = _WHERE if "exploration" in part.tables else part.title
    return _section(f"part-{place}", part.title if several else alone, *blocks)


def _where(part: Part, place: int, reach: float) -> Markup | None:
    if "exploration" not in part.tables or part.tables["exploration"].empty:
        return None
    say = (
        "Exploratory: the best of many cells is optimistically biased. Point at a cell for "
        "its numbers; click it, or press Enter, for all of its layer. Arrow keys move between cells."
    )
    return tag(
        "div",
        methods_by_layers(part, place, reach),
        tag("p", say, class_="muted screen"),
        tag("div", id=f"detail-{place}", class_="detail", hidden=True),
        tag("noscript", tag("p", "Without scripts, the numbers of each cell are in exploration.parquet.")),
    )


def _evidence(part: Part) -> Markup | None:
    shown = [evidence.outcomes(part)] if part.finished else []
    drawn = evidence.curves(part)
    if drawn:
        tables = tag("details", tag("summary", "The curves as tables"), *evidence.numbers(part))
        shown += [tag("h4", "Fit and similarity over layers"), drawn, tables]
    places = evidence.before_and_after_map(part)
    if places:
        shown += [tag("h4", "Sentences before and after the map"), places]
    return tag("div", *shown) if shown else None


def _predictors(run: Run) -> Markup | None:
    # One study has its own table; of several, only that over all of them answers the question.
    found = run.tables.get("predictors")
    if found is None:
        found = run.parts[0].tables.get("predictors")
    drawn = evidence.predictors(found, run.parts)
    return _section("predictors", "Which measure foretells the gain", drawn) if drawn else None


def _compared(run: Run) -> Markup | None:
    shown = compared.against_others(run)
    return _section("compared", "Against other methods", shown) if shown else None


def _section(name: str, heading: str, *children: Child) -> Markup:
    return tag("section", tag("h2", heading, id=name), *children, aria_labelledby=name)


def _block(name: str, heading: str | None, child: Markup | None) -> Markup | None:
    """A part of a section; without a heading, the section's own says what it is."""
    if child is None:
        return None
    head = None if heading is None else tag("h3", heading, id=name)
    return tag("div", head, child, class_="block", id=name if heading is None else None)
