"""Penalties on codes. Each maps a ``Trace`` to a tensor of shape (batch,), summed over coordinates, or to a scalar.

A penalty with parameters or random numbers is a module. The attribute ``input_requires_grad`` is true where it
differentiates with respect to the encoder's input.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from skae._processes import batch_mean
from skae.model import StochasticModule, Trace, draw_from_prior

TINY = 1e-12


def gaussian_kl(trace: Trace) -> Tensor:
    """KL divergence of each sample's normal code from a standard normal (Kingma and Welling, 2014, appendix B).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Gaussian
    >>> from skae.variants.penalties import Trace, gaussian_kl
    >>> x, features = torch.zeros(5, 8), torch.zeros(5, 4)
    >>> gaussian_kl(Trace(x, x, Gaussian(2).eval()(features), x)).shape
    torch.Size([5])
    """
    return coordinate_kl(trace).sum(1)


def coordinate_kl(trace: Trace) -> Tensor:
    """KL divergence of every coordinate from a standard normal, (batch, n_components)."""
    mean, log_variance = trace.code.mean, trace.code.extra("log_variance")
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def monte_carlo_kl(trace: Trace) -> Tensor:
    """The log density of each draw under its own normal code minus that under a standard normal, (draws * batch,).

    Its mean over draws estimates the KL divergence. Without draws, as in evaluation, it is ``gaussian_kl``.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import MultiDrawGaussian
    >>> from skae.variants.penalties import Trace, monte_carlo_kl
    >>> x, features = torch.zeros(5, 8), torch.zeros(5, 4)
    >>> monte_carlo_kl(Trace(x, x, MultiDrawGaussian(2, n_draws=3)(features), x)).shape
    torch.Size([15])
    """
    code, log_variance = trace.code, trace.code.extra("log_variance")
    if code.decoder_input is None:
        return gaussian_kl(trace)
    draws = code.decoder_input.view(code.repeats, *code.mean.shape)
    deviance = (draws - code.mean).square() * torch.exp(-log_variance) + log_variance
    return 0.5 * (draws.square() - deviance).sum(2).flatten()


def mixture_kl(trace: Trace) -> Tensor:
    """Upper bound on the KL divergence of each sample's normal code from the mixture of the pseudo-inputs' codes.

    The mixture has equal weights (Tomczak and Welling, 2018). The bound combines the KL divergences from each of its
    components (Hershey and Olsen, 2007).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Gaussian
    >>> from skae.variants.penalties import Trace, mixture_kl
    >>> x, bottleneck = torch.zeros(5, 8), Gaussian(2).eval()
    >>> code = bottleneck(torch.zeros(5, 4)).with_extras(pseudo_codes=bottleneck(torch.zeros(3, 4)))
    >>> mixture_kl(Trace(x, x, code, x)).abs().max() < 1e-6  # equal densities
    tensor(True)
    """
    pseudo_codes = trace.code.extra("pseudo_codes")
    mean, log_variance = trace.code.mean[:, None], trace.code.extra("log_variance")[:, None]
    pseudo_log_variance = pseudo_codes.extra("log_variance")
    squares = (mean - pseudo_codes.mean).square() + log_variance.exp()
    kl = 0.5 * (squares * torch.exp(-pseudo_log_variance) - 1 + pseudo_log_variance - log_variance).sum(2)
    return math.log(kl.shape[1]) - (-kl).logsumexp(1)


class FreeBits(nn.Module):
    """The batch's mean KL divergence, where each coordinate counts as at least ``nats`` (Kingma et al., 2016).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Gaussian
    >>> from skae.variants.penalties import FreeBits, Trace
    >>> x, features = torch.zeros(5, 8), torch.zeros(5, 4)
    >>> FreeBits(nats=1.0)(Trace(x, x, Gaussian(2).eval()(features), x))
    tensor(2.)
    """

    def __init__(self, nats: float):
        super().__init__()
        self.nats = nats

    def forward(self, trace: Trace) -> Tensor:
        return batch_mean(coordinate_kl(trace)).clamp(min=self.nats).sum()


class Capacity(nn.Module):
    """Absolute difference of the batch's mean KL divergence and ``nats`` (Burgess et al., 2018).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Gaussian
    >>> from skae.variants.penalties import Capacity, Trace
    >>> x, features = torch.zeros(5, 8), torch.zeros(5, 4)
    >>> Capacity(nats=5.0)(Trace(x, x, Gaussian(2).eval()(features), x)) < 5.0
    tensor(True)
    """

    def __init__(self, nats: float):
        super().__init__()
        self.nats = nats

    def forward(self, trace: Trace) -> Tensor:
        return (batch_mean(gaussian_kl(trace)) - self.nats).abs()


def total_correlation(trace: Trace) -> Tensor:
    """KL divergence of the batch's codes from the product of their coordinates' densities (Chen et al., 2018).

    Estimated by minibatch weighted sampling, as in that paper, minus ``(n_components - 1) * log(n / batch)``. That
    constant does not change the gradient, and without it the number of samples n is not needed.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Gaussian
    >>> from skae.variants.penalties import Trace, total_correlation
    >>> x, features = torch.zeros(5, 8), torch.randn(5, 4)
    >>> total_correlation(Trace(x, x, Gaussian(2).eval()(features), x)).shape
    torch.Size([5])
    """
    code, log_variance = trace.code, trace.code.extra("log_variance")
    difference = code.latent[:, None] - code.mean[None]
    scaled = difference.square() * torch.exp(-log_variance)[None]
    log_density = -0.5 * (scaled + log_variance[None] + math.log(2 * math.pi))
    joint = log_density.sum(2).logsumexp(1)
    product = log_density.logsumexp(1).sum(1)
    return joint - product + (log_density.shape[2] - 1) * math.log(len(joint))


def l1_penalty(trace: Trace) -> Tensor:
    """Sum of absolute coordinates, each divided by its root mean square in the batch.

    Without the division, the encoder could lower the penalty by smaller codes that are not sparser.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic
    >>> from skae.variants.penalties import Trace, l1_penalty
    >>> x, features = torch.zeros(5, 8), torch.ones(5, 2)
    >>> l1_penalty(Trace(x, x, Deterministic(2)(features), x))
    tensor([2., 2., 2., 2., 2.])
    """
    code = trace.code.mean
    return (code / batch_mean(code.square()).add(TINY).sqrt()).abs().sum(1)


def l2_penalty(trace: Trace) -> Tensor:
    """Half the squared length of codes (Ghosh et al., 2020).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic
    >>> from skae.variants.penalties import Trace, l2_penalty
    >>> x, features = torch.zeros(5, 8), torch.ones(5, 2)
    >>> l2_penalty(Trace(x, x, Deterministic(2)(features), x))
    tensor([1., 1., 1., 1., 1.])
    """
    return 0.5 * trace.code.mean.square().sum(1)


def prediction_error(trace: Trace) -> Tensor:
    """Cross-entropy of class labels, or squared error averaged over outputs, of a supervised head, (repeats * batch,).

    It is 0 where y is missing.

    Raises
    ------
    ValueError
        If the trace has no y or no prediction.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic
    >>> from skae.variants.penalties import Trace, prediction_error
    >>> x, features = torch.zeros(5, 8), torch.ones(5, 2)
    >>> prediction_error(Trace(x, x, Deterministic(2)(features), x, prediction=torch.zeros(5, 1), y=torch.ones(5, 1)))
    tensor([1., 1., 1., 1., 1.])
    """
    y, prediction = trace.y, trace.prediction
    if y is None or prediction is None:
        raise ValueError("prediction_error needs y and a supervised head. Write fit(X, y) with variant=Supervised().")
    y = y.repeat(trace.code.repeats, *[1] * (y.ndim - 1))
    if y.ndim == 1:
        return functional.cross_entropy(prediction, y, ignore_index=-1, reduction="none")
    return (prediction - torch.where(y.isnan(), prediction, y)).square().mean(1)


class KLSparsity(nn.Module):
    """KL divergence of the mean activation of each coordinate from ``rate`` (Ng, 2011).

    Activations are the logistic function of the codes; both distributions are Bernoulli.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic
    >>> from skae.variants.penalties import KLSparsity, Trace
    >>> x, features = torch.zeros(5, 8), torch.zeros(5, 2)
    >>> KLSparsity(rate=0.5)(Trace(x, x, Deterministic(2)(features), x))
    tensor(0.)
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, trace: Trace) -> Tensor:
        activation = batch_mean(torch.sigmoid(trace.code.mean)).clamp(1e-6, 1 - 1e-6)
        on = self.rate * torch.log(self.rate / activation)
        return (on + (1 - self.rate) * torch.log((1 - self.rate) / (1 - activation))).sum()


