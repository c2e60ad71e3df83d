"""Quantized codes: sums of codebook vectors, and the density of new ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from skae._processes import current

from .bottlenecks import Bottleneck, Code
from .priors import Sampler


class Quantizer(Bottleneck):
    """Codes that are sums of codebook vectors, one of each codebook (residual vector quantization).

    Codebooks are moving averages of the features nearest to their vectors (van den Oord et al., 2017, appendix A.1).
    A vector that is nearest to few features is replaced by a feature of the batch (Razavi et al., 2019).

    Each of the ``n_codebooks`` codebooks has ``size`` vectors. Extras: "quantization_error" (batch,), the mean squared
    difference of features and code.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Quantizer
    >>> bottleneck = Quantizer(2, size=16, n_codebooks=3)
    >>> bottleneck.indices(torch.ones(5, 2)).shape  # one vector of each codebook
    torch.Size([5, 3])
    """

    DECAY = 0.99
    # A vector is replaced if its average count is below this fraction of the mean count.
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
        code = self.look_up(self.indices(features))
        if torch.is_grad_enabled() and features.requires_grad:
            return features + (code - features).detach()  # straight through, as in ``forward``
        return code

    def codes_to_keep(self, features: Tensor) -> Tensor:
        """The features: the nearest vectors of a code are not always those of its features."""
        return features

    def codes_from_kept(self, stored: Tensor) -> Tensor:
        return self.deterministic_code(stored)

    def fit_sampler(self, stored: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        return CodebookPrior(self.indices(stored).cpu().numpy(), self.codebooks.shape[1], self.look_up)

    def nearest_code(self, drawn: Tensor) -> Tensor:
        return self.deterministic_code(drawn)

    def indices(self, features: Tensor) -> Tensor:
        """Index of the chosen vector of each codebook, (batch, n_codebooks)."""
        residual, indices = features.float(), []
        for codebook in self.codebooks:
            nearest = nearest_index(codebook, residual)
            indices.append(nearest)
            residual = residual - codebook[nearest]
        return torch.stack(indices, dim=1)

    def look_up(self, indices: Tensor) -> Tensor:
        """The sums of the chosen vectors, (batch, n_components)."""
        indices = indices.to(self.codebooks.device)
        vectors = (codebook[i] for codebook, i in zip(self.codebooks, indices.T, strict=True))
        return sum(vectors, torch.zeros(()).to(self.codebooks))

    @torch.no_grad()
    def _update_codebooks(self, features: Tensor) -> None:
        """Move the vectors of every codebook towards the residuals that are nearest to them, in all processes."""
        residual, processes = features.float(), current()
        n_rows = processes.sum(torch.tensor(float(len(residual)))) if processes.size > 1 else len(residual)
        for codebook, counts, sums in zip(self.codebooks, self.counts, self.sums, strict=True):
            rows = (self.uniform(counts) * len(residual)).long().clamp_(max=len(residual) - 1)
            replacement = residual[rows] * (0.9 + 0.2 * self.uniform(residual[rows]))
            processes.copy_from_first([replacement])
            mean_count = float(n_rows) / len(counts)
            unused = (counts < self.UNUSED * mean_count) | ~self.ready
            counts.copy_(torch.where(unused, counts.new_full((), mean_count), counts))
            codebook.copy_(torch.where(unused[:, None], replacement, codebook))
            sums.copy_(torch.where(unused[:, None], replacement * counts[:, None], sums))
            nearest = nearest_index(codebook, residual)
            one_hot = functional.one_hot(nearest, len(codebook)).to(residual.dtype)
            counts.mul_(self.DECAY).add_(processes.sum(one_hot.sum(0)), alpha=1 - self.DECAY)
            sums.mul_(self.DECAY).add_(processes.sum(one_hot.T @ residual), alpha=1 - self.DECAY)
            codebook.copy_(sums / counts.clamp(min=1e-5)[:, None])
            residual = residual - codebook[nearest]
        self.ready.fill_(True)


def nearest_index(codebook: Tensor, rows: Tensor) -> Tensor:
    """Index of the vector of ``codebook`` (size, n) that is nearest to each of ``rows`` (batch, n)."""
    return (codebook.square().sum(1) - 2 * rows @ codebook.T).argmin(1)


class CodebookPrior(Sampler):
    """A first-order Markov chain over codebooks: each index depends on the one before.

    Parameters
    ----------
    indices : ndarray of shape (n, n_codebooks), int
        Indices of the training codes.
    size : int
        Vectors per codebook.
    look_up : callable
        Maps indices, a tensor of shape (n_samples, n_codebooks), to codes.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.variants.bottlenecks import CodebookPrior
    >>> prior = CodebookPrior(np.array([[0, 1], [0, 1], [1, 0]]), size=2, look_up=lambda indices: indices.float())
    >>> prior.sample(4, np.random.RandomState(0)).shape
    (4, 2)
    """

    def __init__(self, indices: np.ndarray, size: int, look_up: Callable[[Tensor], Tensor]):
        self.look_up = look_up
        self.first = np.bincount(indices[:, 0], minlength=size) / len(indices)
        self.transitions = []
        for before, after in zip(indices.T[:-1], indices.T[1:], strict=True):
            counts = np.zeros((size, size))
            np.add.at(counts, (before, after), 1.0)
            # One more observation per row, distributed as the overall frequencies, gives every pair a probability.
            counts += np.bincount(after, minlength=size) / len(indices)
            self.transitions.append(counts / counts.sum(1, keepdims=True))

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        return self.look_up(torch.from_numpy(self.sample_indices(n_samples, random))).cpu().numpy()

    def sample_indices(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Draw indices, an array of shape (n_samples, n_codebooks)."""
        indices = [random.choice(len(self.first), n_samples, p=self.first)]
        for table in self.transitions:
            is_above = table[indices[-1]].cumsum(1) > random.uniform(size=(n_samples, 1))
            indices.append(is_above.argmax(1))
        return np.stack(indices, axis=1)
