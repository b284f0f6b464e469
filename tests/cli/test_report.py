"""`report`: one page from a folder, or one line that says what is wrong with it."""

from report import folders

from workbench.cli import main


def test_it_writes_the_page_and_says_where(capsys, tmp_path):
    folders.study(tmp_path / "run")
    assert main(["report", str(tmp_path / "run")]) == 0
    page = tmp_path / "run" / "report.html"
    assert str(page) in capsys.readouterr().out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_page_can_lie_elsewhere(capsys, tmp_path):
    folders.study(tmp_path / "run")
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "out" / "page.html")]) == 0
    assert (tmp_path / "out" / "page.html").exists() and not (tmp_path / "run" / "report.html").exists()


def test_a_wrong_folder_is_one_line_and_exit_code_2(capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, said in (("empty", "holds no run"), ("nowhere", "there is no folder")):
        assert main(["report", str(tmp_path / name)]) == 2
        out, err = capsys.readouterr()
        assert out == "" and said in err and err.count("\n") == 1


def test_a_page_of_somebody_else_is_named_and_left_as_it_is(capsys, tmp_path):
    folders.study(tmp_path / "run")
    page = tmp_path / "page.html"
    page.write_text("<p>mine</p>")
    command = ["report", str(tmp_path / "run"), "--out", str(page)]
    assert main(command) == 2 and "page.html already exists" in capsys.readouterr().err
    assert page.read_text() == "<p>mine</p>"
    assert main([*command, "--overwrite"]) == 0 and main(command) == 0, "one of ours is written anew"


def test_two_runs_are_one_page(capsys, tmp_path):
    for name in ("one", "two"):
        folders.study(tmp_path / name)
    assert main(["report", str(tmp_path / "one"), str(tmp_path / "two")]) == 0
    page = tmp_path / "one" / "report-with-two.html"
    assert str(page) in capsys.readouterr().out and page.exists()
    assert main(["report", str(tmp_path / "one"), str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
