"""Tasks of lm-evaluation-harness: its documents, prompts, few-shot examples, filters and metrics.

A task of the harness is in one language. Those of a family (`xcopa_sw`, `xcopa_vi` …) are found by their
names, and their documents are paired by an id that both have, else by their order.
"""

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import from_datasets
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName
from workbench.tasks.prompts import parts_or_halves
from workbench.tasks.scoring import GREEDY, Scorer, answer_number, check_scorer

_IDS = ("id", "idx", "question_id", "qid", "doc_id", "index_id")
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
_NEW_TOKENS = 256
"""The most tokens that the harness generates, where a task does not say."""
_SCORED = "lm_eval:"


def read_lm_eval(
    path: str,
    languages: Iterable[str] | None = None,
    shots: int | None = None,
    shots_seed: int = 1234,
    seed: int = 0,
) -> ChoiceTask | AnswerTask:
    """Read `TASK` of the harness, or `FOLDER/TASK` with the task's YAML file in a folder of your own.

    `languages` are those whose tasks are read too, if the harness has them; without, the task alone. `shots`
    is the number of few-shot examples, by default what the task's own file says; they are drawn with
    `shots_seed`, by default the harness's own. `seed` cuts a task with one part into dev and test.
    """
    manager, name, family = _family(str(path))
    own = next((language for language, task in family.items() if task == name), None)
    wanted = dict.fromkeys([own] if languages is None else [canonical(code) for code in languages])
    chosen = {code: family[code] for code in wanted if code in family} if own else {}
    if own is None:
        raise InputError(f"no language is named in {quoted(name)}: name a task such as xcopa_sw or xnli_sw")
    if own not in chosen:
        raise InputError(f"{quoted(name)} is in {own}, which is not among {', '.join(map(str, wanted))}")
    sides = {code: _documents(manager, task, shots, shots_seed) for code, task in chosen.items()}
    lacking = [f"the harness has no {code} items" for code in wanted if code not in chosen]
    return _joined(str(path), own, sides, seed, lacking)


def _family(path: str) -> tuple[Any, str, dict[str, str]]:
    """The harness's tasks, the name of this one, and those of its languages."""
    folder, _, name = path.rpartition("/")
    manager = _manager(Path(folder) if folder else None)
    known = list(manager.all_subtasks)
    if name not in known:
        raise InputError(f"the harness has no task {quoted(name)}: {did_you_mean(name, known)}")
    return manager, name, language_family(name, known)


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


class Document(NamedTuple):
    """A document of the harness as an item."""

    part: str
    fields: dict[str, Any]
    item: dict[str, Any]
    """The fields of an `Example`, or of an `AnswerExample`."""
    generation: dict[str, Any]
    """How its answer is generated."""


Side = dict[str, Document]
"""The documents of one language, by the number of each in its split."""


def _load(manager: Any, name: str) -> Any:
    return from_datasets(
        lambda _: manager.load(name)["tasks"][name],
        lambda error: f"the harness cannot load {name}: {' '.join(str(error).split())}",
    )


def _documents(manager: Any, name: str, shots: int | None, seed: int) -> Side:
    """The documents of a task in its validation and test splits."""
    with _quiet():
        task = _load(manager, name)
        if task.OUTPUT_TYPE not in _KINDS or getattr(task, "multiple_input", False):
            kind = "several prompts" if task.OUTPUT_TYPE in _KINDS else task.OUTPUT_TYPE
            raise InputError(
                f"{name} of the harness ({kind}) cannot be swept: only multiple_choice with one prompt, "
                "generate_until and loglikelihood can"
            )
        asked = _KINDS[task.OUTPUT_TYPE]
        count = (task.config.num_fewshot or 0) if shots is None else shots
        side: Side = {}
        for part in _SPLITS:
            task.set_fewshot_seed(seed)  # the harness draws for the documents of one part, in their order
            if getattr(task, f"has_{part}_docs")():
                for number, doc in enumerate(getattr(task, f"{part}_docs")()):
                    context = task.fewshot_context(doc, num_fewshot=count, gen_prefix=task.doc_to_prefix(doc))
                    side[f"{part}-{number}"] = Document(part, doc, *asked(task, name, doc, context))
    if not side:
        raise InputError(f"{name} of the harness has neither validation nor test documents")
    return side


Asked = tuple[dict[str, Any], dict[str, Any]]
"""The fields of an item, and how its answer is generated."""


def _choices(task: Any, name: str, doc: Mapping[str, Any], context: str) -> Asked:
    choices = task.doc_to_choice(doc)
    requests = task.construct_requests(doc=doc, ctx=context, metadata=(name, 0, 1))[: len(choices)]
    right = task.doc_to_target(doc)
    right = choices.index(right) if isinstance(right, str) and right in choices else right
    if not isinstance(right, int):
        raise InputError(f"{name} of the harness has items with several right answers: not supported")
    texts = [_moved(*request.args[:2]) for request in requests]
    texts = texts if any(before for before, _ in texts) else _divided(name, texts)
    if len({before for before, _ in texts}) != 1:
        raise InputError(f"{name} of the harness has a prompt for each choice: not supported")
    return {"prompt": texts[0][0], "choices": tuple(text for _, text in texts), "answer": right}, {}


