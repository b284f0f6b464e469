"""The nearest class mean, beside scikit-learn's, and what it refuses."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid

from workbench.core.errors import InputError
from workbench.tasks import prototypes


def planted(n=300, d=16, classes=4, noise=3.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    labels[:classes] = range(classes)
    states = rng.normal(size=(classes, d))[labels] + noise * rng.normal(size=(n, d)) + 50.0
    return torch.tensor(states, dtype=torch.float32), torch.tensor(labels)


def test_the_nearest_mean_is_scikit_learns():
    states, labels = planted()
    made = prototypes(states[:200], labels[:200])
    other = NearestCentroid().fit(states[:200].double().numpy(), labels[:200].numpy())
    assert (made.predict(states[200:]).numpy() == other.predict(states[200:].double().numpy())).all()
    assert torch.allclose(made.means, torch.tensor(other.centroids_))


def test_scores_are_distances_and_planted_classes_are_found():
    states, labels = planted(noise=0.1)
    made = prototypes(states[:150], labels[:150])
    assert (made.predict(states[150:]) == labels[150:]).all()
    naive = [[-float((s.double() - m).pow(2).sum().sqrt()) for m in made.means] for s in states[150:160]]
    assert torch.allclose(made.scores(states[150:160]), torch.tensor(naive, dtype=torch.float64))


def test_cosine_sees_no_length():
    states = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    cosine = prototypes(states, torch.tensor([0, 1]), distance="cosine")
    assert cosine.predict(torch.tensor([[9.0, 8.0], [0.1, 0.2]])).tolist() == [0, 1]
    assert torch.allclose(cosine.scores(states), torch.eye(2, dtype=torch.float64))


def test_a_class_without_a_state_has_no_prototype():
    states = torch.zeros(3, 2)
    for labels, options, message in [
        ([0, 1, 3], {}, "labels must be 0 … 3, each there at least once"),
        ([0, 1, 1], {"classes": 3}, "labels must be 0 … 2"),
        ([0, 1, 2], {"classes": 2}, "labels must be 0 … 1"),
        ([-1, 0, 1], {}, "labels must be 0 … 1"),
        ([0, 1], {}, "give items × d and a label for each"),
        ([0, 1, 1], {"distance": "cosin"}, "did you mean 'cosine'"),
    ]:
        with pytest.raises(InputError, match=message):
            prototypes(states, torch.tensor(labels), **options)
    with pytest.raises(InputError, match="they must be items × 2, as fitted"):
        prototypes(states, torch.tensor([0, 1, 1])).predict(torch.zeros(4, 3))
