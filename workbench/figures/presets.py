"""Sizes of figures: the widths of columns of common styles, a slide, and a notebook."""

from dataclasses import dataclass

from workbench.core.errors import InputError, did_you_mean

CM = 1 / 2.54


@dataclass(frozen=True)
class Preset:
    """Inches and points."""

    name: str
    width: float
    height: float
    """A page is no higher than this; what does not fit goes onto another."""
    text: float
    """Size of labels; titles are a little larger."""
    dpi: int

    @property
    def title(self) -> float:
        """Size of the title."""
        return self.text * 9 / 7

    @property
    def line(self) -> float:
        """Height of a line of text, in inches."""
        return self.text * 1.25 / 72


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("acl", 7.7 * CM, 9.0, 7, 300),
        Preset("acl-wide", 16.0 * CM, 9.0, 7, 300),
        Preset("neurips", 5.5, 8.5, 7.5, 300),
        Preset("slide", 10.0, 5.625, 12, 150),
        Preset("notebook", 9.0, 12.0, 10, 100),
    )
}
"""One column of ACL, both of them, the text of NeurIPS, a slide of 16:9, and a cell of a notebook."""


def preset(name: str) -> Preset:
    """The preset of this name."""
    if name not in PRESETS:
        raise InputError(f"no preset is called {name!r}: {did_you_mean(name, PRESETS)}")
    return PRESETS[name]
