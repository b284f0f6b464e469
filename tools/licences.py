"""The licences of all packages that the lock installs; exit code 1 where one is unknown, or asks for more.

`python tools/licences.py` prints a line for each package, with `--quiet` only what is to be looked at.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
FREE = "MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|BSL|CNRI|MPL"
"""Licences under which a package may be used by anybody. Under MPL changed files of the package stay open."""
COPYLEFT = r"GPL|AGPL|SSPL|EUPL|Proprietary|Commercial"


def main() -> int:
    """Print the list; 1 where a licence is to be looked at."""
    rows = list(licences())
    odd = [(name, text) for name, text in rows if not is_free(text)]
    for name, text in odd if "--quiet" in sys.argv else rows:
        print(f"{name:<32} {text or 'unknown'}")
    if odd:
        print(
            f"{len(odd)} licences are to be looked at: {', '.join(name for name, _ in odd)}", file=sys.stderr
        )
    return 1 if odd else 0


def licences() -> Iterator[tuple[str, str]]:
    """Name and licence of each package of the lock, as its own metadata states it."""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([A-Za-z0-9_.-]+)==", line):
            try:
                yield found[1], stated(distribution(found[1]))
            except PackageNotFoundError:
                yield found[1], "not installed: make .venv/.installed"


def stated(package: Distribution) -> str:
    """The licence expression, else the classifiers, else the first line of the licence."""
    about: Any = package.metadata
    classes = [text.rpartition(":: ")[2] for text in about.get_all("Classifier", []) if "License ::" in text]
    lines = (about.get("License") or "").strip().splitlines()
    return about.get("License-Expression") or "; ".join(classes) or "".join(lines[:1])


def is_free(text: str) -> bool:
    """Whether the package may be used by anybody for anything."""
    return bool(re.search(FREE, text)) and not re.search(COPYLEFT, text)


if __name__ == "__main__":
    sys.exit(main())
