"""The layout of samples as JSON and arrays and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae._inputs.table_columns import MAX_CATEGORIES
from skae.data import (
    ARRAYS,
    SCALINGS,
    Moments,
    SampleLayout,
    Scaling,
    TableColumns,
    TableLayout,
    TokenLayout,
    infer_axes,
)
from skae.exceptions import ModelFileError, shown
from skae.serialization.container import Table

from .column_types import NUMPY
from .values import check_name, check_type

# Types of the arrays that inverse_transform returns: samples of numbers, and of tokens.
OUTPUTS: dict[str, np.dtype] = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
TOKEN_OUTPUTS = {"int64": np.dtype(np.int64)}
# Types of the fitted X.
INPUTS = {name: np.dtype(name) for name in NUMPY if name != "object"}


def encode_layout(layout: SampleLayout) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The layout as JSON, and the arrays of its scaling."""
    scaling, moments = layout.scaling, layout.scaling.moments
    arrays = {f"scaling/{name}": getattr(scaling, name) for name in ARRAYS}
    if moments is not None:
        arrays["scaling/moments"] = moments.numbers
        if moments.n_observed is not None:
            arrays["scaling/n_observed"] = moments.n_observed
    return {
        "sample_shape": list(layout.sample_shape),
        "axes": list(layout.axes),
        "flattened": layout.flattened,
        "dtype": layout.dtype.name,
        "input_dtype": next((name for name, dtype in INPUTS.items() if dtype == layout.input_dtype), None),
        "n_tokens": layout.n_tokens if isinstance(layout, TokenLayout) else None,
        "columns": encode_columns(layout.columns) if isinstance(layout, TableLayout) else None,
        "scaling": scaling.kind,
        "moments": None if moments is None else [moments.count, moments.eps],
        "has_missing": layout.has_missing,
    }, arrays


def decode_layout(encoded: dict[str, Any], arrays: dict[str, Tensor]) -> SampleLayout:
    """The layout, with the numbers of its scaling in ``arrays``."""
    sample_shape = tuple(check_type(size, int, "sample_shape") for size in encoded["sample_shape"])
    axes = tuple(check_type(name, str, "axes") for name in encoded["axes"])
    if not sample_shape or min(sample_shape) < 1:
        raise ModelFileError(f"its samples have shape {sample_shape}")
    if axes and infer_axes(sample_shape, " ".join(axes)) != axes:
        raise ModelFileError(f"its samples have axes {axes}")
    flattened = check_type(encoded["flattened"], bool, "flattened")
    kind = encoded["scaling"]
    if kind not in SCALINGS or kind == "auto":
        raise ModelFileError(f"it names an unknown scaling {kind!r}")
    if (axes == ("n",)) != (encoded["n_tokens"] is not None) or (not axes and len(sample_shape) > 1):
        raise ModelFileError("its samples are neither tokens nor numbers")
    name = encoded["input_dtype"]
    input_dtype = None if name is None else INPUTS[check_name(name, INPUTS, "dtype")]
    outputs = TOKEN_OUTPUTS if axes == ("n",) else OUTPUTS
    dtype = outputs[check_name(encoded["dtype"], outputs, "dtype")]
    if axes == ("n",):
        n_tokens = check_type(encoded["n_tokens"], int, "n_tokens")
        scaling = decode_scaling(n_tokens * sample_shape[0], kind, None, arrays)
        return TokenLayout(sample_shape, axes, flattened, scaling, dtype, n_tokens, input_dtype=input_dtype)
    has_missing = check_type(encoded["has_missing"], bool, "has_missing")
    if encoded["columns"] is not None:
        columns = decode_columns(encoded["columns"])
        if axes or sample_shape != (len(columns.sizes),):
            raise ModelFileError(f"it describes {len(columns.sizes)} columns of samples of shape {sample_shape}")
        scaling = decode_scaling(len(columns.sources), kind, check_type(encoded["moments"], list, "moments"), arrays)
        return TableLayout(
            sample_shape, axes, flattened, scaling, dtype, columns, input_dtype=input_dtype, has_missing=has_missing
        )
    scaling = decode_scaling(math.prod(sample_shape), kind, encoded["moments"], arrays)
    return SampleLayout(sample_shape, axes, flattened, scaling, dtype, input_dtype=input_dtype, has_missing=has_missing)


def encode_columns(columns: TableColumns) -> list[list[Any]]:
    """The columns of a table as JSON: the number of categories of each, and whether it is boolean."""
    return [[size, flag] for size, flag in zip(columns.sizes, columns.is_boolean, strict=True)]


def decode_columns(encoded: Any) -> TableColumns:
    """The columns of a table; ModelFileError for JSON that ``encode_columns`` does not make."""
    entries = [check_type(entry, list, "a column") for entry in check_type(encoded, list, "columns")]
    sizes = tuple(check_type(size, int, "a number of categories") for size, _ in entries)
    flags = tuple(check_type(flag, bool, "whether a column is boolean") for _, flag in entries)
    if not all(0 <= size <= MAX_CATEGORIES for size in sizes):
        raise ModelFileError(f"its columns have {shown(max(sizes))} categories")
    return TableColumns(sizes, flags)


def decode_scaling(n_features: int, kind: str | None, moments: Any, arrays: dict[str, Tensor]) -> Scaling:
    """The scaling of ``n_features`` features; ``moments`` are None, or the count and eps of saved ones."""
    numbers = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith("scaling/")}
    scale = (n_features,) if kind in ("columns", "channels") else ()
    shapes: dict[str, tuple[int, ...]] = dict(zip(ARRAYS, ((n_features,), scale, scale, scale, ()), strict=True))
    if moments is not None:
        count, eps = check_type(moments, list, "moments")
        if type(count) is not int or not 0 < count < 2**53 or type(eps) is not float or not 0 <= eps < 1:
            raise ModelFileError(f"its moments are of {shown(count)} rows, with rounding errors of {shown(eps)}")
        shapes["moments"] = (5, n_features)
        if "n_observed" in numbers:
            shapes["n_observed"] = (n_features,)
    check_table(
        {f"scaling/{name}": (torch.float64, shape) for name, shape in shapes.items()},
        {f"scaling/{name}": (array.dtype, tuple(array.shape)) for name, array in numbers.items()},
    )
    if "n_observed" in shapes and not bool(((numbers["n_observed"] >= 1) & (numbers["n_observed"] <= count)).all()):
        raise ModelFileError("its features have impossible numbers of values")
    decoded = None if moments is None else Moments(count, numbers["moments"], eps, numbers.get("n_observed"))
    return Scaling(**{name: numbers[name] for name in ARRAYS}, kind=kind, moments=decoded)


def check_table(expected: Table, table: Table) -> None:
    """Raise ModelFileError unless a file has the arrays expected, in type and shape, and no others."""
    for name in sorted({*expected, *table}):
        if name not in expected:
            raise ModelFileError(f"it holds the array {shown(name)}, which its network does not have")
        if table.get(name) != expected[name]:
            raise ModelFileError(
                f"its array {shown(name)} should be {expected[name]}, and is {table.get(name, 'missing')}"
            )
