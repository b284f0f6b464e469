"""Tasks of lm-evaluation-harness: its documents, prompts, few-shot examples and right answers.

A task of the harness is in one language. Those of a family (`xcopa_sw`, `xcopa_vi` …) are found by their
names, and their documents are paired by an id that both have, else by their order.
"""

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import from_datasets
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.prompts import parts_or_halves

_IDS = ("id", "idx", "question_id", "qid", "doc_id")
"""Fields by which documents are paired, where each value is there once and all languages have the same."""
_DIFFER = 0.02
"""Share of items whose right answers may differ between languages: benchmarks have errors, too."""
_SCRIPTS = (
    "latn arab cyrl deva beng thai ethi hebr grek armn geor guru gujr knda mlym orya taml telu sinh khmr "
    "laoo mymr tibt hans hant jpan kore hang olck tfng nkoo"
)
_CODE = rf"[A-Za-z]{{2,3}}(?:[_-](?:[A-Z][A-Za-z]{{1,3}}|{_SCRIPTS.replace(' ', '|')}))?"
"""A language in the name of a task: `sw`, `swh_Latn`, `swh_latn`, `pt-BR`."""
_SPLITS: dict[str, SplitName] = {"validation": "dev", "test": "test"}


def read_lm_eval(
    path: str,
    languages: Iterable[str] | None = None,
    shots: int | None = None,
    shots_seed: int = 1234,
    seed: int = 0,
) -> ChoiceTask:
    """Read `TASK` of the harness, or `FOLDER/TASK` with the task's YAML file in a folder of your own.

    `languages` are those whose tasks are read too, if the harness has them; without, the task alone. `shots`
    is the number of few-shot examples, by default what the task's own file says; they are drawn with
    `shots_seed`, by default the harness's own. `seed` cuts a task with one part into dev and test.
    """
    folder, _, name = str(path).rpartition("/")
    manager = _manager(Path(folder) if folder else None)
    known = list(manager.all_subtasks)
    if name not in known:
        raise InputError(f"the harness has no task {quoted(name)}: {did_you_mean(name, known)}")
    family = language_family(name, known)
    own = next((language for language, task in family.items() if task == name), None)
    wanted = dict.fromkeys([own] if languages is None else [canonical(code) for code in languages])
    chosen = {code: family[code] for code in wanted if code in family} if own else {}
    if own is None:
        raise InputError(f"no language is named in {quoted(name)}: name a task such as xcopa_sw or xnli_sw")
    if own not in chosen:
        raise InputError(f"{quoted(name)} is in {own}, which is not among {', '.join(map(str, wanted))}")
    sides = {code: _documents(manager, task, shots, shots_seed) for code, task in chosen.items()}
    lacking = [f"the harness has no {code} items" for code in wanted if code not in chosen]
    return _joined(name, own, sides, seed, lacking)


def language_family(name: str, tasks: Sequence[str]) -> dict[str, str]:
    """Language → task, of the tasks whose names differ from this one in the language alone."""
    best: dict[str, str] = {}
    for match in re.finditer(rf"(?<![^_-]){_CODE}(?![^_-])", name):
        if _language(match[0]) is None:
            continue
        before, after = re.escape(name[: match.start()]), re.escape(name[match.end() :])
        pattern = re.compile(f"{before}({_CODE}){after}")
        found = [(_language(hit[1]), task) for task in tasks if (hit := pattern.fullmatch(task))]
        family = {language: task for language, task in found if language is not None}
        family[str(_language(match[0]))] = name
        if len(family) >= len(best):
            best = family
    return best


def _language(code: str) -> str | None:
    try:
        return canonical(code)
    except InputError:
        return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The harness logs and draws bars; only the command line may write."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _manager(folder: Path | None) -> Any:
    if folder is not None and not folder.is_dir():
        raise InputError(f"{folder} is no folder of task files of the harness")
    with _quiet():
        try:
            from lm_eval.tasks import TaskManager
        except ImportError as error:
            raise InputError("tasks of lm-evaluation-harness need it: pip install lm-eval") from error
        return TaskManager(include_path=None if folder is None else str(folder))


Side = dict[str, tuple[str, dict[str, Any], list[tuple[str, str]], int]]
"""Number of the document in its split → the split, the document, its requests and the right one."""


def _documents(manager: Any, name: str, shots: int | None, seed: int) -> Side:
    """The documents of a task in its validation and test splits."""
    with _quiet():
        task = from_datasets(
            lambda _: manager.load(name)["tasks"][name],
            lambda error: f"the harness cannot load {name}: {' '.join(str(error).split())}",
        )
        if task.OUTPUT_TYPE != "multiple_choice" or getattr(task, "multiple_input", False):
            kind = "several prompts" if task.OUTPUT_TYPE == "multiple_choice" else task.OUTPUT_TYPE
            raise InputError(
                f"{name} of the harness ({kind}) cannot be swept: only multiple_choice with one prompt can"
            )
        count = (task.config.num_fewshot or 0) if shots is None else shots
        side: Side = {}
        for part in _SPLITS:
            task.set_fewshot_seed(seed)  # the harness draws for the documents of one part, in their order
            if getattr(task, f"has_{part}_docs")():
                for number, doc in enumerate(getattr(task, f"{part}_docs")()):
                    side[f"{part}-{number}"] = (part, doc, *_asked(task, name, doc, count))
    if not side:
        raise InputError(f"{name} of the harness has neither validation nor test documents")
    return side


