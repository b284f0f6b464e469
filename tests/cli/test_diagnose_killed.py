"""Killed at any point, a diagnosis that is run again ends in the same files, byte for byte."""

import random
import shutil
from pathlib import Path

import forked
import torch
from counts import count
from organism_models import FAR, MAIN, tiny_organism

from workbench.cli import main


def diagnose(out: Path, organism: Path) -> None:
    """One pair, two tasks of a few items."""
    torch.set_num_threads(1)
    task = f"choices:{organism / 'tasks' / 'exact.tsv.gz'},choices:{organism / 'tasks' / 'two-choice.tsv.gz'}"
    options = ["--text", organism / "parallel.tsv.gz", "--task", task, "--pair", f"{FAR}-{MAIN}"]
    options += ["--held-out", "0.4", "--quick", "--anyway", "--batch-size", "4", "--out", out]
    assert main(["diagnose", *map(str, [organism, *options])]) == 0


def results(folder: Path) -> dict[str, bytes]:
    """Tables, choices and patches; timings and what is only kept to go on are not among them."""
    kept = (".parquet", "choices.json", "manifest.json", "patch.safetensors")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name.endswith(kept) and not {"shards", "store"} & set(path.parts)
    }


def test_killed_at_any_point_it_ends_in_the_same_tables(tmp_path):
    organism = tiny_organism().folder
    whole, took = forked.run(diagnose, tmp_path / "whole", organism)
    expected = results(tmp_path / "whole")
    assert whole and len([name for name in expected if name.endswith("sweep.parquet")]) == 3
    rng, killed = random.Random(11), 0
    while killed < count(1, 20):
        out = tmp_path / f"killed-{killed}"
        ended, seconds = forked.run(diagnose, out, organism, kill_after=rng.uniform(0, took))
        if ended:  # the kill came too late: the machine has less to do now than before
            took = min(took, seconds)
            shutil.rmtree(out)
            continue
        killed += 1
        assert forked.run(diagnose, out, organism)[0]
        assert results(out) == expected, f"kill {killed}"
