"""Names and types of the fitted columns."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from skae._parameters import warn
from skae.data import PartwiseRows, Stream, TableColumns, sources

from .data_frames import FrameSchema, column_names
from .plain import is_plain, plain_values
from .readers import read_container
from .table_encoding import TableEncoder, check_numbers
from .validation import check_samples, convert_container

# New categories that a message lists.
MOST_SHOWN = 5


@dataclass(frozen=True)
class Schema:
    """Number, names and types of the fitted features, against which later X are checked."""

    n_features: int
    feature_names: np.ndarray | None = None  # of the columns of a data frame
    frame: FrameSchema | None = None  # of a pandas or polars data frame, or a table of pyarrow
    encoder: TableEncoder | None = None  # of a table with categories, booleans or dates

    def check(self, owner: str, X: Any, sample_shape: tuple[int, ...], streams: bool = False) -> Any:
        """Check X against these features, as ``check_samples`` does for an estimator of class name ``owner``.

        With ``streams``, X may be a stream, which cannot be indexed.
        """
        if type(X) is not np.ndarray:
            X = read_container(X)
            check_indexing(owner, X, streams)
        if self.encoder is not None:
            return self._check_table(owner, X, sample_shape)
        if isinstance(X, (list, tuple)):
            X = convert_container(X)
        values = plain_values(X, self._names)
        if is_plain(values, sample_shape, self.n_features):
            return X.detach() if isinstance(X, torch.Tensor) else values
        if self._has_fitted_columns(X):
            check_numbers(X)
        return check_samples(self.estimator(owner), X, reset=False, sample_shape=sample_shape)

    def continued(self, X: Any, is_warm_start: bool) -> Schema:
        """The schema after further training on checked X.

        A warm start restores data frames as X, and ValueError names its new categories, for which the network has no
        features. ``partial_fit`` keeps the schema, and warns of new categories.
        """
        X = read_container(X)
        new = {} if self.encoder is None else self.encoder.find_new(hold_in_memory(X))
        for name, values in new.items():
            shown = f"{', '.join(map(repr, values[:MOST_SHOWN]))}{', ...' if len(values) > MOST_SHOWN else ''}"
            message = f"Column {name!r} of X has categories that the first fit did not have: {shown}."
            if is_warm_start:
                raise ValueError(
                    f"{message} The network has no features for them. Call fit with warm_start=False, or replace them."
                )
            warn(f"{message} They are encoded as unknown. The rows of the first call should have all categories.")
        return replace(self, frame=fitted_frame(X) or self.frame) if is_warm_start else self

    @property
    def table(self) -> TableColumns | None:
        """The columns of a table with categories, booleans or dates, for its layout."""
        return None if self.encoder is None else self.encoder.table

    @functools.cached_property
    def _names(self) -> list[str] | None:
        return None if self.feature_names is None else list(self.feature_names)

    def estimator(self, owner: str) -> Any:
        """Make an estimator of class name ``owner`` with these features, for the validation of scikit-learn."""
        estimator = estimator_class(owner)()
        estimator.n_features_in_ = self.n_features
        if self.feature_names is not None:
            estimator.feature_names_in_ = self.feature_names
        return estimator

    def _has_fitted_columns(self, X: Any) -> bool:
        """Whether X is a data frame with the columns that were fitted."""
        if not hasattr(X, "columns"):
            return False
        names = list(getattr(X, "column_names", X.columns))
        return names == self._names if self._names is not None else len(names) == self.n_features

    def _check_table(self, owner: str, X: Any, sample_shape: tuple[int, ...]) -> Any:
        """Check a table, and convert its categories and dates to numbers."""
        assert self.encoder is not None
        X = hold_in_memory(X)
        estimator = self.estimator(owner)
        check_table(estimator, X)
        X = self.encoder.encode(X)
        if not hasattr(X, "columns"):
            # The names were checked, with scikit-learn's warning if there are none.
            estimator = Schema(self.n_features).estimator(owner)
        return check_samples(estimator, X, reset=False, sample_shape=sample_shape)

    def restore(
        self,
        rows: np.ndarray,
        library: str | None = None,
        index: Any = None,
        random: np.random.RandomState | None = None,
    ) -> Any:
        """Convert rows (..., n_columns) of an encoded table to a data frame like the fitted one, or an array.

        Rare categories are drawn if there is a ``random``.
        """
        assert self.encoder is not None
        columns = self.encoder.decode(rows.reshape(-1, rows.shape[-1]), random)
        if self.frame is not None and rows.ndim == 2:
            return self.frame.to_frame(columns, library, index)
        return self.encoder.to_array(columns).reshape(rows.shape)


def read_samples(
    owner: str, X: Any, categorical_features: Any = None, is_table: bool = True, streams: bool = False
) -> tuple[Any, Schema]:
    """Check X and make its schema; error messages name the class ``owner``.

    Categories and dates of tables become numbers. With ``streams``, X may be a stream, which cannot be indexed.
    """
    X = read_container(X)
    check_indexing(owner, X, streams)
    if categorical_features is not None and not isinstance(categorical_features, str):
        X = hold_in_memory(X)
    is_partwise, frame = isinstance(X, PartwiseRows), fitted_frame(X)
    # The validation of scikit-learn sets attributes of an estimator.
    estimator = estimator_class(owner)()
    encoder = TableEncoder.learn(X, categorical_features) if is_table and not is_partwise else None
    X = check_samples(estimator, X if encoder is None else encoder.encode(X), reset=True)
    return X, Schema(estimator.n_features_in_, getattr(estimator, "feature_names_in_", None), frame, encoder)


def fitted_frame(X: Any) -> FrameSchema | None:
    """The schema of the data frame that X is or is read from, if there is one."""
    return FrameSchema.of(X.frame if isinstance(X, PartwiseRows) else X)


def check_indexing(owner: str, X: Any, streams: bool) -> None:
    """Raise TypeError if X is a stream where rows are indexed."""
    if isinstance(X, Stream) and not streams:
        raise TypeError(
            f"{X.name} is read in passes, but this method of {owner} selects rows by index. Pass an array, a memory "
            f"map or a map-style dataset."
        )


def hold_in_memory(X: Any) -> Any:
    """Rows that are read in parts as an array, for the encoding of categories; ValueError if they are too large."""
    if not isinstance(X, PartwiseRows):
        return X
    if isinstance(X, Stream) or 4 * math.prod(X.shape) > sources.CACHE_BYTES:
        raise ValueError(
            f"Categories are encoded in memory, and X is a stream or larger than {sources.CACHE_BYTES // 2**20} MiB. "
            f"Pass it in batches: data frames or arrays of some of the rows."
        )
    return np.asarray(X)


def check_table(estimator: Any, X: Any) -> None:
    """Check the names and number of columns as scikit-learn does, without reading values."""
    if hasattr(X, "columns"):
        column_names(X)  # unique
    if hasattr(X, "columns") or len(getattr(X, "shape", ())) == 2:
        validate_data(estimator, X, reset=False, skip_check_array=True)
    elif isinstance(X, (list, tuple)):
        validate_data(estimator, np.asarray(X, dtype=object), reset=False, skip_check_array=True)


@functools.cache
def estimator_class(name: str) -> Any:
    """Make a class of estimators without parameters that has this name."""
    return type(name, (BaseEstimator,), {})
