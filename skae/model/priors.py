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
    """A density of codes that new codes are drawn from."""

    @abstractmethod
    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Draw codes, an array of shape (n_samples, n_components)."""

    def marginal(self, k: int) -> Sampler:
        """The density of the first k coordinates, for bottlenecks that can be nested."""
        raise NotImplementedError(f"{type(self).__name__} has no density of the first coordinates.")


@dataclass(frozen=True)
class Prior(Sampler):
    """A fixed density that training pulls codes towards."""

    n_components: int

    @abstractmethod
    def draw_like(self, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw codes on the device and in the shape of ``codes`` (batch, n_components), for penalties."""


class StandardNormal(Prior):
    """Independent normal coordinates of mean 0 and variance 1."""

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        return random.standard_normal((n_samples, self.n_components))

    def draw_like(self, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        return torch.empty_like(codes).normal_(generator=generator)

    def marginal(self, k: int) -> Sampler:
        return StandardNormal(k)


class UniformSphere(Prior):
    """The uniform density on the sphere of radius sqrt(n_components) around 0."""

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        Z = random.standard_normal((n_samples, self.n_components))
        return Z * (np.sqrt(self.n_components) / np.linalg.norm(Z, axis=1, keepdims=True))

    def draw_like(self, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        directions = torch.empty_like(codes).normal_(generator=generator)
        return functional.normalize(directions, dim=1) * math.sqrt(codes.shape[1])


def draw_from_prior(prior: Prior | None, codes: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draws of the prior in the shape of ``codes``; ValueError if there is no prior."""
    if prior is None:
        raise ValueError(
            "The penalty compares codes with a prior, and the bottleneck has none. Pass one to it, as in "
            "Deterministic(n, StandardNormal(n))."
        )
    return prior.draw_like(codes, generator)


@dataclass(frozen=True)
class NormalMixture(Sampler):
    """A mixture of n normal densities with diagonal covariance and equal weights; both arrays are (n, n_components)."""

    mean: np.ndarray
    deviation: np.ndarray

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        index = random.randint(len(self.mean), size=n_samples)
        return self.mean[index] + self.deviation[index] * random.standard_normal((n_samples, self.mean.shape[1]))

    def marginal(self, k: int) -> Sampler:
        return NormalMixture(self.mean[:, :k], self.deviation[:, :k])
