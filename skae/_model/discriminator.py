"""A critic beside the codes: a small network that learns to tell them from what they should be like."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from .bottlenecks import Code, Deterministic

WIDTH = 128


class Criticised(Deterministic):
    """A bottleneck whose codes are told by a critic from wanted ones, in training only.

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
        self.critic = nn.Sequential(
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
        constants = {name: parameter.detach() for name, parameter in self.critic.named_parameters()}
        verdict = functional_call(self.critic, constants, code.latent)[:, 0]
        found = code.latent.detach()
        told = self.critic(torch.cat([found, self._wanted(found)]))[:, 0]
        mistake = functional.softplus(-told[: len(found)]) + functional.softplus(told[len(found) :])
        return replace(code, verdict=verdict, mistake=mistake)

    def deterministic_code(self, features: Tensor) -> Tensor:
        return self.inner.deterministic_code(features)

    def start_at(self, variances: Tensor, total: float) -> None:
        self.inner.start_at(variances, total)

    def _wanted(self, codes: Tensor) -> Tensor:
        return codes.gather(0, self.uniform(codes).argsort(0)) if self.shuffled else self.normal(codes)
