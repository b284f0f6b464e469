"""Curves over layers keep to the width of the terminal."""

import pytest

from workbench.cli.terminal import print_layers

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
