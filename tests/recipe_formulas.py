"""Each recipe's formula once more, in a few lines over plain tensors: the reference that recipes are held to.

`FORMULAS[name](plain, source, target, configuration)` gives (component, layer) → function of states, for
one configuration of the recipe; of the configuration it reads where and how strongly, never its maps.
"""

from functools import partial
from itertools import product

import numpy as np
import torch
from scipy.spatial.distance import cdist, pdist
from scipy.special import logsumexp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge as SklearnRidge

from workbench.align.solvers import PENALTIES
from workbench.methods.recipes.maps import BLUR


def where(configuration):
    return [(str(site.component), site.layer) for site, _ in configuration.parts]


def means(plain, source, target, at, pool="last"):
    read = getattr(plain, pool)
    return read(source, *at).double().mean(0), read(target, *at).double().mean(0)


def least_squares(X, Y):
    return torch.linalg.pinv(X.double()) @ Y.double()


def incline(plain, source, target, configuration, pool="last"):
    read, changes = getattr(plain, pool), {}
    for at in where(configuration):
        W = least_squares(read(source, *at), read(target, *at))
        changes[at] = lambda h, W=W: h + configuration.strength * (h.double() @ W).float()
    return changes


def incline_released(plain, source, target, configuration):
    return incline(plain, source, target, configuration, "mean")


def mean_difference(plain, source, target, configuration, pool="last"):
    (at,) = where(configuration)
    s, t = means(plain, source, target, at, pool)
    return {at: lambda h: h + configuration.strength * (t - s).float()}


def mean_difference_all(plain, source, target, configuration):
    return mean_difference(plain, source, target, configuration, "mean")


def shifcon(plain, source, target, configuration, same=False):
    to, back = where(configuration)
    s, t = means(plain, source, target, to, "mean")
    s2, t2 = (s, t) if same else means(plain, source, target, back, "mean")
    return {to: lambda h: (h - s + t).float(), back: lambda h: (h - t2 + s2).float()}


def shifcon_inverse(plain, source, target, configuration):
    return shifcon(plain, source, target, configuration, same=True)


def procrustes_greedy(plain, source, target, configuration):
    changes = {}
    for at in where(configuration):
        X, Y = plain.last(source, *at).double(), plain.last(target, *at).double()
        s, t = X.mean(0), Y.mean(0)
        U, _, Vh = torch.linalg.svd((X - s).mT @ (Y - t))
        changes[at] = lambda h, s=s, t=t, R=U @ Vh: ((h - s) @ R + t).float()
    return changes


def cc_tuning(plain, source, target, configuration):
    X, Y = (
        torch.cat([plain.last(side, "mlp_out", layer) for layer in range(4)]) for side in (source, target)
    )
    W = least_squares(X, Y)
    return dict.fromkeys(
        where(configuration), lambda h: h + configuration.strength * (h.double() @ W).float()
    )


def clas_bench(plain, source, target, configuration):
    (at,) = where(configuration)
    s, t = means(plain, source, target, at, "mean")
    n = plain.mean(source, *at).norm(dim=1).mean()
    return {at: lambda h: h + (configuration.strength * n * (t - s) / (t - s).norm()).float()}


def itlc(plain, source, target, configuration):
    """With two languages the LDA direction is Σ⁻¹ (μ_t − μ_s)."""
    (at,) = where(configuration)
    assert at[1] == 2  # L/2 of 4
    X, Y = (plain.mean(side, *at).double().numpy() for side in (source, target))
    lda = LinearDiscriminantAnalysis(solver="eigen").fit(np.concatenate([X, Y]), [0] * len(X) + [1] * len(Y))
    w = lda.scalings_[:, :1]
    step = torch.tensor(((Y.mean(0) - X.mean(0)) @ w) @ np.linalg.pinv(w))
    return {at: lambda h: h + configuration.strength * step.float()}


def recover(plain, source, target, configuration):
    def change(s, t):
        def changed(h):
            new = h + configuration.strength * (t - s)
            return (new * h.norm(dim=-1, keepdim=True) / new.norm(dim=-1, keepdim=True)).float()

        return changed

    return {at: change(*means(plain, source, target, at, "mean")) for at in where(configuration)}


