"""Suffixes against the naive sweep, for every backend and architecture, every formula and position."""

from dataclasses import replace

import pytest
from sweep_grids import TASK, a_map, close, grid, items, joint_grid, scale_of, table_by
from tiny_models import CELLS, HAS_HOOKED
from tiny_models import tiny as tiny_of

from workbench.align import Identity
from workbench.core.errors import InputError, SiteError
from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS
from workbench.models.base import LanguageModel
from workbench.models.bridge import BridgeModel
from workbench.sweeps import CONFIGURATION, ENGINES, Configuration, Plan, read_examples, sweep
from workbench.sweeps import suffix as module
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.run import scores_by

BOTH = [("llama", "bridge"), *([("llama", "hooked")] if HAS_HOOKED else [])]
POSITIONS = ("last", "prompt", "all")


def everywhere(model):
    """Every formula at every position, every site that all models have, and joint sets."""
    fitted = a_map(model.info.d_model)
    formulas = [
        Configuration("m", Site(layer), fitted, name, 0.7 if rule.uses_strength else 1.0, positions=positions)
        for layer, (name, rule) in zip((0, 1, 2, 3, 0, 1), INTERVENTIONS.items(), strict=True)
        for positions in POSITIONS
    ]
    sites = [Site(2, "resid_pre"), Site(0, "resid_pre"), Site(1, "attn_out"), Site(3, "mlp_out")]
    within = [Configuration("m", site, fitted, "add_mapped", 0.5, positions="prompt") for site in sites]
    mixed = Configuration.jointly(
        "m", {Site(1): fitted, Site(1, "mlp_out"): fitted}, "add_mapped", 0.3, positions="all"
    )
    return [*formulas, *within, mixed, *joint_grid(model)]


KINDS = [("single", ("right", "left")), ("multi", ("left", "right"))]
EVERY_OTHER = [
    pytest.param(*cell, *kind, marks=[pytest.mark.full] if (i + j) % 2 else [])
    for i, cell in enumerate(CELLS)
    for j, kind in enumerate(KINDS)
]
"""Every cell with one kind of choices, and in full with both."""


@pytest.mark.parametrize(("architecture", "backend", "kind", "sides"), EVERY_OTHER)
def test_suffixes_give_the_table_of_naive(architecture, backend, kind, sides):
    model, examples = tiny_of(architecture, backend), items(kind)
    configurations = everywhere(model)
    assert max(len(r.prompt) for r in read_examples(model, examples)) >= 3 * 8  # three windows
    naive = table_by("naive", model, examples, configurations, sides[0])
    suffix = table_by("suffix", model, examples, configurations, sides[1])
    close(suffix, naive, scale_of(model, examples), 1e-5 if kind == "single" else 1e-4)
    clean = naive[naive.aligner == "clean"].margin.to_numpy()
    for configuration, rows in naive.groupby(CONFIGURATION):
        assert abs(rows.margin.to_numpy() - clean).max() > 1e-4, configuration  # none of them does nothing


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize("limits", [{"batch_size": 1}, {"batch_size": 3}, {"token_budget": 60}])
@pytest.mark.parametrize(("architecture", "backend"), BOTH)
def test_packing_changes_nothing(architecture, backend, kind, limits):
    model, examples = tiny_of(architecture, backend), items(kind)
    configurations = everywhere(model)[-8:]
    whole = sweep(model, examples, configurations, **TASK, way="suffix")
    close(
        table_by("suffix", model, examples, configurations, **limits),
        whole,
        scale_of(model, examples),
        1e-4,
    )


