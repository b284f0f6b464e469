"""XNLI: does a premise entail a hypothesis? Tables that hold all languages, one for dev and one for test."""

from workbench.core.errors import TextError, quoted
from workbench.core.reading import canonical_in
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, Words, fill, words_for
from workbench.tasks.records import File, Source, find_files, one_of, read_table, text_in

_FILES = r"xnli\.(?P<split>dev|test)\.tsv"
_SPLITS: dict[str, SplitName] = {"dev": "dev", "test": "test"}
_NEEDED = ("language", "gold_label", "sentence1", "sentence2", "promptID", "pairID")
_LABELS = ("entailment", "neutral", "contradiction")

Rows = dict[str, dict[str, tuple[int, dict[str, str]]]]
"""For each language, for each item, its line and cells."""


def read_xnli(
    path: Source | None = None,
    template: Template = "{premise}, right?",
    choice: Template = " {word}, {hypothesis}",
    words: Words = ("Yes", "Also", "No"),
) -> ChoiceTask:
    """Read `xnli.dev.tsv` and `xnli.test.tsv` from a folder (XNLI 1.0); `group` is the premise.

    `words` stand for entailment, neutral and contradiction, or are such three for each language.
    """
    examples = []
    parts = set()
    for file, match in find_files(path, _FILES, "xnli"):
        part = match["split"]
        if part in parts:
            raise TextError(f"is a second file of {part}: name the folder of one of them", file)
        parts.add(part)
        rows = _read(file)
        every = dict.fromkeys(name for side in rows.values() for name in side)
        for language, side in rows.items():
            if lost := next((name for name in every if name not in side), None):
                raise TextError(
                    f"item {quoted(lost)} is not there in {language!r}: fetch the file again", file
                )
            for name in every:
                line, cells = side[name]
                premise, hypothesis = (text_in(cells, key, file, line) for key in ("sentence1", "sentence2"))
                values = {"premise": premise, "hypothesis": hypothesis}
                prompt = fill(template, language, values)
                said = words_for(words, language, len(_LABELS))
                choices = tuple(fill(choice, language, {**values, "word": word}) for word in said)
                label = _LABELS.index(one_of(cells, "gold_label", _LABELS, file, line))
                group = f"{part}-{text_in(cells, 'promptID', file, line)}"
                item = f"{part}-{name}"
                examples.append(Example(item, prompt, choices, label, language, _SPLITS[part], group))
    return ChoiceTask("xnli", tuple(examples))


def _read(path: File) -> Rows:
    rows: Rows = {}
    for number, cells in read_table(path, _NEEDED, "XNLI 1.0"):
        language = canonical_in(path, cells["language"], number)
        name = text_in(cells, "pairID", path, number)
        if name in rows.setdefault(language, {}):
            raise TextError(f"item {quoted(name)} occurs twice in {language!r}: keep one", path, number)
        rows[language][name] = number, cells
    return rows
