"""XQuAD: questions on paragraphs, in SQuAD's JSON; the answer stands in the paragraph."""

from collections.abc import Iterator
from typing import Any

from workbench.core.errors import TextError, quoted
from workbench.tasks.base import AnswerExample, AnswerTask
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import File, Source, by_language, find_files, read_json, text_in

_FILES = r"xquad\.(?P<language>[\w-]+)\.json"


def read_xquad(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "{context}\nQuestion: {question}\nAnswer:",
) -> AnswerTask:
    """Read `xquad.<language>.json` from a folder; the only set published is cut in halves by the seed.

    No article is in both halves. `group` is the paragraph, as `article/paragraph`, both counted from 0.
    """
    files = by_language(find_files(path, _FILES, "xquad"))
    sides = {language: dict(_read(file)) for language, file in files.items()}
    first = next(iter(sides))
    for language, side in sides.items():
        if {name: row[0] for name, row in side.items()} != {n: row[0] for n, row in sides[first].items()}:
            odd = next(iter(side.keys() ^ sides[first].keys()), "in another paragraph")
            raise TextError(f"has other items than {files[first]}: {odd}; fetch both again", files[language])
    groups = {name: group for name, (group, *_) in sides[first].items()}
    split_of = halves({name: group.partition("/")[0] for name, group in groups.items()}, seed)
    examples = []
    for language, side in sides.items():
        for name, group in groups.items():
            _, context, question, answers = side[name]
            prompt = fill(template, language, {"context": context, "question": question})
            examples.append(AnswerExample(name, prompt, answers, language, split_of[name], group))
    note = f"the one published set cut into a dev and a test half by article with seed {seed}"
    return AnswerTask("xquad", tuple(examples), "f1", (note,))


def _read(path: File) -> Iterator[tuple[str, tuple[str, str, str, tuple[str, ...]]]]:
    seen: set[str] = set()
    for a, article in enumerate(_list(read_json(path), "data", path, "the file")):
        for p, paragraph in enumerate(_list(article, "paragraphs", path, f"article {a}")):
            where = f"{a}/{p}"
            for qa in _list(paragraph, "qas", path, f"paragraph {where}"):
                context = text_in(paragraph, "context", path)
                name, question = (text_in(qa, key, path) for key in ("id", "question"))
                if name in seen:
                    raise TextError(f"item {quoted(name)} occurs twice: keep one", path)
                seen.add(name)
                yield name, (where, context, question, _answers(qa, context, path, name))


def _answers(qa: Any, context: str, path: File, name: str) -> tuple[str, ...]:
    out = [text_in(answer, "text", path) for answer in _list(qa, "answers", path, f"item {quoted(name)}")]
    for text in out:
        if text not in context:
            raise TextError(
                f"answer {quoted(text)} of item {quoted(name)} is not in its paragraph: fix the item", path
            )
    return tuple(dict.fromkeys(out))


def _list(value: Any, field: str, path: File, what: str) -> list[dict[str, Any]]:
    inner = value.get(field) if isinstance(value, dict) else None
    if not isinstance(inner, list) or not inner or not all(isinstance(one, dict) for one in inner):
        raise TextError(f"{what} has no list {field!r}: it is not SQuAD's format; fetch the file again", path)
    return inner
