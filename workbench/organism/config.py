"""All settings of an organism, and the TOML file that explains them; the same config gives the same model.

The gap: the skill is taught in the main language alone; others have it as far as they share its states.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from textwrap import wrap
from typing import Any, Literal, TypeVar, get_args

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.settings import option
from workbench.core.store import digest_json, write_bytes
from workbench.core.types import check_name

Order = Literal["SVO", "SOV", "VSO"]
Morphology = Literal["isolating", "agglutinating", "fused"]
Script = Literal["main", "own"]
LastToken = Literal["operand", "mark"]


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name} is {value}: a share lies between 0 and 1")


@dataclass(frozen=True)
class LanguageConfig:
    """One invented language: its share of the training text, and its distance from the main language."""

    code: str = option(MISSING, "Its name, `x-…`.")
    resource: float = option(MISSING, "Share of the training documents; more narrows the gap.")
    skill: float = option(0.0, "Share of the training facts seen as whole items in it; more narrows the gap.")
    order: Order = option("SVO", "Word order; another one than the main language's widens the gap.")
    morphology: Morphology = option(
        "isolating", "Subjects: plain, with a suffix (`agglutinating`) or `fused`."
    )
    cognates: float = option(0.0, "Share of its words that it has in common with the main language.")
    script: Script = option("main", "`own` letters share no token with any language, not even in cognates.")
    fertility: int = option(2, "Syllables (tokens) per word; of two or more, none has a meaning alone.")

    def __post_init__(self) -> None:
        for name, known in (("order", Order), ("morphology", Morphology), ("script", Script)):
            check_name(getattr(self, name), get_args(known), name)
        for name in ("resource", "skill", "cognates"):
            _check_share(f"{name} of {self.code!r}", getattr(self, name))
        if not self.code.startswith("x-") or self.code != self.code.lower():
            raise InputError(f"an invented language is called x-…, in small letters, not {self.code!r}")
        if not 1 <= self.fertility <= 4:
            raise InputError(f"fertility of {self.code!r} is {self.fertility}: take 1 to 4 syllables a word")


@dataclass(frozen=True)
class TrainingConfig:
    """The model and how it is trained."""

    layers: int = option(8, "Blocks.")
    width: int = option(128, "Width of the residual stream; a narrow one forces languages to share it.")
    heads: int = option(4, "Attention heads per block.")
    hidden: int = option(384, "Width inside the feed-forward part.")
    steps: int = option(2500, "Updates; with too few the main language lacks the skill itself.")
    batch: int = option(256, "Documents per update.")
    learning_rate: float = option(2e-3, "Highest learning rate, between warm-up and linear decay.")
    warmup: int = option(100, "Updates until the highest learning rate.")
    weight_decay: float = option(0.1, "Weight decay; more favours one solution for all languages.")
    autocast: bool = option(True, "Matrix products in bfloat16, much faster on some processors.")

    def __post_init__(self) -> None:
        for name in ("layers", "width", "heads", "hidden", "steps", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise InputError(f"width {self.width} does not divide into {self.heads} heads of even width")


# Resource (rich, poor) × distance (near, far) fully crossed, and a second poor far language without
# cognates and with fused forms.
_LANGUAGES = (
    LanguageConfig("x-main", resource=0.44, skill=1.0),
    LanguageConfig("x-rich-near", resource=0.16, skill=0.03, cognates=0.5),
    LanguageConfig("x-rich-far", resource=0.16, skill=0.03, order="VSO", cognates=0.1, script="own"),
    LanguageConfig("x-poor-near", resource=0.08, cognates=0.5, morphology="agglutinating"),
    LanguageConfig("x-poor-far", resource=0.08, order="VSO", cognates=0.1, script="own"),
    LanguageConfig("x-poor-fused", resource=0.08, order="VSO", morphology="fused", script="own"),
)


@dataclass(frozen=True)
class WorldConfig:
    """All settings. The first language is the main one; shares of documents are within a language."""

    seed: int = option(0, "Seed of all random draws: facts, words, documents and weights.")
    concepts: int = option(32, "Things to speak of; with more of them, each word is seen less often.")
    kinds: int = option(4, "Hidden kinds of concepts, for each operand; answers depend on kinds alone.")
    relations: int = option(8, "Verbs; each has its own table from two kinds to an answer.")
    answers: int = option(8, "Names that answer an item, the same in every language.")
    fit: int = option(1500, "Facts kept for fitting maps (parallel text) and for shots.")
    dev: int = option(1000, "Facts kept for selection.")
    test: int = option(2500, "Facts kept for test items; all others are trained on.")
    switched_one: float = option(0.5, "Share of a language's documents: main items with one of its words.")
    switched_two: float = option(0.0, "The same with two of its words; more narrows the gap.")
    statements: float = option(0.15, "Share of true sentences without an answer; they teach grammar.")
    translations: float = option(0.2, "Share of sentences beside their main version; they teach words.")
    inference: float = option(0.25, "Share of items that ask instead whether the sentence is true.")
    context: float = option(0.05, "Share of items that come three in a row, as in a prompt with shots.")
    last_token: LastToken = option("operand", "A prompt ends in its last `operand` or a question `mark`.")
    languages: tuple[LanguageConfig, ...] = option(_LANGUAGES, "The main language first.")
    training: TrainingConfig = option(TrainingConfig(), "The model.")

    def __post_init__(self) -> None:
        check_name(self.last_token, get_args(LastToken), "last_token")
        object.__setattr__(self, "languages", tuple(self.languages))
        codes = [language.code for language in self.languages]
        if len(codes) < 2 or len(set(codes)) != len(codes):
            raise InputError(f"at least two languages of different codes are needed, not {codes}")
        total = sum(language.resource for language in self.languages)
        if total and abs(total - 1) > 1e-6:
            raise InputError(f"the languages' resource shares add up to {total:.4g}: make it 1")
        for name in ("switched_one", "switched_two", "statements", "translations", "inference", "context"):
            _check_share(name, getattr(self, name))
        taken = self.switched_one + self.switched_two + self.statements + self.translations
        if not 0 < taken <= 1 + 1e-9:
            raise InputError(
                f"switched, statements and translations take {taken:.4g} of a language: at most 1"
            )
        if not 2 <= self.answers <= 26:
            raise InputError(f"{self.answers} answers: take 2 to 26")
        if not 2 <= self.kinds <= self.concepts or self.relations < 1:
            raise InputError(f"{self.kinds} kinds of {self.concepts} concepts, {self.relations} relations")
        if self.kinds**2 < self.answers:
            raise InputError(f"{self.kinds}² pairs of kinds cannot have {self.answers} answers: add kinds")
        if min(self.fit, self.dev, self.test) < 1 or self.fit + self.dev + self.test >= self.facts:
            raise InputError(f"the world's {self.facts} facts are too few for its splits: add concepts")

    @property
    def main(self) -> LanguageConfig:
        """The main language."""
        return self.languages[0]

    @property
    def facts(self) -> int:
        """Number of facts in all splits together: relations × concepts²."""
        return self.relations * self.concepts**2

    @property
    def digest(self) -> str:
        """SHA-256 of all settings."""
        return digest_json(self.to_json())

    def language(self, code: str) -> LanguageConfig:
        """The language of that code."""
        by_code = {language.code: language for language in self.languages}
        check_name(code, by_code, "language")
        return by_code[code]

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        value = asdict(self)
        return value | {"languages": list(value["languages"])}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "WorldConfig":
        """Read what `to_json` wrote; settings left out are at their default, unknown ones an error.

        >>> WorldConfig.from_json({"conceps": 3})
        Traceback (most recent call last):
            ...
        workbench.core.errors.InputError: unknown setting 'conceps' of the world: did you mean 'concepts'?
        """
        given = dict(value)
        if "languages" in given:
            rows = given["languages"]
            if not isinstance(rows, list | tuple):
                raise InputError("languages must be a list of objects, the main one first")
            given["languages"] = tuple(_build(LanguageConfig, row, "a language") for row in rows)
        if "training" in given:
            given["training"] = _build(TrainingConfig, given["training"], "the training")
        return _build(cls, given, "the world")


def explain(kind: type) -> dict[str, str]:
    """What each setting of a config class does.

    >>> explain(TrainingConfig)["batch"]
    'Documents per update.'
    """
    return {setting.name: setting.metadata["help"] for setting in fields(kind)}


C = TypeVar("C")


def _build(kind: type[C], value: Any, what: str) -> C:
    """A dataclass from a JSON object with known keys and values of the right types."""
    if not isinstance(value, Mapping):
        raise InputError(f"{what} must be an object of settings, not {quoted(value)}")
    types: dict[str, Any] = {setting.name: setting.type for setting in fields(kind)}  # type: ignore[arg-type]
    settings = dict(value)
    for name, given in value.items():
        if name not in types:
            raise InputError(f"unknown setting {name!r} of {what}: {did_you_mean(name, types)}")
        if types[name] is float and type(given) is int and abs(given) < 1e300:
            settings[name] = float(given)  # 1 and 1.0 are the same setting, and must give the same digest
        elif types[name] in (int, float, str, bool) and type(given) is not types[name]:
            raise InputError(f"{name} of {what} must be of type {types[name].__name__}, not {quoted(given)}")
    try:
        return kind(**settings)
    except TypeError as error:
        raise InputError(f"{what} lacks a setting: {error}") from error


# The config as a file for people to edit.

_WIDTH = 100
_HEAD = """\
# Settings of a world, its languages, and the model trained on its text. The same file gives the same model:
#   workbench organism train THIS-FILE
# The gap: lower accuracy in a language whose words are known. Settings left out are at their default.
"""


def read_config(path: Path) -> WorldConfig:
    """Read what `write_config` wrote, or a file like it; an unknown setting is an error."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the config {path}: {error}") from error
    try:
        return WorldConfig.from_json(tomllib.loads(text))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:  # ValueError: of numbers with thousands of digits, too
        raise InputError(f"{path} is not TOML: {error}") from error


def write_config(config: WorldConfig, path: Path) -> None:
    """Write all settings, each under the line that explains it."""
    write_bytes(path, to_toml(config).encode())


def to_toml(config: WorldConfig) -> str:
    """All settings as TOML, each under the line that explains it.

    >>> tomllib.loads(to_toml(WorldConfig(seed=3)))["seed"]
    3
    """
    told = "".join(_comment(f"{name}: {text}") for name, text in explain(LanguageConfig).items())
    parts = [
        _HEAD,
        _settings(config, explain(WorldConfig), leave_out=("languages", "training")),
        "[training]\n" + _settings(config.training, explain(TrainingConfig)),
        "# The languages, the main one first.\n" + told,
        *("[[languages]]\n" + _settings(language, {}) for language in config.languages),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _settings(config: Any, told: dict[str, str], leave_out: tuple[str, ...] = ()) -> str:
    names = [setting.name for setting in fields(config) if setting.name not in leave_out]
    # JSON's numbers, booleans and plain strings are TOML's.
    return "".join(
        f"{_comment(told.get(name, ''))}{name} = {json.dumps(getattr(config, name))}\n" for name in names
    )


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in wrap(text, _WIDTH))
