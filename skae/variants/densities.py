"""Variants whose codes are trained towards a density, so that new ones can be drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skae._model import Deterministic, Gaussian, MultiDrawGaussian, Sphere, WithDiscriminator
from skae._objectives import Term
from skae._objectives.penalties import (
    MMD,
    Capacity,
    FreeBits,
    SlicedDistance,
    discriminator_loss,
    gaussian_kl,
    log_density_ratio,
    mixture_kl,
    monte_carlo_kl,
    total_correlation,
)
from skae._parameters import check_choice, check_integer, check_real, invalid

from .parts import Parts, Variant


class Variational(Variant):
    """Normal codes near a standard normal (Kingma and Welling, 2014); ``beta`` of Higgins et al. (2017).

    Parameters
    ----------
    beta : float
        Weight of the divergence; 1 is the evidence lower bound, with the best noise variance for what the
        reconstruction shows (Rybkin, Daniilidis and Levine, 2021).
    free_bits : float
        Nats of divergence each coordinate has for free (Kingma et al., 2016).
    warm_up : float
        Share of training in which beta rises from 0 (Bowman et al., 2016).
    capacity : float, default=None
        Nats the divergence is held at instead of being made small (Burgess et al., 2018); without ``free_bits``.

    The standard normal is that inside the network; ``transform`` gives every coordinate in the units of the scaled
    samples.
    """

    def __init__(self, beta=1.0, free_bits=0.0, warm_up=0.0, capacity=None):
        self.beta = beta
        self.free_bits = free_bits
        self.warm_up = warm_up
        self.capacity = capacity

    def check(self):
        self._check_real("beta", "free_bits")
        self._check_real("warm_up", interval="[0.0, 1.0]")
        if self.capacity is not None:
            check_real("Variational", "capacity", self.capacity, "[0.0, inf)", otherwise=" or None")
            if self.free_bits > 0:
                raise invalid("Variational", "free_bits", "0.0 beside a capacity", self.free_bits)

    def parts(self):
        function: Any = gaussian_kl
        if self.capacity is not None:
            function = Capacity(self.capacity)
        elif self.free_bits > 0:
            function = FreeBits(self.free_bits)
        return Parts(Gaussian, (Term("kl_divergence", self.beta, function, self.warm_up),))


class ImportanceWeighted(Variant):
    """Normal codes trained on a tighter bound of the evidence, from several draws of each (Burda, Grosse and
    Salakhutdinov, 2016).

    Parameters
    ----------
    n_draws : int
        Draws of each code in training; 1 is :class:`Variational` on average. The decoder's work grows with it.
    """

    def __init__(self, n_draws=5):
        self.n_draws = n_draws

    def check(self):
        check_integer("ImportanceWeighted", "n_draws", self.n_draws)

    def parts(self):
        return Parts(lambda n: MultiDrawGaussian(n, int(self.n_draws)), (Term("kl_divergence", 1.0, monte_carlo_kl),))


class VampPrior(Variant):
    """Normal codes near a mixture of codes: those of samples that are learned beside the weights (Tomczak and Welling,
    2018). New codes are drawn from that mixture.

    Parameters
    ----------
    n_pseudo_inputs : int
        Learned samples; they start as rows of X.
    beta : float
        Weight of the divergence, as in :class:`Variational`.
    """

    def __init__(self, n_pseudo_inputs=64, beta=1.0):
        self.n_pseudo_inputs = n_pseudo_inputs
        self.beta = beta

    def check(self):
        check_integer("VampPrior", "n_pseudo_inputs", self.n_pseudo_inputs)
        self._check_real("beta")

    def parts(self):
        terms = (Term("kl_divergence", self.beta, mixture_kl),)
        return Parts(with_prior(Gaussian, "learned"), terms, n_pseudo_inputs=int(self.n_pseudo_inputs))


class TotalCorrelation(Variant):
    """Normal codes with coordinates that tell nothing of each other (beta-TC-VAE, Chen et al., 2018).

    Parameters
    ----------
    beta : float
        Weight of the total correlation; the rest of the divergence has weight 1.
    estimate : {"batch", "discriminator"}
        From the densities of the batch's codes, or by a critic that tells codes from those with shuffled coordinates
        (FactorVAE, Kim and Mnih, 2018), whose gamma is ``beta - 1``.
    """

    def __init__(self, beta=6.0, estimate="batch"):
        self.beta = beta
        self.estimate = estimate

    def check(self):
        self._check_real("beta", interval="[1.0, inf)")
        check_choice("TotalCorrelation", "estimate", self.estimate, ("batch", "discriminator"))

    def parts(self):
        divergence = Term("kl_divergence", 1.0, gaussian_kl)
        if self.estimate == "batch":
            return Parts(Gaussian, (divergence, Term("total_correlation", self.beta - 1.0, total_correlation)))
        terms = (divergence, *discriminator_terms("total_correlation", self.beta - 1.0))
        return Parts(lambda n: WithDiscriminator(Gaussian(n), shuffled=True), terms)


class Wasserstein(Variant):
    """Codes that together look like the prior (Tolstikhin et al., 2018; sliced: Kolouri et al., 2019).

    Parameters
    ----------
    weight : float
        Of the distance, beside the log-likelihood.
    distance : {"imq", "rbf", "sliced"}
        Maximum mean discrepancy with inverse multiquadratic or Gaussian kernels, or the sliced Wasserstein distance.
    """

    def __init__(self, weight=10.0, distance="imq"):
        self.weight = weight
        self.distance = distance

    def check(self):
        self._check_real("weight")
        check_choice("Wasserstein", "distance", self.distance, ("imq", "rbf", "sliced"))

    def parts(self):
        return Parts(with_prior(Deterministic, "normal"), (prior_term(self.weight, self.distance),))


class Adversarial(Variant):
    """Codes that a critic, trained beside, cannot tell from the prior (Makhzani et al., 2016). What the critic tells is
    the ratio of densities, so that the encoder lowers the divergence of all codes together from the prior. Held-out
    rows are judged by their reconstructions alone.

    Parameters
    ----------
    weight : float
        Of that divergence, beside the log-likelihood.
    """

    def __init__(self, weight=3.0):
        self.weight = weight

    def check(self):
        self._check_real("weight")

    def parts(self):
        terms = discriminator_terms("kl_divergence", self.weight)
        return Parts(lambda n: WithDiscriminator(Deterministic(n), shuffled=False), terms)


class Hyperspherical(Variant):
    """Codes spread evenly over a sphere (Davidson et al., 2018, made deterministic as in Xu and Durrett, 2018).

    It is a sphere inside the network. ``transform`` gives every coordinate in the units of the scaled samples, which
    makes an ellipsoid of it.

    Parameters
    ----------
    weight : float
        Of the distance from the even spread, beside the log-likelihood.
    distance : {"sliced", "imq", "rbf"}
        As in :class:`Wasserstein`.
    """

    def __init__(self, weight=10.0, distance="sliced"):
        self.weight = weight
        self.distance = distance

    check = Wasserstein.check

    def parts(self):
        return Parts(Sphere, (prior_term(self.weight, self.distance),))


class Info(Variant):
    """InfoVAE (Zhao, Song and Ermon, 2019): less divergence of every code, more likeness of all of them to the prior.

    Parameters
    ----------
    alpha : float
        The divergence of every sample has weight ``1 - alpha``.
    weight : float
        Of all codes together: the discrepancy has weight ``alpha + weight - 1``.
    """

    def __init__(self, alpha=0.9, weight=10.0):
        self.alpha = alpha
        self.weight = weight

    def check(self):
        self._check_real("alpha", interval="[0.0, 1.0]")
        self._check_real("weight", interval="[1.0, inf)")

    def parts(self):
        weight = self.alpha + self.weight - 1
        terms = (Term("kl_divergence", 1 - self.alpha, gaussian_kl), prior_term(weight, "imq"))
        return Parts(Gaussian, terms)


def discriminator_terms(name: str, weight: float) -> tuple[Term, Term]:
    """What the encoder learns from a critic, and what the critic itself does; its weights are in no other term."""
    return (
        Term(name, weight, log_density_ratio, in_training_only=True),
        Term("discriminator", 1.0, discriminator_loss, of_likelihood=False, in_training_only=True),
    )


def prior_term(weight: float, distance: str) -> Term:
    """The distance of a batch's codes from the prior."""
    if distance == "sliced":
        return Term("sliced_wasserstein", weight, SlicedDistance())
    return Term("mmd", weight, MMD(distance))


def with_prior(bottleneck: type[Deterministic], prior: str) -> Callable[[int], Deterministic]:
    """A maker of bottlenecks whose codes are trained towards ``prior``."""

    def make(n_components: int) -> Deterministic:
        made = bottleneck(n_components)
        made.prior = prior
        return made

    return make
