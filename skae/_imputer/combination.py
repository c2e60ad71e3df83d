"""Estimates of missing values, and their weighted sum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from skae._estimator.transformer import AutoencoderTransformer
from skae.data import TableLayout, inference_length
from skae.training import full_precision

from .gaussian import MAX_FEATURES, Gaussian
from .posterior import conditional_variances, draw_missing

ESTIMATES = ("gaussian", "network", "network from gaussian")
# The number of values that the priors of the weights and of the errors count as.
PRIOR_VALUES = 100


@dataclass(frozen=True, eq=False)
class Combination:
    """Weights of the estimates (3,), or (1,) without a normal distribution, and the deviations of their errors.

    ``deviation`` (n_features,), float64, is the root mean square error of each feature on hidden values: in s(X), or
    with a normal distribution as a multiple of its conditional standard deviations.
    """

    gaussian: Gaussian | None
    weights: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(
        cls,
        autoencoder: AutoencoderTransformer,
        X: np.ndarray,
        seen: np.ndarray,
        is_hidden: np.ndarray,
        seed: int,
        for_draws: bool,
    ) -> Combination:
        """Fit the weights to the values of X that are hidden in ``seen``; the normal distribution to all of X."""
        layout = autoencoder._result.layout
        gaussian = None
        if layout.n_features <= MAX_FEATURES:
            gaussian = Gaussian.fit(scaled_rows(autoencoder, seen), seed, for_draws)
        n_estimates = 1 if gaussian is None else len(ESTIMATES)
        rows = is_hidden.reshape(len(X), -1).any(1)
        if not rows.any():
            return cls(gaussian, np.full(n_estimates, 1 / n_estimates), np.ones(layout.n_features))
        hidden = is_hidden[rows].reshape(rows.sum(), -1)
        if layout.feature_columns is not None:
            hidden = hidden[:, layout.feature_columns]
        known = scaled_rows(autoencoder, X[rows]).to(torch.float64).numpy()
        estimates = np.stack([e.numpy() for e in estimate(autoencoder, gaussian, seen[rows])])
        weights = fit_weights(estimates[:, hidden].T, known[hidden])
        errors = np.where(hidden, np.tensordot(weights, estimates, 1) - known, 0.0)
        if gaussian is not None:
            is_missing = scaled_rows(autoencoder, seen[rows]).isnan().numpy()
            errors[hidden] /= np.sqrt(conditional_variances(is_missing, gaussian.precision)[hidden])
        deviation = pooled_deviation(errors, hidden)
        if gaussian is not None:
            gaussian = Gaussian.fit(scaled_rows(autoencoder, X), seed, for_draws)
        return cls(gaussian, weights, deviation)

    @property
    def named_weights(self) -> dict[str, float]:
        """Weights by the names of the estimates."""
        names = ESTIMATES if self.gaussian is not None else ESTIMATES[1:2]
        return dict(zip(names, self.weights.tolist(), strict=True))

    def impute(
        self, autoencoder: AutoencoderTransformer, X: np.ndarray, random: np.random.RandomState | None
    ) -> np.ndarray:
        """Estimates of the missing values of X, in the shape and units of X, float64; other values are arbitrary.

        ``random`` draws values around the estimates.
        """
        layout = autoencoder._result.layout
        moments, flat = layout.scaling.moments, np.zeros((len(X), math.prod(X.shape[1:])))
        assert moments is not None
        rows = np.flatnonzero(np.isnan(X).reshape(len(X), -1).any(1))
        for batch in np.array_split(rows, -(-len(rows) // inference_length(layout.n_features)) or 1):
            if len(batch) == 0:
                continue
            estimates = estimate(autoencoder, self.gaussian, X[batch])
            total = sum(weight * e for weight, e in zip(self.weights, estimates, strict=True))
            if random is not None:
                is_missing = scaled_rows(autoencoder, X[batch]).isnan().numpy()
                precision = None if self.gaussian is None else self.gaussian.precision
                drawn = draw_missing(total.numpy(), is_missing, precision, self.deviation, layout, random)
                total = torch.from_numpy(drawn)
            values = layout.scaling.inverse_transform(total, np.dtype(np.float64))
            if isinstance(layout, TableLayout):
                flat[batch] = layout.to_rows(values)
            else:
                flat[batch] = np.clip(values, moments.low.numpy(), moments.high.numpy())
        return flat.reshape(X.shape)


def scaled_rows(autoencoder: AutoencoderTransformer, X: np.ndarray) -> Tensor:
    """The scaled rows of X, (n, n_features), float32, on the CPU."""
    layout = autoencoder._result.layout
    return layout.to_flat(layout.to_network(torch.from_numpy(X))).cpu()


def estimate(autoencoder: AutoencoderTransformer, gaussian: Gaussian | None, X: np.ndarray) -> list[Tensor]:
    """The estimates of X in s(X), (n, n_features) each, float64, on the CPU.

    They are limited to the range of the known values of ``fit``, because rounds of reconstruction can diverge.
    """
    result = autoencoder._result
    layout, module, device = result.layout, result.net.module_, torch.device(result.net.device)
    rows = scaled_rows(autoencoder, X)
    with full_precision(device):
        network = layout.to_flat(module.fill(layout.from_flat(rows.to(device)))).cpu().double()
        moments, scaling = layout.scaling.moments, layout.scaling
        assert moments is not None
        low, high = ((ends - scaling.mean.cpu()) / scaling.scale.cpu() for ends in (moments.low, moments.high))
        if gaussian is None:
            return [network.clamp(low, high)]
        filled = gaussian.fill(rows)
        x = layout.from_flat(filled.float().to(device))
        from_gaussian = layout.to_flat(module.decode(module.encode(x))).cpu().double()
    return [values.clamp(low, high) for values in (filled, network, from_gaussian)]


def fit_weights(estimates: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Weights of the columns of ``estimates`` (n_values, n_estimates), at least 0, with the lowest squared error.

    They are shrunk to the first estimate, as if it had been exact for PRIOR_VALUES further values.
    """
    n_estimates = estimates.shape[1]
    prior = np.sqrt(PRIOR_VALUES * np.square(estimates).mean()) * np.eye(n_estimates)
    return nnls(np.vstack([estimates, prior]), np.concatenate([known, prior[0]]))[0]


def pooled_deviation(errors: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Root mean square of the relative errors of each feature (n_features,).

    It is pooled with that of all features, as if it had PRIOR_VALUES further errors, and the latter with 1.
    """
    squared, n = np.square(errors).sum(0), hidden.sum(0)
    overall = (squared.sum() + PRIOR_VALUES) / (n.sum() + PRIOR_VALUES)
    return np.sqrt((squared + PRIOR_VALUES * overall) / (n + PRIOR_VALUES))
