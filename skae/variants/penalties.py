"""Penalties to combine in a variant, the ``Trace`` that they take, and the base of penalties that draw numbers."""

from skae.model import StochasticModule, Trace, draw_from_prior
from skae.objectives.penalties import (
    MMD,
    Capacity,
    DecoderJacobianPenalty,
    EncoderJacobianPenalty,
    FreeBits,
    KLSparsity,
    SlicedWasserstein,
    discriminator_loss,
    gaussian_kl,
    l1_penalty,
    l2_penalty,
    log_density_ratio,
    mixture_kl,
    monte_carlo_kl,
    quantization_error,
    total_correlation,
)

__all__ = [
    "MMD",
    "Capacity",
    "DecoderJacobianPenalty",
    "EncoderJacobianPenalty",
    "FreeBits",
    "KLSparsity",
    "SlicedWasserstein",
    "StochasticModule",
    "Trace",
    "discriminator_loss",
    "draw_from_prior",
    "gaussian_kl",
    "l1_penalty",
    "l2_penalty",
    "log_density_ratio",
    "mixture_kl",
    "monte_carlo_kl",
    "quantization_error",
    "total_correlation",
]
