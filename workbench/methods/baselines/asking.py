"""Baselines that ask in another way: directly, in the target language, other prompts, solved items."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from workbench.core.errors import InputError, NotApplicable
from workbench.core.languages import name_of
from workbench.methods.base import Cost, LanguagePair
from workbench.methods.baselines.base import (
    AnyTask,
    Baseline,
    Variant,
    Wording,
    parallel_items,
    task_of,
    with_items,
)
from workbench.organism.config import WorldConfig
from workbench.organism.world import ASKED, MARK, STOP, item_prompt, translation_prompt
from workbench.tasks import ChoiceTask, same_items, with_shots
from workbench.tasks.prompts import fill

# The items as they are: what every other method is held against.


def _as_they_are(study: LanguagePair, wording: Wording) -> list[Variant]:
    return [Variant("as it is", task_of(study))]


DIRECT = Baseline("direct", "direct inference", "the item in its own language, nothing done", _as_they_are)


# The parallel item in the main language: the accuracy that nothing but another language is away.


def _in_main(study: LanguagePair, wording: Wording) -> list[Variant]:
    there, task = parallel_items(study), task_of(study)
    asked = []
    for item in task.all:
        if item.language == study.source and item.id not in there:
            raise NotApplicable(f"{task.name} has no item {item.id!r} in {study.target}")
        asked.append(
            replace(there[item.id], language=study.source) if item.language == study.source else item
        )
    return [Variant(f"asked in {study.target}", with_items(task, asked, "target_language"))]


TARGET_LANGUAGE = Baseline(
    "target_language",
    "the same items in the target language",
    "the parallel item in the main language, choices and all",
    _in_main,
)


# Other prompts: instructions in the main language, and a search among templates on dev.


def _instructed(study: LanguagePair, wording: Wording) -> list[Variant]:
    task = wording.instructed
    if task is None:
        raise NotApplicable(f"{study.task.name} has no instruction, or already one in {study.target}")
    for split in ("dev", "test"):
        if not same_items(task.examples(study.source, split), study.task.examples(study.source, split)):  # type: ignore[type-var]
            raise NotApplicable(f"{task.name} with instructions in {study.target} has other {split} items")
    return [Variant(f"instruction in {study.target}", task)]


def _searched(study: LanguagePair, wording: Wording) -> list[Variant]:
    task = task_of(study)
    return [
        Variant(repr(template), in_template(task, template, study.target)) for template in wording.templates
    ]


def in_template(task: AnyTask, template: str, target: str) -> AnyTask:
    """Every prompt inside the template."""
    values = {"target": name_of(target)}
    return with_items(
        task,
        (
            replace(item, prompt=fill(template, item.language, values | {"prompt": item.prompt}))
            for item in task.all
        ),
    )


PROMPT_TRANSLATION = Baseline(
    "prompt_translation",
    "prompt translation",
    "the instruction in the main language, the item in its own",
    _instructed,
)
PROMPT_SEARCH = Baseline(
    "prompt_search",
    "prompt search",
    "a pool of templates, of which dev chooses one",
    _searched,
)


# In-context learning: solved items before each one, in the main language, in its own, or in turn.


OWN, MAIN = "own", "main"


def _shown(study: LanguagePair, wording: Wording, languages: Sequence[str]) -> list[Variant]:
    task = task_of(study).only([study.source, study.target]) if MAIN in languages else task_of(study)
    sides = [None if language == OWN else study.target for language in languages]
    variants = []
    for n in wording.shots:
        if n < len(sides):
            continue  # one shot cannot be mixed
        for seed in range(wording.seeds):
            try:
                shown = with_shots(task, n, study.seed + seed, wording.between, sides)
            except InputError as error:
                raise NotApplicable(str(error)) from error
            if _longest(study, shown) > (study.model.info.n_ctx or float("inf")):
                continue
            variants.append(Variant(f"{n} shots, seed {seed}", shown, cost=Cost(labels=n)))
    if not variants:
        raise NotApplicable(f"no prompt with shots fits into {study.model.info.n_ctx} tokens")
    return variants


def _longest(study: LanguagePair, task: object) -> int:
    items = [
        item
        for split in ("dev", "test")
        for item in task.examples(study.source, split)  # type: ignore[attr-defined]
    ]
    ends = [max((len(choice) for choice in getattr(item, "choices", ())), default=0) for item in items]
    longest = sorted(zip(map(len, (i.prompt for i in items)), ends, range(len(items)), strict=True))[-50:]
    texts = [items[i].prompt + max(getattr(items[i], "choices", ("",)), key=len) for _, _, i in longest]
    return max(map(len, study.model.tokens.encode(texts)), default=0)


_ABOUT = "solved items before each one; how many and which, dev chooses"

SHOTS_MAIN = Baseline("shots_main", "shots in the main language", _ABOUT, partial(_shown, languages=(MAIN,)))
SHOTS_OWN = Baseline("shots_own", "shots in the item's language", _ABOUT, partial(_shown, languages=(OWN,)))
SHOTS_MIXED = Baseline(
    "shots_mixed", "shots in both languages in turn", _ABOUT, partial(_shown, languages=(MAIN, OWN))
)


# Cross-lingual transfer without training: classes learned from main-language items, by nearest prototype.


def _by_prototypes(study: LanguagePair, wording: Wording) -> list[Variant]:
    task = task_of(study)
    parallel_items(study)
    learned = task.examples(study.target, "fit")
    if not isinstance(task, ChoiceTask) or not learned:
        raise NotApplicable(f"{task.name} has no fit items with choices in {study.target} to learn from")
    asked: list[Any] = [*learned, *task.examples(study.source, "test"), *task.examples(study.source, "dev")]
    kinds = {len(item.choices) for item in asked}
    if len(kinds) > 1 or len({item.choices for item in asked if item.language == study.target}) > 1:
        raise NotApplicable(f"the items of {task.name} do not share their choices: there are no classes")
    tokens = sum(map(len, study.model.tokens.encode([item.prompt for item in learned])))
    cost = Cost(parameters=kinds.pop() * study.model.info.d_model, fit_tokens=tokens, labels=len(learned))
    return [Variant("nearest prototype", task, cost=cost, by="prototype")]


TRANSFER_PROTOTYPE = Baseline(
    "transfer_prototype",
    "cross-lingual transfer (nearest prototype)",
    "means of the model's last states of main-language items of each class; the nearest one answers",
    _by_prototypes,
)


# The organism's own words for asking otherwise: it reads nothing but its invented languages.


def organism_wording(config: WorldConfig) -> Wording:
    """Shots behind full stops, translations as the model has read them, templates of signs it knows."""
    main, words = config.main.code, len(config.main.order)

    def to_translate(item: Any, source: str, target: str) -> str:
        return translation_prompt(_sentence(item.prompt), target)

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


def _sentence(prompt: str) -> list[str]:
    return [word for word in prompt.split() if word not in (ASKED, MARK)]
