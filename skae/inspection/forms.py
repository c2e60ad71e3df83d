"""How samples are drawn: as pictures, lines or columns of a table, by the names of their axes. No model, no figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Frames of a video, or slices of a volume, that stand side by side.
N_FRAMES = 4


@dataclass(frozen=True)
class SampleForm:
    """What a sample is, for those who draw it.

    Attributes
    ----------
    sample_shape : tuple of int
        Shape of one sample; samples are drawn in it, flattened ones too.
    axes : str
        Names of the sample's axes as in ``AutoencoderTransformer(axes=...)``: "h w c" for color pictures, "" for a
        table's rows.
    names : tuple of str
        Names of a table's columns; empty where they have none.
    mean, scale : ndarray of shape (n_features,) or float
        Columns of a table are drawn as ``(x - mean) / scale``.
    limits : tuple of two floats, default=None
        What is black and what is white in a picture; None takes the smallest and the largest value drawn.

    Examples
    --------
    >>> from skae.inspection import SampleForm
    >>> SampleForm((3, 32, 32), "c h w").kind
    'picture'
    """

    sample_shape: tuple[int, ...]
    axes: str = ""
    names: tuple[str, ...] = ()
    mean: Any = 0.0
    scale: Any = 1.0
    limits: tuple[float, float] | None = None

    def __post_init__(self):
        if self._axes and len(self._axes) != len(self.sample_shape):
            raise ValueError(
                f"axes={self.axes!r} names {len(self._axes)} axes, but samples have shape {self.sample_shape}."
            )

    @classmethod
    def of(cls, autoencoder: Any) -> SampleForm:
        """The form of what a fitted autoencoder was fitted on; pictures in the range of values it has seen."""
        layout = autoencoder._layout
        names = tuple(str(name) for name in getattr(autoencoder, "feature_names_in_", ()))
        scaling = layout.scaling
        if layout.axes:
            limits = (float(scaling.low.min()), float(scaling.high.max()))
            return cls(tuple(layout.sample_shape), " ".join(layout.axes), names, limits=limits)
        return cls((layout.n_features,), "", names, scaling.mean.cpu().numpy(), scaling.scale.cpu().numpy())

    @property
    def kind(self) -> str:
        """One of "table", "tokens", "signal", "picture", "video" (volumes too)."""
        if not self._axes:
            return "table"
        if self._axes == ("n",):
            return "tokens"
        return {1: "signal", 2: "picture", 3: "video"}[len(self._spatial)]

    @property
    def is_pictured(self) -> bool:
        """Whether samples are drawn as pictures."""
        return self.kind in ("picture", "video")

    def shaped(self, samples: Any) -> np.ndarray:
        """Samples (n, \\*sample_shape), float64, from those or flattened ones."""
        samples = np.asarray(samples, dtype=np.float64)
        if samples.size != len(samples) * int(np.prod(self.sample_shape)):
            raise ValueError(f"Expected samples of shape {self.sample_shape}. Got {samples.shape[1:]}.")
        return samples.reshape(len(samples), *self.sample_shape)

    def pictures(self, samples: Any) -> np.ndarray:
        """(n, height, width), or (n, height, width, 3 or 4) in color; frames side by side, NaN between them.

        Any other number of channels is averaged.
        """
        x = channels_last(self.shaped(samples), self._axes, self._spatial)
        if self.kind == "video":
            x = frames_side_by_side(x)
        return x if x.shape[-1] in (3, 4) else x.mean(-1)

    def lines(self, samples: Any) -> np.ndarray:
        """(n, length, channels): signals, token ids, or the scaled columns of a table."""
        x = self.shaped(samples)
        if self.kind == "table":
            return ((x - self.mean) / self.scale)[..., None]
        return x[..., None] if self.kind == "tokens" else channels_last(x, self._axes, self._spatial)

    def brightness(self, pictures: np.ndarray) -> tuple[float, float]:
        """What is black and what is white."""
        low, high = self.limits or (float(np.nanmin(pictures)), float(np.nanmax(pictures)))
        return (low, high) if high > low else (low, low + 1)

    @property
    def _axes(self) -> tuple[str, ...]:
        return tuple(self.axes.split())

    @property
    def _spatial(self) -> tuple[str, ...]:
        return tuple(name for name in ("t", "d", "h", "w") if name in self._axes)


def channels_last(x: np.ndarray, axes: tuple[str, ...], spatial: tuple[str, ...]) -> np.ndarray:
    """Samples (n, \\*spatial, channels) from samples with ``axes`` in any order, or without channels."""
    if "c" not in axes:
        x, axes = x[..., None], (*axes, "c")
    return x.transpose(0, *(axes.index(name) + 1 for name in (*spatial, "c")))


def frames_side_by_side(x: np.ndarray) -> np.ndarray:
    """(n, height, width, channels) of the first frames of (n, frames, height, width, channels)."""
    frames = list(np.moveaxis(x[:, :N_FRAMES], 1, 0))
    return side_by_side(frames, axis=2)


def side_by_side(pictures: list[np.ndarray], axis: int) -> np.ndarray:
    """Pictures beside each other along ``axis``, with a little NaN between them."""
    wide = list(pictures[0].shape)
    wide[axis] = max(1, wide[axis] // 14)
    between = np.full(wide, np.nan)
    parts = [part for picture in pictures for part in (picture, between)]
    return np.concatenate(parts[:-1], axis=axis)
