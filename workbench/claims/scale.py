"""What is known of languages beside a study: a number for each, from a file or from a world's config."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from workbench.errors import InputError, TextError, quoted
from workbench.languages import canonical
from workbench.organism.config import LanguageConfig, WorldConfig
from workbench.reading import read_lines


@dataclass(frozen=True)
class Scale:
    """A number for each language."""

    what: str
    """What the numbers are, in words."""
    values: Mapping[str, float]

    def of(self, language: str) -> float:
        """The number of a language."""
        if language not in self.values:
            raise InputError(f"{self.what} has no number for {language}: add a line for it")
        return self.values[language]


def read_scale(path: Path) -> Scale:
    """A file of lines `language<TAB>number` (or with a comma); a first line of names is passed over."""
    values: dict[str, float] = {}
    for at, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("\t" if "\t" in line else ",")]
        number = _number(parts[1]) if len(parts) == 2 else None
        if number is None and at == 1 and len(parts) == 2:
            continue
        if number is None:
            raise TextError(f"{quoted(line)} is not a language, a tab and a number", path, at)
        try:
            language = canonical(parts[0])
        except InputError as error:
            raise TextError(str(error), path, at) from error
        if language in values:
            raise TextError(f"{language} stands there twice", path, at)
        values[language] = number
    if not values:
        raise TextError("holds no line with a language and a number", path)
    return Scale(path.name, values)


def world_scales(config: WorldConfig) -> tuple[Scale, Scale]:
    """Of an organism: each language's share of the training text, and its distance from the main one."""
    languages = {language.code: language for language in config.languages}
    return (
        Scale("share of the training text", {code: one.resource for code, one in languages.items()}),
        Scale(
            "near 0, far 1, fused 2", {code: _distance(one, config.main) for code, one in languages.items()}
        ),
    )


def _distance(language: LanguageConfig, main: LanguageConfig) -> float:
    """0 where letters are shared, 1 where they are not, 2 where word forms are fused too."""
    if language.script == main.script:
        return 0.0
    return 2.0 if language.morphology == "fused" else 1.0


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None
