"""Rows near a plane, and a row far from it."""

import numpy as np


def correlated(n, seed=0):
    """Rows (n, 6) on a plane, plus noise, in mixed units."""
    random = np.random.RandomState(seed)
    plane = random.standard_normal((n, 2)) @ np.random.RandomState(9).standard_normal((2, 6))
    return (plane + 0.1 * random.standard_normal((n, 6))) * np.logspace(-2, 3, 6) + 5


def planted():
    """A row whose first column contradicts the others, though each value alone is usual."""
    row = correlated(400)[:1].copy()
    row[0, 0] = 10 - row[0, 0] + 0.02
    return row


def pictures(n, seed, noise=1.0, brightness=0.0):
    """Pictures (n, 16, 16): nine smooth waves, the first of which is brightness, and noise."""
    random = np.random.RandomState(seed)
    waves = np.cos(np.pi * np.outer(np.arange(3), np.arange(16) + 0.5) / 16)
    sizes = random.standard_normal((n, 3, 3))
    sizes[:, 0, 0] += brightness
    return np.einsum("nij,ia,jb->nab", sizes, waves, waves) + noise * random.standard_normal((n, 16, 16))


X = correlated(400)
