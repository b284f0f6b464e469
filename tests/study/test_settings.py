"""What cannot be studied is refused before anything is run."""

import json

import pytest

from workbench.align import Ridge
from workbench.align.linear import LeastSquares
from workbench.core.errors import InputError
from workbench.study import Settings
from workbench.study.alignment import checked, estimators


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"headline": "rigde"}, "unknown headline 'rigde': did you mean 'ridge'"),
        ({"aligners": ("ridge", "identiti")}, "unknown aligner 'identiti': did you mean 'identity'"),
        ({"interventions": ("replac",)}, "unknown intervention 'replac': did you mean 'replace'"),
        ({"aligners": ("ridge", "ridge")}, "named twice"),
        ({"interventions": ("replace", "replace")}, "named twice"),
        ({"strengths": (0.5, 0.5)}, "named twice"),
        ({"interventions": ()}, "needs an intervention"),
        ({"strengths": ()}, "needs a strength"),
        ({"aligners": ("identity",)}, "at least one aligner is needed"),
        ({"headline": "shuffled_pairs"}, "cannot be the headline"),
        ({"batch_size": 0}, "one item at least"),
        ({"seed": -1}, "not negative"),
        ({"strengths": (float("nan"),)}, "finite"),
        ({"positions": "lost"}, "did you mean 'last'"),
        ({"joint": ("cascad",)}, "did you mean 'cascade'"),
        ({"choices_by": "plane"}, "did you mean 'plain'"),
    ],
)
def test_wrong_settings_are_refused(wrong, says):
    with pytest.raises(InputError, match=says):
        checked(Settings(**wrong))


@pytest.mark.parametrize(("headline", "kind"), [("ridge", Ridge), ("least_squares", LeastSquares)])
def test_a_control_wraps_the_headline(headline, kind):
    settings = Settings(aligners=(headline, "shuffled_pairs", "random_equal_norm"), headline=headline, seed=7)
    found = estimators(settings)
    assert list(found) == [headline, "shuffled_pairs", "random_equal_norm"]
    for name in settings.aligners[1:]:
        assert type(found[name].aligner) is kind and found[name].seed == 7


def test_settings_are_json():
    settings = Settings(strengths=(0.5, 1.0))
    assert json.loads(json.dumps(settings.to_json())) == settings.to_json()
    assert settings.to_json()["strengths"] == [0.5, 1.0]
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
