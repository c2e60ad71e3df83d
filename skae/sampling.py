"""Densities that are fitted to training codes, to draw new codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skae._inner import fit_inner
from skae.model import Sampler

SAMPLERS = ("auto", "prior", "gaussian", "mixture", "kernel")
# Largest number of mixture components (Ghosh et al., 2020), and smallest number of codes per component.
N_COMPONENTS, CODES_PER_COMPONENT = 10, 10


@dataclass(frozen=True)
class Density(Sampler):
    """A fitted density of scikit-learn."""

    model: GaussianMixture | KernelDensity

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        if isinstance(self.model, GaussianMixture):
            # ``sample`` uses random_state, and returns the codes of one component after the other.
            self.model.random_state = random
            Z = self.model.sample(n_samples)[0]
            self.model.random_state = None
            return random.permutation(Z)
        return self.model.sample(n_samples, random_state=random)


def fit_density(kind: str, Z: np.ndarray, seed: int) -> Density:
    """Fit a density, "gaussian", "mixture" or "kernel", to codes (n, n_components)."""
    Z = np.asarray(Z, dtype=np.float64)
    if len(Z) == 1:
        Z = np.repeat(Z, 2, axis=0)
    variance = float(Z.var(0).mean()) or 1.0
    if kind == "kernel":
        # Scott's (1992) rule, for coordinates of about equal variance.
        width = np.sqrt(variance) * len(Z) ** (-1 / (Z.shape[1] + 4))
        return Density(fit_inner(KernelDensity(bandwidth=max(width, 1e-6)), Z))
    n_components = 1
    if kind == "mixture":
        n_distinct = len(np.unique(Z.astype(np.float32), axis=0))
        n_components = max(1, min(N_COMPONENTS, len(Z) // CODES_PER_COMPONENT, n_distinct // 2))
    return Density(fit_mixture(Z, n_components, 1e-6 * variance + 1e-12, seed))


def fit_mixture(Z: np.ndarray, n_components: int, reg_covar: float, seed: int) -> GaussianMixture:
    """Fit a Gaussian mixture that is initialized by k-means, as in scikit-learn."""
    # scikit-learn would call KMeans.fit, which experiment trackers may have wrapped.
    labels = fit_inner(KMeans(n_components, n_init=1, random_state=seed), Z).labels_
    clusters = [Z[labels == number] for number in range(n_components)]
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False, bias=True)) for rows in clusters]
    model = GaussianMixture(
        n_components,
        reg_covar=reg_covar,
        random_state=seed,
        max_iter=200,
        tol=1e-2,
        weights_init=[len(rows) / len(Z) for rows in clusters],
        means_init=[rows.mean(0) for rows in clusters],
        precisions_init=[np.linalg.inv(covariance + reg_covar * np.eye(Z.shape[1])) for covariance in covariances],
    )
    return fit_inner(model, Z, "fit_predict")
