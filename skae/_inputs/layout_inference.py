"""Inference of the shape, axes and scaling of samples."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from skae.data import (
    Moments,
    SampleLayout,
    Scaling,
    SparseRows,
    Stream,
    TableColumns,
    TableLayout,
    TokenLayout,
    check_tokens,
    contains_missing,
    feature_channels,
    infer_axes,
    iterate_slices,
    slice_length,
    warn_if_sensor_windows,
)
from skae.model import Sequence

# Squares of smaller numbers underflow or lose digits in float32.
SMALLEST_DEVIATION = 1e-16
# Features without a value that an error names.
MOST_SHOWN = 10


def infer_layout(estimator: Any, X: Any, names: Any = None, table: TableColumns | None = None) -> SampleLayout:
    """Infer shape and axes of checked samples, and learn their scaling in one pass.

    ``names`` are those of columns, and ``table`` are the columns of a table with categories.
    """
    setting = token_setting(estimator)
    if table is not None:
        return infer_table_layout(estimator, X, names, table)
    if setting and len(X.shape) != 2:
        raise ValueError(f"{setting} needs rows of integer tokens, of shape (n_samples, length). Got shape {X.shape}.")
    sample_shape, axes = infer_sample_shape(X.shape, estimator.sample_shape, resolve_axes(estimator))
    if setting and axes != ("n",):
        raise ValueError(f"{setting} needs rows of integer tokens. Pass axes='n' and X of shape (n_samples, length).")
    if estimator.scaling == "channels" and not axes:
        raise ValueError(
            "scaling='channels' needs samples with channels: pass axes such as 't c', or scaling='columns' for a table."
        )
    if estimator.axes is None and axes == ("h", "w"):
        warn_if_sensor_windows(X, sample_shape)
    if axes == ("n",):
        if isinstance(X, SparseRows):
            raise TypeError("Tokens cannot be sparse: 0 is a token too. Pass X.toarray().")
        check_tokens(X)
        layout = TokenLayout.learn(X, sample_shape[0])
        return replace(layout, input_dtype=input_dtype(X))
    moments = compute_moments(X, math.prod(sample_shape))
    check_observed(moments, names)
    check_deviations(estimator.scaling, moments)
    given = input_dtype(X)
    # The dtype of reconstructions is float64 if float32 would lose digits of X.
    dtype = np.dtype(np.float32 if np.result_type(given, np.float32) == np.float32 else np.float64)
    kind = resolve_scaling(estimator.scaling, axes, given)
    scaling = Scaling.of(moments, kind, is_table=not axes, channels=feature_channels(sample_shape, axes))
    has_missing = moments.n_observed is not None
    return SampleLayout(
        sample_shape, axes, len(X.shape) == 2, scaling, dtype, input_dtype=given, has_missing=has_missing
    )


def check_observed(moments: Moments, names: Any = None, table: TableColumns | None = None) -> None:
    """Raise ValueError if a feature, or a column of a ``table``, has no value in any row; the message names it."""
    if moments.n_observed is None or bool((moments.n_observed > 0).all()):
        return
    n_observed = moments.n_observed if table is None else moments.n_observed[table.starts]
    empty = torch.nonzero(n_observed == 0)[:, 0].tolist()
    shown = ", ".join(repr(names[i] if names is not None else i) for i in empty[:MOST_SHOWN])
    more = f" and {len(empty) - MOST_SHOWN} more" if len(empty) > MOST_SHOWN else ""
    raise ValueError(
        f"All values of {len(empty)} of {len(n_observed)} features of X are missing (NaN): {shown}{more}"
        f"{'' if names is not None else ' (indices in flattened samples)'}. Nothing can be learned about them. Leave "
        f"them out, or fill them with a constant."
    )


def infer_table_layout(estimator: Any, X: Any, names: Any, table: TableColumns) -> TableLayout:
    """The layout of checked rows of a table with categories."""
    for name in ("sample_shape", "axes"):
        value = getattr(estimator, name)
        if value is not None and (name == "axes" or tuple(value) != tuple(X.shape[1:])):
            raise ValueError(
                f"{name}={value!r} is for pictures and signals, but X is a table with categories, dates or booleans. "
                f"Leave out {name}, or pass categorical_features=None and numbers or booleans only."
            )
    if estimator.scaling == "channels":
        raise ValueError("scaling='channels' needs samples with channels: pass scaling='columns' for a table.")
    moments = compute_table_moments(X, table)
    check_observed(moments, names, table)
    check_deviations(estimator.scaling, moments)
    return TableLayout.of(moments, estimator.scaling, table)


def compute_table_moments(X: Any, table: TableColumns) -> Moments:
    """Compute the moments of the features of checked rows of a table with categories."""
    length = slice_length(len(table.sources))
    return Moments.of(table.expand(rows) for rows in iterate_slices(X, length))


def check_deviations(scaling: str | None, moments: Moments) -> None:
    """Raise ValueError if squares of features underflow in float32 because they are not divided by a scale."""
    largest = float(moments.deviation.max())
    if scaling is None and 0 < largest < SMALLEST_DEVIATION:
        raise ValueError(
            f"scaling=None needs features of a standard deviation of at least {SMALLEST_DEVIATION:g}, whose squares "
            f"float32 holds. The largest of X is {largest:.3g}. Leave scaling='auto', or multiply X by a power of ten."
        )


def extend_layout(layout: SampleLayout, scaling: str | None, X: Any) -> tuple[SampleLayout, torch.Tensor]:
    """Update the scaling of a layout with checked samples X; also returns which features (n_features,) changed."""
    if isinstance(layout, TableLayout):
        return layout.extend(compute_table_moments(X, layout.columns))
    more, channels = compute_moments(X, layout.n_features), feature_channels(layout.sample_shape, layout.axes)
    kind = resolve_scaling(scaling, layout.axes, layout.input_dtype)
    extended, changed = layout.scaling.extend(more, kind, not layout.axes, channels)
    has_missing = layout.has_missing or more.n_observed is not None
    return replace(layout, scaling=extended, has_missing=has_missing), changed


def with_moments(layout: SampleLayout, X: Any, names: Any = None) -> SampleLayout:
    """The layout with the moments of checked samples X, such as their ranges, and the same scaling."""
    if layout.scaling.moments is None or isinstance(layout, TokenLayout):
        return layout
    table = layout.columns if isinstance(layout, TableLayout) else None
    moments = compute_moments(X, layout.n_features) if table is None else compute_table_moments(X, table)
    check_observed(moments, names, table)
    return replace(layout, scaling=replace(layout.scaling, moments=replace(moments, eps=layout.scaling.moments.eps)))


def note_missing(layout: SampleLayout, *samples: Any) -> SampleLayout:
    """The layout, which notes whether values of more checked samples are missing; None stands for no samples."""
    if layout.has_missing or isinstance(layout, TokenLayout):
        return layout
    missing = any(X is not None and contains_missing(X, layout.n_features) for X in samples)
    return replace(layout, has_missing=True) if missing else layout


def resolve_scaling(scaling: str | None, axes: tuple[str, ...], dtype: Any) -> str | None:
    """The parameter ``scaling``; "global" for "auto" and 8-bit pictures, whose channels have one unit."""
    return "global" if scaling == "auto" and axes and dtype == np.uint8 else scaling


def compute_moments(X: Any, n_features: int) -> Moments:
    """Compute the moments of checked samples."""
    if isinstance(X, SparseRows):
        return Moments.of_sparse(X.csr)
    return Moments.of(iterate_slices(X, slice_length(n_features)))


def resolve_axes(estimator: Any) -> Any:
    """The parameter ``axes``; "n" if it is None and the architecture reads only tokens."""
    return "n" if reads_tokens(estimator.architecture) and estimator.axes is None else estimator.axes


def reads_tokens(architecture: Any) -> bool:
    """Whether an architecture reads only tokens."""
    return isinstance(architecture, Sequence) or (isinstance(architecture, str) and architecture == "sequence")


def reads_token_rows(estimator: Any) -> bool:
    """Whether the parameters say that X are rows of tokens."""
    return bool(token_setting(estimator)) or resolve_axes(estimator) == "n"


def token_setting(estimator: Any) -> str:
    """The parameter that requires tokens, as written in code; empty if there is none."""
    if reads_tokens(estimator.architecture):
        return f"architecture={estimator.architecture!r}"
    return "loss='cross_entropy'" if estimator.loss == "cross_entropy" else ""


def infer_sample_shape(shape: tuple[int, ...], sample_shape: Any, axes: Any) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Shape of one sample, and the names of its axes; a table has none."""
    n_features = math.prod(shape[1:])
    expected = None if sample_shape is None else tuple(int(size) for size in sample_shape)
    if len(shape) > 2:
        given = tuple(int(size) for size in shape[1:])
        if expected not in (None, given):
            raise ValueError(f"sample_shape={expected} does not fit X, whose samples have shape {given}. Leave it out.")
        return given, infer_axes(given, axes)
    if expected is not None and math.prod(expected) != n_features:
        raise ValueError(f"sample_shape={expected} needs {math.prod(expected)} features, X has {n_features}.")
    expected = expected or (n_features,)
    if axes is None and len(expected) == 1:
        return expected, ()
    if isinstance(axes, str) and len(expected) == 1 < len(axes.split()):
        raise ValueError(
            f"axes={axes!r} names {len(axes.split())} axes, but X is 2-D. Pass their sizes as sample_shape, or X of "
            f"shape (n_samples, *sample_shape)."
        )
    return expected, infer_axes(expected, axes)


def input_dtype(X: Any) -> np.dtype:
    """The numpy dtype of checked X in native byte order; float64 for numbers in object arrays."""
    dtype = torch.empty(0, dtype=X.dtype).numpy().dtype if isinstance(X, torch.Tensor) else np.dtype(X.dtype)
    return np.dtype(np.float64) if dtype.kind not in "biuf" else dtype.newbyteorder("=")


def check_same_tokens(layout: SampleLayout, X: Any) -> None:
    """Raise ValueError if samples contain tokens outside the fitted range."""
    if not isinstance(layout, TokenLayout):
        return
    if not isinstance(X, Stream):
        check_tokens(X, layout.n_tokens)
        return
    check, n_tokens = X.check, layout.n_tokens

    def check_part(part: np.ndarray) -> None:
        check(part)
        check_tokens(part, n_tokens)

    # A stream is checked while it is read.
    X.check = check_part
