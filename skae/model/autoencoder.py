"""The network for scaled samples, channels first: encoder, bottleneck, decoder, linear path in parallel, and link."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .bottlenecks import Bottleneck, Code
from .calls import FUNCTIONS, call
from .layers import EncoderDecoder, outputs_zeros
from .missing import MissingValues
from .priors import Prior, Sampler
from .projection import Projection

# Rounds in which missing values are replaced by their reconstructions; fewest rows that are filled together.
ROUNDS, FEWEST_FILLED = 3, 16


@dataclass(frozen=True)
class Trace:
    """One pass through the network, the input of losses and penalties.

    Parameters
    ----------
    seen : Tensor of shape (batch, \\*shape)
        The encoder's input, corruption included.
    target, output : Tensor of shape (repeats * batch, \\*shape)
        The decoder's target and output: scaled samples; in [0, 1] for "bce"; probabilities and logits for
        "cross_entropy".
    code : Code
    prior : Prior, default=None
        The density that penalties pull codes towards.
    prediction : Tensor of shape (repeats * batch, n_outputs), default=None
        The output of a supervised head.
    y : Tensor of shape (batch,) or (batch, n_outputs), default=None
        Target of the head: indices of classes, -1 where missing, or numbers, NaN where missing.
    observed : Tensor of shape (repeats * batch, \\*shape), bool, default=None
        Whether each value of the target is known; None if none is missing. Missing ones do not count in losses.
    observed_share : float
        Share of the values of the training rows that are known.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Gaussian
    >>> from skae.variants.penalties import Trace
    >>> x = torch.zeros(5, 8)
    >>> trace = Trace(seen=x, target=x, code=Gaussian(2)(torch.zeros(5, 4)), output=x)
    >>> trace.code.mean.shape
    torch.Size([5, 2])
    """

    seen: Tensor
    target: Tensor
    code: Code
    output: Tensor
    prior: Prior | None = None
    prediction: Tensor | None = None
    y: Tensor | None = None
    observed: Tensor | None = None
    observed_share: float = 1.0


class LinearPath(nn.Module):
    """A linear autoencoder in parallel to the network; at the PCA solution it equals PCA (Bourlard and Kamp, 1988)."""

    def __init__(self, shape: tuple[int, ...], n_components: int):
        super().__init__()
        self.shape = shape
        n_features = math.prod(shape)
        self.encoder = nn.Linear(n_features, n_components)
        self.decoder = nn.Linear(n_components, n_features)

    def encode(self, x: Tensor) -> Tensor:
        """Codes (batch, n_components) of samples (batch, \\*shape)."""
        return call(self._modules["encoder"], x if x.ndim == 2 else x.flatten(1))

    def decode(self, latent: Tensor) -> Tensor:
        """Samples (batch, \\*shape) of codes (batch, n_components)."""
        x = call(self._modules["decoder"], latent)
        return x if len(self.shape) == 1 else x.view(-1, *self.shape)

    @torch.no_grad()
    def initialize_from_pca(self, components: Tensor, mean: Tensor, latent_scale: Tensor) -> None:
        """Set the weights to a PCA, components (k, n_features) and mean (n_features,); other coordinates get zeros."""
        k = len(components)
        for parameter in self.parameters():
            parameter.zero_()
        scale = latent_scale[:k, None]
        self.encoder.weight[:k] = components / scale
        self.encoder.bias[:k] = -(components @ mean) / latent_scale[:k]
        self.decoder.weight[:, :k] = (components * scale).T
        self.decoder.bias.copy_(mean)


class Identity(nn.Module):
    """The link of every loss but "bce" and "cross_entropy": outputs are samples."""

    def to_output_space(self, x: Tensor) -> Tensor:
        """The target of samples (batch, \\*shape)."""
        return x

    def to_sample(self, output: Tensor) -> Tensor:
        """Samples of outputs (batch, \\*shape)."""
        return output

    def convert_linear_path(self, linear: LinearPath) -> None:
        """Change the decoder of a linear path, which gives samples, to give outputs."""


class UnitInterval(nn.Module):
    """The link for ``loss="bce"``: outputs are samples scaled to [0, 1] between the data's minimum and maximum.

    Outputs pass through a curve that is the identity inside [MARGIN, 1 - MARGIN] and approaches 0 and 1 exponentially
    outside, so a network initialized with PCA still equals PCA inside. Scaled to [0, 1], a sample is
    ``gain * x + offset``.
    """

    MARGIN = 0.05
    gain: Tensor
    offset: Tensor

    def __init__(self, gain: Tensor, offset: Tensor):
        super().__init__()
        self.register_buffer("gain", gain)
        self.register_buffer("offset", offset)

    def to_output_space(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.offset, x, self.gain)

    def to_sample(self, output: Tensor) -> Tensor:
        """Samples of outputs (batch, \\*shape)."""
        margin = self.MARGIN
        low = margin * torch.exp((output.clamp(max=margin) - margin) / margin)
        high = 1 - margin * torch.exp((1 - margin - output.clamp(min=1 - margin)) / margin)
        unit = torch.where(output < margin, low, torch.where(output > 1 - margin, high, output))
        return (unit - self.offset) / self.gain

    @torch.no_grad()
    def convert_linear_path(self, linear: LinearPath) -> None:
        gain, offset = (value.expand(linear.shape).flatten() for value in (self.gain, self.offset))
        linear.decoder.weight.mul_(gain[:, None])
        linear.decoder.bias.mul_(gain).add_(offset)


class Softmax(nn.Module):
    """The link for ``loss="cross_entropy"``: outputs are logits over the first axis.

    The one-hot sample is ``x * scale + mean``; ``mean`` has the shape of a sample, ``scale`` has shape ().
    """

    # Logits of this size give nearly one-hot probabilities where a linear path is exact.
    SHARPNESS = 6.0
    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def to_output_space(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.mean, x, self.scale)

    def to_sample(self, output: Tensor) -> Tensor:
        return (output.softmax(1) - self.mean) / self.scale

    @torch.no_grad()
    def convert_linear_path(self, linear: LinearPath) -> None:
        linear.decoder.weight.mul_(self.SHARPNESS * self.scale)
        linear.decoder.bias.mul_(self.scale).add_(self.mean.flatten()).mul_(self.SHARPNESS)


Link = Identity | UnitInterval | Softmax


class Head(nn.Linear):
    """Predicts y from the decoder's input, in training (Le, Patterson and White, 2018).

    ``unit`` is the factor from the loss of y to the reconstruction loss.
    """

    unit: Tensor

    def __init__(self, n_in: int, n_outputs: int):
        super().__init__(n_in, n_outputs)
        self.register_buffer("unit", torch.ones(()))


class CodeMap(nn.Module):
    """An invertible affine map of codes, fitted after training; the identity before."""

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def __init__(self, n_components: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_components, dtype=torch.float32))
        self.register_buffer("matrix", torch.eye(n_components, dtype=torch.float32))
        self.register_buffer("inverse", torch.eye(n_components, dtype=torch.float32))

    def forward(self, codes: Tensor) -> Tensor:
        """Mapped codes (batch, n_components)."""
        return (codes - self.mean) @ self.matrix

    def invert(self, codes: Tensor) -> Tensor:
        """Codes (batch, n_components) of mapped codes."""
        return torch.addmm(self.mean, codes, self.inverse)


FUNCTIONS[CodeMap] = CodeMap.forward


class Autoencoder(nn.Module):
    """Scaled samples to latent codes and back.

    Parameters
    ----------
    encoder_decoder : EncoderDecoder
    linear : LinearPath or None
        The linear path in parallel.
    latent_scale : Tensor of shape (n_components,)
        Factors from inner codes, which have about unit variance, to codes in the units of PCA's.
    link : Identity, UnitInterval or Softmax
        Takes outputs to samples.
    bottleneck : Bottleneck
    corruption : Module, default=None
        Corrupts the encoder's input in training.
    pseudo_inputs : Tensor of shape (n_pseudo_inputs, \\*shape), default=None
        Inputs that are trained as weights are, and that the encoder gets with every batch.
    head : Head, default=None
        Predicts y from the code.
    code_map : CodeMap, default=None
        The map of codes after ``latent_scale``; None is the identity.
    missing : MissingValues, default=None
        Hides values in training; None if no value of the training rows is missing (NaN).

    Attributes
    ----------
    projection : Projection or None
        Maps samples to the coordinates that the network reads, and back, in ``encode`` and ``decode``. ``forward``,
        ``features`` and ``output`` are in coordinates: training projects its rows once.
    """

    latent_scale: Tensor
    # Whether a penalty differentiates with respect to the encoder's input.
    input_requires_grad = False
    # In training, the encoder and the decoder compute in this dtype. Weights, codes and outputs are float32, and so is
    # the linear path: rounding errors are relative to the difference from PCA, not to the samples.
    training_dtype = torch.float32

    def __init__(
        self,
        encoder_decoder: EncoderDecoder,
        linear: LinearPath | None,
        latent_scale: Tensor,
        link: Link,
        bottleneck: Bottleneck,
        corruption: nn.Module | None = None,
        pseudo_inputs: Tensor | None = None,
        head: Head | None = None,
        code_map: CodeMap | None = None,
        missing: MissingValues | None = None,
    ):
        super().__init__()
        self.encoder = encoder_decoder.encoder
        self.decoder = encoder_decoder.decoder
        self.linear = linear
        self.link = link
        self.bottleneck = bottleneck
        self.corruption = corruption
        self.pseudo_inputs = None if pseudo_inputs is None else nn.Parameter(pseudo_inputs)
        self.head = head
        self.code_map = code_map
        self.missing = missing
        self.projection: Projection | None = None
        # Whether training kept PCA. If the last layers are still zero, inference computes the linear path alone.
        self.is_linear = False
        self.register_buffer("latent_scale", latent_scale)

    def forward(self, x: Tensor) -> Trace:
        """One pass of scaled samples (batch, \\*shape)."""
        seen, observed, observed_share = x, None, 1.0
        if self.missing is not None:
            observed, observed_share = ~x.isnan(), self.missing.observed_share
            seen = self.fill(self.missing(x) if self.training else x)
            x = x.masked_fill(~observed, 0.0)
        if self.corruption is not None and self.training:
            seen = self.corruption(seen)
        if self.input_requires_grad and torch.is_grad_enabled():
            seen = seen.detach().requires_grad_()
        code = self._code(seen)
        target = self.link.to_output_space(x)
        if code.repeats > 1:
            target = target.repeat(code.repeats, *[1] * (x.ndim - 1))
            observed = None if observed is None else observed.repeat(code.repeats, *[1] * (x.ndim - 1))
        decoder_input = code.latent if code.decoder_input is None else code.decoder_input
        prediction = None if self.head is None else self.head(self.bottleneck.decoder_input(decoder_input))
        return Trace(
            seen,
            target,
            code,
            self.output(decoder_input),
            self.bottleneck.prior,
            prediction,
            observed=observed,
            observed_share=observed_share,
        )

    def _code(self, seen: Tensor) -> Code:
        if self.pseudo_inputs is None:
            return self.bottleneck(self.features(seen))
        # One batch of both, so that batch normalization uses the same statistics.
        features, pseudo_features = self.features(torch.cat([seen, self.pseudo_inputs])).split(
            [len(seen), len(self.pseudo_inputs)]
        )
        return self.bottleneck(features).with_extras(pseudo_codes=self.bottleneck(pseudo_features))

    def features(self, x: Tensor) -> Tensor:
        """The bottleneck's input (batch, n_in); the first n_components features have about unit variance."""
        # The attribute ``self.encoder`` is found in ten times the time.
        modules: Any = self._modules
        encoder, path = modules["encoder"], self.linear
        if path is not None and self.is_linear and self._adds_zeros(encoder):
            linear = path.encode(x)
            return functional.pad(linear, (0, self.bottleneck.n_in - linear.shape[1]))
        features = self._compute(encoder, x)
        if path is None:
            return features
        linear = path.encode(x)
        n_components = linear.shape[1]
        if features.shape[1] == n_components:
            return features + linear
        return torch.cat([features[:, :n_components] + linear, features[:, n_components:]], dim=1)

    def output(self, latent: Tensor) -> Tensor:
        """The output (batch, \\*shape) for inner codes, in the link's output space."""
        if self.linear is not None and self._adds_zeros(self.decoder):
            return self.linear.decode(self.bottleneck.linear_input(latent))
        output = self._compute(self.decoder, self.bottleneck.decoder_input(latent))
        if self.linear is not None:
            output = output + self.linear.decode(self.bottleneck.linear_input(latent))
        return output

    def _adds_zeros(self, module: nn.Module) -> bool:
        """Whether the encoder or the decoder need not be computed; in inference only, where it gets no gradient."""
        return self.is_linear and torch.is_inference_mode_enabled() and outputs_zeros(module)

    def _compute(self, module: nn.Module, x: Tensor) -> Tensor:
        """Apply the encoder or the decoder."""
        if torch.is_inference_mode_enabled():
            return call(module, x)
        if not self.training or self.training_dtype is torch.float32:
            return module(x)
        with torch.autocast(x.device.type, self.training_dtype):
            return module(x).float()

    def encode(self, x: Tensor) -> Tensor:
        """Codes (batch, n_components) of scaled samples (batch, \\*shape), whose missing values are filled.

        Without ``missing``, no value may be missing.
        """
        return self.encode_complete(self.without_missing(x))

    def encode_complete(self, x: Tensor) -> Tensor:
        """Codes (batch, n_components) of scaled samples (batch, \\*shape) without missing values."""
        x = x if self.projection is None else self.projection.encode(x)
        return self.from_inner(self.bottleneck.deterministic_code(self.features(x)))

    def without_missing(self, x: Tensor) -> Tensor:
        """The same scaled samples, with missing values filled if training rows had some."""
        return x if self.missing is None and self.projection is None else self.fill(x)

    @torch.no_grad()
    def fill(self, x: Tensor, limits: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Scaled samples (batch, \\*shape) whose missing values (NaN) are reconstructions, computed in ROUNDS from 0.

        For a linear network, rounds approach the code with the lowest error on the known values. ``limits`` are the
        smallest and the largest value of each feature, (\\*shape) each; by default, those of ``missing``.
        """
        rows = x.isnan().flatten(1).any(1).nonzero()[:, 0]
        if len(rows) == 0:
            return x
        # Matrix products of a few rows are summed in another order; copies of a row get the same result.
        rows = torch.cat([rows, rows[:1].expand(max(0, FEWEST_FILLED - len(rows)))])
        return x.index_copy(0, rows, self.fill_rows(x[rows], limits))

    @torch.no_grad()
    def fill_rows(self, x: Tensor, limits: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """As ``fill``, which passes on rows with missing values only: rows without stay as they are."""
        limits = self.missing.limits if limits is None and self.missing is not None else limits
        is_missing = x.isnan()
        filled = x.masked_fill(is_missing, 0.0)
        with self._in_evaluation_mode():
            for _ in range(ROUNDS):
                seen = filled if self.projection is None else self.projection.encode(filled)
                output = self._to_samples(self.output(self.bottleneck.deterministic_code(self.features(seen))))
                # Rounds of a network that overshoots would diverge.
                output = output if limits is None else output.clamp(*limits)
                filled = torch.where(is_missing, output, x)
        return filled

    @contextlib.contextmanager
    def _in_evaluation_mode(self) -> Iterator[None]:
        """Encoder and decoder without dropout; statistics of batch normalization are used and not updated."""
        trained = [m for part in (self.encoder, self.decoder) if part is not None for m in part.modules() if m.training]
        for module in trained:
            module.training = False
        try:
            yield
        finally:
            for module in trained:
                module.training = True

    def decode(self, latent: Tensor) -> Tensor:
        """Scaled samples (batch, \\*shape) from codes: (batch, n_components), or their first columns."""
        return self._to_samples(self.output(self.to_inner(latent)))

    def _to_samples(self, output: Tensor) -> Tensor:
        x = self.link.to_sample(output)
        return x if self.projection is None else self.projection.decode(x)

    def with_projection(self, projection: Projection | None) -> Autoencoder:
        """The same network behind another projection; None gives that of the coordinates. Weights are shared."""
        module = copy.copy(self)
        module._modules = dict(self._modules)
        module.projection = projection
        return module

    def from_inner(self, inner: Tensor) -> Tensor:
        """Codes of inner codes (batch, n_components), or of their first columns."""
        scale, k = self.latent_scale, inner.shape[1]
        codes = inner * (scale if len(scale) == k else scale[:k])
        return codes if self.code_map is None else call(self.code_map, codes)

    def to_inner(self, codes: Tensor) -> Tensor:
        """Inner codes of codes (batch, n_components), or of their first columns."""
        if self.code_map is not None:
            codes = self.code_map.invert(codes)
        return codes / self.latent_scale[: codes.shape[1]]

    def fit_sampler(self, stored: Tensor) -> Sampler | None:
        """The density of new inner codes, from stored codes (n, n_components); None if the bottleneck has no prior."""
        pseudo_features = None if self.pseudo_inputs is None else self.features(self.pseudo_inputs)
        return self.bottleneck.fit_sampler(stored, pseudo_features)
