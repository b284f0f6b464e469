"""Figures of a comparison show its table: gains, intervals, verdicts, controls, costs and the front."""

import itertools

import made_tables
import numpy as np
import pandas as pd
import pytest

from workbench.core.errors import InputError
from workbench.figures import Cells, NothingToShow, make_spec, to_latex, to_markdown
from workbench.figures.kinds.comparison import front
from workbench.figures.look import beside_points
from workbench.figures.naming import spoken


@pytest.fixture(scope="module")
def table():
    return made_tables.comparison(pairs=2)


def the(table, pair, method):
    (row,) = table[(table.pair == pair) & (table.method == method)].to_dict("records")
    return row


def written(name):
    """The name in the table of a method that has words for a name."""
    known = (*made_tables.BASELINES, *made_tables.RECIPES, *made_tables.COMBINATIONS)
    return {spoken(method): method for method in known}[name]


def marks(panel):
    """Method → the mark, by series."""
    names = {place: written(name) for place, name in panel.x.ticks}
    return {series.name: {names[x]: at for at, x in enumerate(series.x)} for series in panel.series}


def test_every_gain_interval_and_control_is_that_of_its_row(table):
    spec = make_spec("comparison", {"comparison": table}, top=99)
    assert [panel.title for panel in spec.panels] == ["lang00", "lang01"]
    shown = 0
    for panel in spec.panels:
        found = marks(panel)
        for series in panel.series:
            for name, at in found[series.name].items():
                row = the(table, f"{panel.title}-en", name)
                if series.role == "control":
                    column = {"control: random": "random_over", "control: shuffled pairs": "shuffled_over"}
                    # Over asking directly, also where the table has it over a combination's baseline.
                    assert series.y[at] == pytest.approx(row["gain"] - row[column[series.name]])
                    assert series.hollow[at]
                    continue
                ends = series.y[at], series.low[at], series.high[at]
                assert ends == (row["gain"], row["gain_low"], row["gain_high"])
                assert series.name == row["family"]
                assert series.hollow[at] == (row["verdict"] != "helps")
                assert row["chosen"] in series.notes[at][1]
                shown += 1
        assert panel.lines == (0.0, 0.65)
    assert shown == 2 * (len(made_tables.BASELINES) - 1 + len(made_tables.RECIPES) + 3)
    assert "test items, n = 500" in spec.subtitle and "over asking directly" in spec.subtitle
    assert "Holm" in spec.subtitle and "prompt_translation" in spec.footer


def test_rows_stand_by_family_then_by_mean_gain_and_are_the_same_in_all_panels(table):
    first, second = make_spec("comparison", {"comparison": table}, top=99).panels
    assert first.x == second.x
    names = [written(name) for _, name in first.x.ticks]
    rows = table[table.gain.notna() & (table.method != "direct")].groupby("method")
    family, mean = rows.family.first(), rows.gain.mean()
    order = {"baseline": 0, "recipe": 1, "combination": 2}
    keys = [(order[family[name]], -mean[name]) for name in names]
    assert keys == sorted(keys) and len(keys) == len(rows)


def test_a_verdict_that_holm_takes_away_is_hollow(table):
    name = "incline_mlp"
    assert the(table, "lang00-en", name)["verdict"] == "helps"
    fallen = table.assign(holm_verdict=table.holm_verdict.where(table.method != name, "undecided"))
    panel = make_spec("comparison", {"comparison": fallen}, top=99).panels[0]
    (series,) = [one for one in panel.series if one.name == "recipe"]
    at = marks(panel)["recipe"][name]
    assert series.hollow[at] and series.labels == ()
    for frame, bold in ((fallen, False), (table, True)):
        markdown = to_markdown(make_spec("comparison", {"comparison": frame}, top=99))
        line = next(line for line in markdown.splitlines() if line.startswith("| incline mlp"))
        assert ("**" in line) == bold


