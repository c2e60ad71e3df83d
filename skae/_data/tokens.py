"""Rows of token ids: one-hot numbers inside, ids outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .layout import SampleLayout
from .scaling import Moments, Scaling

# One-hot numbers of a place: beyond, a network of them is no use.
MOST_TOKENS = 2**17


@dataclass(frozen=True)
class TokenLayout(SampleLayout):
    """Samples of ``sample_shape`` (length,) that hold ids from 0 to ``n_tokens - 1``.

    The network sees (n_tokens, length): one-hot numbers, centered, and divided by one scale.
    """

    n_tokens: int

    @classmethod
    def learn(cls, slices: Iterable[Tensor], length: int) -> TokenLayout:
        """Learn from slices of rows (n, length) how many tokens there are and how often each stands where."""
        parts = [rows.to(torch.int64) for rows in slices]
        n_tokens = int(max(int(rows.max()) for rows in parts)) + 1
        if n_tokens > MOST_TOKENS:
            raise ValueError(
                f"X holds the token {n_tokens - 1}: tokens are ids from 0 up to {MOST_TOKENS - 1} without large gaps. "
                f"Number them anew, as np.unique(X, return_inverse=True) does."
            )

        def one_hots() -> Iterator[Tensor]:
            for rows in parts:
                for few in rows.split(max(1, 2**22 // (n_tokens * length))):
                    yield one_hot(few, n_tokens)

        scaling = replace(Scaling.of(Moments.of(one_hots()), "global", is_table=False), moments=None)
        return cls((length,), ("n",), True, scaling, np.dtype(np.int64), n_tokens)

    @property
    def n_features(self) -> int:
        """Numbers of one sample inside the network."""
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
        """Ids (n, length) as scaled samples (n, n_tokens, length)."""
        rows = rows.to(self.scaling.mean.device, torch.int64)
        return self.from_flat(self.scaling.scaled(one_hot(rows, self.n_tokens)))

    def from_flat(self, x: Tensor) -> Tensor:
        return x.view(len(x), *self.network_shape)

    def to_flat(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1)

    def to_caller(self, x: Tensor) -> np.ndarray:
        """The most likely ids (n, length) of scaled samples (n, n_tokens, length)."""
        shares = self.scaling.restored(self.to_flat(x), np.dtype(np.float32))
        return shares.reshape(len(shares), *self.network_shape).argmax(1)


def one_hot(rows: Tensor, n_tokens: int) -> Tensor:
    """Ids (n, length) as zeros and ones (n, n_tokens * length), uint8."""
    return functional.one_hot(rows, n_tokens).to(torch.uint8).transpose(1, 2).reshape(len(rows), -1)


def check_tokens(X: np.ndarray | Tensor, n_tokens: int | None = None) -> None:
    """Raise TypeError or ValueError unless X holds ids from 0 on, below ``n_tokens`` if given."""
    kind = np.dtype(str(X.dtype).rpartition(".")[2]).kind
    if kind not in "iu":
        raise TypeError(
            f"Tokens must be integers from 0 on, got X of dtype {X.dtype}. Encode text with skae.text.CharacterEncoder."
        )
    if int(X.min()) < 0:
        raise ValueError(f"Tokens must be integers from 0 on, got {int(X.min())} in X.")
    if n_tokens is not None and int(X.max()) >= n_tokens:
        raise ValueError(
            f"X holds the token {int(X.max())}, but those fitted go up to {n_tokens - 1}. Fit on rows that hold it, or "
            f"encode text with skae.text.CharacterEncoder, which has a token for the unknown."
        )
