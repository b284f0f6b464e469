"""Benchmarks in their makers' formats, on small files: what is read, and what is said of damaged ones."""

import gzip
import json
import re

import pytest

from workbench.core.errors import InputError
from workbench.tasks import AnswerTask, ChoiceTask, read_task, same_items
from workbench.tasks.labels import TOPICS, read_pawsx, read_sib200
from workbench.tasks.questions import read_mkqa, read_msvamp, read_mzsre, read_xcsqa
from workbench.tasks.stories import read_xstorycloze, read_xwinograd
from workbench.tasks.translation import read_flores, read_translation


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tsv(path, *rows):
    return write(path, *("\t".join(row) for row in rows))


def jsonl(path, *records):
    return write(path, *(json.dumps(record, ensure_ascii=False) for record in records))


def check_splits(task, language, dev, test):
    """So many items in both splits, none in two, the same ones in every language."""
    here, there = (task.examples(language, split) for split in ("dev", "test"))
    assert (len(here), len(there)) == (dev, test) and not {e.id for e in here} & {e.id for e in there}
    for other in task.languages:
        assert same_items(here, task.examples(other, "dev"))
        assert same_items(there, task.examples(other, "test"))


def damaged(reader, folder, path, message, **options):
    """The one line that says what is wrong starts with file and line."""
    with pytest.raises(InputError) as error:
        reader(folder, **options)
    assert str(error.value).startswith(f"{path}{message}"), error.value


# PAWS-X --------------------------------------------------------------------------------------------

PAIRS = [("id", "sentence1", "sentence2", "label")] + [
    (str(i), f'The "{i}" is one .', f"One is {i} .", str(i % 2)) for i in range(1, 5)
]


def pawsx(folder, language, *rows, part="dev_2k"):
    return tsv(folder / "x-final" / language / f"{part}.tsv", *rows)


def test_pawsx_reads_a_folder_for_each_language(tmp_path):
    for language in ("en", "de"):
        for part in ("dev_2k", "test_2k"):
            pawsx(tmp_path, language, *PAIRS, part=part)
        write(tmp_path / "x-final" / language / "translated_train.tsv", "of no use here")
    task = read_task(f"pawsx:{tmp_path}", languages=["deu", "en"])
    assert task.languages == ("de", "en")
    check_splits(task, "de", 4, 4)
    one = task.by_id("de")["dev_2k-1"]
    assert one.prompt == 'The "1" is one, right?' and one.answer == 1
    assert one.choices == (" No, One is 1 .", " Yes, One is 1 .")
    assert task.by_id("en")["test_2k-2"].answer == 0


def test_pairs_that_a_language_lacks_are_left_out_in_all(tmp_path):
    more = [(str(i), "a", "b", "0") for i in range(5, 9)]
    pawsx(tmp_path, "en", *PAIRS, *more)
    faulty = (("2", "NS", "x", "0"), ("3", "a", "", "1"), ("4", "a", "b", "-1"))
    pawsx(tmp_path, "de", *PAIRS[:2], *faulty, *more[:-1])
    task = read_pawsx(tmp_path)
    assert list(task.by_id("de")) == list(task.by_id("en")) == [f"dev_2k-{i}" for i in (1, 5, 6, 7)]
    assert task.notes[0] == "4 pairs of dev_2k left out: some language lacks them"
    path = pawsx(tmp_path, "de", *PAIRS[:2], *faulty)
    damaged(read_pawsx, tmp_path, path, ": only 1 of 8 pairs are whole in all of de, en")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("id", "sentence1", "label")], ":1: the header lacks sentence2: it is not PAWS-X"),
        ([*PAIRS, PAIRS[1]], ":6: item '1' occurs twice"),
        ([*PAIRS, ("9", "a", "b")], ":6: has 3 cells but the header has 4"),
        ([*PAIRS, ("", "a", "b", "1")], ":6: 'id' is ''"),
        (PAIRS[:1], ": holds no items"),
    ],
)
def test_a_damaged_pawsx_is_named(tmp_path, rows, message):
    pawsx(tmp_path, "de", *PAIRS)
    path = pawsx(tmp_path, "en", *rows)
    damaged(read_pawsx, tmp_path, path, message)


