"""Benchmarks of the Hugging Face hub by way of the library `datasets`, or a copy of them in a local folder.

Rows take the form of the makers' own files and go to the same readers, which check them; where a data set
holds the makers' own files, these are read. No code of a data set is ever run.
"""

import logging
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, quoted
from workbench.core.languages import canonical, name_of, names_language
from workbench.core.reading import files_in, from_datasets, open_bytes, user_path
from workbench.tasks.base import AnswerTask, ChoiceTask
from workbench.tasks.records import ODD_CODES, RowsFile

log = logging.getLogger(__name__)

Record = dict[str, Any]

# MKQA's kinds of answers, as the hub numbers them.
_KINDS = "entity long_answer unanswerable date number number_with_unit short_phrase binary".split()


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """Where a benchmark lies at the hub and how its rows become its makers' files."""

    record: Callable[[Record, str, int], Record]
    """A row, its language and its number → what the makers write."""
    whole: Callable[[list[Record]], list[Any]]
    """All rows → the lines of a file, or its one value."""
    name: str = ""
    """OWNER/NAME; empty if the makers have no data set there."""
    revision: str = ""
    files: dict[str, str] = field(default_factory=dict)
    """Their names by split; {code} is a language as its configurations call it, {name} its English name."""
    codes: str | None = None
    """Its languages, as configurations are called without `prefix`; None asks the library."""
    prefix: str = ""
    together: str | None = None
    """The configuration that holds all languages, where one does."""
    own: str | None = None
    """What the makers' own files are called, where the data set holds these; `language` is a code."""
    gated: bool = False
    """Whether its makers ask for conditions to be accepted."""


def _as_is(row: Record, code: str, number: int) -> Record:
    return dict(row)


def _number(row: Record, code: str, number: int) -> Record:
    """Cells of MGSM's table."""
    return {"question": row["question"], "answer": row["answer_number"]}


def _story(row: Record, code: str, number: int) -> Record:
    """The makers' names of the columns."""
    sentences = {f"InputSentence{i}": row[f"input_sentence_{i}"] for i in range(1, 5)}
    endings = {f"RandomFifthSentenceQuiz{i}": row[f"sentence_quiz{i}"] for i in (1, 2)}
    return sentences | endings | {"AnswerRightEnding": row["answer_right_ending"]}


def _objects(given: Any) -> Any:
    """A list of objects, which the library may give as one list for each field."""
    if isinstance(given, dict):
        return [dict(zip(given, values, strict=True)) for values in zip(*given.values(), strict=True)]
    return given


def _question(row: Record, code: str, number: int) -> Record:
    """Choices as a list of labels and texts."""
    return {**row, "question": {**row["question"], "choices": _objects(row["question"]["choices"])}}


def _pair(row: Record, code: str, number: int) -> Record:
    """A row of XNLI's table, which holds all languages; the hub names no premise but by its text."""
    label = ("entailment", "neutral", "contradiction")[row["label"]]
    texts = {"sentence1": row["premise"], "sentence2": row["hypothesis"]}
    return {"language": code, "gold_label": label, **texts, "promptID": row["premise"], "pairID": number}


def _knowledge(row: Record, code: str, number: int) -> Record:
    """A row of MKQA's table, where kinds of answers are numbers and the name of an item is a text."""
    answers = {
        language: [
            {**answer, "type": _KINDS[kind] if isinstance(kind := answer["type"], int) else kind}
            for answer in _objects(given)
        ]
        for language, given in row["answers"].items()
    }
    return {"example_id": int(row["example_id"]), "queries": row["queries"], "answers": answers}


def _articles(rows: list[Record]) -> list[Record]:
    """SQuAD's JSON: neighbours with the same text are a paragraph, five of which are an article of XQuAD."""
    paragraphs: list[Record] = []
    for row in rows:
        if not paragraphs or paragraphs[-1]["context"] != row["context"]:
            paragraphs.append({"context": row["context"], "qas": []})
        answers = [{"text": text} for text in row["answers"]["text"]]
        paragraphs[-1]["qas"].append({"id": row["id"], "question": row["question"], "answers": answers})
    return [{"data": [{"paragraphs": paragraphs[i : i + 5]} for i in range(0, len(paragraphs), 5)]}]


