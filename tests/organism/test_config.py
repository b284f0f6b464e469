"""The config names every setting, refuses what is none, and comes back from the file that explains it."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from workbench.core.errors import InputError
from workbench.organism.config import (
    LanguageConfig,
    TrainingConfig,
    WorldConfig,
    explain,
    read_config,
    to_toml,
    write_config,
)
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


def test_a_config_comes_back_from_json_with_its_digest():
    config = WorldConfig(
        seed=4, languages=(LanguageConfig("x-a", 0.5, 1.0), LanguageConfig("x-b", 0.5, order="VSO"))
    )
    again = WorldConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config and again.digest == config.digest
    assert replace(config, seed=5).digest != config.digest
    assert replace(config, training=TrainingConfig(layers=9)).digest != config.digest


def test_a_whole_number_is_the_same_dial_as_a_float():
    languages = [{"code": "x-a", "resource": 1}, {"code": "x-b", "resource": 0}]
    config = WorldConfig.from_json({"languages": languages, "statements": 0})
    floats = [{"code": "x-a", "resource": 1.0}, {"code": "x-b", "resource": 0.0}]
    again = WorldConfig.from_json({"languages": floats, "statements": 0.0})
    assert config == again and config.digest == again.digest


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"seeed": 1}, "did you mean 'seed'?"),
        ({"training": {"layer": 2}}, "did you mean 'layers'?"),
        ({"languages": [{"code": "x-a", "resource": 1, "scripts": "own"}]}, "did you mean 'script'?"),
        ({"languages": [{"code": "x-a"}]}, "resource"),
        ({"languages": "x-a"}, "list of objects"),
        ({"training": 3}, "must be an object"),
        ({"concepts": "many"}, "must be of type int"),
        ({"concepts": True}, "must be of type int"),
        ({"last_token": "operands"}, "did you mean 'operand'?"),
    ],
)
def test_what_is_no_config_is_refused_with_a_hint(value, says):
    with pytest.raises(InputError, match=says.replace("?", r"\?")):
        WorldConfig.from_json(value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"test": 10**6}, "too few for its splits"),
        ({"switched_one": 0.9}, "at most 1"),
        ({"answers": 27}, "take 2 to 26"),
        ({"kinds": 2}, "cannot have 8 answers"),
        ({"languages": (LanguageConfig("x-a", 1.0),)}, "at least two languages"),
        ({"languages": (LanguageConfig("x-a", 0.5), LanguageConfig("x-b", 0.4))}, "add up to 0.9"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, says):
    with pytest.raises(InputError, match=says):
        WorldConfig(**settings)


def test_a_language_is_refused_for_what_no_language_can_be():
    for wrong in ({"code": "sw"}, {"order": "OVS"}, {"fertility": 0}, {"cognates": 1.5}):
        with pytest.raises(InputError):
            LanguageConfig(**({"code": "x-a", "resource": 0.5} | wrong))


def test_the_default_crosses_resource_with_distance():
    main, *others = WorldConfig().languages
    assert main.skill == 1 and len(others) >= 5
    shares = {language.resource for language in others}
    far = {language.script == "own" for language in others}
    crossed = {(language.resource, language.script == "own") for language in others}
    assert len(shares) == 2 and crossed == {(share, side) for share in shares for side in far}
    assert len(far) == 2


@pytest.mark.parametrize("kind", [WorldConfig, LanguageConfig, TrainingConfig])
def test_every_dial_is_explained_in_one_line(kind):
    told = explain(kind)
    assert list(told) == [dial.name for dial in fields(kind)]
    assert all(text.endswith(".") and "\n" not in text for text in told.values())


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