@pytest.mark.parametrize(("architecture", "backend"), CELLS)
def test_doing_nothing_is_the_clean_run(architecture, backend):
    model, examples = tiny_of(architecture, backend), items("single")
    fitted = a_map(model.info.d_model)
    identity = Identity().fit(*[fitted.transform(fitted.transform(a_row(model)))] * 2)
    configurations = [
        Configuration(f"{name}{layer}{positions}", Site(layer), map, name, strength, positions=positions)
        for positions in POSITIONS
        for layer in (0, 3)
        for name, map, strength in (
            ("add_mapped", fitted, 0.0),
            ("interpolate", fitted, 0.0),
            ("replace", identity, 1.0),
        )
    ]
    naive = sweep(model, examples, configurations, **TASK, way="naive")
    suffix = sweep(model, examples, configurations, **TASK, way="suffix")
    for table, share in ((naive, 0.0), (suffix, 1e-5)):
        clean = table[table.aligner == "clean"]
        for aligner, rows in table[table.aligner != "clean"].groupby("aligner"):
            gap = abs(rows.margin.to_numpy() - clean.margin.to_numpy()).max()
            assert gap <= share * scale_of(model, examples), aligner
            assert not rows.patch_size.any()


def a_row(model):
    import torch

    return torch.randn(4, model.info.d_model, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("architecture", "backend"), BOTH)
def test_the_layers_below_are_run_once(architecture, backend, monkeypatch):
    model, examples = tiny_of(architecture, backend), items("multi")
    configurations = grid(model)[:4] + grid(model)[4:8]  # two formulas at every layer
    ran = [0] * model.info.n_layers
    for name in ("run", "run_tree", "run_forked"):
        real = getattr(type(model), name)

        def counted(self, *args, real=real, start=0, stop=None, **kwargs):
            for layer in range(start, model.info.n_layers if stop is None else stop):
                ran[layer] += 1
            return real(self, *args, start=start, stop=stop, **kwargs)

        monkeypatch.setattr(type(model), name, counted)
    sweep(model, examples, configurations, **TASK, way="suffix")
    assert ran == [1, 1 + 2, 1 + 4, 1 + 6]


@pytest.mark.parametrize("architecture", [a for a, backend in CELLS if backend == "hooked"])
def test_choices_behind_a_prompt_that_is_run_once_are_those_of_naive(architecture):
    """One prompt of mixed lengths, choices of one token and of many; windows reach over both."""
    model = tiny_of(architecture, "hooked")
    choices = ("a", " it is so", " water and trees ran over to the house", " b")
    examples = [replace(e, choices=choices, answer=i % 4) for i, e in enumerate(items("multi"))]
    readings, configurations = read_examples(model, examples), everywhere(model)
    assert {len(choice) for choice in readings[0].choices} >= {1, 16} and module.forks(model, readings)
    scores = scores_by("suffix", Plan(model, readings, configurations))
    for i, (configuration, got) in enumerate(zip([None, *configurations], scores, strict=True)):
        naive = naive_scores(model, readings, configuration, 5, ("left", "right")[i % 2])
        tokens = max(len(choice) for choice in readings[0].choices)
        gap = max(float((a - b).abs().max()) for a, b in zip(got.choices, naive.choices, strict=True))
        assert gap <= 1e-5 * tokens * scale_of(model, examples), configuration
        assert float((got.sizes - naive.sizes).abs().max()) <= 1e-5, configuration


@pytest.mark.skipif(not HAS_HOOKED, reason="this TransformerLens has no HookedTransformer")
def test_a_prompt_is_run_once_for_all_its_choices(monkeypatch):
    model, examples = tiny_of("llama", "hooked"), items("multi")
    monkeypatch.setattr(type(model), "run", lambda *a, **k: pytest.fail("ran prompts with each choice"))
    seen = []
    real = type(model).run_forked

    def noted(self, parts, *args, **kwargs):
        seen.append((len(parts.prompts), parts.tails.mask.sum(1).tolist(), parts.owner.tolist()))
        return real(self, parts, *args, **kwargs)

    monkeypatch.setattr(type(model), "run_forked", noted)
    sweep(model, examples, joint_grid(model), **TASK, way="suffix")
    readings = read_examples(model, examples)
    tails = [(len(c) - 1, i) for i, r in enumerate(readings) for c in r.choices if len(c) > 1]
    for n_prompts, lengths, owner in seen:
        assert n_prompts == len(examples) and sorted(lengths) == sorted(n for n, _ in tails)
        assert sorted(owner) == sorted(i for _, i in tails)
    monkeypatch.undo()
    assert not module.forks(model, read_examples(model, items("single")))  # nothing to run behind a prompt