def _asked(task: Any, name: str, doc: Mapping[str, Any], shots: int) -> tuple[list[tuple[str, str]], int]:
    """The requests of a document, one for each choice, and the number of the right one."""
    context = task.fewshot_context(doc, num_fewshot=shots, gen_prefix=task.doc_to_prefix(doc))
    choices = task.doc_to_choice(doc)
    requests = task.construct_requests(doc=doc, ctx=context, metadata=(name, 0, 1))[: len(choices)]
    right = task.doc_to_target(doc)
    right = choices.index(right) if isinstance(right, str) and right in choices else right
    if not isinstance(right, int):
        raise InputError(f"{name} of the harness has items with several right answers: not supported")
    texts = [_moved(*request.args[:2]) for request in requests]
    return (texts if any(context for context, _ in texts) else _divided(name, texts)), right


def _divided(name: str, texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of choices without a context: what all begin with, up to a blank, is the context."""
    whole = [choice for _, choice in texts]
    shortest = min(whole, key=len)
    shared = next((n for n in range(len(shortest)) if len({text[n] for text in whole}) > 1), len(shortest))
    ends = [
        n
        for n in range(1, shared + 1)
        if shortest[:n].strip() and all(text[n : n + 1].isspace() for text in whole)
    ]
    if not ends:
        raise InputError(
            f"{name} of the harness has items without a context, whose choices share no beginning"
        )
    end = ends[-1]
    return [(text[:end], text[end:]) for text in whole]


def _moved(context: str, continuation: str) -> tuple[str, str]:
    """Spaces at the end of the context belong to the continuation, as the harness tokenises them."""
    end = len(context.rstrip())
    return context[:end], context[end:] + continuation


def _joined(name: str, own: str, sides: Mapping[str, Side], seed: int, lacking: Sequence[str]) -> ChoiceTask:
    """One task of all languages, whose items are checked to be parallel."""
    first, field = sides[own], _shared_id(sides)
    part_of = {key: part for key, (part, *_) in first.items()}
    split_of, notes = parts_or_halves(part_of, _SPLITS, seed)
    examples: list[Example] = []
    for language, side in sides.items():
        placed = _placed(name, own, language, first, side, field)
        for key, (_, _, requests, right) in placed.items():
            if len({context for context, _ in requests}) != 1:
                raise InputError(f"{name} of the harness has a prompt for each choice: not supported")
            prompt, choices = requests[0][0], tuple(choice for _, choice in requests)
            examples.append(Example(key, prompt, choices, right, language, split_of[key]))
    paired = f"items paired by {field!r}" if field else "items paired by their order"
    about = [paired] if len(sides) > 1 else []
    if name.startswith("xcopa"):
        about.append("the harness reads XCOPA's question field as published, with its known errors")
    return ChoiceTask(f"lm_eval-{name}", tuple(examples), notes=(*notes, *lacking, *about))


def _shared_id(sides: Mapping[str, Side]) -> str | None:
    """A field that names each document once, with the same values in all languages."""
    for field in _IDS:
        values = [
            [(part, str(doc.get(field))) for part, doc, *_ in side.values() if field in doc]
            for side in sides.values()
        ]
        whole = all(len(v) == len(side) for v, side in zip(values, sides.values(), strict=True))
        if whole and all(len(set(v)) == len(v) and set(v) == set(values[0]) for v in values):
            return field
    return None


def _placed(name: str, own: str, language: str, first: Side, side: Side, field: str | None) -> Side:
    """The documents of a side under the names of those of the first, once they are seen to be parallel."""
    if field:
        at = {(part, str(doc[field])): key for key, (part, doc, *_) in first.items()}
        side = {at[part, str(doc[field])]: value for value in side.values() for part, doc in [value[:2]]}
    if set(side) != set(first):
        raise InputError(
            f"{name} is not parallel in {own} and {language}: {len(first)} and {len(side)} documents"
        )
    differ = [k for k in first if (first[k][3], len(first[k][2])) != (side[k][3], len(side[k][2]))]
    if len(differ) > _DIFFER * len(first):
        raise InputError(
            f"{name} is not parallel in {own} and {language}: {len(differ)} of {len(first)} items have "
            f"another right answer or number of choices, such as {differ[0]}"
        )
    return {key: side[key] for key in first}
