"""Writes the lock files: every package that `.[dev,lab]` and the site need, pinned to what is found today.

    python3 tools/lock.py torch==2.13.0 transformer-lens==3.9.0

For each file it installs requirements in a throw-away environment and writes what it finds there: the
named pins and `.[dev,lab]` for requirements.lock, the extra `docs` alone for requirements-docs.lock. The
files name no index and no local version (`2.13.0`, never `2.13.0+cpu`): the machine that installs decides
where packages come from and for which accelerator torch is built.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

REPO = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = {"pip", "wheel"}  # of the throw-away environment, needed by nothing

HEADER = """\
# Exact versions for `make`: everything that {what} needs.
# Written by `make lock` with Python {python} on {platform}; do not edit.
# The libraries that a CUDA build of torch requires are pinned by torch itself.
"""


def extra(*names: str) -> list[str]:
    """The requirements of some extras."""
    return [line for name in names for line in PROJECT["optional-dependencies"][name]]


def resolve(requirements: list[str]) -> list[str]:
    """`name==version` of all that is installed when the requirements are."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", *requirements], check=True)
        done = subprocess.run([*pip, "freeze", "--all"], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def clean(frozen: list[str]) -> list[str]:
    """Exact public versions only, sorted by name."""
    lines = []
    for line in frozen:
        name, _, version = re.sub(r"\s+@\s+.*", "", line).partition("==")
        if not version:
            raise SystemExit(f"no version for {line!r}: it was not installed from an index")
        # nvidia-* and triton come with torch for CUDA alone, and torch pins them.
        if name.lower() not in OWN and not re.match(r"nvidia-|cuda-|triton$", name):
            lines.append(f"{name}=={version.partition('+')[0]}")
    return sorted(lines, key=str.lower)


def write(lock: str, what: str, requirements: list[str]) -> None:
    """Resolve, clean, write."""
    lines = clean(resolve(requirements))
    python = ".".join(map(str, sys.version_info[:3]))
    header = HEADER.format(what=what, python=python, platform=sys.platform)
    (REPO / lock).write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{lock}: {len(lines)} packages")


def main() -> None:
    """Both files."""
    write("requirements-docs.lock", "the documentation's site", extra("docs"))
    everything = [*PROJECT["dependencies"], *extra("dev", "lab"), *sys.argv[1:]]
    write("requirements.lock", "alignment-workbench[dev,lab]", everything)


if __name__ == "__main__":
    main()
