"""Bundled data, by name: next to the package in a clone, inside it when installed."""

from pathlib import Path

from workbench.core.errors import InputError

MODELS = {"organism": "organism"}
"""Models that can be loaded by name."""
TEXTS = {"organism": "organism/parallel.tsv.gz", "starter": "starter/sentences.tsv"}
"""Parallel text that can be read by name."""
RUNS = {name: f"studies/{name}" for name in ("smollm2-sib200", "gemma3-sib200")}
"""Studies of real models whose tables are kept (docs/studies), and can be opened by name."""
_STARTER = (
    "the starter set is for first steps only, checked by nobody but its authors: no result on it is to be "
    "published"
)
CAUTIONS = {
    "starter/sentences.tsv": _STARTER,
    "starter/choices.tsv": _STARTER,
    "organism/parallel.tsv.gz": "the bundled model was trained so that accuracy differs between its "
    "invented languages: results on it say nothing about real languages",
}
"""Cautions shown beside every result on a file."""

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "_data", _PACKAGE.parent / "data", _PACKAGE.parent / "docs")


def bundled(part: str) -> Path:
    """The path of a bundled file or folder."""
    for place in _PLACES:
        if (place / part).exists():
            return place / part
    places = " nor in ".join(map(str, _PLACES))
    raise InputError(
        f"{part}, which is bundled with the project, is neither in {places}: install or clone it again"
    )


def resolved(name_or_path: str | Path, known: dict[str, str]) -> str:
    """The path of a known name; other names, and names of existing files, are returned as they are.

    >>> resolved("gpt2", MODELS)
    'gpt2'
    """
    name = str(name_or_path)
    return str(bundled(known[name])) if name in known and not Path(name).exists() else name


def cautions(sources: tuple[str, ...]) -> list[str]:
    """The cautions for results on text from these files."""
    files = {Path(source).as_posix() for source in sources}
    return [text for part, text in CAUTIONS.items() if any(file.endswith(f"/{part}") for file in files)]