class EncoderJacobianPenalty(StochasticModule):
    """Squared Frobenius norm of the encoder's Jacobian (Rifai et al., 2011), estimated without computing the Jacobian.

    For random signs v, the expectation of the squared length of v' J is that norm (Hutchinson, 1989). Zero where
    gradients are disabled.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic
    >>> from skae.variants.penalties import EncoderJacobianPenalty, Trace
    >>> x = torch.zeros(5, 2, requires_grad=True)
    >>> EncoderJacobianPenalty()(Trace(x, x, Deterministic(2)(3 * x), x)).detach()  # 2 * 3**2
    tensor([18., 18., 18., 18., 18.])
    """

    input_requires_grad = True

    def forward(self, trace: Trace) -> Tensor:
        return self.squared_norm(trace.code.mean, trace.seen, trace)

    def squared_norm(self, output: Tensor, argument: Tensor, trace: Trace) -> Tensor:
        """The estimate (batch,) for the Jacobian of ``output`` with respect to ``argument``."""
        if not output.requires_grad:
            return trace.target.new_zeros(())
        signs = self.bernoulli(output, 0.5).mul_(2).sub_(1)
        (product,) = torch.autograd.grad(output, argument, signs, create_graph=True)
        return product.flatten(1).square().sum(1)


class DecoderJacobianPenalty(EncoderJacobianPenalty):
    """Squared Frobenius norm of the decoder's Jacobian, the gradient penalty of Ghosh et al. (2020).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic
    >>> from skae.variants.penalties import DecoderJacobianPenalty, Trace
    >>> x = torch.zeros(5, 2, requires_grad=True)
    >>> code = Deterministic(2)(x)
    >>> DecoderJacobianPenalty()(Trace(x, x, code, 3 * code.latent)).detach()
    tensor([18., 18., 18., 18., 18.])
    """

    input_requires_grad = False

    def forward(self, trace: Trace) -> Tensor:
        return self.squared_norm(trace.output, trace.code.latent, trace)


