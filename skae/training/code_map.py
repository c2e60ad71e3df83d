"""The affine map of codes after training: the axes, units and variances that PCA's codes have."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from skae.data import zero_missing
from skae.model import Autoencoder, CodeMap, Identity

from .batches import Part
from .device import full_precision
from .nested_codes import map_evenly_spaced
from .result import FitResult

# Rows that are decoded to differentiate the decoder, and rows on which the explained variance is measured, per training
# row and epoch: each takes about half a percent of the time of training.
DECODED_SHARE, MEASURED_SHARE = 1 / 32, 1 / 64
# Limits of the number of codes at which the decoder is differentiated.
FEWEST_CODES, MOST_CODES = 8, 128
# The explained variance is measured on at least as many rows as have so many numbers, in these limits.
MEASURED_NUMBERS, MIN_MEASURED, MAX_MEASURED = 2**19, 100, 1000
# Step of central differences, in standard deviations of a coordinate, and rows decoded at once.
STEP, DECODED_ROWS = 0.1, 512
# Least eigenvalue of the metric, and least standard deviation for whitening, relative to the largest.
LEAST_METRIC, LEAST_DEVIATION = 1e-3, 1e-6
# Codes of more components are not mapped.
MAX_MAPPED = 512


def fit_code_map(
    module: Autoencoder,
    kept: np.ndarray,
    explained: float,
    is_pca: bool,
    whiten: bool,
    n_trained: int,
    is_fitted: bool = False,
) -> np.ndarray:
    """Fit the map of codes, in place, to training codes; returns the share of each coordinate in ``explained``, (k,).

    ``n_trained`` is the number of rows of all training steps, which limits the time. If the map ``is_fitted`` already,
    it stays as it is.

    With the mean G of J J' over training codes, J being the decoder's Jacobian, distances between the codes z G^(1/2)
    are on average proportional to those between reconstructions (Arvanitidis, Hansen and Hauberg, 2018). They are
    rotated to their principal axes, and scaled so that their variances add up to ``explained``, the variance that
    reconstructions explain, as PCA's do. The map of PCA is the identity.
    """
    code_map = None if is_fitted else module.code_map
    if code_map is not None:
        code_map.load_state_dict(CodeMap(len(code_map.mean)).state_dict())
    with full_precision(module.latent_scale.device):
        codes = training_codes_of(module, kept)
        mean, k = codes.mean(0), codes.shape[1]
        covariance = torch.cov(codes.T).reshape(k, k) if len(codes) > 1 else torch.zeros(k, k, dtype=torch.float64)
        matrix = inverse = torch.eye(k, dtype=torch.float64)
        if is_pca or k > MAX_MAPPED or not covariance.any():
            variances = covariance.diagonal()
        else:
            n_codes = min(len(codes), max(FEWEST_CODES, min(MOST_CODES, int(DECODED_SHARE * n_trained / (2 * k)))))
            gram, jacobian = jacobian_moments(module, codes, n_codes)
            variances = covariance.diagonal() * gram.diagonal()
            if code_map is not None:
                matrix, inverse, variances = principal_map(gram, jacobian, covariance, explained)
        if whiten and code_map is not None:
            deviations = (matrix.T @ covariance @ matrix).diagonal().clamp(min=0).sqrt()
            deviations = deviations.clamp(min=max(LEAST_DEVIATION * float(deviations.max()), 1e-30))
            matrix, inverse = matrix / deviations, inverse * deviations[:, None]
        if code_map is not None and (whiten or not is_pca):
            for name, value in (("mean", mean), ("matrix", matrix), ("inverse", inverse)):
                getattr(code_map, name).copy_(value)
    shares = variances.clamp(min=0).numpy()
    return shares / shares.sum() if shares.any() else np.full(k, 1 / k)


def principal_map(
    gram: Tensor, jacobian: Tensor, covariance: Tensor, explained: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The map to the principal axes in the metric ``gram``, its inverse, and variances before they are scaled."""
    values, vectors = torch.linalg.eigh(gram)
    roots = values.clamp(min=LEAST_METRIC * float(values[-1])).sqrt()
    variances, axes = torch.linalg.eigh((roots * vectors).T @ covariance @ (vectors * roots))
    axes, variances = axes.flip(1), variances.flip(0)
    matrix, inverse = (vectors * roots) @ axes, (axes.T / roots) @ vectors.T
    # As for PCA, the entry of each direction with the largest absolute value is positive.
    directions = inverse @ jacobian
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    total = float(variances.sum())
    signs *= math.sqrt(explained / total) if explained > 0 and total > 0 else 1.0
    return matrix * signs.T, inverse / signs, variances


