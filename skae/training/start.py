"""Where training starts: the linear path at the PCA solution of the scaled training rows."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from skae.data import Rows, slice_length

# Rows for the PCA are drawn up to this size as float32; all rows where they fit.
SAMPLE_BYTES = 256 * 2**20


def principal_start(rows: Rows, n_components: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Principal components of the scaled rows.

    Returns
    -------
    components : Tensor of shape (k, n_features)
        k is n_components, or fewer where rows or features are fewer. Features are in network order.
    mean : Tensor of shape (n_features,)
    deviations : Tensor of shape (k,)
        Standard deviation along each component.
    """
    n_features = rows.layout.n_features
    most = max(n_components, SAMPLE_BYTES // (4 * n_features))
    if rows.kept is not None:
        sample = rows.kept.flatten(1).cpu().numpy()
    elif len(rows) <= most:
        sample = np.concatenate([x.flatten(1).cpu().numpy() for x in rows.slices(slice_length(n_features))])
    else:
        chosen = np.sort(np.random.RandomState(seed).permutation(len(rows))[:most])
        parts = np.array_split(chosen, -(-len(chosen) // slice_length(n_features)))
        sample = np.concatenate([rows.take(part).flatten(1).cpu().numpy() for part in parts])
    k = min(n_components, *sample.shape)
    # One row, or rows all alike, have no variance to take shares of; what overflows shows in the first epoch's loss.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        pca = PCA(k, random_state=seed % 2**31).fit(sample)
    deviations = pca.singular_values_ / np.sqrt(max(1, len(sample) - 1))
    components, mean, deviations = (
        torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in (pca.components_, pca.mean_, deviations)
    )
    return components, mean, deviations
