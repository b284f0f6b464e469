"""Rows that would ruin a study are left out beforehand, and it is said which and why."""

import pytest
from organism_models import FAR, MAIN, tiny_organism

from workbench.core.errors import InputError
from workbench.organism import shipped
from workbench.study import examine
from workbench.tasks import ChoiceTask, Example
from workbench.text import ParallelText


def sides(n: int = 400) -> dict[str, list[str]]:
    text = shipped().text().only(["x-poor-near", "x-main"]).select(range(n))
    return {code: list(text[code]) for code in text.languages}


LONG = "The river rose over the old bridge in the night."


def with_long(row: int) -> ParallelText:
    given = sides()
    given["x-main"][row] = LONG
    return ParallelText(given)


def asked(*prompts: str, split: str = "test", language: str = "x-main") -> ChoiceTask:
    items = [Example(f"{i}", prompt, (" yes", " no"), 0, language, split) for i, prompt in enumerate(prompts)]
    return ChoiceTask("asked", tuple(items))


def test_a_clean_text_is_left_as_it_is() -> None:
    text = ParallelText(sides())
    seen = examine(text)
    assert seen.text is text and seen.left_out == () and seen.sentences == []


def test_shifted_rows_go_and_the_others_stay() -> None:
    damaged = sides()
    damaged["x-main"][300:] = [*damaged["x-main"][301:], "one more"]
    seen = examine(ParallelText(damaged))
    assert 95 <= len(seen.left_out) <= 120 and min(seen.left_out) >= 280
    assert len(seen.text) == 400 - len(seen.left_out)
    assert any("shift" in line for line in seen.sentences)


def test_sentences_of_items_are_not_fitted_on() -> None:
    inside = "Read: THE RIVER rose over the old bridge in the night! Is it true?"
    seen = examine(with_long(7), [asked("Nothing of the kind.", inside, split="dev")])
    assert seen.left_out == (7,) and "asked" in seen.sentences[0]


def test_short_sentences_are_everybodys() -> None:
    given = sides()
    given["x-main"][7] = "What do you think?"
    assert examine(ParallelText(given), [asked("What do you think? Yes or no?")]).left_out == ()


def test_items_to_fit_on_may_share_sentences_with_the_text() -> None:
    assert examine(with_long(7), [asked(LONG, split="fit")]).left_out == ()


def test_items_in_another_language_are_no_concern() -> None:
    assert examine(with_long(7), [asked(LONG)]).left_out == (7,)
    assert examine(with_long(7), [asked(LONG, language="sw")]).left_out == ()


def test_the_organism_asks_nothing_that_its_text_says() -> None:
    organism = tiny_organism()
    text = organism.text().only([FAR, MAIN])
    assert examine(text, [organism.task("exact")]).left_out == ()


def test_two_texts_that_are_no_translations_are_refused() -> None:
    wrong = sides()
    wrong["x-main"] = wrong["x-main"][200:] + wrong["x-main"][:200]
    with pytest.raises(InputError, match="rows"):
        examine(ParallelText(wrong))
