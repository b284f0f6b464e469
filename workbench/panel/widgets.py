"""The panel itself: a map of methods and layers to choose from, curves below it, and tabs about the layer.

plotly's own FigureWidget sends all of plotly.js with every figure: on a slow machine figures stay empty or as
they were. Here one figure carries it for all.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.errors import InputError
from workbench.figures import Spec
from workbench.panel import pictures, wording
from workbench.panel.views import Method, Place, StudyView

_MEASURE = "cka_debiased"
"""The measure to begin with."""
_TALL = 300
"""Height of a figure in a tab, in pixels."""
_WHOLE = {"width": "100%"}


class Click(NamedTuple):
    """A point of a figure that was clicked, in the units of its axes."""

    axis: str
    """plotly's name of the y-axis, which tells panels of one column apart."""
    name: str
    """Name of the curve or cloud."""
    x: float
    y: float
    number: Any
    """Number of the point in its curve or cloud."""


def live(figure: Any, clicked: Callable[[Click], None] | None = None, carries: bool = False) -> Any:
    """A plotly figure as a widget. One of those that are shown together `carries` the drawing code."""
    code = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8") if carries else ""
    widget = _widgets()["figure"](figure=figure.to_json(), code=code)
    if clicked is not None:
        widget.observe(lambda change: clicked(Click(*change["new"][:5])), names="clicked")
    return widget


def listing(clicked: Callable[[str], None]) -> Any:
    """HTML whose buttons with `data-entry` tell when they are clicked."""
    widget = _widgets()["list"]()
    widget.observe(lambda change: clicked(str(change["new"][0])), names="clicked")
    return widget


@cache
def _widgets() -> dict[str, Any]:
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise InputError("a live figure needs anywidget: pip install 'alignment-workbench[lab]'") from error

    def code_of(name: str) -> str:
        return Path(__file__).with_name(name).read_text(encoding="utf-8")

    class Figure(anywidget.AnyWidget):
        """A figure as JSON, and the last click on it."""

        _esm = code_of("live.js")
        code = traitlets.Unicode("").tag(sync=True)
        figure = traitlets.Unicode("").tag(sync=True)
        clicked: Any = traitlets.List().tag(sync=True)

    class Listing(anywidget.AnyWidget):
        """HTML with buttons, and the last one that was clicked."""

        _esm = code_of("list.js")
        html = traitlets.Unicode("").tag(sync=True)
        clicked: Any = traitlets.List().tag(sync=True)

    return {"figure": Figure, "list": Listing}


