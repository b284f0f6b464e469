"""Aligners and controls by name, and the headline: the aligner that the verdict is about."""

import inspect
from collections.abc import Mapping
from typing import Any

from workbench.align import ALIGNERS, CONTROLS
from workbench.core.errors import InputError, did_you_mean
from workbench.core.settings import Settings
from workbench.intervene import INTERVENTIONS
from workbench.select import Choice


def check_names(settings: Settings) -> Settings:
    """Refuse aligners and interventions that nobody knows, and a study of controls alone."""
    known = {**ALIGNERS, **CONTROLS}
    for name in settings.aligners:
        if name not in known:
            raise InputError(f"unknown aligner {name!r}: {did_you_mean(name, known)}")
    for name in settings.interventions:
        if name not in INTERVENTIONS:
            raise InputError(f"unknown intervention {name!r}: {did_you_mean(name, INTERVENTIONS)}")
    first_aligner(settings)
    return settings


def first_aligner(settings: Settings) -> str:
    """The aligner that controls wrap: the headline, or else the first that is no control itself."""
    if settings.headline is not None and not _wraps(settings.headline):
        return settings.headline
    if settings.headline is not None:
        raise InputError(f"{settings.headline} wraps the headline, so it cannot be the headline itself")
    aligners = [name for name in settings.aligners if name not in CONTROLS]
    if not aligners:
        raise InputError(f"at least one aligner is needed: {', '.join(ALIGNERS)}")
    return aligners[0]


def headline_of(choices: Mapping[str, Choice], settings: Settings) -> str:
    """The aligner that the study is about: the one set, or else the one that dev prefers."""
    if settings.headline is not None:
        return settings.headline
    aligners = [name for name in choices if name not in CONTROLS]
    return max(aligners, key=lambda name: choices[name].smoothed_gain)


def estimators(settings: Settings) -> dict[str, Any]:
    """An unfitted aligner for each name, in the order of the settings."""
    return {name: _estimator(name, settings) for name in check_names(settings).aligners}


def _estimator(name: str, settings: Settings) -> Any:
    given: dict[str, Any] = {}
    if _wraps(name):
        given["aligner"] = _estimator(first_aligner(settings), settings)
    if "seed" in _takes(name):
        given["seed"] = settings.seed
    return {**ALIGNERS, **CONTROLS}[name](**given)


def _takes(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature({**ALIGNERS, **CONTROLS}[name]).parameters


def _wraps(name: str) -> bool:
    """Whether a control is made of another aligner."""
    return "aligner" in _takes(name)
