"""The config says every dial, and refuses what is none."""

import json
from dataclasses import fields, replace

import pytest

from workbench.core.errors import InputError
from workbench.organism.config import LanguageConfig, TrainingConfig, WorldConfig, explain


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
