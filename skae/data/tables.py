"""Layout of tables with categories, which the network gets one-hot encoded."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .layout import SampleLayout
from .scaling import Moments, Scaling

# Codes of categories that the fitted rows did not have.
UNKNOWN, LIKE_RARE = -1, -2


@dataclass(frozen=True)
class TableColumns:
    """The columns of a table: ``sizes`` are numbers of categories, 0 for a column of numbers; ``is_boolean`` marks
    numbers that are 0 or 1.

    Categories are codes from 0 on: a column of ``size`` categories is a block of as many features. NaN is a missing
    category, and the block is NaN; UNKNOWN is an unknown category, and the block is 0; LIKE_RARE is an unknown one that
    is encoded as the last category, that of rare ones.
    """

    sizes: tuple[int, ...]
    is_boolean: tuple[bool, ...]

    @functools.cached_property
    def sources(self) -> np.ndarray:
        """The column of each feature (n_features,)."""
        return np.repeat(np.arange(len(self.sizes)), np.maximum(self.sizes, 1))

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """The first feature of each column (n_columns,)."""
        return np.searchsorted(self.sources, np.arange(len(self.sizes)))

    @property
    def is_number(self) -> np.ndarray:
        """Whether each column holds numbers (n_columns,)."""
        return np.array(self.sizes) == 0

    def expand(self, rows: Tensor) -> Tensor:
        """Convert rows (n, n_columns) to features (n, n_features), float64: categories are one-hot blocks."""
        rows, device = rows.to(torch.float64), rows.device
        numbers, blocks, starts, sources = (
            torch.from_numpy(index).to(device)
            for index in (np.flatnonzero(self.is_number), np.flatnonzero(~self.is_number), self.starts, self.sources)
        )
        features = rows.new_zeros((len(rows), len(sources)))
        features[:, starts[numbers]] = rows[:, numbers]
        codes, is_like_rare = rows[:, blocks], rows[:, blocks] == LIKE_RARE
        last = torch.tensor(self.sizes, device=device)[blocks] - 1
        places = starts[blocks] + torch.where(is_like_rare, last, codes.nan_to_num().clamp(min=0).to(torch.int64))
        features.scatter_(1, places, (is_like_rare | (codes >= 0)).to(torch.float64))
        missing = rows.isnan()
        if bool(missing.any()):
            features.masked_fill_(missing[:, sources], torch.nan)
        return features

    def collapse(self, features: np.ndarray) -> np.ndarray:
        """Convert features (n, n_features) to rows (n, n_columns): the category with the largest value."""
        rows = features[:, self.starts].astype(np.float64)
        for column, block in self.blocks(features):
            rows[:, column] = block.argmax(1)
        return rows

    def is_unknown(self, rows: np.ndarray) -> np.ndarray:
        """Whether each entry of rows (n, n_columns) is a category that the fitted rows did not have."""
        return (rows < 0) & ~self.is_number

    def column_norms(self, features: np.ndarray, further: np.ndarray | None = None) -> np.ndarray:
        """Numbers as they are, and the Euclidean norm of each block of features (n, n_features): (n, n_columns).

        ``further`` (n, n_columns) is one more feature of each block.
        """
        norms = features[:, self.starts]
        for column, block in self.blocks(features):
            norms[:, column] = np.linalg.norm(block, axis=1)
        return norms if further is None else np.where(further != 0, np.hypot(norms, further), norms)

    def blocks(self, features: np.ndarray) -> Iterable[tuple[int, np.ndarray]]:
        """The index of each column of categories, and its features (n, size)."""
        for column in np.flatnonzero(~self.is_number):
            start = self.starts[column]
            yield int(column), features[:, start : start + self.sizes[column]]


@dataclass(frozen=True)
class TableLayout(SampleLayout):
    """Layout of a table with categories: rows (n, n_columns) of numbers and codes, float64."""

    columns: TableColumns

    @classmethod
    def of(cls, moments: Moments, kind: str | None, columns: TableColumns) -> TableLayout:
        """The layout for the moments of features; "auto" is "columns", in which a block counts as one column.

        Booleans alone have one unit, so "auto" gives them one scale.
        """
        # Deviations of columns of different units differ by any factor, so small ones are no rounding errors.
        moments = replace(moments, eps=0.0)
        scaling = Scaling.of(
            moments,
            "columns" if kind == "auto" and not all(columns.is_boolean) else kind,
            True,
            blocks=block_index(columns),
        )
        shape, float64 = (len(columns.sizes),), np.dtype(np.float64)
        has_missing = moments.n_observed is not None
        return cls(shape, (), True, scaling, float64, columns, input_dtype=float64, has_missing=has_missing)

    def extend(self, moments: Moments) -> tuple[TableLayout, Tensor]:
        """Update the scaling with moments of more rows; also returns which features (n_features,) are rescaled."""
        moments = replace(moments, eps=0.0)
        scaling, changed = self.scaling.extend(moments, self.scaling.kind, True, blocks=block_index(self.columns))
        has_missing = self.has_missing or moments.n_observed is not None
        return replace(self, scaling=scaling, has_missing=has_missing), changed

    @property
    def n_features(self) -> int:
        """Number of features of a sample in the network."""
        return len(self.columns.sources)

    @property
    def feature_columns(self) -> np.ndarray:
        return self.columns.sources

    @property
    def caller_shape(self) -> tuple[int, ...]:
        return self.sample_shape

    @property
    def scaled_shape(self) -> tuple[int, ...]:
        return self.network_shape

    def to_network(self, rows: Tensor) -> Tensor:
        """Convert numbers and codes (n, n_columns) to scaled features (n, n_features)."""
        return self.scaling.transform(self.columns.expand(rows))

    def to_caller(self, x: Tensor) -> np.ndarray:
        """Convert scaled features (n, n_features) to numbers and codes of the most likely categories."""
        return self.columns.collapse(self.to_features(x))

    def to_rows(self, features: np.ndarray, examples: np.ndarray | None = None) -> np.ndarray:
        """Rows (n, n_columns) of features, with numbers clipped to the range of the fitted rows.

        If ``examples`` (n_examples, n_columns) are outside of the range, it ends one standard deviation beyond them.
        """
        moments = self.scaling.moments
        assert moments is not None
        rows = self.columns.collapse(features)
        numbers = self.columns.is_number
        of_numbers = self.columns.starts[numbers]
        low, high, deviation = (a.numpy()[of_numbers] for a in (moments.low, moments.high, moments.deviation))
        if examples is not None:
            least, most = (ends.reduce(examples[:, numbers], axis=0) for ends in (np.fmin, np.fmax))
            low = np.where(least < low, least - deviation, low)
            high = np.where(most > high, most + deviation, high)
        rows[:, numbers] = np.clip(rows[:, numbers], low, high)
        return rows

    def residual_deviations(self, decoded: np.ndarray, explained: float) -> np.ndarray:
        """Standard deviations (n_features,) of the features of fitted rows around their reconstructions.

        ``decoded`` (n, n_features) are reconstructions of some fitted rows, and ``explained`` is the share of the total
        variance in s(X) that they explain. Each feature gets a part of the rest, in proportion to the variance that it
        lacks in ``decoded``.
        """
        moments = self.scaling.moments
        assert moments is not None
        squared_scale = np.square(self.scaling.scale.cpu().numpy().astype(np.float64).reshape(-1))
        variances = (moments.squares / moments.counts).numpy() / squared_scale
        lacking = np.clip(variances - decoded.var(0) / squared_scale, 0, None)
        unexplained = max(0.0, 1 - explained) * variances.sum()
        if lacking.sum() > 0:
            lacking *= unexplained / lacking.sum()
        return np.sqrt(np.minimum(lacking, variances) * squared_scale)


def block_index(columns: TableColumns) -> Tensor:
    """The column of each feature, as a tensor (n_features,)."""
    return torch.from_numpy(columns.sources)
