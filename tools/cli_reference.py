"""Write docs/cli.md from the help texts of the command line: `python tools/cli_reference.py`."""

import os
from argparse import ArgumentParser
from pathlib import Path

os.environ["COLUMNS"] = "100"  # argparse wraps to the terminal otherwise


def reference() -> str:
    """The reference, as Markdown."""
    from workbench.cli import COMMANDS, build_parser

    parser = build_parser()
    pages = {"workbench": parser}
    for name in COMMANDS:
        command = pages[f"workbench {name}"] = _inside(parser)[name]
        pages |= {f"workbench {name} {action}": one for action, one in _inside(command).items()}
    parts = ["# Command line\n", "Generated from the help texts by `python tools/cli_reference.py`.\n"]
    for name, one in pages.items():
        parts.append(f"## {name}\n\n```\n{one.format_help().strip()}\n```\n")
    return "\n".join(parts)


def _inside(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    """The commands of a parser, by name."""
    return next((dict(a.choices) for a in parser._actions if isinstance(a.choices, dict)), {})


if __name__ == "__main__":
    path = Path(__file__).parent.parent / "docs" / "cli.md"
    path.write_text(reference(), encoding="utf-8")
