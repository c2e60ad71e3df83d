"""Where new latent codes come from: the prior of a variant, or a density fitted to training codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skae._inner import fit_inner

SAMPLERS = ("auto", "prior", "gaussian", "mixture", "kernel")
# Components of the mixture (Ghosh et al., 2020), and codes that each should have.
COMPONENTS, CODES_A_COMPONENT = 10, 10


class Prior:
    """Draws of the density that codes are trained towards: standard normal, or even on a sphere."""

    def __init__(self, kind: str, n_components: int):
        self.kind = kind
        self.n_components = n_components

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        Z = random.standard_normal((n_samples, self.n_components))
        if self.kind == "sphere":
            Z *= np.sqrt(self.n_components) / np.linalg.norm(Z, axis=1, keepdims=True)
        return Z


class Codes:
    """Draws of an even mixture of normal codes.

    Parameters
    ----------
    mean, deviation : ndarray of shape (n, n_components)
    """

    def __init__(self, mean: np.ndarray, deviation: np.ndarray):
        self.mean, self.deviation = mean, deviation

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        chosen = random.randint(len(self.mean), size=n_samples)
        return self.mean[chosen] + self.deviation[chosen] * random.standard_normal((n_samples, self.mean.shape[1]))


class Density:
    """A density of scikit-learn, fitted to codes.

    Parameters
    ----------
    model : GaussianMixture or KernelDensity
    """

    def __init__(self, model: Any):
        self.model = model

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        if isinstance(self.model, GaussianMixture):
            # It draws with its own random_state, component by component.
            self.model.random_state = random
            Z = self.model.sample(n_samples)[0]
            self.model.random_state = None
            return random.permutation(Z)
        return self.model.sample(n_samples, random_state=random)


class Books:
    """Vectors of quantized codes: the first book's by their frequency, every other by that beside the one before.

    Parameters
    ----------
    indices : ndarray of shape (n, n_codebooks), int
        The training codes' vectors.
    size : int
        Vectors in a book.
    """

    def __init__(self, indices: np.ndarray, size: int):
        self.first = np.bincount(indices[:, 0], minlength=size) / len(indices)
        self.next = []
        for before, after in zip(indices.T[:-1], indices.T[1:], strict=True):
            pairs = np.zeros((size, size))
            np.add.at(pairs, (before, after), 1.0)
            # What was never seen after a vector is as likely as everywhere.
            pairs += np.bincount(after, minlength=size) / len(indices)
            self.next.append(pairs / pairs.sum(1, keepdims=True))

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Indices (n_samples, n_codebooks)."""
        drawn = [random.choice(len(self.first), n_samples, p=self.first)]
        for table in self.next:
            reached = table[drawn[-1]].cumsum(1) > random.uniform(size=(n_samples, 1))
            drawn.append(reached.argmax(1))
        return np.stack(drawn, axis=1)


def fit_density(kind: str, Z: np.ndarray, seed: int) -> Density:
    """A density of ``kind`` fitted to codes (n, n_components)."""
    Z = np.asarray(Z, dtype=np.float64)
    if len(Z) == 1:
        Z = np.repeat(Z, 2, axis=0)
    spread = float(Z.var(0).mean()) or 1.0
    if kind == "kernel":
        # Scott's (1992) rule, for codes of about equal spread.
        width = np.sqrt(spread) * len(Z) ** (-1 / (Z.shape[1] + 4))
        return Density(fit_inner(KernelDensity(bandwidth=max(width, 1e-6)), Z))
    n_components = 1
    if kind == "mixture":
        n_distinct = len(np.unique(Z.astype(np.float32), axis=0))
        n_components = max(1, min(COMPONENTS, len(Z) // CODES_A_COMPONENT, n_distinct // 2))
    return Density(fit_mixture(Z, n_components, 1e-6 * spread + 1e-12, seed))


def fit_mixture(Z: np.ndarray, n_components: int, reg_covar: float, seed: int) -> GaussianMixture:
    """A Gaussian mixture that starts at clusters of k-means, as scikit-learn's does.

    The clusters are found here, because scikit-learn would fit k-means by a ``fit`` that others may have replaced.
    """
    clusters = fit_inner(KMeans(n_components, n_init=1, random_state=seed), Z).labels_
    members = [Z[clusters == number] for number in range(n_components)]
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False, bias=True)) for rows in members]
    model = GaussianMixture(
        n_components,
        reg_covar=reg_covar,
        random_state=seed,
        max_iter=200,
        tol=1e-2,
        weights_init=[len(rows) / len(Z) for rows in members],
        means_init=[rows.mean(0) for rows in members],
        precisions_init=[np.linalg.inv(covariance + reg_covar * np.eye(Z.shape[1])) for covariance in covariances],
    )
    return fit_inner(model, Z, "fit_predict")


def on_the_way(a: np.ndarray, b: np.ndarray, steps: int, sphere: bool) -> np.ndarray:
    """Codes (n, steps, n_components) from ``a`` to ``b`` (n, n_components), along lines or great circles."""
    share = np.linspace(0, 1, steps)[None, :, None]
    a, b = a[:, None].astype(np.float64), b[:, None].astype(np.float64)
    if not sphere:
        return (1 - share) * a + share * b
    lengths = np.linalg.norm(a, axis=2) * np.linalg.norm(b, axis=2)
    angle = np.arccos(np.clip((a * b).sum(2) / np.maximum(lengths, 1e-12), -1, 1))[..., None]
    flat = np.sin(angle) < 1e-6
    sine = np.where(flat, 1.0, np.sin(angle))
    arc = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / sine
    return np.where(flat, (1 - share) * a + share * b, arc)
