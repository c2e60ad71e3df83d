"""``AutoencoderImputer``: its parameters, its methods and its fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.impute import MissingIndicator
from sklearn.utils import check_random_state

from skae._estimator.results import ResultMixin, learned
from skae._estimator.settings import check_parameters
from skae._estimator.transformer import AutoencoderTransformer, convert_like
from skae._inner import fit_inner
from skae._inputs.data_frames import FrameSchema, output_library
from skae._inputs.layout_inference import infer_layout, token_setting
from skae._inputs.readers import read_container
from skae._inputs.schema import Schema, read_samples
from skae._inputs.table_encoding import as_table
from skae._inputs.validation import as_array
from skae._parameters import check_bool, check_nested, invalid
from skae.data import SparseRows
from skae.training import draw_seed, fill_by_pca, one_at_a_time

from .combination import Combination
from .frames import add_indicators, convert_frame, fill_frame

OWNER = "AutoencoderImputer"
# Share of the known values that are hidden from the fit, to choose the bottleneck size and the weights.
HIDDEN_SHARE = 0.1
# Bottleneck sizes that are compared by PCA of at most SIZE_ROWS rows and SIZE_NUMBERS values, in ascending order, until
# WORSE sizes are worse. With more components than the largest, reconstructions of wide rows diverge.
SIZES, SIZE_ROWS, SIZE_NUMBERS, WORSE = (1, 2, 3, 5, 8, 12, 20), 2000, 2**19, 2


@dataclass(frozen=True, eq=False)
class ImputerResult:
    """The result of a fit."""

    schema: Schema
    sample_shape: tuple[int, ...]
    autoencoder: AutoencoderTransformer
    combination: Combination
    indicator: MissingIndicator | None


class AutoencoderImputer(ResultMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Imputation of missing values by an autoencoder, with the methods of scikit-learn's imputers.

    Three estimates of each missing value are combined: its mean given the known values under a normal distribution
    (Dempster, Laird and Rubin, 1977), its reconstruction by the autoencoder in three rounds from the mean, and its
    reconstruction from the row that the normal distribution completed. Their weights are at least 0, and have the
    lowest squared error on a tenth of the known values, which are hidden in training (stacking, Breiman, 1996). Where
    the autoencoder is not better than the normal distribution, its weight is therefore small.

    Tables with categories and dates are estimated as encoded columns. A missing category is filled with the most likely
    one, and the output is a data frame like X.

    Known values are returned unchanged. Estimates are limited to the range of the known values of their feature.

    Parameters
    ----------
    autoencoder : AutoencoderTransformer, default=None
        It is cloned and fitted to X. The default has the bottleneck size at which iterative PCA (Josse and Husson,
        2012) has the lowest error on the hidden values, and trains without a validation set.
    missing_values : number, np.nan, None or pandas.NA, default=np.nan
        The placeholder of missing values. None and NA are the same as NaN.
    add_indicator : bool, default=False
        Whether to append the columns of a :class:`~sklearn.impute.MissingIndicator` to the output; in data frames, they
        are booleans. It needs a table.
    sample_posterior : bool, default=False
        Whether to draw missing values around the estimates, for multiple imputation (Rubin, 1987), in place of the
        estimates, whose variance is too small. Values of a row are drawn jointly: their deviations have the covariance
        of the normal distribution given the known values of the row (Little and Rubin, 2019), times the ratio of each
        feature's errors on hidden values to those that this covariance predicts. Categories and booleans are drawn one
        after the other, each given those before it, and numbers given all of them. The distribution itself is not
        drawn, so variances between imputations are somewhat too small for few rows. With more than 128 features,
        deviations are independent, of the size of the errors. Set it before ``fit``, which fits covariances more
        closely then.
        ``transform`` draws anew in each call unless ``random_state`` is an int.
    random_state : int, RandomState instance or None, default=None
        Seed of the hidden values, of the autoencoder and of draws.

    Attributes
    ----------
    autoencoder_ : AutoencoderTransformer
        The fitted autoencoder.
    weights_ : dict of str to float
        Weights of the estimates "gaussian", "network" and "network from gaussian". There is no normal distribution for
        more than 128 features.
    indicator_ : MissingIndicator or None
        The indicator of missing values. None if ``add_indicator=False``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the columns. Defined only if X is a data frame.

    See Also
    --------
    AutoencoderTransformer : Takes X with missing values, for codes and scores.
    sklearn.impute.IterativeImputer : One regression model per feature.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoencoderImputer
    >>> X = load_wine().data
    >>> gaps = X.copy()
    >>> gaps[::5, 6] = np.nan  # flavanoids
    >>> imputed = AutoencoderImputer(random_state=0).fit_transform(gaps)
    >>> error = imputed[::5, 6] - X[::5, 6]
    >>> bool(np.sqrt(np.mean(error**2)) < 0.6 * X[:, 6].std())
    True
    """

    def __init__(
        self,
        autoencoder: AutoencoderTransformer | None = None,
        *,
        missing_values: Any = np.nan,
        add_indicator: bool = False,
        sample_posterior: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.missing_values = missing_values
        self.add_indicator = add_indicator
        self.sample_posterior = sample_posterior
        self.random_state = random_state

    def set_params(self, **params: Any) -> AutoencoderImputer:
        """Set parameters. Write ``autoencoder__max_epochs`` for a parameter of the autoencoder."""
        check_nested(self, params, {"autoencoder": lambda *_: AutoencoderTransformer.__name__})
        return super().set_params(**params)

    @one_at_a_time
    def fit(self, X: Any, y: Any = None) -> AutoencoderImputer:
        """Fit the autoencoder and the normal distribution to the known values of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            A table, pictures or signals, as for :meth:`AutoencoderTransformer.fit`, but neither tokens nor sparse. A
            copy of it is made. Categories and dates of data frames are filled too.
        y : ignored

        Returns
        -------
        self : AutoencoderImputer

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is invalid; if a feature has no known value.
        """
        self._check_parameters()
        categorical_features = "from_dtype" if self.autoencoder is None else self.autoencoder.categorical_features
        X, schema = read_samples(OWNER, X, categorical_features)
        if schema.encoder is not None and not self._is_nan:
            raise ValueError(
                f"missing_values={self.missing_values!r} is for tables of numbers, but X has categories or dates. "
                f"Leave it out, and pass X with None or NaN in place of {self.missing_values!r}."
            )
        X = self._mark_missing(X)
        seed = draw_seed(self.random_state)
        self._result = fit_imputer(self, X, schema, seed)
        return self

    def transform(self, X: Any) -> Any:
        """Fill the missing values of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        X : ndarray of the shape of X, and the columns of the indicator if ``add_indicator=True``
            float32 if X is float32, else float64; a tensor if X is one. A data frame like X if it has categories or
            dates, or if ``set_output`` asks for data frames and X is one of that library: columns keep their types, and
            estimates are rounded to them. Filled columns of decimals and other objects become plain numbers.

        Raises
        ------
        ValueError, TypeError
            If X is invalid, or differs in shape, column names or kinds of columns from the fitted X. A column of
            numbers in ``fit`` cannot be filled if it is text or categories now.
        """
        result, given = self._get_result(), X
        rows = read_container(X)
        X = result.schema.check(OWNER, rows, result.sample_shape)
        if X.shape[1:] != result.sample_shape:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}, but {OWNER} was fitted on samples of shape "
                f"{result.sample_shape}."
            )
        X = self._mark_missing(X)
        random = check_random_state(draw_seed(self.random_state)) if self.sample_posterior else None
        is_missing = np.isnan(X)
        filled = np.where(is_missing, result.combination.impute(result.autoencoder, X, random), X).astype(X.dtype)
        indicated = None if result.indicator is None else is_missing[:, result.indicator.features_]
        return convert_like(given, self._to_output(result, rows, filled, is_missing, indicated))

    def _to_output(
        self, result: ImputerResult, X: Any, filled: np.ndarray, is_missing: np.ndarray, indicated: np.ndarray | None
    ) -> Any:
        """Filled rows and the columns of the indicator, in a container like X."""
        encoder, library = result.schema.encoder, output_library(self)
        columns = list(filled.T) if encoder is None else encoder.decode(filled)
        form = FrameSchema.of(X)
        if form is not None and (encoder is not None or library == form.library):
            frame = fill_frame(X, result.schema.frame, columns, is_missing)
            if indicated is not None:
                frame = add_indicators(frame, self.get_feature_names_out()[len(columns) :], indicated)
            return frame if library in (None, form.library) else convert_frame(frame, library)
        if encoder is not None:
            values = encoder.to_array(columns)
            filled = np.where(is_missing, values, as_table(X).astype(values.dtype))
        if indicated is not None:
            filled = np.hstack([filled, indicated.astype(filled.dtype)])
        return filled

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of the output: those of X, and of the indicator if there is one."""
        indicator = self._get_result().indicator
        names = super().get_feature_names_out(input_features)
        return names if indicator is None else np.concatenate([names, indicator.get_feature_names_out(names)])

    autoencoder_: AutoencoderTransformer = learned("autoencoder", "The fitted autoencoder.")
    weights_: dict[str, float] = learned("combination.named_weights", "Weights of the estimates.")
    indicator_: MissingIndicator | None = learned("indicator", "The indicator of missing values, or None.")

    def _check_parameters(self) -> None:
        if self.autoencoder is not None and not isinstance(self.autoencoder, AutoencoderTransformer):
            raise invalid(OWNER, "autoencoder", "an AutoencoderTransformer or None", self.autoencoder)
        for name in ("add_indicator", "sample_posterior"):
            check_bool(OWNER, name, getattr(self, name))
        if not (self._is_nan or isinstance(self.missing_values, (int, float, np.number))):
            raise invalid(OWNER, "missing_values", "a number, NaN, None or pandas.NA", self.missing_values)

    @property
    def _is_nan(self) -> bool:
        """Whether missing values are NaN."""
        value = self.missing_values
        is_none = value is None or type(value).__name__ == "NAType"
        return is_none or (isinstance(value, (float, np.floating)) and math.isnan(value))

    def _mark_missing(self, X: Any) -> np.ndarray:
        """Checked X as a floating-point array in memory; missing values are NaN."""
        if isinstance(X, SparseRows):
            raise TypeError(f"{OWNER} takes dense X only, not sparse matrices. Pass X.toarray().")
        X = as_array(X)
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
        X = np.array(X, dtype=dtype)
        if not self._is_nan:
            if np.isnan(X).any():
                raise ValueError(
                    f"Input X contains NaN, but missing_values={self.missing_values!r}. Pass missing_values=np.nan, "
                    f"and X with NaN in place of {self.missing_values!r}."
                )
            X[self.missing_values == X] = np.nan
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._is_nan
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def fit_imputer(imputer: AutoencoderImputer, X: np.ndarray, schema: Schema, seed: int) -> ImputerResult:
    """Fit the parts of an imputer to X, whose missing values are NaN."""
    if imputer.add_indicator and X.ndim > 2:
        raise ValueError(f"add_indicator=True needs a table of shape (n_samples, n_features). Got shape {X.shape}.")
    is_hidden = choose_hidden(X, seed)
    seen = np.where(is_hidden, np.nan, X)
    autoencoder = prepare_autoencoder(imputer.autoencoder, X, seen, is_hidden, schema, seed)
    autoencoder._reports_pca, autoencoder._table = False, schema.table
    autoencoder.set_params(random_state=seed).fit(seen)
    del autoencoder._reports_pca, autoencoder._table
    if schema.encoder is not None:
        autoencoder._result = replace(autoencoder._result, schema=schema)
    combination = Combination.fit(autoencoder, X, seen, is_hidden, seed, imputer.sample_posterior)
    indicator = None
    if imputer.add_indicator:
        indicator = fit_inner(MissingIndicator(error_on_new=False), X)
    return ImputerResult(schema, X.shape[1:], autoencoder, combination, indicator)


def choose_hidden(X: np.ndarray, seed: int) -> np.ndarray:
    """Choose about HIDDEN_SHARE of the known values to hide, (n, \\*sample_shape), bool.

    Rows hide the values that are missing in another row, so that blocks and missing columns are hidden too: the rows
    with the most known values first, until there are enough. Otherwise, further values are hidden at random. Each
    feature keeps at least half of its known values.
    """
    random = np.random.RandomState(seed)
    known = ~np.isnan(X).reshape(len(X), -1)
    order = random.permutation(len(X))
    hidden = known & ~known[order]
    rows = np.lexsort((random.random_sample(len(X)), -known.sum(1)))
    wanted = HIDDEN_SHARE * known.sum()
    hidden[rows[np.cumsum(hidden.sum(1)[rows]) > wanted]] = False
    rest = max(0.0, wanted - hidden.sum()) / known.sum()
    hidden |= known & (random.random_sample(known.shape) < rest)
    ranks = np.where(hidden, random.random_sample(known.shape), np.inf).argsort(0).argsort(0)
    return (hidden & (ranks < known.sum(0) // 2)).reshape(X.shape)


def prepare_autoencoder(
    autoencoder: AutoencoderTransformer | None,
    X: np.ndarray,
    seen: np.ndarray,
    is_hidden: np.ndarray,
    schema: Schema,
    seed: int,
) -> AutoencoderTransformer:
    """Clone the autoencoder, or make the default one; ValueError if it reads tokens or a feature has no value."""
    prepared = AutoencoderTransformer(early_stopping=False) if autoencoder is None else clone(autoencoder)
    check_parameters(prepared)
    if prepared.axes == "n" or token_setting(prepared):
        reason = token_setting(prepared) or "axes='n'"
        raise ValueError(f"{OWNER} fills numbers, not tokens. Pass an autoencoder without {reason}.")
    layout = infer_layout(prepared, X, schema.feature_names, schema.table)
    if layout.axes:
        # The fit does not warn again about the axes that were inferred here.
        prepared.axes = " ".join(layout.axes)
    if autoencoder is None:
        # Rows with hidden values are of most use to choose the size.
        size = max(100, min(SIZE_ROWS, SIZE_NUMBERS // layout.n_features))
        rows = np.argsort(~is_hidden.reshape(len(X), -1).any(1), kind="stable")[:size]
        known, shown = (layout.to_flat(layout.to_network(torch.from_numpy(array[rows]))).numpy() for array in (X, seen))
        hidden = ~np.isnan(known) & np.isnan(shown)
        prepared.n_components = choose_size(known, shown, hidden, seed)
    return prepared


def choose_size(known: np.ndarray, shown: np.ndarray, hidden: np.ndarray, seed: int) -> int:
    """The number of components with which iterative PCA of the ``shown`` rows has the lowest error on hidden values."""
    sizes = [size for size in SIZES if size < min(shown.shape)]
    if not hidden.any() or not sizes:
        return max(1, min(shown.shape[1] // 2, 8))
    errors: list[float] = []
    for size in sizes:
        filled = fill_by_pca(shown.copy(), size, seed)
        errors.append(float(np.square(filled[hidden] - known[hidden]).mean()))
        if len(errors) - 1 - int(np.argmin(errors)) >= WORSE:
            break
    return sizes[int(np.argmin(errors))]