def test_folders_of_languages_are_checked(tmp_path):
    pawsx(tmp_path, "en", *PAIRS)
    pawsx(tmp_path, "en", *PAIRS, part="test_2k")
    pawsx(tmp_path, "de", *PAIRS)
    with pytest.raises(InputError, match="has no test_2k in 'de': fetch it, or choose other languages"):
        read_pawsx(tmp_path)
    with pytest.raises(InputError, match="there is no file in 'fr' among de, en"):
        read_pawsx(tmp_path, languages=["fr"])
    with pytest.raises(InputError, match=r"they are called <language>/<split>\.tsv"):
        read_pawsx(tmp_path / "x-final" / "en" / "none")
    with pytest.raises(InputError, match="name its folder, as pawsx:PATH"):
        read_pawsx()


# XStoryCloze ---------------------------------------------------------------------------------------

HEADER = (
    "InputStoryid",
    *(f"InputSentence{i}" for i in range(1, 5)),
    "RandomFifthSentenceQuiz1",
    "RandomFifthSentenceQuiz2",
    "AnswerRightEnding",
)


def stories(language, n=4, flip=()):
    return [
        (
            f"s{i}",
            *(f"{language} {i}{part}." for part in "abcd"),
            "End one.",
            'End "two".',
            str((i + (i in flip)) % 2 + 1),
        )
        for i in range(n)
    ]


def story_file(folder, language, part, rows, header=HEADER):
    return tsv(folder / f"spring2016.val.{language}.tsv.split_20_80_{part}.tsv", header, *rows)


def test_xstorycloze_is_dev_and_test_as_published(tmp_path):
    for language in ("sw", "en"):
        story_file(tmp_path, language, "train", stories(language, 3))
        story_file(tmp_path, language, "eval", stories(language, 5))
    task = read_task(f"xstorycloze:{tmp_path}", languages=["sw", "en"])
    check_splits(task, "sw", 3, 5)
    one = task.by_id("sw")["eval-2"]
    assert one.prompt == "sw 1a. sw 1b. sw 1c. sw 1d." and one.answer == 1
    assert one.choices == (" End one.", ' End "two".') and task.notes == ()


def test_one_part_is_cut_in_halves_and_a_few_other_answers_are_told(tmp_path):
    story_file(tmp_path, "sw", "eval", stories("sw", 20, flip=[3]))
    story_file(tmp_path, "en", "eval", stories("en", 20))
    task = read_xstorycloze(tmp_path)
    check_splits(task, "sw", 10, 10)
    assert task.notes == (
        "answers in sw differ from en in 1 items, such as line 5",
        "eval cut into a dev and a test half with seed 0",
    )


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (stories("sw", 3), HEADER, ":5: has 3 items but"),
        (stories("sw", 4, flip=[0, 2]), HEADER, ":2: agrees with"),
        (
            [*stories("sw", 3), ("s", "a", "b", "c", "d", "e", "f", "3")],
            HEADER,
            ":5: 'AnswerRightEnding' is '3'",
        ),
        ([*stories("sw", 3), ("s", "a", "b", "c", "", "e", "f", "1")], HEADER, ":5: 'InputSentence4' is ''"),
        ([*stories("sw", 3), ("s", "a", "b", "c", "d", "e", "e", "2")], HEADER, ":5: example 'eval-4'"),
        (stories("sw"), HEADER[:-1], ":1: the header lacks AnswerRightEnding"),
    ],
)
def test_a_damaged_xstorycloze_is_named(tmp_path, rows, header, message):
    story_file(tmp_path, "en", "eval", stories("en"))
    path = story_file(tmp_path, "sw", "eval", rows, header)
    damaged(read_xstorycloze, tmp_path, path, message)


# XWinograd -----------------------------------------------------------------------------------------


def schema(language, sentence, tokens, at, one, two, right, pronoun=None):
    pronoun = tokens[at] if pronoun is None else pronoun
    options = [[one, [0, 1], [one], right == 0], [two, [0, 1], [two], right == 1]]
    parsed = (tokens, [pronoun, [at, at + 1], [pronoun]], options)
    return (language, "original", "?", sentence, *map(json.dumps, parsed))


