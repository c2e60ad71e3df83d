"""Metrics of reconstructions, and scorers for all estimators with ``inverse_transform``: PCA, NMF, autoencoders."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error
from sklearn.utils import assert_all_finite

from skae._inputs.readers import read_container
from skae._inputs.table_columns import Categories
from skae._inputs.table_encoding import TableEncoder, read_column
from skae._parameters import check_choice, undefined_score
from skae.training import snapshot

__all__ = [
    "explained_variance",
    "explained_variance_scorer",
    "neg_reconstruction_error_scorer",
    "reconstruction_error",
    "uniform_explained_variance_scorer",
]
METRICS = {"mse": mean_squared_error, "rmse": root_mean_squared_error, "mae": mean_absolute_error}


def explained_variance(
    X: ArrayLike,
    X_reconstructed: ArrayLike,
    *,
    mean: ArrayLike | None = None,
    multioutput: Literal["variance_weighted", "uniform_average"] = "variance_weighted",
) -> float:
    """Explained variance (R2) of a reconstruction: 1 is perfect, 0 is as good as the mean, and below 0 is worse.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        Data frames may have columns of categories, text, booleans and dates. Categories are compared as one-hot
        vectors: R2 is 1 if all are equal, and 0 for the mean, the vector of their shares.
    X_reconstructed : array-like of the same shape
    mean : array-like of shape (n_features,) or sample_shape, default=None
        The reconstruction that scores 0, such as the mean of the training data. None uses the mean of X. It must be
        None for data frames with categories, booleans or dates.
    multioutput : {"variance_weighted", "uniform_average"}, default="variance_weighted"
        Weights of the features, as in :func:`sklearn.metrics.r2_score`: their variances, or equal weights. With equal
        weights, the result does not depend on units, and constant features are ignored. Columns of data frames with
        categories or dates always have equal weights, because their variances have no common unit.

    Returns
    -------
    r2 : float
        In (-inf, 1]: ``1 - sum((X - X_reconstructed)**2) / sum((X - mean)**2)``, over all features, or averaged over
        features. Missing values (NaN) of X do not count; if all are missing, it is NaN, with a warning.

    Raises
    ------
    ValueError
        If shapes differ, X is empty, or a value is infinite, or NaN in ``X_reconstructed``.

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
    X, X_reconstructed = map(read_container, (X, X_reconstructed))
    encoder = TableEncoder.learn(X) if hasattr(X, "columns") else None
    if encoder is not None:
        if mean is not None:
            raise ValueError("mean is for numbers, but X has categories or dates. Leave it out.")
        return explained_variance_of_table(encoder, X, X_reconstructed)
    X, X_reconstructed = check_same_shape(X, X_reconstructed)
    missing = np.isnan(X)
    if missing.all():
        return undefined_score()
    if mean is None:
        mean = np.where(missing, 0.0, X).sum(0) / np.maximum((~missing).sum(0), 1) if missing.any() else X.mean(0)
    mean = np.asarray(mean, dtype=np.float64).reshape(-1)
    if mean.shape != X.shape[1:]:
        raise ValueError(f"mean must have one number for each of the {X.shape[1]} features. Got {mean.size}.")
    difference, X = (np.where(missing, 0.0, X - other) for other in (X_reconstructed, mean))
    axis = 0 if multioutput == "uniform_average" else None
    # Dividing by the largest value prevents overflow and underflow of the squares.
    unit = np.maximum(np.abs(difference).max(axis), np.abs(X).max(axis))
    unit = np.where(unit > 0, unit, 1.0)
    error, total = (np.atleast_1d(np.square(array / unit).sum(axis)) for array in (difference, X))
    varies = total > 0
    return float((1.0 - error[varies] / total[varies]).mean()) if varies.any() else float(not error.any())


def reconstruction_error(
    X: ArrayLike, X_reconstructed: ArrayLike, *, metric: Literal["mse", "rmse", "mae"] = "mse"
) -> float:
    """Average error of a reconstruction over samples and features.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
    X_reconstructed : array-like of the same shape
    metric : {"mse", "rmse", "mae"}
        Mean squared error, root mean squared error (per feature, then averaged), or mean absolute error.

    Returns
    -------
    error : float
        In [0, inf), in the units of X; squared units for "mse". Missing values (NaN) of X do not count; if all are
        missing, it is NaN, with a warning.

    Raises
    ------
    ValueError
        If shapes differ, X is empty, or a value is infinite, or NaN in ``X_reconstructed``.

    Examples
    --------
    >>> from skae.metrics import reconstruction_error
    >>> reconstruction_error([[0, 0], [4, 4]], [[1, 1], [4, 4]], metric="mae")
    0.5
    """
    check_choice("reconstruction_error", "metric", metric, tuple(METRICS))
    X, X_reconstructed = check_same_shape(X, X_reconstructed)
    known = ~np.isnan(X)
    if known.all():
        return float(METRICS[metric](X, X_reconstructed))
    columns = np.flatnonzero(known.any(0))
    errors = [METRICS[metric](X[known[:, j], j], X_reconstructed[known[:, j], j]) for j in columns]
    weights = None if metric == "rmse" else known.sum(0)[columns]
    return float(np.average(errors, weights=weights)) if len(columns) else undefined_score()