def quantization_error(trace: Trace) -> Tensor:
    """Mean squared difference of features and their quantized codes (van den Oord et al., 2017).

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Quantizer
    >>> from skae.variants.penalties import Trace, quantization_error
    >>> x, features = torch.zeros(5, 8), torch.ones(5, 2)
    >>> quantization_error(Trace(x, x, Quantizer(2, size=4, n_codebooks=1).eval()(features), x)).shape
    torch.Size([5])
    """
    return trace.code.extra("quantization_error")


def log_density_ratio(trace: Trace) -> Tensor:
    """The discriminator's estimate of the log ratio of the densities of codes and reference codes, in nats.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic, WithDiscriminator
    >>> from skae.variants.penalties import Trace, log_density_ratio
    >>> x, bottleneck = torch.zeros(5, 8), WithDiscriminator(Deterministic(2), shuffled=True)
    >>> log_density_ratio(Trace(x, x, bottleneck(torch.zeros(5, 2)), x)).shape
    torch.Size([5])
    """
    return trace.code.extra("log_density_ratio")


def discriminator_loss(trace: Trace) -> Tensor:
    """Cross-entropy of the discriminator on codes and reference codes, in nats.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic, WithDiscriminator
    >>> from skae.variants.penalties import Trace, discriminator_loss
    >>> x, bottleneck = torch.zeros(5, 8), WithDiscriminator(Deterministic(2), shuffled=True)
    >>> discriminator_loss(Trace(x, x, bottleneck(torch.zeros(5, 2)), x)).shape
    torch.Size([5])
    """
    return trace.code.extra("discriminator_loss")


class MMD(StochasticModule):
    """Squared maximum mean discrepancy (MMD) of the batch's codes and draws of the prior (Tolstikhin et al., 2018).

    ``kernel`` is "imq", the sum of inverse multiquadratic kernels at seven scales, or "rbf", a Gaussian kernel.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic, StandardNormal
    >>> from skae.variants.penalties import MMD, Trace
    >>> x, prior = torch.zeros(100, 8), StandardNormal(2)
    >>> codes = [Deterministic(2, prior)(prior.draw_like(torch.empty(100, 2), None) + shift) for shift in (0, 5)]
    >>> near, far = (MMD()(Trace(x, x, code, x, prior)) for code in codes)
    >>> (near < far).item()
    True
    """

    SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, kernel: str = "imq"):
        super().__init__()
        self.kernel = kernel

    def forward(self, trace: Trace) -> Tensor:
        codes = trace.code.latent
        if len(codes) < 2:
            return codes.new_zeros(())
        prior = draw_from_prior(trace.prior, codes, self.generator)
        within = off_diagonal_mean(self.similarity(prior, prior)) + off_diagonal_mean(self.similarity(codes, codes))
        return within - 2 * self.similarity(prior, codes).mean()

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """The kernel of all pairs of rows, (len(a), len(b))."""
        squared = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
        # The expected squared distance of two draws of a standard normal.
        expected = 2.0 * a.shape[1]
        if self.kernel == "rbf":
            return torch.exp(-squared / expected)
        kernels = (scale * expected / (scale * expected + squared) for scale in self.SCALES)
        return sum(kernels, torch.zeros_like(squared))


class SlicedWasserstein(StochasticModule):
    """Squared sliced Wasserstein distance of codes and draws of the prior (Kolouri et al., 2019).

    Averaged over random projections and multiplied by n_components, so that it is a sum over coordinates.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.bottlenecks import Deterministic, StandardNormal
    >>> from skae.variants.penalties import SlicedWasserstein, Trace
    >>> x, prior = torch.zeros(100, 8), StandardNormal(2)
    >>> codes = [Deterministic(2, prior)(prior.draw_like(torch.empty(100, 2), None) + shift) for shift in (0, 5)]
    >>> near, far = (SlicedWasserstein()(Trace(x, x, code, x, prior)) for code in codes)
    >>> (near < far).item()
    True
    """

    N_PROJECTIONS = 50

    def forward(self, trace: Trace) -> Tensor:
        codes = trace.code.latent
        directions = functional.normalize(self.normal(codes.new_empty(codes.shape[1], self.N_PROJECTIONS)), dim=0)
        prior = draw_from_prior(trace.prior, codes, self.generator)
        difference = (codes @ directions).sort(0).values - (prior @ directions).sort(0).values
        return difference.square().mean() * codes.shape[1]


def off_diagonal_mean(similarity: Tensor) -> Tensor:
    """Mean of a square matrix without its diagonal."""
    n = len(similarity)
    return (similarity.sum() - similarity.diagonal().sum()) / (n * (n - 1))