TROPHY = 'The trophy does not fit the case because "it" is {}.'
WORDS = "The trophy does not fit the case because `` it '' is {} ."
ROWS = [
    schema("en", TROPHY.format(w), WORDS.format(w).split(), 9, "the trophy", "the case", right)
    for right, w in enumerate(("big", "small"))
]
ROWS += [
    schema("jp", "彼は彼を見た。", ["彼", "は", "彼", "を", "見", "た", "。"], 2, "太郎", "次郎", 1),
    schema("jp", "彼は来た。", ["彼", "は", "来", "た", "。"], 0, "太郎", "次郎", 0),
    schema("pt", "Ela a viu.", ["Ela", "a", "viu", "."], 1, "Ana", "Eva", 0),
]


def test_xwinograd_fills_the_pronoun_with_each_candidate(tmp_path):
    path = tsv(tmp_path / "dataset.tsv", *ROWS)
    task = read_task(f"xwinograd:{path}")
    assert task.languages == ("en", "ja", "pt")
    one, two = task.by_id("en").values()
    assert one.prompt == 'The trophy does not fit the case because "'
    assert one.choices == ('the trophy" is big.', 'the case" is big.') and (one.answer, two.answer) == (0, 1)
    assert one.group == two.group == "en-1" and one.split == two.split
    assert task.by_id("ja")["ja-1"].prompt == "彼は" and task.by_id("ja")["ja-1"].choices[1] == "次郎を見た。"
    assert task.by_id("pt")["pt-1"].choices == (" Ana viu.", " Eva viu.")
    assert list(task.by_id("ja")) == ["ja-1"] and "1 sentences that begin with the pronoun" in task.notes[1]
    with pytest.raises(InputError, match="xwinograd has no items that en, ja, pt share"):
        task.shared()


def test_xwinograd_with_a_gap(tmp_path):
    record = {"sentence": "A saw B because _ was here.", "option1": "A", "option2": "B", "answer": "2"}
    jsonl(tmp_path / "jp.jsonl", record)
    (one,) = read_xwinograd(tmp_path).all
    assert (one.language, one.prompt, one.answer) == ("ja", "A saw B because", 1)
    assert one.choices == (" A was here.", " B was here.")
    for change, message in [
        ({"sentence": "no gap"}, ":1: the sentence has no _"),
        ({"answer": "3"}, ":1: 'answer' is '3'"),
        ({"option2": "A"}, ":1: example 'ja-1'"),
    ]:
        path = jsonl(tmp_path / "jp.jsonl", {**record, **change})
        damaged(read_xwinograd, tmp_path, path, message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROWS[0][:-1], ":2: is no row of XWinograd"),
        ((*ROWS[0][:-1], "[1]"), ":2: is no row of XWinograd"),
        (("xx-yy-zz", *ROWS[0][1:]), ":2: unknown language"),
        (
            schema("en", "It is.", ["They", "is", "."], 0, "a", "b", 0),
            ":2: is no row of XWinograd (there is no 'They'",
        ),
        (schema("en", "So it is.", ["So", "it"], 1, "a", "b", 2), ":2: does not have one right candidate"),
    ],
)
def test_a_damaged_xwinograd_is_named(tmp_path, row, message):
    path = tsv(tmp_path / "dataset.tsv", ROWS[0], row)
    damaged(read_xwinograd, tmp_path, path, message)


def test_a_pattern_is_shown_as_names(tmp_path):
    with pytest.raises(InputError, match=r"called dataset\.tsv or xwinograd\.tsv or <language>\.jsonl$"):
        read_xwinograd(tmp_path)


def test_two_copies_of_xwinograd_are_one_too_many(tmp_path):
    tsv(tmp_path / "dataset.tsv", *ROWS)
    jsonl(tmp_path / "en.jsonl", {})
    with pytest.raises(InputError, match="are both XWinograd: name one of them"):
        read_xwinograd(tmp_path)


# MSVAMP --------------------------------------------------------------------------------------------


def problems(n=4, **changes):
    known = [{"query": f"how many  {i} ?", "m_query": f" Ngapi {i}?", "response": f"{i}.0"} for i in range(n)]
    return [{**one, **changes} if i == 1 else one for i, one in enumerate(known)]


def english(n=4):
    return [{"m_query": f"how many {i} ?", "equation": "number0", "response": f"{i}.0"} for i in range(n)]


