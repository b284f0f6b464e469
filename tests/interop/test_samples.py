"""Two runs of lm-evaluation-harness: paired by document, judged by the rule of all verdicts."""

import json

import numpy as np
import pytest

from workbench.cli import main
from workbench.cli.terminal import console
from workbench.core.errors import InputError, TextError
from workbench.interop import judge, match_runs, read_samples
from workbench.select import decide


def write(path, values, metric="acc", order=None, change=None, **more):
    """Samples as the harness writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for i in order if order is not None else range(len(values)):
        value = values[i]
        doc = {"question": f"q{i}", "passage": f"p{i // 4}"}
        line = {"doc_id": i, "doc": doc, "target": "0", "arguments": {}, "resps": [], "filtered_resps": []}
        line |= {"filter": "none", "metrics": [metric, "other"], metric: value, "other": 1.0}
        line |= {"doc_hash": f"h{i}", "prompt_hash": f"r{i}", "target_hash": "t"} | more
        lines.append(json.dumps(line | (change(i) if change else {})))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def two(tmp_path, before, after, **more):
    first = write(tmp_path / "a" / "samples_xcopa_sw_2026-01-01T00-00-00.1.jsonl", before)
    second = write(tmp_path / "b" / "samples_xcopa_sw_2026-01-02T00-00-00.1.jsonl", after, **more)
    return first, second


@pytest.fixture
def accuracies():
    rng = np.random.default_rng(0)
    before = (rng.random(200) < 0.5).astype(float)
    after = np.where(rng.random(200) < 0.2, 1.0, before)
    return before, after


def test_the_verdict_is_that_of_the_paired_items_in_any_order(tmp_path, accuracies):
    before, after = accuracies
    order = np.random.default_rng(1).permutation(200).tolist()
    first, second = two(tmp_path, before, after, order=order)
    table, flips = judge([(read_samples(first), read_samples(second))])
    (row,) = table.to_dict("records")
    exact = decide(after, before)
    assert (row["task"], row["metric"], row["items"]) == ("xcopa_sw", "acc", 200)
    assert (row["gain_low"], row["gain_high"]) == (exact.gain.low, exact.gain.high)
    assert row["verdict"] == row["holm_verdict"] == exact.kind == "helps"
    assert (row["gained"], row["lost"]) == (int((after > before).sum()), 0)
    assert sorted(flips.doc_hash) == sorted(f"h{i}" for i in np.flatnonzero(after != before))
    assert flips.doc.iloc[0]["question"].startswith("q")


def test_groups_and_scores_that_are_no_accuracies(tmp_path):
    rng = np.random.default_rng(2)
    before, after = rng.random(120).round(3), rng.random(120).round(3)
    first = write(tmp_path / "a.jsonl", before.tolist(), metric="f1")
    second = write(tmp_path / "b.jsonl", after.tolist(), metric="f1")
    table, _ = judge([(read_samples(first, group="passage"), read_samples(second, group="passage"))])
    row = table.iloc[0]
    exact = decide(after, before, [f"p{i // 4}" for i in range(120)], scores=True)
    assert row.n == 30 and row.gain_low == exact.gain.low and row.metric == "f1"
    sd = (after - before).std(ddof=1)
    assert exact.detectable == pytest.approx(2.8016 * sd / np.sqrt(120), rel=0.3) and exact.detectable > 0


def test_holm_is_over_the_tasks(tmp_path):
    rng = np.random.default_rng(3)
    pairs = []
    for number in range(12):
        before = (rng.random(80) < 0.5).astype(float)
        after = np.where(rng.random(80) < 0.09, 1.0, before) if number == 0 else before
        first = write(tmp_path / "a" / f"samples_t{number}.jsonl", before.tolist())
        second = write(tmp_path / "b" / f"samples_t{number}.jsonl", after.tolist())
        pairs.append((read_samples(first), read_samples(second)))
    table, _ = judge(pairs)
    assert table.task.tolist() == [f"t{number}" for number in range(12)]
    assert (table.holm_p >= table.p).all()
    assert table.holm_p[0] == pytest.approx(min(12 * table.p[0], 1))
    alone, _ = judge(pairs[:1])
    assert alone.holm_p[0] == alone.p[0] == table.p[0]


def test_documents_that_are_alike_are_paired_by_their_order(tmp_path):
    same = {"doc_hash": "twice"}
    first, second = two(tmp_path, [1.0, 0.0], [1.0, 0.0], order=[1, 0], change=lambda _: same)
    write(first, [1.0, 0.0], change=lambda _: same)
    table, flips = judge([(read_samples(first), read_samples(second))])
    assert table["items"][0] == 2 and flips.empty


def test_runs_over_other_items_are_refused_unless_asked(tmp_path, accuracies):
    before, after = accuracies
    first, second = two(tmp_path, before, after[:150])
    with pytest.raises(InputError, match="share 150 items; the first has 50 more, the second 0"):
        judge([(read_samples(first), read_samples(second))])
    table, _ = judge([(read_samples(first), read_samples(second))], common=True)
    assert (table["items"][0], table.left_out[0]) == (150, 50)


def test_other_answers_and_other_prompts(tmp_path, accuracies):
    first, second = two(tmp_path, *accuracies, target_hash="u")
    with pytest.raises(InputError, match=r"200 items of .* have different right answers"):
        judge([(read_samples(first), read_samples(second))])
    first, second = two(tmp_path, *accuracies, prompt_hash="r")
    table, _ = judge([(read_samples(first), read_samples(second))])
    assert table.prompts_differ[0] == 200


def test_folders_are_matched_by_task_and_the_newest_counts(tmp_path):
    old = write(tmp_path / "a" / "m" / "samples_xcopa_sw_2026-01-01T00-00-00.1.jsonl", [1.0])
    new = write(tmp_path / "a" / "m" / "samples_xcopa_sw_2026-03-01T00-00-00.1.jsonl", [1.0])
    write(tmp_path / "a" / "m" / "samples_only_a_2026-01-01T00-00-00.1.jsonl", [1.0])
    other = write(tmp_path / "b" / "samples_xcopa_sw_2026-02-01T00-00-00.1.jsonl", [1.0])
    assert match_runs(tmp_path / "a", tmp_path / "b") == [(new, other)] and old.exists()
    with pytest.raises(InputError, match="give two files or two folders"):
        match_runs(tmp_path / "a", other)
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match="share no task: only_a, xcopa_sw against none"):
        match_runs(tmp_path / "a", tmp_path / "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: {"acc": [1.0]}, "samples.jsonl:1: acc is"),
        (lambda _: {"acc": float("nan")}, "samples.jsonl:1: acc is nan"),
        (lambda i: {"filter": f"f{i}"}, "answers by 3 filters"),
        (lambda _: {"metrics": []}, "no metric"),
    ],
)
def test_what_is_no_sample_is_refused(tmp_path, change, message):
    path = write(tmp_path / "samples.jsonl", [1.0, 0.0, 1.0], change=change)
    with pytest.raises((InputError, TextError), match=message):
        read_samples(path)


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"results": {}}\n')
    with pytest.raises(TextError, match="not what --log_samples writes"):
        read_samples(path)
    path.write_text("")
    with pytest.raises(TextError, match="is empty"):
        read_samples(path)


def test_a_filter_and_a_metric_can_be_named(tmp_path):
    path = write(tmp_path / "s.jsonl", [1.0, 0.0], change=lambda i: {"filter": ("strict", "loose")[i]})
    assert read_samples(path, filter="loose").table.value.tolist() == [0.0]
    assert read_samples(path, metric="other", filter="strict").table.value.tolist() == [1.0]
    with pytest.raises(InputError, match="no metric 'oter': did you mean 'other'"):
        read_samples(path, metric="oter", filter="strict")


def test_the_command(tmp_path, capsys, accuracies, monkeypatch):
    monkeypatch.setattr(console, "_width", 80)
    first, second = two(tmp_path, *accuracies, prompt_hash="r")
    flips = tmp_path / "flips.jsonl"
    arguments = ["judge", str(first.parent), str(second.parent)]
    assert main([*arguments, "--flips", str(flips)]) == 0
    out = capsys.readouterr().out
    assert "xcopa_sw" in out and "helps" in out and "200 items had another prompt" in " ".join(out.split())
    changed = int((accuracies[0] != accuracies[1]).sum())
    assert len(flips.read_text(encoding="utf-8").splitlines()) == changed
    assert max(len(line) for line in out.splitlines() if "flips.jsonl" not in line) <= 80
    assert main([*arguments, "--flips", str(flips)]) == 2 and "already exists" in capsys.readouterr().err
    assert main([*arguments, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["tasks"][0]["holm_verdict"] == "helps" and len(facts["changed"]) == changed
