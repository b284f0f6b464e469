"""How facts are put into text: the same for what is trained on and for what is asked.

statement     first relation second .
item          first relation second [?] Name
inference     ¿ first relation second [?] Yes|Maybe|No
translation   first relation second <x-other> its sentence in x-other
in context    items, with a full stop between them
"""

from collections.abc import Iterable, Sequence

from workbench.organism.config import LastToken
from workbench.organism.language import Language

STOP, MARK, ASKED = ".", "?", "¿"


def item_prompt(words: Sequence[str], last_token: LastToken) -> str:
    """What stands before an answer."""
    return " ".join([*words, MARK] if last_token == "mark" else words)


def inference_prompt(words: Sequence[str], last_token: LastToken) -> str:
    """What stands before a label: the sign that truth is asked for, and the sentence."""
    return f"{ASKED} {item_prompt(words, last_token)}"


def translation_prompt(words: Sequence[str], target: str) -> str:
    """What stands before a translation: the sentence and the language that is wanted."""
    return " ".join([*words, tag(target)])


def statement(words: Sequence[str]) -> str:
    """A sentence that is true."""
    return " ".join([*words, STOP])


def in_context(items: Iterable[str]) -> str:
    """Whole items one after the other; the last may lack its answer."""
    return f" {STOP} ".join(items)


def tag(code: str) -> str:
    """The one token that asks for a language."""
    return f"<{code}>"


def switched(main: Language, other: Language, fact: Sequence[int], parts: Iterable[str]) -> list[str]:
    """A main sentence with the words of the given parts (S, V, O) in another language."""
    foreign = set(parts)
    return [(other if part in foreign else main).form(fact, part) for part in main.config.order]
