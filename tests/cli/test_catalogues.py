"""`workbench data` and `workbench recipes`: the lists, an entry in full, and fetching without a network."""

import json

import pytest

from workbench.cli import main
from workbench.cli.terminal import console
from workbench.methods.recipes import RECIPES
from workbench.tasks.catalogue import catalogue, find


@pytest.fixture(params=[80, 120])
def width(request, monkeypatch):
    monkeypatch.setattr(console, "_width", request.param)
    return request.param


def run(capsys, *arguments):
    code = main(["data", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_list_is_a_short_table_of_every_entry(capsys, width):
    code, out, err = run(capsys)
    assert code == 0 and not err
    assert all(f" {entry.name} " in out for entry in catalogue().values())
    assert max(map(len, out.splitlines())) <= width and len(out.splitlines()) < 70


def test_an_entry_shows_licence_and_home(capsys, width):
    for name, entry in catalogue().items():
        code, out, _ = run(capsys, name)
        joined = " ".join(out.split())
        for fact in (entry.title, entry.licence, entry.languages, entry.size, entry.pinned()):
            assert code == 0 and fact in joined, (entry.name, fact)
        assert entry.homepage in out  # never broken over lines: it is to be copied


def test_an_entry_says_what_to_download_and_how_to_read_it(capsys, width, tmp_path):
    code, out, _ = run(capsys, "xcopa", "--to", tmp_path)
    assert code == 0
    for file in find("xcopa").files:
        assert f"  {file.path}" in out and f"    {file.url}\n" in out
        assert not file.sha256 or f"sha256 {file.sha256}\n" in out
    assert out.count("sha256 ") == sum(file.sha256 is not None for file in find("xcopa").files)
    assert out.index("read it with") < out.index("by hand") < out.index("https://raw.")
    assert f"  --task xcopa:{tmp_path}\n" in out and "--task hub:xcopa" in out and "copa-dev.xml" in out
    assert "not tried on published files" not in out
    code, out, _ = run(capsys, "xnli")
    assert "not tried on published files" in out and "  unzip XNLI-1.0.zip\n" in out
    assert "  --task xnli:data/xnli/XNLI-1.0\n" in out


def test_json_holds_the_same(capsys, tmp_path):
    code, out, _ = run(capsys, "--json")
    assert code == 0 and list(json.loads(out)) == list(catalogue())
    code, out, _ = run(capsys, "mgsm", "--json", "--to", tmp_path)
    made = json.loads(out)
    assert made["folder"] == str(tmp_path) and made["options"] == [f"--task mgsm:{tmp_path}"]
    assert made["files"][0]["sha256"] == find("mgsm").files[0].sha256 and made["pinned"].startswith("452a21a")


def test_fetching_without_a_network_is_one_line_and_code_2(capsys, tmp_path, monkeypatch):
    import urllib.error

    from workbench.tasks.catalogue import fetch as fetching

    def unplugged(url):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(fetching, "__defaults__", (fetching.__defaults__[0], unplugged))
    code, out, err = run(capsys, "mgsm", "--fetch", "--to", tmp_path)
    assert code == 2 and not out and len(err.splitlines()) == 1
    assert "mgsm_en.tsv cannot be reached (no route): without a network" in err
    assert not list(tmp_path.iterdir())


def test_files_that_are_there_are_checked_not_fetched(capsys, shared_data, tmp_path):
    for path in (shared_data / "xquad").glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    code, out, err = run(capsys, "xquad", "--fetch", "--to", tmp_path)
    assert code == 0 and "3 checked by checksum" in " ".join(err.split())
    assert f"--task xquad:{tmp_path}" in out
    (tmp_path / "xquad.en.json").write_text("{}", encoding="utf-8")
    code, _, err = run(capsys, "xquad", "--fetch", "--to", tmp_path)
    assert code == 2 and "is not the published file" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xcoppa"], "did you mean 'xcopa'"),
        (["--fetch"], "which one?"),
        (["tico19", "--fetch"], "tico19 is not fetched"),
    ],
)
def test_wrong_arguments_are_one_line(capsys, arguments, message):
    code, _, err = run(capsys, *arguments)
    assert code == 2 and message in err and len(err.splitlines()) == 1


def one_line(text):
    return " ".join(text.split())


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")


def test_all_recipes_are_listed_and_each_shows_what_is_faithful_and_what_is_not(capsys, wide):
    assert main(["recipes"]) == 0
    out = one_line(capsys.readouterr().out)
    assert all(f"{recipe.name} " in out and one_line(recipe.title) in out for recipe in RECIPES.values())
    for recipe in RECIPES.values():
        assert main(["recipes", recipe.name]) == 0
        out = one_line(capsys.readouterr().out)
        for said in (recipe.name, recipe.title, recipe.reference, recipe.faithful, recipe.differs):
            assert one_line(said) in out


def test_a_recipe_is_shown_whole(capsys, wide):
    assert main(["recipes", "learned_vector_answers"]) == 0
    out = one_line(capsys.readouterr().out)
    recipe = RECIPES["learned_vector_answers"]
    assert one_line(recipe.formula) in out and "solved fit items" in out and "not used" in out
    assert main(["recipes", "procrustes_greedy"]) == 0
    out = one_line(capsys.readouterr().out)
    assert "further ones" in out and "breaks the pairs" in out and "solved" not in out


def test_an_unknown_recipe_gets_a_hint(capsys):
    assert main(["recipes", "shifcom"]) == 2
    assert "unknown recipe 'shifcom': did you mean 'shifcon'?" in capsys.readouterr().err
