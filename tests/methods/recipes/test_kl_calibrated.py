"""Strengths that shift the output by so many nats: measured as by hand, and found between points tried."""

import pytest
import torch

from workbench.align import Ridge
from workbench.methods.recipes import RECIPES
from workbench.methods.recipes.maps import SENTENCES, TARGETS, TRIED, output_shifts, strength_for


def mean_shift(plain, sentences, layer, map, strength):
    total = 0.0
    for sentence in sentences:
        ids = plain.ids(sentence)

        def patch(h):
            h = h.clone()
            h[-1] = (1 - strength) * h[-1] + strength * map.transform(h[-1:])[0]
            return h

        with torch.no_grad():
            clean = plain.model(ids).logits[0, -1].log_softmax(-1)
            with plain.hooked({("resid_post", layer): patch}):
                patched = plain.model(ids).logits[0, -1].log_softmax(-1)
        total += float((clean.exp() * (clean - patched)).sum())
    return total / len(sentences)


def test_shifts_are_those_measured_one_sentence_at_a_time(given, plain, pairs):
    maps = given.fit(Ridge())
    shifts = output_shifts(given, {layer: maps[layer] for layer in (0, 3)})
    for layer, found in shifts.items():
        for at in (3, 15):
            expected = mean_shift(plain, pairs[0][:SENTENCES], layer, maps[layer], TRIED[at])
            assert found[at] == pytest.approx(expected, rel=1e-3)


def test_a_configuration_shifts_the_output_by_what_it_was_asked_for(given, plain, pairs):
    configurations = RECIPES["kl_calibrated"].configurations(given)
    assert configurations and len(configurations) <= 4 * len(TARGETS)
    for configuration in configurations[::3]:
        shift = mean_shift(
            plain, pairs[0][:SENTENCES], configuration.site.layer, configuration.map, configuration.strength
        )
        assert min(abs(shift - nats) / nats for nats in TARGETS) < 0.1


def test_between_two_strengths_the_shift_is_a_straight_line():
    shifts = [i / 10 for i in range(1, 17)]
    assert strength_for(0.15, shifts) == pytest.approx(1.5 / 16)
    assert strength_for(0.05, shifts) == pytest.approx(0.5 / 16)
    assert strength_for(1.7, shifts) is None