def interpolated(configuration, image):
    (at,) = where(configuration)
    a = configuration.strength
    return {at: lambda h: ((1 - a) * h + a * torch.as_tensor(image(h.double().numpy()))).float()}


def ridge(X, Y):
    """Scikit-learn's ridge, at the penalty that leaving each row out by itself prefers."""
    _, S, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    unit = (S**2).sum() / min(len(X), X.shape[1])

    def left_out(penalty):
        """By the hat matrix: e_i / (1 − H_ii)."""
        A = X - X.mean(0)
        H = A @ np.linalg.solve(A.T @ A + penalty * unit * np.eye(A.shape[1]), A.T) + 1 / len(A)
        return (((Y - H @ Y) / (1 - np.diag(H))[:, None]) ** 2).sum()

    best = min(PENALTIES, key=left_out)
    return SklearnRidge(alpha=best * unit, solver="svd").fit(X, Y).predict


def pair_at(plain, source, target, configuration, pool="last"):
    (at,) = where(configuration)
    return tuple(getattr(plain, pool)(side, *at).double().numpy() for side in (source, target))


def embedding_linear(plain, source, target, configuration):
    return interpolated(configuration, ridge(*pair_at(plain, source, target, configuration, "mean")))


def residual_mlp(plain, source, target, configuration, hidden=128, steps=400, patience=40, rate=3e-3):
    """Ridge on four fifths of the pairs, and Adam by hand on what it leaves there, in doubles."""
    X, Y = pair_at(plain, source, target, configuration)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(X), generator=generator).numpy()
    start = torch.randn(X.shape[1], hidden, generator=generator).double().numpy()
    watched, learned = np.split(order, [round(0.2 * len(X))])
    linear = ridge(X[learned], Y[learned])
    mean, spread = X[learned].mean(0), X[learned].std(0, ddof=1).mean()
    left = Y - linear(X)
    unit = np.sqrt((left[learned] ** 2).mean())
    Z, T = (X - mean) / spread, left / unit
    first, second = start * np.sqrt(2 / X.shape[1]), np.zeros((hidden, Y.shape[1]))
    W = [first, np.zeros(hidden), second, np.zeros(Y.shape[1])]

    def network(W, Z):
        return np.maximum(Z @ W[0] + W[1], 0) @ W[2] + W[3]

    m, v = ([np.zeros_like(w) for w in W] for _ in range(2))
    best, at, kept = (T[watched] ** 2).mean(), 0, None
    for step in range(1, steps + 1):
        inside = Z[learned] @ W[0] + W[1]
        out = 2 * (network(W, Z[learned]) - T[learned]) / T[learned].size
        back = (out @ W[2].T) * (inside > 0)
        gradients = [Z[learned].T @ back, back.sum(0), np.maximum(inside, 0).T @ out, out.sum(0)]
        m = [0.9 * a + 0.1 * g for a, g in zip(m, gradients, strict=True)]
        v = [0.999 * a + 0.001 * g**2 for a, g in zip(v, gradients, strict=True)]
        W = [
            w - rate * (a / (1 - 0.9**step)) / (np.sqrt(b / (1 - 0.999**step)) + 1e-8)
            for w, a, b in zip(W, m, v, strict=True)
        ]
        error = ((network(W, Z[watched]) - T[watched]) ** 2).mean()
        if error < best:
            best, at, kept = error, step, W
        elif step - at >= patience:
            break
    added = (lambda h: 0) if kept is None else (lambda h: unit * network(kept, (h - mean) / spread))
    return interpolated(configuration, lambda h: linear(h) + added(h))


def optimal_transport(plain, source, target, configuration):
    """Sinkhorn's turns on the logarithms of both scalings, until nothing moves any more."""
    X, Y = pair_at(plain, source, target, configuration)
    cost = cdist(X - X.mean(0), Y - Y.mean(0)) ** 2
    kernel, u, before = -cost / (BLUR * cost.mean()), np.zeros(len(X)), np.inf
    while np.abs(u - before).max() > 1e-9:
        v = -np.log(len(Y)) - logsumexp(kernel + u[:, None], axis=0)
        u, before = -np.log(len(X)) - logsumexp(kernel + v, axis=1), u
    plan = np.exp(u[:, None] + kernel + v)
    return interpolated(configuration, ridge(X, len(X) * plan @ Y))


