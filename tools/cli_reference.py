"""Write docs/cli.md from the help texts of the command line: `python tools/cli_reference.py`."""

import os
from pathlib import Path

os.environ["COLUMNS"] = "100"  # argparse wraps to the terminal otherwise


def reference() -> str:
    """The reference, as Markdown."""
    from workbench.cli import COMMANDS, build_parser

    parser = build_parser()
    commands = next(a for a in parser._actions if hasattr(a, "choices") and a.choices).choices
    assert isinstance(commands, dict)
    parts = ["# Command line\n", "Generated from the help texts by `python tools/cli_reference.py`.\n"]
    for name, one in (("workbench", parser), *((f"workbench {c}", commands[c]) for c in COMMANDS)):
        parts.append(f"## {name}\n\n```\n{one.format_help().strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    path = Path(__file__).parent.parent / "docs" / "cli.md"
    path.write_text(reference(), encoding="utf-8")
