"""What is known of languages: read from a file with clear refusals, or from the organism's config."""

import pytest

from workbench.analyses.claims import read_scale, world_scales
from workbench.core.errors import InputError, TextError
from workbench.organism import WorldConfig


def test_a_file_is_read(tmp_path):
    path = tmp_path / "read.tsv"
    path.write_text("language\tshare\nswa\t0.25\n\nde\t3\n")
    scale = read_scale(path)
    assert scale.values == {"sw": 0.25, "de": 3.0} and scale.what == "read.tsv"
    with pytest.raises(InputError, match="no number for fr"):
        scale.of("fr")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("sw\t1\nde\tmuch\n", ":2: .*is not a language, a tab and a number"),
        ("sw\t1\nde\n", ":2:"),
        ("sw\tinf\nde\tinf\n", ":2:"),
        ("sw\t1\nswa\t2\n", ":2: sw occurs twice"),
        ("sw\t1\nqqqqq\t2\n", ":2:"),
        ("language\tshare\n", "holds no line"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, where):
    path = tmp_path / "read.tsv"
    path.write_text(text)
    with pytest.raises(TextError, match=where):
        read_scale(path)


def test_the_organism_tells_its_own():
    resources, distances = world_scales(WorldConfig())
    assert resources.of("x-poor-far") == 0.08 and resources.of("x-rich-near") == 0.16
    codes = ("x-rich-near", "x-poor-near", "x-rich-far", "x-poor-far", "x-poor-fused")
    assert [distances.of(code) for code in codes] == [0, 0, 1, 1, 2]
