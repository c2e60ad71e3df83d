"""How much of X is in what was brought back, for all that has ``inverse_transform``: PCA, NMF, KernelPCA, this package.

Where scorers are asked for, pass ``explained_variance_scorer`` or ``neg_reconstruction_error_scorer``: estimators of
different kinds then compete in one search.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error
from sklearn.utils import assert_all_finite

from skae._parameters import check_choice
from skae._training import snapshot

METRICS = {"mse": mean_squared_error, "rmse": root_mean_squared_error, "mae": mean_absolute_error}


def explained_variance(X, X_restored, *, mean=None, multioutput="variance_weighted"):
    """Share of the variance of X that X_restored has: 1 is perfect, 0 is what the mean gives.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
    X_restored : array-like of the same shape
    mean : array-like of shape (n_features,) or sample_shape, default=None
        What 0 stands for: the mean of the training data, say. None takes that of X.
    multioutput : {"variance_weighted", "uniform_average"}, default="variance_weighted"
        As in :func:`sklearn.metrics.r2_score`: features count by their variance, or each feature that varies counts the
        same, whatever its unit.

    Returns
    -------
    share : float
        ``1 - sum((X - X_restored)**2) / sum((X - mean)**2)``, in the units of X, over all features; or its mean over
        features.

    Raises
    ------
    ValueError
        If shapes differ, X is empty, or a number is NaN or infinite.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.metrics import explained_variance
    >>> X = load_digits().data
    >>> pca = PCA(8).fit(X)
    >>> round(explained_variance(X, pca.inverse_transform(pca.transform(X))), 2)  # the sum of explained_variance_ratio_
    0.67
    """
    check_choice("explained_variance", "multioutput", multioutput, ("variance_weighted", "uniform_average"))
    X, X_restored = same_rows(X, X_restored)
    mean = X.mean(0) if mean is None else np.asarray(mean, dtype=np.float64).reshape(-1)
    if mean.shape != X.shape[1:]:
        raise ValueError(f"mean must have one number for each of the {X.shape[1]} features. Got {mean.size}.")
    difference, X = X - X_restored, X - mean
    axis = 0 if multioutput == "uniform_average" else None
    # Squares of numbers divided by the largest neither overflow nor all underflow.
    unit = np.maximum(np.abs(difference).max(axis), np.abs(X).max(axis))
    unit = np.where(unit > 0, unit, 1.0)
    error, total = (np.atleast_1d(np.square(array / unit).sum(axis)) for array in (difference, X))
    varies = total > 0
    return float((1.0 - error[varies] / total[varies]).mean()) if varies.any() else float(not error.any())


def reconstruction_error(X, X_restored, *, metric="mse"):
    """Average difference between X and X_restored.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
    X_restored : array-like of the same shape
    metric : {"mse", "rmse", "mae"}
        Squared, its root for every feature, or absolute.

    Returns
    -------
    error : float
        In the units of X, squared for "mse".

    Raises
    ------
    ValueError
        If shapes differ, X is empty, or a number is NaN or infinite.

    Examples
    --------
    >>> from skae.metrics import reconstruction_error
    >>> reconstruction_error([[0, 0], [4, 4]], [[1, 1], [4, 4]], metric="mae")
    0.5
    """
    check_choice("reconstruction_error", "metric", metric, tuple(METRICS))
    return float(METRICS[metric](*same_rows(X, X_restored)))


def explained_variance_scorer(estimator, X, y=None):
    """``explained_variance`` of what ``estimator`` brings back of X, for ``scoring``."""
    return explained_variance(X, restored(estimator, X))


def uniform_explained_variance_scorer(estimator, X, y=None):
    """``explained_variance`` averaged over features, for ``scoring``: the same in every unit.

    ``AutoencoderTransformer.score`` is in the scaled samples of each candidate, so a search over ``scaling`` compares
    candidates by this scorer.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skae import AutoencoderTransformer
    >>> from skae.metrics import uniform_explained_variance_scorer
    >>> autoencoder = AutoencoderTransformer(2, max_epochs=3, random_state=0)
    >>> scaling = {"scaling": ["columns", "global"]}
    >>> search = GridSearchCV(autoencoder, scaling, scoring=uniform_explained_variance_scorer)
    >>> search.fit(load_wine().data).best_params_
    {'scaling': 'columns'}
    """
    return explained_variance(X, restored(estimator, X), multioutput="uniform_average")


def neg_reconstruction_error_scorer(estimator, X, y=None):
    """Minus the mean squared ``reconstruction_error`` of what ``estimator`` brings back of X, for ``scoring``."""
    return -reconstruction_error(X, restored(estimator, X))


def restored(estimator: Any, X: Any) -> Any:
    """X through the bottleneck and back."""
    estimator = snapshot(estimator)
    return estimator.inverse_transform(estimator.transform(X))


def same_rows(X: Any, other: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (n_samples, n_features)."""
    X, other = (np.asarray(a.toarray() if sparse.issparse(a) else a, dtype=np.float64) for a in (X, other))
    for array in (X, other):
        assert_all_finite(array)
    if X.shape != other.shape or X.ndim == 0 or X.size == 0:
        raise ValueError(f"Expected two arrays of one shape with at least one sample. Got {X.shape} and {other.shape}.")
    return X.reshape(len(X), -1), other.reshape(len(X), -1)
