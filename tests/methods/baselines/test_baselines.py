"""Each baseline puts the items as it says, and nothing else."""

from dataclasses import replace

import pytest
from methods.baselines.conftest import study_of

from workbench.core.errors import NotApplicable, TextError
from workbench.core.store import read_json, write_json
from workbench.methods.baselines import BASELINES, Wording, organism_wording, read_translations
from workbench.tasks import AnswerExample, AnswerTask, ChoiceTask, Example


def variants(study, name, wording=None):
    return BASELINES[name].variants(study, wording or Wording())


def source_items(study, task, split="test"):
    return task.examples(study.source, split)


def test_directly_is_the_task_itself(study):
    (only,) = variants(study, "direct")
    assert only.task is study.task and only.model is None


def test_the_ceiling_asks_the_parallel_item(study):
    (only,) = variants(study, "target_language")
    main = study.task.by_id(study.target)
    for item in source_items(study, only.task):
        assert (item.prompt, item.choices, item.answer) == (
            main[item.id].prompt,
            main[item.id].choices,
            main[item.id].answer,
        )
    assert only.task.examples(study.target, "test") == study.task.examples(study.target, "test")
    own = study.sweep("test", ())
    put = replace(study, task=only.task).sweep("test", ())
    there = own[own.language == study.target].margin.to_numpy()
    assert (put[put.language == study.source].margin.to_numpy() == there).all()


def test_the_ceiling_needs_the_main_language(study):
    alone = replace(study, task=study.task.only([study.source]))
    with pytest.raises(NotApplicable, match="not asked in x-main"):
        variants(alone, "target_language")


def test_translations_from_a_table_replace_prompts_and_nothing_else(study, tmp_path):
    items = [e for e in study.task.all if e.language == study.source and e.split != "fit"]
    path = tmp_path / "mt.tsv"
    path.write_text("id\tprompt\n" + "".join(f"{e.id}\tof {e.id}\n" for e in items))
    (only,) = variants(study, "translate_table", Wording(translations=read_translations(path)))
    for before, after in zip(source_items(study, study.task), source_items(study, only.task), strict=True):
        assert after == replace(before, prompt=f"of {before.id}")
    assert only.task.examples(study.target, "dev") == study.task.examples(study.target, "dev")
    assert only.cost.translations == len(items)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\tprompt\na\tx\na\ty\n", r"mt.tsv:3: item 'a' is translated twice"),
        ("id\tprompt\na\t \n", r"mt.tsv:2: the translation of 'a' is empty"),
        ("id\ttext\na\tx\n", "header lacks prompt"),
    ],
)
def test_a_bad_table_of_translations_is_named_by_line(tmp_path, text, message):
    path = tmp_path / "mt.tsv"
    path.write_text(text)
    with pytest.raises(TextError, match=message):
        read_translations(path)


def test_the_oracle_takes_the_parallel_prompt_and_leaves_the_choices(study):
    (only,) = variants(study, "translate_oracle")
    main = study.task.by_id(study.target)
    for before, after in zip(source_items(study, study.task), source_items(study, only.task), strict=True):
        assert after == replace(before, prompt=main[before.id].prompt)


def test_a_table_that_lacks_items_is_not_applied(study):
    with pytest.raises(NotApplicable, match="lacks 179 items"):
        variants(study, "translate_table", Wording(translations={"dev-0": "x"}))
    with pytest.raises(NotApplicable, match="no table"):
        variants(study, "translate_table")


def test_the_model_translates_the_organism_and_answers_better(study, organism):
    (only,) = variants(study, "translate_self", organism_wording(organism.config))
    main = study.task.by_id(study.target)
    items = source_items(study, only.task)
    right = [item.prompt == main[item.id].prompt for item in items]
    assert sum(right) / len(right) > 0.75  # of a language that it reads without the skill
    kept = list((study.folder / "compare" / "translations").iterdir())
    again = variants(study, "translate_self", organism_wording(organism.config))[0]
    assert again.task == only.task and list((study.folder / "compare" / "translations").iterdir()) == kept
    texts, whole = read_json(kept[0])["translations"], kept[0].read_bytes()
    write_json(kept[0], {"translations": texts[::-1]})  # what is kept is not made again
    assert variants(study, "translate_self", organism_wording(organism.config))[0].task != only.task
    kept[0].write_bytes(whole.replace(texts[0].encode(), b"x", 1))  # but what is damaged is
    assert variants(study, "translate_self", organism_wording(organism.config))[0].task == only.task
    assert kept[0].read_bytes() == whole
    # Its own prompt and the translation's, and what was said between.
    assert only.cost.item_tokens > 2 * 7


def test_a_model_that_says_nothing_is_asked_the_item_as_it_is(study, organism):
    mute = replace(organism_wording(organism.config), longest=0)
    (only,) = variants(study, "translate_self", mute)
    assert source_items(study, only.task) == source_items(study, study.task)


def test_a_translation_does_not_depend_on_what_else_is_translated(study, organism):
    """Prompts of other lengths stand in the same batch."""
    plain = organism_wording(organism.config)
    longer = replace(
        plain,
        to_translate=lambda item, *sides: "x-main " * (item.answer % 4) + plain.to_translate(item, *sides),
        from_translation=lambda item, text: text or "nothing",
    )
    (only,) = variants(study, "translate_self", longer)
    asked = only.task.by_id(study.source)
    model, decode = study.model, study.model.tokens.decode
    ids = {
        item.id: model.tokens.encode([longer.to_translate(item, study.source, study.target)])[0]
        for item in source_items(study, study.task)
    }
    assert len(set(map(len, ids.values()))) > 1
    for name in list(ids)[:8]:
        (said,) = model.generate(model.batch([ids[name]]), longer.longest)
        assert asked[name].prompt == (decode(said).strip().partition(longer.until)[0].strip() or "nothing")


