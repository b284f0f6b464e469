"""The panel itself: choices above, gains and a measure over layers, and below them the layer clicked on."""

from collections.abc import Sequence
from typing import Any

from workbench.core.errors import InputError
from workbench.figures import Spec, draw_interactive
from workbench.figures.live import Clicked, live, point_at, tighten
from workbench.panel import views
from workbench.panel.views import StudyView

_MEASURE = "cka_debiased"
"""The measure to begin with."""
_TALL = 300
_ROW = 26
"""Height of a row of the heatmap, in pixels."""


class Panel:
    """Pair, aligner, measure and layer can be chosen by hand or in code: `panel.layer.value = 3`."""

    def __init__(self, views: Sequence[StudyView]):
        try:
            import ipywidgets as w
        except ImportError as error:
            raise InputError("the panel needs ipywidgets: pip install 'alignment-workbench[lab]'") from error
        self._views, self._w = views, w
        self.pair = self._dropdown("pair, task", [(view.title, at) for at, view in enumerate(views)], 0)
        self.aligner = self._dropdown("aligner")
        self.measure = self._dropdown("measure")
        self.layer = w.SelectionSlider(
            options=[("0", 0)], description="layer", continuous_update=False, layout=w.Layout(width="22em")
        )
        self.label = ""
        """The formula and strength looked at."""
        self._quiet = False
        self._figures: dict[str, Any] = {}
        self._drawn: dict[str, Any] = {}
        texts = ("headline", "looked_at", "similar", "items", "numbers")
        self._texts = {name: w.HTML(layout=w.Layout(width="100%")) for name in texts}
        half = {"flex": "1 1 420px", "min_width": "380px"}
        widths = {
            "heat": {"width": "100%"},
            "curve": {"width": "100%"},
            "plane": {"width": "100%"},
            "row": half,
        }
        self._boxes = {
            name: w.VBox(layout=w.Layout(overflow="hidden", **width)) for name, width in widths.items()
        }
        self.root = self._laid_out()
        self.root.add_class("wb-panel")
        for choice, follow in (
            (self.pair, self._pair_changed),
            (self.aligner, self._aligner_changed),
            (self.measure, self._draw_measure),
            (self.layer, self._layer_changed),
        ):
            choice.observe(lambda _, follow=follow: None if self._quiet else follow(), names="value")
        self._pair_changed()

    @property
    def study(self) -> StudyView:
        """The pair and task looked at."""
        return self._views[self.pair.value]

    def look_at(self, layer: int, label: str | None = None) -> None:
        """Go to a layer, and to a formula and strength."""
        self.label = self.label if label is None else label
        if self.layer.value == layer:
            self._layer_changed()
        else:
            self.layer.value = layer

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        shown = self.root._repr_mimebundle_(**kwargs)
        # Where nothing runs (a page, a mail) there is this in the widget's place.
        return {**shown, "text/plain": repr(self), "text/html": views.headline(self.study)}

    def __repr__(self) -> str:
        return f"Panel({self.study.title}, {self.aligner.value}, layer {self.layer.value})"

    # Parts ----------------------------------------------------------------------------------------

    def _dropdown(self, name: str, options: Sequence[Any] = (), value: Any = None) -> Any:
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

    def _offer(self, choice: Any, values: Sequence[Any], value: Any) -> None:
        """New values to choose from, one of them chosen, without a change being followed in between."""
        self._quiet = True
        try:
            choice.options = [(str(value).replace("_", " "), value) for value in values]
            choice.value = value
        finally:
            self._quiet = False

    # What follows from a choice -----------------------------------------------------------------------

    def _pair_changed(self) -> None:
        study, aligner, measure = self.study, self.aligner.value, self.measure.value
        self._texts["headline"].value = views.headline(study)
        # What was chosen before is kept where it is still there.
        self._offer(self.aligner, study.aligners, aligner if aligner in study.aligners else study.aligners[0])
        first = next((name for name in (measure, _MEASURE, *study.measures) if name in study.measures), None)
        self._offer(self.measure, study.measures, first)
        self._draw_gains()
        self._draw_measure()

    def _aligner_changed(self) -> None:
        self._draw_gains()
        self._layer_changed()

    def _layer_changed(self) -> None:
        self._frame("heat", self.study.layers.index(self.layer.value))
        if self.measure.value is not None:
            self._frame("curve", self.layer.value)
        self._show_layer()

    def _draw_gains(self) -> None:
        """The gains of an aligner, at the layer where it is looked at first."""
        study, aligner = self.study, self.aligner.value
        layer, self.label = study.start(aligner)
        self._offer(self.layer, study.layers, layer)
        height = 150 + _ROW * max(len(study.labels(aligner)), 3)
        self._put("heat", views.gains(study, aligner), height, self._cell_clicked, study.layers.index(layer))

    def _draw_measure(self) -> None:
        if self.measure.value is None:
            self._put("curve", "The folder holds no table similarity.", 0)
        else:
            spec = views.measured(self.study, self.measure.value)
            self._put("curve", spec, 230, self._point_clicked, self.layer.value)
        self._show_layer()

    def _show_layer(self) -> None:
        study, aligner, layer = self.study, self.aligner.value, self.layer.value
        texts = self._texts
        texts["looked_at"].value = views.looked_at(study, aligner, layer, self.label)
        texts["similar"].value = views.similarities(study, layer, self.measure.value)
        texts["items"].value = views.flips(study, aligner, layer, self.label)
        texts["numbers"].value = views.numbers(study, layer)
        self._put("row", views.grid_row(study, layer) or views.no_grid(study), _TALL)
        self._put("plane", views.plane(study, layer, aligner), _TALL + 60)

    def _cell_clicked(self, x: float, y: float) -> None:
        self.look_at(self.study.layers[round(x)], self.study.labels(self.aligner.value)[round(y)])

    def _point_clicked(self, x: float, _y: float) -> None:
        if round(x) in self.study.layers:
            self.look_at(round(x))

    # Drawing --------------------------------------------------------------------------------------

    def _put(
        self,
        name: str,
        shown: Spec | str,
        height: int,
        clicked: Clicked | None = None,
        here: float | None = None,
    ) -> None:
        """A figure in its box, or words; a figure that can be clicked has a frame, the others a legend."""
        if isinstance(shown, str):
            words = self._w.HTML(views.note(shown), layout=self._w.Layout(width="100%"))
            self._boxes[name].children = (words,)
            return
        figure = self._drawn[name] = tighten(draw_interactive(shown), height, legend=clicked is None)
        if name not in self._figures:
            self._figures[name] = live(figure, clicked, carries=name == "heat")
        self._frame(name, here)
        self._boxes[name].children = (self._figures[name],)

    def _frame(self, name: str, column: float | None) -> None:
        """Show a figure with its frame at a column."""
        if column is not None:
            point_at(self._drawn[name], column)
        self._figures[name].figure = self._drawn[name].to_json()
