"""A mesh of cells on paper: in PDF and SVG one path for each colour, not one for each cell.

A page of large matrices has thousands of cells in a few dozen colours, and most of the time that a vector
file took was spent on writing colour, width and clip of each cell anew.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.path import Path

from workbench.figures.look import colours
from workbench.figures.spec import Scale


def colour_map(scale: Scale) -> LinearSegmentedColormap:
    """The colours of a scale, as matplotlib takes them."""
    return LinearSegmentedColormap.from_list("workbench", colours(scale), N=256)


class ColourMesh(QuadMesh):
    """A mesh whose cells of one colour are drawn together; dots, which are quick, are drawn as ever.

    Cells drawn in another order look the same: each is filled up to its border, and borders are all of one
    colour, or too thin to be seen.
    """

    def draw(self, renderer: RendererBase) -> None:
        """All cells, in the order of their colours."""
        if isinstance(renderer, RendererAgg):
            super().draw(renderer)
            return
        self.update_scalarmappable()
        faces, edges = (np.reshape(some, (-1, 4)) for some in (self.get_facecolor(), self.get_edgecolor()))
        pairs = np.hstack([faces, np.broadcast_to(edges, faces.shape)])
        found, which = np.unique(pairs, axis=0, return_inverse=True)
        cells = _outlines(np.asarray(self.get_coordinates()))
        renderer.open_group("QuadMesh", self.get_gid())
        for number, (face, edge) in enumerate(found.reshape(-1, 2, 4)):
            if not face[3] and not edge[3]:
                continue  # not measured, and no border to show it
            context = renderer.new_gc()
            context.set_clip_rectangle(self.get_clip_box())
            context.set_foreground(tuple(edge), isRGBA=True)
            context.set_linewidth(float(np.ravel(self.get_linewidth())[0]))
            path = Path.make_compound_path_from_polys(cells[which.reshape(-1) == number])
            renderer.draw_path(context, path, self.get_transform(), tuple(face) if face[3] else None)
            context.restore()
        renderer.close_group("QuadMesh")


def draw_mesh(
    axes: Axes, across: np.ndarray, down: np.ndarray, values: Any, scale: Scale, **edges: Any
) -> None:
    """Cells between these places, in the colours of the scale; those that are masked show the axes."""
    mesh = ColourMesh(
        np.stack(np.meshgrid(across, down), axis=-1),
        antialiased=False,
        snap=True,  # to whole dots, in files of dots
        array=values,
        cmap=colour_map(scale),
        **edges,
    )
    mesh.set_clim(scale.low, scale.high)
    axes.add_collection(mesh, autolim=False)
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(down[0], down[-1])


def _outlines(corners: np.ndarray) -> np.ndarray:
    """The four corners of each cell, row by row."""
    around = (corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1])
    return np.stack(around, axis=2).reshape(-1, 4, 2)
