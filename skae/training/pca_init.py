"""PCA of the scaled rows, by which networks are initialized."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from torch import Tensor

from skae._inner import fit_inner
from skae._parameters import InvalidParameterError, is_fraction, warn
from skae.data import Rows, Scaling, SparseRows, slice_length
from skae.data.sources import STORED_VALUES
from skae.exceptions import DivergenceError

from .spec import TrainSpec

# Without a cache of the scaled rows, PCA of at most COVARIANCE_FEATURES features uses the covariance matrix. With more
# features, it starts from the PCA of a sample of SAMPLE_BYTES (float32), and PASSES over all rows refine it.
COVARIANCE_FEATURES = 2048
SAMPLE_BYTES, PASSES = 128 * 2**20, 4
# The covariance of ROWS_PER_FEATURE rows per feature suffices if their total variance differs by at most this share.
ROWS_PER_FEATURE, SAME_VARIANCE = 256, 0.002
# Missing values are filled at most MOST_FILLS times, until they change by less than the share SAME_FILLS; FILLED_VALUES
# of them at a time.
MOST_FILLS, SAME_FILLS, FILLED_VALUES = 30, 0.01, 2**20
# Maximum number of components for a share of the variance.
MAX_COMPONENTS = 256
# Solvers that compute some of the components.
TRUNCATED = ("arpack", "randomized")
# Components (k, n_features), mean (n_features,) and standard deviations along the components (k,).
Components = tuple[np.ndarray, np.ndarray, np.ndarray]


def fit_pca(
    rows: Rows, n_components: int, seed: int, solver: dict[str, Any] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Components (k, n_features), mean, standard deviations of the scaled rows; DivergenceError if squares overflow.

    ``solver`` are parameters of scikit-learn's PCA, ``{"svd_solver": "arpack"}``; by default, the solver is "auto".
    """
    largest = min(len(rows), rows.layout.n_features)
    k, solver = min(n_components, largest), solver or {"svd_solver": "auto"}
    name = solver["svd_solver"]
    if rows.residual is None:
        check_solver(rows, n_components, name)
    # Constant rows have no variance ratios; overflow is detected below.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        try:
            varies = float(rows.layout.scaling.total_variance) > 0
            if isinstance(rows.X, SparseRows) and k < largest and varies and name not in ("full", "randomized"):
                arrays = pca_of_sparse(rows.X, rows.layout.scaling, k, seed, solver)
            elif rows.residual is not None:
                # Coordinates are principal components already, except of the rows of folds.
                arrays = pca_of_covariance(rows, k)
                arrays = (flip_signs(arrays[0]), *arrays[1:])
            elif (
                rows.cache is None
                and not rows.layout.has_missing
                and len(rows) > rows.layout.n_features <= COVARIANCE_FEATURES
                and name not in TRUNCATED
            ):
                arrays = pca_of_covariance(rows, k)
            else:
                arrays = pca_of_sample(rows, k, seed, solver)
        except (ValueError, np.linalg.LinAlgError) as error:
            raise overflow_error(rows) from error
    if not all(np.isfinite(array).all() for array in arrays):
        raise overflow_error(rows)
    components, mean, deviations = (torch.from_numpy(np.array(a, dtype=np.float32, order="C")) for a in arrays)
    return components, mean, deviations


def check_solver(rows: Rows, n_components: int, name: str) -> None:
    """Raise InvalidParameterError if a solver of scikit-learn's PCA cannot compute so many components of the rows."""
    largest = min(len(rows), rows.layout.n_features)
    if name == "arpack" and n_components >= largest:
        raise InvalidParameterError(
            f"svd_solver='arpack' computes fewer components than min(n_samples, n_features) = {largest}. Got "
            f"n_components={n_components}. Pass svd_solver='auto' or a smaller n_components."
        )


def count_components(rows: Rows, n_train: int, spec: TrainSpec) -> int:
    """The number of components of a spec: its int, or what a share of the variance, "mle" or None is for the rows."""
    if spec.n_components is None:
        return all_components(n_train, rows.layout.n_features, spec.svd_solver)
    if isinstance(spec.n_components, str):
        return components_by_likelihood(rows, spec.seed)
    if is_fraction(spec.n_components):
        return components_for_share(rows, spec.n_components, spec.seed, spec.solver)
    return int(spec.n_components)


