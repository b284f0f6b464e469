"""The panel itself: choices above, gains and a measure over layers, and below them the layer clicked on."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from workbench.core.errors import InputError
from workbench.figures import Spec, draw_interactive
from workbench.figures.live import Clicked, draw, live, point_at, tighten
from workbench.panel import markup, specs
from workbench.panel.explored import Explored

_MEASURE = "cka_debiased"
"""The measure to begin with."""
_TALL = 300
_ROW = 26
"""Height of a row of the heatmap, in pixels."""


def _ipywidgets() -> ModuleType:
    try:
        import ipywidgets
    except ImportError as error:
        raise InputError("the panel needs ipywidgets: pip install 'alignment-workbench[lab]'") from error
    return ipywidgets


class Panel:
    """Pair, aligner, measure and layer can be chosen by hand or in code: `panel.layer.value = 3`."""

    def __init__(self, seen: Sequence[Explored]):
        self._seen = seen
        self._w = w = _ipywidgets()
        self.pair = self._dropdown("pair, task", [(one.title, i) for i, one in enumerate(seen)], 0)
        self.aligner = self._dropdown("aligner", ())
        self.measure = self._dropdown("measure", ())
        self.layer = w.SelectionSlider(
            options=[("0", 0)], description="layer", continuous_update=False, layout=w.Layout(width="22em")
        )
        self._label = ""
        """The formula and strength looked at."""
        self._quiet = False
        self._figures: dict[str, Any] = {}
        self._drawn: dict[str, Any] = {}
        texts = ("headline", "looked_at", "similar", "items", "numbers")
        self._texts = {name: w.HTML(layout=w.Layout(width="100%")) for name in texts}
        half = w.Layout(flex="1 1 420px", min_width="380px", overflow="hidden")
        whole = w.Layout(width="100%", overflow="hidden")
        self._boxes = {name: w.VBox(layout=whole) for name in ("heat", "curve", "plane")}
        self._boxes |= {"row": w.VBox(layout=half)}
        self.root = self._laid_out()
        self.root.add_class("wb-panel")
        for choice, tell in (
            (self.pair, self._pair_changed),
            (self.aligner, self._method_changed),
            (self.measure, self._measure_changed),
            (self.layer, self._layer_changed),
        ):
            choice.observe(self._unless_quiet(tell), names="value")
        self._pair_changed()

    @property
    def study(self) -> Explored:
        """The pair and task looked at."""
        return self._seen[self.pair.value]

    @property
    def label(self) -> str:
        """The formula and strength looked at."""
        return self._label

    def look_at(self, layer: int, label: str | None = None) -> None:
        """Go to a layer, and to a formula and strength."""
        if label is not None:
            self._label = label
        if self.layer.value == layer:
            self._layer_changed()
        else:
            self.layer.value = layer

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        shown = self.root._repr_mimebundle_(**kwargs)
        # Where nothing runs (a page, a mail) there is this in the widget's place.
        return {**shown, "text/plain": repr(self), "text/html": markup.headline(self.study)}

    def __repr__(self) -> str:
        return f"Panel({self.study.title}, {self.aligner.value}, layer {self.layer.value})"

    # Parts ----------------------------------------------------------------------------------------

    def _dropdown(self, name: str, options: Sequence[Any], value: Any = None) -> Any:
        layout = self._w.Layout(width="auto", min_width="15em")
        return self._w.Dropdown(options=options, value=value, description=name, layout=layout)

    def _laid_out(self) -> Any:
        w, texts, boxes = self._w, self._texts, self._boxes
        wrap = w.Layout(flex_flow="row wrap", width="100%", align_items="flex-start")
        choices = w.Box([self.pair, self.aligner, self.measure, self.layer], layout=wrap)
        side = w.Box([texts["similar"]], layout=w.Layout(flex="1 1 320px", overflow="auto"))
        beside = w.Box([side, boxes["row"]], layout=wrap)
        above = [texts["headline"], choices, boxes["heat"], boxes["curve"], texts["looked_at"]]
        return w.VBox([*above, beside, boxes["plane"], texts["items"], texts["numbers"]])

    def _unless_quiet(self, tell: Callable[[], None]) -> Callable[[Any], None]:
        return lambda _change: None if self._quiet else tell()

    def _offer(self, choice: Any, names: Sequence[str], value: str | None, first: str | None) -> None:
        """New names to choose from; what was chosen before is kept where it is still there."""
        shown = [(name.replace("_", " "), name) for name in names]
        self._set(choice, shown, value if value in names else first)

    def _set(self, choice: Any, options: Sequence[tuple[str, Any]], value: Any) -> None:
        """New options with one of them chosen, without telling of each step between."""
        self._quiet = True
        try:
            choice.options = options
            choice.value = value
        finally:
            self._quiet = False

    # What follows from a choice -----------------------------------------------------------------------

    def _pair_changed(self) -> None:
        seen = self.study
        self._texts["headline"].value = markup.headline(seen)
        self._offer(self.aligner, seen.aligners, self.aligner.value, seen.aligners[0])
        first = next((name for name in (_MEASURE, *seen.measures) if name in seen.measures), None)
        self._offer(self.measure, seen.measures, self.measure.value, first)
        self._start()
        self._measure_drawn()
        self._heat_drawn()
        self._layer_shown()

    def _method_changed(self) -> None:
        self._start()
        self._heat_drawn()
        self._layer_changed()

    def _measure_changed(self) -> None:
        self._measure_drawn()
        self._layer_shown()

    def _layer_changed(self) -> None:
        self._frame("heat", self.study.layers.index(self.layer.value))
        if self.measure.value is not None:
            self._frame("curve", self.layer.value)
        self._layer_shown()

    def _start(self) -> None:
        """Where an aligner is looked at first."""
        layer, self._label = self.study.start(self.aligner.value)
        layers = [(str(one), one) for one in self.study.layers]
        self._set(self.layer, layers, layer)

    def _heat_drawn(self) -> None:
        seen, aligner = self.study, self.aligner.value
        height = 150 + _ROW * max(len(seen.labels(aligner)), 3)
        here = seen.layers.index(self.layer.value)
        self._put("heat", specs.gains(seen, aligner), height, self._cell_clicked, here)

    def _measure_drawn(self) -> None:
        if self.measure.value is None:
            self._say("curve", markup.note("The folder holds no table similarity."))
        else:
            spec = specs.measured(self.study, self.measure.value)
            self._put("curve", spec, 230, self._point_clicked, self.layer.value)

    def _layer_shown(self) -> None:
        seen, aligner, layer = self.study, self.aligner.value, self.layer.value
        where = (seen, aligner, layer, self._label)
        texts = self._texts
        texts["looked_at"].value = markup.looked_at(*where)
        texts["similar"].value = markup.similarities(seen, layer, self.measure.value)
        texts["items"].value = markup.flips(*where)
        texts["numbers"].value = markup.numbers(seen, layer)
        row, plane = specs.grid_row(seen, layer), specs.plane(seen, layer, aligner)
        if row is None:
            self._say("row", markup.no_grid(seen))
        else:
            self._put("row", row, _TALL)
        if isinstance(plane, str):
            self._say("plane", markup.note(plane))
        else:
            self._put("plane", plane, _TALL + 60)

    def _cell_clicked(self, x: float, y: float) -> None:
        self.look_at(self.study.layers[round(x)], self.study.labels(self.aligner.value)[round(y)])

    def _point_clicked(self, x: float, _y: float) -> None:
        if round(x) in self.study.layers:
            self.look_at(round(x))

    # Drawing --------------------------------------------------------------------------------------

    def _put(
        self, name: str, spec: Spec, height: int, clicked: Clicked | None = None, here: float | None = None
    ) -> None:
        """A figure in its box; one that can be clicked has a frame, the others a legend."""
        figure = tighten(draw_interactive(spec), height, legend=clicked is None)
        self._drawn[name] = figure
        if here is not None:
            point_at(figure, here)
        if name not in self._figures:
            self._figures[name] = live(figure, clicked, carries=name == "heat")
        else:
            draw(self._figures[name], figure)
        self._boxes[name].children = (self._figures[name],)

    def _frame(self, name: str, column: float) -> None:
        """Move the frame of a figure."""
        point_at(self._drawn[name], column)
        draw(self._figures[name], self._drawn[name])

    def _say(self, name: str, html: str) -> None:
        """Words where a figure would stand."""
        self._boxes[name].children = (self._w.HTML(html, layout=self._w.Layout(width="100%")),)