class Panel:
    """Pair, method, strength, measure and layer can be chosen by hand or in code: `panel.look_at(3)`."""

    def __init__(self, views: Sequence[StudyView]):
        try:
            import ipywidgets as w
        except ImportError as error:
            raise InputError("the panel needs ipywidgets: pip install 'alignment-workbench[lab]'") from error
        self._views, self._w = views, w
        self.pair = self._dropdown("pair, task", [(view.title, at) for at, view in enumerate(views)], 0)
        self.method, self.strength = self._dropdown("method"), self._dropdown("strength")
        self.measure = self._dropdown("measure")
        self.layer = w.SelectionSlider(
            options=[("0", 0)], description="layer", continuous_update=False, layout=w.Layout(width="22em")
        )
        self._quiet = False
        self._figures: dict[str, Any] = {}
        self._points: Any = None
        """The rows of `pca` that the plane shows."""
        self._entry: str | None = None
        """The item that is open, as `split:example`."""
        texts = ("headline", "looked_at", "item", "sentence", "similar", "numbers")
        self._texts = {name: w.HTML(layout=w.Layout(**_WHOLE)) for name in texts}
        boxes = ("map", "item_map", "plane", "row")
        self._boxes = {name: w.VBox(layout=w.Layout(overflow="hidden", **_WHOLE)) for name in boxes}
        self._list = listing(self._item_clicked)
        self.tabs = self._tabs()
        choices = w.Box(
            [self.pair, self.method, self.strength, self.measure, self.layer],
            layout=w.Layout(flex_flow="row wrap", align_items="flex-start", **_WHOLE),
        )
        above = [self._texts["headline"], choices, self._boxes["map"], self._texts["looked_at"]]
        self.root = w.VBox([*above, self.tabs])
        self.root.add_class("wb-panel")
        follows: dict[Any, Callable[[], None]] = {
            self.pair: self._pair_changed,
            self.method: lambda: self._go(self.method.value, None, self.layer.value),
            self.strength: self._draw,
            self.measure: self._draw,
            self.layer: self._draw,
        }
        for choice, follow in follows.items():
            choice.observe(lambda _, follow=follow: None if self._quiet else follow(), names="value")
        self.tabs.observe(lambda _: self._show_tab(), names="selected_index")
        self._pair_changed()

    @property
    def study(self) -> StudyView:
        """The pair and task looked at."""
        return self._views[self.pair.value]

    @property
    def place(self) -> Place:
        """The method, strength and layer looked at."""
        return Place(self.method.value, self.strength.value, self.layer.value)

    def look_at(self, layer: int, method: str | None = None, strength: float | None = None) -> None:
        """Go to a layer, and to a method by its name on the map and a strength."""
        methods = {one.name: one for one in self.study.methods}
        if method is not None and method not in methods:
            raise InputError(f"the map has no method {method!r}: it has {'; '.join(methods)}")
        self._go(self.place.method if method is None else methods[method], strength, layer)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        shown = self.root._repr_mimebundle_(**kwargs)
        # Where nothing runs (a page, a mail) there is this in the widget's place.
        return {**shown, "text/plain": repr(self), "text/html": wording.headline(self.study)}

    def __repr__(self) -> str:
        return f"Panel({self.study.title}, {self.place.method.name}, layer {self.layer.value})"

    # Parts ----------------------------------------------------------------------------------------

    def _dropdown(self, name: str, options: Sequence[Any] = (), value: Any = None) -> Any:
        layout = self._w.Layout(width="auto", min_width="15em")
        return self._w.Dropdown(options=options, value=value, description=name, layout=layout)

    def _tabs(self) -> Any:
        w, texts, boxes = self._w, self._texts, self._boxes
        wrap = w.Layout(flex_flow="row wrap", align_items="flex-start", **_WHOLE)
        half = {"flex": "1 1 420px", "min_width": "380px"}
        boxes["row"].layout = w.Layout(overflow="hidden", **half)
        similar = w.Box([texts["similar"]], layout=w.Layout(flex="1 1 320px", overflow="auto"))
        self._open: dict[str, tuple[Any, Callable[[], None]]] = {
            "Items": (w.VBox([self._list, boxes["item_map"], texts["item"]]), self._show_items),
            "Sentences": (w.VBox([boxes["plane"], texts["sentence"]]), self._show_plane),
            "Measures": (w.Box([similar, boxes["row"]], layout=wrap), self._show_measures),
            "All numbers": (texts["numbers"], self._show_numbers),
        }
        return w.Tab([box for box, _ in self._open.values()], titles=list(self._open), selected_index=0)

    def _offer(self, choice: Any, options: Sequence[tuple[str, Any]], value: Any) -> None:
        """New values to choose from, one of them chosen, without a change being followed in between."""
        self._quiet = True
        try:
            choice.options = list(options)
            choice.value = value
        finally:
            self._quiet = False

    # What follows from a choice ----------------------------------------------------------------------

    def _pair_changed(self) -> None:
        study, measure = self.study, self.measure.value
        self._texts["headline"].value = wording.headline(study)
        first = next((name for name in (measure, _MEASURE, *study.measures) if name in study.measures), None)
        self._offer(self.measure, [(name.replace("_", " "), name) for name in study.measures], first)
        self._offer(self.method, [(method.name, method) for method in study.methods], study.start().method)
        self._offer(self.layer, [(str(layer), layer) for layer in study.layers], study.start().layer)
        self._entry = None
        self._go(*study.start())

    def _go(self, method: Method, strength: float | None, layer: int) -> None:
        """Look at a method, at one of its strengths (or that of the map), and a layer."""
        self._quiet = True
        try:
            self.method.value, self.layer.value = method, layer
        finally:
            self._quiet = False
        strengths = self.study.strengths(method)
        wanted = method.strength if strength is None else strength
        options: list[tuple[str, Any]] = [(f"{one:g}", one) for one in strengths] or [("none", None)]
        self._offer(self.strength, options, wanted if wanted in strengths else options[-1][1])
        self.strength.layout.display = None if len(options) > 1 else "none"
        self._draw()

    def _draw(self) -> None:
        """The map with its curves, and what is said of the place."""
        study, place, measure = self.study, self.place, self.measure.value
        curves = [pictures.gain_curves(study, place)]
        curves += [] if measure is None else [pictures.measured(study, measure)]
        drawn = pictures.stacked(pictures.gain_map(study), curves, study.axis)
        pictures.point_at(drawn, study.at(place.layer), study.methods.index(place.method))
        self._put("map", drawn, self._map_clicked)
        self._texts["looked_at"].value = wording.looked_at(study, place)
        self._show_tab()

    def _show_tab(self) -> None:
        """Fill the tab that is open; the others wait until they are."""
        list(self._open.values())[self.tabs.selected_index or 0][1]()

    def _show_items(self) -> None:
        # An item stays open from layer to layer.
        self._list.html, entry = wording.flips(self.study, self.place, self._entry)
        self._show_item(entry)

    def _show_item(self, entry: str | None) -> None:
        study, place = self.study, self.place
        self._texts["item"].value = "" if entry is None else wording.item(study, place, entry)
        if entry is None:
            self._boxes["item_map"].children = ()
            return
        split, _, example = entry.partition(":")
        spec = pictures.item_map(study, example) if split == "dev" else None
        if spec is None:
            self._say("item_map", wording.no_layers(entry))
            return
        drawn = pictures.stacked(spec, [], study.axis[-len(study.layers) :])
        pictures.point_at(drawn, study.at(place.layer), study.methods.index(place.method))
        self._put("item_map", drawn, self._map_clicked)

    def _show_plane(self) -> None:
        points = pictures.points_of(self.study, self.layer.value, self.place.method.aligner)
        self._texts["sentence"].value = ""
        if isinstance(points, str):
            self._points = None
            self._say("plane", points)
            return
        self._points = points
        self._put("plane", pictures.lone(pictures.plane(self.study, points), _TALL + 60), self._point_clicked)

    def _show_measures(self) -> None:
        study, layer = self.study, self.layer.value
        self._texts["similar"].value = wording.similarities(study, layer, self.measure.value)
        row: Spec | None = pictures.grid_row(study, layer)
        if row is None:
            self._say("row", wording.no_grid(study))
        else:
            self._put("row", pictures.lone(row, _TALL))

    def _show_numbers(self) -> None:
        self._texts["numbers"].value = wording.numbers(self.study, self.layer.value)

    # Clicks ---------------------------------------------------------------------------------------

    def _map_clicked(self, click: Click) -> None:
        """A cell opens its method and layer, a point of a curve its layer, and of the gains its strength."""
        column, study, place = round(click.x), self.study, self.place
        if not 0 <= column < len(study.layers):
            return  # the embedding, which no patch is at
        method, strength = place.method, place.strength
        if click.axis == pictures.OF_MAP:
            method = study.methods[round(click.y)]
            strength = method.strength
        elif click.axis == pictures.OF_GAINS:
            strength = pictures.strength_named(study, place, click.name)
        self._go(method, strength, study.layers[column])

    def _item_clicked(self, entry: str) -> None:
        self._entry = entry
        self._show_item(entry)

    def _point_clicked(self, click: Click) -> None:
        numbers = [] if self._points is None else pictures.numbers_of(self._points, click.name)
        if isinstance(click.number, int) and click.number < len(numbers):
            self._texts["sentence"].value = wording.sentence(self.study, numbers[click.number])

    # Drawing --------------------------------------------------------------------------------------

    def _put(self, name: str, drawn: Any, clicked: Callable[[Click], None] | None = None) -> None:
        """A figure in its box."""
        if name in self._figures:
            self._figures[name].figure = drawn.to_json()
        else:
            self._figures[name] = live(drawn, clicked, carries=name == "map")
        self._boxes[name].children = (self._figures[name],)

    def _say(self, name: str, text: str) -> None:
        """Words in the place of a figure."""
        words = self._w.HTML(wording.note(text), layout=self._w.Layout(**_WHOLE))
        self._boxes[name].children = (words,)
