"""Translation memories: TMX, read as a stream by a parser that expands and fetches nothing."""

import re
from pathlib import Path
from xml.parsers import expat

from workbench.core.errors import TextError
from workbench.core.reading import canonical_in, read_chunks
from workbench.text.raw import Raw, Request, Side

# Inside a segment these hold formatting codes of the program the text came from, not text.
_CODES = {"bpt", "ept", "ph", "it", "ut"}
_LINE_END = re.compile(r"(?<![ \t\r])[ \t\r]*\n[ \t\r\n]*")  # the first part keeps the search linear


def read_tmx(path: Path, request: Request) -> Raw:
    """Units `<tu>` with a variant `<tuv>` for each language; of two in one language, the first."""
    reader = _Reader(path, request)
    try:
        for chunk in read_chunks(path):
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        message = f"is not well-formed XML ({expat.ErrorString(error.code)}): fix it or fetch it again"
        raise TextError(message, path, error.lineno) from error
    except (LookupError, ValueError) as error:  # an encoding of its own
        message = f"is in an encoding that is not read ({error}): save it as UTF-8"
        raise TextError(message, path, 1) from error
    languages = dict.fromkeys(language for unit in reader.units for language in unit)
    sides = {
        language: Side(str(path), [unit.get(language, "") for unit in reader.units], reader.lines)
        for language in languages
    }
    return Raw(sides)


class _Reader:
    """Collects the units while the parser passes over the file."""

    def __init__(self, path: Path, request: Request):
        self.path, self.request = path, request
        self.units: list[dict[str, str]] = []
        self.lines: list[int] = []
        self._language: str | None = None
        self._text: list[str] | None = None
        self._codes = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        # A plain DOCTYPE is let pass unread. An entity of its own could stand for gigabytes, or for a
        # file of this machine; one that is not declared here would vanish from the text unseen.
        self.parser.EntityDeclHandler = lambda *_: self._refuse("declares an entity")
        self.parser.SkippedEntityHandler = lambda name, _: self._refuse(f"uses the unknown entity &{name};")

    def _refuse(self, what: str) -> None:
        message = f"{what}, which is not read: write its text in place of it"
        raise TextError(message, self.path, self.parser.CurrentLineNumber)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if tag == "tu":
            self.units.append({})
            self.lines.append(line)
        elif tag == "tuv":
            if not (code := attributes.get("xml:lang") or attributes.get("lang")):
                raise TextError("this <tuv> does not say its language: give it xml:lang", self.path, line)
            self._language = canonical_in(self.path, code, line) if self.request.wants(code) else None
        elif tag == "seg" and self._language and self.units:
            self._text = []
        elif tag in _CODES:
            self._codes += 1

    def _end(self, tag: str) -> None:
        if tag == "seg" and self._text is not None and self._language:
            # Line ends are from a file that was indented for people.
            self.units[-1].setdefault(self._language, _LINE_END.sub(" ", "".join(self._text)))
            self._text = None
        elif tag == "tuv":
            self._language = None
        elif tag in _CODES:
            self._codes -= 1

    def _characters(self, text: str) -> None:
        if self._text is not None and not self._codes:
            self._text.append(text)
