"""The pages name what there is: every aligner, control, measure and finding, and files that exist."""

import ast
import hashlib
import json
import re
from pathlib import Path
from typing import get_args

import pytest

import workbench as wb
from workbench.align import ALIGNERS, CONTROLS
from workbench.checks.report import Kind
from workbench.measures import GEOMETRY, METRICS, MORE_METRICS

DOCS = Path(__file__).parent.parent / "docs"
# Tables beside the pictures of the demo are no pages.
OURS = [page for page in DOCS.rglob("*.md") if page.parent != DOCS / "demo"]
PAGES = [
    *OURS,
    *(DOCS.parent / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
]
LINK = re.compile(r"\]\(([^)\s:#]+)(?:#[^)\s]*)?\)")


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("alignment.md", [*ALIGNERS, *CONTROLS, *METRICS, *MORE_METRICS, *GEOMETRY]),
        ("doctor.md", get_args(Kind)),
    ],
)
def test_a_page_names_everything_there_is(page, names):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_file_named_on_the_walk_through_exists():
    named = re.findall(
        r"`((?:workbench|data)/[\w./-]+)`", (DOCS / "how-it-works.md").read_text(encoding="utf-8")
    )
    assert len(named) > 20
    assert [path for path in named if not (DOCS.parent / path).is_file()] == []


@pytest.mark.parametrize("page", ["glossary.md", "how-it-works.md"])
def test_the_introductory_pages_are_linked_from_the_readme(page):
    assert f"(docs/{page})" in (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_the_glossary_defines_each_term_once_in_order():
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| (?:<a [^>]*></a>)?\*\*(.+?)\*\*", text, flags=re.MULTILINE)
    assert 20 <= len(terms) <= 50
    assert terms == sorted(set(terms), key=str.casefold)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS.parent).as_posix())
def test_a_link_leads_to_a_file(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_has_its_place_on_the_site():
    places = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    named = set(re.findall(r"- (\S+\.md)$", places, flags=re.MULTILINE))
    assert {page.relative_to(DOCS).as_posix() for page in OURS} <= named


def test_the_reference_has_every_public_name():
    named = re.findall(r"^::: workbench\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(set(wb.__all__) - {"__version__"})


def lines_of_code(path):
    """Lines that are neither blank nor a comment nor part of a docstring."""
    text = path.read_text(encoding="utf-8")
    told = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            told |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(n not in told and bool(line.partition("#")[0].strip()) for n, line in lines)


@pytest.mark.parametrize(
    "script", sorted((DOCS / "neighbours").glob("with_*.py")), ids=lambda path: path.stem
)
def test_the_readme_counts_the_lines_of_a_neighbour(script):
    needed = [
        script.parent / f"{name}.py" for name in ("shared", "hooks") if f"from {name} " in script.read_text()
    ]
    counted = sum(map(lines_of_code, [script, *needed]))
    tool = script.stem.removeprefix("with_").replace("_", "").replace("lmeval", "lmevaluationharness")
    rows = re.findall(r"^\| \[?([\w-]+).*\| (\d+) \|$", (DOCS.parent / "README.md").read_text(), re.MULTILINE)
    shown = {name.lower().replace("-", ""): int(lines) for name, lines in rows}
    assert shown[tool] == counted
    assert list(shown.values()) == sorted(shown.values())


@pytest.mark.parametrize("page", ["README.md", "docs/figures.md"])
def test_pictures_of_the_demo_are_those_that_the_command_beside_them_makes(page):
    path = DOCS.parent / page
    text = path.read_text(encoding="utf-8")
    shown = [(path.parent / name).resolve() for name in re.findall(r"\]\(([\w/]*demo/\w+\.png)\)", text)]
    assert shown
    for picture in shown:
        manifest = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
        digest = hashlib.sha256(picture.read_bytes()).hexdigest()
        assert manifest["files"][picture.name] == digest
        assert f"--only {picture.stem}" in manifest["command"]
        assert f"`workbench figures runs/demo --only {picture.stem}`" in text


def test_the_code_from_transformer_lens_runs():
    import torch

    from workbench.intervene import applied

    page, names = (DOCS / "from-transformerlens.md").read_text(encoding="utf-8"), {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    model, batch = names["model"], names["batch"]
    with torch.no_grad(), applied(model, [names["patch"]], batch):
        wanted = model.run(batch)
    assert torch.allclose(names["logits"][batch.mask], wanted[batch.mask], atol=1e-5)
    with torch.no_grad():
        assert not torch.allclose(model.run(batch)[batch.mask], wanted[batch.mask], atol=1e-2)