@pytest.mark.skipif(not HAS_HOOKED, reason="this TransformerLens has no HookedTransformer")
def test_sweep_takes_suffixes_for_hooked_transformer(monkeypatch):
    model, examples = tiny_of("gpt2", "hooked"), items("multi")
    configurations = [*grid(model, layers=[1]), *joint_grid(model)]
    naive = sweep(model, examples, configurations, **TASK, way="naive")
    monkeypatch.setattr("workbench.sweeps.naive.naive_scores", lambda *a, **k: pytest.fail("went naive"))
    close(sweep(model, examples, configurations, **TASK), naive, scale_of(model, examples), 1e-4)


@pytest.mark.parametrize("clean", [True, False])
def test_sweep_mixes_slots_and_suffixes_and_keeps_the_order(clean):
    model, examples = tiny_of("mistral"), items("mixed")
    configurations = [
        configuration
        for pair in zip(everywhere(model)[-12:], grid(model)[:12], strict=True)
        for configuration in pair
    ]
    naive = sweep(model, examples, configurations, **TASK, clean=clean, way="naive")
    for batch_size in (64, 3):
        table = sweep(model, examples, configurations, **TASK, clean=clean, batch_size=batch_size)
        close(table, naive, scale_of(model, examples), 1e-4)


def test_a_wrong_suffix_stops_the_sweep(monkeypatch):
    """Planted: suffixes that begin one layer too high, so that a layer has read the unpatched stream."""
    model, examples = tiny_of("llama"), items("single")
    slots, configurations = grid(model, layers=[1]), joint_grid(model, modes=[("prompt", False)])
    naive = sweep(model, examples, [*slots, *configurations], **TASK, way="naive")
    real = module._leaves
    monkeypatch.setattr(module, "_leaves", lambda configuration: min(real(configuration) + 1, 4))
    says = (
        r"suffix and naive disagree on llama, joint at resid_post\.0-3 \(add_mapped, 0\.2, prompt, cascade\),"
    )
    with pytest.raises(
        InputError, match=says + r".* naive for all would take about .* pass allow_naive=True"
    ):
        sweep(model, examples, [*slots, *configurations], **TASK)
    table = sweep(model, examples, [*slots, *configurations], **TASK, allow_naive=True)
    close(table, naive, scale_of(model, examples), 1e-5)


@pytest.mark.parametrize(("architecture", "backend"), BOTH)
def test_half_precision_passes_for_what_it_is(architecture, backend):
    from tiny_models import tiny_path

    from workbench.models import load_model

    model, examples = load_model(tiny_path(architecture), backend=backend, dtype="bfloat16"), items("multi")
    configurations = [b for b in everywhere(model) if b.positions != "last"]
    assert len(sweep(model, examples, configurations, **TASK)) == len(examples) * (1 + len(configurations))


def test_what_suffixes_cannot_do_is_said():
    from workbench.tasks import Example

    model = tiny_of("llama")
    long = read_examples(model, [Example("x", "a" * 300, ("b", "c"), 0, "sw", "dev")])
    assert "tokens, but" in ENGINES["suffix"].refusal(model, long, [])
    with pytest.raises(SiteError, match="layers 0"):
        ENGINES["suffix"].refusal(model, [], [Configuration("m", Site(9), a_map(32), "replace")])
    with pytest.raises(InputError, match="nothing to sweep"):
        sweep(model, items("single"), [], **TASK, clean=False, way="suffix")
    with pytest.raises(InputError, match="no examples of t"):
        sweep(model, [], [], **TASK, way="suffix")


def test_backends_without_trees_refuse_them():
    assert LanguageModel.tree_refused is not BridgeModel.tree_refused
    if HAS_HOOKED:
        with pytest.raises(InputError, match="no tree of tokens"):
            tiny_of("llama", "hooked").run_tree(None, {}, start=1)
