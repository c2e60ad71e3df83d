"""Wide rows: the network is trained on their coordinates along the leading principal axes.

n rows span at most n - 1 dimensions. On that many orthonormal coordinates, the squared error is that on the features.
On fewer, it lacks the square of what they leave out of each row, which does not depend on the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.linalg import eigh
from sklearn.base import clone
from torch import Tensor

from skae._parameters import is_auto, is_fraction
from skae.data import Residual, Rows, SampleLayout, Scaling, SparseRows, TokenLayout, slice_length
from skae.model import Dense, LayerRow, Projection
from skae.objectives import penalties

from .cross_validation import without_reports
from .device import full_precision
from .net import AutoencoderNet
from .pca_init import MAX_COMPONENTS, check_solver, fit_pca, flip_signs, scaled_csr
from .spec import TrainSpec

# Samples of at least WIDE features are projected, if there are at most ROWS_PER_FEATURE rows per feature.
WIDE, ROWS_PER_FEATURE = 1024, 4
# Number of coordinates: PER_COMPONENT times n_components, but FEWEST to MOST, unless there are more components.
PER_COMPONENT, FEWEST, MOST = 4, 128, 511
# The "auto" parameters of a network on coordinates, unless a network of the parameters for few features has not got
# better than PCA in about TRIAL_STEPS steps: PCA will probably be kept, and that network, which is faster, is trained.
LARGE: dict[str, Any] = {"hidden_sizes": (512, 256), "activation": "gelu", "normalization": "batch"}
TRIAL_STEPS = 300
# Principal axes of at most GRAM_ROWS rows are computed from the inner products of rows. Those with less than the share
# LEAST of the largest variance are rounding errors.
GRAM_ROWS, LEAST = 2048, 1e-10


def is_projected(spec: TrainSpec, layout: SampleLayout, n_rows: int) -> bool:
    """Whether a new network for these rows is trained on coordinates.

    The loss has to be the same for orthonormal coordinates, and corruption and penalties must not depend on features.
    """
    parts, n_features = spec.variant.parts(), layout.n_features
    return (
        getattr(spec.architecture, "projection", None) == "auto"
        and n_features >= WIDE
        and n_rows <= ROWS_PER_FEATURE * n_features
        and spec.loss == "mse"
        and not layout.has_missing
        and not isinstance(spec.n_components, str)
        and not spec.single_pass
        and not isinstance(layout, TokenLayout)
        and parts.corruption is None
        and all(depends_on_codes(term.function) for term in parts.terms)
    )


def depends_on_codes(penalty: Any) -> bool:
    """Whether a penalty is known to depend on codes only, not on samples and reconstructions."""
    return penalty.__module__ == penalties.__name__ and not isinstance(penalty, penalties.EncoderJacobianPenalty)


def has_trial(spec: TrainSpec) -> bool:
    """Whether a trial with a small network chooses the size of the network: it compares the network with PCA."""
    architecture = spec.architecture
    return (
        is_auto(architecture.hidden_sizes)
        and architecture.linear_path
        and spec.early_stopping
        and not spec.variant.parts().terms
    )


def trial_spec(spec: TrainSpec, n_rows: int) -> TrainSpec:
    """The spec of the trial: about TRIAL_STEPS steps."""
    n_batches = -(-n_rows // spec.batch_size_for(n_rows))
    return replace(without_reports(spec), max_epochs=max(1, round(TRIAL_STEPS / n_batches)))


def network_on_coordinates(architecture: Dense, is_large: bool) -> Dense:
    """The architecture with the values of "auto" on coordinates: those of LARGE, or those of few features."""
    if not is_large:
        return architecture
    values = {name: value for name, value in LARGE.items() if is_auto(getattr(architecture, name))}
    return clone(architecture).set_params(**values)


def fit_projection(spec: TrainSpec, rows: Rows) -> Projection:
    """The projection to the leading principal axes of the rows."""
    n, n_features = len(rows), rows.layout.n_features
    k = spec.n_components if isinstance(spec.n_components, int) else min(n, n_features, MAX_COMPONENTS)
    if isinstance(spec.n_components, int):
        check_solver(rows, k, spec.svd_solver)
    # Codes for a share of the variance can have MAX_COMPONENTS components, but most have few.
    wanted = MAX_COMPONENTS if is_fraction(spec.n_components) else min(MOST, max(FEWEST, PER_COMPONENT * k))
    m = min(n_features, max(k, min(n - 1, wanted)))
    if n <= GRAM_ROWS and (rows.cache is not None or isinstance(rows.X, SparseRows)):
        axes = torch.from_numpy(axes_of_inner_products(rows, min(m, n - 1)))
    else:
        axes = fit_pca(rows, m, spec.seed)[0]
    # If codes have more components than the rows have dimensions, further coordinates are 0.
    components = torch.zeros((m, n_features), dtype=torch.float32)
    components[: len(axes)] = axes
    return Projection(components, rows.layout.network_shape).to(rows.device)


def axes_of_inner_products(rows: Rows, m: int) -> np.ndarray:
    """At most m principal axes (m, n_features), float32, from the inner products of all pairs of rows."""
    n = len(rows)
    if isinstance(rows.X, SparseRows):
        x, mean = scaled_csr(rows.X, rows.layout.scaling)
        products = x @ mean
        weights = leading_directions((x @ x.T).toarray() - products - products[:, None] + mean @ mean, m)
        return flip_signs(np.asarray((x.T @ weights).T) - np.outer(weights.sum(0), mean)).astype(np.float32)
    x = rows.take(np.arange(n)).flatten(1).cpu()
    gram = torch.zeros((n, n), dtype=torch.float64)
    columns = x.split(slice_length(n), dim=1)
    for part in map(Tensor.double, columns):
        gram.addmm_(part, part.T)
    combine = torch.from_numpy(leading_directions(gram.numpy(), m)).T
    return flip_signs(torch.cat([combine @ part.double() for part in columns], dim=1).numpy()).astype(np.float32)


def leading_directions(gram: np.ndarray, m: int) -> np.ndarray:
    """Combinations of rows, (n, at most m), that are the leading principal axes of rows with these inner products."""
    n = len(gram)
    variances, vectors = eigh(gram, subset_by_index=(n - m, n - 1), overwrite_a=True)
    kept = variances > max(LEAST * variances[-1], 0)
    return np.ascontiguousarray((vectors[:, kept] / np.sqrt(variances[kept]))[:, ::-1])


def coordinate_layout(layout: SampleLayout, projection: Projection) -> SampleLayout:
    """The layout of coordinates: their total variance includes what they leave out, and codes have the same unit."""
    gain, m = projection.gain, projection.n_coordinates
    largest = torch.tensor(layout.scaling.largest, dtype=torch.float64)
    scaling = Scaling(
        mean=torch.zeros(m, dtype=torch.float64),
        scale=torch.tensor(layout.code_unit / gain, dtype=torch.float64),
        low=-largest,
        high=largest,
        total_variance=layout.scaling.total_variance.cpu() * gain**2,
        kind=None,
    )
    return SampleLayout((m,), (), True, scaling, np.dtype(np.float32))


def project_rows(rows: Rows, projection: Projection, fill: Callable[[Tensor], Tensor] | None = None) -> Rows:
    """The coordinates of rows, and the mean squares of what they leave out; ``fill`` replaces missing values."""
    layout, gain = coordinate_layout(rows.layout, projection), projection.gain
    n, n_features = len(rows), rows.layout.n_features
    if isinstance(rows.X, SparseRows):
        x, mean = scaled_csr(rows.X, rows.layout.scaling)
        components = projection.components.cpu().numpy().astype(np.float64)
        coordinates = gain * (np.asarray(x @ components.T) - components @ mean)
        squares = np.asarray(x.multiply(x).sum(1)).ravel() - 2 * (x @ mean) + mean @ mean
    else:
        coordinates, squares, start = np.empty((n, projection.n_coordinates)), np.empty(n), 0
        slices = (
            rows.slices(slice_length(n_features)) if rows.cache is None else rows.cache.split(slice_length(n_features))
        )
        with full_precision(rows.device):
            for x in slices if fill is None else map(fill, slices):
                part = slice(start, start + len(x))
                coordinates[part] = projection.encode(x).cpu().numpy()
                squares[part] = x.flatten(1).square().sum(1, dtype=torch.float64).cpu().numpy()
                start += len(x)
    left_out = np.maximum(squares / n_features - np.square(coordinates).mean(1), 0)
    projected = Rows(coordinates * float(layout.scaling.scale), layout, rows.device, keep=True)
    projected.y = rows.y
    projected.residual = Residual(n_features, torch.from_numpy(left_out))
    return projected


def net_on_samples(net: AutoencoderNet, projection: Projection) -> AutoencoderNet:
    """The net of coordinates as one whose module encodes and decodes samples; weights are shared."""
    net = copy.copy(net)
    net.module_ = net.module_.with_projection(projection)
    return net


def with_projection_layers(layers: list[LayerRow], projection: Projection) -> list[LayerRow]:
    """The rows of a layer table of coordinates, with the projection before and after the network."""
    shape, m = projection.shape, projection.n_coordinates
    n_features = projection.components.shape[1]
    first = [LayerRow("samples", shape, 0, ""), LayerRow("principal axes", (m,), 0, f"{n_features} -> {m}, fixed")]
    return [*first, *layers[1:], LayerRow("principal axes, back", shape, 0, f"{m} -> {n_features}, fixed")]
