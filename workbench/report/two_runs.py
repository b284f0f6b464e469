"""Two runs side by side: their maps, and for each study in both the difference of the gains on test."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import between, interval_of, number, signed
from workbench.figures.markup import Child, Markup, count, records, table, tag
from workbench.figures.svg import interval_bar
from workbench.report.evidence import Columns, cells_of
from workbench.report.examples import turned
from workbench.report.heatmap import legend_of, reach_of, studies_by_layers
from workbench.report.page import cautions, document, row_head, section
from workbench.report.verdict import badge
from workbench.results import Part, Run
from workbench.stats import Interval, mean_interval, units_of, unpaired_interval

PAIRED = "paired"
UNPAIRED = "unpaired: other items"


@dataclass(frozen=True)
class Difference:
    """The gain in the second run minus that in the first, of a study that is in both."""

    gain: Interval
    how: str


def difference(first: Part, second: Part) -> Difference:
    """Paired over test items where both runs have the same, with the same prompts; else unpaired."""
    ours, theirs = _gains(first), _gains(second)
    if ours is None or theirs is None or not _same_items(first, second, ours, theirs):
        return Difference(unpaired_interval(_tested(second), _tested(first)), UNPAIRED)
    theirs = theirs.loc[ours.index]
    change = (theirs.gain - ours.gain).to_numpy()
    units = units_of(ours.group, map(str, ours.index))
    return Difference(mean_interval(change, units, _tested(first).level), PAIRED)


def _gains(part: Part) -> pd.DataFrame | None:
    """The gain of each test item, 1, 0 or −1, and its group; None where the items are not known."""
    best, sweep = part.headline, part.test_rows
    if best is None or sweep is None:
        return None
    if (items := turned(part)) is not None:
        gain = items.after.astype(float) - items.before.astype(float)
        return pd.DataFrame({"gain": gain, "group": items.group})
    clean = sweep[(sweep.language == part.source) & (sweep.aligner == "clean")]
    clean = clean.drop_duplicates("example").set_index("example")
    return pd.DataFrame({"gain": 0.0, "group": clean.get("group")}, index=clean.index)


def _same_items(first: Part, second: Part, ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    if set(ours.index) != set(theirs.index):
        return False
    prompts = [_prompts(part, ours.index) for part in (first, second)]
    return prompts[0] == prompts[1]


def _prompts(part: Part, examples: pd.Index) -> dict[str, str] | None:
    """What the items ask, as far as it was kept."""
    if part.items is None:
        return None
    own = part.items[(part.items.language == part.source) & (part.items.split == "test")]
    names = set(map(str, examples))
    return {str(row["example"]): str(row["prompt"]) for row in records(own) if str(row["example"]) in names}


def _tested(part: Part) -> Interval:
    """The gain on test, as the study judged it."""
    best = part.headline
    assert best is not None, "a study that is compared has a headline"
    level = float(best.level) if "level" in best and pd.notna(best.level) else 0.95
    return Interval(float(best.gain), float(best.gain_low), float(best.gain_high), level, int(best.n))


def compare(first: Run, second: Run) -> str:
    """Both runs as one HTML page."""
    runs = (first, second)
    for run in runs:
        if not any(part.finished for part in run.parts):
            raise InputError(f"{run.folder} has no verdicts: two runs are compared by their gains on test")
    names = _names(first, second)
    parts = [*first.parts, *second.parts]
    reach = reach_of(parts)
    maps = [
        tag("div", tag("h3", name), _map(run, reach, at * len(first.parts)))
        for at, (run, name) in enumerate(zip(runs, names, strict=True))
    ]
    sides = tag("div", *maps, class_="two")
    sections: list[Child] = [
        section("map", "Layers and verdicts of both runs", sides, legend_of(parts, reach), cautions(parts)),
        section("difference", "Difference of the gains on test", *_differences(first, second, names)),
    ]
    title = f"Two runs: {names[0]} and {names[1]}"
    header = tag("header", tag("h1", title), tag("p", " · ".join(map(_about, runs)), class_="muted"))
    titled = [
        (f"{name}: {part.title}", part) for run, name in zip(runs, names, strict=True) for part in run.parts
    ]
    return document(title, header, sections, titled)


def _names(first: Run, second: Run) -> tuple[str, str]:
    """The folders' names, with those above them where they are the same."""
    one, other = first.folder.resolve(), second.folder.resolve()
    depth = 1
    while one.parts[-depth:] == other.parts[-depth:] and depth < max(len(one.parts), len(other.parts)):
        depth += 1
    return "/".join(one.parts[-depth:]), "/".join(other.parts[-depth:])


def _about(run: Run) -> str:
    part = run.parts[0]
    seed = (part.about("settings") or {}).get("seed")
    studies = count(len(run.parts), "study", "studies")
    return f"{part.model or run.folder.name}{'' if seed is None else f', seed {seed}'}: {studies}"


def _map(run: Run, reach: float, first: int) -> Markup:
    tasks = {part.task for part in run.parts}
    labels = [row_head(run, part, len(tasks) > 1) for part in run.parts]
    beside = {"verdict": [badge(run, part) for part in run.parts]}
    return studies_by_layers(run.parts, labels, beside, reach, first)


def _differences(first: Run, second: Run, names: tuple[str, str]) -> list[Markup]:
    """A row for each pair and task that is finished in both runs."""
    others = {(part.pair, part.task): part for part in second.parts if part.finished}
    both = [
        (part, others[part.pair, part.task])
        for part in first.parts
        if part.finished and (part.pair, part.task) in others
    ]
    if not both:
        return [tag("p", "No pair and task has a verdict in both runs, so no difference is shown.")]
    found = [(one, other, difference(one, other)) for one, other in both]
    ends = [0.0, *(end for *_, one in found for end in (one.gain.low, one.gain.high))]
    rows = [
        {"pair": one, "other": other, "found": found, "ends": (min(ends), max(ends))}
        for one, other, found in found
    ]
    caption = (
        f"Gain on test in {names[1]} minus that in {names[0]}, with its 95 % interval; each interval alone, "
        "not corrected for their number. Paired: over the same test items. Unpaired: the runs have other "
        "test items, and the interval is made from those of both gains."
    )
    made = table(caption, *cells_of(_columns(names), rows), words=2, class_="differences")
    left = len(first.parts) + len(second.parts) - 2 * len(both)
    note = (
        f"{count(left, 'study is', 'studies are')} in one run alone or without a verdict." if left else None
    )
    return [made, tag("p", note, class_="muted")] if note else [made]


def _columns(names: tuple[str, str]) -> Columns:
    def both(cell: Any) -> Any:
        return lambda row: f"{cell(row['pair'].headline)} → {cell(row['other'].headline)}"

    def gain(side: str) -> Any:
        return lambda row: interval_of(row[side].headline, "gain")

    def layer(best: pd.Series) -> str:
        return "none" if pd.isna(best.layer) else f"{best.aligner} {best.layer}".replace("_", " ")

    return {
        "pair and task": lambda row: row["pair"].title,
        "aligner and layer": both(layer),
        f"gain in {names[0]}": gain("pair"),
        f"gain in {names[1]}": gain("other"),
        "difference": lambda row: tag("strong", signed(row["found"].gain.estimate)),
        "95 % interval": _interval,
        "change in target language": both(lambda best: signed(number(best.retention))),
        "compared": lambda row: row["found"].how,
    }


def _interval(row: dict[str, Any]) -> Child:
    gain = row["found"].gain
    if gain.low == gain.high:
        return "no item differs"
    return [between(gain.low, gain.high), interval_bar(gain.estimate, gain.low, gain.high, *row["ends"])]