def all_components(n_rows: int, n_features: int, svd_solver: str = "auto") -> int:
    """The number of components of ``n_components=None``: that of PCA, at most MAX_COMPONENTS, with a warning."""
    # As in PCA, "arpack" computes all but one.
    n_components = max(1, min(n_rows, n_features) - (svd_solver == "arpack"))
    if n_components > MAX_COMPONENTS:
        warn(
            f"n_components=None is {MAX_COMPONENTS} components here, of the {n_components} that PCA has. Pass "
            f"n_components={n_components} for all."
        )
    return min(n_components, MAX_COMPONENTS)


def components_by_likelihood(rows: Rows, seed: int) -> int:
    """The number of principal components of most evidence (Minka, 2000), of all rows or a sample; at least 1."""
    if len(rows) < rows.layout.n_features:
        raise InvalidParameterError(
            f"n_components='mle' needs at least as many samples as features. Got n_samples={len(rows)} and "
            f"n_features={rows.layout.n_features}. Pass an int, or a float: the explained variance to reach."
        )
    sample = sample_rows(rows, rows.layout.n_features, rows.layout.n_features, seed)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        try:
            pca = fit_inner(PCA("mle", svd_solver="full", copy=rows.cache is not None), sample)
        except (ValueError, np.linalg.LinAlgError) as error:
            raise overflow_error(rows) from error
    return max(1, int(pca.n_components_))


def components_for_share(rows: Rows, share: float, seed: int, solver: dict[str, Any] | None = None) -> int:
    """Number of principal components that explain ``share`` of the variance of the rows; at most MAX_COMPONENTS."""
    maximum = min(len(rows), rows.layout.n_features, MAX_COMPONENTS)
    _, _, deviations = fit_pca(rows, maximum, seed, solver)
    explained = np.cumsum(deviations.numpy().astype(np.float64) ** 2)
    total = max(float(rows.layout.scaling.total_variance), explained[-1])
    return min(maximum, int(np.searchsorted(explained, share * total)) + 1)


