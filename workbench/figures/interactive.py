"""Figures for the browser. Each function returns a figure, or its page as text; nothing is saved."""

from html import escape

import plotly.graph_objects as go

from workbench.core.numbers import signed
from workbench.figures.look import DIVERGING
from workbench.figures.spec import Heatmap

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_WRAP = 110  # characters of a subtitle line


def draw_heatmap(spec: Heatmap) -> go.Figure:
    """Rows × columns, numbers in the cells, colours centred on zero."""
    hover = [
        ["<br>".join(escape(line) for line in lines) or "not measured" for lines in row] for row in spec.notes
    ]
    shown = [[signed(v, 2, none="") for v in row] for row in spec.values]
    heatmap = go.Heatmap(
        z=[list(row) for row in spec.values],
        # Text axes may hold two equal names, and read markup: places are numbers, names are labels.
        x=list(range(len(spec.columns))),
        y=list(range(len(spec.rows))),
        zmid=0,
        zmin=-spec.reach,
        zmax=spec.reach,
        colorscale=[[i / (len(DIVERGING) - 1), colour] for i, colour in enumerate(DIVERGING)],
        colorbar={"title": {"text": escape(spec.value_title), "side": "right"}, "thickness": 14},
        text=shown,
        texttemplate="%{text}",
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        xgap=2,
        ygap=2,
    )
    figure = go.Figure(heatmap)
    figure.update_layout(
        title={
            "text": f"<b>{escape(spec.title)}</b>",
            "subtitle": {"text": wrapped(spec.subtitle)},
            "x": 0.01,
            "xanchor": "left",
        },
        font={"family": FONT, "size": 13},
        plot_bgcolor="#ffffff",
        paper_bgcolor="#ffffff",
        height=190 + 44 * len(spec.rows),
        margin={"l": 20, "r": 20, "t": 110, "b": 95},
        xaxis=_axis(spec.column_title, spec.columns),
        yaxis=_axis(spec.row_title, spec.rows) | {"autorange": "reversed"},
    )
    if spec.footer:
        figure.add_annotation(
            text=wrapped(spec.footer),
            xref="paper",
            yref="paper",
            x=0,
            y=0,
            yshift=-85,
            xanchor="left",
            showarrow=False,
            align="left",
            font={"size": 11, "color": "#555555"},
        )
    return figure


def to_page(figure: go.Figure, title: str) -> str:
    """A whole HTML page with the drawing code in it: it works with no network."""
    body = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        include_mathjax=False,
        div_id="figure",
        config={"displaylogo": False, "responsive": True},
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="alignment-workbench">\n'
        f"<title>{escape(title)}</title>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _axis(title: str, labels: tuple[str, ...]) -> dict[str, object]:
    return {
        "title": {"text": escape(title)},
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [escape(label) for label in labels],
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
    }


def wrapped(text: str) -> str:
    """Escaped text, broken into lines at spaces."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > _WRAP:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "<br>".join(escape(part) for part in [*lines, line])
