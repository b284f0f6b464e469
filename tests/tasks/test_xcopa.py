"""XCOPA is read as its makers publish it, with the kind of question mended; damage is named."""

import json
import re

import pytest

from workbench.core.errors import InputError
from workbench.tasks import NATIVE, read_task, same_items
from workbench.tasks.stories import read_xcopa

COPA = """<?xml version="1.0" encoding="UTF-8"?>
<copa-corpus version="1.0">
{items}</copa-corpus>
"""
ITEM = """  <item id="{id}" asks-for="{question}" most-plausible-alternative="{right}">
    <p>It was {id}.</p>
    <a1>First.</a1>
    <a2>Second &amp; last.</a2>
  </item>
"""


def record(index, question="cause", **changes):
    known = {"premise": f"Premise {index}.", "choice1": "One.", "choice2": "Two.", "question": question}
    return {**known, "label": index % 2, "idx": index, "changed": False, **changes}


def write(folder, language, records, part="val"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}.{language}.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return path


def copa(path, n=8, first=401, flip=False):
    questions = ["effect" if i % 3 == 0 else "cause" for i in range(n)]
    items = [ITEM.format(id=first + i, question=q, right=(i + flip) % 2 + 1) for i, q in enumerate(questions)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(COPA.format(items="".join(items)), encoding="utf-8")


def eight(**changes):
    return [record(i, **{"question": "effect" if i % 3 == 0 else "cause", **changes}) for i in range(8)]


def test_the_question_is_mended_and_english_comes_from_copa(tmp_path):
    write(tmp_path / "xcopa", "sw", eight(question="effect"))
    copa(tmp_path / "copa_english" / "copa-dev.xml")
    task = read_xcopa(tmp_path / "xcopa", template="{clause} {connector}")
    assert task.name == "xcopa-val" and task.languages == ("en", "sw")
    prompts = {e.id: (e.prompt, e.answer) for e in task.all if e.language == "sw"}
    assert prompts["val-1"] == ("Premise 1 because", 1) and prompts["val-3"] == ("Premise 3 so", 1)
    english = {e.id: e for e in task.all if e.language == "en"}
    assert english["val-3"].prompt == "It was 404 so"
    assert english["val-3"].choices == (" First.", " Second & last.")
    assert "taken from en; items mended: sw 5" in task.notes[0]
    for split in ("dev", "test"):
        assert len(task.examples("sw", split)) == 4
        assert same_items(task.examples("sw", split), task.examples("en", split))


def test_without_english_most_sound_languages_decide(tmp_path):
    right = eight()
    for language in ("et", "zh", "vi"):
        write(tmp_path, language, right)
    write(tmp_path, "vi", [*right[:-1], record(7, "effect")])
    write(tmp_path, "th", eight(question="effect"))
    task = read_xcopa(tmp_path)
    assert "items mended: th 5, vi 1" in task.notes[1] and "no English" in task.notes[0]


def test_faulty_languages_alone_are_refused(tmp_path):
    for language in ("th", "tr"):
        write(tmp_path, language, eight(question="effect"))
    with pytest.raises(InputError, match=r"cannot be trusted in th, tr: put val\.et\.jsonl"):
        read_xcopa(tmp_path)
    write(tmp_path / "tie", "et", eight())
    write(tmp_path / "tie", "zh", eight(question="effect"))
    with pytest.raises(InputError, match="a cause in as many languages"):
        read_xcopa(tmp_path / "tie")


def test_both_sets_are_dev_and_test_as_published(tmp_path):
    for language in ("et", "sw"):  # a folder for each language, as in the makers' repository
        write(tmp_path / "data" / language, language, eight())
        write(tmp_path / "data" / language, language, eight()[:6], part="test")
    copa(tmp_path / "data" / "copa-all.xml", n=8, first=401)
    task = read_xcopa(tmp_path / "data")
    assert task.name == "xcopa"
    sizes = {code: [len(task.examples(code, s)) for s in ("dev", "test")] for code in task.languages}
    assert sizes == {"en": [8, 0], "et": [8, 6], "sw": [8, 6]}
    assert "no English for test: put COPA's copa-test.xml into the folder" in task.notes
    copa(tmp_path / "copa-test.xml", n=6, first=501)
    with pytest.raises(InputError, match="no English for XCOPA's val"):
        read_xcopa(tmp_path / "data", english=tmp_path / "copa-test.xml")
    only = read_xcopa(tmp_path / "data" / "et" / "test.")
    assert only.name == "xcopa-test" and len(only.all) == 6


def test_a_set_that_a_language_lacks_is_left_out(tmp_path):
    for language in ("et", "sw"):
        write(tmp_path, language, eight())
    write(tmp_path, "et", eight()[:6], part="test")
    copa(tmp_path / "copa-dev.xml")
    for asked in (None, ["sw", "en"], ["est", "swh"]):
        task = read_task(f"xcopa:{tmp_path}", languages=asked)
        assert task.name == "xcopa-val-item" and "test left out: no file of it for sw" in task.notes
        assert [len(task.examples("sw", split)) for split in ("dev", "test")] == [4, 4]
    both = read_task(f"xcopa:{tmp_path}", languages=["et"])
    assert both.name == "xcopa-item" and not any("left out" in note for note in both.notes)
    assert [len(both.examples("et", split)) for split in ("dev", "test")] == [8, 6]
    (tmp_path / "val.et.jsonl").unlink()  # neither set is whole now: both are kept
    assert [len(read_xcopa(tmp_path).examples("et", split)) for split in ("dev", "test")] == [0, 6]


def test_seeds_deal_the_same_items_in_every_language(tmp_path):
    for language in ("et", "sw", "zh"):
        write(tmp_path, language, eight())
    zero, one = (read_xcopa(tmp_path, seed=seed) for seed in (0, 1))
    ids = [{e.id for e in task.examples("sw", "dev")} for task in (zero, one)]
    assert ids[0] != ids[1] and all(len(some) == 4 for some in ids)
    (tmp_path / "val.et.jsonl").unlink()
    assert {e.id for e in read_xcopa(tmp_path).examples("sw", "dev")} == ids[0]


def test_prompts_are_worded_as_asked(tmp_path):
    write(tmp_path, "zh", [record(0, premise="下雨了。", choice1="Ana left."), record(1, "effect")])
    words = {"zho": ("因为", "所以")}
    task = read_xcopa(tmp_path, template="{premise}{clause}{connector}", choice="{lower}", connectors=words)
    example = next(e for e in task.all if e.id == "val-0")
    assert example.prompt == "下雨了。下雨了因为" and example.choices == ("ana left.", "two.")
    own = read_xcopa(tmp_path, template={"zh": "{x: {question}: {choice1}"})
    assert own.all[0].prompt == "{x: cause: Ana left."
    with pytest.raises(InputError, match=r"unknown placeholder \{premis\}.*did you mean 'premise'"):
        read_xcopa(tmp_path, template="{premis}")
    with pytest.raises(InputError, match="no template for 'zh': there is one for sw"):
        read_xcopa(tmp_path, template={"sw": "{premise}"})
    with pytest.raises(InputError, match="no connectors for 'zh'"):
        read_xcopa(tmp_path, connectors={"sw": ("kwa sababu", "kwa hiyo")})
    with pytest.raises(InputError, match="connectors are two"):
        read_xcopa(tmp_path, connectors={"zh": "so"})
    with pytest.raises(InputError, match="connectors are a pair for each language, or 'item'; 'so' given"):
        read_xcopa(tmp_path, connectors="so")


def test_connectors_are_the_items_languages_unless_english_is_asked_for(tmp_path):
    for language in ("et", "sw", "hr"):  # there are items in Croatian, but no connectors here
        write(tmp_path / "xcopa", language, eight())
    copa(tmp_path / "xcopa" / "copa-dev.xml")
    spec = f"xcopa:{tmp_path / 'xcopa'}"

    def ends(task):
        sides = {code: task.by_id(code) for code in task.languages}
        words = {code: [side[f"val-{i}"].prompt for i in (1, 0)] for code, side in sides.items()}
        return {code: [re.split(r"\d ", one)[1] for one in both] for code, both in words.items()}

    task, english = read_task(spec), read_task(spec, prompts="en")
    because = ["because", "so"]
    own = {"et": ["sest", "seetõttu"], "sw": ["kwa sababu", "kwa hiyo"]}
    assert ends(task) == {"en": because, **own, "hr": because} and task.name == "xcopa-val-item"
    assert task.notes[-2:] == ("English connectors in hr: the project has no others", "prompts: item")
    assert ends(english) == dict.fromkeys(("en", "et", "sw", "hr"), because)
    assert (english.name, english.notes[-1]) == ("xcopa-val", "prompts: en")
    pair = read_task(spec, ["sw", "en"])
    assert ends(pair) == {"sw": own["sw"], "en": because} and not any("hr" in note for note in pair.notes)
    assert read_task(spec, ["sw", "en"], prompts="item") == pair
    with pytest.raises(InputError, match="no connectors for 'hr': there is one for en, et"):
        read_task(spec, prompts="item")
    words = {"sw": ("a", "b"), "en": ("c", "d")}
    overruled = read_task(spec, ["sw", "en"], connectors=words)
    assert ends(overruled) == {"sw": ["a", "b"], "en": ["c", "d"]} and overruled.name == "xcopa-val"
    letters = read_task(spec, ["sw"], template="{premise} A or B?", choice=" {letter}")
    assert letters.name == "xcopa-val" and not any(note.startswith("prompts") for note in letters.notes)
    assert read_xcopa(tmp_path / "xcopa").name == "xcopa-val", "the reader alone has English ones"


@pytest.mark.parametrize("language", "en et ht id it qu sw ta th tr vi zh".split())
def test_every_language_of_xcopa_has_connectors(language):
    assert len(set(NATIVE["xcopa"]["connectors"][language])) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 2}, "'label' is 2: it must be one of 0 … 1"),
        ({"label": True}, "'label' is True"),
        ({"label": "1"}, "'label' is '1'"),
        ({"premise": " "}, "'premise' is ' ', not a text"),
        ({"choice2": None}, "'choice2' is None"),
        ({"choice2": "One."}, "both choices are the same"),
        ({"question": "why"}, "'question' is 'why': it must be cause or effect"),
        ({"idx": 0}, "item 0 occurs twice"),
    ],
)
def test_a_wrong_field_is_named_by_file_and_line(tmp_path, changes, message):
    path = write(tmp_path, "et", [record(0), record(1, **changes)])
    with pytest.raises(InputError) as error:
        read_xcopa(tmp_path)
    assert str(error.value).startswith(f"{path}:2: ") and message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_damaged_file_is_named(tmp_path):
    path = write(tmp_path, "et", [record(0), {k: v for k, v in record(1).items() if k != "premise"}])
    with pytest.raises(InputError, match=r"val\.et\.jsonl:2: 'premise' is missing"):
        read_xcopa(tmp_path)
    path.write_text(json.dumps(record(0)) + '\n\n{"idx": 1,\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"val\.et\.jsonl:3: is not JSON"):
        read_xcopa(tmp_path)
    path.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"val\.et\.jsonl:1: is not a JSON object"):
        read_xcopa(tmp_path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"val\.et\.jsonl: holds no items"):
        read_xcopa(tmp_path)
    write(tmp_path, "et", eight())
    write(tmp_path, "sw", eight()[:-2])
    with pytest.raises(InputError, match=r"val\.sw\.jsonl: lacks 2 items .* such as 6"):
        read_xcopa(tmp_path)


