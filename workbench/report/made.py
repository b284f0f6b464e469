"""What the numbers were made from: the doctor's findings, settings, digests, versions, the command."""

from collections.abc import Sequence
from typing import Any

from workbench.checks.report import spelled
from workbench.core.numbers import plain
from workbench.core.store import digest_json
from workbench.figures.markup import Child, Markup, count, language, table, tag, words
from workbench.results import Part, Run


def doctor(parts: Sequence[Part]) -> Markup:
    """What was found in the sentences, and which rows were left out."""
    seen = [part.about("left_out") for part in parts if part.about("left_out")]
    if not seen:
        return tag("p", "No record of an examination of the sentences: the doctor did not look at them.")
    first = seen[0]
    report, gone = first.get("report", {}), [tuple(span) for span in first.get("left_out", [])]
    lost = sum(last - start + 1 for start, last in gone)
    left = f"{count(lost, 'row')} left out: {spelled(gone)}." if lost else "None was left out."
    findings = report.get("findings", [])
    said = tag("p", f"{count(int(report.get('rows', 0)), 'row')} of sentences were examined. {left}")
    if not findings:
        return tag("div", said, tag("p", "Nothing was found."))
    rows = [
        [
            f"{one['kind']} ({one['severity']})",
            " ".join(one["languages"]),
            f"{one['count']}: {spelled([tuple(span) for span in one['rows']])}",
            one["evidence"],
            one["repair"],
        ]
        for one in findings
    ]
    heads = ["found", "languages", "rows, counted from 0", "evidence", "what to do"]
    return tag("div", said, table("What the doctor found", heads, rows, words=5))


def facts(part: Part) -> Markup | None:
    """What was known before anything was patched."""
    known = part.manifest.get("facts")
    if not known:
        return None
    rows: list[list[Child]] = [
        [name, plain(one["estimate"]), f"[{plain(one['low'])}, {plain(one['high'])}]"]
        for name, one in (
            (f"accuracy in {language(part.source)}", known.get("baseline")),
            (
                f"accuracy in {language(part.target)}, same items",
                known.get("target_accuracy", known.get("ceiling")),
            ),
            ("gap", known.get("gap")),
        )
        if one
    ]
    if known.get("chance") is not None:
        rows.append(["guessing", plain(known["chance"]), ""])
    rows.append(["gain that test items so many find four times of five", plain(known.get("detectable")), ""])
    tokens = [
        [
            language(one["language"]),
            plain(one["tokens"] / max(one["sentences"], 1), 1),
            plain(one["tokens_per_word"], 2),
        ]
        for one in known.get("tokens", [])
    ]
    return tag(
        "div",
        table(f"Unpatched, {count(known.get('n_dev', 0), 'dev item')}", ["", "value", "95 % interval"], rows),
        table("Tokens, on the sentences", ["language", "a sentence", "a word"], tokens) if tokens else None,
    )


def settings(parts: Sequence[Part]) -> Markup:
    """What was compared, and how."""
    chosen = next((part.about("settings") for part in parts if part.about("settings")), None)
    if chosen is None:
        return tag("p", "No settings are recorded in the folder.")
    rows = [[words(name), _value(value)] for name, value in sorted(chosen.items())]
    return table("Settings", ["name", "value"], rows, words=2)


def provenance(parts: Sequence[Part]) -> list[Markup]:
    """Digests and versions; with the same, the same tables come out."""
    made = []
    model = next((part.about("model") for part in parts if part.about("model")), None)
    if model:
        rows = [[words(name), tag("code", _value(value))] for name, value in sorted(model.items())]
        made.append(table("Model", ["name", "value"], rows, words=2))
    digests: list[list[Child]] = [
        [
            part.title,
            tag("code", _text_digest(part)),
            tag("code", str(part.manifest.get("states_digest", "–"))),
            tag("code", digest_json(part.records["choices"]) if "choices" in part.records else "–"),
        ]
        for part in parts
    ]
    heads = ["pair and task", "sentences", "states", "choices, frozen before test"]
    made.append(table("Digests (SHA-256)", heads, digests, words=4, class_="digests"))
    made.append(_sizes(parts))
    versions: dict[str, str] = next((part.about("versions") for part in parts if part.about("versions")), {})
    if versions:
        made.append(table("Versions", ["package", "version"], sorted(versions.items()), words=2))
    return made


def _sizes(parts: Sequence[Part]) -> Markup:
    names = ("fit", "held_out", "dev", "test")
    heads = ["pair and task", "sentences fitted", "held out", "dev items", "test items", "seconds"]
    rows = []
    for part in parts:
        n, seconds = part.manifest.get("n", {}), part.records.get("timings", {}).get("seconds", {})
        shown = [f"{n[name]:,}" if name in n else "–" for name in names]
        rows.append([part.title, *shown, plain(sum(seconds.values()), 0) if seconds else "–"])
    return table("How many, and how long", heads, rows)


def _text_digest(part: Part) -> str:
    text = part.specification.get("text") or {}
    return str(text.get("digest") or part.manifest.get("text_digest", "–"))


def command(run: Run) -> Markup:
    """What to type to get the same again."""
    parts: list[Child] = []
    if run.command:
        parts += [tag("p", "This run:"), _code(run.command.strip())]
    if run.options:
        parts += [
            tag(
                "p",
                "To repeat it with the same options (kept in the folder as ",
                tag("code", "study.toml"),
                "):",
            ),
            _code("workbench diagnose --config study.toml"),
            tag("details", tag("summary", "study.toml"), _code(run.options.strip())),
        ]
    if not parts:
        return tag("p", "The folder does not say by which command it was made.")
    return tag("div", *parts)


def notes(parts: Sequence[Part]) -> list[str]:
    """What has to be said beside results on these data and tasks."""
    said = [note for part in parts for note in part.about("cautions") or ()]
    about = [f"{part.task}: {note}" for part in parts for note in part.notes]
    return list(dict.fromkeys([*said, *about]))


def _code(text: str) -> Markup:
    return tag("pre", tag("code", text), tabindex=0)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(one)}" for key, one in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return (
        {True: "yes", False: "no", None: "–"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )
