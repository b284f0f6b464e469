"""`workbench recipes` says of each what it is, whom it follows, and where it does not."""

import pytest

from workbench.cli import main
from workbench.methods.recipes import RECIPES


def words(text):
    return " ".join(text.split())


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")


def test_all_are_listed_with_what_is_faithful_and_what_is_not(capsys):
    assert main(["recipes"]) == 0
    out = words(capsys.readouterr().out)
    for recipe in RECIPES.values():
        for said in (recipe.name, recipe.title, recipe.reference, recipe.faithful, recipe.differs):
            assert words(said) in out


def test_one_is_shown_whole(capsys):
    assert main(["recipes", "learned_vector_answers"]) == 0
    out = words(capsys.readouterr().out)
    recipe = RECIPES["learned_vector_answers"]
    assert words(recipe.formula) in out and "solved fit items" in out and "not used" in out
    assert main(["recipes", "procrustes_greedy"]) == 0
    out = words(capsys.readouterr().out)
    assert "further ones" in out and "breaks the pairs" in out and "solved" not in out


def test_an_unknown_name_gets_a_hint(capsys):
    assert main(["recipes", "shifcom"]) == 2
    assert "unknown recipe 'shifcom': did you mean 'shifcon'?" in capsys.readouterr().err