def training_codes_of(module: Autoencoder, kept: np.ndarray) -> Tensor:
    """Codes (n, n_components), float64, of training codes as the bottleneck keeps them."""
    inner = module.bottleneck.codes_from_kept(torch.from_numpy(kept).to(module.latent_scale.device))
    return module.from_inner(inner).double().cpu()


def mean_decoder_directions(result: FitResult) -> np.ndarray:
    """The mean Jacobian of the decoder at training codes, (n_components, n_features), in s(X); exact if PCA is kept."""
    module, layout, k = result.net.module_, result.layout, result.n_components
    projection, module = module.projection, module.with_projection(None)
    with full_precision(module.latent_scale.device):
        codes = training_codes_of(module, np.asarray(result.codes))
        if result.best_epoch == 0 and module.linear is not None and isinstance(module.link, Identity):
            jacobian = (module.linear.decoder.weight.T / module.latent_scale[:, None]).double().cpu()[:k]
            if module.code_map is not None:
                jacobian = module.code_map.inverse.double().cpu() @ jacobian
        else:
            jacobian = jacobian_moments(module, codes, min(MOST_CODES, len(codes)))[1]
        if projection is not None:
            jacobian = jacobian / projection.gain @ projection.components.double().cpu()
        return layout.to_flat(jacobian.view(k, *layout.network_shape)).numpy()


def jacobian_moments(module: Autoencoder, codes: Tensor, n_codes: int) -> tuple[Tensor, Tensor]:
    """Means of J J', (k, k), and J, (k, n_features), at evenly spaced codes (n, k), by central differences; float64."""
    device, k = module.latent_scale.device, codes.shape[1]
    deviations = codes.std(0) if len(codes) > 1 else torch.zeros(k, dtype=torch.float64)
    steps = STEP * torch.maximum(deviations, 1e-3 * module.latent_scale[:k].double().cpu())
    chosen = codes[np.linspace(0, len(codes) - 1, n_codes).astype(np.intp)]
    gram, mean = torch.zeros(k, k, dtype=torch.float64), torch.zeros(())
    for some in chosen.split(max(1, DECODED_ROWS // (2 * k))):
        shifted = torch.cat([some[:, None] + torch.diag(steps), some[:, None] - torch.diag(steps)])
        decoded = module.decode(shifted.flatten(0, 1).float().to(device)).flatten(1).cpu().double()
        above, below = decoded.view(2, len(some), k, -1)
        jacobians = (above - below) / (2 * steps[:, None])
        gram += (jacobians @ jacobians.mT).sum(0)
        mean = mean + jacobians.sum(0)
    return gram / n_codes, mean / n_codes


def explained_variance(module: Autoencoder, part: Part, length: int, n_trained: int) -> float:
    """R2 on evenly spaced rows of ``part``, in batches of ``length``; ``n_trained`` as in ``fit_code_map``."""
    n_rows = max(MIN_MEASURED, MEASURED_NUMBERS // part.rows.layout.n_features, int(MEASURED_SHARE * n_trained))

    def squares(x: Tensor) -> np.ndarray:
        errors = zero_missing((module.decode(module.encode(x)) - x).square_(), x)
        squares = zero_missing(x, x).square()
        return np.array([float(errors.sum(dtype=torch.float64)), float(squares.sum(dtype=torch.float64))])

    error, total = np.sum(map_evenly_spaced(module, part, min(MAX_MEASURED, n_rows), length, squares), axis=0)
    return 1 - error / total if total > 0 else 1.0