def sample_rows(rows: Rows, least: int, k: int, seed: int) -> np.ndarray:
    """All rows (n, n_features) if they are cached, else a sample of SAMPLE_BYTES and at least ``least`` rows.

    Missing values are filled by ``k`` components.
    """
    if rows.cache is not None:
        sample = rows.cache.flatten(1).cpu().numpy()
    else:
        size = max(least, SAMPLE_BYTES // (4 * rows.layout.n_features))
        indices = np.sort(np.random.RandomState(seed).permutation(len(rows))[:size])
        sample = rows.take(indices).flatten(1).cpu().numpy()
    return fill_by_pca(sample.copy(), k, seed) if rows.layout.has_missing else sample


def pca_of_sample(rows: Rows, k: int, seed: int, solver: dict[str, Any]) -> Components:
    """PCA of all rows if they are cached, else of a sample of SAMPLE_BYTES, refined on all rows.

    If values are missing, the PCA of the sample is not refined.
    """
    # With ARPACK, the sample has more rows than components.
    sample = sample_rows(rows, k + 1, k, seed)
    pca = fit_inner(PCA(k, random_state=seed % 2**31, copy=rows.cache is not None, **solver), sample)
    if len(sample) < len(rows) and not rows.layout.has_missing:
        return refine_pca(rows, pca.components_)
    return pca.components_, pca.mean_, pca.singular_values_ / np.sqrt(max(1, len(sample) - 1))


def fill_by_pca(x: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Rows (n, n_features), float32, whose missing values are filled in place by regularized iterative PCA.

    Missing values are replaced by their reconstructions until these converge; components are shrunk by the variance of
    the noise (Josse and Husson, 2012).
    """
    rows, columns = np.nonzero(np.isnan(x))
    x[rows, columns] = 0.0
    # With more components, reconstructions of filled values are these values.
    k = max(1, min(k, (min(x.shape) - 1) // 2))
    for _ in range(MOST_FILLS):
        pca = fit_inner(PCA(k, random_state=seed % 2**31), x)
        variances = pca.explained_variance_
        shrunk = np.maximum(variances - pca.noise_variance_, 0) / np.maximum(variances, np.finfo(np.float32).tiny)
        codes = (x - pca.mean_) @ pca.components_.T * shrunk
        before = x[rows, columns]
        for start in range(0, len(rows), FILLED_VALUES):
            at = rows[start : start + FILLED_VALUES], columns[start : start + FILLED_VALUES]
            x[at] = np.einsum("ij,ij->i", codes[at[0]], pca.components_.T[at[1]]) + pca.mean_[at[1]]
        change = np.square(x[rows, columns] - before).sum()
        if change <= SAME_FILLS**2 * np.square(before).sum():
            break
    return x


def refine_pca(rows: Rows, components: np.ndarray) -> Components:
    """PCA of all rows from the components of a sample, by subspace iteration (Halko et al., 2011)."""
    basis, mean = components.T.astype(np.float32), np.zeros(components.shape[1])
    for number in range(PASSES):
        product, inner, total = np.zeros(basis.shape), np.zeros((basis.shape[1],) * 2), np.zeros(len(basis))
        for x in rows.slices(slice_length(len(basis))):
            flat = x.flatten(1).cpu().numpy() - mean.astype(np.float32)
            codes = flat @ basis
            inner += codes.T @ codes
            total += flat.sum(0, dtype=np.float64)
            if number < PASSES - 1:
                product += flat.T @ codes
        if number == 0:
            mean = total / len(rows)
        if number < PASSES - 1:
            basis = np.linalg.qr(product)[0].astype(np.float32)
    variances, rotation = np.linalg.eigh(inner / (len(rows) - 1))
    return (basis @ rotation[:, ::-1]).T, mean, np.sqrt(np.maximum(variances[::-1], 0))


def pca_of_sparse(X: SparseRows, scaling: Scaling, k: int, seed: int, solver: dict[str, Any]) -> Components:
    """PCA of CSR rows without a dense copy, by ARPACK or the covariance matrix."""
    scaled, mean = scaled_csr(X, scaling)
    name = "arpack" if solver["svd_solver"] == "auto" else solver["svd_solver"]
    pca = fit_inner(PCA(k, svd_solver=name, random_state=seed % 2**31), scaled)
    mean = pca.mean_ - mean
    return pca.components_, mean, pca.singular_values_ / np.sqrt(max(1, len(X) - 1))


def scaled_csr(X: SparseRows, scaling: Scaling) -> tuple[csr_array, np.ndarray]:
    """CSR rows divided by the scale, float64, and their mean (n_features,), which is not subtracted."""
    scale = scaling.scale.cpu().numpy()
    scaled = X.csr.astype(np.float64)
    gain = 1 / np.broadcast_to(scale, X.shape[1])
    for start in range(0, scaled.nnz, STORED_VALUES):
        scaled.data[start : start + STORED_VALUES] *= gain[scaled.indices[start : start + STORED_VALUES]]
    return scaled, scaling.mean.cpu().numpy() / scale


def flip_signs(components: np.ndarray) -> np.ndarray:
    """The components (k, n_features), each with a positive entry of the largest absolute value, as PCA has them."""
    largest = np.take_along_axis(components, np.abs(components).argmax(1)[:, None], 1)
    return components * np.where(largest < 0, -1.0, 1.0)


def pca_of_covariance(rows: Rows, k: int) -> Components:
    """PCA from the covariance matrix: of evenly spaced slices if their total variance is that of all rows."""
    expected = float(rows.layout.scaling.total_variance)
    every = max(1, len(rows) // (ROWS_PER_FEATURE * rows.layout.n_features))
    mean, covariance = mean_and_covariance(rows, every)
    if every > 1 and abs(np.trace(covariance) - expected) > SAME_VARIANCE * expected:
        mean, covariance = mean_and_covariance(rows, 1)
    variances, vectors = np.linalg.eigh(covariance)
    return vectors.T[::-1][:k], mean, np.sqrt(np.maximum(variances[::-1][:k], 0))


def mean_and_covariance(rows: Rows, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance, in float64, of every ``every``-th slice of the rows."""
    n_features = rows.layout.n_features
    count, total, products = 0, np.zeros(n_features), np.zeros((n_features, n_features))
    for x in rows.slices(slice_length(n_features), every):
        flat = x.flatten(1).cpu().numpy()
        count += len(flat)
        total += flat.sum(0, dtype=np.float64)
        products += flat.T @ flat
    mean = total / count
    return mean, (products - count * np.outer(mean, mean)) / (count - 1)


def overflow_error(rows: Rows) -> DivergenceError:
    """The error for rows whose squares overflow in float32."""
    return DivergenceError(
        f"The loss is non-finite before epoch 1: squares of the scaled samples overflow (max |X| is "
        f"{rows.layout.scaling.largest:.3g}). Leave scaling='auto', or scale X down by a power of ten."
    )