def _answers(task: Any, name: str, doc: Mapping[str, Any], context: str) -> Asked:
    request = task.construct_requests(doc=doc, ctx=context, metadata=(name, 0, 1))
    prompt, how = request.args[:2]
    if callable(task.config.process_results):
        raise InputError(f"{name} of the harness scores answers by code of its own: not supported")
    gold = task.doc_to_target(doc)
    if task.config.doc_to_choice is not None:
        gold = task.doc_to_choice(doc)[gold]
    answers = tuple(map(str, gold)) if isinstance(gold, list) else (str(gold),)
    _score(task, name, answers[0], answers)
    until = how.get("until") or ()
    until = (until,) if isinstance(until, str) else tuple(until)
    generation = {"until": until, "max_new_tokens": how.get("max_gen_toks", _NEW_TOKENS)}
    return {"prompt": prompt, "answers": answers}, {**generation, "sampled": bool(how.get("do_sample"))}


def _continuation(task: Any, name: str, doc: Mapping[str, Any], context: str) -> Asked:
    request = task.construct_requests(doc=doc, ctx=context, metadata=(name, 0, 1))
    prompt, answer = _moved(*request.args[:2])
    return {"prompt": prompt, "answers": (answer,)}, {"scorer": GREEDY, "until": (), "max_new_tokens": None}


_KINDS = {"multiple_choice": _choices, "generate_until": _answers, "loglikelihood": _continuation}
"""Output types of the harness that can be swept."""


def _score(task: Any, name: str, text: str, answers: Sequence[str]) -> float:
    """The first metric of the task, on what its first filter leaves of a text."""
    from lm_eval.api.instance import Instance

    gold = list(answers) if task.multiple_target else answers[0]
    request = Instance("generate_until", {}, (), 0, resps=[text])
    scored = copy(task)
    scored._instances = [request]
    scored.doc_to_target, scored.doc_to_choice = (lambda *_: gold), (lambda *_: {gold: gold})
    scored.apply_filters()
    values = scored.process_results({}, [next(iter(request.filtered_resps.values()))])
    metric, value = next(iter(values.items()))
    try:
        return float(value)
    except TypeError:
        reason = f"{name} of the harness: {metric} is no number of one item: not supported"
        raise InputError(reason) from None


@cache
def _harness_scorer(path: str) -> Scorer:
    manager, _, family = _family(path)

    @cache
    def task_in(language: str) -> Any:
        with _quiet():
            return _load(manager, family[language])

    return lambda text, answers, language: _score(task_in(language), family[language], text, answers)


def find_scorer(name: str) -> Scorer:
    """The score of generated answers with this name; `lm_eval:TASK` is that of a task of the harness."""
    return _harness_scorer(name.removeprefix(_SCORED)) if name.startswith(_SCORED) else check_scorer(name)


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


def _joined(
    path: str, own: str, sides: Mapping[str, Side], seed: int, lacking: Sequence[str]
) -> ChoiceTask | AnswerTask:
    """One task of all languages, whose items are checked to be parallel."""
    name = path.rpartition("/")[2]
    first, field = sides[own], _shared_id(sides)
    part_of = {key: document.part for key, document in first.items()}
    split_of, notes = parts_or_halves(part_of, _SPLITS, seed)
    items = [
        {"id": key, "language": language, "split": split_of[key], **document.item}
        for language, side in sides.items()
        for key, document in _placed(name, own, language, first, side, field).items()
    ]
    paired = f"items paired by {field!r}" if field else "items paired by their order"
    about = [paired] if len(sides) > 1 else []
    if name.startswith("xcopa"):
        about.append("the harness reads XCOPA's question field as published, with its known errors")
    known: dict[str, Any] = {"name": f"lm_eval-{name}", "notes": (*notes, *lacking, *about)}
    if "choices" in items[0]:
        return ChoiceTask(all=tuple(Example(**item) for item in items), **known)
    how = {language: next(iter(side.values())).generation for language, side in sides.items()}
    if any(one.get("sampled") for one in how.values()):
        known["notes"] += ("the harness draws answers at random; here the likeliest tokens are generated",)
    return AnswerTask(
        all=tuple(AnswerExample(**item) for item in items),
        scorer=how[own].get("scorer", f"{_SCORED}{path}"),
        until={language: one["until"] for language, one in how.items()},
        max_new_tokens=max((one["max_new_tokens"] for one in how.values()), key=lambda most: most or 0),
        **known,
    )


def _shared_id(sides: Mapping[str, Side]) -> str | None:
    """A field that names each document once, with the same values in all languages."""
    for field in _IDS:
        values = [
            [(one.part, str(one.fields.get(field))) for one in side.values() if field in one.fields]
            for side in sides.values()
        ]
        whole = all(len(v) == len(side) for v, side in zip(values, sides.values(), strict=True))
        if whole and all(len(set(v)) == len(v) and set(v) == set(values[0]) for v in values):
            return field
    return None


def _placed(name: str, own: str, language: str, first: Side, side: Side, field: str | None) -> Side:
    """The documents of a side under the names of those of the first, once they are seen to be parallel."""
    if field:
        at = {(one.part, str(one.fields[field])): key for key, one in first.items()}
        side = {at[one.part, str(one.fields[field])]: one for one in side.values()}
    if set(side) != set(first):
        raise InputError(
            f"{name} is not parallel in {own} and {language}: {len(first)} and {len(side)} documents"
        )
    differ = [key for key in first if _key_of(first[key]) != _key_of(side[key])]
    if len(differ) > _DIFFER * len(first):
        raise InputError(
            f"{name} is not parallel in {own} and {language}: {len(differ)} of {len(first)} items have "
            f"another right answer or number of choices, such as {differ[0]}"
        )
    return {key: side[key] for key in first}


def _key_of(document: Document) -> tuple[Any, ...]:
    """What parallel items have in common: number of choices and right one, or a number as the answer."""
    item = document.item
    if "choices" in item:
        return len(item["choices"]), item["answer"]
    return tuple(answer_number(answer) for answer in item["answers"][:1])
