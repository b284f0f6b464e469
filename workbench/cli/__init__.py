"""The command line: parse, call, print. The commands are in `commands.py`.

Errors a user can mend are one line and exit code 2; `--debug` shows where they came from.
"""

import argparse
import contextlib
import inspect
import os
import shutil
import sys
import textwrap
from importlib.metadata import version
from io import TextIOWrapper
from pkgutil import resolve_name
from typing import Any, NoReturn

from workbench.cli.commands import COMMANDS
from workbench.cli.options import (
    Command,
    Outcome,
    add_options,
    check_options,
    configurable,
    with_texts_joined,
)
from workbench.core.errors import WorkbenchError

_SILENT = ("lab", "lm-eval", "new")  # commands that report nothing
_ABOUT = """For a language model and a pair of languages: find the layer at which states of the source
language map onto the target language, measure whether patching the mapped states in improves a
task, and test the result against controls."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as of any other error."""
        _complain(f"{message} (see {self.prog} --help)")
        self.exit(2)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _Parser(
        prog="workbench",
        description=_ABOUT,
        epilog="example:\n  workbench demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print versions and exit")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(json=False, quiet=False)  # of commands that print nothing else
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        _add_command(commands, name, command)
    return parser


def _add_command(commands: Any, name: str, command: Command) -> None:
    description = inspect.cleandoc(command.about)
    parser = commands.add_parser(
        name,
        help=command.help or description[0].lower() + description[1:].rstrip("."),
        description=_filled(description),
        epilog=f"example:\n  {command.example}" if command.example else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # The command's own flag must not undo one given before the command.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )
    add_options(parser, command)
    if command.run and name not in _SILENT:
        output = parser.add_argument_group("output").add_mutually_exclusive_group()
        output.add_argument("--json", action="store_true", help="print the results as JSON, and nothing else")
        output.add_argument("--quiet", action="store_true", help="print errors only")
    if command.configurable:
        configurable(parser)
    parser.set_defaults(run=command.run)
    if command.actions:
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="action")
        for action, own in command.actions.items():
            _add_command(actions, action, own)


def _filled(text: str) -> str:
    """Paragraphs in lines that fit into the terminal."""
    width = max(shutil.get_terminal_size().columns - 2, 40)
    return "\n\n".join(textwrap.fill(" ".join(part.split()), width) for part in text.split("\n\n"))


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (found wanting), 2 (something to mend) or 130 (Ctrl-C)."""
    _mend_streams()
    debug = False
    try:
        options = _parsed(build_parser(), with_texts_joined(sys.argv[1:] if argv is None else argv))
        debug = options.debug
        code = _run(options)
        sys.stdout.flush()  # here, where what goes wrong is seen
        return code
    except BrokenPipeError:
        return 0  # the reader of our output (`| head`) has left: no news
    except (WorkbenchError, OSError) as error:
        if debug:
            raise
        _complain(_message(error))
        return 2
    except (MemoryError, RuntimeError) as error:
        if debug or not _is_out_of_memory(error):
            raise
        _complain("memory ran out: take a smaller model, fewer sentences or items, or a smaller batch")
        return 2
    except KeyboardInterrupt:
        _complain("stopped; the same command goes on from here", before="\n")
        return 130
    finally:
        _silence()


def _parsed(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Options; words that are not ours are for the program that `lm-eval` starts, and an error elsewhere."""
    options, rest = parser.parse_known_args(words)
    if rest and options.command != "lm-eval":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    return options


def _run(options: argparse.Namespace) -> int:
    if options.version:
        print(f"workbench {version('alignment-workbench')}")
        for name in ("transformer-lens", "transformers", "torch"):
            print(f"{name} {version(name)}")
        return 0
    if options.command is None:
        build_parser().print_help()
        return 0
    check_options(options)
    from workbench.cli.terminal import as_json, quietly  # rich takes a while to import

    with (
        quietly(results=options.json or options.quiet, progress=options.quiet),
        contextlib.ExitStack() as closing,
    ):
        options.closing = closing
        outcome = resolve_name(options.run)(options) or Outcome()
    if options.json:
        print(as_json(outcome.facts))
    return int(outcome.code)


def _is_out_of_memory(error: Exception) -> bool:
    from workbench.models.memory import is_out_of_memory  # torch takes a while to import

    return is_out_of_memory(error)


def _message(error: Exception) -> str:
    """An error in words; of the system's own, the reason before the name of the file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    return str(error)


def _complain(message: str, before: str = "") -> None:
    """One line on standard error: what cannot be printed is escaped, what is too long is cut."""
    line = WorkbenchError(" ".join(message.split()))
    with contextlib.suppress(OSError):
        print(f"{before}workbench: {line}", file=sys.stderr, flush=True)


def _mend_streams() -> None:
    """Stand in for output streams that are closed; let characters that they cannot encode be replaced."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper) and stream.errors != "backslashreplace":
            stream.reconfigure(errors="replace")


def _silence() -> None:
    """Drop what a stream cannot take any more, so that nothing is said of it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
