"""Where training starts: the linear path at the PCA solution of the scaled rows."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from skae._inner import fit_inner
from skae.data import Rows, Scaling, SparseRows, slice_length
from skae.data.sources import STORED_VALUES
from skae.exceptions import DivergenceError

# Rows that are not kept in memory are gone through once for their covariance, up to this many features; beyond, the
# PCA is that of a sample of at most SAMPLE_BYTES as float32.
COVARIANCE_FEATURES = 2048
# So many rows per feature give nearly the PCA of all, if their variance is that of all but for this share of it.
ROWS_PER_FEATURE, SAME_VARIANCE = 256, 0.002
SAMPLE_BYTES = 128 * 2**20
# Then so many passes over all rows take it to theirs.
PASSES = 4
# Components looked at for a share of the variance.
MOST_COMPONENTS = 256


def fit_pca(rows: Rows, n_components: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Principal components of the scaled rows.

    Returns
    -------
    components : Tensor of shape (k, n_features)
        k is n_components, or fewer where rows or features are fewer. Features are in network order.
    mean : Tensor of shape (n_features,)
    deviations : Tensor of shape (k,)
        Standard deviation along each component.

    Raises
    ------
    DivergenceError
        If the squares of the scaled rows overflow.
    """
    k = min(n_components, len(rows), rows.layout.n_features)
    # One row, or rows all alike, have no variance to take shares of; overflow is found below.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        try:
            varies = float(rows.layout.scaling.total_variance) > 0
            if isinstance(rows.X, SparseRows) and k < min(rows.X.shape) and varies:
                found = of_sparse(rows.X, rows.layout.scaling, k, seed)
            elif rows.kept is None and len(rows) > rows.layout.n_features <= COVARIANCE_FEATURES:
                found = of_covariance(rows, k)
            else:
                found = of_sample(rows, k, seed)
        except (ValueError, np.linalg.LinAlgError) as error:
            raise overflow(rows) from error
    if not all(np.isfinite(array).all() for array in found):
        raise overflow(rows)
    components, mean, deviations = (torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in found)
    return components, mean, deviations


def components_for_share(rows: Rows, share: float, seed: int) -> int:
    """How many principal components explain ``share`` of the scaled rows' variance; at most MOST_COMPONENTS."""
    most = min(len(rows), rows.layout.n_features, MOST_COMPONENTS)
    _, _, deviations = fit_pca(rows, most, seed)
    explained = np.cumsum(deviations.numpy().astype(np.float64) ** 2)
    total = max(float(rows.layout.scaling.total_variance), explained[-1])
    return min(most, int(np.searchsorted(explained, share * total)) + 1)


def of_sample(rows: Rows, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components, mean and deviations of all rows that are kept, else of as many as SAMPLE_BYTES hold."""
    n_features = rows.layout.n_features
    most = max(k, SAMPLE_BYTES // (4 * n_features))
    if rows.kept is not None:
        sample = rows.kept.flatten(1).cpu().numpy()
    else:
        chosen = np.sort(np.random.RandomState(seed).permutation(len(rows))[:most])
        sample = np.empty((len(chosen), n_features), dtype=np.float32)
        length = slice_length(n_features)
        for start in range(0, len(chosen), length):
            sample[start : start + length] = rows.take(chosen[start : start + length]).flatten(1).cpu().numpy()
    pca = fit_inner(PCA(k, random_state=seed % 2**31, copy=rows.kept is not None), sample)
    if len(sample) < len(rows):
        return of_passes(rows, pca.components_)
    return pca.components_, pca.mean_, pca.singular_values_ / np.sqrt(max(1, len(sample) - 1))


def of_passes(rows: Rows, components: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components, mean and deviations of all rows from those of a sample, by subspace iteration (Halko et al., 2011).

    Each pass multiplies by the covariance, of which nothing is kept but its product with the components.
    """
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
    variances, turn = np.linalg.eigh(inner / (len(rows) - 1))
    return (basis @ turn[:, ::-1]).T, mean, np.sqrt(np.maximum(variances[::-1], 0))


def of_sparse(X: SparseRows, scaling: Scaling, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components, mean and deviations of all rows of CSR, which stay sparse."""
    scale = scaling.scale.cpu().numpy()
    scaled = X.csr.astype(np.float64)
    gain = 1 / np.broadcast_to(scale, X.shape[1])
    for start in range(0, scaled.nnz, STORED_VALUES):
        scaled.data[start : start + STORED_VALUES] *= gain[scaled.indices[start : start + STORED_VALUES]]
    pca = fit_inner(PCA(k, svd_solver="arpack", random_state=seed % 2**31), scaled)
    mean = pca.mean_ - scaling.mean.cpu().numpy() / scale
    return pca.components_, mean, pca.singular_values_ / np.sqrt(max(1, len(X) - 1))


def of_covariance(rows: Rows, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components, mean and deviations, in one pass that keeps only sums of products, in float64.

    Where rows are many, of slices spread evenly over them; of all rows, if those have another variance.
    """
    expected = float(rows.layout.scaling.total_variance)
    every = max(1, len(rows) // (ROWS_PER_FEATURE * rows.layout.n_features))
    mean, covariance = mean_and_covariance(rows, every)
    if every > 1 and abs(np.trace(covariance) - expected) > SAME_VARIANCE * expected:
        mean, covariance = mean_and_covariance(rows, 1)
    variances, vectors = np.linalg.eigh(covariance)
    return vectors.T[::-1][:k], mean, np.sqrt(np.maximum(variances[::-1][:k], 0))


def mean_and_covariance(rows: Rows, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the rows in one of ``every`` few slices."""
    n_features = rows.layout.n_features
    count, total, products = 0, np.zeros(n_features), np.zeros((n_features, n_features))
    for x in rows.slices(slice_length(n_features), every):
        flat = x.flatten(1).cpu().numpy()
        count += len(flat)
        total += flat.sum(0, dtype=np.float64)
        products += flat.T @ flat
    mean = total / count
    return mean, (products - count * np.outer(mean, mean)) / (count - 1)


def overflow(rows: Rows) -> DivergenceError:
    """The error for rows whose squares float32 does not hold."""
    return DivergenceError(
        f"The loss is non-finite before epoch 1: squares of the scaled samples overflow (max |X| is "
        f"{rows.layout.scaling.largest:.3g}). Leave scaling='auto', or scale X down by a power of ten."
    )
