"""What cannot be studied is refused before anything is run."""

import json

import pytest

from workbench.align import Ridge
from workbench.align.least_squares import LeastSquares
from workbench.errors import InputError
from workbench.study import Settings


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"headline": "rigde"}, "unknown method 'rigde': did you mean 'ridge'"),
        ({"others": ("identiti",)}, "unknown method 'identiti': did you mean 'identity'"),
        ({"interventions": ("replac",)}, "unknown intervention 'replac': did you mean 'replace'"),
        ({"others": ("ridge",)}, "named twice"),
        ({"interventions": ("replace", "replace")}, "named twice"),
        ({"strengths": (0.5, 0.5)}, "named twice"),
        ({"interventions": ()}, "at least one intervention"),
        ({"strengths": ()}, "at least one intervention and one strength"),
        ({"headline": "shuffled_pairs", "others": ()}, "cannot be the headline"),
    ],
)
def test_wrong_settings_are_refused(wrong, says):
    with pytest.raises(InputError, match=says):
        Settings(**wrong)


@pytest.mark.parametrize(("headline", "kind"), [("ridge", Ridge), ("least_squares", LeastSquares)])
def test_a_control_wraps_the_headline(headline, kind):
    settings = Settings(headline=headline, others=("shuffled_pairs", "random_equal_norm"), seed=7)
    estimators = settings.estimators()
    assert list(estimators) == [headline, "shuffled_pairs", "random_equal_norm"]
    for name in settings.others:
        assert type(estimators[name].aligner) is kind and estimators[name].seed == 7


def test_settings_are_json():
    settings = Settings(strengths=(0.5, 1.0))
    assert json.loads(json.dumps(settings.to_json())) == settings.to_json()
    assert settings.to_json()["strengths"] == [0.5, 1.0]
