"""The page's own example is run as it stands."""

import re
from pathlib import Path

from workbench.tasks import TASKS, Task, read_task, same_items, with_shots, write_choices

UNTRIED = "format from its maker's loader, not tried on published files"
PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")


def test_a_task_of_ones_own_takes_twenty_lines(tmp_path):
    block = next(
        code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def capitals" in code
    )
    assert len([line for line in block.splitlines() if line.strip()]) <= 20
    names = {}
    exec(compile(block, "docs/tasks.md", "exec"), names)
    task = names["capitals"]()
    assert isinstance(task, Task) and task.languages == ("en", "sw")
    for split in ("dev", "test"):
        assert len(task.examples("sw", split)) == 2
        assert same_items(task.examples("en", split), task.examples("sw", split))
    one = task.by_id("sw")["fact-3"]
    assert one.prompt + one.choices[one.answer] == "Mji mkuu wa Japani ni Tokyo" and task.shared() == task
    assert with_shots(task, 1).all[0].prompt == "The capital of Kenya is Nairobi\n\nThe capital of France is"
    write_choices(tmp_path / "capitals.tsv", task)
    assert read_task(tmp_path / "capitals.tsv") == task


def test_tasks_that_were_not_tried_say_so_and_the_others_do_not():
    from workbench.tasks.catalogue import catalogue

    first = PAGE[: PAGE.index("Notes:")]  # the table of tasks, not that of templates
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)(?::PATH)?`.*$", first, re.MULTILINE)}
    assert len(rows) == len(TASKS)
    for entry in catalogue().values():
        name = next(
            (option.split()[1].partition(":")[0] for option in entry.read if "--task" in option), None
        )
        if name in TASKS and name != "translation":
            assert (UNTRIED in rows[name]) == (not entry.tried), name