_RECORDS = {"mgsm": _number, "xstorycloze": _story, "xnli": _pair, "mkqa": _knowledge, "xcsqa": _question}
HUB = {
    name: HubSource(**facts, record=_RECORDS.get(name, _as_is), whole=_articles if name == "xquad" else list)
    for name, facts in tomllib.loads((Path(__file__).parent / "hub.toml").read_text("utf-8")).items()
}
"""Benchmarks that can be read as `hub:NAME`, where `datasets` reaches the hub or has it in its cache."""


def read_hub(
    name: str,
    reader: Callable[..., ChoiceTask | AnswerTask],
    path: str | None = None,
    revision: str | None = None,
    languages: Iterable[str] | None = None,
) -> ChoiceTask | AnswerTask:
    """Read a benchmark by its reader from the hub at a revision, or from a local copy of the data set."""
    source = HUB[name]
    wanted = None if languages is None else [canonical(code) for code in languages]
    if source.own is not None:
        place, at, task = _read_own(name, reader, path, revision, wanted)
    else:
        place = source.name if path is None else str(user_path(path))
        at = None if path is not None else revision or source.revision
        for file in files_in(Path(place), deep=True) if path is not None and Path(place).is_dir() else ():
            if file.suffix in (".parquet", ".jsonl", ".json", ".csv"):
                open_bytes(file).close()  # the library would wait for the other end of a pipe
        files = _files(source, place, at, None if wanted is None else set(wanted))
        task = reader(files, languages=wanted) if source.together else reader(files)
    pinned = "" if at is None or len(at) == 40 else ", which is not pinned"
    return replace(task, notes=(*task.notes, f"read from {place}" + (f" at {at}{pinned}" if at else "")))


def _files(source: HubSource, place: str, revision: str | None, wanted: set[str] | None) -> list[RowsFile]:
    """The rows of the wanted languages as their makers' files."""
    # The hub's own tables have a folder for each configuration, and nothing that names them.
    by_folders = (
        revision.startswith("refs/convert/") if revision else not (Path(place) / "README.md").is_file()
    )
    files: dict[str, list[Record]] = {}
    for code in [source.together] if source.together else _codes(source, place, revision, by_folders):
        language = "" if source.together else canonical(ODD_CODES.get(code, code))
        if source.together or wanted is None or language in wanted:
            for split, file in source.files.items():
                # A file without a language in its name holds all of them.
                path = file.format(code=code, name=language and name_of(language))
                files.setdefault(path, []).extend(_rows(source, place, revision, code, split, by_folders))
    if not files:
        raise InputError(f"{place} has none of the languages {', '.join(sorted(wanted or ()))}")
    out = []
    for file, rows in files.items():
        try:
            out.append(RowsFile(place, file, source.whole(rows)))
        except (KeyError, TypeError) as error:
            raise InputError(f"{place} ({file}) is not {source.name}: it lacks {error}") from error
    return out


def _read_own(
    name: str, reader: Callable[..., Any], path: str | None, revision: str | None, wanted: list[str] | None
) -> tuple[str, str | None, Any]:
    """Where the makers' own files were read, at which revision, and the task that they hold.

    `path` is a folder, or the name of another data set that holds files called alike.
    """
    source = HUB[name]
    place = path or source.name
    if not place:
        raise InputError(
            f"the makers of {name} have no data set at the hub: fetch their files (workbench data {name}), "
            f"or name a data set that holds them: hub:{name}:OWNER/NAME"
        )
    if user_path(place).is_dir():
        folder, at = user_path(place), None
    else:
        at = revision or (source.revision if path is None else "main")
        # What a translation goes into is read as well.
        into = getattr(reader, "keywords", {}).get("to", "en")
        languages = None if wanted is None else {*wanted, canonical(into)}
        folder = _asked(place, lambda _: _fetched(source, place, at, languages), source.gated)
    names = [file.relative_to(folder).as_posix() for file in files_in(folder, deep=True) if file.is_file()]
    matches = [match for name in names if (match := re.fullmatch(str(source.own), name))]
    if not matches:
        raise InputError(f"{place} holds no file of {name}: they are called {source.own}")
    # The folder of such files may lie deeper than the reader looks.
    above = {match.string[: match.start("language")].rpartition("/")[0] for match in matches}
    inner = folder / above.pop() if len(above) == 1 else folder
    try:
        return place, at, reader(inner, languages=wanted)
    except InputError as error:
        raise InputError(str(error).replace(str(folder), place)) from error


