"""The heatmap of every configuration: its numbers are those of the tables, its page needs no network."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from made_tables import made

from workbench.figures import configurations, draw_interactive, headlines, to_page, with_notes
from workbench.figures.frames import NothingToShow


@pytest.fixture
def frames():
    return {name: table for name, table in made(6, 1).items() if name in ("exploration", "selection")}


def test_every_configuration_has_a_row_and_every_cell_the_gain_of_the_table(frames):
    spec = configurations(frames)
    (panel,), table = spec.panels, frames["exploration"]
    assert len(panel.rows) == len(table.groupby(["aligner", "intervention", "strength"]))
    assert panel.rows[:2] == ("ridge, replace, α = 1", "ridge, add mapped, α = 0.5")
    assert sum(row.startswith("shuffled pairs*") for row in panel.rows) == 3
    shown = [value for row in panel.values for value in row]
    assert sorted(shown) == pytest.approx(sorted(table.gain))
    assert spec.scale.high == -spec.scale.low == pytest.approx(table.gain.abs().max())
    hatched = sum(map(sum, panel.hatched))
    assert hatched == (~table.beyond_band).sum() > 0
    assert "dev items" in spec.subtitle and "n = 200" in spec.subtitle
    assert any("gain on dev +" in line for line in panel.notes[0][3])


def test_means_over_items_stand_in_the_notes_of_their_configuration(frames):
    table = frames["exploration"]
    items = [table.assign(example=f"e{at}", group=None, correct=at < 3, patch_size=0.5) for at in range(4)]
    spec = configurations(frames | {"sweep": pd.concat(items)})
    notes = [lines for row in spec.panels[0].notes for lines in row]
    assert all("accuracy 0.750" in lines for lines in notes)
    assert all(any(line.endswith("0.500") and "patch size" in line for line in lines) for lines in notes)


def test_a_layer_that_was_not_patched_is_no_number_and_is_said(frames):
    table = frames["exploration"]
    some = table[(table.layer != 2) | (table.aligner == "ridge")]
    spec = with_notes(configurations(frames | {"exploration": some}), ["only for first steps"])
    column = [row[2] for row in spec.panels[0].values]
    assert sum(value is None for value in column) == 6 and spec.panels[0].notes[-1][2] == ()
    assert "Grey: not measured." in spec.signs and spec.footer.endswith("Note: only for first steps.")


def test_each_study_has_one_row_of_the_aligner_it_is_about():
    tables = made(6, 3)
    (panel,) = headlines(tables).panels
    selection = tables["selection"]
    chosen = selection[selection.headline]
    assert len(panel.rows) == len(chosen) == 3
    known = tables["exploration"]
    for name, values, one in zip(panel.rows, panel.values, chosen.itertuples(), strict=True):
        mine = known[(known.pair == one.pair) & (known.aligner == one.aligner)]
        mine = mine[(mine.intervention == one.intervention) & (mine.strength == one.strength)]
        assert f"{name}-en" == one.pair and np.allclose(values, mine.sort_values("layer").gain)
    with pytest.raises(NothingToShow):
        headlines(tables | {"selection": selection.assign(headline=False)})


def test_the_page_needs_no_network(frames):
    page = to_page(draw_interactive(configurations(frames)), "t")
    assert page.startswith("<!doctype html>") and '<meta charset="utf-8">' in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert len(page) > 1_000_000  # the drawing code itself


def test_markup_in_names_is_shown_and_not_run(frames):
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    table = frames["exploration"]
    table = table.assign(model=evil, aligner=table.aligner.where(table.aligner != "ridge", f"{evil} & co"))
    figure = draw_interactive(configurations({"exploration": table}))
    page = to_page(figure, evil)
    assert "<script>alert(2)" not in page and "<img src=x" not in page
    heat = next(trace for trace in figure.data if trace.type == "heatmap")
    drawn = [*figure.layout.yaxis.ticktext, figure.layout.title.subtitle.text, *heat.hovertext[0]]
    for text in drawn:
        assert "<img" not in text and "<script" not in text
    assert "&amp; co" in figure.layout.yaxis.ticktext[0]


def test_the_figures_room_loads_neither_torch_nor_plotting():
    code = "import sys, json, workbench.figures; print(json.dumps([name in sys.modules for name in NAMES]))"
    code = f"NAMES = ('torch', 'plotly', 'matplotlib'); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False] * 3
