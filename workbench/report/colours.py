"""The report's colours, by name, for a light and a dark screen, as a style sheet.

Purple helps, orange harms (ColorBrewer's PuOr, which colour-blind readers tell apart), as in the figures.
"""

STEPS = 8
"""Shades on either side of zero."""
DIM = 0.42
"""How strong the colour of a cell inside the band is, beside one beyond it."""

LIGHT = {
    "page": "#ffffff",
    "raised": "#f6f5f8",
    "ink": "#1c1b20",
    "muted": "#56545f",
    "line": "#d9d7e0",
    "accent": "#542788",
    "helps": "#542788",
    "on-helps": "#ffffff",
    "harms": "#9a4a00",
    "on-harms": "#ffffff",
    "equivalent": "#4d4b57",
    "on-equivalent": "#ffffff",
    "undecided": "#e4e2ea",
    "on-undecided": "#1c1b20",
    "line-3": "#0a7d74",
    "line-4": "#b0307a",
    "line-5": "#2b6fb3",
    "warn": "#fff3df",
    "on-warn": "#5c3300",
    "more": "#542788",
    "less": "#b35806",
    "zero": "#f4f3f6",
}
DARK = {
    "page": "#141318",
    "raised": "#1f1d25",
    "ink": "#ebe9f1",
    "muted": "#b1adbd",
    "line": "#3a3744",
    "accent": "#c9b3ff",
    "helps": "#c9b3ff",
    "on-helps": "#1d0f38",
    "harms": "#ffb266",
    "on-harms": "#301700",
    "equivalent": "#b9b6c4",
    "on-equivalent": "#141318",
    "undecided": "#3a3744",
    "on-undecided": "#ebe9f1",
    "line-3": "#4fd0c4",
    "line-4": "#ff8ecb",
    "line-5": "#7db8f5",
    "warn": "#3a2a10",
    "on-warn": "#ffe2b8",
    "more": "#b79aff",
    "less": "#f39a3d",
    "zero": "#26242d",
}
WRITTEN_ON = [
    *(("ink", "page"), ("muted", "page"), ("accent", "page"), ("ink", "raised"), ("muted", "raised")),
    *((f"on-{kind}", kind) for kind in ("helps", "harms", "equivalent", "undecided", "warn")),
    *((f"line-{number}", "page") for number in (3, 4, 5)),
    *(("accent", "raised"), ("helps", "page"), ("harms", "page")),
]
"""Which colour is written on which."""
_INKS = ("#ffffff", "#000000")


def shades(scheme: dict[str, str], dim: float = 1.0) -> dict[str, tuple[str, str]]:
    """Background and ink of each shade: `p1` … `p8` above zero, `n1` … `n8` below, `z` at zero."""
    found = {"z": scheme["zero"]}
    for letter, strong in (("p", scheme["more"]), ("n", scheme["less"])):
        for step in range(1, STEPS + 1):
            found[f"{letter}{step}"] = _mixed(scheme["zero"], strong, dim * step / STEPS)
    return {name: (back, max(_INKS, key=lambda ink: contrast(ink, back))) for name, back in found.items()}


def shade(value: float | None, reach: float) -> str | None:
    """The shade of a number on a scale that is `reach` long on either side of zero.

    >>> shade(0.5, 0.5), shade(-0.25, 0.5), shade(0.0, 0.5)
    ('p8', 'n4', 'z')
    """
    if value is None:
        return None
    step = min(round(abs(value) / reach * STEPS), STEPS)
    return "z" if step == 0 else f"{'p' if value > 0 else 'n'}{step}"


def style() -> str:
    """The colours as CSS: light, dark where the reader's screen is, and light again on paper."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{_rules(DARK)}}}\n"
    return ":root { color-scheme: light dark; }\n" + _rules(LIGHT) + dark


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _rules(scheme: dict[str, str]) -> str:
    names = "".join(f" --{name}: {value};" for name, value in scheme.items())
    cells = [
        f"{inside}.{name} {{ background-color: {back}; color: {ink}; }}"
        for inside, dim in (("", 1.0), (".in", DIM))
        for name, (back, ink) in shades(scheme, dim).items()
    ]
    return f":root {{{names} }}\n" + "\n".join(cells) + "\n"


def _luminance(colour: str) -> float:
    parts = (value / 255 for value in _channels(colour))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(one: str, other: str, weight: float) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * weight):02x}" for a, b in pairs)
