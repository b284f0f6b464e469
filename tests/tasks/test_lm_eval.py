"""Tasks of lm-evaluation-harness: the same prompts, choices and scores as in the harness itself."""

import re

import pytest
from harness_tasks import write, write_answered, write_continued
from tiny_models import tiny, tiny_path

from workbench.core.errors import InputError
from workbench.sweeps import read_examples, score_choices, sweep
from workbench.tasks import read_task
from workbench.tasks.lm_eval import _divided, _harness_scorer, language_family

NAMES = (
    *("xcopa_sw", "xcopa_vi", "xcopa_it", "xnli_sw", "belebele_swh_Latn", "belebele_eng_Latn"),
    *("piqa_parallel_cloze_swh_latn", "piqa_parallel_cloze_arb_arab", "piqa_parallel_cloze_xx_latn"),
    *("global_mmlu_full_sw", "global_mmlu_full_en", "global_mmlu_full_en_prompt_de", "lambada", "in_the_end"),
)


def test_tasks_of_a_family_differ_in_the_language_alone():
    assert language_family("xcopa_sw", NAMES) == {"sw": "xcopa_sw", "vi": "xcopa_vi", "it": "xcopa_it"}
    assert language_family("belebele_swh_Latn", NAMES) == {
        "sw": "belebele_swh_Latn",
        "en": "belebele_eng_Latn",
    }
    assert set(language_family("global_mmlu_full_sw", NAMES)) == {"sw", "en"}
    assert language_family("piqa_parallel_cloze_swh_latn", NAMES) == {
        "sw": "piqa_parallel_cloze_swh_latn",
        "ar": "piqa_parallel_cloze_arb_arab",
    }
    assert language_family("lambada", NAMES) == {}