def kernel_ridge(plain, source, target, configuration):
    """With more landmarks than rows: kernel ridge, on a centred kernel."""
    X, Y = pair_at(plain, source, target, configuration)
    width = np.median(pdist(X))
    gram = np.exp(-(cdist(X, X) ** 2) / (2 * width**2))
    centre = np.eye(len(X)) - 1 / len(X)
    K = centre @ gram @ centre
    unit = np.trace(K) / (len(X))

    def solved(penalty):
        return np.linalg.inv(K + penalty * unit * np.eye(len(X)))

    def left_out(penalty):
        H = K @ solved(penalty) + 1 / len(X)
        return (((Y - H @ Y) / (1 - np.diag(H))[:, None]) ** 2).sum()

    c = solved(min(PENALTIES, key=left_out)) @ (Y - Y.mean(0))

    def image(h):
        k = np.exp(-(cdist(h, X) ** 2) / (2 * width**2))
        return (k - gram.mean(0)) @ centre @ c + Y.mean(0)

    return interpolated(configuration, image)


def adaptive_strength(plain, source, target, configuration):
    X, Y = pair_at(plain, source, target, configuration)
    mapped, s, t = ridge(X, Y), X.mean(0), Y.mean(0)

    def image(h):
        share = np.clip((h - t) @ (s - t) / ((s - t) @ (s - t)), 0, 2)[:, None]
        return h + share * (mapped(h) - h)

    return interpolated(configuration, image)


def self_learning(plain, source, target, configuration):
    X, Y = pair_at(plain, source, target, configuration)
    A, B = X - X.mean(0), Y - Y.mean(0)
    R, pairs = np.eye(A.shape[1]), None
    for _ in range(20):
        score = csls(A @ R, B)
        found = [(i, j) for i in range(len(A)) for j in range(len(B)) if mutual(score, i, j)]
        if found == pairs:
            break
        pairs = found
        i, j = map(list, zip(*pairs, strict=True))
        # Fewer pairs than dimensions leave R open: the one nearest to the identity.
        R = nearest_rotation(A[i], B[j])
    return interpolated(configuration, lambda h: (h - X.mean(0)) @ R + Y.mean(0))


def csls(X, Y, k=10):
    cosine = np.array([[x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in Y] for x in X])
    return 2 * cosine - np.sort(cosine, 1)[:, -k:].mean(1)[:, None] - np.sort(cosine, 0)[-k:].mean(0)


def mutual(score, i, j):
    return score[i].argmax() == j and score[:, j].argmax() == i


def nearest_rotation(A, B):
    """argmax tr(Rᵀ (Aᵀ B + ε I)), ε → 0: of all rotations that fit best, the nearest to I."""
    M = A.T @ B
    U, _, Vh = np.linalg.svd(M + 1e-9 * np.abs(M).max() * np.eye(len(M)))
    return U @ Vh


def choice_ends(plain, component, layer):
    """At the end of each item's prompt and right choice, and of each wrong one: [item (choice) width]."""
    right, wrong = [], []
    for item in plain.items:
        ends = [plain.last([item.prompt + choice], component, layer)[0] for choice in item.choices]
        right.append(ends.pop(item.answer).double())
        wrong.append(torch.stack(ends).double())
    return torch.stack(right), torch.stack(wrong)


def caa(plain, source, target, configuration):
    (at,) = where(configuration)
    right, wrong = choice_ends(plain, *at)
    return {at: lambda h: h + configuration.strength * (right.mean(0) - wrong.mean((0, 1))).float()}


