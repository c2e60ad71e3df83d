"""Densities that are fitted to codes, to draw new codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity, NearestNeighbors

from skae._inner import fit_inner
from skae.model import Sampler

SAMPLERS = ("auto", "prior", "gaussian", "mixture", "kernel")
# Largest number of mixture components (Ghosh et al., 2020), and smallest number of codes per component.
N_COMPONENTS, CODES_PER_COMPONENT = 10, 10
# Neighborhoods of examples: number of training codes, and the share of the covariance within neighborhoods that kernels
# have (benchmarks/README.md). At most MEASURED neighborhoods are averaged.
N_NEIGHBORS, SHARE, MEASURED = 10, 0.5, 1000
# Draws of the kernel density that the other densities of examples are fitted to.
N_DRAWS = 1000


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


@dataclass(frozen=True)
class NormalKernels(Sampler):
    """A kernel density: normal kernels at ``centers`` (n, n_components) with the covariance ``root @ root.T``."""

    centers: np.ndarray
    root: np.ndarray

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        noise = random.standard_normal((n_samples, len(self.root)))
        return self.centers[random.randint(len(self.centers), size=n_samples)] + noise @ self.root.T


def fit_examples(kind: str, Z: np.ndarray, train_codes: np.ndarray, seed: int) -> Sampler:
    """Fit a density to the codes of examples, (n, n_components); "auto" is "kernel".

    A few examples do not determine a covariance. Their kernels have half of the covariance within the neighborhoods of
    training codes around them, as in manifold Parzen windows (Vincent and Bengio, 2003). The other densities are fitted
    to draws of the kernel density.
    """
    Z, distinct = Z.astype(np.float64), np.unique(train_codes.astype(np.float64), axis=0)
    measured = Z[np.linspace(0, len(Z) - 1, min(len(Z), MEASURED)).astype(np.intp)]
    neighbors = fit_inner(NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(distinct))), distinct)
    members = distinct[neighbors.kneighbors(measured, return_distance=False)]
    deviations = (members - members.mean(1, keepdims=True)).reshape(-1, Z.shape[1])
    covariance = deviations.T @ deviations / (len(measured) * max(members.shape[1] - 1, 1))
    values, vectors = np.linalg.eigh(SHARE * covariance)
    kernels = NormalKernels(Z, vectors * np.sqrt(values.clip(min=0)))
    if kind in ("auto", "kernel"):
        return kernels
    return fit_density(kind, kernels.sample(max(N_DRAWS, len(Z)), np.random.RandomState(seed)), seed)


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
    inverses = [np.linalg.inv(covariance + reg_covar * np.eye(Z.shape[1])) for covariance in covariances]
    model = GaussianMixture(
        n_components,
        reg_covar=reg_covar,
        random_state=seed,
        max_iter=200,
        tol=1e-2,
        weights_init=[len(rows) / len(Z) for rows in clusters],
        means_init=[rows.mean(0) for rows in clusters],
        # Inverses of covariances of few codes are not symmetric up to the tolerance of scikit-learn.
        precisions_init=[(inverse + inverse.T) / 2 for inverse in inverses],
    )
    return fit_inner(model, Z, "fit_predict")
