"""What the numbers were made from: the doctor's findings, settings, digests, versions, the command."""

from collections.abc import Sequence
from typing import Any

from workbench.core.numbers import NONE, plain, spelled
from workbench.core.store import digest_json
from workbench.figures.markup import Child, Markup, count, language, table, tag, words
from workbench.report.evidence import Columns, cells_of
from workbench.results import Part, Run


def _recorded(parts: Sequence[Part], name: str) -> Any:
    """A record of the run, from the first part that has it."""
    return next(filter(None, (part.about(name) for part in parts)), None)


_FINDINGS: Columns = {
    "found": lambda row: f"{row['kind']} ({row['severity']})",
    "languages": lambda row: " ".join(row["languages"]),
    "rows, counted from 0": lambda row: f"{row['count']}: {_spans(row['rows'])}",
    "evidence": lambda row: row["evidence"],
    "what to do": lambda row: row["repair"],
}


def doctor(parts: Sequence[Part]) -> Markup:
    """What was found in the sentences, and which rows were left out."""
    record = _recorded(parts, "left_out")
    if record is None:
        return tag("p", "No record of an examination of the sentences: the doctor did not look at them.")
    report, spans = record.get("report", {}), record.get("left_out", [])
    lost = sum(last - first + 1 for first, last in spans)
    left_out = f"{count(lost, 'row')} left out: {_spans(spans)}." if lost else "None was left out."
    examined = f"{count(int(report.get('rows', 0)), 'row')} of sentences were examined. {left_out}"
    content = tag("p", "Nothing was found.")
    if findings := report.get("findings"):
        content = table("What the doctor found", *cells_of(_FINDINGS, findings), words=5)
    return tag("div", tag("p", examined), content)


def _spans(spans: list[list[int]]) -> str:
    return spelled([(first, last) for first, last in spans])


_TOKENS: Columns = {
    "language": lambda row: language(row["language"]),
    "a sentence": lambda row: plain(row["tokens"] / max(row["sentences"], 1), 1),
    "a word": lambda row: plain(row["tokens_per_word"], 2),
}


def facts(part: Part) -> Markup | None:
    """What was known before anything was patched."""
    known = part.manifest.get("facts")
    if not known:
        return None
    target = known.get("target_accuracy", known.get("ceiling"))
    estimates = {
        f"accuracy in {language(part.source)}": known.get("baseline"),
        f"accuracy in {language(part.target)}, same items": target,
        "gap": known.get("gap"),
    }
    rows = [
        [name, plain(value["estimate"]), f"[{plain(value['low'])}, {plain(value['high'])}]"]
        for name, value in estimates.items()
        if value
    ]
    if known.get("chance") is not None:
        rows.append(["guessing", plain(known["chance"]), ""])
    rows.append(["gain that test items so many find four times of five", plain(known.get("detectable")), ""])
    tokens = cells_of(_TOKENS, known.get("tokens", []))
    return tag(
        "div",
        table(f"Unpatched, {count(known.get('n_dev', 0), 'dev item')}", ["", "value", "95 % interval"], rows),
        table("Tokens, on the sentences", *tokens) if known.get("tokens") else None,
    )


def settings(parts: Sequence[Part]) -> Markup:
    """What was compared, and how."""
    chosen = _recorded(parts, "settings")
    if chosen is None:
        return tag("p", "No settings are recorded in the folder.")
    rows = [[words(name), _value(value)] for name, value in sorted(chosen.items())]
    return table("Settings", ["name", "value"], rows, words=2)


def provenance(parts: Sequence[Part]) -> list[Markup]:
    """Digests and versions; with the same, the same tables come out."""
    model, versions = _recorded(parts, "model"), _recorded(parts, "versions")
    heads = ["pair and task", "sentences", "states", "choices, frozen before test"]
    digests = [[part.title, *(tag("code", digest) for digest in _digests(part))] for part in parts]
    values = [[words(name), tag("code", _value(value))] for name, value in sorted((model or {}).items())]
    return [
        *([table("Model", ["name", "value"], values, words=2)] if model else []),
        table("Digests (SHA-256)", heads, digests, words=4, class_="digests"),
        table("How many, and how long", _SIZES, map(_sizes, parts)),
        *([table("Versions", ["package", "version"], sorted(versions.items()), words=2)] if versions else []),
    ]


def _digests(part: Part) -> list[str]:
    sentences = (part.specification.get("text") or {}).get("digest") or part.manifest.get("text_digest", NONE)
    choices = digest_json(part.records["choices"]) if "choices" in part.records else NONE
    return [str(sentences), str(part.manifest.get("states_digest", NONE)), choices]


_SIZES = [
    "pair and task",
    "sentences fitted",
    "held out",
    "dev items",
    "test items",
    "seconds",
    "scored on test by",
]


def _sizes(part: Part) -> list[str]:
    n, seconds = part.manifest.get("n", {}), part.records.get("timings", {}).get("seconds", {})
    sizes = [f"{n[name]:,}" if name in n else NONE for name in ("fit", "held_out", "dev", "test")]
    looks = [f"{look['by']} ({look['scored']})" for look in part.records.get("looks", {}).get("looks", [])]
    took = plain(sum(seconds.values()) if seconds else None, 0)
    return [part.title, *sizes, took, f"{len(looks)}: {', '.join(looks)}" if looks else NONE]


def command(run: Run) -> Markup:
    """What to type to get the same again."""
    children: list[Child] = []
    if run.command:
        children += [tag("p", "This run:"), _code(run.command)]
    if run.options:
        name = tag("code", "study.toml")
        children += [
            tag("p", "To repeat it with the same options (kept in the folder as ", name, "):"),
            _code("workbench diagnose --config study.toml"),
            tag("details", tag("summary", "study.toml"), _code(run.options)),
        ]
    if not children:
        return tag("p", "The folder does not say by which command it was made.")
    return tag("div", *children)


def notes(parts: Sequence[Part]) -> list[str]:
    """What has to be said beside results on these data and tasks."""
    cautions = [note for part in parts for note in part.about("cautions") or ()]
    own = [(part.task, note) for part in parts for note in part.notes]
    # A task of the same source as the sentences says the same of itself.
    own = [(task, note) for task, note in own if not any(caution.endswith(note) for caution in cautions)]
    return list(dict.fromkeys([*cautions, *(f"{task}: {note}" for task, note in own)]))


def _code(text: str) -> Markup:
    return tag("pre", tag("code", text.strip()), tabindex=0)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(one)}" for key, one in value.items())
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: NONE}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
