"""Killed at any point, a diagnosis that is run again ends in the same files, byte for byte."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from counts import count
from organism_models import FAR, MAIN, tiny_organism

_START = """
import sys, torch
torch.set_num_threads(1)
from workbench.cli import main
import workbench.study, workbench.organism, transformers  # loaded before the clock starts
print("ready", flush=True)
sys.exit(main(sys.argv[1:]))
"""


def diagnose(out: Path, kill_after: float | None = None) -> tuple[bool, float]:
    """Whether it came to its end, in a process of its own, and how long it took."""
    folder = tiny_organism().folder
    task = f"choices:{folder / 'tasks' / 'exact.tsv.gz'},choices:{folder / 'tasks' / 'two-choice.tsv.gz'}"
    options = ["--text", folder / "parallel.tsv.gz", "--task", task, "--pair", f"{FAR}-{MAIN}"]
    options += ["--held-out", "0.4", "--quick", "--anyway", "--batch-size", "4", "--out", out]
    command = [sys.executable, "-c", _START, "diagnose", folder, *options]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        start = time.perf_counter()
        if kill_after is not None:
            time.sleep(kill_after)
            child.send_signal(signal.SIGKILL)
        _, errors = child.communicate()
    assert child.returncode in (0, -signal.SIGKILL), errors.decode()
    return child.returncode == 0, time.perf_counter() - start


def results(folder: Path) -> dict[str, bytes]:
    """Tables, choices and patches; timings and what is only kept to go on are not among them."""
    kept = (".parquet", "choices.json", "manifest.json", "patch.safetensors")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name.endswith(kept) and not {"shards", "store"} & set(path.parts)
    }


def test_killed_at_any_point_it_ends_in_the_same_tables(tmp_path):
    whole, took = diagnose(tmp_path / "whole")
    expected = results(tmp_path / "whole")
    assert whole and len([name for name in expected if name.endswith("sweep.parquet")]) == 3
    rng, killed = random.Random(11), 0
    while killed < count(1, 20):
        out = tmp_path / f"killed-{killed}"
        ended, seconds = diagnose(out, kill_after=rng.uniform(0, took))
        if ended:  # the kill came too late: the machine has less to do now than before
            took = min(took, seconds)
            shutil.rmtree(out)
            continue
        killed += 1
        assert diagnose(out)[0]
        assert results(out) == expected, f"kill {killed}"
