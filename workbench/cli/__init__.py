"""The command line: parse, call, print. Each command is one file and one line in `COMMANDS`.

Errors a user can mend are one line and exit code 2; `--debug` shows where they came from.
"""

import argparse
import os
import sys
from importlib import import_module

from workbench.errors import WorkbenchError

# Name → the module that holds it; loaded only when it is the one asked for or all help is wanted.
COMMANDS = {
    "capture": "workbench.cli.capture",
    "claims": "workbench.cli.claims",
    "compare": "workbench.cli.compare",
    "data": "workbench.cli.data",
    "demo": "workbench.cli.demo",
    "diagnose": "workbench.cli.diagnose",
    "doctor": "workbench.cli.doctor",
    "figures": "workbench.cli.figures",
    "fit": "workbench.cli.fit",
    "generate": "workbench.cli.generate",
    "lab": "workbench.cli.lab",
    "measure": "workbench.cli.measure",
    "models": "workbench.cli.models",
    "organism": "workbench.cli.organism",
    "plan": "workbench.cli.plan",
    "recipes": "workbench.cli.recipes",
    "report": "workbench.cli.report",
}

_ABOUT = """At which layer does a language model hold one language in a form that maps onto another,
does mapping it there make the model better at a task, and is it to be believed?"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="workbench",
        description=_ABOUT,
        epilog="example:\n  workbench demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print versions and exit")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, home in COMMANDS.items():
        module = import_module(home)
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        # The command's own flag must not undo one given before the command.
        command.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (found wanting), 2 (something to mend) or 130 (Ctrl-C)."""
    parser = build_parser()
    options = parser.parse_args(argv)
    if options.version:
        _print_versions()
        return 0
    if options.command is None:
        parser.print_help()
        return 0
    try:
        return int(options.run(options) or 0)
    except WorkbenchError as error:
        if options.debug:
            raise
        print(f"workbench: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nworkbench: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (`| head`) has left: no news, and no traceback at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _print_versions() -> None:
    from importlib.metadata import version

    print(f"workbench {version('alignment-workbench')}")
    for name in ("transformer-lens", "transformers", "torch"):
        print(f"{name} {version(name)}")
