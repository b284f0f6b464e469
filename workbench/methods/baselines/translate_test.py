"""Baselines that answer a translation of the item, and tables of translations."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.core.errors import NotApplicable, StoreError, TextError, quoted
from workbench.core.reading import user_path
from workbench.core.store import digest_json, read_json, write_json
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
from workbench.tasks.records import read_objects, read_table

# Translate, then answer: by a table of translations from outside, or by the model itself.


log = logging.getLogger(__name__)

_BATCH = 64


def _from_table(study: LanguagePair, wording: Wording) -> list[Variant]:
    if wording.translations is None:
        raise NotApplicable("no table of translations was given (--translations)")
    items = _judged(study)
    missing = [item.id for item in items if item.id not in wording.translations]
    if missing:
        raise NotApplicable(f"the table of translations lacks {len(missing)} items, such as {missing[0]!r}")
    task = _asked(study, {item.id: wording.translations[item.id] for item in items}, "translated")
    return [Variant("table", task, cost=Cost(translations=len(items)))]


def _oracle(study: LanguagePair, wording: Wording) -> list[Variant]:
    there, items = parallel_items(study), _judged(study)
    if missing := [item.id for item in items if item.id not in there]:
        raise NotApplicable(f"{study.task.name} has no item {missing[0]!r} in {study.target}")
    task = _asked(study, {item.id: there[item.id].prompt for item in items}, "oracle")
    return [Variant(f"the data's own {study.target} side", task, cost=Cost(translations=len(items)))]


def _by_itself(study: LanguagePair, wording: Wording) -> list[Variant]:
    items = _judged(study)
    prompts = [wording.to_translate(item, study.source, study.target) for item in items]
    ids = study.model.tokens.encode(prompts)
    kept = _translations(study, wording, prompts, ids)
    texts = {item.id: wording.from_translation(item, text) for item, text in zip(items, kept, strict=True)}
    empty = [item.id for item, text in zip(items, kept, strict=True) if not text]
    # A model that says nothing is asked the item as it is, which is what one would do.
    own = {item.id: item.prompt for item in items}
    task = _asked(study, texts | {name: own[name] for name in empty}, "self-translated")
    said = sum(map(len, study.model.tokens.encode(kept))) if any(kept) else 0
    asked = sum(map(len, study.model.tokens.encode([task.by_id(study.source)[i.id].prompt for i in items])))
    tokens = (sum(map(len, ids)) + said + asked) / len(items)
    return [Variant("the model itself", task, cost=Cost(item_tokens=tokens))]


def _translations(
    study: LanguagePair, wording: Wording, prompts: list[str], ids: list[list[int]]
) -> list[str]:
    """What the model makes of each prompt, kept in the study's folder."""
    facts = {"weights": study.model.weights_digest, "prompts": prompts, "until": wording.until}
    path = study.folder / "compare" / "translations" / f"{digest_json(facts)[:16]}.json"
    if path.exists():
        try:
            return list(read_json(path)["translations"])
        except StoreError:
            log.warning("%s is damaged: translated again", path)
    model, decode = study.model, study.model.tokens.decode
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    texts = [""] * len(ids)
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        batch = model.batch([ids[i] for i in part], padding="left")
        found = model.generate(batch, wording.longest, lambda said: wording.until in decode(said).lstrip())
        for i, said in zip(part, found, strict=True):
            texts[i] = decode(said).strip().partition(wording.until)[0].strip()
        study.progress("translate", start + len(part), len(order))
    write_json(path, {"translations": texts})
    return texts


def _judged(study: LanguagePair) -> list[Any]:
    """The source items of dev and test."""
    return [
        item for item in task_of(study).all if item.language == study.source and item.split in ("dev", "test")
    ]


def _asked(study: LanguagePair, prompts: Mapping[str, str], word: str) -> AnyTask:
    """The task with other prompts for source items; their choices stay what they are."""
    task = task_of(study)
    items = (
        replace(item, prompt=prompts[item.id])
        if item.language == study.source and item.id in prompts
        else item
        for item in task.all
    )
    return with_items(task, items, word)


TRANSLATE_ORACLE = Baseline(
    "translate_oracle",
    "translate, then answer (oracle)",
    "the data set's own parallel side as a flawless translation of the prompt; the choices stay as they are",
    _oracle,
)
TRANSLATE_TABLE = Baseline(
    "translate_table",
    "translate, then answer (table)",
    "items translated from outside; the choices stay as they are",
    _from_table,
)
TRANSLATE_SELF = Baseline(
    "translate_self",
    "translate, then answer (the model itself)",
    "the model translates the item greedily, and answers its own translation",
    _by_itself,
)


# Translations from outside, as a table: what `translate_table` asks instead of the items.


def read_translations(path: str | Path) -> dict[str, str]:
    """The main-language prompt of each item by its id: `.tsv` or `.jsonl` with the columns id and prompt."""
    path = user_path(path)
    if path.name.lower().endswith(".jsonl"):
        rows = [(row.line, row.text("id"), row.text("prompt")) for row in read_objects(path)]
    else:
        rows = [
            (row.line, row.fields["id"], row.fields["prompt"])
            for row in read_table(path, ("id", "prompt"), "a table of translations")
        ]
    found: dict[str, str] = {}
    for line, name, prompt in rows:
        if name in found:
            raise TextError(f"item {quoted(name)} is translated twice: keep one", path, line)
        if not prompt.strip():
            raise TextError(
                f"the translation of {quoted(name)} is empty: fill it in, or leave out the row", path, line
            )
        found[name] = prompt
    return found
