"""A stage for faults: small jobs, each run in a process forked from one that has loaded all modules."""

import builtins
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pandas as pd
import torch
from organism_models import FAR, MAIN, tiny_organism
from sweep_grids import TASK, grid, items
from tiny_models import tiny

from workbench.cli import main
from workbench.cli.commands import COMMANDS
from workbench.core.errors import WorkbenchError
from workbench.core.store import write_bytes
from workbench.sweeps import sweep

JOBS = ("capture", "sweep", "diagnose", "compare")
SECONDS = 200
_RESULT = re.compile(
    r"^(?!.*(shards|store)/)(?!.*/\d{6}-).*\.parquet$|^(?!.*(shards|store)/).*(patch.safetensors|heatmap.html)$"
    r"|(choices|verdict|looks|specification)\.json$|states.safetensors$|^manifest.json$"
)


# The jobs, each a command with its folder.


def arguments(job: str, folder: Path) -> list[str]:
    """The command of a job."""
    organism = tiny_organism().folder
    text = ["--text", organism / "parallel.tsv.gz"]
    if job == "capture":
        words = ["capture", organism, *text, "--store", folder, "--batch-tokens", "8"]
    elif job == "diagnose":
        task = f"choices:{organism / 'tasks' / 'two-choice.tsv.gz'}"
        words = ["diagnose", organism, *text, "--task", task, "--pair", f"{FAR}-{MAIN}", "--out", folder]
        words += ["--held-out", "0.4", "--aligners", "ridge,shuffled_pairs", "--strengths", "1", "--anyway"]
        words += ["--batch-size", "4", "--dev", "8", "--test", "8"]
    else:
        words = ["compare", folder, "--methods", "shots_own", "--shots", "1", "--seeds", "1", "--combine", ""]
    return [*map(str, words), "--quiet"]


def swept(folder: Path) -> int:
    """A sweep through the API, whose table is written beside its parts."""
    some = grid(tiny("llama"), layers=[1, 2])
    try:
        table = sweep(tiny("llama"), items("single")[:4], some, **TASK, batch_size=1, folder=folder)
        write_bytes(folder / "table.parquet", table.to_parquet(index=False))
    except WorkbenchError as error:
        print(f"workbench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("workbench: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def command(job: str, folder: Path) -> int:
    """Run a job to its exit code."""
    return swept(folder) if job == "sweep" else main(arguments(job, folder))


def results(folder: Path) -> dict[str, bytes]:
    """What a job is for; timings, and parts that are only kept to go on, are not among them."""
    paths = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if _RESULT.search(name)}


# The steps of a process: each time it opens a file to write, or names, flushes or removes one.

_STEPS = ("replace", "rename", "fsync", "unlink", "mkdir")


