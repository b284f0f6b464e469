"""Install the wheel into an empty environment of every Python in range that is here, and run the demo there.

    python tools/pythons.py [PYTHON …]

Without names: python3.11, python3.12 and python3.13 of PATH, and those of pyenv. Takes some minutes for each.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
IN_RANGE = ("3.11", "3.12", "3.13")
TORCH = next(
    line
    for line in (REPO / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if "torch==" in line
)


def found() -> list[str]:
    """One interpreter of each version."""
    programs = []
    for minor in IN_RANGE:
        kept = sorted(Path.home().glob(f".pyenv/versions/{minor}.*/bin/python"))
        if program := shutil.which(f"python{minor}") or (str(kept[-1]) if kept else None):
            programs.append(program)
        else:
            print(f"Python {minor}: not here")
    return programs


def run(*words: str | Path, where: Path) -> str:
    """The output of a command; what it says where it fails."""
    done = subprocess.run([str(word) for word in words], cwd=where, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def main() -> None:
    """Build once, then try each interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", place)
        run(sys.executable, "-m", "pip", "wheel", *options, REPO, where=place)
        (wheel,) = place.glob("*.whl")
        for program in sys.argv[1:] or found():
            start, home = time.perf_counter(), place / Path(program).parents[1].name
            run(program, "-m", "venv", home, where=place)
            python = home / "bin" / "python"
            # torch first: without an index for CPU builds of its own, pip takes the one that is configured
            for wanted in (TORCH, wheel):
                run(python, "-m", "pip", "install", "--quiet", wanted, where=place)
            run(home / "bin" / "workbench", "demo", "--out", home / "demo", where=place)
            run(python, "-m", "pip", "check", where=place)
            versions = run(home / "bin" / "workbench", "--version", where=place).split("\n")
            said = run(python, "--version", where=place).strip()
            print(
                f"{said}: {', '.join(filter(None, versions))}: {time.perf_counter() - start:.0f} s",
                flush=True,
            )
            shutil.rmtree(home)


if __name__ == "__main__":
    main()
