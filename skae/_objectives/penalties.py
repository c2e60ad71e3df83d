"""Penalties on codes. Each takes a ``Trace`` and gives (batch,), summed over coordinates, or a scalar of the batch.

Those with settings or random numbers of their own are modules.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from skae._model import StochasticModule, Trace

TINY = 1e-12


def gaussian_kl(trace: Trace) -> Tensor:
    """KL divergence of each sample's normal code from a standard normal (Kingma and Welling, 2014, appendix B)."""
    return coordinate_kl(trace).sum(1)


def coordinate_kl(trace: Trace) -> Tensor:
    """The same for every coordinate, (batch, n_components)."""
    mean, log_variance = trace.code.mean, trace.code.log_variance
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def monte_carlo_kl(trace: Trace) -> Tensor:
    """The same where codes are drawn several times, of every draw, (draws * batch,): how much likelier it is under the
    code's own density than under the standard normal."""
    code = trace.code
    if not code.draws:
        return gaussian_kl(trace)
    drawn = code.decoder_input.view(code.repeats, *code.mean.shape)
    own = (drawn - code.mean).square() * torch.exp(-code.log_variance) + code.log_variance
    return 0.5 * (drawn.square() - own).sum(2).flatten()


def mixture_kl(trace: Trace) -> Tensor:
    """KL divergence of each sample's normal code from the even mixture of those of the learned samples (Tomczak and
    Welling, 2018), or rather the bound on it by the divergences from each of them (Hershey and Olsen, 2007)."""
    code, learned = trace.code, trace.code.learned
    mean, log_variance = code.mean[:, None], code.log_variance[:, None]
    spread = (mean - learned.mean).square() + log_variance.exp()
    each = 0.5 * (spread * torch.exp(-learned.log_variance) - 1 + learned.log_variance - log_variance).sum(2)
    return math.log(each.shape[1]) - (-each).logsumexp(1)


class FreeBits(nn.Module):
    """The divergence, of which each coordinate has ``nats`` for free on average in a batch (Kingma et al., 2016)."""

    def __init__(self, nats: float):
        super().__init__()
        self.nats = nats

    def forward(self, trace: Trace) -> Tensor:
        return coordinate_kl(trace).mean(0).clamp(min=self.nats).sum()


class Capacity(nn.Module):
    """How far the divergence is from ``nats``, which it is pulled to from both sides (Burgess et al., 2018)."""

    def __init__(self, nats: float):
        super().__init__()
        self.nats = nats

    def forward(self, trace: Trace) -> Tensor:
        return (gaussian_kl(trace).mean() - self.nats).abs()


def total_correlation(trace: Trace) -> Tensor:
    """KL divergence of the batch's codes from the product of their coordinates (Chen et al., 2018).

    Estimated by sampling weighted over the batch, as in that paper, less ``(n_components - 1) * log(n / batch)``: a
    constant, so that the gradient is the same and no number of rows has to be known.
    """
    code = trace.code
    inverse = torch.exp(-code.log_variance)
    difference = code.latent[:, None] - code.mean[None]
    log_density = -0.5 * (difference.square() * inverse[None] + code.log_variance[None] + math.log(2 * math.pi))
    joint = log_density.sum(2).logsumexp(1)
    product = log_density.logsumexp(1).sum(1)
    return joint - product + (log_density.shape[2] - 1) * math.log(len(joint))


def l1_penalty(trace: Trace) -> Tensor:
    """Sum of absolute coordinates, each in units of its root mean square in the batch.

    Of coordinates as they are, codes get smaller and decoders undo it, and no code gets sparser.
    """
    code = trace.code.mean
    return (code / code.square().mean(0).add(TINY).sqrt()).abs().sum(1)


def l2_penalty(trace: Trace) -> Tensor:
    """Half the squared length of codes (Ghosh et al., 2020)."""
    return 0.5 * trace.code.mean.square().sum(1)


