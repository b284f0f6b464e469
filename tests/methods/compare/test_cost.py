"""Tokens are counted as the model reads them: a prompt once, or once for each choice of several tokens."""

from dataclasses import replace

from workbench.methods.compare.candidates import tokens_per_item
from workbench.methods.compare.run import seconds_per_item
from workbench.tasks import AnswerExample


def lengths(study, texts):
    return [len(ids) for ids in study.model.tokens.encode(texts)]


def test_choices_of_one_token_cost_the_prompt_alone(study):
    items = study.items(study.source, "test")[:7]
    prompts = lengths(study, [item.prompt for item in items])
    assert tokens_per_item(study.model, items) == sum(prompts) / 7


def test_of_longer_choices_the_last_token_is_never_read(study):
    item = study.items(study.source, "test")[0]
    words = study.items(study.source, "test")[1].prompt.split()[:3]
    longer = replace(item, choices=(" " + words[0], " " + " ".join(words)), answer=0)
    whole = lengths(study, [longer.prompt + choice for choice in longer.choices])
    assert tokens_per_item(study.model, [longer]) == sum(n - 1 for n in whole)


def test_what_is_generated_is_counted(study):
    items = [
        AnswerExample(e.id, e.prompt, (e.choices[e.answer],), e.language, e.split)
        for e in study.items(study.source, "test")[:4]
    ]
    said = [items[0].prompt, items[1].prompt]
    prompts = sum(lengths(study, [item.prompt for item in items]))
    assert tokens_per_item(study.model, items, said) == (prompts + sum(lengths(study, said))) / 4
    assert tokens_per_item(study.model, []) == 0


def test_a_time_is_one_items_share_of_a_batch(study):
    items = study.items(study.source, "test")
    assert 0 < seconds_per_item(study.model, items, None) < 1
    answers = [AnswerExample("a", "x", ("y",), study.source, "test")]
    assert seconds_per_item(study.model, answers, None) is None
