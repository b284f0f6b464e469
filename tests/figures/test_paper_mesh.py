"""Cells of one colour are one path in SVG, in their places and colours, and what is not measured is none."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_hex

from workbench.figures import Cells, Scale, Spec
from workbench.figures.paper import draw_paper, save_paper
from workbench.figures.paper_mesh import colour_map

ROWS, COLUMNS = 7, 40


def mesh_of(values, scale):
    """The paths of the first mesh of an SVG, as (colour, corners), and the figure."""
    rows = tuple(map(str, range(len(values))))
    columns = tuple(map(str, range(len(values[0]))))
    (figure,) = draw_paper(Spec("grid", "t", "s", (Cells("", rows, columns, values),), scale))
    svg = save_paper(figure, "svg").decode()
    (group,) = re.findall(r'<g id="QuadMesh_1">(.*?)</g>', svg, re.S)
    paths = re.findall(r'<path d="([^"]*)"[^>]*style="fill: (#\w+)', group)
    corners = [np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", path), dtype=float) for path, _ in paths]
    return [
        (colour, places.reshape(-1, 4, 2)) for (_, colour), places in zip(paths, corners, strict=True)
    ], figure


@pytest.mark.parametrize("columns", [4, COLUMNS])  # with white borders, and too small for them
def test_every_cell_is_in_its_place_and_colour_and_every_colour_is_there_once(columns):
    scale = Scale("v", -1, 1, True)
    values = tuple(
        tuple(None if (row + at) % 9 == 0 else (row * at) % 5 / 2 - 1 for at in range(columns))
        for row in range(ROWS)
    )
    paths, figure = mesh_of(values, scale)
    seen = {value for row in values for value in row if value is not None}
    drawn = [colour for colour, cells in paths if len(cells)]
    assert len(drawn) == len(set(drawn)) == len(seen)
    axes = figure.axes[0]
    height = figure.get_size_inches()[1] * 72
    found = {}
    for colour, cells in paths:
        for cell in cells:
            x, y = cell.mean(axis=0)
            dots = np.array([x, height - y]) * figure.dpi / 72
            column, row = axes.transData.inverted().transform(dots)
            assert abs(column - round(column)) < 1e-3 and abs(row - round(row)) < 1e-3
            found[round(row), round(column)] = colour
    wanted = {
        (row, column): to_hex(colour_map(scale)((value + 1) / 2))
        for row, line in enumerate(values)
        for column, value in enumerate(line)
        if value is not None
    }
    assert found == wanted