def test_another_or_damaged_copa_is_refused(tmp_path):
    write(tmp_path, "et", eight())
    copa(tmp_path / "copa-dev.xml", flip=True)
    with pytest.raises(InputError, match=r"copa-dev\.xml: agrees with XCOPA in 0 of 8 labels"):
        read_xcopa(tmp_path)
    text = (tmp_path / "copa-dev.xml").read_text(encoding="utf-8")
    (tmp_path / "copa-dev.xml").write_text(text.replace('asks-for="cause"', "", 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"copa-dev\.xml:8: 'asks-for' is missing"):
        read_xcopa(tmp_path)
    (tmp_path / "copa-dev.xml").write_text(text[:-9], encoding="utf-8")
    with pytest.raises(InputError, match=r"copa-dev\.xml:\d+: is not XML"):
        read_xcopa(tmp_path)
    (tmp_path / "copa-dev.xml").write_text("<copa-corpus/>", encoding="utf-8")
    with pytest.raises(InputError, match="is not COPA"):
        read_xcopa(tmp_path)


def test_where_there_is_nothing_the_message_says_what_is_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"called <split>\.<language>\.jsonl"):
        read_xcopa(tmp_path)
    with pytest.raises(InputError, match="name its folder, as xcopa:PATH"):
        read_xcopa()
    for folder in ("data", "data-gmt"):
        write(tmp_path / folder, "et", eight())
    with pytest.raises(InputError, match="are both 'et': name the folder"):
        read_xcopa(tmp_path)


