"""One of each kind of extension, in a file outside the package, registered as CONTRIBUTING.md says."""

import importlib.util
import json
import subprocess
import sys

import pandas as pd
import pytest

import workbench as wb
from workbench.core.bundled import Registry

EXTENSION = '''
from pathlib import Path

import torch

import workbench as wb


class Opposite(wb.align.Params):
    """An aligner: the mean difference, taken twice."""

    def fit(self, X, Y):
        self.shift_ = 2 * (Y.double().mean(0) - X.double().mean(0))
        return self

    def transform(self, X):
        return (X.double() + self.shift_.to(X.device)).to(X.dtype)


class Halfway:
    """A patch type: half of the step, times the strength."""

    uses_strength = True

    def __call__(self, h, map, strength):
        return h if strength == 0 else (h + 0.5 * strength * (map(h) - h)).to(h.dtype)


def mean_product(X, Y):
    """A measure: mean of the cosines of matched rows."""
    return float(torch.nn.functional.cosine_similarity(X, Y).mean())


def read_quiz(path):
    """A task: lines of `id language question right wrong`, half of them dev and half test."""
    items = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name, language, question, right, wrong = line.split("|")
        split = "dev" if int(name) % 2 else "test"
        items.append(wb.tasks.Example(name, question, (" " + right, " " + wrong), 0, language, split))
    return wb.tasks.ChoiceTask("quiz", tuple(items))


def read_arrows(path, request):
    """A text format: `sentence -> sentence`, Swahili to English."""
    lines = [line.split(" -> ") for line in path.read_text(encoding="utf-8").splitlines()]
    sides = (wb.text.Side(str(path), [line[at] for line in lines]) for at in (0, 1))
    return wb.text.Raw(dict(zip(("sw", "en"), sides)))


def polite(pair, wording):
    """A baseline: the same items under another prompt name."""
    return [wb.methods.baselines.Variant("as it is", pair.task)]


def opposite_layers(given):
    """A recipe: the aligner of above at every layer."""
    return wb.methods.recipes.single_layers(given.fit(Opposite()), "add_mapped", (1.0,))


def always(ground):
    """A claim."""
    return wb.analyses.claims.Finding("supported", f"{len(ground.cases)} cases", {"cases": len(ground.cases)})


def gains(frames):
    """A figure: one row of gains."""
    table = frames["selection"]
    cells = wb.figures.Cells("", ("gain",), tuple(table.aligner), (tuple(map(float, table.gain)),))
    reach = max(abs(table.gain.max()), 0.1)
    scale = wb.figures.Scale("gain", -reach, reach, diverging=True)
    return wb.figures.Spec("gains", "Gains", "on test", (cells,), scale)


wb.align.ALIGNERS["opposite"] = Opposite
wb.intervene.INTERVENTIONS["halfway"] = Halfway()
wb.measures.METRICS["mean_product"] = wb.measures.Metric(
    "mean_product", mean_product, (-1.0, 1.0), True, "1: every sentence points where its translation does"
)
wb.tasks.TASKS["quiz"] = read_quiz
wb.text.READERS["arrows"] = wb.text.Reader(lambda path: path.suffix == ".arrows", read_arrows)
wb.methods.baselines.BASELINES["polite"] = wb.methods.baselines.Baseline(
    "polite", "polite", "a prompt", polite
)
wb.methods.recipes.RECIPES["opposite"] = wb.methods.recipes.Recipe(
    "opposite", "twice the mean difference", "none", "all of it", "nothing", opposite_layers
)
wb.analyses.CLAIMS["always"] = wb.analyses.claims.Claim(
    "always", "There are cases.", "Always.", "none", always
)
wb.figures.FIGURES["gains"] = wb.figures.Kind("gains on test", ("selection",), gains)
'''


@pytest.fixture(scope="module")
def registries():
    """The public registries, put back after."""
    found = [
        wb.align.ALIGNERS,
        wb.intervene.INTERVENTIONS,
        wb.measures.METRICS,
        wb.tasks.TASKS,
        wb.text.READERS,
        wb.methods.baselines.BASELINES,
        wb.methods.recipes.RECIPES,
        wb.analyses.CLAIMS,
        wb.figures.FIGURES,
    ]
    before = [dict(one) for one in found]
    yield found
    for one, kept in zip(found, before, strict=True):
        one.clear()
        one.update(kept)