def test_msvamp_is_aligned_by_its_english_questions(tmp_path):
    jsonl(tmp_path / "test_Swahili.json", *problems(response="0.5"))
    jsonl(tmp_path / "test_English.json", *english())
    task = read_task(f"msvamp:{tmp_path}", languages=["sw", "en"])
    assert isinstance(task, AnswerTask) and task.scorer == "number"
    check_splits(task, "sw", 2, 2)
    assert task.by_id("sw")["3"].prompt == "Question: Ngapi 2?\nAnswer:"
    assert [e.answers for e in task.all if e.language == "sw" and e.id in "123"] == [("0",), ("0.5",), ("2",)]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (problems(query="who ?"), ":2: asks 'who ?' where"),
        (problems(5), ":5: has 5 items but"),
        (problems(response="many"), ":2: 'response' is 'many', no number"),
        (problems(m_query=" "), ":2: 'm_query' is ' '"),
        ([], ": holds no items"),
    ],
)
def test_a_damaged_msvamp_is_named(tmp_path, records, message):
    jsonl(tmp_path / "test_English.json", *english())
    path = jsonl(tmp_path / "test_Swahili.json", *records)
    damaged(read_msvamp, tmp_path, path, message)


# SIB-200 -------------------------------------------------------------------------------------------

TOPIC_ROWS = [("index_id", "category", "text")] + [
    (str(i), TOPICS[i % 7], f"Sentence {i}.") for i in range(1, 9)
]


def sib(folder, language, part, *rows):
    return tsv(folder / "annotated" / language / f"{part}.tsv", *rows)


def test_sib200_has_a_fit_split_and_quoted_cells(tmp_path):
    for language in ("eng_Latn", "swh_Latn"):
        for part, rows in (("train", TOPIC_ROWS[1:5]), ("dev", TOPIC_ROWS[5:7]), ("test", TOPIC_ROWS[7:])):
            sib(tmp_path, language, part, TOPIC_ROWS[0], *rows)
    sib(tmp_path, "swh_Latn", "test", TOPIC_ROWS[0], ("7", TOPICS[0], '"Alisema, ""Ndiyo."""'), TOPIC_ROWS[8])
    task = read_task(f"sib200:{tmp_path}", languages=["sw", "en"])
    check_splits(task, "sw", 2, 2)
    assert len(task.examples("sw", "fit")) == 4 and isinstance(task, ChoiceTask)
    one = task.by_id("sw")["7"]
    assert one.prompt == 'Alisema, "Ndiyo."\nTopic:' and one.answer == 0
    assert one.choices[4] == " science/technology" and len(one.choices) == 7


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*TOPIC_ROWS, ("9", "music", "x")], ":10: 'category' is 'music': it must be entertainment or"),
        ([*TOPIC_ROWS, TOPIC_ROWS[1]], ":10: item '1' occurs twice"),
        ([*TOPIC_ROWS[:-1], ("8", TOPICS[2], "x")], ": item 8 is 'health' but 'geography' in"),
        ([*TOPIC_ROWS, ("9", TOPICS[0], '"x" y')], ":10: quotes do not match"),
        ([("id", "category", "text")], ":1: the header lacks index_id: it is not SIB-200"),
    ],
)
def test_a_damaged_sib200_is_named(tmp_path, rows, message):
    sib(tmp_path, "eng_Latn", "dev", *TOPIC_ROWS)
    path = sib(tmp_path, "swh_Latn", "dev", *rows)
    damaged(read_sib200, tmp_path, path, message)


# MKQA ----------------------------------------------------------------------------------------------


def question(i, kind="entity", **changes):
    answer = {"type": kind, "entity": "Q1", "text": f"Jibu {i}", "aliases": [f"J{i}", "", f"Jibu {i}"]}
    nothing = {"type": kind, "text": None}
    given = [answer if kind == "entity" else nothing]
    codes = ("en", "sv", "zh_cn", "zh_tw", "zh_hk")
    record = {
        "example_id": i - 2,
        "query": f"who {i}",
        "queries": {code: f"{code} who {i}" for code in codes},
        "answers": dict.fromkeys(codes, given),
    }
    return {**record, **changes}


