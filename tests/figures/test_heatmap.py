"""A heatmap's numbers are those of its table, and its page is safe and whole."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from workbench.core.errors import InputError
from workbench.figures import draw_heatmap, gain_heatmap, to_page
from workbench.stats import paired_interval


def rows(aligner, layer, correct, intervention="replace", model="tiny", strength=1.0):
    clean = aligner == "clean"
    return pd.DataFrame(
        {
            "model": model,
            "task": "lookup",
            "pair": "sw-en",
            "language": "sw",
            "split": "dev",
            "aligner": aligner,
            "intervention": None if clean else intervention,
            "strength": None if clean else strength,
            "layer": pd.array([None if clean else layer] * len(correct), dtype="Int64"),
            "example": [f"e{i}" for i in range(len(correct))],
            "group": None,
            "correct": pd.array([bool(c) for c in correct], dtype="boolean"),
            "margin": [2.0 * c - 1 for c in correct],
            "patch_size": 0.5,
        }
    )


def table(**kwargs):
    return pd.concat(
        [
            rows("clean", None, [1, 0, 0, 0], **kwargs),
            rows("map", 0, [1, 1, 1, 0], **kwargs),
            rows("map", 2, [0, 0, 0, 0], **kwargs),
            rows("shift", 0, [1, 0, 0, 0], **kwargs),
        ],
        ignore_index=True,
    )


def test_the_cells_are_paired_gains():
    spec = gain_heatmap(table())
    assert spec.rows == ("map · replace", "shift · replace") and spec.columns == ("0", "2")
    assert spec.values == ((0.5, -0.25), (0.0, None))
    assert spec.reach == 0.5
    assert "dev split" in spec.subtitle and "n = 4" in spec.subtitle and "contrast" in spec.subtitle
    assert any("+0.500 [" in line for line in spec.notes[0][0]) and spec.notes[1][1] == ()


def test_an_item_without_a_group_is_a_unit_of_its_own_in_a_cell():
    after = np.arange(40) % 4 < 3
    both = pd.concat([rows("clean", None, [0] * 40), rows("map", 0, after)])
    both["group"] = [f"p{i // 3}" if i < 39 else None for i in range(40)] * 2
    units = [f"p{i // 3}" for i in range(39)] + ["e39"]
    expected = paired_interval(after, np.zeros(40), units)
    assert paired_interval(after, np.zeros(40)).low < expected.low - 0.01
    told = gain_heatmap(both).notes[0][0][2]
    assert told.startswith(f"gain +0.750 [{expected.low:.3f}, {expected.high:.3f}]")


def test_what_has_to_be_said_about_the_data_stands_below():
    footer = gain_heatmap(table(), cautions=["only for first steps"]).footer
    assert footer.endswith("Note: only for first steps.") and "Exploration" in footer


def test_strengths_are_named_where_there_are_several():
    both = pd.concat([table(), rows("map", 1, [1, 1, 1, 1], strength=0.5)])
    assert "map · replace · α = 0.5" in gain_heatmap(both).rows


def test_tables_of_two_models_or_unequal_items_are_refused():
    with pytest.raises(InputError, match="one model"):
        gain_heatmap(pd.concat([table(), table(model="other")]))
    with pytest.raises(InputError, match="other items"):
        gain_heatmap(pd.concat([table(), rows("map", 1, [1, 1])]))
    with pytest.raises(InputError, match="patched rows"):
        gain_heatmap(rows("clean", None, [1]))


def test_the_scale_is_centred_on_zero_and_the_numbers_are_drawn():
    figure = draw_heatmap(gain_heatmap(table()))
    trace = figure.data[0]
    assert (trace.zmin, trace.zmid, trace.zmax) == (-0.5, 0, 0.5)
    assert [list(row) for row in trace.text] == [["+0.50", "−0.25"], ["0.00", ""]]
    assert trace.colorscale[0][1] != trace.colorscale[-1][1]
    assert "gain +0.500" in trace.hovertext[0][0]


def test_the_page_needs_no_network():
    page = to_page(draw_heatmap(gain_heatmap(table())), "t")
    assert page.startswith("<!doctype html>") and '<meta charset="utf-8">' in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert len(page) > 1_000_000  # the drawing code itself


def test_markup_in_names_is_shown_and_not_run():
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    data = table(model=evil).assign(aligner=lambda t: t.aligner.where(t.aligner != "shift", f"{evil} & co"))
    figure = draw_heatmap(gain_heatmap(data))
    page = to_page(figure, evil)
    assert "<script>alert(2)" not in page and "<img src=x" not in page
    drawn = [*figure.layout.yaxis.ticktext, figure.layout.title.subtitle.text]
    for text in drawn + list(figure.data[0].hovertext[1]):
        assert "<img" not in text and "<script" not in text
    assert "&amp; co" in figure.layout.yaxis.ticktext[1]


def test_the_figures_room_does_not_load_torch():
    code = "import sys, json, workbench.figures; print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
