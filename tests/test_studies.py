"""docs/studies is what tools/studies.py makes of the tables that lie there."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest
from organism_models import FAR, MAIN, tiny_organism

import workbench as wb
from workbench.core.bundled import RUNS

REPO = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def studies():
    spec = importlib.util.spec_from_file_location("studies", REPO / "tools" / "studies.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["studies"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["studies"]


def test_the_page_is_made_of_the_tables_beside_it(studies):
    written = studies.SHOWN / "README.md"
    if not written.exists():
        pytest.skip("no study on a real model is kept")
    assert written.read_text(encoding="utf-8") == studies.page(), "run: python tools/studies.py --page"


def test_a_command_is_what_a_user_types(studies):
    words = studies.STUDIES[0].command(Path("MODELS"), Path("DATA"), Path("RUN"))
    assert words[:2] == ["diagnose", str(Path("MODELS") / "smollm2-135m-instruct")]
    assert words[words.index("--title") + 1] == "SmolLM2 135M Instruct, Q4_1"
    assert '"SmolLM2 135M Instruct, Q4_1"' in studies.typed(studies.STUDIES[0])


def test_what_is_kept_of_a_run_opens_as_the_run(studies, tmp_path):
    organism, settings = tiny_organism(), wb.Settings(aligners=("ridge", "identity"), strengths=(1.0,))
    text, task = organism.text(), organism.task("exact")
    pairs = [(FAR, MAIN), (MAIN, FAR)]
    run = wb.diagnose(wb.load_model(organism.folder), text, task, pairs, tmp_path / "run", settings)
    studies.keep_tables(run, tmp_path / "kept")
    kept = wb.open_run(tmp_path / "kept")
    assert [part.title for part in kept.parts] == [part.title for part in run.parts]
    for before, after in zip(run.parts, kept.parts, strict=True):
        assert after.verdict == before.verdict and after.headline.gain == before.headline.gain
        for name in ("exploration", "similarity", "fit"):
            same = before.tables[name].reset_index(drop=True)
            pd.testing.assert_frame_equal(after.tables[name].reset_index(drop=True), same)
    assert not {"text", "items", "sweep"} & {path.stem for path in kept.folder.rglob("*.parquet")}
    with pytest.raises(wb.WorkbenchError, match="holds the tables of a run, not its sentences and items"):
        kept.study()


def test_kept_studies_open_by_name(studies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(RUNS) == {folder.name for folder in studies.SHOWN.iterdir() if folder.is_dir()}
    for name in RUNS:
        run = wb.open_run(name)
        assert len(run.parts) == len(run.verdicts) and all(part.finished for part in run.parts)
        assert run.plot("layers").data and run.explore().study.title == run.parts[0].title