def iti(plain, source, target, configuration):
    """The tiny model has 4 layers of 4 heads, 8 wide; a twentieth of 16 is one head."""
    best = (-1.0, None)
    for layer, head in product(range(4), range(4)):
        part = slice(8 * head, 8 * head + 8)
        right, wrong = (rows[..., part].numpy() for rows in choice_ends(plain, "head_out", layer))
        a, b = right[::2].mean(0), wrong[::2].mean((0, 1))
        within = np.concatenate([right[::2] - a, (wrong[::2] - b).reshape(-1, 8)])
        cov = within.T @ within / len(within)
        line = np.linalg.inv(cov + 0.1 * np.trace(cov) / 8 * np.eye(8)) @ (a - b)
        hits = (right[1::2] - (a + b) / 2) @ line > 0
        passed = (wrong[1::2].reshape(-1, 8) - (a + b) / 2) @ line <= 0
        accuracy = (hits.mean() + passed.mean()) / 2
        if accuracy > best[0] + 1e-12:
            wrong = wrong.reshape(-1, 8)
            u = right.mean(0) - wrong.mean(0)
            u /= np.linalg.norm(u)
            step = np.zeros(32)
            step[part] = (np.concatenate([right, wrong]) @ u).std(ddof=1) * u
            best = accuracy, (layer, torch.tensor(step).float())
    layer, step = best[1]
    assert where(configuration) == [("head_out", layer)]
    return {("head_out", layer): lambda h: h + configuration.strength * step}


LAPE_SHARE = 0.05
"""The hundredth of the paper is 3 of the tiny model's neurons."""


def lape(plain, source, target, configuration):
    p = np.array(
        [
            [
                np.concatenate([(plain.states(t, "mlp_act", at)[1:] > 0).numpy() for t in side]).mean(0)
                for at in range(4)
            ]
            for side in (source, target)
        ]
    )
    share = p / np.maximum(p.sum(0), 1e-300)
    entropy = -np.where(share > 0, share * np.log(np.where(share > 0, share, 1)), 0).sum(0)
    often = np.quantile(p, 0.95)
    entropy[(p <= often).all(0)] = np.inf
    count = round(LAPE_SHARE * entropy.size)
    chosen = [divmod(int(i), entropy.shape[1]) for i in np.argsort(entropy, axis=None, kind="stable")[:count]]
    changes = {}
    for layer, neuron in chosen:
        if p[0, layer, neuron] > often:
            changes.setdefault(("mlp_act", layer), []).append(neuron)
    assert sorted(changes) == where(configuration)

    def quieter(neurons, h):
        h = h.clone()
        h[:, neurons] *= 1 - configuration.strength
        return h

    return {at: partial(quieter, neurons) for at, neurons in changes.items()}


def affine_shortcut(plain, source, target, configuration, to=None):
    (at, top), kept = where(configuration), []
    assert top == ("resid_post", 3)
    X = plain.last(source, *at).double().numpy()
    mapped = ridge(X, plain.last(to or source, *top).double().numpy())
    a = configuration.strength

    def leave(h):
        return ((1 - a) * h + a * torch.as_tensor(mapped(kept[-1].double().numpy()))).float()

    return {at: lambda h: kept.append(h.clone()) or h, top: leave}


def affine_shortcut_target(plain, source, target, configuration):
    return affine_shortcut(plain, source, target, configuration, to=target)


def kl_calibrated(plain, source, target, configuration):
    return interpolated(configuration, ridge(*pair_at(plain, source, target, configuration)))


FORMULAS = {
    "incline_paper": incline,
    "incline_released": incline_released,
    "incline_single": incline,
    "incline_attention": incline,
    "incline_mlp": incline,
    "incline_embedding": incline,
    "mean_difference": mean_difference,
    "mean_difference_all": mean_difference_all,
    "shifcon": shifcon,
    "shifcon_inverse": shifcon_inverse,
    "procrustes_greedy": procrustes_greedy,
    "cc_tuning": cc_tuning,
    "clas_bench": clas_bench,
    "itlc": itlc,
    "recover": recover,
    "embedding_linear": embedding_linear,
    "kernel_ridge": kernel_ridge,
    "optimal_transport": optimal_transport,
    "residual_mlp": residual_mlp,
    "adaptive_strength": adaptive_strength,
    "self_learning": self_learning,
    "caa": caa,
    "iti": iti,
    "lape": lape,
    "kl_calibrated": kl_calibrated,
    "affine_shortcut": affine_shortcut,
    "affine_shortcut_target": affine_shortcut_target,
}

POSITIONS = {
    "mean_difference_all": "all",
    "shifcon": "all",
    "shifcon_inverse": "all",
    "cc_tuning": "prompt",
    "clas_bench": "all",
    "itlc": "all",
    "recover": "all",
    "lape": "all",
    "embedding_linear": "prompt",
}
"""Where a formula is applied, if not at the last prompt token."""
