"""What ``fit`` settles before training: parameters, the layout of samples, the architecture, the held-out part."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

from skae._data import (
    SCALINGS,
    Moments,
    SampleLayout,
    Scaling,
    SparseRows,
    TokenLayout,
    check_tokens,
    feature_channels,
    infer_axes,
    iterate_slices,
    slice_length,
    warn_if_sensor_windows,
)
from skae._model import Convolutional, Dense, Sequence
from skae._objectives import LOSSES
from skae._parameters import (
    InvalidParameterError,
    check_bool,
    check_choice,
    check_integer,
    check_real,
    check_sizes,
    first_with,
    invalid,
    is_fraction,
)
from skae._training import OPTIMIZERS, PRECISIONS, check_net_params, private_seed, resolve_device
from skae.variants import check_variant, nested_variant, variant_for

OWNER = "AutoencoderTransformer"
ARCHITECTURES = ("auto", "dense", "conv", "sequence")
# Up to this many numbers a sample, dense layers cost less than convolutions and start from PCA as well; but pictures
# with sides this long leave much less error with convolutions, at twice the cost (benchmarks/README.md).
DENSE_FEATURES = 4096
PICTURE_SIDE = 16
# Squares of smaller numbers are 0 in float32, or lose digits.
SMALLEST_DEVIATION = 1e-16


def check_parameters(estimator: Any) -> None:
    """Raise InvalidParameterError, a ValueError and TypeError, if a constructor parameter is wrong."""
    share = is_fraction(estimator.n_components)
    if not share:
        check_integer(OWNER, "n_components", estimator.n_components, otherwise=" or a float in the range (0.0, 1.0)")
    elif estimator.warm_start:
        raise InvalidParameterError("warm_start=True needs an int as n_components, not a share of the variance.")
    check_integer(OWNER, "verbose", int(estimator.verbose) if estimator.verbose is True else estimator.verbose, 0)
    for name in ("max_epochs", "batch_size", "n_iter_no_change"):
        value = getattr(estimator, name)
        if not (isinstance(value, str) and value == "auto"):
            check_integer(OWNER, name, value, otherwise=" or 'auto'")
    if not (isinstance(estimator.lr, str) and estimator.lr == "auto"):
        check_real(OWNER, "lr", estimator.lr, "(0.0, inf)", otherwise=" or 'auto'")
    check_real(OWNER, "validation_fraction", estimator.validation_fraction, "[0.0, 1.0)")
    check_real(OWNER, "tol", estimator.tol, "[0.0, inf)")
    if not callable(estimator.loss) or isinstance(estimator.loss, type):
        otherwise = " or a callable that takes (output, target) to (batch,)"
        check_choice(OWNER, "loss", estimator.loss, ("auto", *LOSSES), otherwise=otherwise)
    check_choice(OWNER, "optimizer", estimator.optimizer, tuple(OPTIMIZERS))
    check_choice(OWNER, "precision", estimator.precision, PRECISIONS)
    check_choice(OWNER, "on_interrupt", estimator.on_interrupt, ("raise", "keep"))
    if estimator.checkpoint_dir is not None and not isinstance(estimator.checkpoint_dir, (str, os.PathLike)):
        raise invalid(OWNER, "checkpoint_dir", "a path or None", estimator.checkpoint_dir)
    check_choice(OWNER, "scaling", estimator.scaling, SCALINGS)
    for name in ("early_stopping", "warm_start", "compile"):
        check_bool(OWNER, name, getattr(estimator, name))
    if estimator.sample_shape is not None:
        check_sizes(OWNER, "sample_shape", estimator.sample_shape)
    check_architecture(estimator.architecture)
    check_variant(OWNER, estimator.variant)
    if share:
        nested_variant(estimator.variant).check()
    check_net_params(estimator.net_params)
    private_seed(estimator.random_state if not hasattr(estimator.random_state, "randint") else 0)
    resolve_device(estimator.device)


def check_architecture(architecture: Any) -> None:
    """Raise InvalidParameterError unless it is a name or an architecture object whose settings are right."""
    if all(hasattr(architecture, name) for name in ("check", "build", "get_params")) and not isinstance(
        architecture, type
    ):
        architecture.check()
    else:
        check_choice(
            OWNER, "architecture", architecture, ARCHITECTURES, otherwise=" or an architecture such as Dense()"
        )


def class_of_architecture(name: Any, setting: str) -> str:
    """The class to write in place of an architecture's name, for a setting of it."""
    named = {"conv": Convolutional, "sequence": Sequence}.get(name, Dense)
    return first_with(setting, (Dense, Convolutional, Sequence), named)


