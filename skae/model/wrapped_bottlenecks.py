"""Bottlenecks around another one: nested codes, and codes with a discriminator."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from .bottlenecks import Bottleneck, Code
from .priors import Sampler, draw_from_prior

# Width of the hidden layers of a discriminator.
WIDTH = 128


class WrappedBottleneck(Bottleneck):
    """A bottleneck around another, ``inner``, which does everything that a subclass does not override.

    Examples
    --------
    >>> from skae.variants.bottlenecks import Gaussian, WrappedBottleneck
    >>> WrappedBottleneck(Gaussian(2)).n_in
    4
    """

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

    def without_training_parts(self) -> Bottleneck:
        part = copy.copy(self)
        part._modules = {**self._modules, "inner": self.inner.without_training_parts()}
        return part

    def initialize_from_pca(self, variances: Tensor, total: float) -> None:
        self.inner.initialize_from_pca(variances, total)

    def codes_to_keep(self, features: Tensor) -> Tensor:
        return self.inner.codes_to_keep(features)

    def codes_from_kept(self, stored: Tensor) -> Tensor:
        return self.inner.codes_from_kept(stored)

    def fit_sampler(self, stored: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        return self.inner.fit_sampler(stored, pseudo_features)

    def nearest_code(self, drawn: Tensor) -> Tensor:
        return self.inner.nearest_code(drawn)

    def interpolate(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        return self.inner.interpolate(a, b, t)


class NestedDropout(WrappedBottleneck):
    """Nested codes: in training the decoder gets the first k coordinates, with a random k (Rippel et al., 2014).

    The decoder's input is the coordinates, zero after the first k, and the mask of the first k. Every sample is decoded
    at two sizes per step: of the numbers tried, two gave the best result per time (benchmarks/README.md). Sizes come
    from a grid of about equal steps in logarithms, so that small ones are as frequent as large ones. The loss at a size
    is weighted by the inverse of PCA's error at that size. The ``can_be_nested`` of ``inner`` must be true.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic, NestedDropout
    >>> bottleneck = NestedDropout(Deterministic(3))
    >>> bottleneck.decoder_input(torch.ones(1, 2))  # two coordinates, and the mask
    tensor([[1., 1., 0., 1., 1., 0.]])
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
        decoder_input = torch.cat([code.latent.repeat(repeats, 1) * mask, mask.to(code.latent.dtype)], dim=1)
        return replace(code, decoder_input=decoder_input, weight=self.weight[size - 1], repeats=repeats)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.inner.deterministic_code(features)[:, : self.code_size]

    def decoder_input(self, latent: Tensor) -> Tensor:
        if latent.shape[1] == self.n_out:
            return latent
        padding = (0, self.n_components - latent.shape[1])
        return torch.cat([functional.pad(latent, padding), functional.pad(torch.ones_like(latent), padding)], dim=1)

    def linear_input(self, latent: Tensor) -> Tensor:
        return self.decoder_input(latent)[:, : self.n_components]

    def codes_from_kept(self, stored: Tensor) -> Tensor:
        return self.inner.codes_from_kept(stored)[:, : self.code_size]

    def fit_sampler(self, stored: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        sampler = self.inner.fit_sampler(stored, pseudo_features)
        return None if sampler is None else sampler.marginal(self.code_size)

    def _draw_sizes(self, features: Tensor) -> Tensor:
        """Random sizes, (SIZES_PER_SAMPLE * batch,), equally spaced on the grid for each sample."""
        position = self.uniform(features.new_empty(len(features), dtype=torch.float32))
        offset = torch.arange(self.SIZES_PER_SAMPLE, device=position.device)[:, None] / self.SIZES_PER_SAMPLE
        return self._sizes_at((position + offset).flatten() % 1)

    def _fixed_sizes(self, features: Tensor) -> Tensor:
        """Sizes (batch,) that are the same in every pass over the same rows."""
        # The fractional parts of multiples of the golden ratio are evenly distributed in [0, 1).
        return self._sizes_at(torch.arange(len(features), device=features.device) * 0.6180339887498949 % 1)

    def _sizes_at(self, position: Tensor) -> Tensor:
        """Sizes at positions in [0, 1) of the grid; half of them are grid points, the others lie between two."""
        index = position * len(self.size_grid)
        above = index.long().clamp(max=len(self.size_grid) - 1)
        below = self.size_grid[(above - 1).clamp(min=0)]
        between = (2 * (index - above) - 1).clamp(min=0)
        return self.size_grid[above] - (between * (self.size_grid[above] - below)).long()


def build_size_grid(n_components: int) -> list[int]:
    """Sizes from 1 to n_components in factors of about sqrt(2); the last one twice."""
    sizes, step = {n_components}, 1.0
    while step < n_components:
        sizes.add(round(step))
        step *= math.sqrt(2)
    return [*sorted(sizes), n_components]


class WithDiscriminator(WrappedBottleneck):
    """A bottleneck with a discriminator of its codes, in training only.

    The discriminator is a small network that learns to distinguish codes from reference codes. Its logit tends to the
    logarithm of the ratio of the two densities (Sugiyama, Suzuki and Kanamori, 2012), so its average over codes tends
    to a KL divergence, which the encoder can minimize. One step of one optimizer trains both: the weights of the
    discriminator are constants for the encoder, and codes are constants for the discriminator.

    Extras, in training: "log_density_ratio" and "discriminator_loss", both (batch,) in nats.

    If ``shuffled``, the reference codes are those of the batch with every coordinate permuted over the rows, so that
    coordinates are independent (Kim and Mnih, 2018); else they are draws of the prior of ``inner`` (Makhzani et al.,
    2016).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic, StandardNormal, WithDiscriminator
    >>> bottleneck = WithDiscriminator(Deterministic(2, StandardNormal(2)), shuffled=False)
    >>> sorted(bottleneck(torch.zeros(5, 2)).extras)
    ['discriminator_loss', 'log_density_ratio']
    """

    def __init__(self, inner: Bottleneck, shuffled: bool):
        super().__init__(inner)
        self.shuffled = shuffled
        self.discriminator = nn.Sequential(
            nn.Linear(inner.n_components, WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(WIDTH, 1),
        )

    def without_training_parts(self) -> Bottleneck:
        return self.inner.without_training_parts()

    def forward(self, features: Tensor) -> Code:
        code = self.inner(features)
        if not self.training:
            return code
        weights = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        ratio = functional_call(self.discriminator, weights, code.latent)[:, 0]
        codes = code.latent.detach()
        if self.shuffled:
            reference = codes.gather(0, self.uniform(codes).argsort(0))
        else:
            reference = draw_from_prior(self.prior, codes, self.generator)
        logits = self.discriminator(torch.cat([codes, reference]))[:, 0]
        loss = functional.softplus(-logits[: len(codes)]) + functional.softplus(logits[len(codes) :])
        return code.with_extras(log_density_ratio=ratio, discriminator_loss=loss)