def test_mkqa_holds_all_languages_in_one_file(tmp_path):
    records = [*map(question, range(4)), question(4, "unanswerable"), question(5, "long_answer")]
    text = "\n".join(map(json.dumps, records))
    (tmp_path / "mkqa.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    task = read_task(f"mkqa:{tmp_path}", languages=["sv", "zh", "zh-Hant", "en"])
    assert task.languages == ("sv", "zh", "zh-Hant", "en") and task.scorer == "f1"
    check_splits(task, "sv", 2, 2)
    one = task.by_id("zh-Hant")["-2"]
    assert one.prompt == "Question: zh_tw who 0\nAnswer:" and one.answers == ("Jibu 0", "J0")
    assert task.notes[1] == "2 questions without a short answer left out"
    with pytest.raises(InputError, match="mkqa has no 'sw': it has en, ar"):
        read_mkqa(tmp_path, languages=["sw"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"example_id": "7"}, ":2: 'example_id' is '7', not a number"),
        ({"example_id": -2}, ":2: item -2 occurs twice"),
        ({"queries": {"en": " "}}, ":2: 'en' is ' '"),
        ({"queries": None}, ":2: has no 'queries' and 'answers'"),
        ({"answers": {"en": "x"}}, ":2: the answers in en are 'x', no list"),
        ({"answers": {"en": [{"type": "song", "text": "x"}]}}, ":2: the type of an answer is 'song'"),
    ],
)
def test_a_damaged_mkqa_is_named(tmp_path, changes, message):
    path = jsonl(tmp_path / "mkqa.jsonl", question(0), question(1, **changes))
    damaged(read_mkqa, tmp_path, path, message, languages=["en"])


# MzsRE ---------------------------------------------------------------------------------------------


def edits(code, n=4):
    def side(language, i):
        texts = {
            "subject": f"S{i}",
            "src": f"{language} q{i}?",
            "rephrase": f"{language} r{i}?",
            "alt": f"A{i}",
        }
        return {**texts, "loc": "x", "loc_ans": "y", "portability": {"New Question": "?", "New Answer": "!"}}

    return [{"en": side("en", i), code: side(code, i)} for i in range(n)]


def edit_file(folder, code, records):
    path = folder / f"mzsre_test_duplicate_en{code}.json"
    path.write_text(json.dumps(records, indent=4), encoding="utf-8")
    return path


def test_mzsre_tells_the_edited_fact_and_asks_again(tmp_path):
    for code in ("cz", "du"):
        edit_file(tmp_path, code, edits(code))
    edit_file(tmp_path, "xx", edits("xx"))
    (tmp_path / "mzsre_test_duplicate_czde.json").write_text("of no use here", encoding="utf-8")
    task = read_task(f"mzsre:{tmp_path}/mzsre_test_duplicate_encz.json", languages=["cs", "en"])
    check_splits(task, "cs", 2, 2)
    one = task.by_id("cs")["1"]
    assert one.prompt == "cz q0? A0\nQuestion: cz r0?\nAnswer:" and one.answers == ("A0",)
    (tmp_path / "mzsre_test_duplicate_enxx.json").unlink()
    assert read_mzsre(tmp_path).languages == ("en", "cs", "nl")
    assert read_mzsre(tmp_path, languages=["nl"]).languages == ("nl",)
    assert read_mzsre(tmp_path, languages=["en"]).languages == ("en",)


def test_a_damaged_mzsre_is_named(tmp_path):
    good, bad = edits("de"), edits("de")
    bad[2]["de"]["alt"] = ""
    for records, message in [
        ({}, ": is no list of items"),
        ([*good, {"de": {}}], ": item 5 is not in English and one other language"),
        (bad, ": item 3: 'alt' is ''"),
        ([{"en": good[0]["en"], "de": 1}], ": item 1 holds 1 in place of its texts"),
    ]:
        path = edit_file(tmp_path, "de", records)
        damaged(read_mzsre, tmp_path, path, message)
    edit_file(tmp_path, "de", edits("de", 3))
    path = edit_file(tmp_path, "fr", edits("fr"))
    damaged(read_mzsre, tmp_path, path, ": has other English items than")


# X-CSQA --------------------------------------------------------------------------------------------


def common_sense(i, answers="ABCDE", **changes):
    choices = [{"label": letter, "text": f" text {letter}"} for letter in answers]
    record = {"id": f"q{i}", "lang": "xx", "question": {"stem": f"What {i}?", "choices": choices}}
    return {**record, "answerKey": "ABCDE"[i % 5], **changes}


