"""Bottlenecks: the encoder's features become a ``Code``, and the code becomes the decoder's input.

A bottleneck takes features (batch, n_in) to a code of n_components coordinates, and the code to the decoder's input
(batch, n_out). It draws noise in training mode only. It also supplies the sampler of new codes, the codes of training
samples to keep for it, and the interpolation between two codes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .layers import StochasticModule
from .priors import CodebookPrior, NormalMixture, Prior, Sampler, StandardNormal, UniformSphere


@dataclass(frozen=True)
class Code:
    """The code of a batch.

    Parameters
    ----------
    latent : Tensor of shape (batch, n_components)
        The codes, noise included.
    mean : Tensor of shape (batch, n_components)
        The deterministic codes.
    decoder_input : Tensor of shape (repeats * batch, n_out), default=None
        The decoder's input where it is not ``latent``.
    repeats : int
        Number of times that the decoder gets every sample.
    weight : Tensor of shape (repeats * batch,), default=None
        Weight of the reconstruction loss of every decoded sample.
    reduce : callable, default=None
        Takes the negative log-likelihoods, (repeats * batch,) in nats and penalties included, to the scalar to
        minimize. None is their mean.
    extras : mapping
        Tensors that only this bottleneck and its penalties know, by name; read them with ``extra``.
    """

    latent: Tensor
    mean: Tensor
    decoder_input: Tensor | None = None
    repeats: int = 1
    weight: Tensor | None = None
    reduce: Callable[[Tensor], Tensor] | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    def extra(self, name: str) -> Any:
        """The extra of this name.

        Raises
        ------
        ValueError
            If the bottleneck does not give it.
        """
        if name not in self.extras:
            raise ValueError(
                f"A penalty needs the extra {name!r} of the code. This bottleneck gives {list(self.extras)}. Combine "
                f"the penalty with a bottleneck that gives {name!r}."
            )
        return self.extras[name]

    def with_extras(self, **extras: Any) -> Code:
        """The same code with more extras."""
        return replace(self, extras={**self.extras, **extras})


class Bottleneck(StochasticModule):
    """The base of all bottlenecks; its codes are the features.

    A subclass overrides ``forward`` and ``deterministic_code``, and the other methods where its codes differ.

    Parameters
    ----------
    n_components : int
        Size of the code.
    prior : Prior, default=None
        The density that the penalties pull codes towards; None if there is none.

    Attributes
    ----------
    n_in, n_out : int
        Number of features from the encoder; width of the decoder's input.
    code_size : int
        Coordinates of a deterministic code; less than ``n_components`` where nested codes were cut.
    """

    # Whether NestedDropout can wrap it: its decoder can do without the last coordinates.
    can_be_nested = True
    # Whether ``code_size`` can be reduced.
    is_nested = False
    # Number of trained inputs that the encoder gets with every batch.
    n_pseudo_inputs = 0
    # Largest number of training samples whose codes are kept to fit samplers to.
    max_kept = 5000

    def __init__(self, n_components: int, prior: Prior | None = None):
        super().__init__()
        self.n_components = self.n_in = self.n_out = self.code_size = n_components
        self.prior = prior

    def forward(self, features: Tensor) -> Code:
        """The code of features (batch, n_in)."""
        return Code(features, features)

    def deterministic_code(self, features: Tensor) -> Tensor:
        """Codes without noise, (batch, code_size)."""
        return features

    def decoder_input(self, latent: Tensor) -> Tensor:
        """The decoder's input (batch, n_out) for codes (batch, at most n_components)."""
        return latent

    def linear_input(self, latent: Tensor) -> Tensor:
        """The input (batch, n_components) of the linear path's decoder."""
        return latent

    def initialize_from_pca(self, variances: Tensor, total: float) -> None:
        """Take over from PCA: the variances (k,) of its components, and the total variance of the data."""

    def codes_to_keep(self, features: Tensor) -> Tensor:
        """The part of the features (batch, n_in) that is kept of training samples, (batch, n_components)."""
        return self.deterministic_code(features)

    def codes_from_kept(self, kept: Tensor) -> Tensor:
        """Deterministic codes (n, code_size) of kept ones."""
        return kept[:, : self.code_size]

    def fit_sampler(self, kept: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        """The density that new codes are drawn from by default; None if codes have no prior.

        Parameters
        ----------
        kept : Tensor of shape (n, n_components)
            As of ``codes_to_keep``.
        pseudo_features : Tensor of shape (n_pseudo_inputs, n_in) or None
            Features of the pseudo-inputs.
        """
        return self.prior

    def interpolate(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Codes between ``a`` (t = 0) and ``b`` (t = 1); the arrays broadcast, coordinates are the last axis."""
        return (1 - t) * a + t * b


class Deterministic(Bottleneck):
    """Features are the code."""


class Gaussian(Bottleneck):
    """Normal codes; the encoder gives a mean and a log variance per coordinate (Kingma and Welling, 2014).

    Extras: "log_variance" (batch, n_components).
    """

    # Beyond this range, variances and their reciprocals lose precision in float32.
    LOWEST, HIGHEST = -12.0, 6.0
    # Log variance at features of zero, with which training starts.
    START = -2.0

    def __init__(self, n_components: int):
        super().__init__(n_components, StandardNormal(n_components))
        self.n_in = 2 * n_components

    def forward(self, features: Tensor) -> Code:
        mean, raw = features.split(self.n_components, dim=1)
        log_variance = (raw + self.START).clamp(self.LOWEST, self.HIGHEST)
        latent = mean
        if self.training:
            latent = torch.addcmul(mean, self.normal(mean), torch.exp(0.5 * log_variance))
        return Code(latent, mean, extras={"log_variance": log_variance})

    def deterministic_code(self, features: Tensor) -> Tensor:
        return features[:, : self.n_components]


class MultiDrawGaussian(Gaussian):
    """Normal codes of which the decoder gets several draws per sample (Burda, Grosse and Salakhutdinov, 2016).

    Parameters
    ----------
    n_components : int
    n_draws : int
        Draws per sample in training.
    """

    can_be_nested = False

    def __init__(self, n_components: int, n_draws: int):
        super().__init__(n_components)
        self.n_draws = n_draws

    def forward(self, features: Tensor) -> Code:
        code = super().forward(features)
        if not self.training:
            return code
        noise = self.normal(code.mean.expand(self.n_draws, *code.mean.shape))
        drawn = torch.addcmul(code.mean, noise, torch.exp(0.5 * code.extra("log_variance"))).flatten(0, 1)
        return replace(
            code,
            latent=drawn[: len(features)],
            decoder_input=drawn,
            repeats=self.n_draws,
            reduce=partial(importance_weighted_bound, n_draws=self.n_draws),
        )


def importance_weighted_bound(rows: Tensor, n_draws: int) -> Tensor:
    """The negative bound of Burda, Grosse and Salakhutdinov (2016): a sample's likelihoods are averaged over draws."""
    return -((-rows).view(n_draws, -1).logsumexp(0) - math.log(n_draws)).mean()


class PseudoInputGaussian(Gaussian):
    """Normal codes whose prior is the mixture of the codes of pseudo-inputs (Tomczak and Welling, 2018).

    Extras: "log_variance", and "pseudo_codes", the ``Code`` of the pseudo-inputs, which the network adds.

    Parameters
    ----------
    n_components : int
    n_pseudo_inputs : int
    """

    def __init__(self, n_components: int, n_pseudo_inputs: int):
        super().__init__(n_components)
        self.n_pseudo_inputs = n_pseudo_inputs

    def fit_sampler(self, kept: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        assert pseudo_features is not None
        code = self(pseudo_features)
        mean, log_variance = code.mean.cpu().numpy(), code.extra("log_variance").cpu().numpy()
        return NormalMixture(mean, np.exp(0.5 * log_variance))


class Sphere(Bottleneck):
    """Codes of length sqrt(n_components), so that coordinates have about unit variance."""

    can_be_nested = False

    def __init__(self, n_components: int):
        super().__init__(n_components, UniformSphere(n_components))

    def forward(self, features: Tensor) -> Code:
        latent = self.deterministic_code(features)
        return Code(latent, latent)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return functional.normalize(features, dim=1) * math.sqrt(self.n_components)

    def interpolate(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Along great circles (Shoemake, 1985); along lines where the two codes are parallel."""
        lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
        angle = np.arccos(np.clip((a * b).sum(-1) / np.maximum(lengths, 1e-12), -1, 1))[..., None]
        parallel = np.sin(angle) < 1e-6
        sine = np.where(parallel, 1.0, np.sin(angle))
        arc = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / sine
        return np.where(parallel, super().interpolate(a, b, t), arc)


class Quantizer(Bottleneck):
    """Codes that are sums of codebook vectors, one of each codebook (residual vector quantization).

    Codebooks are moving averages of the features nearest to their vectors (van den Oord et al., 2017, appendix A.1).
    A vector that few features have been nearest to is replaced by a feature of the batch (Razavi et al., 2019).

    Extras: "quantization_error" (batch,), the mean squared difference of features and code.

    Parameters
    ----------
    n_components : int
    size : int
        Vectors per codebook.
    n_codebooks : int
    """

    DECAY = 0.99
    # A vector is replaced if its average count falls below this share of the mean count.
    UNUSED = 0.01
    can_be_nested = False
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
        constant = features.detach()
        if self.training:
            self._update_codebooks(constant)
        quantized = self.look_up(self.indices(constant))
        # The straight-through estimator: gradients pass to the features unchanged.
        latent = features + (quantized - constant)
        return Code(latent, latent, extras={"quantization_error": (features - quantized).square().mean(1)})

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.look_up(self.indices(features))

    def codes_to_keep(self, features: Tensor) -> Tensor:
        """The features: the nearest vectors of a code are not always those of its features."""
        return features

    def codes_from_kept(self, kept: Tensor) -> Tensor:
        return self.deterministic_code(kept)

    def fit_sampler(self, kept: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        return CodebookPrior(self.indices(kept).cpu().numpy(), self.codebooks.shape[1], self.look_up)

    def indices(self, features: Tensor) -> Tensor:
        """Index of the chosen vector of each codebook, (batch, n_codebooks)."""
        residual, chosen = features.float(), []
        for codebook in self.codebooks:
            nearest = nearest_index(codebook, residual)
            chosen.append(nearest)
            residual = residual - codebook[nearest]
        return torch.stack(chosen, dim=1)

    def look_up(self, indices: Tensor) -> Tensor:
        """The sums of the chosen vectors, (batch, n_components)."""
        indices = indices.to(self.codebooks.device)
        vectors = (codebook[i] for codebook, i in zip(self.codebooks, indices.T, strict=True))
        return sum(vectors, torch.zeros(()).to(self.codebooks))

    @torch.no_grad()
    def _update_codebooks(self, features: Tensor) -> None:
        """Move the vectors of every codebook towards the residuals that are nearest to them."""
        residual = features.float()
        for codebook, counts, sums in zip(self.codebooks, self.counts, self.sums, strict=True):
            drawn = (self.uniform(counts) * len(residual)).long().clamp_(max=len(residual) - 1)
            fresh = residual[drawn] * (0.9 + 0.2 * self.uniform(residual[drawn]))
            mean_count = len(residual) / len(counts)
            unused = (counts < self.UNUSED * mean_count) | ~self.ready
            counts.copy_(torch.where(unused, counts.new_full((), mean_count), counts))
            codebook.copy_(torch.where(unused[:, None], fresh, codebook))
            sums.copy_(torch.where(unused[:, None], fresh * counts[:, None], sums))
            nearest = nearest_index(codebook, residual)
            one_hot = functional.one_hot(nearest, len(codebook)).to(residual.dtype)
            counts.mul_(self.DECAY).add_(one_hot.sum(0), alpha=1 - self.DECAY)
            sums.mul_(self.DECAY).add_(one_hot.T @ residual, alpha=1 - self.DECAY)
            codebook.copy_(sums / counts.clamp(min=1e-5)[:, None])
            residual = residual - codebook[nearest]
        self.ready.fill_(True)


def nearest_index(codebook: Tensor, rows: Tensor) -> Tensor:
    """Index of the vector of ``codebook`` (size, n) that is nearest to each of ``rows`` (batch, n)."""
    return (codebook.square().sum(1) - 2 * rows @ codebook.T).argmin(1)


class WrappedBottleneck(Bottleneck):
    """A bottleneck around another, ``inner``, which does everything that a subclass does not override."""

    def __init__(self, inner: Bottleneck):
        super().__init__(inner.n_components, inner.prior)
        self.inner = inner
        self.n_in, self.n_out = inner.n_in, inner.n_out
        self.can_be_nested, self.max_kept = inner.can_be_nested, inner.max_kept
        self.n_pseudo_inputs = inner.n_pseudo_inputs

    def forward(self, features: Tensor) -> Code:
        return self.inner(features)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.inner.deterministic_code(features)

    def decoder_input(self, latent: Tensor) -> Tensor:
        return self.inner.decoder_input(latent)

    def linear_input(self, latent: Tensor) -> Tensor:
        return self.inner.linear_input(latent)

    def initialize_from_pca(self, variances: Tensor, total: float) -> None:
        self.inner.initialize_from_pca(variances, total)

    def codes_to_keep(self, features: Tensor) -> Tensor:
        return self.inner.codes_to_keep(features)

    def codes_from_kept(self, kept: Tensor) -> Tensor:
        return self.inner.codes_from_kept(kept)

    def fit_sampler(self, kept: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        return self.inner.fit_sampler(kept, pseudo_features)

    def interpolate(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        return self.inner.interpolate(a, b, t)


class NestedDropout(WrappedBottleneck):
    """Nested codes: in training the decoder gets the first k coordinates, with a random k (Rippel et al., 2014).

    The decoder's input holds the coordinates and a mask of those kept. Every sample is decoded at two sizes per step,
    which was the best use of time of the numbers tried (benchmarks/README.md). Sizes come from a grid of about equal
    steps in logarithms, so that small ones are as frequent as large ones. The loss at a size is weighted by the inverse
    of PCA's error at that size.

    Parameters
    ----------
    inner : Bottleneck
        The bottleneck whose codes are nested; its ``can_be_nested`` is true.
    """

    SIZES_PER_SAMPLE = 2
    is_nested = True
    size_grid: Tensor
    weight: Tensor

    def __init__(self, inner: Bottleneck):
        super().__init__(inner)
        self.n_out = 2 * self.n_components
        self.register_buffer("size_grid", torch.tensor(build_size_grid(self.n_components)))
        self.register_buffer("weight", torch.ones(self.n_components))

    def initialize_from_pca(self, variances: Tensor, total: float) -> None:
        super().initialize_from_pca(variances, total)
        errors = functional.pad(variances, (0, self.n_components - len(variances)))
        errors = max(total, float(variances.sum())) - errors.cumsum(0)
        weight = 1 / errors.clamp(min=1e-3 * total + 1e-12)
        self.weight.copy_(weight / weight[self.size_grid - 1].mean())

    def forward(self, features: Tensor) -> Code:
        code = self.inner(features)
        size = self._draw_sizes(features) if self.training else self._fixed_sizes(features)
        repeats = len(size) // len(features)
        mask = torch.arange(self.n_components, device=features.device) < size[:, None]
        given = torch.cat([code.latent.repeat(repeats, 1) * mask, mask.to(code.latent.dtype)], dim=1)
        return replace(code, decoder_input=given, weight=self.weight[size - 1], repeats=repeats)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.inner.deterministic_code(features)[:, : self.code_size]

    def decoder_input(self, latent: Tensor) -> Tensor:
        if latent.shape[1] == self.n_out:
            return latent
        missing = self.n_components - latent.shape[1]
        mask = functional.pad(torch.ones_like(latent), (0, missing))
        return torch.cat([functional.pad(latent, (0, missing)), mask], dim=1)

    def linear_input(self, latent: Tensor) -> Tensor:
        return self.decoder_input(latent)[:, : self.n_components]

    def codes_from_kept(self, kept: Tensor) -> Tensor:
        return self.inner.codes_from_kept(kept)[:, : self.code_size]

    def fit_sampler(self, kept: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        sampler = self.inner.fit_sampler(kept, pseudo_features)
        return None if sampler is None else sampler.marginal(self.code_size)

    def _draw_sizes(self, features: Tensor) -> Tensor:
        """Random sizes, (SIZES_PER_SAMPLE * batch,); those of one sample are half of the grid apart."""
        drawn = self.uniform(features.new_empty(len(features), dtype=torch.float32))
        offset = torch.arange(self.SIZES_PER_SAMPLE, device=drawn.device)[:, None] / self.SIZES_PER_SAMPLE
        return self._sizes_at((drawn + offset).flatten() % 1)

    def _fixed_sizes(self, features: Tensor) -> Tensor:
        """Sizes (batch,) that are the same in every pass over the same rows."""
        return self._sizes_at(torch.arange(len(features), device=features.device) * GOLDEN_RATIO % 1)

    def _sizes_at(self, position: Tensor) -> Tensor:
        """Sizes at positions in [0, 1) of the grid; half of them are grid points, the others lie between two."""
        place = position * len(self.size_grid)
        above = place.long().clamp(max=len(self.size_grid) - 1)
        below = self.size_grid[(above - 1).clamp(min=0)]
        between = (2 * (place - above) - 1).clamp(min=0)
        return self.size_grid[above] - (between * (self.size_grid[above] - below)).long()


# The fractional parts of its multiples are evenly distributed in [0, 1).
GOLDEN_RATIO = 0.6180339887498949


def build_size_grid(n_components: int) -> list[int]:
    """Sizes from 1 to n_components in factors of about sqrt(2); the last one twice."""
    sizes, step = {n_components}, 1.0
    while step < n_components:
        sizes.add(round(step))
        step *= math.sqrt(2)
    return [*sorted(sizes), n_components]
