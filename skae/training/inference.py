"""Inference: forward passes over rows with a fitted result, which is not changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae._parameters import warn
from skae.data import (
    PADDED_ROWS,
    SMALL_SAMPLE,
    Rows,
    Stream,
    TableLayout,
    apply_padded,
    count_observed,
    flat_rows,
    has_missing,
    inference_length,
    map_batches,
    zero_missing,
)

from .device import full_precision
from .result import FitResult


def encode(result: FitResult, X: Any) -> np.ndarray:
    """Codes (n, n_components), float32, of checked samples."""
    return collect((result.n_components,), np.float32, X, encode_batches(result, X))


def encode_batches(result: FitResult, X: Any) -> Generator[tuple[int, int, Tensor], None, None]:
    """Yield (start, stop, codes) of large batches of checked samples in order."""
    return map_rows(result, X, lambda x: compute(result, result.net.module_.encode, x))


def reconstruct(result: FitResult, X: Any) -> np.ndarray:
    """Reconstructions (n, \\*caller_shape) of checked samples."""
    layout = result.layout
    batches = map_rows(result, X, lambda x: layout.to_caller(autoencode(result, x)))
    return collect(layout.caller_shape, layout.dtype, X, batches)


def reconstruct_features(result: FitResult, X: Any) -> np.ndarray:
    """Reconstructed features (n, n_features) of checked rows of a table with categories, in the units of X."""
    layout = result.layout
    batches = map_rows(result, X, lambda x: layout.to_features(autoencode(result, x)))
    return collect((layout.n_features,), np.float64, X, batches)


def squared_errors(result: FitResult, X: Any) -> np.ndarray:
    """Mean squared reconstruction error per sample (n,), float32, in s(X); 0 if all of its values are missing.

    A column of categories counts as one value.
    """
    table = result.layout.columns if isinstance(result.layout, TableLayout) else None

    def mean_squares(x: Tensor) -> Tensor:
        squares = (x - autoencode(result, x)).square_()
        if not has_missing(x):
            return squares.flatten(1).mean(1) if table is None else squares.sum(1) / len(table.sizes)
        observed = count_observed(x if table is None else x[:, torch.from_numpy(table.starts)])
        return zero_missing(squares, x).flatten(1).sum(1) / observed

    return collect((), np.float32, X, map_rows(result, X, mean_squares))


def sums_of_squares(result: FitResult, X: Any) -> tuple[float, float, bool]:
    """Sum of squared reconstruction errors, and of squares, in s(X), where missing values do not count; and whether
    there is a known value."""

    def sums(x: Tensor) -> tuple[Tensor, Tensor, bool]:
        errors = zero_missing((x - autoencode(result, x)).square_(), x)
        total = zero_missing(x, x).square().sum(dtype=torch.float64)
        return errors.sum(dtype=torch.float64), total, not has_missing(x) or not bool(x.isnan().all())

    error, total, is_known = 0.0, 0.0, False
    for _, _, (part_error, part_total, part_is_known) in map_rows(result, X, sums):
        error += float(part_error)
        total += float(part_total)
        is_known |= part_is_known
    return error, total, is_known


def decode(result: FitResult, Z: np.ndarray) -> np.ndarray:
    """Samples (n, \\*caller_shape) from checked codes, in the units of the X that was fitted."""
    layout = result.layout
    return decode_to(np.empty((len(Z), *layout.caller_shape), dtype=layout.dtype), result, Z, layout.to_caller)


def decode_features(result: FitResult, Z: np.ndarray) -> np.ndarray:
    """Features (n, n_features) of a table with categories from checked codes, as ``TableLayout.to_features``."""
    layout = result.layout
    return decode_to(np.empty((len(Z), layout.n_features)), result, Z, layout.to_features)


def draw(
    result: FitResult,
    Z: np.ndarray,
    train_codes: np.ndarray,
    random: np.random.RandomState,
    examples: np.ndarray | None = None,
) -> np.ndarray:
    """Rows (n, n_columns) of a table with categories from checked codes, with the residual variance of fitted rows.

    ``train_codes`` (n_codes, n_components) are those of fitted rows. Numbers are limited to the range of the fitted
    rows, and of ``examples`` (n_examples, n_columns); see ``TableLayout.to_rows``.
    """
    layout, explained = result.layout, result.explained_variance_ratio
    assert isinstance(layout, TableLayout)
    assert explained is not None
    deviations = layout.residual_deviations(decode_features(result, train_codes), float(explained.sum()))
    features = decode_features(result, Z)
    return layout.to_rows(features + deviations * random.standard_normal(features.shape), examples=examples)


def decode_to(
    samples: np.ndarray, result: FitResult, Z: np.ndarray, convert: Callable[[Tensor], np.ndarray]
) -> np.ndarray:
    """Write the outputs for checked codes, converted by ``convert``, into ``samples`` (n, ...)."""
    layout, net = result.layout, result.net

    def decoded(start: int, stop: int) -> np.ndarray:
        codes = torch.from_numpy(Z[start:stop].astype(np.float32)).to(net.device)
        return convert(compute(result, net.module_.decode, codes))

    with full_precision(torch.device(net.device)):
        for start, stop, part in map_batches(decoded, len(Z), inference_length(layout.n_features)):
            samples[start:stop] = part
    return samples


def collect(shape: tuple[int, ...], dtype: Any, X: Any, batches: Iterable[tuple[int, int, Any]]) -> np.ndarray:
    """The results (n, \\*shape) of ``map_rows``, as one array."""
    parts = ((start, stop, part.cpu().numpy() if isinstance(part, Tensor) else part) for start, stop, part in batches)
    if isinstance(X, Stream):  # its number of rows is not known
        return np.concatenate([part for _, _, part in parts]).astype(dtype, copy=False)
    out = np.empty((len(X), *shape), dtype=dtype)
    for start, stop, part in parts:
        out[start:stop] = part
    return out


def map_rows(
    result: FitResult, X: Any, function: Callable[[Tensor], Any]
) -> Generator[tuple[int, int, Any], None, None]:
    """Yield (start, stop, ``function`` of scaled samples) in large batches.

    Missing values are NaN; one warning says so if the training rows had none.
    """
    device = torch.device(result.net.device)
    warned = result.layout.has_missing

    def apply(x: Tensor) -> tuple[Any, bool]:
        return function(x), not result.layout.has_missing and has_missing(x)

    with full_precision(device):
        if device.type == "cpu" and not isinstance(X, Stream) and are_padded(result, X):
            batches: Iterable[Any] = [(0, len(X), apply(result.layout.to_network(flat_rows(X[:]))))]
        else:
            batches = Rows(X, result.layout, device).map(apply)
        for start, stop, (part, is_new) in batches:
            if is_new and not warned:
                warn(
                    "Values of X are missing (NaN), but fit had rows without missing values. They are filled by "
                    "reconstructions, which are more accurate if fit has rows with missing values too."
                )
                warned = True
            yield start, stop, part


def autoencode(result: FitResult, x: Tensor) -> Tensor:
    """Reconstructions of scaled samples."""
    module = result.net.module_
    return compute(result, lambda rows: module.decode(module.encode(rows)), x)


def compute(result: FitResult, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function`` of a batch, to the same bits for every batch size; missing values are filled."""
    module = result.net.module_
    if module.missing is None and has_missing(x):
        low, high = result.layout.limits
        x = module.fill(x, (low.to(x.device), high.to(x.device)))
    return apply_padded(function, x) if are_padded(result, x) else function(x)


def are_padded(result: FitResult, X: Any) -> bool:
    """Whether X has so few and small rows that they are padded."""
    return len(X) < PADDED_ROWS and math.prod(result.layout.network_shape) <= SMALL_SAMPLE
