"""AutoencoderImputer as JSON and arrays and back: its autoencoder is a part of the file, the combination is arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.impute import MissingIndicator
from torch import Tensor

from skae._estimator.transformer import AutoencoderTransformer
from skae._imputer.combination import ESTIMATES, Combination
from skae._imputer.gaussian import Gaussian
from skae._imputer.imputer import AutoencoderImputer, ImputerResult
from skae._inner import fit_inner
from skae.exceptions import ModelFileError, shown
from skae.serialization.container import Stored, with_prefix

from .data_frames import decode_schema, encode_schema
from .novelties import decode_outer, pop_array
from .results import check_table_schema
from .values import Decoder, encode

KEYS = {"kind", "versions", "parameters", "autoencoder", "fitted", "feature_names", "frame", "table", "output"}
AUTOENCODER = "autoencoder/"


def encode_imputer(
    imputer: AutoencoderImputer,
    encode_settings: Callable[[AutoencoderTransformer], dict[str, Any]],
    encode_autoencoder: Callable[[AutoencoderTransformer], tuple[dict[str, Any], dict[str, Tensor]]],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A fitted imputer as JSON and arrays; TypeError if it has an attribute that a file cannot hold."""
    parameters = imputer.get_params(deep=False)
    autoencoder = parameters.pop("autoencoder")
    if imputer._is_nan:
        parameters["missing_values"] = math.nan
    known = {*parameters, "autoencoder", "_result", "_metadata_request", "_sklearn_output_config"}
    unknown = set(vars(imputer)) - known
    if unknown:
        raise TypeError(f"A model file cannot hold the attribute {sorted(unknown)[0]!r} of an AutoencoderImputer.")
    result, combination = imputer._result, imputer._result.combination
    content, arrays = encode_autoencoder(result.autoencoder)
    numbers = {"weights": combination.weights, "deviation": combination.deviation}
    if combination.gaussian is not None:
        numbers |= {"mean": combination.gaussian.mean, "covariance": combination.gaussian.covariance}
    if result.indicator is not None:
        numbers["indicator"] = result.indicator.features_.astype(np.float64)
    return {
        "kind": "imputer",
        "parameters": {name: encode(value, name) for name, value in parameters.items()},
        "autoencoder": None if autoencoder is None else encode_settings(autoencoder),
        "fitted": content,
        "output": getattr(imputer, "_sklearn_output_config", {}).get("transform"),
        # The autoencoder is fitted on arrays, so the types of columns are not needed.
        **encode_schema(replace(result.schema, frame=None)),
    }, with_prefix(AUTOENCODER, arrays) | {name: torch.from_numpy(array.copy()) for name, array in numbers.items()}


def decode_imputer(
    file: Stored, decode: Decoder, decode_autoencoder: Callable[[Stored], AutoencoderTransformer]
) -> AutoencoderImputer:
    """The imputer that a file describes."""
    imputer = decode_outer(AutoencoderImputer, file, decode, KEYS)
    content = file.content
    fitted = decode_autoencoder(file.part(content["fitted"], AUTOENCODER))
    arrays = {name: array.numpy() for name, array in file.arrays().items() if not name.startswith(AUTOENCODER)}
    n_features = math.prod(fitted.sample_shape_)
    combination = decode_combination(arrays, fitted._result.layout.n_features)
    indicator = decode_indicator(arrays, n_features)
    if arrays:
        raise ModelFileError(f"it holds the array {shown(sorted(arrays)[0])}, which is not known")
    if fitted._result.layout.scaling.moments is None or (indicator is None) == imputer.add_indicator:
        raise ModelFileError("its autoencoder or its indicator is not that of an imputer")
    schema = decode_schema(content, n_features, decode)
    check_table_schema(schema, fitted._result.layout)
    shape = fitted._result.layout.caller_shape
    imputer._result = ImputerResult(schema, shape, fitted, combination, indicator)
    return imputer


def decode_combination(arrays: dict[str, np.ndarray], n_features: int) -> Combination:
    """The combination, whose arrays are removed from ``arrays``."""
    has_gaussian = "covariance" in arrays
    weights = pop_array(arrays, "weights", (len(ESTIMATES) if has_gaussian else 1,))
    deviation = pop_array(arrays, "deviation", (n_features,))
    if weights.min() < 0 or deviation.min() < 0:
        raise ModelFileError("its weights or deviations are negative")
    gaussian = None
    if has_gaussian:
        mean = pop_array(arrays, "mean", (n_features,))
        covariance = pop_array(arrays, "covariance", (n_features, n_features))
        if torch.linalg.cholesky_ex(torch.from_numpy(covariance))[1] != 0:
            raise ModelFileError("its covariance is not positive definite")
        gaussian = Gaussian(mean, covariance)
    return Combination(gaussian, weights, deviation)


def decode_indicator(arrays: dict[str, np.ndarray], n_features: int) -> MissingIndicator | None:
    """The indicator of missing values, whose array is removed from ``arrays``; None if there is none."""
    if "indicator" not in arrays:
        return None
    features = arrays.pop("indicator")
    if features.ndim != 1 or not np.isin(features, np.arange(n_features)).all():
        raise ModelFileError("its indicator names features that it does not have")
    row = np.zeros((1, n_features))
    row[0, features.astype(np.intp)] = np.nan
    return fit_inner(MissingIndicator(error_on_new=False), row)
