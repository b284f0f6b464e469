"""What is written on a colour can be read, on a light screen and a dark one."""

import pytest

from workbench.figures.look import DARK, DIM, LIGHT, PALETTES, contrast, on_page, shades, step_of

WRITTEN_ON = [
    *(("ink", "page"), ("muted", "page"), ("accent", "page"), ("ink", "raised"), ("muted", "raised")),
    *((f"on-{kind}", kind) for kind in ("helps", "costs", "harms", "equivalent", "undecided", "warn")),
    *(("accent", "raised"), ("helps", "page"), ("harms", "page")),
]
"""Which colour is written on which."""
SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])


def test_contrast_is_that_of_wcag():
    # Known values: black on white is 21, and #767676 is the lightest grey that passes on white.
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert contrast("#777777", "#ffffff") < 4.5


@SCHEMES
def test_words_stand_out_from_what_they_are_written_on(scheme):
    for ink, back in WRITTEN_ON:
        assert contrast(scheme[ink], scheme[back]) >= 4.5, (ink, back)


@SCHEMES
@pytest.mark.parametrize("dim", [1.0, DIM])
def test_numbers_stand_out_from_every_shade(scheme, dim):
    for name, (back, ink) in shades(scheme, dim).items():
        assert contrast(back, ink) >= 4.5, name


@SCHEMES
def test_the_lines_of_the_hatch_leave_numbers_readable(scheme):
    # The lines of page.css: half white on a light screen, 42 % black on a dark one.
    over, weight = ((255, 0.5), (0, 0.42))[scheme is DARK]
    for name, (back, ink) in shades(scheme, DIM).items():
        channels = (int(back[i : i + 2], 16) for i in (1, 3, 5))
        lined = "#" + "".join(f"{round(c + (over - c) * weight):02x}" for c in channels)
        assert contrast(lined, ink) >= 4.5, name


@SCHEMES
def test_shades_grow_from_zero(scheme):
    found = shades(scheme)
    for letter in "pn":
        distances = [contrast(found[f"{letter}{step}"][0], scheme["zero"]) for step in range(1, 9)]
        assert distances == sorted(distances) and distances[-1] > 2


def test_a_shade_is_as_strong_as_its_number():
    assert [step_of(v, 0.4) for v in (-0.4, -0.2, 0.0, 0.2, 0.4, 0.9)] == ["n8", "n4", "z", "p4", "p8", "p8"]
    assert step_of(None, 1.0) is None


def test_curves_keep_their_colour_on_white_and_are_lightened_for_a_dark_page():
    for palette in PALETTES.values():
        for colour in palette:
            assert on_page(colour, LIGHT) == colour
            assert contrast(on_page(colour, DARK), DARK["page"]) >= 4.5, colour
