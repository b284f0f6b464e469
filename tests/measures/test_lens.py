"""The lens on plain tensors: its distributions, whose tokens they favour, and what overflows."""

from importlib import import_module

import numpy as np
import pytest
import torch

from workbench.core.errors import InputError
from workbench.measures.geometry import entropy, language_share, lens, read_lens


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def norm(h):
    return h / h.norm(dim=-1, keepdim=True)


W = draw(6, 50, seed=9)
SETS = torch.zeros(3, 50, dtype=torch.bool)
SETS[0, :10] = SETS[1, 10:25] = SETS[2, 20:30] = True


def unembed(h):
    return 5 * h @ W


def test_it_equals_its_formula():
    h = draw(7, 6)
    log_p = lens(h, norm, unembed)
    logits = unembed(norm(h)).double().numpy()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert log_p.dtype == torch.float64 and log_p.exp().numpy() == pytest.approx(p)
    assert entropy(log_p).numpy() == pytest.approx(-(p * np.log(p)).sum(1))
    expected = [p[:, row].sum(1) for row in SETS.numpy()]
    assert language_share(log_p, SETS).numpy() == pytest.approx(np.array(expected))


def test_rows_in_blocks_are_the_same(monkeypatch):
    h, sizes = draw(7, 6), []
    monkeypatch.setattr(import_module("workbench.measures.geometry"), "BLOCK_LOGITS", 100)
    found = read_lens(h, norm, lambda x: sizes.append(len(x)) or unembed(x), SETS)
    log_p = lens(h, norm, unembed)
    assert torch.allclose(found.share, language_share(log_p, SETS))
    assert torch.allclose(found.entropy, entropy(log_p)) and sizes == [2, 2, 2, 1]


def test_extremes_of_a_distribution_have_no_nan():
    logits = torch.tensor([[0.0, float("-inf"), float("-inf")], [1.0, 1.0, float("-inf")]])
    log_p = lens(draw(2, 3), lambda h: h, lambda h: logits)
    assert entropy(log_p).tolist() == pytest.approx([0, np.log(2)])
    share = language_share(log_p, torch.tensor([[True, False, False], [False, True, True]]))
    assert share.flatten().tolist() == pytest.approx([1, 0.5, 0, 0.5])


def test_a_planted_language_has_its_share():
    directions = torch.linalg.qr(draw(6, 6))[0]
    W = torch.stack([directions[0]] * 10 + [directions[1]] * 15 + [directions[2]] * 25, 1)
    h = directions[[0, 1, 1, 2]]
    log_p = lens(h, norm, lambda x: 20 * x @ W)
    assert language_share(log_p, SETS[:2]).argmax(0)[:3].tolist() == [0, 1, 1]
    assert language_share(log_p, SETS[:2])[:, 3].max() < 1e-6


def test_faults_are_refused():
    h, log_p = draw(4, 6), lens(draw(4, 6), norm, unembed)
    empty = SETS.clone()
    empty[1] = False
    for call, message in (
        (lambda: lens(h[0], norm, unembed), "sent d"),
        (lambda: lens(h[:0], norm, unembed), "at least one row"),
        (lambda: read_lens(h[:0], norm, unembed, SETS), "at least one row"),
        (lambda: lens(h * float("nan"), norm, unembed), "finite numbers"),
        (lambda: lens(h, norm, lambda x: (unembed(x) * 1e4).half()), "logits that are not finite"),
        (lambda: lens(h, lambda x: x / 0, unembed), "logits that are not finite"),
        (lambda: lens(h, norm, lambda x: x[0]), "expected .sent vocab."),
        (lambda: language_share(log_p, SETS[:, :9]), "vocab = 50"),
        (lambda: language_share(log_p, SETS.float()), "booleans"),
        (lambda: language_share(log_p, empty), r"rows \[1\] of vocab_sets have no token"),
    ):
        with pytest.raises(InputError, match=message):
            call()
