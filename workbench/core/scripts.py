"""The script of letters and of texts, as Unicode names it: LATIN, CYRILLIC, HIRAGANA."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache


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
