"""Language codes, brought to one form, and scripts.

The code is ISO 639-1 where there is one (`sw`), else ISO 639-3 (`ckb`); a script or a region is kept only
where it distinguishes what is written (`zh-Hant`, `sr-Latn`, `pt-BR`). Invented languages start with `x-`.

The languages of common data sets are in `common_languages.tsv` beside this file, all other codes of ISO 639
in `languages.tsv`, which is read when one is asked for. Scripts are named as in Unicode: LATIN, CYRILLIC.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from workbench.core.errors import InputError, did_you_mean, quoted

# The regions that mark a different way of writing; elsewhere a region (sw-KE, en-US) says nothing new.
_VARIETIES = {"en-GB", "en-IN", "es-419", "es-MX", "fr-CA", "gsw-BE", "gsw-ZH", "pt-BR"}
_CHINESE_SCRIPTS = {"TW": "Hant", "HK": "Hant", "MO": "Hant"}

_ADVICE = "write an ISO 639 code such as sw or swh"
_PRIVATE = re.compile(r"x(-[a-z0-9]{1,8})+")
_SUBTAGS = re.compile(r"(?P<language>[a-z]{2,3})([-_](?P<script>[a-z]{4}))?([-_](?P<region>[a-z]{2}|\d{3}))?")


# Codes of ISO 639-3 that are more often the name of a column, a file or a folder than that of a language:
# there they count as a language only with a script (`doc_Latn`).
_WORDS = frozenset(
    """
    add age aid alt all and ans any api app are arr ask bbl bib big bin bol bpe cap cfg chp cid cls con
    csv cut dbl def del dep dev dic did doc emb end err fit for gap gid git had has how hub ids ins int
    its job key lab lan lem len lex lib lid lng loc log low lst man max met mid mod msg mtl nam neg ner
    net new nil nli not num old one opt org par pid pkg pos pre pro raw rel res row say sec sen seq set
    sid src ssh std str sub sys tag tar tgt the tok top tst tsv two txt url val ver was www xml yes
    """.split()
)


class _Table(NamedTuple):
    names: dict[str, str]
    scripts: dict[str, str]
    codes: dict[str, str]
    """Every known spelling, with the one code."""


@cache
def _table(file: str) -> _Table:
    """A data file with lines of code, usual script, other codes and name; `-` stands for nothing."""
    table = _Table({}, {}, {})
    for line in (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        code, script, others, name = line.split("\t")
        if name != "-":
            table.names[code] = name
            table.codes[code] = code
        if script != "-":
            table.scripts[code] = script
        for other in others.split(",") if others != "-" else ():
            assert other not in table.codes, f"{other} stands twice in the table"
            table.codes[other] = code
    return table


_further = partial(_table, "languages.tsv")
_COMMON = _table("common_languages.tsv")
NAMES = _COMMON.names
"""The languages of common data sets, by code; `name_of` knows all others too."""


def usual_script(language: str) -> str | None:
    """The script a language (without a variety) is usually written in, where it is known.

    >>> usual_script("sw"), usual_script("syl"), usual_script("aaa")
    ('Latn', 'Beng', None)
    """
    return _COMMON.scripts.get(language) or _further().scripts.get(language)


def canonical(code: str) -> str:
    """Give the one code of a language, from any usual spelling of it.

    >>> canonical("swh_Latn"), canonical("swa"), canonical("zho-CN"), canonical("zho_Hant")
    ('sw', 'sw', 'zh', 'zh-Hant')
    >>> canonical("x-aru")
    'x-aru'
    """
    known = _code_of(code) if isinstance(code, str) else None
    if known is None:
        hint = _hint(code.strip()) if isinstance(code, str) else _ADVICE
        raise InputError(f"unknown language {quoted(code)}: {hint}")
    return known


@lru_cache(maxsize=4096)
def _code_of(code: str) -> str | None:
    spelled = code.strip().lower()
    if _PRIVATE.fullmatch(spelled):
        return spelled
    subtags = _SUBTAGS.fullmatch(spelled)
    if subtags is None:
        return None
    code, script, region = (subtags[part] or "" for part in ("language", "script", "region"))
    script, region = script.title(), region.upper()
    language = _COMMON.codes.get(code) or _further().codes.get(code)
    if language is None:
        return None
    if language == "zh" and not script:
        script = _CHINESE_SCRIPTS.get(region, "")
    # Of a language whose script is not known, nearly all are written in Latin letters.
    if script and script != (usual_script(language) or "Latn"):
        return f"{language}-{script}"
    variety = f"{language}-{region}"
    return variety if variety in _VARIETIES else language


def is_language(code: str) -> bool:
    """Whether `canonical` takes the code."""
    return _code_of(code) is not None


def names_language(word: str) -> bool:
    """Whether the name of a column, or a part of a file's name, means a language rather than a common word.

    >>> names_language("quc"), names_language("src"), names_language("src_Latn")
    (True, False, True)
    """
    return word.strip().lower() not in _WORDS and is_language(word)


def same_language(one: str, other: str) -> bool:
    """Whether two codes mean the same written language.

    >>> same_language("swa", "swh_Latn"), same_language("zh", "zh-TW")
    (True, False)
    """
    return canonical(one) == canonical(other)


def name_of(code: str) -> str:
    """Give the English name of a language; an invented language is called by its code.

    >>> name_of("swh"), name_of("zh-TW"), name_of("hil"), name_of("x-aru")
    ('Swahili', 'Chinese (Hant)', 'Hiligaynon', 'x-aru')
    """
    base, _, variety = canonical(code).partition("-")
    if base == "x":
        return canonical(code)
    name = _COMMON.names.get(base) or _further().names[base]
    return f"{name} ({variety})" if variety else name


def _hint(spelled: str) -> str:
    by_name = {name.lower(): code for code, name in (_further().names | _COMMON.names).items()}
    if spelled.lower() in by_name:
        return f"write {by_name[spelled.lower()]!r} for {spelled}"
    language = re.split("[-_]", spelled.lower())[0]
    hint = did_you_mean(language, _COMMON.codes)  # three letters are near one of 8,000 others
    if hint.startswith("known:"):  # hundreds of codes would bury the message
        hint = _ADVICE
    private = re.sub("[^a-z0-9]", "", language)[:8] or "name"
    return f"{hint.removesuffix('?')}, or x-{private} for an invented language"


def read_pair(name: str, languages: Sequence[str]) -> tuple[str, str]:
    """`sw-en` → (sw, en), of these languages; codes may hold a hyphen too, so the one between is looked for.

    >>> read_pair("x-far-x-main", ["x-far", "x-main"])
    ('x-far', 'x-main')
    """
    parts = name.split("-") if isinstance(name, str) else []
    for i in range(1, len(parts)):
        source, target = (_code_of("-".join(some)) for some in (parts[:i], parts[i:]))
        if source in languages and target in languages and source != target:
            return str(source), str(target)
    raise InputError(f"no pair {quoted(name)}: write source-target, of {', '.join(languages)}")


@lru_cache(maxsize=1 << 16)
def script_of_letter(letter: str) -> str:
    """The first word of its Unicode name; empty where it has none.

    >>> script_of_letter("д"), script_of_letter("ー")
    ('CYRILLIC', 'KATAKANA')
    """
    return re.split("[ -]", unicodedata.name(letter, ""))[0]


def letters_by_script(text: str) -> Counter[str]:
    """How many letters of each script a text has; digits and signs are not counted."""
    return Counter(script for letter in text if letter.isalpha() and (script := script_of_letter(letter)))


def main_script(text: str) -> str:
    """The script of most letters, of several the first in the alphabet; empty without letters.

    >>> main_script("Привет, world of привет"), main_script("42 %")
    ('CYRILLIC', '')
    """
    counts = letters_by_script(text)
    return max(sorted(counts), key=counts.__getitem__, default="")