def at_steps(act: Callable[[int], None]) -> None:
    """Call `act` with the number of each step, before it is taken."""
    taken = iter(range(1, sys.maxsize))
    for name in _STEPS:
        real = getattr(os, name)
        setattr(os, name, lambda *a, real=real, **k: act(next(taken)) or real(*a, **k))
    real_open = builtins.open

    def opening(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if set(mode) & set("wax+"):
            act(next(taken))
        return real_open(file, mode, *more, **named)

    builtins.open = opening  # type: ignore[assignment]


def at(step: int, act: Callable[[], Any], lasting: bool = False) -> Callable[[], None]:
    """Something that happens at one step, or from that one on."""
    return lambda: at_steps(lambda n: act() if n == step or (lasting and n > step) else None)


def signalled(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def refused(code: int) -> Callable[[], None]:
    def refuse() -> None:
        raise OSError(code, os.strerror(code))

    return refuse


def out_of_memory(step: int, error: type[BaseException]) -> None:
    """The call of an embedding with this number finds no memory."""
    calls, real = iter(range(1, sys.maxsize)), torch.nn.Embedding.forward

    def forward(self: Any, *a: Any) -> Any:
        if next(calls) == step:
            raise error("out of memory")
        return real(self, *a)

    torch.nn.Embedding.forward = forward  # type: ignore[method-assign]


def jumping_clock(rng: random.Random) -> bool | None:
    """Each look at the clock finds another year."""
    real = time.time
    time.time = lambda: real() + rng.uniform(-1e9, 1e9)
    time.time_ns = lambda: int(time.time() * 1e9)
    return None


# The stage: runs of jobs, each in a process of its own.


@dataclass
class Run:
    """A job in a process; its messages are in `said`."""

    job: str
    folder: Path
    prepare: Callable[[], None] = lambda: None
    said: Path = field(init=False)
    process: int = field(init=False)

    def __post_init__(self) -> None:
        self.said = self.folder.parent.with_name(f"said-{time.monotonic_ns()}")  # on no disk of a fault
        self.process = os.fork()
        if self.process:
            return
        code = 1
        try:
            out = os.open(self.said, os.O_WRONLY | os.O_CREAT)
            os.dup2(out, 1)
            os.dup2(out, 2)
            sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.alarm(SECONDS)
            self.prepare()
            code = command(self.job, self.folder)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def end(self) -> tuple[int, str]:
        """Exit code (or minus the signal) and what was said; a traceback is an error of the test."""
        _, status = os.waitpid(self.process, 0)
        code, said = os.waitstatus_to_exitcode(status), self.said.read_text(errors="replace")
        assert "Traceback" not in said and code != 1, f"{self.job} ended with {code}:\n{said}"
        assert (code == 2) == ("workbench: " in said.replace("workbench: stopped", "")), said
        return code, said


class Stage:
    """Undisturbed runs of all jobs, and the faults."""

    def __init__(self, place: Path):
        torch.set_num_threads(1)
        self.place, self.whole, self.steps, self.seconds = place, {}, {}, {}
        tiny_organism(), tiny("llama")
        for name in ("capture", "diagnose", "compare"):
            resolve_name(COMMANDS[name].run)
        for job in JOBS:
            folder, log = self.fresh(job, "whole"), place / f"steps-{job}"
            start = time.perf_counter()
            assert Run(job, folder, lambda log=log: at_steps(lambda n: _note(log, n))).end()[0] == 0
            self.seconds[job] = time.perf_counter() - start
            self.whole[job], self.steps[job] = results(folder), len(log.read_bytes())
            assert self.whole[job] and not list(folder.rglob(".lock"))

    def fresh(self, job: str, name: str) -> Path:
        """The folder of a job before it is begun: empty, or of `compare` a finished diagnosis."""
        folder = self.place / name / job
        if job == "compare":
            shutil.copytree(self.place / "whole" / "diagnose", folder)
        else:
            folder.parent.mkdir(exist_ok=True)
        return folder

    def fault(self, number: int, job: str, kind: "Kind", own_disk: bool) -> str:
        """A fault of a kind: what was done, for people. An assertion fails where something was lost."""
        rng, place = random.Random(f"fault {number}"), self.place / f"fault-{number}"
        place.mkdir()
        try:
            if own_disk:
                mounted(place, "size=64m")
            kind(self, job, self.fresh(job, place.name), rng)
        except Skipped as why:
            return f"skipped: {why}"
        finally:
            if place.is_mount():
                subprocess.run(["umount", "-l", str(place)], check=True)
            shutil.rmtree(place)
        return f"{job}: {kind.__name__}"

    def step(self, job: str, rng: random.Random) -> int:
        return rng.randint(1, self.steps[job])

    def again(self, job: str, folder: Path, exactly: bool = True) -> None:
        """The same command again, and what it says is to be done, until it ends; then its results."""
        for _ in range(6):
            code, said = Run(job, folder).end()
            if code == 0:
                break
            line = said.strip().splitlines()[-1]
            named = re.search(rf"{re.escape(str(folder))}[^\s:,()]*", line)
            assert named and re.search("again|give|delete", line), f"no file or no remedy: {line}"
            path = Path(named[0])
            assert path != folder, line
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            if job == "compare":  # what a diagnosis made, it makes anew
                Run("diagnose", folder).end()
        assert code == 0, said
        if job == "compare" and results(folder).items() ^ self.whole[job].items():
            Run("diagnose", folder).end()
        found, whole = results(folder), self.whole[job]
        if exactly:
            different = [name for name in {**found, **whole} if found.get(name) != whole.get(name)]
            assert not different, f"{job}: {different}"
        else:
            close(found, whole)


Kind = Callable[[Stage, str, Path, random.Random], None]


class Skipped(Exception):
    """The machine does not let this fault be made."""


def _note(log: Path, _: int) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(out, b".")
    os.close(out)


def close(found: dict[str, bytes], whole: dict[str, bytes]) -> None:
    """Smaller batches move the last digits, and nothing else."""
    assert set(found) == set(whole)
    for name in found:
        if name.endswith(".parquet"):
            tables = [pd.read_parquet(BytesIO(data[name])) for data in (found, whole)]
            pd.testing.assert_frame_equal(*tables, atol=1e-4, rtol=1e-3)


def mounted(place: Path, options: str) -> None:
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise Skipped(f"no disk can be mounted: {done.stderr.strip()}")