def test_without_the_harness_the_message_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(InputError, match="pip install lm-eval"):
        read_task("lm_eval:xcopa_sw")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: make test-lm-eval")
    folder = tmp_path_factory.mktemp("tasks")
    write(folder, "sw", ("mtoto", "nyumba", "maji", "watu"))
    write(folder, "en", ("child", "house", "water", "people"))
    write(folder, "fr", ("enfant", "maison", "eau", "gens"), labels=lambda i: (i + i // 2) % 2)
    write(folder, "de", ("kind", "haus", "wasser", "leute"), count=11)
    return folder


def evaluated(folder, name, **options):
    """What the harness itself says of a task in this folder."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=str(tiny_path("llama")), device="cpu", dtype="float32", batch_size=4)
    manager = TaskManager(include_path=str(folder))
    return simple_evaluate(
        lm, tasks=[name], task_manager=manager, log_samples=True, bootstrap_iters=0, **options
    )


def samples_of(folder, name, filtered="none", **options):
    samples = [s for s in evaluated(folder, name, **options)["samples"][name] if s["filter"] == filtered]
    return sorted(samples, key=lambda sample: sample["doc_id"])


@pytest.mark.parametrize("shots", [0, 2])
def test_unpatched_scores_are_those_of_the_harness(folder, shots):
    found = evaluated(folder, "little_sw", num_fewshot=shots)
    samples = sorted(found["samples"]["little_sw"], key=lambda sample: sample["doc_id"])
    metrics = found["results"]["little_sw"]
    task = read_task(f"lm_eval:{folder}/little_sw", ["sw", "en"], shots=shots)
    model = tiny("llama")
    readings = read_examples(model, task.examples("sw", "test"))
    ours = score_choices(model, readings)
    for sample, reading, scores in zip(samples, readings, ours, strict=True):
        assert sample["arguments"][0][0].rstrip() == reading.example.prompt
        theirs = [response[0][0] for response in sample["resps"]]
        assert scores.tolist() == pytest.approx(theirs, abs=1e-4)
    right = sum(
        int(scores.argmax()) == reading.example.answer for scores, reading in zip(ours, readings, strict=True)
    )
    assert right / len(ours) == pytest.approx(metrics["acc,none"])


def test_languages_are_paired_item_by_item(folder):
    task = read_task(f"lm_eval:{folder}/little_sw", ["sw", "en", "yo"])
    assert task.languages == ("sw", "en")
    assert "the harness has no yo items" in task.notes and "items paired by 'id'" in task.notes
    assert len(task.examples("sw", "dev")) == len(task.examples("en", "dev")) == 12
    for one in task.examples("sw", "test"):
        other = task.by_id("en")[one.id]
        assert one.answer == other.answer and one.prompt.split()[-1] == other.prompt.split()[-1]


@pytest.mark.parametrize(("code", "message"), [("fr", "another right answer"), ("de", "24 and 22 documents")])
def test_what_is_not_parallel_is_refused(folder, code, message):
    with pytest.raises(InputError, match=message):
        read_task(f"lm_eval:{folder}/little_sw", ["sw", code])


def test_unknown_tasks_and_languages_are_named(folder):
    with pytest.raises(InputError, match="did you mean 'little_sw'"):
        read_task(f"lm_eval:{folder}/little_sv2w", ["sw"])
    with pytest.raises(InputError, match="'little_sw' is in sw, which is not among en"):
        read_task(f"lm_eval:{folder}/little_sw", ["en"])
    with pytest.raises(InputError, match="is no folder of task files"):
        read_task("lm_eval:nowhere/little_sw", ["sw"])


def test_shots_of_the_command_are_the_harness_s(folder, tmp_path):
    import argparse

    from workbench.cli.diagnose import _tasks

    spec = f"lm_eval:{folder}/little_sw"
    given = {"task": spec, "model": "x", "prompts": None, "seed": 0, "dev": None, "test": None}
    (two,) = _tasks(argparse.Namespace(**given, shots=2), ["sw", "en"])
    wanted = read_task(spec, ["sw", "en"], shots=2)
    assert [item.prompt for item in two.all] == [item.prompt for item in wanted.all]
    (none,) = _tasks(argparse.Namespace(**given, shots=0), ["sw", "en"])
    assert max(len(item.prompt) for item in none.all) < min(len(item.prompt) for item in two.all)


def test_the_shared_beginning_ends_with_a_word():
    texts = [("", "The dog barks"), ("", "The dogs bark")]
    for given in (texts, texts[::-1]):
        assert {context for context, _ in _divided("x", given)} == {"The"}
    assert _divided("x", [("", " a b, c"), ("", " a b, d")])[0] == (" a b,", " c")
    for odd in (["One", "Two"], ["The", "The end"]):
        with pytest.raises(InputError, match="share no beginning"):
            _divided("x", [("", text) for text in odd])


def test_choices_without_a_context_share_their_beginning(folder, tmp_path):
    whole = (folder / "sw.yaml").read_text().replace("little_sw", "whole_sw")
    whole = whole.replace('doc_to_text: "{{question}} "', "doc_to_text: ''")
    whole = whole.replace('"{{[first, second]}}"', '"{{[question+first, question+second]}}"')
    whole = whole.replace("question+", "question+' then '+")
    (tmp_path / "whole.yaml").write_text(whole)
    task = read_task(f"lm_eval:{tmp_path}/whole_sw", ["sw"])
    assert all(item.prompt.endswith("then") and item.choices[0].startswith(" ") for item in task.all)
    samples = samples_of(tmp_path, "whole_sw")
    readings = read_examples(tiny("llama"), task.examples("sw", "test"))
    for sample, scores in zip(samples, score_choices(tiny("llama"), readings), strict=True):
        theirs = [response[0][0] for response in sample["resps"]]
        assert float(scores[0] - scores[1]) == pytest.approx(theirs[0] - theirs[1], abs=1e-4)


def generated(task, code, numbers=range(10)):
    items = [item for item in task.all if item.language == code and int(item.id.split("-")[1]) in numbers]
    table = sweep(tiny("llama"), items, [], task=task.name, pair="sw-en", **task.generation(code))
    return table.set_index(table.example.str.removeprefix("test-").astype(int)).sort_index()


def test_generated_answers_are_cut_filtered_and_scored_as_in_the_harness(folder, tmp_path):
    sides = {"sw": "mtoto", "en": "child"}
    for code, word in sides.items():
        write_answered(tmp_path, code, word, "never", ["so"] * 10)
    spec = f"lm_eval:{tmp_path}/said_sw"
    texts = {code: list(generated(read_task(spec, list(sides)), code).generated) for code in sides}
    ends = {code: next(c for c in said[0][1:] if not c.isalpha()) for code, said in texts.items()}
    for code, asked in sides.items():  # half of the answers are what the model says
        answers = [
            (re.search("[A-Za-z]+", t) or ["none"])[0] if i % 2 else "so" for i, t in enumerate(texts[code])
        ]
        write_answered(tmp_path, code, asked, ends[code], answers)
    _harness_scorer.cache_clear()
    task = read_task(spec, list(sides))
    assert task.until == {code: (end,) for code, end in ends.items()} and task.max_new_tokens == 6
    assert {item.split for item in task.all} == {"dev", "test"}
    for code in sides:
        ours = generated(task, code)
        samples = samples_of(tmp_path, f"said_{code}", "first-letters")
        assert list(ours.generated) == [sample["resps"][0][0] for sample in samples]
        assert list(ours.score) == [sample["exact_match"] for sample in samples]
        assert 0 < ours.score.mean() < 1


def test_a_continuation_is_right_if_the_model_would_write_it(folder, tmp_path):
    tokens, texts = tiny("llama").tokens, []
    for context in (f"{word} {i}" for word in ("so", "child", "water") for i in range(30)):
        (ids,) = tokens.encode([context])
        text = context + tokens.decode(tiny("llama").generate(tiny("llama").batch([ids], "left"), 1)[0])
        (both,) = tokens.encode([text])
        if both[: len(ids)] == ids and len(both) == len(ids) + 1:
            texts += [(context, text[len(context) :]), (context, " nothing of it")]
    texts = texts[:10]
    write_continued(tmp_path, "sw", texts)
    task = read_task(f"lm_eval:{tmp_path}/next_sw", ["sw"])
    samples = samples_of(tmp_path, "next_sw")
    found = generated(task, "sw")
    assert [item.prompt + item.answers[0] for item in task.all] == [
        "".join(s["arguments"][0]) for s in samples
    ]
    assert list(found.score) == [float(sample["resps"][0][0][1]) for sample in samples]
    assert 0 < found.score.mean() < 1


PUBLISHED = {
    "xcopa_local_vi": """dataset_path: json
dataset_kwargs:
  data_files: {validation: DATA/xcopa/val.vi.jsonl, test: DATA/xcopa/test.vi.jsonl}
output_type: multiple_choice
validation_split: validation
doc_to_text: "{{premise[:-1]}} {{'because' if question == 'cause' else 'therefore'}}"
doc_to_choice: "{{[choice1, choice2]}}"
doc_to_target: label
""",
    "sib_local_swh_Latn": """dataset_path: csv
dataset_kwargs:
  delimiter: "\\t"
  data_files: {validation: DATA/sib200/swh_Latn/dev.tsv, test: DATA/sib200/swh_Latn/test.tsv}
output_type: multiple_choice
validation_split: validation
doc_to_text: "{{text}} This is about"
doc_to_choice: [science/technology, travel, politics, sports, health, entertainment, geography]
doc_to_target: category
""",
    "mgsm_local_sw": """dataset_path: csv
dataset_kwargs:
  delimiter: "\\t"
  quoting: 3
  column_names: [question, number]
  data_files: {test: DATA/mgsm/mgsm_sw.tsv}
output_type: generate_until
doc_to_text: "{{question}}\\nAnswer:"
doc_to_target: "{{number|string}}"
generation_kwargs: {until: ["Question:"], max_gen_toks: 8}
metric_list: [{metric: exact_match}]
""",
}


@pytest.mark.parametrize(
    ("name", "own", "other"),
    [("xcopa_local_vi", "vi", "zh"), ("sib_local_swh_Latn", "sw", "eng_Latn"), ("mgsm_local_sw", "sw", "en")],
)
def test_published_files_are_read_as_the_harness_reads_them(name, own, other, tmp_path, shared_data):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: make test-lm-eval")
    code = name.split("local_")[1]
    for language in (code, other):
        task = name.replace(code, language)
        text = PUBLISHED[name].replace(code, language).replace(f".{code}", f".{language}")
        head = f"task: {task}\ntest_split: test\nmetadata: {{version: 1}}\n"
        (tmp_path / f"{language}.yaml").write_text(
            head + text.replace("DATA", str(shared_data)).replace("\\\\", "\\")
        )
    task = read_task(f"lm_eval:{tmp_path}/{name}", [own, other])
    assert len(task.languages) == 2 and task.examples(own, "dev")
    if name.startswith("mgsm"):  # longer prompts do not fit into the tiny model
        short = [i for i, item in enumerate(task.all[:20]) if len(item.prompt) < 200]
        samples = samples_of(tmp_path, name, limit=20)
        said = generated(task, own, short)
        assert len(short) > 2
        assert list(said.generated) == [samples[i]["resps"][0][0] for i in short]
        assert [task.all[i].answers[0] for i in short] == [str(samples[i]["target"]) for i in short]
        return
    samples = samples_of(tmp_path, name, limit=3)
    readings = read_examples(tiny("llama"), task.examples(own, "test")[:3])
    for sample, reading, scores in zip(
        samples, readings, score_choices(tiny("llama"), readings), strict=True
    ):
        assert sample["arguments"][0][0].rstrip() == reading.example.prompt
        assert scores.tolist() == pytest.approx([answer[0][0] for answer in sample["resps"]], abs=1e-4)
