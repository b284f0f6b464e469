"""A study whose sweeps other processes compute has the same files, to the byte."""

from dataclasses import replace

from workbench.models.workers import Workers

TIMED = {"timings.json", "race.json"}


def files(folder):
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in TIMED)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_study_on_two_processes_has_the_same_files(study, tmp_path, monkeypatch):
    sent, real = [], Workers.each
    monkeypatch.setattr(Workers, "each", lambda *a: sent.append(a[1].__module__) or real(*a))
    small = replace(study.settings, batch_size=8)
    alone = replace(study, folder=tmp_path / "alone", store=None, settings=small)
    helped = replace(study, folder=tmp_path / "helped", store=None, settings=small)
    alone.run()
    helped.run(jobs=2)
    first, second = files(alone.folder), files(helped.folder)
    assert list(first) == list(second) and len(first) > 20
    assert [name for name in first if first[name] != second[name]] == []
    assert "workbench.sweeps.run" in sent  # captures: tests/models/test_workers.py