def test_xcsqa_reads_dev_and_never_the_hidden_answers(tmp_path):
    for code in ("en", "jap"):
        jsonl(tmp_path / "X-CSQA" / code / "dev.jsonl", *map(common_sense, range(6)))
        jsonl(tmp_path / "X-CSQA" / code / "test.jsonl", common_sense(9, answerKey=""))
    task = read_task(f"xcsqa:{tmp_path}", languages=["ja", "en"])
    check_splits(task, "ja", 3, 3)
    one = task.by_id("ja")["q2"]
    assert one.prompt.startswith("What 2?\nA. text A\nB. text B\n") and one.prompt.endswith(
        "E. text E\nAnswer:"
    )
    assert one.choices == (" A", " B", " C", " D", " E") and one.answer == 2
    assert read_xcsqa(tmp_path, choice=" {answer}").all[0].choices[0] == " text A"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (common_sense(1, answerKey="F"), ":2: 'answerKey' is 'F'"),
        (common_sense(1, answers="ABCD"), ":2: has the answers A, B, C, D: they must be A to E"),
        (common_sense(1, answers="ABCDD"), ":2: has the answers A, B, C, D: they must"),
        (common_sense(0), ":2: item 'q0' occurs twice"),
        (common_sense(1, question="x"), ":2: 'question' is 'x'"),
        (common_sense(1, question={"stem": "x"}), ":2: 'choices' is None"),
    ],
)
def test_a_damaged_xcsqa_is_named(tmp_path, record, message):
    path = jsonl(tmp_path / "en" / "dev.jsonl", common_sense(0), record)
    damaged(read_xcsqa, tmp_path, path, message)


def test_equal_answers_cannot_be_told_apart_by_their_text(tmp_path):
    record = common_sense(0)
    record["question"]["choices"][1]["text"] = "text A"
    path = jsonl(tmp_path / "en" / "dev.jsonl", record)
    assert read_xcsqa(tmp_path).all[0].choices[1] == " B"
    damaged(read_xcsqa, tmp_path, path, ":1: example 'q0' needs at least two different", choice=" {answer}")


# Translation ---------------------------------------------------------------------------------------


def test_flores_is_translated_by_published_splits(tmp_path):
    for part, n in (("dev", 3), ("devtest", 4)):
        for code in ("swh_Latn", "eng_Latn", "deu_Latn"):
            write(tmp_path / part / f"{code}.{part}", *(f"{code} {part} {i}." for i in range(n)))
    task = read_task(f"flores:{tmp_path}", languages=["sw", "de"])
    assert task.name == "flores-to-en" and task.languages == ("sw", "de") and task.scorer == "chrf"
    check_splits(task, "sw", 3, 4)
    one = task.by_id("sw")["devtest-2"]
    assert one.prompt == "Swahili: swh_Latn devtest 1.\nEnglish:" and one.answers == ("eng_Latn devtest 1.",)
    other = read_flores(tmp_path, to="sw", scorer="bleu", languages=["eng"])
    assert other.languages == ("en",) and other.all[0].prompt.endswith("\nSwahili:")
    with pytest.raises(InputError, match="unknown scorer 'cherf': did you mean 'chrf'"):
        read_flores(tmp_path, scorer="cherf")


def test_one_part_of_flores_alone_is_cut_into_halves(tmp_path):
    for code in ("swh_Latn", "eng_Latn"):
        write(tmp_path / "devtest" / f"{code}.devtest", *(f"{code} {i}." for i in range(6)))
    (tmp_path / "metadata_devtest.tsv").write_text("URL\n" + "".join(f"u{i // 2}\n" for i in range(6)))
    task = read_task(f"flores:{tmp_path}", languages=["sw"])
    assert task.name == "flores-devtest-to-en"
    assert task.notes == ("devtest cut into a dev and a test half with seed 0",)
    dev, test = (task.examples("sw", split) for split in ("dev", "test"))
    assert len(dev) + len(test) == 6 and dev and not {e.group for e in dev} & {e.group for e in test}
    assert read_task(f"flores:{tmp_path}/devtest/swh_Latn.devtest", languages=["sw"]).all == task.all
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no files of FLORES: they are called swh_Latn"):
        read_task(f"flores:{tmp_path / 'empty'}")