def _fetched(source: HubSource, place: str, revision: str | None, wanted: set[str] | None) -> Path:
    """The folder where the makers' files of these languages lie: fetched, or from an earlier time.

    Out of reach of the hub, a name such as `main` may stand for another state of the data set than it does
    there: a warning names the commit that is read.
    """
    import huggingface_hub as hub

    among: dict[str, Any] = {"repo_id": place, "repo_type": "dataset", "revision": revision}
    bars = not hub.utils.are_progress_bars_disabled()
    hub.utils.disable_progress_bars()
    try:
        names = hub.HfApi().list_repo_files(**among)
        matches = [match for name in names if (match := re.fullmatch(str(source.own), name))]
        codes = [ODD_CODES.get(match["language"], match["language"]) for match in matches]
        of_wanted = [
            match
            for match, code in zip(matches, codes, strict=True)
            if wanted is None or canonical(code) in wanted
        ]
        # English may lie in the files of all others.
        return Path(
            hub.snapshot_download(**among, allow_patterns=[match.string for match in of_wanted or matches])
        )
    except Exception as error:  # out of reach, in one of many ways: what was fetched before will do
        try:
            folder = Path(hub.snapshot_download(**among, local_files_only=True))
        except Exception:
            raise error from None
        if folder.name != revision:
            log.warning(
                "%s cannot be reached: read from the copy fetched earlier as %s, commit %s",
                *(place, revision, folder.name),
            )
        return folder
    finally:
        if bars:
            hub.utils.enable_progress_bars()


def _codes(source: HubSource, place: str, revision: str | None, by_folders: bool) -> list[str]:
    """The languages it has, as its configurations call them."""
    if source.codes is not None:
        return source.codes.split()
    if not by_folders:
        names = _asked(place, lambda library: library.get_dataset_config_names(place, revision=revision))
    elif revision is None:
        names = sorted(folder.name for folder in Path(place).glob("*") if folder.is_dir())
    else:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFolder

        tree = _asked(
            place, lambda _: list(HfApi().list_repo_tree(place, repo_type="dataset", revision=revision))
        )
        names = [entry.path for entry in tree if isinstance(entry, RepoFolder)]
    return [name for name in names if names_language(name)]


def _rows(
    source: HubSource, place: str, revision: str | None, code: str, split: str, by_folders: bool
) -> list[Record]:
    """A split of one language, with the makers' fields."""
    config = source.prefix + code
    which = {"data_files": {split: f"{config}/{split}/*.parquet"}} if by_folders else {"name": config}
    table = _asked(
        place, lambda library: library.load_dataset(place, split=split, revision=revision, **which)
    )
    try:
        return [source.record(row, code, number) for number, row in enumerate(table, 1)]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{place} ({config}, {split}) is not {source.name}: it lacks {error}") from error


def _asked(place: str, call: Callable[[Any], Any], gated: bool = False) -> Any:
    """What `datasets` answers; what goes wrong is one line."""

    def explain(error: Exception) -> str:
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        return (
            f"data set {quoted(place)} cannot be read ({reason}): "
            "check name and revision (hub:NAME@REVISION); "
            + ("accept its conditions on its page and sign in (hf auth login); " if gated else "")
            + "without a network, read it once where there is one and keep its cache, or name a folder of it"
        )

    return from_datasets(call, explain)
