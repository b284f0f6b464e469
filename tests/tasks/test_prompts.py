"""In which language a task is asked, templates of the user's own, and chats."""

import json

import pytest
from tiny_models import tiny_path
from transformers import AutoTokenizer

from workbench.core.errors import InputError
from workbench.core.languages import canonical
from workbench.tasks import NATIVE, TASKS, read_task, with_chat, with_shots
from workbench.tasks.prompts import parts_or_halves, words_for


@pytest.fixture
def maths(tmp_path):
    for code in ("en", "sw", "de"):
        text = "".join(f"{code} {i}?\t{i}\n" for i in range(1, 5))
        (tmp_path / f"mgsm_{code}.tsv").write_text(text, encoding="utf-8")
    return f"mgsm:{tmp_path}"


def test_a_task_is_asked_in_english_or_in_the_items_language(maths):
    plain, native = read_task(maths), read_task(maths, prompts="item")
    assert plain.by_id("sw")["1"].prompt == "Question: sw 1?\nAnswer:"
    assert native.by_id("sw")["1"].prompt == "Swali: sw 1?\nJibu:"
    assert native.by_id("de")["1"].prompt == "Frage: de 1?\nAntwort:"
    assert native.by_id("en") == plain.by_id("en")
    assert (plain.name, native.name) == ("mgsm", "mgsm-item")
    assert native.notes[-1] == "prompts: item" and plain.notes[-1] != "prompts: en"
    own = read_task(maths, prompts="item", template="{question} =")
    assert own.by_id("sw")["1"].prompt == "sw 1? =" and own.name == "mgsm"
    with pytest.raises(InputError, match=r"task 'starter' has no prompts in the item's language \(xcopa"):
        read_task("starter", prompts="item")


def test_words_of_labels_follow_the_language(tmp_path):
    header = "language\tgold_label\tsentence1\tsentence2\tpromptID\tpairID\n"
    rows = "".join(f"{code}\tneutral\tP.\tH.\t1\t1\n" for code in ("sw", "de", "ar"))
    (tmp_path / "xnli.dev.tsv").write_text(header + rows, encoding="utf-8")
    task = read_task(f"xnli:{tmp_path}", prompts="item")
    assert task.by_id("sw")["dev-1"].choices == (" Ndiyo, H.", " Hivyo, H.", " Hapana, H.")
    assert task.by_id("de")["dev-1"].prompt == "P., richtig?"
    assert task.by_id("ar")["dev-1"].choices[2] == " لا, H."
    with pytest.raises(InputError, match="words are 3 different ones, one for each label"):
        read_task(f"xnli:{tmp_path}", words=("Yes", "No"))


@pytest.mark.parametrize("name", NATIVE)
def test_native_prompts_are_options_of_their_reader_in_known_languages(name):
    import inspect

    known = inspect.signature(TASKS[name]).parameters
    for option, by_language in NATIVE[name].items():
        assert option in known and list(by_language) == [canonical(code) for code in by_language]
        if option == "words":
            sizes = {len(words_for(by_language, code, len(words))) for code, words in by_language.items()}
            assert len(sizes) == 1
        if option == "template":
            english = by_language["en"]
            places = {part for part in ("{question}", "{premise}", "{clause}") if part in english}
            assert places and all(place in text for text in by_language.values() for place in places)


def test_templates_come_from_a_file(maths, tmp_path):
    path = tmp_path / "prompts.toml"
    path.write_text('[template]\nswh = "Tatizo: {question}\\nJibu:"\nen = "{question}"\n', encoding="utf-8")
    with pytest.raises(InputError, match="no template for 'de': there is one for sw, en"):
        read_task(maths, prompts=path)
    (tmp_path / "mgsm_de.tsv").unlink()
    task = read_task(maths, prompts=path)
    assert task.by_id("sw")["2"].prompt == "Tatizo: sw 2?\nJibu:" and task.by_id("en")["2"].prompt == "en 2?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[template\n", "is not TOML"),
        ('template = "x"\n', "'template' is no table: write [template]"),
        ("[template]\nsw = 3\n", "template.sw is 3: write a text or a list of texts"),
        ('[template]\nxyzzy = "x"\n', "unknown language 'xyzzy'"),
        ('[templat]\nsw = "x"\n', "task 'mgsm' has no option 'templat': did you mean 'template'"),
    ],
)
def test_a_damaged_file_of_templates_is_named(maths, tmp_path, text, message):
    path = tmp_path / "prompts.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_task(maths, prompts=path)
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1


def test_published_parts_are_splits_and_what_is_missing_is_cut():
    splits = {"train": "fit", "dev": "dev", "test": "test"}
    part_of = {f"{part}{i}": part for part in splits for i in range(4)}
    whole, notes = parts_or_halves(part_of, splits, 0)
    assert whole == {name: splits[part] for name, part in part_of.items()} and not notes
    del splits["dev"]
    rest = {name: part for name, part in part_of.items() if part != "dev"}
    cut, notes = parts_or_halves(rest, splits, 0)
    assert sorted(cut.values()) == ["dev"] * 2 + ["fit"] * 4 + ["test"] * 2 and notes[0].startswith(
        "test cut"
    )


TURN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
TEMPLATE = TURN + "{% if add_generation_prompt %}<a>{% endif %}"


def test_a_chat_holds_shots_and_prompt_and_choices_start_anew():
    tokenizer = AutoTokenizer.from_pretrained(tiny_path("llama"))
    tokenizer.chat_template = TEMPLATE

    def chat(text):
        turns = [{"role": "user", "content": text}]
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    task = with_shots(read_task("starter", languages=["en", "sw"]), 1)
    made = with_chat(task, chat)
    assert made.name == "starter-1shot-chat" and made.notes[-1] == "set into a chat"
    for before, after in zip(task.all, made.all, strict=True):
        assert after.prompt == f"<user>{before.prompt}\n<a>"
        assert after.choices == tuple(choice[1:] for choice in before.choices)
        assert (after.id, after.answer, after.split) == (before.id, before.answer, before.split)


def test_a_chat_that_loses_the_prompt_is_refused(tmp_path):
    row = {"id": "1", "split": "dev", "language": "en", "prompt": "Q?", "answers": ["a"]}
    (tmp_path / "quiz.jsonl").write_text(json.dumps(row), encoding="utf-8")
    task = read_task(f"answers:{tmp_path / 'quiz.jsonl'}")
    assert with_chat(task, lambda text: f"[{text}]").all[0].prompt == "[Q?]"
    with pytest.raises(InputError, match="the chat template loses the prompt of item '1'"):
        with_chat(task, lambda text: "[]")