def test_the_published_files(shared_data):
    task = read_task(f"xcopa:{shared_data / 'xcopa'}")
    assert task.languages == ("en", *"et ht id it qu sw ta th tr vi zh".split())
    assert "items mended: id 5, it 5, sw 6, th 52, tr 52" in " ".join(task.notes)
    dev, test = (task.examples("sw", split) for split in ("dev", "test"))
    assert (len(dev), len(test)) == (50, 50) and not {e.id for e in dev} & {e.id for e in test}
    for language in task.languages:
        assert same_items(task.examples(language, "dev"), dev)
        assert [e.answer for e in task.examples(language, "test")] == [e.answer for e in test]
    english = next(e for e in task.all if e.id == "val-0" and e.language == "en")
    assert english.prompt == "The man turned on the faucet so"
    assert english.choices[english.answer] == " Water flowed from the spout."


def test_the_published_test_files(shared_data):
    if not (shared_data / "xcopa" / "test.id.jsonl").is_file():
        pytest.skip("no test files of XCOPA beside the repository")
    task = read_task(f"xcopa:{shared_data / 'xcopa'}", languages=["id", "en"])
    assert task.name == "xcopa-item"
    for split, n in (("dev", 100), ("test", 500)):
        items = task.examples("id", split)
        assert len(items) == n and same_items(items, task.examples("en", split))


def test_the_published_files_agree_without_english(shared_data, tmp_path):
    for file in (shared_data / "xcopa").glob("val.*.jsonl"):
        (tmp_path / file.name).symlink_to(file)
    task = read_xcopa(tmp_path)
    assert "items mended: id 5, it 5, sw 6, th 52, tr 52" in task.notes[1]
    whole = read_xcopa(shared_data / "xcopa")
    assert task.all == tuple(e for e in whole.all if e.language != "en")


def test_choices_may_be_letters():
    asked = '"{premise}" A: "{choice1}" B: "{choice2}" What is the {question}? "A" or "B"?'
    task = read_task("starter", languages=["sw"], template=asked, choice=" {letter}")
    assert {e.choices for e in task.all} == {(" A", " B")}
    assert all(e.prompt.endswith(('the cause? "A" or "B"?', 'the effect? "A" or "B"?')) for e in task.all)
