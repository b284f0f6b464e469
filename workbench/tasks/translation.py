"""Translation: say a sentence in another language; FLORES, or any parallel text that can be read."""

from collections.abc import Iterable
from pathlib import Path

from workbench.core.errors import InputError
from workbench.core.languages import canonical, name_of
from workbench.tasks.base import AnswerExample, AnswerTask, SplitName
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.scoring import check_scorer
from workbench.text import ParallelText, read

_TEMPLATE = "{from}: {sentence}\n{to}:"
_FLORES: dict[str, SplitName] = {"dev": "dev", "devtest": "test"}


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
    groups = text.groups or tuple(map(str, range(len(text))))
    split_of = halves({str(row): group for row, group in enumerate(groups)}, seed)
    name = "translation-" + Path(str(path)).stem
    note = f"cut into a dev and a test half with seed {seed}"
    return _task(name, [(text, "", split_of)], to, template, scorer, (note,))


def read_flores(
    path: str | Path | None = None,
    to: str = "en",
    template: Template = _TEMPLATE,
    scorer: str = "chrf",
    languages: Iterable[str] | None = None,
) -> AnswerTask:
    """Read the folder of FLORES (`dev`, `devtest`) as a task: translate each language into `to`.

    The splits are published: devtest is test. `group` is the article.
    """
    if path is None:
        raise InputError("flores is not bundled: name its folder, as flores:PATH")
    parts = []
    for part, split in _FLORES.items():
        text = read(path, _sides(languages, to), format="flores", split=part)
        parts.append((text, f"{part}-", {str(row): split for row in range(len(text))}))
    return _task("flores", parts, to, template, scorer, ())


def _sides(languages: Iterable[str] | None, to: str) -> list[str] | None:
    if languages is None:
        return None
    return list(dict.fromkeys([*(canonical(code) for code in languages), canonical(to)]))


def _task(
    name: str,
    parts: list[tuple[ParallelText, str, dict[str, SplitName]]],
    to: str,
    template: Template,
    scorer: str,
    notes: tuple[str, ...],
) -> AnswerTask:
    """Every language but `to` is asked; an item is called by its row."""
    check_scorer(scorer)
    target = canonical(to)
    examples = []
    for text, prefix, split_of in parts:
        if target not in text or len(text.languages) < 2:
            raise InputError(f"there is nothing to translate into {target!r}: the text is {text}")
        for code in text.languages:
            for row, (here, there) in enumerate(zip(text[code], text[target], strict=True)):
                if code == target:
                    continue
                values = {"sentence": here, "from": name_of(code), "to": name_of(target)}
                group = f"{prefix}{text.groups[row]}" if text.groups else None
                prompt = fill(template, code, values)
                item = f"{prefix}{row + 1}"
                examples.append(AnswerExample(item, prompt, (there,), code, split_of[str(row)], group))
    return AnswerTask(f"{name}-to-{target}", tuple(examples), scorer, notes)
