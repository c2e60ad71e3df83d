"""Layout of rows of token ids, which the network gets one-hot encoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .layout import SampleLayout
from .scaling import Moments, Scaling
from .sources import iterate_slices, slice_length

# Size of the largest vocabulary: one-hot encodings of larger ones are of no practical use.
MAX_TOKENS = 2**17


@dataclass(frozen=True)
class TokenLayout(SampleLayout):
    """Layout of ids (length,) from 0 to ``n_tokens - 1``, which the network gets one-hot and scaled."""

    n_tokens: int

    @classmethod
    def learn(cls, X: Any, length: int) -> TokenLayout:
        """Learn the number of tokens and their mean frequency per place from rows (n, length), in two passes."""
        n_tokens = max(int(rows.max()) for rows in iterate_slices(X, slice_length(length))) + 1
        if n_tokens > MAX_TOKENS:
            raise ValueError(
                f"X holds the token {n_tokens - 1}: tokens are ids from 0 up to {MAX_TOKENS - 1} without large gaps. "
                f"Renumber them: np.unique(X, return_inverse=True)."
            )

        def one_hots() -> Iterator[Tensor]:
            for rows in iterate_slices(X, slice_length(length)):
                for part in rows.to(torch.int64).split(max(1, 2**22 // (n_tokens * length))):
                    yield one_hot(part, n_tokens)

        scaling = replace(Scaling.of(Moments.of(one_hots()), "global", is_table=False), moments=None)
        return cls((length,), ("n",), True, scaling, np.dtype(np.int64), n_tokens)

    @property
    def n_features(self) -> int:
        """Number of one-hot features of a sample in the network."""
        return self.n_tokens * self.sample_shape[0]

    @property
    def network_shape(self) -> tuple[int, ...]:
        return (self.n_tokens, self.sample_shape[0])

    @property
    def caller_shape(self) -> tuple[int, ...]:
        return self.sample_shape

    @property
    def scaled_shape(self) -> tuple[int, ...]:
        return self.network_shape

    def caller_view(self, network_shape: tuple[int, ...]) -> tuple[int, ...]:
        return network_shape[::-1]

    def to_network(self, rows: Tensor) -> Tensor:
        """Convert ids (n, length) to scaled samples (n, n_tokens, length)."""
        rows = rows.to(self.scaling.mean.device, torch.int64)
        return self.from_flat(self.scaling.transform(one_hot(rows, self.n_tokens)))

    def from_flat(self, x: Tensor) -> Tensor:
        return x.unflatten(1, self.network_shape)

    def to_flat(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def to_caller(self, x: Tensor) -> np.ndarray:
        """Convert scaled samples (n, n_tokens, length) to the most likely ids (n, length)."""
        scores = self.scaling.inverse_transform(self.to_flat(x), np.dtype(np.float32))
        return scores.reshape(len(scores), *self.network_shape).argmax(1)


def one_hot(rows: Tensor, n_tokens: int) -> Tensor:
    """One-hot encode ids (n, length) as (n, n_tokens * length), uint8."""
    return functional.one_hot(rows, n_tokens).to(torch.uint8).transpose(1, 2).flatten(1)


def check_tokens(X: Any, n_tokens: int | None = None) -> None:
    """Raise TypeError or ValueError unless X holds ids from 0 on, all below ``n_tokens`` if given."""
    kind = np.dtype(str(X.dtype).rpartition(".")[2]).kind
    if kind not in "iu":
        raise TypeError(
            f"Tokens must be integers from 0 on, got X of dtype {X.dtype}. Encode text with skae.text.CharacterEncoder."
        )
    ends = [(int(rows.min()), int(rows.max())) for rows in iterate_slices(X, slice_length(X.shape[1]))]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if low < 0:
        raise ValueError(f"Tokens must be integers from 0 on, got {low} in X.")
    if n_tokens is not None and high >= n_tokens:
        raise ValueError(
            f"X holds the token {high}, but the largest token in fit was {n_tokens - 1}. Fit on rows that hold "
            f"it, or encode text with skae.text.CharacterEncoder, which has a token for unknown characters."
        )
