"""Output that cannot be written as it is: closed, full, or without a sign for what is said."""

import os
import subprocess
import sys

import pytest

from workbench.cli import main

CODE = "import sys; from workbench.cli import main; sys.exit(main(sys.argv[1:]))"


def shell(arguments, then="", **env):
    """A command in a shell of its own, with redirections behind it."""
    line = f'"$PYTHON" -c "$CODE" {arguments} {then}'
    env = os.environ | {"PYTHON": sys.executable, "CODE": CODE} | env
    return subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, env=env)


@pytest.mark.parametrize(
    ("arguments", "then", "code"),
    [
        ("recipes", ">&-", 0),
        ("--help", ">&- 2>&-", 0),
        ("recipes", "| head -n 1", 0),
        ("bogus", "2>/dev/full", 2),
    ],
)
def test_a_closed_stream_is_no_error(arguments, then, code):
    done = shell(arguments, then)
    assert (done.returncode, done.stderr) == (code, b"")


def test_a_full_disk_behind_the_output_is_one_line():
    done = shell("models", ">/dev/full")
    assert (done.returncode, done.stderr) == (2, b"workbench: No space left on device\n")


def test_signs_that_the_output_does_not_have_are_replaced():
    done = shell("recipes cc_tuning", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii() and b"?" in done.stdout


def test_what_a_terminal_would_obey_is_escaped_and_what_is_too_long_is_cut(capsys):
    assert main(["report", "a\x1b[31mred\u202e\nb" + "x" * 3000 + "end"]) == 2
    err = capsys.readouterr().err
    assert "\\x1b[31mred\\u202e b" in err and err.count("\n") == 1 and len(err) < 1100
    with pytest.raises(SystemExit):
        main(["report", "run", "run2", "a\x1b[31mred"])
    err = capsys.readouterr().err
    assert err.startswith("workbench: unrecognized arguments: a\\x1b[31mred (see")
