"""Geometry of planted clouds, and a probe that must not know a sentence from its translation."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from workbench.core.errors import InputError
from workbench.measures.geometry import (
    anisotropy,
    effective_rank,
    language_probe,
    mean_distance,
    mean_share,
    norm_profile,
)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_share_between_means_is_that_of_an_analysis_of_variance():
    X, Y = draw(30, 5).double(), draw(50, 5, seed=1).double() + 2
    both = torch.cat([X, Y])
    total = (both - both.mean(0)).square().sum()
    within = sum((one - one.mean(0)).square().sum() for one in (X, Y))
    assert mean_share(X, Y) == pytest.approx(float((total - within) / total))
    assert mean_share(1e200 * X, 1e200 * Y) == pytest.approx(mean_share(X, Y))
    assert mean_distance(X, Y) == pytest.approx(float((X.mean(0) - Y.mean(0)).norm()))
    assert mean_share(X, X) == mean_distance(X, X) == 0
    assert mean_share(torch.zeros(3, 2), torch.ones(4, 2)) == 1


@pytest.mark.parametrize(("n", "d"), [(100, 8), (6, 40)])
def test_effective_rank_counts_equal_directions_and_equals_its_formula(n, d):
    X = draw(n, d).double() * torch.arange(1, d + 1)
    sigma = np.linalg.svd((X - X.mean(0)).numpy(), compute_uv=False)
    p = sigma / sigma.sum()
    p = p[p > 1e-12]
    assert effective_rank(X) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-9)
    assert effective_rank(1e4 * X + 3) == pytest.approx(effective_rank(X))
    frame = torch.linalg.qr(draw(20, 5, seed=1) - draw(20, 5, seed=1).mean(0))[0]
    assert effective_rank(frame[:, :3]) == pytest.approx(3, abs=1e-4)
    line = torch.outer(draw(n), draw(d, seed=1))
    assert effective_rank(line) == pytest.approx(1, abs=1e-4)


def test_anisotropy_is_the_mean_cosine_of_all_pairs():
    X = draw(40, 6) + 0.7
    cosine = cosine_similarity(X.double().numpy())
    assert anisotropy(X) == pytest.approx(cosine[~np.eye(40, dtype=bool)].mean())
    assert anisotropy(torch.ones(5, 3)) == pytest.approx(1)
    assert abs(anisotropy(draw(500, 50))) < 0.01


def test_the_norm_profile_names_the_dimension_that_is_massive():
    X = draw(200, 10).double()
    X[:, 7] += 100
    found = norm_profile(X)
    norms = X.norm(dim=1).numpy()
    assert (found.mean, found.sd) == pytest.approx((norms.mean(), norms.std(ddof=1)))
    assert (found.low, found.median, found.high) == pytest.approx(
        tuple(np.quantile(norms, [0.05, 0.5, 0.95]))
    )
    assert found.top_dimension == 7 and found.top_share > 0.99


@pytest.mark.parametrize("measure", [effective_rank, anisotropy, norm_profile])
def test_degenerate_clouds_are_refused(measure):
    for X, message in (
        (draw(5), "sent d"),
        (draw(1, 4), "too few"),
        (draw(5, 4) * float("nan"), "finite"),
        (torch.zeros(5, 4), "not defined|zero"),
    ):
        with pytest.raises(InputError, match=message):
            measure(X)


def test_degenerate_pairs_are_refused():
    with pytest.raises(InputError, match="equal widths; 4 and 3"):
        mean_distance(draw(5, 4), draw(5, 3))
    with pytest.raises(InputError, match="all rows of both languages are equal"):
        mean_share(torch.ones(5, 4), torch.ones(3, 4))


def test_a_probe_finds_an_offset_and_nothing_else():
    meaning = draw(100, 8)
    alike = {"a": meaning + 0.1 * draw(100, 8, seed=1), "b": meaning + 0.1 * draw(100, 8, seed=2)}
    found = language_probe(alike)
    assert found.chance == 0.5 and len(found.folds) == 5 and abs(found.accuracy - 0.5) < 0.15
    offset = torch.zeros(8)
    offset[0] = 6
    apart = alike | {"b": alike["b"] + offset, "c": alike["b"] - offset}
    found = language_probe(apart)
    assert found.accuracy > 0.95 and found.chance == pytest.approx(1 / 3)
    assert found == language_probe(apart), "it is deterministic"
    half = language_probe({name: rows.to(torch.float16) * 1e4 for name, rows in alike.items()})
    assert 0 <= half.accuracy <= 1


def test_a_sentence_is_in_one_fold_in_all_languages(monkeypatch):
    seen = []
    from sklearn.model_selection import GroupKFold

    split = GroupKFold.split

    def spy(self, X, y=None, groups=None):
        for fit, test in split(self, X, y, groups):
            seen.append((set(groups[fit]), set(groups[test]), np.bincount(y[test])))
            yield fit, test

    monkeypatch.setattr(GroupKFold, "split", spy)
    language_probe({"a": draw(40, 4), "b": draw(40, 4, seed=1)}, groups=torch.arange(40) // 4)
    assert len(seen) == 5 and all(not fit & test and len(test) == 2 for fit, test, _ in seen)
    assert all(counts.tolist() == [8, 8] for _, _, counts in seen)


def test_probes_that_cannot_be_are_refused():
    X = draw(10, 4)
    for states, options, message in (
        ({"a": X}, {}, "two languages"),
        ({"a": X, "b": X[:9]}, {}, "same sentences"),
        ({"a": X, "b": X * float("inf")}, {}, "finite"),
        ({"a": X, "b": X}, {"folds": 11}, "11 folds of 10 groups"),
        ({"a": X, "b": X}, {"groups": [1, 2]}, "2 groups for 10 sentences"),
        ({"a": 0 * X, "b": 0 * X}, {}, "all rows are equal"),
    ):
        with pytest.raises(InputError, match=message):
            language_probe(states, **options)