def architecture_for(architecture: Any, layout: SampleLayout) -> BaseEstimator:
    """A copy of the architecture object that ``architecture`` means for these samples."""
    if not isinstance(architecture, str):
        return clone(architecture)
    if architecture == "auto":
        if isinstance(layout, TokenLayout):
            return Sequence()
        large = layout.axes and layout.n_features > DENSE_FEATURES
        architecture = "conv" if large or shortest_side(layout) >= PICTURE_SIDE else "dense"
    return {"dense": Dense, "conv": Convolutional, "sequence": Sequence}[architecture]()


def loss_for(loss: Any, layout: SampleLayout) -> Any:
    """The loss that ``loss`` means for these samples."""
    if isinstance(loss, str) and loss == "auto":
        return "cross_entropy" if isinstance(layout, TokenLayout) else "mse"
    return loss


def shortest_side(layout: SampleLayout) -> int:
    """Pixels along the shorter side of a picture; 0 of all else."""
    sides = {name: size for name, size in zip(layout.axes, layout.sample_shape, strict=False) if name != "c"}
    return min(sides.values()) if set(sides) == {"h", "w"} else 0


def learned_layout(estimator: Any, X: Any) -> SampleLayout:
    """The layout of checked samples: their shape and axes, and the scaling learned in one pass.

    Raises
    ------
    ValueError
        If shape, ``sample_shape`` and ``axes`` do not fit each other, or the shape has more than one reading.
    """
    needs = needing_tokens(estimator)
    if needs and len(X.shape) != 2:
        raise ValueError(f"{needs} needs rows of integer tokens, of shape (n_samples, length). Got shape {X.shape}.")
    sample_shape, axes = sample_form(X.shape, estimator.sample_shape, wanted_axes(estimator))
    if needs and axes != ("n",):
        raise ValueError(f"{needs} needs rows of integer tokens. Pass axes='n' and X of shape (n_samples, length).")
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
        return replace(
            TokenLayout.learn(iterate_slices(X, slice_length(sample_shape[0])), sample_shape[0]),
            input_dtype=input_dtype(X),
        )
    moments = moments_of(X, math.prod(sample_shape))
    largest = float(moments.deviation.max())
    if estimator.scaling is None and 0 < largest < SMALLEST_DEVIATION:
        raise ValueError(
            f"scaling=None needs features of a standard deviation of at least {SMALLEST_DEVIATION:g}, whose squares "
            f"float32 holds. The largest of X is {largest:.3g}. Leave scaling='auto', or multiply X by a power of ten."
        )
    kind = wanted_scaling(estimator.scaling, axes, input_dtype(X))
    scaling = Scaling.of(moments, kind, is_table=not axes, channels=feature_channels(sample_shape, axes))
    return SampleLayout(
        sample_shape,
        axes,
        flattened=len(X.shape) == 2,
        scaling=scaling,
        dtype=returned_dtype(X),
        input_dtype=input_dtype(X),
    )


def extended_layout(estimator: Any, X: Any) -> tuple[SampleLayout, torch.Tensor]:
    """The layout of an estimator once its scaling has seen checked samples X too, and which features (n_features,) of
    the caller's order are scaled in another way."""
    layout = estimator._layout
    more, channels = moments_of(X, layout.n_features), feature_channels(layout.sample_shape, layout.axes)
    kind = wanted_scaling(estimator.scaling, layout.axes, layout.input_dtype)
    scaling, changed = layout.scaling.extend(more, kind, not layout.axes, channels)
    return replace(layout, scaling=scaling), changed


def wanted_scaling(scaling: str | None, axes: tuple[str, ...], dtype: Any) -> str | None:
    """The kind of scaling to learn: colors of 8 bits share a unit, whatever their deviations."""
    return "global" if scaling == "auto" and axes and dtype == np.uint8 else scaling


def moments_of(X: Any, n_features: int) -> Moments:
    """The moments of checked samples."""
    return (
        Moments.of_sparse(X.csr)
        if isinstance(X, SparseRows)
        else Moments.of(iterate_slices(X, slice_length(n_features)))
    )


def wanted_axes(estimator: Any) -> Any:
    """``axes`` as given; those of tokens where the architecture reads nothing else."""
    return "n" if reads_tokens(estimator.architecture) and estimator.axes is None else estimator.axes


def reads_tokens(architecture: Any) -> bool:
    """Whether an architecture takes tokens only."""
    return isinstance(architecture, Sequence) or (isinstance(architecture, str) and architecture == "sequence")


def needing_tokens(estimator: Any) -> str:
    """The parameter that makes sense for tokens only, as written; empty if there is none."""
    if reads_tokens(estimator.architecture):
        return f"architecture={estimator.architecture!r}"
    return "loss='cross_entropy'" if estimator.loss == "cross_entropy" else ""


