"""Where sentences lie before and after the map, as two small pictures of one plane."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.core.numbers import percent, plain
from workbench.figures.markup import Markup, language, tag
from workbench.results import Part

_SIDE, _EDGE = 260, 12
_MARKS = ("m2.5,0a2.5,2.5 0 1 0-5,0a2.5,2.5 0 1 0 5,0z", "m-2.2-2.2h4.4v4.4h-4.4z", "m0-3l2.9,5h-5.8z")
"""Paths of a dot, a square and a triangle about a point, told apart in grey print."""


@dataclass(frozen=True)
class Cloud:
    """The states of one kind: `style` is its colour and mark."""

    name: str
    style: int
    x: tuple[float, ...]
    y: tuple[float, ...]

    @property
    def mean(self) -> tuple[float, float]:
        """Its middle."""
        return sum(self.x) / len(self.x), sum(self.y) / len(self.y)


def clouds_at(part: Part, layer: int | None) -> tuple[Cloud, Cloud, Cloud] | None:
    """Source, target and mapped source at a layer; None where the table has no place for them."""
    found = part.tables.get("pca")
    if found is None or layer is None:
        return None
    here = found[(found.layer == layer).fillna(False) & found.x.notna() & found.y.notna()]
    mapped = here.mapped.astype(bool)
    if not mapped.any():
        return None
    source = here[mapped].language.iloc[0]
    kinds = (
        (f"{language(source)}", ~mapped & (here.language == source)),
        (f"{language(part.target)}", ~mapped & (here.language != source)),
        (f"{language(source)}, mapped", mapped),
    )
    if not all(mine.any() for _, mine in kinds):
        return None
    first, second, third = (
        Cloud(name, style, tuple(map(float, here[mine].x)), tuple(map(float, here[mine].y)))
        for style, (name, mine) in enumerate(kinds)
    )
    return first, second, third


def shares_at(part: Part, layer: int) -> tuple[str, str]:
    """Names of the two axes, with their shares of the variance."""
    here = part.tables["pca"]
    one: Any = here[(here.layer == layer).fillna(False)].iloc[0]
    x, y = (percent(share, space="\u00a0") for share in (one.share_x, one.share_y))
    return f"PC 1 ({x})", f"PC 2 ({y})"


def before_and_after(part: Part) -> Markup | None:
    """The chosen layer, or else the middle one: both languages before the map, and mapped ones after."""
    found = part.tables.get("pca")
    layers = [] if found is None else sorted(int(layer) for layer in found.layer.dropna().unique())
    if found is None or not layers:
        return None
    layer = part.layer if part.layer in layers else layers[len(layers) // 2]
    clouds = clouds_at(part, layer)
    if clouds is None:
        return None
    source, target, mapped = clouds
    aligner, n = str(found.aligner.iloc[0]).replace("_", " "), len(source.x)
    which = "the layer chosen on dev" if layer == part.layer else "in the middle"
    said = (
        f"Layer {layer}, {which}; {n} held-out sentences. Large: means. The plane is that of the first two "
        f"principal components (PC) of both languages’ states before the map; states mapped by {aligner} are "
        "put into the same plane."
    )
    axes = shares_at(part, layer)
    reach = [
        (min(values), max(values))
        for values in ([v for c in clouds for v in c.x], [v for c in clouds for v in c.y])
    ]
    pictures = [
        _picture(when, shown, axes, reach)
        for when, shown in (("Before the map", (source, target)), ("After it", (target, mapped)))
    ]
    return tag("div", tag("p", said, class_="muted"), tag("div", *pictures, class_="panels"))


def _picture(
    title: str, clouds: Sequence[Cloud], axes: tuple[str, str], reach: Sequence[tuple[float, float]]
) -> Markup:
    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (
            _EDGE + (value - low) / ((high - low) or 1.0) * (_SIDE - 2 * _EDGE)
            for value, (low, high) in zip((x, y), reach, strict=True)
        )
        return across, _SIDE - up

    drawn = [tag("rect", x=0, y=0, width=_SIDE, height=_SIDE, class_="frame")]
    for cloud in clouds:
        points = (place(x, y) for x, y in zip(cloud.x, cloud.y, strict=True))
        path = "".join(f"M{across:.1f},{up:.1f}{_MARKS[cloud.style]}" for across, up in points)
        drawn.append(tag("path", d=path, class_=f"cloud k{cloud.style}"))
    for cloud in clouds:
        across, up = place(*cloud.mean)
        mark = tag("path", tag("title", f"mean of {cloud.name}"), d=f"M0,0{_MARKS[cloud.style]}")
        where = f"translate({across:.1f},{up:.1f}) scale(3)"
        drawn.append(tag("g", mark, class_=f"middle k{cloud.style}", transform=where))
    axis = {"text_anchor": "middle", "class_": "axis"}
    drawn += [
        tag("text", axes[0], x=_SIDE / 2, y=_SIDE + 14, **axis),
        tag("text", axes[1], x=-_SIDE / 2, y=-5, transform="rotate(-90)", **axis),
    ]
    box = f"-18 0 {_SIDE + 20} {_SIDE + 18}"
    words = _in_words(title, clouds, axes)
    svg = tag("svg", *drawn, viewBox=box, role="img", aria_label=words, class_="curve")
    legend = tag("span", *(_entry(cloud) for cloud in clouds), class_="legend")
    return tag("figure", tag("figcaption", tag("b", title), legend), svg, class_="panel places")


def _in_words(title: str, clouds: Sequence[Cloud], axes: tuple[str, str]) -> str:
    first, second = clouds
    apart = (abs(b - a) for a, b in zip(first.mean, second.mean, strict=True))
    along = " and ".join(f"{plain(one, 1)} along {axis}" for one, axis in zip(apart, axes, strict=True))
    return f"{title}: the means of {first.name} and {second.name} lie {along} apart."


def _entry(cloud: Cloud) -> Markup:
    mark = tag("path", d=f"M6,6{_MARKS[cloud.style]}", class_=f"k{cloud.style}")
    return tag("span", tag("svg", mark, viewBox="0 0 12 12", aria_hidden="true"), cloud.name)
