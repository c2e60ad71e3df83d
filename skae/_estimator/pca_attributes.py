"""The learned attributes of PCA: exact where PCA is kept, and their counterparts for a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from skae.data import TokenLayout
from skae.training import FitResult, mean_decoder_directions

from .results import learned


def is_linear(estimator: Any) -> bool:
    """Check for ``available_if``: the codes are those of PCA."""
    if estimator._learned.best_epoch > 0:
        raise AttributeError(
            "get_covariance and get_precision are defined only where PCA is kept (is_pca_). For a network, write "
            "numpy.cov(autoencoder.sample(10_000), rowvar=False)."
        )
    return True


class PCAAttributesMixin:
    """``explained_variance_``, ``components_`` and other attributes of scikit-learn's PCA."""

    _learned: FitResult
    _optional: Any
    explained_variance_ratio_: np.ndarray = learned(
        "explained_variance_ratio", "Share of the variance that each coordinate explains, (n_components,)."
    )

    @property
    def n_samples_(self) -> int:
        """Number of samples of the fitted X; not defined for tokens."""
        return self._optional("n_samples_", self._learned.layout.scaling.moments).count

    @property
    def explained_variance_(self) -> np.ndarray:
        """Variance that each coordinate explains, (n_components,), in squared units of codes."""
        return self.explained_variance_ratio_ * self._learned.layout.code_variance

    @property
    def singular_values_(self) -> np.ndarray:
        """``sqrt((n_samples_ - 1) * explained_variance_)``, (n_components,)."""
        return np.sqrt((self.n_samples_ - 1) * np.maximum(self.explained_variance_, 0))

    @property
    def noise_variance_(self) -> float:
        """Variance that is not explained, per remaining dimension; 0 if there is none."""
        result = self._learned
        remaining = min(result.layout.n_features, self.n_samples_) - result.n_components
        unexplained = result.layout.code_variance * (1 - float(self.explained_variance_ratio_.sum()))
        return max(0.0, unexplained) / remaining if remaining > 0 else 0.0

    @property
    def components_(self) -> np.ndarray:
        """Direction in X of each coordinate, (n_components, n_features): the mean Jacobian of the decoder."""
        result = self._learned
        if isinstance(result.layout, TokenLayout):
            raise AttributeError("components_ is not defined for tokens. Compare reconstructions instead.")
        directions = mean_decoder_directions(result) * result.layout.feature_scale
        if result.spec.whiten:
            directions /= np.sqrt(np.maximum(self.explained_variance_, np.finfo(np.float32).tiny))[:, None]
        return directions

    @available_if(is_linear)
    def get_covariance(self) -> np.ndarray:
        """Covariance of X under the model of probabilistic PCA (Tipping and Bishop, 1999).

        Returns
        -------
        covariance : ndarray of shape (n_features, n_features), float64
            In squared units of X. Defined only if PCA is kept (``is_pca_``).
        """
        layout, components = self._learned.layout, self.components_
        excess = np.maximum(self.explained_variance_ - self.noise_variance_, 0)
        noise = self.noise_variance_ * (layout.feature_scale / layout.code_unit) ** 2
        covariance = (components.T * excess) @ components
        covariance.flat[:: len(covariance) + 1] += noise
        return covariance

    @available_if(is_linear)
    def get_precision(self) -> np.ndarray:
        """Inverse of ``get_covariance``, (n_features, n_features), float64.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the covariance is singular, because PCA has no error.
        """
        return np.linalg.inv(self.get_covariance())