class KLSparsity(nn.Module):
    """KL divergence of each unit's mean activity, through a logistic curve, from ``rate`` (Ng, 2011)."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, trace: Trace) -> Tensor:
        active = torch.sigmoid(trace.code.mean).mean(0).clamp(1e-6, 1 - 1e-6)
        on = self.rate * torch.log(self.rate / active)
        return (on + (1 - self.rate) * torch.log((1 - self.rate) / (1 - active))).sum()


class EncoderJacobianPenalty(StochasticModule):
    """Squared Frobenius norm of the encoder's Jacobian (Rifai et al., 2011), without forming it.

    Its expectation over random signs v is the squared length of v' J (Hutchinson, 1989). Zero where no gradient runs.
    """

    def forward(self, trace: Trace) -> Tensor:
        if not trace.code.mean.requires_grad:
            return trace.target.new_zeros(())
        signs = self.chosen(trace.code.mean, 0.5).mul_(2).sub_(1)
        (slope,) = torch.autograd.grad(trace.code.mean, trace.seen, signs, create_graph=True)
        return slope.flatten(1).square().sum(1)


class DecoderJacobianPenalty(StochasticModule):
    """Squared Frobenius norm of the decoder's Jacobian (the gradient penalty of Ghosh et al., 2020), as above."""

    def forward(self, trace: Trace) -> Tensor:
        if not trace.code.latent.requires_grad:
            return trace.target.new_zeros(())
        signs = self.chosen(trace.output, 0.5).mul_(2).sub_(1)
        (slope,) = torch.autograd.grad(trace.output, trace.code.latent, signs, create_graph=True)
        return slope.flatten(1).square().sum(1)


def quantization_error(trace: Trace) -> Tensor:
    """Squared distance from features to the codebook's nearest vectors (van den Oord et al., 2017)."""
    return trace.code.quantization_error


def log_density_ratio(trace: Trace) -> Tensor:
    """How much likelier the critic finds each code than what is wanted, in nats."""
    return trace.code.log_density_ratio


def discriminator_loss(trace: Trace) -> Tensor:
    """Cross entropy of the critic's verdicts on codes and wanted ones."""
    return trace.code.discriminator_loss


class MMD(StochasticModule):
    """Maximum mean discrepancy of the batch's codes from draws of the prior (Tolstikhin et al., 2018).

    Parameters
    ----------
    kernel : {"imq", "rbf"}
        Inverse multiquadratic, at seven scales, or Gaussian.
    """

    SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, kernel: str = "imq"):
        super().__init__()
        self.kernel = kernel

    def forward(self, trace: Trace) -> Tensor:
        codes = trace.code.latent
        if len(codes) < 2:
            return codes.new_zeros(())
        prior = prior_like(self, codes, trace.prior)
        within = off_diagonal_mean(self.similarity(prior, prior)) + off_diagonal_mean(self.similarity(codes, codes))
        return within - 2 * self.similarity(prior, codes).mean()

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """The kernel of all pairs of rows."""
        squared = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
        spread = 2.0 * a.shape[1]
        if self.kernel == "rbf":
            return torch.exp(-squared / spread)
        return sum((scale * spread / (scale * spread + squared) for scale in self.SCALES), torch.zeros_like(squared))


class SlicedDistance(StochasticModule):
    """Squared Wasserstein distance of codes from draws of the prior, averaged over random lines (Kolouri et al., 2019).

    Times n_components, so that it is a sum over coordinates.
    """

    LINES = 50

    def forward(self, trace: Trace) -> Tensor:
        codes = trace.code.latent
        lines = functional.normalize(self.normal(codes.new_empty(codes.shape[1], self.LINES)), dim=0)
        ours, theirs = (rows @ lines for rows in (codes, prior_like(self, codes, trace.prior)))
        return (ours.sort(0).values - theirs.sort(0).values).square().mean() * codes.shape[1]


def prior_like(source: StochasticModule, codes: Tensor, prior: str) -> Tensor:
    """Draws of the prior in the shape of ``codes``."""
    drawn = source.normal(codes)
    return functional.normalize(drawn, dim=1) * math.sqrt(codes.shape[1]) if prior == "sphere" else drawn


def off_diagonal_mean(similarity: Tensor) -> Tensor:
    n = len(similarity)
    return (similarity.sum() - similarity.diagonal().sum()) / (n * (n - 1))