def test_what_it_costs_in_the_main_language_stands_beside_each_recipe(table):
    panel = make_spec("comparison", {"comparison": table}).panels[1]
    for (_, name), text in zip(panel.x.ticks, panel.aside, strict=True):
        row = the(table, "lang01-en", written(name))
        if pd.isna(row["retention"]):
            assert text == ""
        else:
            assert float("0" + text.strip("−*")) == pytest.approx(abs(row["retention"]), abs=0.0051)
            assert text.endswith("*") != row["noninferior"]
    plain = table.assign(retention=pd.NA, noninferior=pd.array([pd.NA] * len(table), dtype="boolean"))
    panel = make_spec("comparison", {"comparison": plain}).panels[0]
    assert panel.aside == () and panel.aside_title == ""


def test_many_pairs_are_cells_hatched_where_nothing_is_shown():
    table = made_tables.comparison(pairs=5)
    spec = make_spec("comparison", {"comparison": table}, top=99)
    gain, over, change = spec.panels
    assert all(isinstance(panel, Cells) and panel.rows == gain.rows for panel in spec.panels)
    assert gain.columns == tuple(f"lang0{at}" for at in range(5)) and gain.turned
    methods = list(map(written, gain.rows))
    for row, name in enumerate(methods):
        for column, pair in enumerate(made_tables.names_of(5)):
            one = the(table, pair, name)
            assert gain.values[row][column] == one["gain"]
            assert gain.hatched[row][column] == (one["verdict"] != "helps")
            least = min(one["random_over"], one["shuffled_over"])
            expected = None if np.isnan(least) else least
            assert over.values[row][column] == expected
            kept = None if np.isnan(one["retention"]) else one["retention"]
            assert change.values[row][column] == kept
    assert "+" in methods[-1] and methods[gain.rule_after] in made_tables.RECIPES
    assert methods[gain.rule_after - 1] in made_tables.BASELINES


def test_the_methods_that_gain_most_are_shown_beside_the_target_language(table):
    spec = make_spec("comparison", {"comparison": table}, top=3)
    ran = table[~table.method.isin(["direct", "target_language"])]
    best = (
        ran.dropna(subset=["gain"]).groupby("method").gain.mean().sort_values(ascending=False, kind="stable")
    )
    shown = {written(name) for _, name in spec.panels[0].x.ticks}
    assert len(shown) == 4 and "target_language" in shown
    assert best[list(shown - {"target_language"})].min() >= best.drop(list(shown), errors="ignore").max()
    assert f"The 3 methods with the largest mean gain, of {len(best)}." in spec.footer
    assert len(make_spec("comparison", {"comparison": table}).panels[0].x.ticks) == 11
    with pytest.raises(InputError, match="at least one method"):
        make_spec("comparison", {"comparison": table}, top=0)


def test_pareto_shows_gain_over_both_costs_and_names_the_front(table):
    spec = make_spec("pareto", {"comparison": table})
    assert len(spec.panels) == 4 and spec.together == 2
    for panel, column in zip(spec.panels, itertools.cycle(["item_tokens", "fit_tokens"]), strict=False):
        mine = [series for series in panel.series if series.look == "estimates"]
        own = table[(table.pair == f"{panel.head}-en") & table.gain.notna()]
        own = own[~own.method.isin(["direct", "target_language"])]
        stairs = front(list(zip(own[column].astype(float), own.gain, strict=True)))
        named = [written(label) for series in mine for label in series.labels if label]
        assert (
            sorted(
                (float(the(own, row, name)[column]), the(own, row, name)["gain"])
                for row, name in ((f"{panel.head}-en", name) for name in named)
            )
            == stairs
        )
        assert all(spoken(name) in spec.footer for name in named)
        for series in mine:
            for x, y, note in zip(series.x, series.y, series.notes, strict=True):
                row = the(table, f"{panel.head}-en", note[0].partition(":")[0])
                assert y == row["gain"]
                cost = row[column]
                name = dict(panel.x.ticks).get(x)
                assert name == "0" if cost == 0 else x == cost
        assert panel.x.log and panel.x.range[0] < min(x for series in mine for x in series.x)


