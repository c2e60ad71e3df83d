"""Validation of X, Z and groups. Arrays and memory maps are checked slice by slice and never copied."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Set
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from sklearn.utils.validation import check_array, validate_data

from skae._inputs.containers import (
    check_columns,
    check_entries,
    check_one_shape,
    check_text,
    iterate_columns,
    name_encoders,
)
from skae._inputs.data_frames import column_names
from skae._inputs.plain import LARGEST, is_finite, is_plain, plain_values
from skae._inputs.readers import read_container
from skae._inputs.table_columns import to_floats
from skae._parameters import warn
from skae.data import ChunkedRows, PartwiseRows, SparseRows, Stream, first_rows, prefetch, slice_length

# A cause of overflow, for ``check_no_overflow``.
FAR_AWAY = "X holds values far from those fitted"


def convert_container(X: Any) -> Any:
    """Convert lists to arrays and detach tensors; TypeError or ValueError for input that does not hold numbers."""
    X = read_container(X)
    if isinstance(X, PartwiseRows):
        return X
    if isinstance(X, torch.Tensor):
        if X.layout is not torch.strided:
            raise TypeError(f"Sparse torch tensors ({X.layout}) are not supported. Pass X.to_dense().")
        X = X.detach()
        return X.float() if X.dtype is torch.bfloat16 else X
    if isinstance(X, (Mapping, Set, Iterator)) and not hasattr(X, "toarray"):
        raise TypeError(f"X must be an array, a frame, a tensor or a list of samples. Got {type(X).__name__} instead.")
    if isinstance(X, (list, tuple)):
        masked = any(isinstance(row, np.ma.MaskedArray) for row in X)
        check_one_shape(X)
        X = np.ma.asarray(X) if masked else np.asarray(X)
    if isinstance(X, np.ma.MaskedArray):
        X = fill_masked(X)
    check_kind(getattr(X, "dtype", None))
    check_entries(X)
    if hasattr(X, "columns") and hasattr(X, "head"):
        check_columns(X.head(1))
        # pandas has ``sparse`` only if all columns are sparse. The columns keep their names and order.
        X = fill_object_columns(X.sparse.to_dense() if hasattr(X, "sparse") else X)
    if isinstance(X, np.ndarray) and X.dtype.kind == "O":
        X = fill_objects(X)
    if isinstance(X, np.ndarray) and (X.dtype.kind in "UST" or (X.dtype.kind == "O" and X.ndim > 2)):
        with name_encoders():
            return X.astype(np.float64)
    return X


def fill_masked(X: np.ma.MaskedArray) -> np.ndarray:
    """The array of a masked array; masked values are NaN."""
    if not np.ma.is_masked(X):
        return np.asarray(X)
    dtype = np.result_type(X.dtype, np.float32) if X.dtype.kind in "biu" else X.dtype
    return np.ma.filled(X.astype(dtype), np.nan)


def fill_objects(X: np.ndarray) -> np.ndarray:
    """The same object array with NaN for None and the NA of pandas; a copy if there are any."""
    missing = np.array([value is None or type(value).__name__ == "NAType" for value in X.ravel()], dtype=bool)
    if not missing.any():
        return X
    X = X.copy()
    X[missing.reshape(X.shape)] = np.nan
    return X


def fill_object_columns(frame: Any) -> Any:
    """The same data frame of pandas with NaN for None and NA in columns of objects and text; others are unchanged."""
    if not hasattr(frame, "isetitem"):
        return frame
    filled = frame
    for index, dtype in enumerate(frame.dtypes):
        if np.dtype("O") == dtype or str(dtype).startswith("str"):
            column = frame.iloc[:, index].to_numpy()
            values = fill_objects(column)
            if values is not column:
                filled = frame.copy(deep=False) if filled is frame else filled
                filled.isetitem(index, values)
    return filled


def check_stored(X: Any) -> None:
    """Raise ValueError if a stored value of a CSR matrix is missing."""
    if X.data.dtype.kind != "f" or not np.isnan(X.data).any():
        return
    first = int(np.flatnonzero(np.isnan(X.data))[0])
    row = int(np.searchsorted(X.indptr, first, side="right")) - 1
    raise ValueError(
        f"Input X contains NaN in a sparse matrix, the first in column {X.indices[first]}, row {row}. Missing values "
        f"need a dense array, because entries that are not stored are zeros: pass X.toarray()."
    )


def check_kind(dtype: Any) -> None:
    """Raise TypeError if a numpy dtype is structured or a date."""
    if not isinstance(dtype, np.dtype):
        return
    if dtype.names is not None:
        raise TypeError(f"Input X has the structured dtype {dtype}. Pass its fields as columns of one numeric array.")
    if dtype.kind in "mM":
        raise TypeError(f"Input X has dtype {dtype.name}. Convert it to numbers, such as seconds, first.")


@contextlib.contextmanager
def name_place(X: Any, start: int | None = 0) -> Iterator[None]:
    """If a value of X, whose first row has the number ``start``, is too large, add its column to the ValueError."""
    try:
        yield
    except ValueError as error:
        if "too large" not in str(error):
            raise
        raise ValueError(f"{error} {place_of_large(X, start)}") from error


def place_of_large(X: Any, start: int | None) -> str:
    """The column and the row of the first value beyond float32, as the end of an error message."""
    names: Any = column_names(X) if hasattr(X, "columns") else range(math.prod(X.shape[1:]))
    if issparse(X):
        X = X.tocoo()
        first = np.flatnonzero(np.abs(X.data) > LARGEST)[0]
        row, column = X.row[first], X.col[first]
    else:
        is_frame = hasattr(X, "columns")
        values = np.column_stack([to_floats(*part) for part in iterate_columns(X)]) if is_frame else as_array(X)
        row, column = np.argwhere(np.abs(values.reshape(len(values), -1).astype(np.float64)) > LARGEST)[0]
    kind = "feature" if len(X.shape) > 2 else "column"
    return f"The first is in {kind} {names[column]!r}{'' if start is None else f', row {start + row}'}."


# scikit-learn's check for NaN adds up all values; infinities of both signs would warn.
@np.errstate(invalid="ignore")
def check_samples(estimator: Any, X: Any, *, reset: bool, sample_shape: tuple[int, ...] | None = None) -> Any:
    """Check X, without a copy of arrays, and return it in a form that supports slicing.

    The ``n_features_in_`` and ``feature_names_in_`` of the estimator are set or checked. The fitted samples have
    ``sample_shape``.
    """
    X = convert_container(X)
    if isinstance(X, PartwiseRows):
        return check_parts(estimator, X, reset, sample_shape)
    if sample_shape is not None:
        check_sample_shape(type(estimator).__name__, tuple(getattr(X, "shape", ())), sample_shape)
    if issparse(X):
        with name_place(X):
            checked = validate_data(
                estimator, X, reset=reset, dtype="numeric", accept_sparse="csr", ensure_all_finite="allow-nan"
            )
            check_stored(checked)
            check_range(checked.data)
        rows = csr_array(checked)
        if not rows.has_canonical_format:
            # Duplicate entries are summed in a copy, as the moments need; the caller's matrix is not changed.
            rows = rows.copy()
            rows.sum_duplicates()
        return SparseRows(rows)
    if not is_sliceable(X):
        try:
            with name_encoders(), name_place(X):
                checked = validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan")
        except (ValueError, TypeError):
            if hasattr(X, "columns"):
                check_text(X)
            raise
        if checked.dtype.kind == "O" and hasattr(X, "columns"):  # such as categories of strings
            check_text(X)
        check_kind(checked.dtype)
        with name_place(X):
            check_range(checked)
        return checked
    n_features = math.prod(X.shape[1:])
    length = slice_length(max(1, n_features))
    for start in range(0, max(1, len(X)), length):
        part = as_array(X[start : start + length])
        part = part.reshape(len(part), n_features) if part.ndim > 2 else part
        with name_place(X[start : start + length], start):
            if start == 0:
                checked = validate_data(estimator, part, reset=reset, dtype="numeric", ensure_all_finite="allow-nan")
            else:
                checked = check_array(
                    part, dtype="numeric", input_name="X", estimator=estimator, ensure_all_finite="allow-nan"
                )
            check_range(checked)
    return X


def check_parts(estimator: Any, X: PartwiseRows, reset: bool, sample_shape: tuple[int, ...] | None) -> PartwiseRows:
    """``check_samples`` of rows that are read in parts; those of a stream are checked in every pass.

    With ``reset``, a stream is read once, to learn its number of rows.
    """
    if X.frame is not None:
        validate_data(estimator, X.frame, reset=reset, skip_check_array=True)
    if isinstance(X, Stream):
        X.check = partial(check_part, estimator, X.frame is None and reset, sample_shape)
        if reset:
            X.learn()
            X.check = partial(check_part, estimator, False, sample_shape)
        return X
    assert isinstance(X, ChunkedRows)
    first = X.frame is None and reset
    with contextlib.closing(prefetch(X.parts(), 1)) as parts:
        for part in parts if len(X) else [X[0:0]]:
            check_part(estimator, first, sample_shape, part)
            first = False
    return X


@np.errstate(invalid="ignore")
def check_part(estimator: Any, reset: bool, sample_shape: tuple[int, ...] | None, part: np.ndarray) -> None:
    """Check rows; with ``reset``, the estimator learns their number of features."""
    if sample_shape is not None:
        check_sample_shape(type(estimator).__name__, part.shape, sample_shape)
    flat = part.reshape(len(part), math.prod(part.shape[1:])) if part.ndim > 2 else part
    with name_place(part, None):
        if reset or not hasattr(estimator, "feature_names_in_"):
            checked = validate_data(estimator, flat, reset=reset, dtype="numeric", ensure_all_finite="allow-nan")
        else:  # names are those of the frame, which was checked
            checked = check_array(
                flat, dtype="numeric", input_name="X", estimator=estimator, ensure_all_finite="allow-nan"
            )
        check_range(checked)


def encode_groups(groups: Any, n_samples: int) -> np.ndarray | None:
    """Encode groups as labels 0, 1, ... (n_samples,) in order of first appearance; None stays None."""
    if groups is None:
        return None
    if isinstance(groups, (Mapping, Set, Iterator, str)) or not hasattr(groups, "__len__"):
        raise ValueError(f"groups must be an array-like of shape ({n_samples},). Got {type(groups).__name__} instead.")
    if isinstance(groups, np.ma.MaskedArray) and np.ma.is_masked(groups):
        raise ValueError("groups has masked values. Pass a label for every sample.")
    values = as_array(groups)
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.shape != (n_samples,):
        raise ValueError(
            f"groups must have one label per sample, shape ({n_samples},): X has {n_samples} samples. "
            f"Got shape {values.shape} instead."
        )
    missing = np.flatnonzero([is_missing(value) for value in values] if values.dtype.kind in "OfcmM" else [])
    if len(missing) > 0:
        raise ValueError(f"groups has no label at index {missing[0]}: {values[missing[0]]!r}. Give each one a group.")
    number: dict[Any, int] = {}
    return np.array([number.setdefault(value, len(number)) for value in values.tolist()], dtype=np.intp)


def is_missing(value: Any) -> bool:
    """Whether a label is None, NaN, NaT or the NA of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return bool(value != value)


