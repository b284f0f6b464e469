"""A table of choices is read as it was written, to the character, and a wrong one is named by its line."""

import gzip

import pytest

from workbench.core.errors import InputError
from workbench.tasks import ChoiceTask, Example, read_choices, write_choices
from workbench.tasks.tables import write_rows

HEADER = "id split group language prompt answer choice1 choice2 choice3".split()
ROW = ["1", "dev", "d1", "sw", "Kwa sababu", "1", " ndiyo", " hapana", ""]

TASK = ChoiceTask(
    "quiz",
    (
        Example("1", ' "So\u2028it', (" yes", "  no ", " maybe\u00a0"), 2, "en", "fit", "d1"),
        Example("1", "Basi 'x' ", (" ndiyo", " hapana"), 0, "sw", "fit", "d1"),
        Example("2", "\ufeffWhy\x85", (" ", "no"), 1, "en", "test"),
        Example("2", "Kwa nini\x0c", (" ndiyo", " hapana"), 1, "sw", "test"),
    ),
)


def table(path, *rows, header=HEADER):
    path.write_text("".join("\t".join(row) + "\n" for row in (header, *rows)), encoding="utf-8")
    return path


def changed(**cells):
    return [cells.get(column, cell) for column, cell in zip(HEADER, ROW, strict=True)]


@pytest.mark.parametrize("name", ["quiz.tsv", "quiz.tsv.gz"])
def test_what_is_written_is_read_to_the_character(tmp_path, name):
    write_choices(tmp_path / "new" / name, TASK)
    assert read_choices(tmp_path / "new" / name) == TASK
    assert read_choices(str(tmp_path / "new" / name), "other").name == "other"
    assert [file.name for file in (tmp_path / "new").iterdir()] == [name]


def test_equal_tasks_are_equal_files_under_any_name_at_any_time(tmp_path):
    write_choices(tmp_path / "one.tsv.gz", TASK)
    write_choices(tmp_path / "other.tsv.gz", TASK)
    data = (tmp_path / "one.tsv.gz").read_bytes()
    assert data == (tmp_path / "other.tsv.gz").read_bytes()
    assert data[4:8] == bytes(4)  # the time in the head of gzip
    write_choices(tmp_path / "plain.tsv", TASK)
    assert gzip.decompress(data) == (tmp_path / "plain.tsv").read_bytes()


def test_columns_stand_in_any_order_and_codes_in_any_spelling(tmp_path):
    path = table(tmp_path / "t.tsv", changed(language="swh_Latn")[::-1], header=HEADER[::-1])
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    (example,) = read_choices(path).all
    assert example == Example("1", "Kwa sababu", (" ndiyo", " hapana"), 1, "sw", "dev", "d1")
    assert read_choices(table(tmp_path / "u.tsv", changed(group=""))).all[0].group is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"split": "tset"}, "unknown split 'tset': did you mean 'test'?"),
        ({"answer": "2"}, "answer 2 of 2 choices"),
        ({"answer": "-1"}, "answer '-1' is no number"),
        ({"answer": "B"}, "answer 'B' is no number"),
        ({"answer": ""}, "answer '' is no number"),
        ({"prompt": " "}, "the prompt is empty"),
        ({"id": ""}, "the id is empty"),
        ({"language": "swahili"}, "write 'sw' for swahili"),
        ({"choice2": ""}, "at least two different choices"),
        ({"choice2": " ndiyo"}, "at least two different choices"),
        ({"choice1": "", "choice3": " labda"}, "empty prompt or choice"),
    ],
)
def test_a_wrong_cell_is_named_by_file_and_line(tmp_path, cells, message):
    path = table(tmp_path / "t.tsv", changed(id="0"), changed(**cells))
    with pytest.raises(InputError) as error:
        read_choices(path)
    assert str(error.value).startswith(f"{path}:3: ") and message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW], "3: item '1' occurs twice in 'sw'"),
        ([ROW, changed(language="swa")], "3: item '1' occurs twice in 'sw'"),
        ([ROW, changed(language="en", split="test")], "3: item '1' is in test here and in dev above"),
        ([ROW, ROW[:-1]], "3: has 8 cells but the header has 9"),
        ([[*ROW, " x"]], "2: has 10 cells but the header has 9"),
        ([], "holds no items"),
    ],
)
def test_wrong_rows_are_named_by_file_and_line(tmp_path, rows, message):
    path = table(tmp_path / "t.tsv", *rows)
    with pytest.raises(InputError, match=message):
        read_choices(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["promt" if c == "prompt" else c for c in HEADER], "'promt': did you mean 'prompt'?"),
        ([*HEADER[:-1], "choise3"], "'choise3': did you mean 'choice3'?"),
        ([*HEADER[:-1], "choice4"], "'choice4': did you mean 'choice3'?"),
        ([*HEADER[:-1], "choice2"], "two columns are called 'choice2'"),
        ([*HEADER, "note"], "unknown column 'note'"),
        ([c for c in HEADER if c not in ("group", "answer")], "the header lacks group, answer"),
        ([c for c in HEADER if c[:6] != "choice"], "the header lacks choice1, choice2"),
        (ROW, "unknown column '1'"),
        ([], "unknown column ''"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path, header, message):
    path = table(tmp_path / "t.tsv", ROW, header=header)
    with pytest.raises(InputError) as error:
        read_choices(path)
    assert str(error.value).startswith(f"{path}:1: ") and message in str(error.value)


def test_a_file_that_is_no_such_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="not called"):
        read_choices(tmp_path / "t.csv")
    with pytest.raises(InputError, match=r"t.tsv: cannot be read"):
        read_choices(tmp_path / "t.tsv")
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"id\tsplit")[:-5])
    with pytest.raises(InputError, match="is damaged"):
        read_choices(tmp_path / "t.tsv.gz")
    (tmp_path / "t.tsv").write_bytes(b"")
    with pytest.raises(InputError, match=r"t.tsv:1: unknown column ''"):
        read_choices(tmp_path / "t.tsv")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"prompt": "a\tb"}, "tabs"),
        ({"prompt": "a\nb"}, "line ends"),
        ({"choices": (" a", " b\r")}, "line ends"),
        ({"group": "\ud800"}, "halves"),
        ({"prompt": " "}, "empty"),
        ({"group": ""}, "empty"),
        ({"language": "xyzzy"}, "unknown language"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, cells, message):
    known = {"id": "1", "prompt": "p", "choices": (" a", " b"), "answer": 0, "language": "en", "split": "dev"}
    task = ChoiceTask("t", (Example(**known | cells),))
    with pytest.raises(InputError, match=message):
        write_choices(tmp_path / "t.tsv", task)
    assert not list(tmp_path.iterdir())


def test_an_empty_task_and_a_strange_name_are_not_written(tmp_path):
    with pytest.raises(InputError, match="no items"):
        write_choices(tmp_path / "t.tsv", ChoiceTask("t", ()))
    with pytest.raises(InputError, match="must be called"):
        write_rows(tmp_path / "t.tsv.xz", [["a"]])