def sample_form(shape: tuple[int, ...], sample_shape: Any, axes: Any) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Shape of one sample and the names of its axes, none for a table."""
    n_features = math.prod(shape[1:])
    asked = None if sample_shape is None else tuple(int(size) for size in sample_shape)
    if len(shape) > 2:
        given = tuple(int(size) for size in shape[1:])
        if asked not in (None, given):
            raise ValueError(f"sample_shape={asked} does not fit X, whose samples have shape {given}. Leave it out.")
        return given, infer_axes(given, axes)
    if asked is not None and math.prod(asked) != n_features:
        raise ValueError(f"sample_shape={asked} needs {math.prod(asked)} features, X has {n_features}.")
    asked = asked or (n_features,)
    if axes is None and len(asked) == 1:
        return asked, ()
    if isinstance(axes, str) and len(asked) == 1 < len(axes.split()):
        raise ValueError(
            f"axes={axes!r} names {len(axes.split())} axes, but X is 2-D. Pass their sizes as sample_shape, or X of "
            f"shape (n_samples, *sample_shape)."
        )
    return asked, infer_axes(asked, axes)


def input_dtype(X: Any) -> np.dtype:
    """numpy's dtype of checked X, in the byte order of this machine; float64 for numbers held as objects."""
    dtype = torch.empty(0, dtype=X.dtype).numpy().dtype if isinstance(X, torch.Tensor) else np.dtype(X.dtype)
    return np.dtype(np.float64) if dtype.kind not in "biuf" else dtype.newbyteorder("=")


def returned_dtype(X: Any) -> np.dtype:
    """float64 where the numbers of X need it, else float32."""
    wide = np.result_type(input_dtype(X), np.float32)
    return np.dtype(np.float32) if wide == np.float32 else np.dtype(np.float64)


def check_same_tokens(estimator: Any, X: Any) -> None:
    """Raise ValueError if samples hold other tokens than those fitted."""
    if isinstance(estimator._layout, TokenLayout):
        check_tokens(X, estimator._layout.n_tokens)


def check_same_network(estimator: Any, shape: tuple[int, ...]) -> None:
    """Raise ValueError if a parameter that decides the network was changed since the fit that is to go on."""
    layout = estimator._layout
    sample_shape, axes = sample_form(shape, estimator.sample_shape, wanted_axes(estimator))
    architecture = architecture_for(estimator.architecture, layout)
    old_loss, new_loss = estimator.net_.criterion__loss, loss_for(estimator.loss, layout)
    # Losses on plain numbers can take over from each other; others have outputs of their own.
    own_outputs = [loss for loss in (old_loss, new_loss) if isinstance(loss, str) and loss in ("bce", "cross_entropy")]
    same_outputs = not own_outputs or old_loss == new_loss
    for name, old, new in (
        ("n_components", estimator.n_components_, int(estimator.n_components)),
        ("architecture", estimator.architecture_, architecture),
        ("variant", estimator.variant_, variant_for(estimator.variant)),
        ("sample_shape", layout.sample_shape, sample_shape),
        ("axes", " ".join(layout.axes), " ".join(axes)),
        ("loss", old_loss, old_loss if same_outputs else new_loss),
    ):
        if repr(old) != repr(new):
            raise ValueError(
                f"Training cannot go on with {name}={new!r}: the fitted network has {name}={old!r}. Call fit with "
                f"warm_start=False for a new one."
            )


def check_groups(groups: np.ndarray | None) -> None:
    """Raise ValueError if there is one group only."""
    if groups is not None and groups.max() == 0:
        raise ValueError(
            "All rows are of one group, so there is no group for the validation set. Pass X_val to fit, "
            "early_stopping=False, or groups with at least 2 labels, better 10 or more."
        )


def validation_size(n_samples: int, fraction: float) -> int:
    """Rows to hold out: the share, rounded up as scikit-learn does.

    Raises
    ------
    ValueError
        If nothing would be held out, or nothing left to train on.
    """
    if fraction == 0:
        raise ValueError(
            "early_stopping=True needs rows to hold out, but validation_fraction=0. Pass validation_fraction=0.1, "
            "X_val to fit, or early_stopping=False."
        )
    n_held_out = math.ceil(fraction * n_samples)
    advice = "Pass early_stopping=False, X_val to fit, or more samples."
    if fraction * n_samples < 0.5 and n_samples > 1 and fraction < 0.05:
        raise ValueError(
            f"The validation set is too small: validation_fraction={fraction} of n_samples={n_samples} is "
            f"{fraction * n_samples:g} rows. Pass a larger validation_fraction. {advice}"
        )
    if n_held_out >= n_samples:
        raise ValueError(
            f"n_samples={n_samples} with validation_fraction={fraction} holds out {n_held_out} and leaves "
            f"{n_samples - n_held_out} to train on. {advice}"
        )
    return n_held_out


def is_learned(name: str) -> bool:
    """Whether an attribute of an estimator is learned in fit."""
    private = ("_codes", "_frame", "_layers", "_layout", "_n_features_out")
    return name in private or (name.endswith("_") and not name.startswith("_"))