def check_sample_shape(owner: str, given: tuple[int, ...], fitted: tuple[int, ...]) -> None:
    """Raise ValueError if samples with more than one axis have neither the fitted shape nor its flattened one."""
    if (len(fitted) == 1 and len(given) <= 2) or len(given) < 2 or given[1:] in (fitted, (math.prod(fitted),)):
        return
    expected = f"(n_samples, {', '.join(map(str, fitted))})"
    if given == fitted:
        raise ValueError(f"X has shape {given}, which is that of one sample. Pass X of shape {expected}: X[None].")
    raise ValueError(
        f"X has samples of shape {given[1:]}, but {owner} was fitted on samples of shape {fitted}. Pass X of shape "
        f"{expected}."
    )


def warn_if_y_is_target(X: Any, y: Any, n_rows: int = 100) -> None:
    """Warn if the ignored y has the shape of X and other values in the first ``n_rows`` rows, like clean samples."""
    if isinstance(y, (list, tuple)) and len(y) == len(X):
        try:
            X, y = X[:n_rows], np.asarray(y[:n_rows])
        except ValueError:  # rows of different lengths
            return
    shape = tuple(getattr(y, "shape", ()))
    if len(shape) < 2 or shape != tuple(X.shape) or math.prod(shape[1:]) == 1 or hasattr(y, "toarray"):
        return
    target = np.asarray(as_array(y.head(n_rows) if hasattr(y, "head") else y[:n_rows]))
    if target.dtype.kind not in "biuf":
        return
    given = as_array(first_rows(X, n_rows)).astype(np.float64)
    rounding = 1e-6 * float(np.nan_to_num(np.abs(given)).max())
    if not np.allclose(given, target.astype(np.float64), rtol=0, atol=rounding, equal_nan=True):
        warn(
            "y is ignored, because X is reconstructed. y has the shape of X and other values, as in fit(noisy, clean). "
            "For denoising pass clean samples as X, with variant=Denoising(...) of skae.variants, which corrupts them "
            "in training; then call reconstruct(noisy)."
        )


