r"""Tasks of generated answers as a table, tab-separated or JSON lines, one row for each item and language.

    id  split  group  language  prompt  answer1  answer2  …

Every answer counts as right, and an item with fewer of them leaves the last cells empty; in JSON lines they
are a list `answers`. Everything else is as in tables of choices.
"""

from pathlib import Path

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.reading import plain_name, user_path
from workbench.tasks.base import AnswerExample, AnswerTask
from workbench.tasks.cells import Columns, read_rows
from workbench.tasks.scoring import SCORERS

_COLUMNS = Columns(("id", "split", "group", "language", "prompt"), "answer", least=1)


def read_answers(path: str | Path, name: str | None = None, scorer: str = "exact") -> AnswerTask:
    """Read a table of answers; they are scored by one of `SCORERS` (exact, number, f1, chrf or bleu)."""
    path = user_path(path)
    if scorer not in SCORERS:
        raise InputError(f"unknown scorer {quoted(scorer)}: {did_you_mean(scorer, SCORERS)}")
    examples = []
    for row in read_rows(path, _COLUMNS):
        item, prompt = row.cells["id"], row.cells["prompt"]
        try:
            example = AnswerExample(item, prompt, row.values, row.language, row.split, row.group)
        except InputError as error:
            raise row.error(f"{error}: fix the row") from error
        examples.append(example)
    return AnswerTask(Path(plain_name(path)).stem if name is None else name, tuple(examples), scorer)