def explained_variance_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """:func:`explained_variance` of the reconstruction of X, for the parameter ``scoring`` of a search.

    Parameters
    ----------
    estimator : fitted transformer with ``inverse_transform``
    X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
    y : ignored

    Returns
    -------
    r2 : float

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skae.metrics import explained_variance_scorer
    >>> search = GridSearchCV(PCA(), {"n_components": [2, 8]}, scoring=explained_variance_scorer)
    >>> search.fit(load_digits().data).best_params_
    {'n_components': 8}
    """
    return explained_variance(X, reconstruct(estimator, X))


def uniform_explained_variance_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """:func:`explained_variance` averaged over features, for the parameter ``scoring`` of a search.

    Use it to search over ``scaling``: it does not depend on units, whereas ``AutoencoderTransformer.score`` is computed
    on scaled samples. Arguments are those of :func:`explained_variance_scorer`.

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
    return explained_variance(X, reconstruct(estimator, X), multioutput="uniform_average")


def neg_reconstruction_error_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Minus the mean squared :func:`reconstruction_error`, for the parameter ``scoring`` of a search.

    It is in (-inf, 0], in squared units of X. Arguments are those of :func:`explained_variance_scorer`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.decomposition import PCA
    >>> from skae.metrics import neg_reconstruction_error_scorer
    >>> X = load_wine().data
    >>> neg_reconstruction_error_scorer(PCA(2).fit(X), X) > neg_reconstruction_error_scorer(PCA(1).fit(X), X)
    True
    """
    return 0.0 - reconstruction_error(X, reconstruct(estimator, X))


def reconstruct(estimator: Any, X: Any) -> Any:
    """Encode and decode X."""
    estimator = snapshot(estimator)
    return estimator.inverse_transform(estimator.transform(X))


def explained_variance_of_table(encoder: TableEncoder, X: Any, X_reconstructed: Any) -> float:
    """Explained variance of a table with categories, booleans or dates, averaged over the columns that vary."""
    shapes = tuple(X.shape), tuple(np.shape(X_reconstructed))
    if shapes[0] != shapes[1] or len(X) == 0:
        raise ValueError(f"Expected two tables of one shape with at least one row. Got {shapes[0]} and {shapes[1]}.")
    rows, others = (np.asarray(encoder.encode(table), dtype=np.float64) for table in (X, X_reconstructed))
    assert_all_finite(rows, allow_nan=True)
    if np.isnan(rows).all():
        return undefined_score()
    assert_all_finite(others)
    shares = []
    for index, column in enumerate(encoder.columns):
        known = ~np.isnan(rows[:, index])
        a, b = rows[known, index], others[known, index]
        if isinstance(column, Categories):
            a, b = (read_column(table, index)[known] for table in (X, X_reconstructed))
            total = 1 - np.square(np.array(column.counts) / sum(column.counts)).sum()
            # Vectors of different categories have a squared distance of 2.
            shares += [1 - 2 * np.mean(a != b) / total] if len(column.values) > 1 else []
        elif len(a) and np.ptp(a) > 0:
            shares.append(explained_variance(a[:, None], b[:, None]))
    return float(np.mean(shares)) if shares else float((rows == others)[~np.isnan(rows)].all())


def to_float64(X: Any) -> np.ndarray:
    """Samples as a dense array of float64; ValueError if X is a data frame with categories, booleans or dates."""
    X = read_container(X)
    try:
        return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        if not hasattr(X, "columns"):
            raise
        raise ValueError(
            f"Metrics of reconstructions compare numbers, but the data frame has columns of other values ({error}). "
            f"Use explained_variance, which compares categories too, the method score of the autoencoder "
            f"(scoring=None in a search), or pass the columns of numbers."
        ) from error


def check_same_shape(X: Any, other: Any) -> tuple[np.ndarray, np.ndarray]:
    """Convert both arrays to float64 (n_samples, n_features); ValueError if their shapes differ."""
    X, other = map(to_float64, (X, other))
    assert_all_finite(X, allow_nan=True)
    assert_all_finite(other)
    if X.shape != other.shape or X.ndim == 0 or X.size == 0:
        raise ValueError(f"Expected two arrays of one shape with at least one sample. Got {X.shape} and {other.shape}.")
    return X.reshape(len(X), -1), other.reshape(len(X), -1)