def test_the_front_is_what_nothing_dominates():
    rng = np.random.default_rng(0)
    points = [(float(c), float(g)) for c, g in zip(rng.integers(1, 6, 40), rng.normal(size=40), strict=True)]
    points = [(cost, gain + cost / 2) for cost, gain in points]
    undominated = [
        (cost, gain)
        for cost, gain in points
        if not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points)
    ]
    assert front(points) == sorted(undominated) and len(undominated) > 1


def test_of_many_pairs_points_are_means_over_those_that_have_all():
    table = made_tables.comparison(pairs=4)
    table = table[~((table.method == "caa") & (table.pair == "lang02-en"))]
    spec = make_spec("pareto", {"comparison": table})
    assert len(spec.panels) == 2 and "Means over 4 pairs" in spec.footer
    assert "left out: caa." in spec.footer and "lang00-en" not in spec.subtitle
    (recipes,) = [series for series in spec.panels[0].series if series.name == "recipe"]
    found = {note[0].partition(":")[0]: y for note, y in zip(recipes.notes, recipes.y, strict=True)}
    mean = table[table.family == "recipe"].groupby("method").gain.mean()
    assert found == pytest.approx(mean.drop(["caa"]).to_dict())
    costs = spec.panels[1].series[0]
    assert {dict(spec.panels[1].x.ticks).get(x) for x in costs.x} >= {"0"}


def test_tables_name_the_method_its_family_and_a_cost_of_nothing(table):
    markdown = to_markdown(make_spec("comparison", {"comparison": table}))
    row = the(table, "lang00-en", "incline_mlp")
    wanted = (
        f"| incline mlp | recipe | **{row['gain']:.3f}** | [{row['gain_low']:.3f}, {row['gain_high']:.3f}]"
    )
    assert wanted in markdown and "control: random" in markdown
    markdown = to_markdown(make_spec("pareto", {"comparison": table}))
    free = [line for line in markdown.splitlines() if "shots own:" in line.replace("\\_", " ")]
    assert [line.split("|")[2].strip() for line in free] == ["40", "0", "40", "0"]
    assert "\\incline" not in to_latex(make_spec("pareto", {"comparison": table}))


def test_a_table_of_direct_asking_alone_shows_nothing(table):
    alone = table[table.method.isin(["direct", "prompt_translation"])]
    for kind in ("comparison", "pareto"):
        with pytest.raises(NothingToShow, match="besides asking directly"):
            make_spec(kind, {"comparison": alone})


def test_labels_lie_neither_on_each_other_nor_on_marks_nor_on_the_front():
    rng = np.random.default_rng(1)
    stacks = [40.0] * 20 + [150.0] * 8
    points = [(x, float(y)) for x, y in zip(stacks, rng.uniform(10, 140, 28), strict=True)]
    sizes, panel, mark = [(14.0, 9.0)] * len(points), (200.0, 150.0), 5.0
    stair = [(40.0, 80.0), (150.0, 80.0), (150.0, 120.0), (200.0, 120.0)]
    places = beside_points(points, sizes, panel, mark, stair)
    assert None not in places
    for (x, y), (a, b) in itertools.combinations(places, 2):
        assert abs(x - a) >= 14 or abs(y - b) >= 9
    for (x, y), (a, b) in itertools.product(places, points):
        assert abs(x - a) >= (14 + mark) / 2 or abs(y - b) >= (9 + mark) / 2
    for x, y in places:
        assert 7 <= x <= 193 and 4.5 <= y <= 145.5
        assert not (x + 7 > 40 and x - 7 < 150 and abs(y - 80) < 4.5)
    assert beside_points(points[:3], [(300.0, 9.0)] * 3, panel, mark) == [None] * 3
