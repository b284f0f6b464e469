"""Numbers that no command can work with, and places that cannot be: one line and exit code 2, at once."""

import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest

from workbench import cli
from workbench.cli import main

CLI = [f"workbench.cli.{module.name}" for module in iter_modules(cli.__path__) if module.name != "__main__"]
HUGE = "9" * 5000
LONG = "x" * 5000
NUMBERS = [
    *(("diagnose", "--batch-size", value) for value in ("0", "-1", "1.5", HUGE, "9" * 30)),
    *(("diagnose", "--seed", value) for value in ("-1", HUGE, "9" * 4000)),
    *(("diagnose", name, value) for name in ("--dev", "--test") for value in ("0", "-3")),
    *(("diagnose", "--shots", "-1"), ("diagnose", "--threads", "0"), ("diagnose", "--threads", "99999999")),
    *(("diagnose", "--refits", value) for value in ("-1", "1")),
    *(("diagnose", "--held-out", value) for value in ("nan", "0", "1", "inf", "x")),
    *(("diagnose", "--delta", value) for value in ("nan", "0", "-1", "inf")),
    *(("diagnose", "--strengths", value) for value in ("nan,inf", "1e999", "one", "")),
    *(("capture", "--text", "starter", "--batch-tokens", value) for value in ("0", "-1")),
    *(("measure", "--blocks", "1"), ("measure", "--blocks", "-1"), ("measure", "--null", "-1")),
    *(("measure", "--held-out", "nan"), ("fit", "--draws", "0"), ("fit", "--seed", "-1")),
    *(("fit", "--curve", "--sizes", value) for value in ("0", "-5", "x", HUGE)),
    *(("plan", "--configurations", "0"), ("plan", "--batch-tokens", "0")),
    *(("generate", "--tokens", "0"), ("generate", "--prompts", "0"), ("generate", "--prompts", "3")),
    *(("claims", "--band", value) for value in ("a,b", "0.7,0.6", "nan,1", "0.5", "0,2")),
    *(("claims", "--dev", "0"), ("claims", "--prompts", "-1"), ("claims", "--threads", "0")),
    *(("compare", "--shots", value) for value in ("0", "x", "1.5", HUGE)),
    *(("compare", "--seeds", "0"), ("demo", "--threads", "0"), ("lab", "--port", "0")),
    *(("figures", "RUN", "--dpi", value) for value in ("0", "-1", "1000000")),
    *(("organism", "verify", "--items", "0"), ("organism", "peaks", "--prompts", "0")),
    *(("organism", "train", "world.toml", "--seed", "-1"), ("organism", "verdicts", "--threads", "0")),
]
ODD = ("~nosuchuser/x", LONG, "a\0b", "/proc/x", "/dev/null/x", "{file}")
PLACES = [
    *(("diagnose", "--out"), ("demo", "--out"), ("measure", "--out"), ("fit", "--out"), ("claims", "--out")),
    *(("capture", "--text"), ("diagnose", "--text"), ("diagnose", "--config"), ("diagnose", "--task")),
    *(("compare",), ("claims",), ("generate",), ("report",), ("figures",)),
    *(("doctor",), ("organism", "verify"), ("compare", "--translations"), ("compare", "--templates")),
    *(("claims", "--resources"), ("plan", "--text")),
]


@pytest.fixture(autouse=True)
def nothing_long(monkeypatch, tmp_path):
    """No model may be loaded, and nothing may be left behind."""

    def refused(*_, **__):
        pytest.fail("a model is loaded before the options are checked")

    for name in CLI:  # a command imported only now would keep the replacement
        import_module(name)
    for name, module in list(sys.modules.items()):
        if name.startswith("workbench.") and "load_model" in vars(module):
            monkeypatch.setattr(module, "load_model", refused)
    monkeypatch.chdir(tmp_path)


def said(capsys, *arguments):
    """The one line that is said of arguments that are wrong."""
    try:
        code = main(list(arguments))
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    assert code == 2 and not out, out
    assert err.startswith("workbench: ") and len(err.splitlines()) == 1 and len(err) < 1100, err
    assert "Traceback" not in err and err.rstrip("\n").isprintable()
    return err


@pytest.mark.parametrize("arguments", NUMBERS, ids=lambda a: " ".join(a)[:40])
def test_a_number_that_makes_no_sense_is_one_line(capsys, tmp_path, arguments):
    err = said(capsys, *arguments)
    option = next(word for word in reversed(arguments) if word.startswith("--"))
    assert option.removeprefix("--").rstrip("s").replace("-", " ") in err.replace("-", " ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:14])
@pytest.mark.parametrize("arguments", PLACES, ids=" ".join)
def test_a_place_that_cannot_be_is_one_line(capsys, tmp_path, arguments, value):
    (tmp_path / "file").write_bytes(b"\xff\xfe no table")
    said(capsys, *arguments, str(tmp_path / "file") if value == "{file}" else value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_numbers_of_a_file_are_checked_as_well(capsys, tmp_path):
    for line in ("batch-size = 0", "seed = -1", "held-out = nan", f"seed = {HUGE}", 'out = "~nosuchuser/x"'):
        (tmp_path / "study.toml").write_text(line)
        said(capsys, "diagnose", "--config", "study.toml")


@pytest.mark.parametrize("prompts", ["item", "own.toml"])
def test_prompts_that_would_not_be_used_are_refused(capsys, tmp_path, prompts):
    (tmp_path / "own.toml").write_text('template = "{premise}"\n')
    line = said(capsys, "diagnose", "organism", "--pair", "x-poor-far-x-main", "--prompts", prompts)
    assert "'exact' of the organism has prompts of its own" in line
