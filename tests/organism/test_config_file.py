"""A config is the same world again after it was written for people, and every dial is explained to them."""

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.core.errors import InputError
from workbench.organism.config import LanguageConfig, TrainingConfig, WorldConfig, explain
from workbench.organism.config_file import read_config, to_toml, write_config
from workbench.organism.files import read_card

SHIPPED = Path(__file__).parents[2] / "data" / "organism"
CHANGED = WorldConfig(
    seed=3,
    last_token="mark",
    switched_one=0.25,
    languages=(
        LanguageConfig("x-ä", 0.75, skill=1.0, fertility=3),
        LanguageConfig("x-b", 0.25, order="VSO", morphology="fused", script="own", cognates=0.125),
    ),
    training=TrainingConfig(layers=3, learning_rate=1e-5, autocast=False),
)


@pytest.mark.parametrize("config", [WorldConfig(), CHANGED], ids=["default", "changed"])
def test_what_was_written_is_read_back(config, tmp_path):
    write_config(config, tmp_path / "world.toml")
    again = read_config(tmp_path / "world.toml")
    assert again == config and again.digest == config.digest


def test_settings_left_out_are_at_their_default(tmp_path):
    (tmp_path / "world.toml").write_text("seed = 4\n[training]\nsteps = 9\n", encoding="utf-8")
    assert read_config(tmp_path / "world.toml") == WorldConfig(seed=4, training=TrainingConfig(steps=9))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("conceps = 3", "unknown setting 'conceps' of the world: did you mean 'concepts'?"),
        ("[training]\nlayer = 3", "unknown setting 'layer' of the training: did you mean 'layers'?"),
        ("concepts = 'three'", "concepts of the world must be of type int"),
        ("test = 1000000", "too few for its splits"),
        ("concepts: 3", "is not TOML"),
        (b"\xff\xfe", "cannot read the config"),
        (None, "cannot read the config"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(text, says, tmp_path):
    path = tmp_path / "world.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as error:
        read_config(path)
    assert str(path) in str(error.value) and says in str(error.value)


def test_every_dial_stands_under_its_explanation():
    plain = " ".join(to_toml(CHANGED).replace("\n# ", " ").split())
    for kind in (WorldConfig, TrainingConfig):
        for name, told in explain(kind).items():
            if name not in ("languages", "training"):
                assert f" {told} {name} = " in plain
    for name, told in explain(LanguageConfig).items():
        assert f" {name}: {told} " in plain
        assert plain.count(f" {name} = ") >= len(CHANGED.languages)


def test_the_shipped_config_is_the_default_and_that_of_the_shipped_model():
    config, card = read_config(SHIPPED / "config.toml"), read_card(SHIPPED / "organism.json")
    assert config.digest == card["digest"] == WorldConfig().digest
    assert WorldConfig.from_json(card["config"]).digest == card["digest"]
    assert replace(config, seed=1).digest != card["digest"]
