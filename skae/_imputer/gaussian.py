"""Missing values of rows by the conditional mean of a normal distribution, fitted by expectation maximization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Largest number of features, numbers of a batch of matrices, and rows times cubed features in the fit.
MAX_FEATURES, BATCH_NUMBERS, MAX_COST = 128, 2**21, 2**30
# Iterations of the fit at most; it ends where imputed values change by less than TOLERANCE (root mean square), and for
# draws, covariances by less than TOLERANCE_COVARIANCE in units of the deviations.
MAX_ITERATIONS, TOLERANCE, TOLERANCE_COVARIANCE = 20, 0.01, 1e-3
# The covariance is shrunk to its diagonal as if there were one more row of uncorrelated features, and the variance of
# each feature is at least the share LEAST_VARIANCE of the mean variance.
MORE_ROWS, LEAST_VARIANCE = 1.0, 1e-3


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A normal distribution of rows: ``mean`` (n_features,) and ``covariance`` (n_features, n_features), float64."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def fit(cls, x: Tensor, seed: int, for_draws: bool = False) -> Gaussian:
        """Fit the distribution to rows (n, n_features) with missing values (Dempster, Laird and Rubin, 1977).

        Of many rows, a random sample is used. ``for_draws`` waits until the covariance converges too.
        """
        size = max(1, MAX_COST // x.shape[1] ** 3)
        if len(x) > size:
            x = x[np.sort(np.random.RandomState(seed).permutation(len(x))[:size])]
        x = x.to(torch.float64)
        is_missing, n = x.isnan(), len(x)
        mean = x.nanmean(0).nan_to_num_()
        variances = (x - mean).square().nanmean(0).nan_to_num_()
        least = max(LEAST_VARIANCE * float(variances.mean()), 1e-12)
        covariance = torch.diag(variances.clamp(min=least))
        before = torch.full((int(is_missing.sum()),), torch.inf, dtype=torch.float64)
        for _ in range(MAX_ITERATIONS):
            filled, spread = conditional_means(x, mean, covariance)
            mean, covariance_before = filled.mean(0), covariance
            centered = filled - mean
            covariance = centered.T @ centered + spread
            diagonal = (covariance.diagonal() / n).clamp(min=least)
            covariance = (covariance + MORE_ROWS * torch.diag(diagonal)) / (n + MORE_ROWS)
            covariance += torch.diag((least - covariance.diagonal()).clamp(min=0))
            after = filled[is_missing]
            if len(after) == 0 or float((after - before).square().mean()) < TOLERANCE**2:
                # Covariances of features that are missing together grow from 0, and do not change means at first.
                deviation = covariance.diagonal().sqrt()
                change = (covariance - covariance_before).abs() / (deviation[:, None] * deviation)
                if not for_draws or float(change.max()) < TOLERANCE_COVARIANCE:
                    break
            before = after
        return cls(mean.numpy(), covariance.numpy())

    @property
    def precision(self) -> np.ndarray:
        """The inverse of the covariance, (n_features, n_features)."""
        return np.linalg.inv(self.covariance)

    def fill(self, x: Tensor) -> Tensor:
        """Rows (n, n_features), float64, with conditional means in place of missing values."""
        mean, covariance = torch.from_numpy(self.mean), torch.from_numpy(self.covariance)
        return conditional_means(x.to(torch.float64), mean, covariance)[0]


def conditional_means(x: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Rows with missing values replaced by their means given the known values, and the sum of their covariances."""
    precision = torch.linalg.inv(covariance)
    filled, spread = x.clone(), torch.zeros_like(covariance)
    for rows in x.isnan().any(1).nonzero()[:, 0].split(max(1, BATCH_NUMBERS // len(mean) ** 2)):
        is_missing = x[rows].isnan()
        known = (x[rows] - mean).masked_fill(is_missing, 0.0)
        m = is_missing.to(torch.float64)
        # The covariance of the missing values is the inverse of their block of the precision matrix.
        blocks = m[:, :, None] * precision * m[:, None, :] + torch.diag_embed(1 - m)
        inverses = torch.linalg.inv(blocks) * m[:, :, None] * m[:, None, :]
        conditional = mean - (inverses @ (known @ precision)[:, :, None])[:, :, 0]
        filled[rows] = torch.where(is_missing, conditional, x[rows])
        spread += inverses.sum(0)
    return filled, spread
