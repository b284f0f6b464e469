"""Curves over layers keep to the width of the terminal; without one, long steps are told of in lines."""

import re
import time

import pytest

from workbench.cli import terminal
from workbench.cli.terminal import print_layers, progress, progress_bar

SITES = ["embed", *(f"resid_post.{layer}" for layer in range(32))]


def printed(capsys, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [(("retrieval_centered",), [f"{at / 100:.2f}" for at in range(33)], ("0.32 [0.30, 0.34]", "31"))]
    print_layers("sw-en", ("measure",), SITES, rows, ("best [95 %]", "at"))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("columns", "step"), [(60, 17), (80, 6), (120, 3), (300, 1)])
def test_every_k_th_layer_is_shown_as_far_as_there_is_room(capsys, monkeypatch, columns, step):
    _, title, head, _, row, *rest = printed(capsys, columns, monkeypatch)
    names = [site.removeprefix("resid_post.") for site in SITES[::step]]
    assert title == "sw-en" and max(map(len, (head, row))) <= columns
    assert head.split() == ["measure", *names, "best", "[95", "%]", "at"]
    assert row.split() == [
        "retrieval_centered",
        *(f"{at / 100:.2f}" for at in range(0, 33, step)),
        "0.32",
        "[0.30,",
        "0.34]",
        "31",
    ]
    assert bool(rest) == (step > 1) and all(f"{len(names)} of 33 layers" in line for line in rest)


def test_without_a_terminal_a_long_step_is_told_of_in_dated_lines(capsys, monkeypatch):
    """Once after some seconds and then every few minutes, with the time left; short steps are silent."""
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with progress_bar():
        for second in range(0, 601):
            now[0] = float(second)
            progress("sweep", second, 600)
        progress("fit", 1, 2)
        progress("sweep", 1, 3)  # another sweep
    lines = capsys.readouterr().err.splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d "
    assert all(re.match(stamp, line) for line in lines)
    told = [re.sub(stamp, "", line) for line in lines]
    assert told[0] == "sweep: 10 of 600, about 9 min 50 s left"
    assert [line.split()[1] for line in told] == ["10", "190", "370", "550"]


def test_a_step_that_reports_nothing_for_long_is_told_of(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with progress_bar():
        progress("sweep", 0, 4)
        now[0] = 11.0
        deadline = time.time() + 20
        while not (told := capsys.readouterr().err) and time.time() < deadline:
            time.sleep(0.1)
    assert told.rstrip().endswith("sweep: 0 of 4")
