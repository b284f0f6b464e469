"""Faults at random places of capture, sweep, diagnose and compare: nothing is lost, nothing silently wrong.

After each fault the same command is given again. It ends in the bytes of an undisturbed run, or says in one
line which file is in its way and what to do; that done, it ends in these bytes.
"""

import errno
import os
import random
import signal
import socket
import time
import traceback
from pathlib import Path
from typing import Any

import forked
import pytest
import torch
from counts import count
from stage import JOBS, Run, Stage, at, jumping_clock, mounted, out_of_memory, refused, signalled

FAULTS = count(30, 200)


def killed(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """By any signal at any step; the second run, too."""
    for _ in range(rng.choice([1, 1, 2])):
        number = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        code, said = Run(job, folder, at(stage.step(job, rng), signalled(number))).end()
        assert code in (0, -number, 130) and (code != 130 or "stopped; the same command" in said), said
    stage.again(job, folder)


def stopped_at_a_time(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """In the middle of whatever it does."""
    number = rng.choice([signal.SIGKILL, signal.SIGTERM])
    run = Run(job, folder)
    time.sleep(rng.uniform(0, stage.seconds[job]))
    os.kill(run.process, number)
    assert run.end()[0] in (0, -number)
    stage.again(job, folder)


def disk_error(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """A full disk, a quota, a broken or read-only disk, once or from some step on."""
    code = rng.choice([errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
    ended, said = Run(job, folder, at(stage.step(job, rng), refused(code), rng.random() < 0.7)).end()
    assert ended == 0 or os.strerror(code) in said, said
    stage.again(job, folder)


def small_disk(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """A disk that is really too small; then it is made larger."""
    used = sum(path.stat().st_blocks * 512 for path in folder.parent.rglob("*")) >> 10
    wanted = sum(map(len, stage.whole[job].values())) >> 10
    mounted(folder.parent, f"remount,size={used + rng.randint(4, 2 * wanted + 8)}k")
    ended, said = Run(job, folder).end()
    assert ended == 0 or "No space left" in said, said
    mounted(folder.parent, "remount,size=64m")
    stage.again(job, folder)


def read_only(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """A folder, begun or not, that cannot be written for some time."""
    Run(job, folder, at(stage.step(job, rng), signalled(signal.SIGKILL))).end()
    mounted(folder.parent, "remount,ro")
    ended, said = Run(job, folder).end()
    assert ended == 0 or (("Read-only" in said or "cannot write" in said) and str(folder) in said), said
    mounted(folder.parent, "remount,rw")
    stage.again(job, folder)


def no_cache(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """Caches of the user that cannot be written."""
    place = rng.choice(["/proc/nowhere", "/dev/null/cache"])
    names = ("HOME", "XDG_CACHE_HOME", "WORKBENCH_STORE", "HF_HOME", "MPLCONFIGDIR", "TMPDIR")
    Run(job, folder, lambda: os.environ.update(dict.fromkeys(names, place))).end()
    stage.again(job, folder)


def damaged(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """Files cut, with flipped bits, emptied, lost, or with the content of another, of a run at any step."""
    step = rng.choice([stage.step(job, rng), stage.steps[job] + 1])
    Run(job, folder, at(step, signalled(signal.SIGKILL))).end()
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []
    for path in rng.sample(files, min(len(files), rng.choice([1, 1, 2, 3]))):
        data = path.read_bytes() if path.exists() else b""
        kind = rng.randrange(5)
        if kind == 0:
            path.write_bytes(data[: rng.randrange(len(data) + 1)])
        elif kind == 1 and data:
            spot = rng.randrange(len(data))
            path.write_bytes(data[:spot] + bytes([data[spot] ^ 1 << rng.randrange(8)]) + data[spot + 1 :])
        elif kind == 2:
            path.write_bytes(b"")
        elif kind == 3:
            path.unlink(missing_ok=True)
        else:  # another file of its kind in its place
            path.write_bytes(rng.choice([one for one in files if one.suffix == path.suffix]).read_bytes())
    stage.again(job, folder)


def two_processes(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """A second process while the first stands still; then the first goes on, or is killed."""
    first = Run(job, folder, at(stage.step(job, rng), signalled(signal.SIGSTOP)))
    _, status = os.waitpid(first.process, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    locked = any(folder.rglob(".lock"))
    second = Run(job, folder)
    if job == "capture" and locked:  # it waits for the states
        time.sleep(0.3)
        assert os.waitpid(second.process, os.WNOHANG) == (0, 0)
    else:
        code, said = second.end()
        assert code == 2 if locked else code == 0, said
        assert not locked or f"in use by process {first.process} on {socket.gethostname()} since" in said
    os.kill(first.process, rng.choice([signal.SIGCONT, signal.SIGKILL]))
    os.kill(first.process, signal.SIGCONT)
    assert first.end()[0] in (0, -signal.SIGKILL)
    if job == "capture" and locked:
        assert second.end()[0] == 0
    stage.again(job, folder)


def wrong_clock(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """A clock that jumps by years, and files of the future and of the past."""
    stop = at(stage.step(job, rng), signalled(signal.SIGKILL))
    Run(job, folder, lambda: jumping_clock(rng) or stop()).end()
    for path in folder.rglob("*"):
        os.utime(path, (then := rng.uniform(0, 4e9), then))
    stage.again(job, folder)


def no_memory(stage: Stage, job: str, folder: Path, rng: random.Random) -> None:
    """Memory that runs out in a batch: it goes on in smaller ones, or ends in a line."""
    error, call = rng.choice([MemoryError, torch.OutOfMemoryError]), rng.randint(1, 60)
    ended, said = Run(job, folder, lambda: out_of_memory(call, error)).end()
    assert ended == 0 or "memory ran out" in said, said
    stage.again(job, folder, exactly=False)


KINDS = (killed, stopped_at_a_time, disk_error, small_disk, read_only, no_cache, damaged, damaged)
KINDS += (two_processes, wrong_clock, no_memory)
CASES = [(JOBS[i % len(JOBS)], KINDS[i % len(KINDS)]) for i in range(len(KINDS) * len(JOBS))]
"""All kinds with all jobs, as neither number divides the other."""


def serve(connection: Any, place: Path) -> None:
    """The stage: it answers each number with what was done, or with what went wrong."""
    stage = None
    while (number := connection.recv()) is not None:
        try:
            stage = stage or Stage(place)
            job, kind = CASES[number % len(CASES)]
            connection.send((True, stage.fault(number, job, kind, kind in (small_disk, read_only))))
        except BaseException:
            connection.send((False, traceback.format_exc()))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Sends numbers of faults to the stage."""
    with forked.served(serve, tmp_path_factory.mktemp("stage")) as connection:
        yield connection


@pytest.mark.parametrize("number", range(FAULTS))
def test_a_fault(stage, number):
    stage.send(number)
    fine, said = stage.recv()
    assert fine, said
    if said.startswith("skipped"):
        pytest.skip(said)