def test_any_parallel_text_can_be_translated(tmp_path):
    rows = [(f"d{i // 2}", f"Habari {i}.", f"News {i}.") for i in range(8)]
    path = tsv(tmp_path / "news.tsv", ("doc", "sw", "en"), *rows)
    task = read_task(f"translation:{path}")
    assert task.name == "translation-news-to-en" and task.languages == ("sw",)
    dev, test = (task.examples("sw", split) for split in ("dev", "test"))
    assert len(dev) == len(test) == 4 and not {e.group for e in dev} & {e.group for e in test}
    with pytest.raises(InputError, match="there is nothing to translate into 'fr'"):
        read_translation(path, to="fr")
    with pytest.raises(InputError, match="name a text, as translation:PATH"):
        read_translation()


def test_real_news_are_translated(shared_data):
    task = read_task(f"translation:{shared_data / 'ntrex128'}", languages=["sw"])
    dev, test = (task.examples("sw", split) for split in ("dev", "test"))
    assert len(dev) + len(test) == 1997 and abs(len(dev) - len(test)) < 50
    assert not {e.group for e in dev} & {e.group for e in test}


@pytest.mark.parametrize("name", ["xstorycloze", "xwinograd", "mkqa", "mzsre", "msvamp"])
def test_a_folder_without_its_files_says_how_they_are_called(tmp_path, name):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path} holds no file of {name}: they are called ")):
        read_task(f"{name}:{tmp_path}")


# Excerpts of the published files, where their licences allow it ------------------------------------------

MSVAMP = {
    "Swahili": {
        "query": "julia played tag with 18 kids on monday . she played tag with 10 kids on tuesday . "
        "how many more kids did she play with on monday than on tuesday ?",
        "equation": "- number0 number1",
        "response": "8.0",
        "m_query": "Julia alicheza mchezo wa kukimbiza na watoto 18 siku ya Jumatatu. Alicheza mchezo wa "
        "kukimbiza na watoto 10 siku ya Jumanne. Watoto wangapi zaidi aliwacheza siku ya Jumatatu kuliko "
        "siku ya Jumanne?",
    },
    "English": {
        "m_query": "julia played tag with 18 kids on monday . she played tag with 10 kids on tuesday . how "
        "many more kids did she play with on monday than on tuesday ?",
        "equation": "- number0 number1",
        "response": "8.0",
    },
}
"""The first line of two files of MSVAMP (Apache 2.0)."""
XWINOGRAD = """\
en\toriginal\t?\tThe city councilmen refused the demonstrators a permit because they feared violence.\t\
["The", "city", "councilmen", "refused", "the", "demonstrators", "a", "permit", "because", "they", "feared", \
"violence", "."]\t["they", [9, 10], ["they"]]\t[["The city councilmen", [0, 3], ["The", "city", "councilmen"], \
true], ["the demonstrators", [4, 6], ["the", "demonstrators"], false]]
fr\toriginal\t?\tLa coupe n'entre pas dans la valise marron, car elle est trop grande.\t\
["La", "coupe", "n'entre", "pas", "dans", "la", "valise", "marron", ",", "car", "elle", "est", "trop", "grande", \
"."]\t["elle", [10, 11], ["elle"]]\t[["La coupe", [0, 2], ["La", "coupe"], true], ["la valise", [5, 7], ["la", \
"valise"], false]]
"""  # noqa: E501
"""Two lines of `dataset.tsv` of XWinograd (CC BY 4.0)."""


def test_msvamp_as_published(tmp_path):
    for language, record in MSVAMP.items():
        (tmp_path / f"test_{language}.json").write_text(json.dumps(record, ensure_ascii=False) + "\n")
    sw, en = (read_task(f"msvamp:{tmp_path}", [code]).all[0] for code in ("sw", "en"))
    assert sw.prompt.startswith("Question: Julia alicheza") and sw.answers == en.answers == ("8",)
    assert sw.id == en.id and en.prompt.startswith("Question: julia played")


def test_xwinograd_as_published(tmp_path):
    (tmp_path / "dataset.tsv").write_text(XWINOGRAD, encoding="utf-8")
    en, fr = read_task(f"xwinograd:{tmp_path}").all
    assert en.prompt == "The city councilmen refused the demonstrators a permit because"
    assert en.choices == (" The city councilmen feared violence.", " the demonstrators feared violence.")
    assert fr.language == "fr" and fr.choices[fr.answer] == " La coupe est trop grande."
