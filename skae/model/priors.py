"""Densities of codes in the network's inner units, before ``latent_scale``: priors, and densities of trained codes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


class Sampler(ABC):
    """A density of codes that new codes are drawn from.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.variants.bottlenecks import Sampler
    >>> class Ones(Sampler):
    ...     def sample(self, n_samples, random):
    ...         return np.ones((n_samples, 2))
    >>> Ones().sample(1, np.random.RandomState(0))
    array([[1., 1.]])
    """

    @abstractmethod
    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Draw codes, an array of shape (n_samples, n_components)."""

    def marginal(self, k: int) -> Sampler:
        """The density of the first k coordinates, for bottlenecks that can be nested."""
        raise NotImplementedError(f"{type(self).__name__} has no density of the first coordinates.")


@dataclass(frozen=True)
class Prior(Sampler):
    """A fixed density that training pulls codes towards.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skae.variants.bottlenecks import Prior
    >>> class Cube(Prior):
    ...     def sample(self, n_samples, random):
    ...         return random.uniform(-1, 1, (n_samples, self.n_components))
    ...
    ...     def draw_like(self, codes, generator):
    ...         return torch.empty_like(codes).uniform_(-1, 1, generator=generator)
    >>> Cube(2).sample(3, np.random.RandomState(0)).shape
    (3, 2)
    """

    n_components: int

    @abstractmethod
    def draw_like(self, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw codes on the device and in the shape of ``codes`` (batch, n_components), for penalties."""


class StandardNormal(Prior):
    """Independent normal coordinates of mean 0 and variance 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.variants.bottlenecks import StandardNormal
    >>> StandardNormal(2).sample(3, np.random.RandomState(0)).shape
    (3, 2)
    """

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        return random.standard_normal((n_samples, self.n_components))

    def draw_like(self, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        return torch.empty_like(codes).normal_(generator=generator)

    def marginal(self, k: int) -> Sampler:
        return StandardNormal(k)


class UniformSphere(Prior):
    """The uniform density on the sphere of radius sqrt(n_components) around 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.variants.bottlenecks import UniformSphere
    >>> codes = UniformSphere(2).sample(3, np.random.RandomState(0))
    >>> np.linalg.norm(codes, axis=1).round(3)
    array([1.414, 1.414, 1.414])
    """

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        Z = random.standard_normal((n_samples, self.n_components))
        return Z * (np.sqrt(self.n_components) / np.linalg.norm(Z, axis=1, keepdims=True))

    def draw_like(self, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        directions = torch.empty_like(codes).normal_(generator=generator)
        return functional.normalize(directions, dim=1) * math.sqrt(codes.shape[1])


def draw_from_prior(prior: Prior | None, codes: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draws of the prior in the shape of ``codes``; ValueError if there is no prior.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import StandardNormal
    >>> from skae.variants.penalties import draw_from_prior
    >>> draw_from_prior(StandardNormal(2), torch.zeros(5, 2), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 2])
    """
    if prior is None:
        raise ValueError(
            "The penalty compares codes with a prior, and the bottleneck has none. Pass one to it, as in "
            "Deterministic(n, StandardNormal(n))."
        )
    return prior.draw_like(codes, generator)


@dataclass(frozen=True)
class NormalMixture(Sampler):
    """A mixture of n normal densities with diagonal covariance and equal weights; both arrays are (n, n_components).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.variants.bottlenecks import NormalMixture
    >>> mixture = NormalMixture(mean=np.array([[0.0, 0.0], [9.0, 9.0]]), deviation=np.ones((2, 2)))
    >>> mixture.sample(3, np.random.RandomState(0)).shape
    (3, 2)
    """

    mean: np.ndarray
    deviation: np.ndarray

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        index = random.randint(len(self.mean), size=n_samples)
        return self.mean[index] + self.deviation[index] * random.standard_normal((n_samples, self.mean.shape[1]))

    def marginal(self, k: int) -> Sampler:
        return NormalMixture(self.mean[:, :k], self.deviation[:, :k])
