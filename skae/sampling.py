"""Densities that are fitted to codes, to draw new codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from skae._inner import fit_inner
from skae.model import Sampler

SAMPLERS = ("auto", "prior", "gaussian", "mixture", "kernel")
# Largest number of mixture components (Ghosh et al., 2020), and smallest number of codes per component.
N_COMPONENTS, CODES_PER_COMPONENT = 10, 10
# Kernels: number of codes in a neighborhood, and the share of the covariance within neighborhoods that kernels have
# (benchmarks/README.md). At most MEASURED neighborhoods are averaged.
N_NEIGHBORS, SHARE, MEASURED = 10, 0.5, 1000
# Draws of the kernel density that the other densities of examples are fitted to.
N_DRAWS = 1000


@dataclass(frozen=True)
class Mixture(Sampler):
    """A fitted Gaussian mixture of scikit-learn."""

    model: GaussianMixture

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        # ``sample`` uses random_state, and returns the codes of one component after the other.
        self.model.random_state = random
        Z = self.model.sample(n_samples)[0]
        self.model.random_state = None
        return random.permutation(Z)


@dataclass(frozen=True)
class NormalKernels(Sampler):
    """A kernel density: normal kernels at ``centers`` (n, n_components) with the covariance ``root @ root.T``.

    All centers are drawn equally often, up to one draw, so that samples have the distribution of the centers.
    """

    centers: np.ndarray
    root: np.ndarray

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        noise = random.standard_normal((n_samples, len(self.root)))
        n_rounds = -(-n_samples // len(self.centers))
        order = np.concatenate([random.permutation(len(self.centers)) for _ in range(n_rounds)])
        return self.centers[order[:n_samples]] + noise @ self.root.T


def fit_examples(kind: str, Z: np.ndarray, train_codes: np.ndarray, seed: int) -> Sampler:
    """Fit a density to the codes of examples, which may be few: all but kernels are fitted to draws of the kernels."""
    kernels = fit_kernels(Z, train_codes)
    if kind in ("auto", "kernel"):
        return kernels
    return fit_density(kind, kernels.sample(max(N_DRAWS, len(Z)), np.random.RandomState(seed)), seed)


def fit_density(kind: str, Z: np.ndarray, seed: int) -> Sampler:
    """Fit a density, "gaussian", "mixture", or "kernel", which is also "auto", to codes (n, n_components)."""
    if kind in ("auto", "kernel"):
        return fit_kernels(Z, Z)
    Z = np.asarray(Z, dtype=np.float64)
    if len(Z) == 1:
        Z = np.repeat(Z, 2, axis=0)
    n_components = 1
    if kind == "mixture":
        n_distinct = len(np.unique(Z.astype(np.float32), axis=0))
        n_components = max(1, min(N_COMPONENTS, len(Z) // CODES_PER_COMPONENT, n_distinct // 2))
    variance = float(Z.var(0).mean()) or 1.0
    return Mixture(fit_mixture(Z, n_components, 1e-6 * variance + 1e-12, seed))


def fit_kernels(centers: np.ndarray, train_codes: np.ndarray) -> NormalKernels:
    """Kernels with half of the mean covariance of the training codes nearest to each of ``centers``.

    They are manifold Parzen windows (Vincent and Bengio, 2003) with one covariance for all centers.
    """
    centers, distinct = centers.astype(np.float64), np.unique(train_codes.astype(np.float64), axis=0)
    measured = centers[np.linspace(0, len(centers) - 1, min(len(centers), MEASURED)).astype(np.intp)]
    neighbors = fit_inner(NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(distinct))), distinct)
    members = distinct[neighbors.kneighbors(measured, return_distance=False)]
    deviations = (members - members.mean(1, keepdims=True)).reshape(-1, centers.shape[1])
    covariance = deviations.T @ deviations / (len(measured) * max(members.shape[1] - 1, 1))
    values, vectors = np.linalg.eigh(SHARE * covariance)
    return NormalKernels(centers, vectors * np.sqrt(values.clip(min=0)))


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
