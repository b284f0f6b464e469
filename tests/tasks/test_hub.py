"""The same benchmarks by way of `datasets`: local copies of data sets give what the makers' files give."""

import json
import os

import pytest

from workbench.core.errors import InputError
from workbench.tasks import HUB, TASKS, read_task, same_items

datasets = pytest.importorskip("datasets", reason="the library datasets is not installed")


def copy_of(folder, configs, as_called="{}"):
    """A data set with a configuration for each language: `configs[code][split]` are its rows."""
    head = ["---", "configs:"]
    for code, splits in configs.items():
        head += [f"- config_name: {as_called.format(code)}", "  data_files:"]
        for split, rows in splits.items():
            path = folder / code / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
            head += [f"  - split: {split}", f"    path: {code}/{split}.jsonl"]
    (folder / "README.md").write_text("\n".join([*head, "---", ""]), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def belebele_rows(code, n=4):
    answers = {f"mc_answer{a}": f"{code} {a}" for a in range(1, 5)}
    return [
        {
            "link": f"https://a.example/{i // 2}",
            "question_number": i % 2 + 1,
            "flores_passage": f"{code} passage {i // 2}",
            "question": f'"Q{i}"?',
            **answers,
            "correct_answer_num": str(i % 4 + 1),
            "dialect": code,
        }
        for i in range(n)
    ]


def test_belebele_is_the_same_from_files_and_from_a_data_set(tmp_path):
    codes = ("swh_Latn", "eng_Latn", "deu_Latn")
    copy_of(tmp_path / "copy", {code: {"test": belebele_rows(code)} for code in codes})
    (tmp_path / "files").mkdir()
    for code in codes:
        text = "\n".join(map(json.dumps, belebele_rows(code)))
        (tmp_path / "files" / f"{code}.jsonl").write_text(text, encoding="utf-8")
    task = read_task(f"hub:belebele:{tmp_path / 'copy'}", languages=["sw", "en"])
    assert task == read_task(f"belebele:{tmp_path / 'files'}", languages=["sw", "en"])
    assert task.notes[-1] == f"read from {tmp_path / 'copy'}"


ROWS = {
    "pawsx": [{"id": i, "sentence1": f'"A {i}".', "sentence2": "B\tb.", "label": i % 2} for i in range(4)],
    "sib200": [{"index_id": i, "category": "health", "text": f'"Said", he {i}'} for i in range(4)],
    "mgsm": [
        {"question": f"How {i}?", "answer": None, "answer_number": i, "equation_solution": None}
        for i in range(4)
    ],
    "msvamp": [{"m_query": f"How {i}?", "response": f"{i}.0", "equation": "x"} for i in range(4)],
    "xstorycloze": [
        {
            "story_id": f"s{i}",
            **{f"input_sentence_{k}": f"{i} {k}." for k in range(1, 5)},
            "sentence_quiz1": "One.",
            "sentence_quiz2": "Two.",
            "answer_right_ending": i % 2 + 1,
        }
        for i in range(4)
    ],
    "xwinograd": [
        {"sentence": f"{i} saw _ there.", "option1": "A", "option2": "B", "answer": "2"} for i in range(4)
    ],
    "xcsqa": [
        {
            "id": f"q{i}",
            "lang": "en",
            "question": {"stem": f"What {i}?", "choices": {"label": [*"ABCDE"], "text": [*"vwxyz"]}},
            "answerKey": "C",
        }
        for i in range(4)
    ],
    "xnli": [{"premise": f"P{i // 3}", "hypothesis": f"H{i}", "label": i % 3} for i in range(4)],
    "xcopa": [
        {
            "premise": f"It was {i}.",
            "choice1": "One.",
            "choice2": "Two.",
            "question": "cause",
            "label": i % 2,
            "idx": i,
            "changed": False,
        }
        for i in range(4)
    ],
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_become_their_makers_files(tmp_path, name):
    source = HUB[name]
    codes = source.codes.split() if source.codes else ["swh_Latn", "eng_Latn"]
    rows = ROWS[name]
    if name == "sib200":  # an item is in one split
        parts = {
            split: [{**row, "index_id": row["index_id"] + 10 * k} for row in rows]
            for k, split in enumerate(source.files)
        }
    else:
        parts = dict.fromkeys(source.files, rows)
    copy_of(tmp_path / "copy", dict.fromkeys(codes, parts), source.prefix + "{}")
    wanted = ["ru", "zh"] if name == "xwinograd" else ["en", "zh"] if "en" in codes else None
    task = read_task(f"hub:{name}:{tmp_path / 'copy'}", languages=wanted)
    first, *others = task.languages
    assert others and len(task.by_id(first)) == 4 * len(parts)
    if name != "xwinograd":
        assert same_items(task.examples(first, "dev"), task.examples(others[0], "dev"))
    if name == "sib200":
        assert task.all[0].prompt == '"Said", he 0\nTopic:' and len(task.examples("sw", "fit")) == 4
    if name == "xnli":
        assert [e.answer for e in task.examples("en", "dev")] == [0, 1, 2, 0]
        assert task.all[0].group == task.all[2].group != task.all[3].group
    if name == "pawsx":
        assert task.all[1].prompt == '"A 1", right?' and task.all[1].choices[0] == " No, B b."


@pytest.mark.parametrize("name", [*ROWS, "xquad", "mkqa", "belebele"])
@pytest.mark.parametrize("row", [{"x": 1}, {"answers": [1], "question": 1, "context": 1, "label": "x"}])
def test_rows_of_another_data_set_are_refused(tmp_path, name, row):
    source = HUB[name]
    codes = [source.together] if source.together else (source.codes or "swh_Latn eng_Latn").split()
    copy_of(
        tmp_path / "copy", dict.fromkeys(codes, dict.fromkeys(source.files, [row] * 2)), source.prefix + "{}"
    )
    with pytest.raises(InputError) as error:
        read_task(f"hub:{name}:{tmp_path / 'copy'}")
    assert str(tmp_path / "copy") in str(error.value)


def test_a_pipe_in_a_copy_is_not_waited_for(tmp_path):
    copy_of(tmp_path / "copy", {"en": {"test": ROWS["mgsm"]}})
    file = tmp_path / "copy" / "en" / "test.jsonl"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InputError, match="it is a pipe"):
        read_task(f"hub:mgsm:{tmp_path / 'copy'}")


def test_xquad_is_put_together_again(tmp_path, shared_data):
    configs = {}
    for code in HUB["xquad"].codes.split():
        path = shared_data / "xquad" / f"xquad.{code if code in ('en', 'tr') else 'es'}.json"
        rows = [
            {
                "id": qa["id"],
                "context": paragraph["context"],
                "question": qa["question"],
                "answers": {key: [one[key] for one in qa["answers"]] for key in ("text", "answer_start")},
            }
            for article in json.loads(path.read_text(encoding="utf-8"))["data"]
            for paragraph in article["paragraphs"]
            for qa in paragraph["qas"]
        ]
        configs[code] = {"validation": rows}
    copy_of(tmp_path / "copy", configs, "xquad.{}")
    wanted = ["es", "tr", "en"]
    task = read_task(f"hub:xquad:{tmp_path / 'copy'}", languages=wanted)
    assert task == read_task(f"xquad:{shared_data / 'xquad'}", languages=wanted)


def test_a_copy_of_the_hubs_own_tables_has_a_folder_for_each_configuration(tmp_path):
    for k, split in enumerate(HUB["sib200"].files):
        rows = [{**row, "index_id": row["index_id"] + 10 * k} for row in ROWS["sib200"]]
        for code in ("swh_Latn", "eng_Latn"):
            path = tmp_path / "copy" / code / split / "0000.parquet"
            path.parent.mkdir(parents=True)
            datasets.Dataset.from_list(rows).to_parquet(path)
    (tmp_path / "copy" / "no language").mkdir()
    task = read_task(f"hub:sib200:{tmp_path / 'copy'}", languages=["sw", "en"])
    assert task.languages == ("sw", "en")
    assert [len(task.examples("sw", split)) for split in ("fit", "dev", "test")] == [4, 4, 4]
    with pytest.raises(InputError, match="has none of the languages de"):
        read_task(f"hub:sib200:{tmp_path / 'copy'}", languages=["de"])
    for code in HUB["mgsm"].codes.split():
        path = tmp_path / "maths" / code / "test" / "0000.parquet"
        path.parent.mkdir(parents=True)
        datasets.Dataset.from_list(ROWS["mgsm"]).to_parquet(path)
    assert read_task(f"hub:mgsm:{tmp_path / 'maths'}", languages=["sw"]).by_id("sw")["4"].answers == ("3",)


def test_the_hub_out_of_reach_is_one_line():
    for name in ("belebele", "sib200", "mgsm"):  # the tests are offline: see conftest.py
        with pytest.raises(InputError, match=f"data set '{HUB[name].name}' cannot be read") as error:
            read_task(f"hub:{name}", languages=["sw"])
        assert len(str(error.value).splitlines()) == 1


def test_every_name_at_the_hub_is_a_task_and_pins_are_whole():
    assert set(HUB) <= set(TASKS)
    for name, source in HUB.items():
        if name == "mzsre":  # its makers have it nowhere at the hub
            continue
        assert "/" in source.name and (len(source.revision) == 40 or source.revision.startswith("refs/"))


def test_what_is_not_there_is_one_line(tmp_path):
    copy_of(tmp_path, {"en": {"validation": [{"id": 1}], "test": [{"id": 1}]}})
    for spec, message in [
        (f"hub:pawsx:{tmp_path}", r"data set .* cannot be read .*BuilderConfig"),
        (f"hub:pawsx:{tmp_path / 'none'}", "cannot be read"),
        ("hub:pawsy", "unknown task 'pawsy': did you mean 'pawsx'"),
        ("hub:starter", "unknown task 'starter': .*; at the hub"),
        ("hub:mzsre", r"makers of mzsre have no data set at the hub: .*hub:mzsre:OWNER/NAME"),
        (f"hub:mzsre:{tmp_path}", "holds no file of mzsre: they are called"),
        ("hub:mzsre:owner/nowhere", "data set 'owner/nowhere' cannot be read"),
        ("hub:flores", r"flores_plus' cannot be read .* accept its conditions on its page and sign in"),
    ]:
        with pytest.raises(InputError, match=message) as error:
            read_task(spec, languages=["de"])
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(InputError, match=r"/en/dev_2k\.tsv:1: the header lacks sentence1"):
        read_task(f"hub:pawsx:{tmp_path}", languages=["en"])
    with pytest.raises(InputError, match="write \\['sw', 'en'\\]"):
        read_task(f"hub:pawsx:{tmp_path}", languages="en")


def test_damage_is_named_by_the_data_set_not_by_a_file_that_is_gone(tmp_path):
    rows = belebele_rows("swh_Latn")
    rows[1]["correct_answer_num"] = "7"
    copy_of(tmp_path / "copy", {"swh_Latn": {"test": rows}})
    with pytest.raises(InputError) as error:
        read_task(f"hub:belebele:{tmp_path / 'copy'}")
    assert str(error.value).startswith(f"{tmp_path / 'copy'}/swh_Latn.jsonl:2: 'correct_answer_num' is '7'")


# MKQA, MzsRE and FLORES ---------------------------------------------------------------------------

MKQA_KINDS = "entity long_answer unanswerable date number number_with_unit short_phrase binary".split()
MKQA_CODES = ("en", "sv", "zh_cn", "zh_tw", "zh_hk")


def mkqa_rows(n=5):
    """As the loader at the hub gives them: kinds are numbers, names are texts; the last has a long answer."""
    rows = []
    for i in range(n):
        kind = 1 if i == n - 1 else i % 2 * 5
        answer = {
            "type": kind,
            "entity": "",
            "text": None if kind == 2 else f"A{i}",
            "aliases": [f"B{i}", ""],
        }
        rows.append(
            {
                "example_id": str(i - 2),
                "query": f"who {i}",
                "queries": {code: f"{code} who {i}" for code in MKQA_CODES},
                "answers": {code: [answer] for code in MKQA_CODES},
            }
        )
    return rows


def mkqa_file(folder):
    folder.mkdir()
    lines = []
    for row in mkqa_rows():
        answers = {
            code: [{**one, "type": MKQA_KINDS[one["type"]]} for one in found]
            for code, found in row["answers"].items()
        }
        lines.append(json.dumps({**row, "example_id": int(row["example_id"]), "answers": answers}))
    (folder / "mkqa.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("tables", ["rows", "the hub's own tables", "lists of fields"])
def test_mkqa_is_the_same_from_its_file_and_from_a_data_set(tmp_path, tables):
    rows = mkqa_rows()
    copy = tmp_path / "copy"
    if tables == "the hub's own tables":
        path = copy / "mkqa" / "train" / "0000.parquet"
        path.parent.mkdir(parents=True)
        datasets.Dataset.from_list(rows).to_parquet(path)
    else:
        if tables == "lists of fields":
            for row in rows:
                row["answers"] = {
                    code: {key: [one[key] for one in found] for key in found[0]}
                    for code, found in row["answers"].items()
                }
        copy_of(copy, {"mkqa": {"train": rows}})
    for wanted in (["sv", "zh-Hant", "en"], ["zh"]):
        task = read_task(f"hub:mkqa:{copy}", languages=wanted)
        assert task == read_task(f"mkqa:{mkqa_file(tmp_path / wanted[0])}", languages=wanted)
        assert task.notes[1] == "1 questions without a short answer left out"
        assert len(task.by_id(wanted[0])) == 4 and task.by_id(wanted[0])["-1"].answers == ("A1", "B1")


def test_a_row_that_is_none_of_mkqa_is_named(tmp_path):
    rows = mkqa_rows()
    rows[1]["answers"]["en"][0]["type"] = 8
    copy_of(tmp_path / "copy", {"mkqa": {"train": rows}})
    with pytest.raises(InputError, match=r"copy \(mkqa, train\) is not apple/mkqa: it lacks .*out of range"):
        read_task(f"hub:mkqa:{tmp_path / 'copy'}", languages=["en"])


def edit_files(folder):
    folder.mkdir(parents=True)
    for code in ("cz", "de"):
        records = [
            {
                side: {
                    "subject": f"S{i}",
                    "src": f"{side} q{i}?",
                    "rephrase": f"{side} r{i}?",
                    "alt": f"A{i}",
                }
                for side in ("en", code)
            }
            for i in range(4)
        ]
        path = folder / f"mzsre_test_duplicate_en{code}.json"
        path.write_text(json.dumps(records), encoding="utf-8")
    return folder


def flores_files(folder):
    for part, n in (("dev", 3), ("devtest", 4)):
        for code in ("swh_Latn", "eng_Latn", "deu_Latn"):
            path = folder / part / f"{code}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [{"id": i, "text": f"{code} {part} {i}.", "url": f"u{i // 2}"} for i in range(n)]
            path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def fetched_before(tmp_path, monkeypatch, name, revision, configuration=None):
    """Where the hub's library keeps what it fetched of a data set, in a cache of this test's own."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / f"datasets--{name.replace('/', '--')}"
    if configuration is not None:
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / configuration).write_text(revision, encoding="utf-8")
    return folder / "snapshots" / revision


def test_files_that_were_fetched_before_need_no_network(tmp_path, monkeypatch):
    source = HUB["flores"]
    flores_files(fetched_before(tmp_path, monkeypatch, source.name, source.revision))
    task = read_task("hub:flores", languages=["sw", "en"])  # into English, so that it is asked in Swahili
    assert task == read_task(f"flores:{flores_files(tmp_path / 'files')}", languages=["sw"])
    assert task.languages == ("sw",) and task.notes[-1] == f"read from {source.name} at {source.revision}"
    one = task.by_id("sw")["devtest-2"]
    assert one.prompt == "Swahili: swh_Latn devtest 1.\nEnglish:" and one.group == "devtest-u0"
    other = read_task("hub:flores", languages=["en"], to="de")
    assert other.languages == ("en",) and other.all[0].answers == ("deu_Latn dev 0.",)
    with pytest.raises(InputError, match="cannot be read"):
        read_task("hub:flores@main", languages=["sw"])


def test_mzsre_is_read_from_any_data_set_that_holds_its_files(tmp_path, monkeypatch, caplog):
    pin = "0123456789abcdef0123456789abcdef01234567"
    edit_files(
        fetched_before(tmp_path, monkeypatch, "some/edits", pin, configuration="main") / "data" / "MzsRE"
    )
    expected = read_task(f"mzsre:{edit_files(tmp_path / 'files')}")
    for spec, note in [
        ("hub:mzsre:some/edits", "read from some/edits at main, which is not pinned"),
        (f"hub:mzsre@{pin}:some/edits", f"read from some/edits at {pin}"),
        (f"hub:mzsre:{tmp_path / 'files'}", f"read from {tmp_path / 'files'}"),
    ]:
        caplog.clear()
        task = read_task(spec)
        assert task == expected and task.languages == ("en", "cs", "de") and task.notes[-1] == note
        warned = [record.getMessage() for record in caplog.records if record.name.startswith("workbench")]
        unpinned = f"some/edits cannot be reached: read from the copy fetched earlier as main, commit {pin}"
        assert warned == ([unpinned] if "main" in note else [])
    assert read_task("hub:mzsre:some/edits", languages=["cs", "en"]).languages == ("cs", "en")


def test_damage_in_a_fetched_file_is_named_by_the_data_set(tmp_path, monkeypatch):
    source = HUB["flores"]
    folder = flores_files(fetched_before(tmp_path, monkeypatch, source.name, source.revision))
    (folder / "dev" / "swh_Latn.jsonl").write_text('{"id": 0}', encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_task("hub:flores", languages=["sw"])
    assert str(error.value).startswith(f"{source.name}/dev/swh_Latn.jsonl:1: is not FLORES+")
