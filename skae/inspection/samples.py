"""Samples of displays: the autoencoder and the rows that callers give, and conversion to pictures, lines or columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import invalid
from skae.data import TableLayout
from skae.data.sources import flat_rows
from skae.training import decode_features, reconstruct_features, snapshot

# Number of frames of a video, or slices of a volume, that are drawn side by side.
N_FRAMES = 4


@dataclass(frozen=True)
class SampleFormat:
    """Shape, axes and value range of samples, from which displays choose how to draw them.

    Parameters
    ----------
    sample_shape : tuple of int
        Shape of one sample; flattened samples are reshaped to it.
    axes : str
        Names of the sample's axes as in ``AutoencoderTransformer(axes=...)``: "h w c" for color pictures, "" for a
        table's rows.
    names : tuple of str
        Column names of a table; empty if the columns have no names.
    mean, scale : float or ndarray
        Samples of tables and signals are drawn as ``(x - mean) / scale``; arrays broadcast with ``sample_shape``.
    limits : tuple of two floats, default=None
        Values drawn as black and as white; None takes the minimum and the maximum of the drawn pictures.

    Examples
    --------
    >>> from skae.inspection import SampleFormat
    >>> SampleFormat((3, 32, 32), "c h w").kind
    'picture'
    """

    sample_shape: tuple[int, ...]
    axes: str = ""
    names: tuple[str, ...] = ()
    mean: Any = 0.0
    scale: Any = 1.0
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self._axes and len(self._axes) != len(self.sample_shape):
            raise ValueError(
                f"axes={self.axes!r} names {len(self._axes)} axes, but samples have shape {self.sample_shape}."
            )

    @classmethod
    def of(cls, autoencoder: Any) -> SampleFormat:
        """The format of the samples of a fitted autoencoder; pictures have the value range of its training data."""
        layout, scaling = autoencoder._result.layout, autoencoder._result.layout.scaling
        named = "encoded_feature_names_" if isinstance(layout, TableLayout) else "feature_names_in_"
        names = tuple(str(name) for name in getattr(autoencoder, named, ()))
        if layout.axes:
            shape, axes = tuple(layout.sample_shape), " ".join(layout.axes)
            if scaling.kind == "channels":
                # Channels of different units are drawn on one axis.
                others = tuple(number for number, name in enumerate(layout.axes) if name != "c")
                mean = np.asarray(layout.mean).mean(others, keepdims=True)
                return cls(shape, axes, names, mean, np.asarray(layout.sample_scale))
            return cls(shape, axes, names, limits=(float(scaling.low.min()), float(scaling.high.max())))
        return cls((layout.n_features,), "", names, scaling.mean.cpu().numpy(), scaling.scale.cpu().numpy())

    @property
    def kind(self) -> str:
        """One of "table", "tokens", "signal", "picture" and "video", which includes volumes."""
        if not self._axes:
            return "table"
        if self._axes == ("n",):
            return "tokens"
        return {1: "signal", 2: "picture", 3: "video"}[len(self._spatial)]

    @property
    def is_picture(self) -> bool:
        """Whether samples are drawn as pictures."""
        return self.kind in ("picture", "video")

    def reshape(self, samples: Any) -> np.ndarray:
        """Reshape samples to (n, \\*sample_shape), float64."""
        samples = np.asarray(samples, dtype=np.float64)
        if samples.size != len(samples) * int(np.prod(self.sample_shape)):
            raise ValueError(f"Expected samples of shape {self.sample_shape}. Got {samples.shape[1:]}.")
        return samples.reshape(len(samples), *self.sample_shape)

    def to_pictures(self, samples: Any) -> np.ndarray:
        """Convert samples to gray pictures (n, height, width) or color pictures (n, height, width, 3 or 4).

        Frames of a video are joined side by side with NaN between them. Other numbers of channels are averaged.
        """
        x = channels_last(self.reshape(samples), self._axes, self._spatial)
        if self.kind == "video":
            x = join_pictures(list(np.moveaxis(x[:, :N_FRAMES], 1, 0)), axis=2)
        return x if x.shape[-1] in (3, 4) else x.mean(-1)

    def to_lines(self, samples: Any) -> np.ndarray:
        """Convert token ids, or scaled signals or columns of a table, to lines (n, length, channels)."""
        x = self.reshape(samples)
        if self.kind == "tokens":
            return x[..., None]
        x = (x - self.mean) / self.scale
        return x[..., None] if self.kind == "table" else channels_last(x, self._axes, self._spatial)

    def gray_limits(self, pictures: np.ndarray) -> tuple[float, float]:
        """The values drawn as black and as white."""
        low, high = self.limits or (float(np.nanmin(pictures)), float(np.nanmax(pictures)))
        return (low, high) if high > low else (low, low + 1)

    @property
    def _axes(self) -> tuple[str, ...]:
        return tuple(self.axes.split())

    @property
    def _spatial(self) -> tuple[str, ...]:
        return tuple(name for name in ("t", "d", "h", "w") if name in self._axes)


def channels_last(x: np.ndarray, axes: tuple[str, ...], spatial: tuple[str, ...]) -> np.ndarray:
    """Transpose samples to (n, \\*spatial, channels); adds a channel axis if there is none."""
    if "c" not in axes:
        x, axes = x[..., None], (*axes, "c")
    return x.transpose(0, *(axes.index(name) + 1 for name in (*spatial, "c")))


def join_pictures(pictures: list[np.ndarray], axis: int) -> np.ndarray:
    """Concatenate pictures along ``axis`` with a gap of NaN."""
    shape = list(pictures[0].shape)
    shape[axis] = max(1, shape[axis] // 14)
    gap = np.full(shape, np.nan)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=axis)


def find_autoencoder(owner: str, estimator: Any, X: Any = None) -> tuple[AutoencoderTransformer, Any]:
    """Find the fitted autoencoder in a search or pipeline; returns a snapshot, and X transformed by earlier steps."""
    best = getattr(estimator, "best_estimator_", estimator)
    steps = [step for _, step in best.steps] if isinstance(best, Pipeline) else [best]
    for index, step in enumerate(steps):
        if isinstance(step, AutoencoderTransformer):
            check_is_fitted(step)
            return snapshot(step), X if X is None or index == 0 else best[:index].transform(X)
    expected = "a fitted AutoencoderTransformer, a Pipeline with one, or a fitted search over these"
    raise invalid(owner, "estimator", expected, estimator)


def take_rows(X: Any, indices: Any) -> Any:
    """Rows of X at ``indices``: a data frame for a data frame, else a dense array. X needs to support slicing only."""
    if hasattr(X, "columns"):
        if hasattr(X, "iloc"):
            return X.iloc[indices]
        return X.take(indices) if hasattr(X, "column_names") else X[indices.tolist()]
    if sparse.issparse(X):
        return sparse.csr_array(X)[np.asarray(indices)].toarray()
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    return np.concatenate([to_numpy(X[index : index + 1]) for index in indices])


def to_numpy(X: Any) -> np.ndarray:
    """Convert an array, a data frame or a tensor on any device to a numpy array."""
    return np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)


def to_features(autoencoder: AutoencoderTransformer, samples: Any) -> np.ndarray:
    """Samples as a numpy array; rows of a table with categories as the features of the network."""
    layout, schema = autoencoder._result.layout, autoencoder._result.schema
    if not isinstance(layout, TableLayout):
        return to_numpy(samples)
    return layout.columns.expand(flat_rows(autoencoder._check(samples, layout, schema))).numpy()


def reconstruct_samples(autoencoder: AutoencoderTransformer, samples: Any) -> np.ndarray:
    """Reconstructions of samples in the form of ``to_features``."""
    layout, schema = autoencoder._result.layout, autoencoder._result.schema
    if not isinstance(layout, TableLayout):
        return to_numpy(autoencoder.reconstruct(samples))
    return reconstruct_features(autoencoder._result, autoencoder._check(samples, layout, schema))


def decode_samples(autoencoder: AutoencoderTransformer, codes: np.ndarray) -> np.ndarray:
    """Decoded codes in the form of ``to_features``."""
    if not isinstance(autoencoder._result.layout, TableLayout):
        return to_numpy(autoencoder.inverse_transform(codes))
    return decode_features(autoencoder._result, codes)
