"""Checks of the parameters of the estimator, and its TrainSpec."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from numbers import Integral
from typing import Any, Protocol

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

from skae._inputs.layout_inference import infer_sample_shape, resolve_axes
from skae._parameters import (
    InvalidParameterError,
    check_bool,
    check_choice,
    check_integer,
    check_real,
    check_sizes,
    invalid,
    is_auto,
    is_fraction,
    is_integer,
    suggest_class,
)
from skae.data import SCALINGS, SampleLayout, TokenLayout
from skae.model import Convolutional, Dense, EncoderDecoder, Sequence
from skae.objectives import LOSSES
from skae.training import (
    OPTIMIZERS,
    PRECISIONS,
    FitResult,
    TrainSpec,
    check_bfloat16,
    check_net_params,
    draw_seed,
    resolve_device,
)
from skae.variants import check_variant, nested_variant, variant_for

OWNER = "AutoencoderTransformer"
ARCHITECTURES = ("auto", "dense", "conv", "sequence")
# Up to DENSE_FEATURES values per sample, dense layers are faster than convolutions. On pictures with sides of at least
# PICTURE_SIDE pixels, convolutions have a much lower error in twice the time (benchmarks/README.md).
DENSE_FEATURES = 4096
PICTURE_SIDE = 16
# Values of the parameters of scikit-learn's PCA.
SVD_SOLVERS = ("auto", "full", "covariance_eigh", "arpack", "randomized")
NORMALIZERS = ("auto", "QR", "LU", "none")
# Types of the entries of ``categorical_features``: masks, indices and names.
KINDS_OF_COLUMNS = ((bool, np.bool_), Integral, str)
# Losses that determine the output function of the network.
OUTPUT_LOSSES = ("bce", "cross_entropy")


class Architecture(Protocol):
    """An architecture object, such as ``Dense()``."""

    def check(self) -> None:
        """Raise InvalidParameterError if a parameter is invalid."""

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """Build encoder and decoder for scaled samples of a shape."""


def check_parameters(estimator: Any) -> None:
    """Raise InvalidParameterError, a ValueError and TypeError, if a constructor parameter is invalid."""
    check_pca_parameters(estimator)
    check_integer(OWNER, "verbose", int(estimator.verbose) if estimator.verbose is True else estimator.verbose, 0)
    for name in ("max_epochs", "batch_size", "n_iter_no_change"):
        value = getattr(estimator, name)
        if not is_auto(value):
            check_integer(OWNER, name, value, otherwise=" or 'auto'")
    if not is_auto(estimator.lr):
        check_real(OWNER, "lr", estimator.lr, "(0.0, inf)", otherwise=" or 'auto'")
    check_real(OWNER, "validation_fraction", estimator.validation_fraction, "[0.0, 1.0)")
    check_real(OWNER, "tol", estimator.tol, "[0.0, inf)")
    if not callable(estimator.loss) or isinstance(estimator.loss, type):
        otherwise = " or a callable that takes (output, target) and returns losses (batch,)"
        check_choice(OWNER, "loss", estimator.loss, ("auto", *LOSSES), otherwise=otherwise)
    check_choice(OWNER, "optimizer", estimator.optimizer, tuple(OPTIMIZERS))
    check_choice(OWNER, "precision", estimator.precision, PRECISIONS)
    check_choice(OWNER, "on_interrupt", estimator.on_interrupt, ("raise", "keep"))
    if estimator.checkpoint_dir is not None and not isinstance(estimator.checkpoint_dir, (str, os.PathLike)):
        raise invalid(OWNER, "checkpoint_dir", "a path or None", estimator.checkpoint_dir)
    if estimator.n_processes is not None:
        check_integer(OWNER, "n_processes", estimator.n_processes, otherwise=" or None")
    check_choice(OWNER, "scaling", estimator.scaling, SCALINGS)
    for name in ("early_stopping", "warm_start", "compile", "whiten", "copy"):
        check_bool(OWNER, name, getattr(estimator, name))
    if estimator.sample_shape is not None:
        check_sizes(OWNER, "sample_shape", estimator.sample_shape)
    check_categorical_features(estimator.categorical_features)
    check_architecture(estimator.architecture)
    check_variant(OWNER, estimator.variant)
    if is_fraction(estimator.n_components):
        nested_variant(estimator.variant).check()
    check_net_params(estimator.net_params)
    draw_seed(estimator.random_state if not hasattr(estimator.random_state, "randint") else 0)
    check_bfloat16(estimator.precision, resolve_device(estimator.device))


def check_pca_parameters(estimator: Any) -> None:
    """Raise InvalidParameterError if a parameter that PCA has too is invalid."""
    size, solver = estimator.n_components, estimator.svd_solver
    is_number = not is_fraction(size) and size is not None and not is_mle(size)
    if is_number:
        otherwise = " or a float in the range (0.0, 1.0), or None, or 'mle'"
        check_integer(OWNER, "n_components", size, otherwise=otherwise)
    elif estimator.warm_start:
        raise InvalidParameterError(f"warm_start=True needs an int as n_components. Got {size!r} instead.")
    check_choice(OWNER, "svd_solver", solver, SVD_SOLVERS)
    if solver in ("arpack", "randomized") and not (is_number or size is None):
        raise InvalidParameterError(
            f"n_components={size!r} needs all components, which svd_solver={solver!r} does not compute. Pass "
            f"svd_solver='auto', or an int as n_components."
        )
    if not is_auto(estimator.iterated_power):
        check_integer(OWNER, "iterated_power", estimator.iterated_power, 0, otherwise=" or 'auto'")
    check_integer(OWNER, "n_oversamples", estimator.n_oversamples)
    check_choice(OWNER, "power_iteration_normalizer", estimator.power_iteration_normalizer, NORMALIZERS)


def is_mle(value: Any) -> bool:
    """Whether value is "mle"; arrays are not compared."""
    return isinstance(value, str) and value == "mle"


def check_categorical_features(value: Any) -> None:
    """Raise InvalidParameterError unless it is None, "from_dtype", or columns by index, name or mask."""
    if value is None or (isinstance(value, str) and value == "from_dtype"):
        return
    expected = "'from_dtype', None, or a list of columns: indices, names or a mask"
    if not hasattr(value, "__len__") or isinstance(value, (str, Mapping, Set)):
        raise invalid(OWNER, "categorical_features", expected, value)
    entries = list(value) if isinstance(value, (list, tuple)) else np.asarray(value).tolist()
    kinds = {next((kind for kind in KINDS_OF_COLUMNS if isinstance(entry, kind)), None) for entry in entries}
    if len(kinds) > 1 or None in kinds:
        raise invalid(OWNER, "categorical_features", expected, value)


def check_architecture(architecture: Any) -> None:
    """Raise InvalidParameterError unless it is a name, or an architecture object with valid parameters."""
    is_object = all(hasattr(architecture, name) for name in ("check", "build", "get_params"))
    if is_object and not isinstance(architecture, type):
        architecture.check()
    else:
        otherwise = " or an architecture such as Dense()"
        check_choice(OWNER, "architecture", architecture, ARCHITECTURES, otherwise=otherwise)


def class_of_architecture(name: Any, setting: str) -> str:
    """Return the name of an architecture class with the parameter ``setting``, for an error message."""
    named = {"conv": Convolutional, "sequence": Sequence}.get(name, Dense)
    return suggest_class(setting, (Dense, Convolutional, Sequence), named)


def train_spec(estimator: Any, layout: SampleLayout, device: torch.device | None = None) -> TrainSpec:
    """Make the TrainSpec of an estimator for samples of a layout; ``device`` replaces the parameter."""
    size, loss = estimator.n_components, estimator.loss
    is_share = is_fraction(size)
    if is_auto(loss):
        loss = "cross_entropy" if isinstance(layout, TokenLayout) else "mse"
    of_training = ("optimizer", "lr", "batch_size", "max_epochs", "validation_fraction", "n_iter_no_change", "tol")
    of_pca = ("svd_solver", "iterated_power", "n_oversamples", "power_iteration_normalizer")
    return TrainSpec(
        architecture=architecture_for(estimator.architecture, layout),
        variant=nested_variant(estimator.variant) if is_share else variant_for(estimator.variant),
        loss=loss,
        n_components=int(size) if is_integer(size) else size,
        early_stopping=bool(estimator.early_stopping),
        device=resolve_device(estimator.device) if device is None else device,
        precision=estimator.precision,
        compile=bool(estimator.compile),
        whiten=bool(estimator.whiten),
        net_params=estimator.net_params,
        verbose=int(estimator.verbose),
        **{name: getattr(estimator, name) for name in (*of_training, *of_pca)},
    )


def architecture_for(architecture: Any, layout: SampleLayout) -> BaseEstimator:
    """Clone the architecture object, or make it from its name and the layout of samples."""
    if not isinstance(architecture, str):
        return clone(architecture)
    if architecture == "auto":
        if isinstance(layout, TokenLayout):
            return Sequence()
        sides = {name: size for name, size in zip(layout.axes, layout.sample_shape, strict=False) if name != "c"}
        is_large_picture = set(sides) == {"h", "w"} and min(sides.values()) >= PICTURE_SIDE
        is_large = layout.axes and layout.n_features > DENSE_FEATURES
        architecture = "conv" if is_large or is_large_picture else "dense"
    return {"dense": Dense, "conv": Convolutional, "sequence": Sequence}[architecture]()


def check_same_network(estimator: Any, result: FitResult, spec: TrainSpec, shape: tuple[int, ...]) -> None:
    """Raise ValueError if a parameter that determines the network differs from the fit that training continues."""
    layout, fitted = result.layout, result.spec
    sample_shape, axes = infer_sample_shape(shape, estimator.sample_shape, resolve_axes(estimator))
    # Losses with the same output function are interchangeable.
    output_losses = [loss for loss in (fitted.loss, spec.loss) if isinstance(loss, str) and loss in OUTPUT_LOSSES]
    same_output = not output_losses or fitted.loss == spec.loss
    for name, old, new in (
        (
            "n_components",
            result.n_components,
            spec.n_components if is_integer(spec.n_components) else result.n_components,
        ),
        ("architecture", fitted.architecture, spec.architecture),
        ("variant", fitted.variant, spec.variant),
        ("sample_shape", layout.sample_shape, sample_shape),
        ("axes", " ".join(layout.axes), " ".join(axes)),
        ("loss", fitted.loss, fitted.loss if same_output else spec.loss),
    ):
        if repr(old) != repr(new):
            raise ValueError(
                f"Training cannot continue with {name}={new!r}: the fitted network has {name}={old!r}. Call fit with "
                f"warm_start=False for a new one."
            )
