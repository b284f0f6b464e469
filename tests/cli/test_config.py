"""Options from a file: the command line goes before it, and what is not known is an error with its line."""

import argparse
from pathlib import Path

import pytest

from workbench.cli.options import as_toml, configurable, configured
from workbench.core.errors import InputError


def parse(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="organism")
    parser.add_argument("--pairs", "--pair")
    parser.add_argument("--held-out", type=float, default=0.2)
    parser.add_argument("--delta", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit-on", choices=("sentences", "prompts"), default="sentences")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--quick", action="store_true")
    configurable(parser)
    return configured(parser.parse_args(argv))


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return str(path)


def test_without_a_file_the_defaults_hold() -> None:
    options = parse("gpt2", "--seed", "3")
    assert (options.model, options.seed, options.held_out, options.quick) == ("gpt2", 3, 0.2, False)


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path, 'model = "gpt2"\nseed = 5\nheld-out = 0.4\npairs = ["sw-en", "de-en"]\nquick = true\n'
    )
    options = parse("--config", file, "--seed", "0")
    assert (options.model, options.seed, options.held_out) == ("gpt2", 0, 0.4), "0 was given, not left"
    assert options.pairs == "sw-en,de-en" and options.quick
    assert parse("opt", "--config", file).model == "opt"


def test_both_spellings_of_a_key_and_whole_numbers_for_shares(tmp_path: Path) -> None:
    options = parse("--config", write(tmp_path, 'fit_on = "prompts"\ndelta = 1\nout = "here"\n'))
    assert options.fit_on == "prompts" and options.delta == 1.0 and options.out == Path("here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = 1\nstrenghts = 2\n", r"study\.toml:2: unknown key 'strenghts'"),
        ("sed = 1\n", "did you mean 'seed'"),
        ("debug = true\n", "unknown key 'debug'"),
        ('\nseed = "one"\n', r"study\.toml:2: seed is a whole number, not 'one'"),
        ("seed = 0.5\n", "whole number"),
        ("seed = true\n", "number"),
        ("quick = 1\n", "quick is true or false"),
        ("pairs = []\n", "a string or a number"),
        ("[pairs]\nfirst = 1\n", "a string or a number"),
        ('fit-on = "prompt"\n', "did you mean 'prompts'"),
        ("seed = \n", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse("--config", write(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the config"):
        parse("--config", str(tmp_path / "none.toml"))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    names = ["model", "pairs", "held_out", "seed", "fit_on", "out", "quick"]
    options = parse('a "b"\\c', "--pairs", "sw-en,x-a-x-b", "--held-out", "0.3", "--quick")
    again = parse("--config", write(tmp_path, as_toml(options)))
    assert [getattr(again, name) for name in names] == [getattr(options, name) for name in names]
