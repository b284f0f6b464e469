"""The whole page: one file, no request to anywhere, nothing run but its own scripts."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from workbench.figures.look import style
from workbench.figures.markup import Child, Markup, count, language, listed, tag
from workbench.report import comparison, evidence, examples, provenance
from workbench.report.detail import as_data
from workbench.report.heatmap import (
    aligners_by_layers,
    legend_of,
    reach_of,
    similarity_maps,
    studies_by_layers,
)
from workbench.report.verdict import columns, in_words, on_phone
from workbench.results import Part, Run

_HERE = Path(__file__).parent
_WITH_SCRIPT = 'document.documentElement.className = "js";'
"""Run first: what a script shows and hides is then laid out once."""


def to_html(run: Run) -> str:
    """The report on a study, or on several of one model, as one HTML page."""
    title = _title(run)
    header = tag("header", tag("h1", title), _subtitle(run), _navigation(run))
    return document(title, header, _sections(run), [(part.title, part) for part in run.parts])


def document(title: str, header: Markup, sections: Sequence[Child], parts: Sequence[tuple[str, Part]]) -> str:
    """A page of these sections, whose cells open the layers of the titled parts."""
    css = style() + (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    ours = f"style-src {_hash(css)}; script-src {_hash(_WITH_SCRIPT)} {_hash(script)}"
    policy = f"default-src 'none'; {ours}; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Beside escaping, a second lock: only these scripts run, and nothing is ever fetched.
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="generator", content="alignment-workbench"),
        tag("title", title),
        tag("style", Markup(css)),
        tag("script", Markup(_WITH_SCRIPT)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the result", href="#map", class_="skip"),
        header,
        tag("main", *sections),
        tag("footer", tag("p", "Written by alignment-workbench from the tables of the run.")),
        tag("aside", id="detail", class_="detail", aria_label="A layer in detail", hidden=True),
        tag("div", id="tip", role="tooltip", hidden=True),
        as_data(parts),
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
    return f"{model}: does mapping {pair} help?"


_FEW = 3
"""So many pairs or tasks are named; of more, their number."""


def _subtitle(run: Run) -> Markup:
    names = {"pair": [part.pair for part in run.parts], "task": [part.task for part in run.parts]}
    known = {name: list(dict.fromkeys(filter(None, values))) for name, values in names.items()}
    said = [_counted(name, values) for name, values in known.items()]
    return tag("p", " · ".join(said) if known["pair"] else f"Folder {run.folder.name}", class_="muted")


def _counted(name: str, values: list[str]) -> str:
    if not values:
        return f"no {name}"
    if len(values) > _FEW:
        return count(len(values), name)
    return f"{name}{'s' * (len(values) > 1)} {listed(values)}"


def _taskless(run: Run) -> bool:
    """Whether the run fitted and measured sentences alone."""
    return bool(run.specification) and not any(part.task for part in run.parts)


def _navigation(run: Run) -> Markup:
    first = {"Map": "map", ("Pair" if _taskless(run) else "Study"): "part-0"}
    others = {"Other methods": "compared"} if comparison.against_others(run) else {}
    if _predictors(run):
        others["Predictors"] = "predictors"
    links = {**first, **others, "Sentences": "doctor", "Settings": "settings", "Provenance": "provenance"}
    items = [tag("li", tag("a", label, href=f"#{name}")) for label, name in links.items()]
    return tag("nav", tag("ul", *items), aria_label="Contents")


def _predictors(run: Run) -> Markup | None:
    # One study has its own table; of several, only that over all of them answers the question.
    tables = next((t for t in (run.tables, run.parts[0].tables) if "predictors" in t), {})
    return evidence.predictors(tables["predictors"]) if tables else None


def _sections(run: Run) -> list[Child]:
    parts, reach = run.parts, reach_of(run.parts)
    notes = cautions(parts)
    if _taskless(run):
        first = section("map", "Similarity by pair and layer", similarity_maps(parts), notes)
    else:
        several = {part.task for part in parts if part.task}
        labels = [row_head(run, part, len(several) > 1, i) for i, part in enumerate(parts)]
        corrected = len(parts) > 1 and any(run.together(part) is not None for part in parts)
        about = "Verdicts are Holm-corrected. " if corrected else None
        drawn = studies_by_layers(parts, labels, columns(run), reach, about=about)
        first = section("map", "Layers and verdicts", drawn, legend_of(parts, reach), notes)
    origin = [*provenance.provenance(parts), tag("h3", "The command"), provenance.command(run)]
    return [
        first,
        *(_study(run, part, i, reach) for i, part in enumerate(parts)),
        section("compared", "Against other methods", comparison.against_others(run)),
        _closed("predictors", "Which measure predicts the gain", _predictors(run)),
        _closed("doctor", "The sentences: results of the data checks", provenance.doctor(parts)),
        _closed("settings", "Settings", provenance.settings(parts)),
        _closed("provenance", "Provenance", *origin),
    ]


def cautions(parts: Sequence[Part]) -> Markup | None:
    """What has to be said beside the results, a line each."""
    lines = [tag("div", tag("strong", "Caution: "), note) for note in provenance.notes(parts)]
    return tag("div", *lines, class_="note") if lines else None


def row_head(run: Run, part: Part, with_task: bool, place: int | None = None) -> Child:
    """What stands before a study's row of layers; with a `place`, a link to all about it."""
    task = tag("small", part.task) if with_task else None
    name = part.pair or part.title
    return [name if place is None else tag("a", name, href=f"#part-{place}"), task, on_phone(run, part)]


def _study(run: Run, part: Part, place: int, reach: float) -> Markup:
    """All about one pair and task; of a study that has no tables, how far it went."""
    missing = None
    if part.finished and part.missing:
        missing = tag("p", f"Not in the folder, and so not shown: {listed(part.missing)}.", class_="note")
    blocks = [
        None if _taskless(run) else in_words(run, part),
        missing,
        aligners_by_layers(part, place, reach, evidence.outcomes(part)),
        *evidence.over_layers(part),
        _block("Items that changed", examples.flipped(part)),
        _folded("Confounds", evidence.confounds(part)),
        _folded("Accuracy without a patch, and tokens", provenance.facts(part)),
    ]
    heading = tag("h2", part.title, id=f"part-{place}")
    return tag("section", heading, *blocks, aria_labelledby=f"part-{place}", data_study=place, class_="study")


def section(name: str, heading: str, *children: Child) -> Markup | None:
    """A section; None where nothing stands in it."""
    if not any(children):
        return None
    return tag("section", tag("h2", heading, id=name), *children, aria_labelledby=name)


def _closed(name: str, heading: str, *children: Child) -> Markup | None:
    """A section that is opened when it is wanted."""
    if not any(children):
        return None
    summary = tag("summary", tag("h2", heading, id=name))
    return tag("section", tag("details", summary, *children), aria_labelledby=name, class_="closed")


def _block(heading: str, child: Markup | None) -> Markup | None:
    return None if child is None else tag("div", tag("h3", heading), child, class_="block")


def _folded(heading: str, child: Markup | None) -> Markup | None:
    return None if child is None else tag("details", tag("summary", heading), child)
