"""The items of the starter set that comes with the project: for first steps, not for publication."""

from pathlib import Path

from workbench.core.bundled import bundled
from workbench.core.errors import TextError, quoted
from workbench.core.reading import canonical_in, read_lines, user_path
from workbench.tasks.base import ChoiceTask
from workbench.tasks.copa import Connectors, CopaItem, Wording
from workbench.tasks.prompts import Template, halves
from workbench.tasks.records import one_of, text_in

_CAUTION = "for first steps only, checked by nobody but its authors: no result on it is to be published"
_COLUMNS = ["id", "question", "label", "language", "premise", "choice1", "choice2"]


def read_starter(
    path: str | Path | None = None,
    seed: int = 0,
    template: Template = Wording.template,
    choice: Template = Wording.choice,
    connectors: Connectors | None = None,
) -> ChoiceTask:
    """Read the 100 cause-or-effect items in eight languages; the seed cuts them into dev and test."""
    path = bundled("starter/choices.tsv") if path is None else user_path(path)
    lines = read_lines(path)
    if lines[:1] != ["\t".join(_COLUMNS)]:
        raise TextError(f"is no table of the starter set: its columns are {', '.join(_COLUMNS)}", path, 1)
    sides: dict[str, dict[str, CopaItem]] = {}
    for number, line in enumerate(lines[1:], 2):
        item = _item(path, number, line)
        if item.id in sides.setdefault(item.language, {}):
            raise TextError(
                f"item {quoted(item.id)} occurs twice in {item.language!r}: keep one", path, number
            )
        sides[item.language][item.id] = item
    every = {name: name for side in sides.values() for name in side}
    for language, side in sides.items():
        if lost := [name for name in every if name not in side]:
            raise TextError(f"item {quoted(lost[0])} is not there in {language!r}: write it", path)
    if not every:
        raise TextError("holds no items: clone the project anew", path)
    split_of = halves(every, seed)
    wording = Wording(template, choice, connectors)
    examples = [side[name].example(wording, split_of[name]) for side in sides.values() for name in every]
    return ChoiceTask(
        "starter", tuple(examples), (_CAUTION, f"cut into a dev and a test half with seed {seed}")
    )


def _item(path: Path, number: int, line: str) -> CopaItem:
    cells = line.split("\t")
    if len(cells) != len(_COLUMNS):
        raise TextError(
            f"has {len(cells)} cells but the header has {len(_COLUMNS)}: fix the row", path, number
        )
    row = dict(zip(_COLUMNS, cells, strict=True))
    name, premise, one, two = (text_in(row, c, path, number) for c in ("id", "premise", "choice1", "choice2"))
    if one == two:
        raise TextError("both choices are the same: fix the row", path, number)
    question = one_of(row, "question", ("cause", "effect"), path, number)
    label = int(one_of(row, "label", ("0", "1"), path, number))
    language = canonical_in(path, row["language"], number)
    return CopaItem(name, language, premise, (one, two), label, question)
