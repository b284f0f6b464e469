"""Configurations say what and where they patch, and refuse what makes no sense."""

import pytest

from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.sweeps import COLUMNS, CONFIGURATION, Configuration
from workbench.sweeps.plan import site_set

MAP = object()


def test_a_configuration_of_one_site():
    configuration = Configuration("ridge", Site(3), MAP, "replace", seed=7)
    assert configuration.columns == {
        "aligner": "ridge",
        "site": "resid_post.3",
        "layer": 3,
        "intervention": "replace",
        "positions": "last",
        "joint": "one",
        "strength": 1.0,
        "seed": 7,
    }
    assert str(configuration) == "ridge at resid_post.3 (replace, 1)"
    assert set(configuration.columns) == set(CONFIGURATION) <= set(COLUMNS)


def test_joint_configurations_are_told_apart():
    maps = {Site(layer): MAP for layer in (2, 0, 1)}
    cascade = Configuration.jointly("ridge", maps, "add_mapped", 0.5, positions="prompt")
    clean = Configuration.jointly("ridge", maps, "add_mapped", 0.5, positions="prompt", from_clean=True)
    assert [site.layer for site, _ in cascade.parts] == [0, 1, 2]
    assert (cascade.where, cascade.columns["layer"], cascade.joint) == ("resid_post.0-2", 0, "cascade")
    assert {k for k in CONFIGURATION if cascade.columns[k] != clean.columns[k]} == {"joint"}
    assert str(clean) == "ridge at resid_post.0-2 (add_mapped, 0.5, prompt, from_clean)"


def test_sets_of_sites_in_one_word():
    assert site_set([Site(7), Site(1), Site(0), Site(4), Site(5)]) == "resid_post.0-1,4-5,7"
    assert site_set([Site(0, "embed"), Site(2), Site(2, "mlp_out")]) == "embed+mlp_out.2+resid_post.2"


def test_what_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="did you mean 'prompt'"):
        Configuration("m", Site(0), MAP, "replace", positions="promt")
    with pytest.raises(InputError, match="one site twice"):
        Configuration("m", Site(0), MAP, "replace", also=((Site(0), MAP),))
    with pytest.raises(InputError, match="no tokens yet to come"):
        Configuration.jointly("m", {Site(0): MAP, Site(1): MAP}, "replace", positions="all", from_clean=True)
    with pytest.raises(InputError, match="patches no site"):
        Configuration.jointly("m", {}, "replace")
