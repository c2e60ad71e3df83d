"""Inference: forward passes over rows with a fitted result, which is not changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae._parameters import warn
from skae.data import (
    FEW_ROWS,
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
from skae.model.calls import has_hooks

from .device import full_precision
from .result import FitResult

CPU = torch.device("cpu")


def encode(result: FitResult, X: Any) -> np.ndarray:
    """Codes (n, n_components), float32, of checked samples."""
    module = result.net.module_
    return map_all(result, X, lambda _, x: compute(result, module.encode, x), (result.n_components,), np.float32)


def encode_batches(result: FitResult, X: Any) -> Generator[tuple[int, int, Tensor], None, None]:
    """Yield (start, stop, codes) of large batches of checked samples in order."""
    module = result.net.module_
    return map_rows(result, X, lambda _, x: compute(result, module.encode, x))


def reconstruct(result: FitResult, X: Any) -> np.ndarray:
    """Reconstructions (n, \\*caller_shape) of checked samples."""
    layout = result.layout
    convert = layout.to_caller
    return map_all(result, X, lambda _, x: convert(autoencode(result, x)), layout.caller_shape, layout.dtype)


def reconstruct_features(result: FitResult, X: Any) -> np.ndarray:
    """Reconstructed features (n, n_features) of checked rows of a table with categories, in the units of X."""
    layout = result.layout
    convert = layout.to_features
    return map_all(result, X, lambda _, x: convert(autoencode(result, x)), (layout.n_features,), np.float64)


def squared_errors(result: FitResult, X: Any) -> np.ndarray:
    """Mean squared reconstruction error per sample (n,), float32, in s(X); 0 if all of its values are missing.

    A column of categories counts as one value.
    """
    table = result.layout.columns if isinstance(result.layout, TableLayout) else None

    def mean_squares(x: Tensor, filled: Tensor) -> Tensor:
        squares = (x - autoencode(result, filled)).square_()
        if not has_missing(x):
            return squares.flatten(1).mean(1) if table is None else squares.sum(1) / len(table.sizes)
        observed = count_observed(x if table is None else x[:, torch.from_numpy(table.starts)])
        return zero_missing(squares, x).flatten(1).sum(1) / observed

    return map_all(result, X, mean_squares, (), np.float32)


def sums_of_squares(result: FitResult, X: Any) -> tuple[float, float, bool]:
    """Sum of squared reconstruction errors, and of squares, in s(X), where missing values do not count; and whether
    there is a known value."""

    def sums(x: Tensor, filled: Tensor) -> tuple[Tensor, Tensor, bool]:
        errors = zero_missing((x - autoencode(result, filled)).square_(), x)
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


def map_all(
    result: FitResult, X: Any, function: Callable[[Tensor, Tensor], Any], shape: tuple[int, ...], dtype: Any
) -> np.ndarray:
    """The results of ``map_rows``, as one array (n, \\*shape)."""
    if not isinstance(X, Stream) and are_few(result, X):
        # Without the loop over batches, whose share of the time of one row is large.
        with full_precision(CPU):
            part, has_new = apply(result, function, result.layout.to_network(flat_rows(X[:])))
        warn_of_missing(has_new and not result.layout.has_missing)
        return (part.numpy() if isinstance(part, Tensor) else part).astype(dtype, copy=False)
    batches = map_rows(result, X, function)
    parts = ((start, stop, part.cpu().numpy() if isinstance(part, Tensor) else part) for start, stop, part in batches)
    if isinstance(X, Stream):  # its number of rows is not known
        return np.concatenate([part for _, _, part in parts]).astype(dtype, copy=False)
    out = np.empty((len(X), *shape), dtype=dtype)
    for start, stop, part in parts:
        out[start:stop] = part
    return out


def map_rows(
    result: FitResult, X: Any, function: Callable[[Tensor, Tensor], Any]
) -> Generator[tuple[int, int, Any], None, None]:
    """Yield (start, stop, ``function`` of scaled samples) in large batches; see ``apply``."""
    device = torch.device(result.net.device)
    warned = result.layout.has_missing
    with full_precision(device):
        for start, stop, (part, has_new) in Rows(X, result.layout, device).map(partial(apply, result, function)):
            warn_of_missing(has_new and not warned)
            warned |= has_new
            yield start, stop, part


def apply(result: FitResult, function: Callable[[Tensor, Tensor], Any], x: Tensor) -> tuple[Any, bool]:
    """``function`` of scaled samples, and of the same ones with missing values (NaN) filled, if training had none.

    Also returns whether there are such values. If training rows had missing values, the network fills them.
    """
    module, layout = result.net.module_, result.layout
    if module.missing is not None or not has_missing(x):
        return function(x, x), False
    low, high = layout.limits
    return function(x, module.fill(x, (low.to(x.device), high.to(x.device)))), True


def warn_of_missing(has_new: bool) -> None:
    """Warn if values are missing, but were not in training."""
    if has_new:
        warn(
            "Values of X are missing (NaN), but fit had rows without missing values. They are filled by "
            "reconstructions, which are more accurate if fit has rows with missing values too."
        )


def autoencode(result: FitResult, x: Tensor) -> Tensor:
    """Reconstructions of scaled samples."""
    module = result.net.module_
    return compute(result, lambda rows: module.decode(module.encode(rows)), x)


def compute(result: FitResult, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function`` of a batch; few rows are padded, for the same bits as in large batches."""
    return apply_padded(function, x, padded_length(result, len(x))) if are_few(result, x) else function(x)


def are_few(result: FitResult, X: Any) -> bool:
    """Whether X has so few and small rows that they are padded."""
    return (
        len(X) < PADDED_ROWS
        and math.prod(result.layout.network_shape) <= SMALL_SAMPLE
        and torch.device(result.net.device).type == "cpu"
    )


def padded_length(result: FitResult, n_rows: int) -> int:
    """The number of rows to which few rows are padded: FEW_ROWS if they give the same bits as PADDED_ROWS.

    That depends on the processor and the number of threads, and is tried once, if no hook would see the trial.
    """
    if n_rows > FEW_ROWS or result.net.is_custom:
        return PADDED_ROWS
    lengths, n_threads = result.padded_lengths, torch.get_num_threads()
    if n_threads not in lengths:
        if has_hooks(result.net.module_):
            return PADDED_ROWS
        lengths[n_threads] = FEW_ROWS if few_rows_suffice(result) else PADDED_ROWS
    return lengths[n_threads]


def few_rows_suffice(result: FitResult) -> bool:
    """Whether FEW_ROWS rows have the same bits as among PADDED_ROWS; False if the modules were replaced by others."""
    module, shape = result.net.module_, (PADDED_ROWS, *result.layout.network_shape)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    try:
        codes = module.encode(x)
        few = torch.cat([module.encode(part) for part in x.split(FEW_ROWS)])
        samples = torch.cat([module.decode(part) for part in codes.split(FEW_ROWS)])
        return torch.equal(codes, few) and torch.equal(module.decode(codes), samples)
    except (RuntimeError, TypeError):
        return False