@pytest.fixture(scope="module")
def extended(registries, tmp_path_factory):
    path = tmp_path_factory.mktemp("extension") / "extension.py"
    path.write_text(EXTENSION, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("extension", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study(extended, tmp_path_factory):
    """A study with the aligner and the patch type of the extension, on the organism."""
    organism = wb.organism.shipped()
    task = organism.task("exact").first(fit=60, dev=40, test=40)
    settings = wb.Settings(
        aligners=("opposite", "shuffled_pairs"), interventions=("halfway",), strengths=(1.0,), refits=0
    )
    text, folder = organism.text().select(range(300)), tmp_path_factory.mktemp("run")
    model = wb.load_model(organism.folder)
    (made,) = wb.study.prepare(
        model, text, [task], [("x-poor-far", organism.config.main.code)], folder, settings
    ).studies
    return made


@pytest.fixture(scope="module")
def result(study):
    return study.run()


def test_an_aligner_and_a_patch_type_are_swept(result):
    swept = result.tables["sweep"]
    assert {"opposite", "shuffled_pairs"} <= set(swept.aligner)
    assert set(swept.intervention.dropna()) == {"halfway"}


def test_a_measure_is_in_the_table_and_used_for_any_states(result):
    assert "mean_product" in set(result.tables["similarity"].measure)


def test_a_task_is_read_by_its_name(extended, tmp_path):
    (tmp_path / "quiz.txt").write_text("1|sw|moja?|one|two\n2|sw|mbili?|two|one\n", encoding="utf-8")
    task = wb.read_task(f"quiz:{tmp_path / 'quiz.txt'}")
    assert [item.split for item in task.all] == ["dev", "test"]


def test_a_text_format_is_recognised(extended, tmp_path):
    (tmp_path / "mine.arrows").write_text("habari -> news\nasante -> thanks\n", encoding="utf-8")
    assert wb.read(tmp_path / "mine.arrows")["en"] == ("news", "thanks")


def test_a_baseline_and_a_recipe_are_compared(study, result):
    plan = wb.methods.compare.Plan.of(("polite", "opposite"), combined=())
    wording = wb.methods.baselines.organism_wording(wb.organism.shipped().config)
    table = wb.methods.compare.compare(study, wording, plan).table
    assert {"direct", "polite", "opposite"} <= set(table.method)
    row = table[table.method == "polite"].iloc[0]
    assert row.gain == 0


def test_a_claim_is_tested(study, result):
    diagnosis = wb.open_run(study.folder).diagnosis(study.model)
    ground = wb.analyses.ground_of(diagnosis, diagnosis.run())
    found = wb.analyses.run_claims(ground, ["always"])
    assert found.findings["always"].verdict == "supported"


def test_a_figure_is_drawn(result):
    assert wb.plot(result, "gains").data


def test_the_registries_are_as_they_were(registries):
    """The extension adds to the end: what was there keeps its place in tables."""
    assert all(isinstance(one, Registry) for one in registries)
    assert list(pd.Series(list(wb.align.ALIGNERS)).head(3)) == ["ridge", "least_squares", "mean_shift"]


PACKAGE = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "more-parts"
version = "1.0"

[tool.hatch.build.targets.wheel]
only-include = ["more_parts.py"]

[project.entry-points."workbench.aligners"]
opposite = "more_parts:Opposite"
ridge = "more_parts:Opposite"
broken = "more_parts:Missing"

[project.entry-points."workbench.measures"]
mean_product = "more_parts:MEAN_PRODUCT"

[project.entry-points."workbench.tasks"]
quiz = "more_parts:read_quiz"

[project.entry-points."workbench.interventions"]
halfway = "more_parts:HALFWAY"

[project.entry-points."workbench.recipes"]
opposite = "more_parts:RECIPE"
"""
USE = """
import json, sys, warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import workbench as wb
    assert not said
    found = {
        "aligners": list(wb.align.ALIGNERS),
        "measures": list(wb.measures.METRICS),
        "tasks": list(wb.tasks.TASKS),
        "interventions": list(wb.intervene.INTERVENTIONS),
        "recipes": list(wb.methods.recipes.RECIPES),
    }
found["ridge"] = wb.align.ALIGNERS["ridge"].__module__
found["said"] = [str(one.message) for one in said]
found["items"] = len(wb.read_task("quiz:" + sys.argv[1]).all)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Another package, built and installed into a folder of its own."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    (source / "pyproject.toml").write_text(PACKAGE, encoding="utf-8")
    names = """
HALFWAY = Halfway()
MEAN_PRODUCT = wb.measures.Metric("mean_product", mean_product, (-1.0, 1.0), True, "1: alike")
RECIPE = wb.methods.recipes.Recipe("opposite", "a step", "none", "all", "nothing", opposite_layers)
"""
    code = EXTENSION.partition('wb.align.ALIGNERS["opposite"]')[0] + names
    (source / "more_parts.py").write_text(code, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(place), str(source)], check=True)
    return place


def python(installed, *words):
    run = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(installed)!r}); sys.argv.pop(0); {words[0]}",
    ]
    return subprocess.run([*run, "-", *words[1:]], capture_output=True, text=True)


def test_parts_of_an_installed_package_are_there_by_name(installed, tmp_path):
    (tmp_path / "quiz.txt").write_text("1|sw|moja?|one|two\n2|sw|mbili?|two|one\n", encoding="utf-8")
    ran = python(installed, f"exec({USE!r})", str(tmp_path / "quiz.txt"))
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    for kind, name in (("aligners", "opposite"), ("measures", "mean_product"), ("tasks", "quiz")):
        assert found[kind][-1] == name
    assert found["interventions"][-1] == "halfway" and found["recipes"][-1] == "opposite"
    assert (
        found["items"] == 2 and found["ridge"].startswith("workbench.") and "broken" not in found["aligners"]
    )
    assert any("adds 'ridge' to aligners: the name is taken" in text for text in found["said"])
    assert any("'broken' of aligners is left out (AttributeError" in text for text in found["said"])


def test_commands_know_them_too(installed, tmp_path):
    start = "from workbench.cli import main; sys.exit(main(sys.argv[1:]))"
    listed = python(installed, start, "recipes", "--json")
    assert "opposite" in [one["name"] for one in json.loads(listed.stdout)]
    fit = ["fit", "organism", "--pairs", "x-poor-far-x-main", "--aligners", "opposite,mean_shift"]
    ran = python(installed, start, *fit, "--out", str(tmp_path / "fit"))
    assert ran.returncode == 0, ran.stderr
    assert {"opposite", "mean_shift"} <= set(pd.read_parquet(tmp_path / "fit" / "fit.parquet").aligner)
