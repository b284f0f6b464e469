"""What lies beside a trained model, for people and for programs that never saw its config.

parallel.tsv.gz        the same sentences in every language, one column each, for `workbench.text.read`
tasks/<name>.tsv.gz    every task in every language, for `workbench.tasks.read_choices`
truth.json             the ground truth, with the correct map of words
"""

from pathlib import Path
from typing import Any

from workbench.organism.config import WorldConfig
from workbench.organism.items import TASKS, Items
from workbench.store import digest_json, read_json, write_json
from workbench.tasks import write_choices
from workbench.tasks.table import write_rows

TEXT = "parallel.tsv.gz"
TRUTH = "truth.json"
ABOUT = (
    "languages.<code>.main_word maps each form of each word of a language to the plain form of the main "
    "language's word for the same: the correct map of words, and the only one there is. No correct linear "
    "map of hidden states is planted in the model, so none can be looked up here."
)


def task_file(name: str) -> str:
    """Where a task lies in the folder."""
    return f"tasks/{name}.tsv.gz"


def write_files(config: WorldConfig, folder: Path) -> None:
    """Write text, tasks and truth of a world into the folder of its model; the model is left alone."""
    items = Items(config)
    text = items.parallel_text()
    rows = zip(*(text[code] for code in text.languages), strict=True)
    write_rows(folder / TEXT, [text.languages, *rows])
    for name in TASKS:
        write_choices(folder / task_file(name), items.task(name))
    write_json(folder / TRUTH, _truth(items))


def read_card(path: Path) -> dict[str, Any]:
    """The card of a trained model: all dials, and what training took.

    The shipped card is of version 0.1, where `digest` is that of the dials alone.
    """
    card = read_json(path, digest="unchecked")
    if "config" in card and card.get("digest") == digest_json(card["config"]):
        return card
    return read_json(path, digest="optional")


def _truth(items: Items) -> dict[str, Any]:
    truth = items.truth()
    for code, known in truth["languages"].items():
        if code != items.main.code:
            concepts = known["concept"].items()
            known["main_word"] = {form: items.main.words[lexeme] for form, lexeme in concepts}
    return truth | {"about": ABOUT}
