"""Densities of latent codes: priors that training pulls codes towards, and densities of trained codes.

Codes here are in the network's inner units, before ``latent_scale``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
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
    """A fixed density that training pulls codes towards.

    Parameters
    ----------
    n_components : int
    """

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
        drawn = torch.empty_like(codes).normal_(generator=generator)
        return functional.normalize(drawn, dim=1) * math.sqrt(codes.shape[1])


def draw_from_prior(prior: Prior | None, codes: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draws of the prior in the shape of ``codes``.

    Raises
    ------
    ValueError
        If there is no prior.
    """
    if prior is None:
        raise ValueError(
            "The penalty compares codes with a prior, and the bottleneck has none. Pass one to it, as in "
            "Deterministic(n, StandardNormal(n))."
        )
    return prior.draw_like(codes, generator)


@dataclass(frozen=True)
class NormalMixture(Sampler):
    """A mixture of normal densities with diagonal covariance and equal weights.

    Parameters
    ----------
    mean, deviation : ndarray of shape (n, n_components)
        Of each of the n densities.
    """

    mean: np.ndarray
    deviation: np.ndarray

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        chosen = random.randint(len(self.mean), size=n_samples)
        return self.mean[chosen] + self.deviation[chosen] * random.standard_normal((n_samples, self.mean.shape[1]))

    def marginal(self, k: int) -> Sampler:
        return NormalMixture(self.mean[:, :k], self.deviation[:, :k])


class CodebookPrior(Sampler):
    """A first-order Markov chain over codebooks: each index depends on the index in the codebook before.

    Parameters
    ----------
    indices : ndarray of shape (n, n_codebooks), int
        The chosen vectors of the training codes.
    size : int
        Vectors per codebook.
    look_up : callable
        Takes indices, a tensor of shape (n_samples, n_codebooks), to codes.
    """

    def __init__(self, indices: np.ndarray, size: int, look_up: Callable[[Tensor], Tensor]):
        self.look_up = look_up
        self.first = np.bincount(indices[:, 0], minlength=size) / len(indices)
        self.transitions = []
        for before, after in zip(indices.T[:-1], indices.T[1:], strict=True):
            counts = np.zeros((size, size))
            np.add.at(counts, (before, after), 1.0)
            # One observation per row, spread as the overall frequencies, smooths pairs that were never seen.
            counts += np.bincount(after, minlength=size) / len(indices)
            self.transitions.append(counts / counts.sum(1, keepdims=True))

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        return self.look_up(torch.from_numpy(self.sample_indices(n_samples, random))).cpu().numpy()

    def sample_indices(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Draw indices, an array of shape (n_samples, n_codebooks)."""
        drawn = [random.choice(len(self.first), n_samples, p=self.first)]
        for table in self.transitions:
            reached = table[drawn[-1]].cumsum(1) > random.uniform(size=(n_samples, 1))
            drawn.append(reached.argmax(1))
        return np.stack(drawn, axis=1)
