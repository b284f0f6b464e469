"""`lab`: the notebooks are put in place and never written over. That it opens is tried in tests/panel."""

import pytest

from workbench.cli import figures as lab
from workbench.cli import main
from workbench.core.errors import InputError


@pytest.fixture
def opened(monkeypatch):
    """What would be opened, as the server itself is tried elsewhere."""
    calls = []
    monkeypatch.setattr(lab, "_open_lab", lambda *arguments: calls.append(arguments) or 0)
    return calls


def test_notebooks_are_copied_and_a_changed_one_is_left_alone(tmp_path, opened, capsys):
    names = {path.name for path in lab.notebooks_source().glob("*.ipynb")}
    assert len(names) >= 5
    folder = tmp_path / "mine"
    folder.mkdir()
    mine = folder / "01-first-look.ipynb"
    mine.write_text("my own")
    assert main(["lab", "--notebooks", str(folder), "--port", "9999", "--no-browser"]) == 0
    assert opened == [(folder, 9999, True)]
    assert mine.read_text() == "my own" and {path.name for path in folder.glob("*.ipynb")} == names
    assert f"{len(names) - 1} written, 1 there already" in " ".join(capsys.readouterr().out.split())


def test_a_clone_opens_its_own(opened):
    assert main(["lab"]) == 0
    assert opened == [(lab.notebooks_source(), None, False)]


def test_an_installed_wheel_copies_into_a_folder_of_the_users(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(lab, "_WHEEL", lab.notebooks_source())
    monkeypatch.setattr(lab, "_CLONE", tmp_path / "no-clone")
    monkeypatch.chdir(tmp_path)
    assert main(["lab"]) == 0
    assert {path.name for path in (tmp_path / "notebooks").glob("*.ipynb")} == {
        path.name for path in lab._WHEEL.glob("*.ipynb")
    }


def test_what_cannot_be_done_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    assert main(["lab", "--notebooks", str(tmp_path / "file")]) == 2
    assert main(["lab", "--port", "70000"]) == 2
    monkeypatch.setattr(lab, "_CLONE", tmp_path)
    monkeypatch.setattr(lab, "_WHEEL", tmp_path)
    with pytest.raises(InputError, match="neither beside the package nor in it"):
        lab.notebooks_source()
    monkeypatch.setattr(lab, "find_spec", lambda name: None)
    assert main(["lab"]) == 2
    assert "pip install 'alignment-workbench[lab]'" in capsys.readouterr().err