def is_sliceable(X: Any) -> bool:
    """Whether X is a numeric array, in memory or in a file, that is read slice by slice."""
    if isinstance(X, torch.Tensor):
        return X.ndim > 1
    if hasattr(X, "columns") or hasattr(X, "toarray") or isinstance(X, np.matrix) or not hasattr(X, "__getitem__"):
        return False
    dtype = getattr(X, "dtype", None)
    try:
        numeric = np.dtype(dtype).kind in "biuf" if dtype is not None else False
    except TypeError:
        return False
    return numeric and len(getattr(X, "shape", ())) > 1


def as_array(rows: Any) -> np.ndarray:
    """Convert a slice of X to a numpy array, without a copy if possible."""
    return rows.cpu().numpy() if isinstance(rows, torch.Tensor) else np.asarray(rows)


def check_range(rows: np.ndarray) -> None:
    """Raise ValueError if a value overflows in float32, the type that the network computes in."""
    if rows.dtype.kind != "f" or rows.dtype.itemsize <= 4 or rows.size == 0:
        return
    largest = max(float(rows.max()), -float(rows.min()))
    if np.isnan(largest):
        largest = float(np.nan_to_num(np.abs(rows)).max())
    if largest > LARGEST:
        raise ValueError(
            f"Input X contains a value too large for dtype('float32'): {largest:g}. Divide X by a power of ten first."
        )


@np.errstate(invalid="ignore")
def check_codes(Z: Any, n_components: int, nested: bool = False) -> np.ndarray:
    """Check codes (n, n_components); nested codes may have fewer columns."""
    values = plain_values(Z, None)
    if is_plain(values, (n_components,), n_components):
        return values
    Z = convert_container(Z)
    Z = check_array(as_array(Z) if isinstance(Z, torch.Tensor) else Z, dtype="numeric")
    check_kind(Z.dtype)
    check_range(Z)
    if Z.shape[1] != n_components and not (nested and Z.shape[1] < n_components):
        raise ValueError(
            f"X has {Z.shape[1]} columns, but n_components is {n_components}: pass codes as transform returns them."
        )
    return Z


def check_no_overflow(result: np.ndarray, name: str, cause: str) -> None:
    """Raise ValueError if values computed from finite ones overflowed."""
    if is_finite(result):
        return
    length = slice_length(max(1, result[0].size)) if len(result) else 1
    if not all(np.isfinite(result[start : start + length]).all() for start in range(0, len(result), length)):
        raise ValueError(f"The {name} are not finite in float32: {cause}.")
