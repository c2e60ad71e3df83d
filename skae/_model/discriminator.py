"""A critic beside the codes: a small network that learns to tell them from what they should be like."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from .bottlenecks import Code, Deterministic

WIDTH = 128


class WithDiscriminator(Deterministic):
    """A bottleneck whose codes are logits by a critic from wanted ones, in training only.

    The critic's logit tends to the logarithm of the ratio of the two densities (Sugiyama, Suzuki and Kanamori, 2012),
    so its average over codes tends to a Kullback-Leibler divergence, which the encoder can make small. Both learn in
    one step of one optimizer: codes see the critic's weights as constants, the critic sees codes as constants.

    Parameters
    ----------
    inner : Deterministic
    shuffled : bool
        Whether wanted are the same codes with every coordinate taken from another row, so that coordinates are
        independent (Kim and Mnih, 2018); else draws of a standard normal (Makhzani et al., 2016).
    """

    def __init__(self, inner: Deterministic, shuffled: bool):
        super().__init__(inner.n_components)
        self.inner = inner
        self.shuffled = shuffled
        self.can_be_nested = inner.can_be_nested
        self.prior = "normal"
        self.n_in, self.n_out = inner.n_in, inner.n_out
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
        constants = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        ratio = functional_call(self.discriminator, constants, code.latent)[:, 0]
        found = code.latent.detach()
        logits = self.discriminator(torch.cat([found, self._reference(found)]))[:, 0]
        loss = functional.softplus(-logits[: len(found)]) + functional.softplus(logits[len(found) :])
        return replace(code, log_density_ratio=ratio, discriminator_loss=loss)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.inner.deterministic_code(features)

    def initialize_from_pca(self, variances: Tensor, total: float) -> None:
        self.inner.initialize_from_pca(variances, total)

    def _reference(self, codes: Tensor) -> Tensor:
        return codes.gather(0, self.uniform(codes).argsort(0)) if self.shuffled else self.normal(codes)
