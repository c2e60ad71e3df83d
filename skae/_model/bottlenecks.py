"""Bottlenecks: what becomes of the encoder's features before the decoder sees them.

Each takes features (batch, n_in) from the encoder to a ``Code``, and codes to what the decoder is given,
(batch, n_out). They draw noise in training only: a code at rest is deterministic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from .layers import StochasticModule


@dataclass(frozen=True)
class Code:
    """What a bottleneck made of a batch.

    ``latent`` (batch, n_components) holds the codes, noise included; ``mean`` is the same at rest.
    """

    latent: Tensor
    mean: Tensor
    # What the decoder gets instead of ``latent``, if not the same: (repeats * batch, n_out).
    decoder_input: Tensor = None  # type: ignore[assignment]
    # Of normal codes.
    log_variance: Tensor = None  # type: ignore[assignment]
    # Of a quantizer: the squared distance (batch,) from features to what they were rounded to.
    quantization_error: Tensor = None  # type: ignore[assignment]
    # Of nested codes: how much each row counts, (batch,).
    weight: Tensor | None = None
    # How often the decoder sees each row.
    repeats: int = 1
    # Whether those are draws of one code, of whose likelihoods the average counts.
    draws: bool = False
    # What the bottleneck made of the rows that are learned beside the data, if there are any.
    learned: Code = None  # type: ignore[assignment]
    # What a critic said of each code, and how wrong it was, (batch,).
    log_density_ratio: Tensor = None  # type: ignore[assignment]
    discriminator_loss: Tensor = None  # type: ignore[assignment]


class Deterministic(StochasticModule):
    """Features are the code."""

    # Whether other bottlenecks may keep only the first coordinates of its codes.
    can_be_nested = True
    # Whether its codes can be cut to their first coordinates, by ``code_size``.
    is_nested = False
    # The density its codes are trained towards: "normal", "sphere", or "" where there is none.
    prior = ""

    def __init__(self, n_components: int):
        super().__init__()
        self.n_components = self.n_in = self.n_out = n_components
        # Coordinates of a deterministic code.
        self.code_size = n_components

    def forward(self, features: Tensor) -> Code:
        return Code(features, features)

    def deterministic_code(self, features: Tensor) -> Tensor:
        """The deterministic code (batch, n_components)."""
        return features

    def decoder_input(self, latent: Tensor) -> Tensor:
        """What the decoder is given for codes (batch, at most n_components)."""
        return latent

    def linear_input(self, latent: Tensor) -> Tensor:
        """What the linear path's decoder is given."""
        return latent

    def initialize_from_pca(self, variances: Tensor, total: float) -> None:
        """Learn of the PCA that training starts at: variances (k,) of its components, and of all there is."""


class Gaussian(Deterministic):
    """Normal codes with a variance for each coordinate and sample (Kingma and Welling, 2014)."""

    # Log variances are kept where their exponentials are of use.
    LOWEST, HIGHEST = -12.0, 6.0
    prior = "normal"

    # Encoders that start at zero begin with this log variance.
    START = -2.0

    def __init__(self, n_components: int):
        super().__init__(n_components)
        self.n_in = 2 * n_components

    def forward(self, features: Tensor) -> Code:
        mean, raw = features.split(self.n_components, dim=1)
        log_variance = (raw + self.START).clamp(self.LOWEST, self.HIGHEST)
        if not self.training:
            return Code(mean, mean, log_variance=log_variance)
        noise = self.normal(mean)
        return Code(torch.addcmul(mean, noise, torch.exp(0.5 * log_variance)), mean, log_variance=log_variance)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return features[:, : self.n_components]


class MultiDrawGaussian(Gaussian):
    """Normal codes of which the decoder sees several draws (Burda, Grosse and Salakhutdinov, 2016)."""

    can_be_nested = False

    def __init__(self, n_components: int, n_draws: int):
        super().__init__(n_components)
        self.n_draws = n_draws

    def forward(self, features: Tensor) -> Code:
        code = super().forward(features)
        if not self.training:
            return code
        noise = self.normal(code.mean.expand(self.n_draws, *code.mean.shape))
        given = torch.addcmul(code.mean, noise, torch.exp(0.5 * code.log_variance)).flatten(0, 1)
        return replace(code, latent=given[: len(features)], decoder_input=given, repeats=self.n_draws, draws=True)