def test_templates_are_put_around_every_prompt(study):
    found = variants(study, "prompt_search", Wording(templates=("{prompt}", "{target}! {prompt}")))
    assert found[0].task.all == study.task.all
    assert {e.prompt for e in found[1].task.all} == {f"x-main! {e.prompt}" for e in study.task.all}


def test_instructions_in_the_main_language_need_the_same_items(study):
    with pytest.raises(NotApplicable, match="no instruction"):
        variants(study, "prompt_translation")
    other = study.task.first(dev=10, test=10)
    with pytest.raises(NotApplicable, match="other dev items"):
        variants(study, "prompt_translation", Wording(instructed=other))
    (only,) = variants(study, "prompt_translation", Wording(instructed=study.task))
    assert only.task is study.task


@pytest.mark.parametrize(
    ("name", "sides"), [("shots_own", ["own"]), ("shots_main", ["main"]), ("shots_mixed", ["main", "own"])]
)
def test_shots_are_solved_fit_items_of_the_languages_named(study, name, sides):
    wording = Wording(between=" . ", shots=(1, 2), seeds=2)
    found = variants(study, name, wording)
    assert len(found) == (2 if name == "shots_mixed" else 4)
    by_side = {"own": study.task.by_id(study.source), "main": study.task.by_id(study.target)}
    solved = {
        side: {e.prompt + e.choices[e.answer] for e in by_id.values() if e.split == "fit"}
        for side, by_id in by_side.items()
    }
    for variant in found:
        n = variant.cost.labels
        for item in source_items(study, variant.task):
            *shown, asked = item.prompt.split(" . ")
            assert asked == by_side["own"][item.id].prompt and len(shown) == n
            for k, shot in enumerate(shown):
                assert shot in solved[sides[k % len(sides)]]
    first, second = ([i.prompt for i in source_items(study, v.task)] for v in found if v.cost.labels == 2)
    assert first != second  # another seed shows others


def test_shots_that_do_not_fit_are_left_out(study):
    with pytest.raises(NotApplicable, match="no prompt with shots fits"):
        variants(study, "shots_own", Wording(shots=(40,), seeds=1))


def test_prototypes_need_classes_and_say_what_they_cost(study, organism, organism_model, tmp_path):
    (only,) = variants(study_of(organism, organism_model, tmp_path, "inference"), "transfer_prototype")
    assert only.by == "prototype" and only.cost.labels == 200
    assert only.cost.parameters == 3 * organism_model.info.d_model
    with pytest.raises(NotApplicable, match="do not share their choices"):
        variants(study_of(organism, organism_model, tmp_path, "two-choice"), "transfer_prototype")


def test_tasks_with_answers_can_be_asked_otherwise_too(study):
    items = tuple(
        AnswerExample(e.id, e.prompt, (e.choices[e.answer].strip(),), e.language, e.split)
        for e in study.task.all
    )
    answers = replace(study, task=AnswerTask("answers", items, "exact_match"))
    assert isinstance(variants(answers, "target_language")[0].task, AnswerTask)
    assert variants(answers, "shots_own", Wording(between=" . ", shots=(1,), seeds=1))[0].cost.labels == 1
    with pytest.raises(NotApplicable, match="no fit items with choices"):
        variants(answers, "transfer_prototype")


def test_a_task_without_fit_items_trains_nothing(study):
    no_fit = replace(study, task=study.task.only(splits=["dev", "test"]))
    for name in ("lora", "lora_transfer"):
        with pytest.raises(NotApplicable, match="no fit items"):
            variants(no_fit, name)


def test_items_of_the_main_language_alone_make_no_target_gain():
    items = (
        Example("a", "p", (" x", " y"), 0, "sw", "test"),
        Example("b", "q", (" x", " y"), 0, "en", "test"),
    )
    task = ChoiceTask("t", items)

    class Half:
        source, target = "sw", "en"

        def __init__(self):
            self.task = task

    with pytest.raises(NotApplicable, match="no item 'a' in en"):
        variants(Half(), "target_language")


def test_a_model_that_lies_nowhere_cannot_be_trained_and_the_others_go_on(study, monkeypatch):
    info = replace(study.model.info, source="nowhere/at-all")
    monkeypatch.setattr(study.model, "info", info)
    with pytest.raises(NotApplicable, match="it cannot be trained"):
        variants(study, "lora")


@pytest.mark.parametrize(
    ("name", "said", "labels"),
    [("lora_few", "50 items in x-poor-far", 50), ("lora_transfer", "200 items in x-main", 200)],
)
def test_fine_tuning_learns_from_the_labels_named_and_is_asked_itself(study, name, said, labels):
    (only,) = variants(study, name)
    assert (only.name, only.cost.labels) == (said, labels)
    assert only.model is not None and only.model.weights_digest != study.model.weights_digest
    tuned = [path.name for path in (study.folder / "compare" / "tuned").iterdir()]
    assert tuned == [f"{study.task.name}-{said.split()[-1]}-{labels}-seed0"]
