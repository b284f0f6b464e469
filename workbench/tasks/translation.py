"""Translation: say a sentence in another language; FLORES, or any parallel text that can be read."""

from collections.abc import Iterable
from pathlib import Path

from workbench.core.errors import InputError
from workbench.core.languages import canonical, name_of
from workbench.core.reading import user_path
from workbench.tasks.base import AnswerExample, AnswerTask, SplitName
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.scoring import check_scorer
from workbench.text import ParallelText, flores_parts, read

Part = tuple[ParallelText, str, tuple[SplitName, ...]]
"""A text, how its items' names begin, and the split of each row."""
_TEMPLATE = "{from}: {sentence}\n{to}:"


def read_translation(
    path: str | Path | None = None,
    seed: int = 0,
    to: str = "en",
    template: Template = _TEMPLATE,
    scorer: str = "chrf",
    languages: Iterable[str] | None = None,
    format: str | None = None,
) -> AnswerTask:
    """Read any parallel text (docs/text.md) as a task: translate each language into `to`.

    Cut in halves by the seed; no document is in both, and it is the group. In the template {from} and {to}
    are the English names of the languages.
    """
    if path is None:
        raise InputError("translation is not bundled: name a text, as translation:PATH")
    text = read(path, _sides(languages, to), format=format)
    splits = _halves(text, seed)
    note = f"cut into a dev and a test half with seed {seed}"
    return _task("translation-" + Path(str(path)).stem, [(text, "", splits)], to, template, scorer, (note,))


def read_flores(
    path: str | Path | None = None,
    to: str = "en",
    template: Template = _TEMPLATE,
    scorer: str = "chrf",
    languages: Iterable[str] | None = None,
    seed: int = 0,
) -> AnswerTask:
    """Read the folder of FLORES (`dev`, `devtest`) as a task: translate each language into `to`.

    The splits are published: devtest is test. `group` is the article. Where only one of them is at hand, the
    seed cuts it into a dev and a test half, by article, and the task is called flores-dev or flores-devtest.
    """
    if path is None:
        raise InputError("flores is not bundled: name its folder, as flores:PATH")
    languages = None if languages is None else list(languages)
    there = [part for part in ("dev", "devtest") if part in flores_parts(user_path(path))]
    if len(there) == 1:
        text = read(path, _sides(languages, to), format="flores", split=there[0])
        note = f"{there[0]} cut into a dev and a test half with seed {seed}"
        one = (text, f"{there[0]}-", _halves(text, seed))
        return _task(f"flores-{there[0]}", [one], to, template, scorer, (note,))
    parts: list[Part] = []
    published: dict[str, SplitName] = {"dev": "dev", "devtest": "test"}
    for part, split in published.items():
        text = read(path, _sides(languages, to), format="flores", split=part)
        parts.append((text, f"{part}-", (split,) * len(text)))
    return _task("flores", parts, to, template, scorer, ())


def _halves(text: ParallelText, seed: int) -> tuple[SplitName, ...]:
    groups = text.groups or map(str, range(len(text)))
    return tuple(halves({str(row): group for row, group in enumerate(groups)}, seed).values())


def _sides(languages: Iterable[str] | None, to: str) -> list[str] | None:
    if languages is None:
        return None
    return list(dict.fromkeys([*(canonical(code) for code in languages), canonical(to)]))


def _task(
    name: str, parts: Iterable[Part], to: str, template: Template, scorer: str, notes: tuple[str, ...]
) -> AnswerTask:
    """Every language but `to` is asked; an item is called by its row."""
    check_scorer(scorer)
    target = canonical(to)
    examples = []
    for text, prefix, splits in parts:
        if target not in text or len(text.languages) < 2:
            raise InputError(f"there is nothing to translate into {target!r}: the text is {text}")
        groups = [f"{prefix}{group}" for group in text.groups] if text.groups else [None] * len(text)
        for code in text.languages:
            if code != target:
                rows = zip(text[code], text[target], splits, groups, strict=True)
                for number, (here, there, split, group) in enumerate(rows, 1):
                    values = {"sentence": here, "from": name_of(code), "to": name_of(target)}
                    prompt = fill(template, code, values)
                    examples.append(AnswerExample(f"{prefix}{number}", prompt, (there,), code, split, group))
    return AnswerTask(f"{name}-to-{target}", tuple(examples), scorer, notes)
