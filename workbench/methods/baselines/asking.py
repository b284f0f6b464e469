"""What a baseline is, and those that ask in another way: other languages and prompts, shots, translations."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from pathlib import Path
from typing import Any, ClassVar, cast

from workbench.core.errors import InputError, NotApplicable, StoreError, TextError, quoted
from workbench.core.languages import name_of
from workbench.core.reading import user_path
from workbench.core.store import digest_json, read_json, write_json
from workbench.core.types import ComparedBy
from workbench.methods.base import Cost, Family, LanguagePair, Method, count_tokens
from workbench.models import LanguageModel
from workbench.organism.config import WorldConfig
from workbench.organism.world import ASKED, MARK, STOP, item_prompt, translation_prompt
from workbench.tasks import AnswerTask, ChoiceTask, same_items, with_shots
from workbench.tasks.prompts import fill
from workbench.tasks.records import read_objects, read_table

log = logging.getLogger(__name__)

BATCH = 64
"""Prompts that are translated at once."""
OWN, MAIN = "own", "main"
"""The language of solved items: the item's own, or the main one."""


AnyTask = ChoiceTask | AnswerTask

TEMPLATES = (
    "{prompt}",
    "Question: {prompt}",
    "{prompt}\n",
    "Answer the following.\n\n{prompt}",
    "Think of it in {target}. {prompt}",
)
"""Prompts to search among where the user gives none; `{target}` is the target language's English name."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One way of asking: the task as it is put, and the model it is put to."""

    name: str
    task: AnyTask
    model: LanguageModel | None = None
    """Another than the study's own."""
    cost: Cost = field(default_factory=Cost)
    by: ComparedBy | None = None
    """What choices are compared by, if not by what the study says."""


@dataclass(frozen=True)
class Wording:
    """How a task is put into words by baselines; `organism_wording` has the organism's."""

    between: str = "\n\n"
    """What stands between shots."""
    templates: Sequence[str] = TEMPLATES
    shots: Sequence[int] = (1, 2, 4)
    seeds: int = 3
    to_translate: Callable[[Any, str, str], str] = lambda item, source, target: (
        f"{name_of(source)}: {item.prompt}\n{name_of(target)}:"
    )
    """The item, the source and the target language → what asks for the item's translation."""
    from_translation: Callable[[Any, str], str] = lambda item, text: text
    """The item and its translation → the prompt in the target language."""
    until: str = "\n"
    """Where a translation ends."""
    longest: int = 128
    """Most tokens of a translation."""
    translations: Mapping[str, str] | None = None
    """A prompt in the target language for each item, by its name: from a translator outside."""
    instructed: AnyTask | None = None
    """The same items with instructions in the target language, where the study's are in another."""


@dataclass(frozen=True)
class Baseline(Method):
    """One method: its variants are scored on dev, and the best one is judged on test."""

    about: str
    variants: Callable[[LanguagePair, Wording], list[Variant]]
    """May raise `NotApplicable`."""
    family: ClassVar[Family] = "baseline"


def task_of(pair: LanguagePair) -> AnyTask:
    """The pair's task, whose items must be at hand to be asked in other words."""
    if not isinstance(pair.task, ChoiceTask | AnswerTask):
        raise InputError(f"{pair.task.name}: only a ChoiceTask or AnswerTask can be asked in other words")
    return pair.task


def with_items(pair: LanguagePair, items: Mapping[str, Any], word: str) -> AnyTask:
    """The task with other items of the source language, given by id, under a name that says so."""
    task: Any = task_of(pair)  # one call for both kinds of task
    changed = (items.get(item.id, item) if item.language == pair.source else item for item in task.all)
    return cast(AnyTask, replace(task, name=f"{task.name}-{word}", all=tuple(changed)))


def parallel_items(pair: LanguagePair, needed: Iterable[str] = ()) -> Mapping[str, Any]:
    """The task's items in the target language by id; each of the `needed` ids must have one."""
    task = task_of(pair)
    if pair.target not in task.languages:
        raise NotApplicable(f"{task.name} is not asked in {pair.target}")
    parallel = task.by_id(pair.target)
    if missing := [name for name in needed if name not in parallel]:
        raise NotApplicable(f"{task.name} has no item {missing[0]!r} in {pair.target}")
    return parallel


