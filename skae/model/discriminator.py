"""A discriminator of codes: a small network that learns to tell codes from reference codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from .bottlenecks import Bottleneck, Code, WrappedBottleneck
from .priors import draw_from_prior

WIDTH = 128


class WithDiscriminator(WrappedBottleneck):
    """A bottleneck with a discriminator of its codes, in training only.

    The discriminator's logit tends to the logarithm of the ratio of the two densities (Sugiyama, Suzuki and Kanamori,
    2012), so its average over codes tends to a KL divergence, which the encoder can minimize. Encoder and discriminator
    learn in one step of one optimizer: the weights of the discriminator are constants for the encoder, and codes are
    constants for the discriminator.

    Extras, in training: "log_density_ratio" and "discriminator_loss", both (batch,) in nats.

    Parameters
    ----------
    inner : Bottleneck
    shuffled : bool
        Whether the reference codes are those of the batch with every coordinate permuted over the rows, so that
        coordinates are independent (Kim and Mnih, 2018); else they are draws of the prior of ``inner`` (Makhzani et
        al., 2016).
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

    def forward(self, features: Tensor) -> Code:
        code = self.inner(features)
        if not self.training:
            return code
        weights = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        ratio = functional_call(self.discriminator, weights, code.latent)[:, 0]
        codes = code.latent.detach()
        logits = self.discriminator(torch.cat([codes, self._reference_codes(codes)]))[:, 0]
        loss = functional.softplus(-logits[: len(codes)]) + functional.softplus(logits[len(codes) :])
        return code.with_extras(log_density_ratio=ratio, discriminator_loss=loss)

    def _reference_codes(self, codes: Tensor) -> Tensor:
        if self.shuffled:
            return codes.gather(0, self.uniform(codes).argsort(0))
        return draw_from_prior(self.prior, codes, self.generator)