class Sphere(Deterministic):
    """Codes of length one, times the root of their dimension, so that coordinates have about unit variance."""

    prior = "sphere"
    can_be_nested = False

    def forward(self, features: Tensor) -> Code:
        latent = self.deterministic_code(features)
        return Code(latent, latent)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return functional.normalize(features, dim=1) * math.sqrt(self.n_components)


class NestedDropout(Deterministic):
    """Ordered codes: in training every row keeps only its first k coordinates, k drawn anew (Rippel et al., 2014).

    The decoder is told which coordinates were kept, and sees every row at two sizes: of all that was tried, that gave
    most for its time (benchmarks/README.md). Sizes come from a grid of about equal steps in logarithms, so that small
    ones are seen as often as large ones, and a row counts for more where the error of its size is small.

    Parameters
    ----------
    inner : Deterministic
        The bottleneck whose codes are nested.
    """

    SIZES_A_ROW = 2
    is_nested = True
    size_grid: Tensor
    weight: Tensor

    def __init__(self, inner: Deterministic):
        n_components = inner.n_components
        super().__init__(n_components)
        self.inner = inner
        self.prior = inner.prior
        self.n_in, self.n_out = inner.n_in, 2 * n_components
        self.register_buffer("size_grid", torch.tensor(build_size_grid(n_components)))
        self.register_buffer("weight", torch.ones(n_components))

    def initialize_from_pca(self, variances: Tensor, total: float) -> None:
        """Let rows of size k count in inverse proportion to PCA's error at that size."""
        errors = functional.pad(variances, (0, self.n_components - len(variances)))
        errors = max(total, float(variances.sum())) - errors.cumsum(0)
        weight = 1 / errors.clamp(min=1e-3 * total + 1e-12)
        self.weight.copy_(weight / weight[self.size_grid - 1].mean())

    def forward(self, features: Tensor) -> Code:
        code = self.inner(features)
        size = self._drawn(features) if self.training else self._spread(features)
        repeats = len(size) // len(features)
        kept = torch.arange(self.n_components, device=features.device) < size[:, None]
        given = torch.cat([code.latent.repeat(repeats, 1) * kept, kept.to(code.latent.dtype)], dim=1)
        return replace(code, decoder_input=given, weight=self.weight[size - 1], repeats=repeats)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.inner.deterministic_code(features)[:, : self.code_size]

    def decoder_input(self, latent: Tensor) -> Tensor:
        if latent.shape[1] == self.n_out:
            return latent
        missing = self.n_components - latent.shape[1]
        kept = functional.pad(torch.ones_like(latent), (0, missing))
        return torch.cat([functional.pad(latent, (0, missing)), kept], dim=1)

    def linear_input(self, latent: Tensor) -> Tensor:
        return self.decoder_input(latent)[:, : self.n_components]

    def _drawn(self, features: Tensor) -> Tensor:
        """Sizes for every row as often as it is seen, (SIZES_A_ROW * batch,): half the size_grid apart."""
        drawn = self.uniform(features.new_empty(len(features), dtype=torch.float32))
        apart = torch.arange(self.SIZES_A_ROW, device=drawn.device)[:, None] / self.SIZES_A_ROW
        return self._size((drawn + apart).flatten() % 1)

    def _spread(self, features: Tensor) -> Tensor:
        """Sizes (batch,) that are the same in every pass over the same rows."""
        return self._size(torch.arange(len(features), device=features.device) * GOLDEN % 1)

    def _size(self, share: Tensor) -> Tensor:
        """Sizes at ``share`` in [0, 1) of the size_grid's length, every other one between two rungs."""
        place = share * len(self.size_grid)
        rung = place.long().clamp(max=len(self.size_grid) - 1)
        below = self.size_grid[(rung - 1).clamp(min=0)]
        between = (2 * (place - rung) - 1).clamp(min=0)
        return self.size_grid[rung] - (between * (self.size_grid[rung] - below)).long()