def as_it_is(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """The items as they are: what every other method is held against."""
    return [Variant("as it is", task_of(pair))]


def in_target_language(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """The parallel items: the accuracy that nothing but another language is away."""
    own = [item.id for item in task_of(pair).all if item.language == pair.source]
    parallel = parallel_items(pair, own)
    items = {name: replace(parallel[name], language=pair.source) for name in own}
    return [Variant(f"asked in {pair.target}", with_items(pair, items, "target_language"))]


def with_main_instructions(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """Instructions in the target language, the item in its own."""
    task = wording.instructed
    if task is None:
        raise NotApplicable(f"{pair.task.name} has no instruction, or already one in {pair.target}")
    for split in ("dev", "test"):
        if not same_items(task.examples(pair.source, split), pair.task.examples(pair.source, split)):  # type: ignore[type-var]
            raise NotApplicable(f"{task.name} with instructions in {pair.target} has other {split} items")
    return [Variant(f"instruction in {pair.target}", task)]


def with_templates(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """Every prompt inside a template; dev searches among the templates."""
    task: Any = task_of(pair)  # one call for both kinds of task
    main = name_of(pair.target)

    def within(item: Any, template: str) -> Any:
        return replace(item, prompt=fill(template, item.language, {"target": main, "prompt": item.prompt}))

    return [
        Variant(repr(template), replace(task, all=tuple(within(item, template) for item in task.all)))
        for template in wording.templates
    ]


def with_solved_items(pair: LanguagePair, wording: Wording, languages: Sequence[str]) -> list[Variant]:
    """In-context learning: solved items before each one, in the target language, in its own, or in turn."""
    task = task_of(pair).only([pair.source, pair.target]) if MAIN in languages else task_of(pair)
    sides = [None if language == OWN else pair.target for language in languages]
    room = pair.model.info.n_ctx or float("inf")
    variants = []
    for n in wording.shots:
        if n < len(sides):
            continue  # one shot cannot be mixed
        for seed in range(wording.seeds):
            try:
                solved = with_shots(task, n, pair.seed + seed, wording.between, sides)
            except InputError as error:
                raise NotApplicable(str(error)) from error
            if _longest(pair, solved) <= room:
                variants.append(Variant(f"{n} shots, seed {seed}", solved, cost=Cost(labels=n)))
    if not variants:
        raise NotApplicable(f"no prompt with shots fits into {pair.model.info.n_ctx} tokens")
    return variants


def _longest(pair: LanguagePair, task: AnyTask) -> int:
    """Tokens of the longest item with its longest choice, among those of most characters."""
    items = [item for split in ("dev", "test") for item in task.examples(pair.source, split)]
    texts = [item.prompt + max(getattr(item, "choices", ("",)), key=len) for item in items]
    return max(map(len, pair.model.tokens.encode(nlargest(50, texts, key=len))), default=0)


def by_prototypes(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """Transfer without training: classes learned from target-language items, by nearest prototype."""
    task = task_of(pair)
    parallel_items(pair)
    learned = task.examples(pair.target, "fit")
    if not isinstance(task, ChoiceTask) or not learned:
        raise NotApplicable(f"{task.name} has no fit items with choices in {pair.target} to learn from")
    items: list[Any] = [*learned, *task.examples(pair.source, "test"), *task.examples(pair.source, "dev")]
    sizes = {len(item.choices) for item in items}
    if len(sizes) > 1 or len({item.choices for item in items if item.language == pair.target}) > 1:
        raise NotApplicable(f"the items of {task.name} do not share their choices: there are no classes")
    tokens = count_tokens(pair.model, (item.prompt for item in learned))
    cost = Cost(parameters=sizes.pop() * pair.model.info.d_model, fit_tokens=tokens, labels=len(learned))
    return [Variant("nearest prototype", task, cost=cost, by="prototype")]


def by_table(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """Items translated from outside."""
    if wording.translations is None:
        raise NotApplicable("no table of translations was given (--translations)")
    items = _judged_items(pair)
    if missing := [item.id for item in items if item.id not in wording.translations]:
        raise NotApplicable(f"the table of translations lacks {len(missing)} items, such as {missing[0]!r}")
    task = _with_prompts(pair, items, wording.translations, "translated")
    return [Variant("table", task, cost=Cost(translations=len(items)))]


def by_parallel_side(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """The data set's own parallel side as a flawless translation of the prompt."""
    items = _judged_items(pair)
    parallel = parallel_items(pair, [item.id for item in items])
    task = _with_prompts(pair, items, {name: item.prompt for name, item in parallel.items()}, "oracle")
    return [Variant(f"the data's own {pair.target} side", task, cost=Cost(translations=len(items)))]


def by_the_model(pair: LanguagePair, wording: Wording) -> list[Variant]:
    """The model translates the item greedily, and answers its own translation."""
    items = _judged_items(pair)
    prompts = [wording.to_translate(item, pair.source, pair.target) for item in items]
    texts = _translations(pair, wording, prompts)
    # A model that says nothing is asked the item as it is, which is what one would do.
    asked = {
        item.id: wording.from_translation(item, text) if text else item.prompt
        for item, text in zip(items, texts, strict=True)
    }
    tokens = count_tokens(pair.model, [*prompts, *asked.values(), *(texts if any(texts) else ())])
    task = _with_prompts(pair, items, asked, "self-translated")
    return [Variant("the model itself", task, cost=Cost(item_tokens=tokens / len(items)))]


def _translations(pair: LanguagePair, wording: Wording, prompts: list[str]) -> list[str]:
    """What the model makes of each prompt, kept in the pair's folder."""
    facts = {"weights": pair.model.weights_digest, "prompts": prompts, "until": wording.until}
    path = pair.folder / "compare" / "translations" / f"{digest_json(facts)[:16]}.json"
    if path.exists():
        try:
            return list(read_json(path)["translations"])
        except StoreError:
            log.warning("%s is damaged: translated again", path)
    model, decode = pair.model, pair.model.tokens.decode
    ids = model.tokens.encode(prompts)
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    texts = [""] * len(ids)
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        batch = model.batch([ids[i] for i in part], padding="left")
        answers = model.generate(batch, wording.longest, lambda ids: wording.until in decode(ids).lstrip())
        for i, answer in zip(part, answers, strict=True):
            texts[i] = decode(answer).strip().partition(wording.until)[0].strip()
        pair.progress("translate", start + len(part), len(order))
    write_json(path, {"translations": texts})
    return texts


def _judged_items(pair: LanguagePair) -> list[Any]:
    """The source items of dev and test."""
    return [
        item for item in task_of(pair).all if item.language == pair.source and item.split in ("dev", "test")
    ]


def _with_prompts(pair: LanguagePair, items: Sequence[Any], prompts: Mapping[str, str], word: str) -> AnyTask:
    """The task with other prompts for these items; their choices stay what they are."""
    return with_items(pair, {item.id: replace(item, prompt=prompts[item.id]) for item in items}, word)


def read_translations(path: str | Path) -> dict[str, str]:
    """Target-language prompts of the items by id: `.tsv` or `.jsonl` with the columns id and prompt."""
    path = user_path(path)
    if path.name.lower().endswith(".jsonl"):
        rows = [(row.line, row.text("id"), row.text("prompt")) for row in read_objects(path)]
    else:
        table = read_table(path, ("id", "prompt"), "a table of translations")
        rows = [(row.line, row.fields["id"], row.fields["prompt"]) for row in table]
    translations: dict[str, str] = {}
    for line, name, prompt in rows:
        if name in translations:
            raise TextError(f"item {quoted(name)} is translated twice: keep one", path, line)
        if not prompt.strip():
            raise TextError(
                f"the translation of {quoted(name)} is empty: fill it in, or leave out the row", path, line
            )
        translations[name] = prompt
    return translations


def organism_wording(config: WorldConfig) -> Wording:
    """The organism's words: shots behind full stops, translations as it has read them, signs it knows."""
    main, words = config.main.code, len(config.main.order)

    def to_translate(item: Any, source: str, target: str) -> str:
        sentence = [word for word in item.prompt.split() if word not in (ASKED, MARK)]
        return translation_prompt(sentence, target)

    def from_translation(item: Any, text: str) -> str:
        # The model goes on with an answer or another sentence: of its translation only the first counts.
        prompt = item_prompt(text.split()[:words], config.last_token)
        return f"{ASKED} {prompt}" if item.prompt.startswith(ASKED) else prompt

    return Wording(
        between=f" {STOP} ",
        templates=("{prompt}", f"{STOP} {{prompt}}", f"<{main}> {{prompt}}", f"<{main}> {STOP} {{prompt}}"),
        shots=(1, 2),
        to_translate=to_translate,
        from_translation=from_translation,
        until=STOP,
        longest=12,
    )
