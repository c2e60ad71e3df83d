"""Bottlenecks: the encoder's features (batch, n_in) become a ``Code``, and the code becomes the decoder's input.

A bottleneck draws noise in training mode only. It also supplies the sampler of new codes, the codes of training samples
that the sampler is fitted to, and the interpolation between two codes.
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
from .priors import NormalMixture, Prior, Sampler, StandardNormal, UniformSphere


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
        Maps the negative log-likelihoods, (repeats * batch,) in nats and penalties included, to the scalar to
        minimize. None is their mean.
    extras : mapping
        Tensors that only this bottleneck and its penalties use, by name; read them with ``extra``.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Code
    >>> mean = torch.zeros(5, 2)
    >>> code = Code(mean + 0.1, mean, extras={"log_variance": torch.ones(5, 2)})
    >>> code.extra("log_variance").shape
    torch.Size([5, 2])
    """

    latent: Tensor
    mean: Tensor
    decoder_input: Tensor | None = None
    repeats: int = 1
    weight: Tensor | None = None
    reduce: Callable[[Tensor], Tensor] | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    def extra(self, name: str) -> Any:
        """Get an extra by name; ValueError if the bottleneck does not provide it."""
        if name not in self.extras:
            raise ValueError(
                f"A penalty needs the extra {name!r} of the code. This bottleneck has {list(self.extras)}. Combine "
                f"the penalty with one that has {name!r}."
            )
        return self.extras[name]

    def with_extras(self, **extras: Any) -> Code:
        """The same code with more extras."""
        return replace(self, extras={**self.extras, **extras})


class Bottleneck(StochasticModule):
    """The base of all bottlenecks; its codes are the features, the output of the encoder.

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

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Bottleneck, Code
    >>> class Rounded(Bottleneck):
    ...     def forward(self, features):
    ...         rounded = features + (features.round() - features).detach()
    ...         return Code(rounded, rounded)
    ...
    ...     def deterministic_code(self, features):
    ...         return features.round()
    >>> Rounded(2)(torch.tensor([[0.2, 1.7]])).latent
    tensor([[0., 2.]])
    """

    # Whether NestedDropout can wrap it.
    can_be_nested = True
    # Whether ``code_size`` can be reduced.
    is_nested = False
    # Number of trained inputs that the encoder gets with every batch.
    n_pseudo_inputs = 0
    # Largest number of training samples whose codes are stored to fit samplers.
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
        """Set the state from a PCA: the variances (k,) of its components, and the total variance of the data."""

    def without_training_parts(self) -> Bottleneck:
        """The bottleneck without parts that only ``forward`` uses; weights are shared."""
        return self

    def codes_to_keep(self, features: Tensor) -> Tensor:
        """Codes (batch, n_components) of training samples to store for ``fit_sampler``, from features (batch, n_in)."""
        return self.deterministic_code(features)

    def codes_from_kept(self, stored: Tensor) -> Tensor:
        """Deterministic codes (n, code_size) from stored ones."""
        return stored[:, : self.code_size]

    def fit_sampler(self, stored: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        """The density of the sampler "prior"; None if codes have no prior.

        Parameters
        ----------
        stored : Tensor of shape (n, n_components)
            Codes that ``codes_to_keep`` returned.
        pseudo_features : Tensor of shape (n_pseudo_inputs, n_in) or None
            Features of the pseudo-inputs.
        """
        return self.prior

    def nearest_code(self, drawn: Tensor) -> Tensor:
        """The codes nearest to points (n, code_size) that are drawn from a density of codes."""
        return drawn

    def interpolate(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Codes between ``a`` (t = 0) and ``b`` (t = 1); the arrays broadcast, coordinates are the last axis."""
        return (1 - t) * a + t * b


class Deterministic(Bottleneck):
    """Codes are the features, the output of the encoder.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic
    >>> Deterministic(2)(torch.ones(1, 2)).latent
    tensor([[1., 1.]])
    """


class Gaussian(Bottleneck):
    """Normal codes; the encoder returns a mean and a log variance per coordinate (Kingma and Welling, 2014).

    Extras: "log_variance" (batch, n_components).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Gaussian
    >>> code = Gaussian(2).eval()(torch.zeros(1, 4))
    >>> code.mean, code.extra("log_variance")
    (tensor([[0., 0.]]), tensor([[-2., -2.]]))
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
    """Normal codes; in training the decoder gets ``n_draws`` draws per sample (Burda et al., 2016).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import MultiDrawGaussian
    >>> MultiDrawGaussian(2, n_draws=8)(torch.zeros(5, 4)).decoder_input.shape
    torch.Size([40, 2])
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
        draws = torch.addcmul(code.mean, noise, torch.exp(0.5 * code.extra("log_variance"))).flatten(0, 1)
        return replace(
            code,
            latent=draws[: len(features)],
            decoder_input=draws,
            repeats=self.n_draws,
            reduce=partial(importance_weighted_bound, n_draws=self.n_draws),
        )


def importance_weighted_bound(losses: Tensor, n_draws: int) -> Tensor:
    """The negative bound of Burda, Grosse and Salakhutdinov (2016): a sample's likelihoods are averaged over draws."""
    return -((-losses).view(n_draws, -1).logsumexp(0) - math.log(n_draws)).mean()


class PseudoInputGaussian(Gaussian):
    """Normal codes whose prior is the mixture of the codes of pseudo-inputs (Tomczak and Welling, 2018).

    Extras: "log_variance", and "pseudo_codes", the ``Code`` of the pseudo-inputs, which the network adds.

    Examples
    --------
    >>> from skae.variants.bottlenecks import PseudoInputGaussian
    >>> PseudoInputGaussian(2, n_pseudo_inputs=50).n_in
    4
    """

    def __init__(self, n_components: int, n_pseudo_inputs: int):
        super().__init__(n_components)
        self.n_pseudo_inputs = n_pseudo_inputs

    def fit_sampler(self, stored: Tensor, pseudo_features: Tensor | None) -> Sampler | None:
        code = self(pseudo_features)
        mean, log_variance = code.mean.cpu().numpy(), code.extra("log_variance").cpu().numpy()
        return NormalMixture(mean, np.exp(0.5 * log_variance))


class Sphere(Bottleneck):
    """Codes of length sqrt(n_components), so that coordinates have about unit variance.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Sphere
    >>> Sphere(2)(torch.tensor([[3.0, 0.0]])).latent
    tensor([[1.4142, 0.0000]])
    """

    can_be_nested = False

    def __init__(self, n_components: int):
        super().__init__(n_components, UniformSphere(n_components))

    def forward(self, features: Tensor) -> Code:
        return super().forward(self.deterministic_code(features))

    def deterministic_code(self, features: Tensor) -> Tensor:
        return functional.normalize(features, dim=1) * math.sqrt(self.n_components)

    def nearest_code(self, drawn: Tensor) -> Tensor:
        return self.deterministic_code(drawn)

    def interpolate(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Interpolate along great circles (Shoemake, 1985), or along lines if the two codes are parallel."""
        lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
        angle = np.arccos(np.clip((a * b).sum(-1) / np.maximum(lengths, 1e-12), -1, 1))[..., None]
        parallel = np.sin(angle) < 1e-6
        sine = np.where(parallel, 1.0, np.sin(angle))
        arc = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / sine
        return np.where(parallel, super().interpolate(a, b, t), arc)