# Multiples of it, less their whole part, fill the unit interval evenly.
GOLDEN = 0.6180339887498949


def build_size_grid(n_components: int) -> list[int]:
    """Sizes from 1 up in steps of about the root of 2, and the last one twice."""
    sizes, step = {n_components}, 1.0
    while step < n_components:
        sizes.add(round(step))
        step *= math.sqrt(2)
    return [*sorted(sizes), n_components]


class Quantizer(Deterministic):
    """Codes rounded to sums of codebook vectors, one of each book (residual vector quantization).

    Books are moving averages of the features nearest to their vectors (van den Oord et al., 2017, appendix A.1);
    a vector that nothing has been near to for a while is put where a feature is (Razavi et al., 2019).
    """

    DECAY, DEAD = 0.99, 0.01
    can_be_nested = False
    prior = "books"
    codebooks: Tensor
    counts: Tensor
    sums: Tensor
    ready: Tensor

    def __init__(self, n_components: int, size: int, n_codebooks: int):
        super().__init__(n_components)
        self.register_buffer("codebooks", torch.zeros(n_codebooks, size, n_components))
        self.register_buffer("counts", torch.ones(n_codebooks, size))
        self.register_buffer("sums", torch.zeros(n_codebooks, size, n_components))
        self.register_buffer("ready", torch.zeros((), dtype=torch.bool))

    def forward(self, features: Tensor) -> Code:
        found = features.detach()
        if self.training:
            self._learn(found)
        rounded = self.vectors(self.indices(found))
        latent = features + (rounded - found)
        return Code(latent, latent, quantization_error=(features - rounded).square().mean(1))

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.vectors(self.indices(features))

    def indices(self, features: Tensor) -> Tensor:
        """Which vector of each book, (batch, n_codebooks)."""
        left, chosen = features.float(), []
        for book in self.codebooks:
            nearest = nearest_in(book, left)
            chosen.append(nearest)
            left = left - book[nearest]
        return torch.stack(chosen, dim=1)

    def vectors(self, indices: Tensor) -> Tensor:
        """The sums of the chosen vectors, (batch, n_components)."""
        return sum(
            (book[i] for book, i in zip(self.codebooks, indices.T, strict=True)), torch.zeros(()).to(self.codebooks)
        )

    @torch.no_grad()
    def _learn(self, features: Tensor) -> None:
        """Move every book towards what it is nearest to."""
        left = features.float()
        for book, counts, sums in zip(self.codebooks, self.counts, self.sums, strict=True):
            drawn = (self.uniform(counts) * len(left)).long().clamp_(max=len(left) - 1)
            fresh = left[drawn] * (0.9 + 0.2 * self.uniform(left[drawn]))
            new = (counts < self.DEAD * len(left) / len(counts)) | ~self.ready
            counts.copy_(torch.where(new, counts.new_full((), len(left) / len(counts)), counts))
            book.copy_(torch.where(new[:, None], fresh, book))
            sums.copy_(torch.where(new[:, None], fresh * counts[:, None], sums))
            nearest = nearest_in(book, left)
            one_hot = functional.one_hot(nearest, len(book)).to(left.dtype)
            counts.mul_(self.DECAY).add_(one_hot.sum(0), alpha=1 - self.DECAY)
            sums.mul_(self.DECAY).add_(one_hot.T @ left, alpha=1 - self.DECAY)
            book.copy_(sums / counts.clamp(min=1e-5)[:, None])
            left = left - book[nearest]
        self.ready.fill_(True)


def nearest_in(book: Tensor, rows: Tensor) -> Tensor:
    """Index of the vector of ``book`` (size, n) that is nearest to each of ``rows`` (batch, n)."""
    return (book.square().sum(1) - 2 * rows @ book.T).argmin(1)
