"""The network: an encoder and a decoder, the linear path beside them, and the link on the way out.

It works on scaled samples in network form, channels first, and knows nothing of the caller's units or axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .bottlenecks import Code, Deterministic
from .layers import EncoderDecoder


@dataclass(frozen=True)
class Trace:
    """One pass through the network, as the objective sees it.

    ``seen`` (batch, \\*shape) is what the encoder got, ``target`` and ``output`` (batch, \\*shape) are in the link's
    coordinates.
    """

    seen: Tensor
    target: Tensor
    code: Code
    output: Tensor
    # The density codes are trained towards, as the bottleneck names it.
    prior: str = ""


class LinearPath(nn.Module):
    """The linear autoencoder beside the network; at the PCA solution it is PCA (Bourlard and Kamp, 1988)."""

    def __init__(self, shape: tuple[int, ...], n_components: int):
        super().__init__()
        self.shape = shape
        n_features = math.prod(shape)
        self.encoder = nn.Linear(n_features, n_components)
        self.decoder = nn.Linear(n_components, n_features)

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x.flatten(1))

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(latent).view(-1, *self.shape)

    @torch.no_grad()
    def initialize_from_pca(self, components: Tensor, mean: Tensor, latent_scale: Tensor) -> None:
        """Set the weights to a PCA: components (k, n_features), mean (n_features,), latent_scale (n_components,).

        Coordinates beyond k get zero weights.
        """
        k = len(components)
        for parameter in self.parameters():
            parameter.zero_()
        scale = latent_scale[:k, None]
        self.encoder.weight[:k] = components / scale
        self.encoder.bias[:k] = -(components @ mean) / latent_scale[:k]
        self.decoder.weight[:, :k] = (components * scale).T
        self.decoder.bias.copy_(mean)


class Identity(nn.Module):
    """The link of every loss on plain numbers: outputs are samples."""

    def to_output_space(self, x: Tensor) -> Tensor:
        return x

    def to_sample(self, output: Tensor) -> Tensor:
        return output

    def convert_linear_path(self, linear: LinearPath) -> None:
        """Nothing to do: the linear path speaks in samples already."""


class UnitInterval(nn.Module):
    """The link for ``loss="bce"``: samples as shares between the data's smallest and largest value.

    Outputs pass through a curve that is the identity inside [margin, 1 - margin] and approaches 0 and 1
    exponentially beyond, so a network that starts at PCA still does so.
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
        margin = self.MARGIN
        low = margin * torch.exp((output.clamp(max=margin) - margin) / margin)
        high = 1 - margin * torch.exp((1 - margin - output.clamp(min=1 - margin)) / margin)
        share = torch.where(output < margin, low, torch.where(output > 1 - margin, high, output))
        return (share - self.offset) / self.gain

    @torch.no_grad()
    def convert_linear_path(self, linear: LinearPath) -> None:
        """Let a linear path that gives samples give shares instead."""
        gain, offset = (value.expand(linear.shape).flatten() for value in (self.gain, self.offset))
        linear.decoder.weight.mul_(gain[:, None])
        linear.decoder.bias.mul_(gain).add_(offset)


class Softmax(nn.Module):
    """The link for ``loss="cross_entropy"``: samples as one-hot numbers, outputs as logits over the first axis.

    ``mean`` has a sample's shape, ``scale`` is one number: one-hot numbers are ``x * scale + mean``.
    """

    # Logits of this height make one-hot numbers nearly certain where a linear path gives them exactly.
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
        """Let a linear path that gives samples give logits instead."""
        linear.decoder.weight.mul_(self.SHARPNESS * self.scale)
        linear.decoder.bias.mul_(self.scale).add_(self.mean.flatten()).mul_(self.SHARPNESS)


Link = Identity | UnitInterval | Softmax


class Autoencoder(nn.Module):
    """Scaled samples to latent codes and back.

    Parameters
    ----------
    encoder_decoder : EncoderDecoder
        The encoder and decoder an architecture built.
    linear : LinearPath or None
        The linear path beside them; None leaves it out.
    latent_scale : Tensor of shape (n_components,)
        What one unit of the inner code is worth outside: codes leave in the units of the scaled samples, as PCA's
        do, while the network sees unit variance.
    link : Identity, UnitInterval or Softmax
        How outputs become samples.
    bottleneck : Deterministic
        What becomes of the encoder's features.
    corruption : Module, default=None
        What training does to samples before the encoder sees them.
    pseudo_inputs : Tensor of shape (n, \\*shape), default=None
        Samples that are trained as weights are, and that the encoder sees beside every batch.
    """

    latent_scale: Tensor
    # Whether terms of the objective follow codes back to the samples they came from.
    input_requires_grad = False

    def __init__(
        self,
        encoder_decoder: EncoderDecoder,
        linear: LinearPath | None,
        latent_scale: Tensor,
        link: Link,
        bottleneck: Deterministic,
        corruption: nn.Module | None = None,
        pseudo_inputs: Tensor | None = None,
    ):
        super().__init__()
        self.encoder = encoder_decoder.encoder
        self.decoder = encoder_decoder.decoder
        self.linear = linear
        self.link = link
        self.bottleneck = bottleneck
        self.corruption = corruption
        self.pseudo_inputs = None if pseudo_inputs is None else nn.Parameter(pseudo_inputs)
        self.register_buffer("latent_scale", latent_scale)

    def forward(self, x: Tensor) -> Trace:
        seen = x if self.corruption is None or not self.training else self.corruption(x)
        if self.input_requires_grad and torch.is_grad_enabled():
            seen = seen.detach().requires_grad_()
        code = self._code(seen)
        target = self.link.to_output_space(x)
        if code.repeats > 1:
            target = target.repeat(code.repeats, *[1] * (x.ndim - 1))
        given = code.latent if code.decoder_input is None else code.decoder_input
        return Trace(seen, target, code, self.output(given), self.bottleneck.prior)

    def _code(self, seen: Tensor) -> Code:
        if self.pseudo_inputs is None:
            return self.bottleneck(self.features(seen))
        # In one batch, so that batch normalization sees both alike.
        features, beside = self.features(torch.cat([seen, self.pseudo_inputs])).split(
            [len(seen), len(self.pseudo_inputs)]
        )
        return replace(self.bottleneck(features), learned=self.bottleneck(beside))

    def features(self, x: Tensor) -> Tensor:
        """What the bottleneck gets; the first n_components numbers have about unit variance."""
        features = self.encoder(x)
        if self.linear is None:
            return features
        straight = self.linear.encode(x)
        n_components = straight.shape[1]
        if features.shape[1] == n_components:
            return features + straight
        return torch.cat([features[:, :n_components] + straight, features[:, n_components:]], dim=1)

    def output(self, latent: Tensor) -> Tensor:
        """The decoder's output in the link's coordinates, (batch, \\*shape), for inner codes."""
        output = self.decoder(self.bottleneck.decoder_input(latent))
        if self.linear is not None:
            output = output + self.linear.decode(self.bottleneck.linear_input(latent))
        return output

    def encode(self, x: Tensor) -> Tensor:
        """Codes (batch, n_components) of scaled samples (batch, \\*shape)."""
        latent = self.bottleneck.deterministic_code(self.features(x))
        return latent * self.latent_scale[: latent.shape[1]]

    def decode(self, latent: Tensor) -> Tensor:
        """Scaled samples (batch, \\*shape) from codes: (batch, n_components), or their first columns."""
        return self.link.to_sample(self.output(latent / self.latent_scale[: latent.shape[1]]))
