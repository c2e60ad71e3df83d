"""The rows of a ``Stream`` in training: a random sample in memory, and passes over all rows without validation rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .layout import SampleLayout
from .parts import Stream, hash_rows
from .sources import Rows, flat_rows, iterate_slices, slice_length

# Fewest of the validation rows, by hash, that a second pass has to give again. Samplers that draw with replacement give
# 63 % of them.
FEWEST_AGAIN = 0.3


class StreamRows(Rows):
    """A random sample of the rows of a stream, which can be indexed; ``slices`` and ``training_parts`` read all rows.

    Rows whose hash is in ``excluded`` are not trained on.
    """

    def __init__(self, stream: Stream, layout: SampleLayout, device: torch.device):
        super().__init__(stream.sample, layout, device)
        self.stream = stream
        self.small = False  # no cross-validation, which needs all rows
        self.excluded = np.empty(0, dtype=np.uint64)

    @property
    def piece_length(self) -> int:
        """Number of rows in which parts of the stream are processed."""
        return slice_length(self.layout.n_features)

    def slices(self, length: int, every: int = 1) -> Iterator[Tensor]:
        """Scaled samples of a pass over the stream, ``length`` at a time; ``every`` saves nothing."""
        for rows in iterate_slices(self.stream, length):
            yield self._to_samples(rows)

    def exclude(self, indices: np.ndarray) -> int:
        """Exclude the rows at ``indices`` of the sample, and all equal to them; returns the number of other rows.

        ValueError if a second pass does not give the same rows again, as with random augmentation.
        """
        self.excluded = np.unique(hash_rows(self.stream.sample[indices]))
        n_kept, seen = 0, np.zeros(len(self.excluded), dtype=bool)
        for part in self.stream.parts():
            places, known = self._find(part)
            seen[places[known]] = True
            n_kept += len(part) - int(known.sum())
        if seen.mean() < FEWEST_AGAIN:
            raise ValueError(
                f"Rows of {self.stream.name} differ between passes, as with random augmentation, so no validation set "
                f"can be split from them. Pass X_val to fit, rows without augmentation, or early_stopping=False."
            )
        return n_kept

    def training_parts(self) -> Iterator[Tensor]:
        """Start a pass; yields scaled samples in order, without those that are excluded."""
        return self._without_excluded(self.stream.parts())

    def _without_excluded(self, parts: Iterator[np.ndarray]) -> Iterator[Tensor]:
        for part in parts:
            kept = part[~self._find(part)[1]] if len(self.excluded) else part
            if len(kept):
                yield self._to_samples(flat_rows(kept))

    def _find(self, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of rows among the excluded hashes (n,), and whether they are there."""
        hashes = hash_rows(part)
        places = np.searchsorted(self.excluded, hashes).clip(max=len(self.excluded) - 1)
        return places, self.excluded[places] == hashes
