"""Tasks of lm-evaluation-harness: the same prompts, choices and scores as in the harness itself."""

import pytest
from harness_tasks import write
from tiny_models import tiny, tiny_path

from workbench.core.errors import InputError
from workbench.sweeps import read_examples, score_choices
from workbench.tasks import read_task
from workbench.tasks.lm_eval import _divided, language_family

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


def harness(folder, model_folder, shots=0):
    """What the harness itself says of its test documents: log-likelihoods and metrics."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=str(model_folder), device="cpu", dtype="float32", batch_size=4)
    found = simple_evaluate(
        lm,
        tasks=["little_sw"],
        num_fewshot=shots,
        task_manager=TaskManager(include_path=str(folder)),
        log_samples=True,
        bootstrap_iters=0,
    )
    return sorted(found["samples"]["little_sw"], key=lambda sample: sample["doc_id"]), found["results"][
        "little_sw"
    ]


@pytest.mark.parametrize("shots", [0, 2])
def test_unpatched_scores_are_those_of_the_harness(folder, shots):
    samples, metrics = harness(folder, tiny_path("llama"), shots)
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
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=str(tiny_path("llama")), device="cpu", dtype="float32", batch_size=4)
    manager = TaskManager(include_path=str(tmp_path))
    found = simple_evaluate(lm, tasks=["whole_sw"], task_manager=manager, log_samples=True, bootstrap_iters=0)
    samples = sorted(found["samples"]["whole_sw"], key=lambda sample: sample["doc_id"])
    readings = read_examples(tiny("llama"), task.examples("sw", "test"))
    for sample, scores in zip(samples, score_choices(tiny("llama"), readings), strict=True):
        theirs = [response[0][0] for response in sample["resps"]]
        assert float(scores[0] - scores[1]) == pytest.approx(theirs[0] - theirs[1], abs=1e-4)
