"""Variants with a prior: training pulls codes towards a density that new codes can be drawn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from skae._parameters import check_choice, check_integer, check_real, invalid
from skae.model import (
    Deterministic,
    Gaussian,
    MultiDrawGaussian,
    PseudoInputGaussian,
    Sphere,
    StandardNormal,
    Trace,
    WithDiscriminator,
)
from skae.objectives import Term
from skae.objectives.penalties import (
    MMD,
    Capacity,
    FreeBits,
    SlicedWasserstein,
    discriminator_loss,
    gaussian_kl,
    log_density_ratio,
    mixture_kl,
    monte_carlo_kl,
    total_correlation,
)

from .parts import Parts, Variant


class Variational(Variant):
    """The variational autoencoder (Kingma and Welling, 2014), and the beta-VAE (Higgins et al., 2017).

    The encoder returns a normal density per sample, and the penalty is its KL divergence from a standard normal.
    ``transform`` returns the mean. The prior is standard normal inside the network; ``transform`` multiplies each
    coordinate by the standard deviation of a principal component, so that codes have the units of those of PCA.

    Parameters
    ----------
    beta : float
        Weight of the KL divergence. With 1 the objective is the evidence lower bound, with the maximum-likelihood noise
        variance (Rybkin, Daniilidis and Levine, 2021).
    free_bits : float
        KL divergence per coordinate, in nats, below which there is no penalty (Kingma et al., 2016).
    warm_up : float
        Share of training, in [0, 1], in which beta increases linearly from 0 (Bowman et al., 2016).
    capacity : float, default=None
        Target of the KL divergence, in nats: the penalty is the absolute difference from it (Burgess et al., 2018).
        Only with ``free_bits=0``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Variational
    >>> autoencoder = AutoencoderTransformer(2, variant=Variational(beta=4.0), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).sample(5, random_state=0).shape
    (5, 4)
    """

    def __init__(self, beta: float = 1.0, free_bits: float = 0.0, warm_up: float = 0.0, capacity: float | None = None):
        self.beta = beta
        self.free_bits = free_bits
        self.warm_up = warm_up
        self.capacity = capacity

    def check(self) -> None:
        self._check_real("beta", "free_bits")
        self._check_real("warm_up", interval="[0.0, 1.0]")
        if self.capacity is not None:
            check_real("Variational", "capacity", self.capacity, "[0.0, inf)", otherwise=" or None")
            if self.free_bits > 0:
                raise invalid("Variational", "free_bits", "0.0 with a capacity", self.free_bits)

    def parts(self) -> Parts:
        function: Callable[[Trace], Tensor] = gaussian_kl
        if self.capacity is not None:
            function = Capacity(self.capacity)
        elif self.free_bits > 0:
            function = FreeBits(self.free_bits)
        return Parts(Gaussian, (Term("kl_divergence", self.beta, function, self.warm_up),))


class ImportanceWeighted(Variant):
    """The importance-weighted autoencoder (Burda, Grosse and Salakhutdinov, 2016).

    Codes are those of :class:`Variational`. The objective is a tighter lower bound on the evidence, from several
    draws of each code. In training, time and memory of the decoder are proportional to ``n_draws``.

    Parameters
    ----------
    n_draws : int
        Draws of each code in training. With 1 the objective is that of :class:`Variational` in expectation.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import ImportanceWeighted
    >>> autoencoder = AutoencoderTransformer(2, variant=ImportanceWeighted(3), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).sample(5, random_state=0).shape
    (5, 4)
    """

    def __init__(self, n_draws: int = 5):
        self.n_draws = n_draws

    def check(self) -> None:
        check_integer("ImportanceWeighted", "n_draws", self.n_draws)

    def parts(self) -> Parts:
        terms = (Term("kl_divergence", 1.0, monte_carlo_kl),)
        return Parts(lambda n: MultiDrawGaussian(n, int(self.n_draws)), terms)


class VampPrior(Variant):
    """A variational autoencoder whose prior is a mixture of the codes of pseudo-inputs (Tomczak and Welling, 2018).

    Pseudo-inputs are samples that are trained as weights are. ``sample`` draws from the mixture.

    Parameters
    ----------
    n_pseudo_inputs : int
        Number of pseudo-inputs. They are initialized with rows of X.
    beta : float
        Weight of the KL divergence, as in :class:`Variational`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import VampPrior
    >>> autoencoder = AutoencoderTransformer(2, variant=VampPrior(10), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).sample(5, random_state=0).shape
    (5, 4)
    """

    def __init__(self, n_pseudo_inputs: int = 64, beta: float = 1.0):
        self.n_pseudo_inputs = n_pseudo_inputs
        self.beta = beta

    def check(self) -> None:
        check_integer("VampPrior", "n_pseudo_inputs", self.n_pseudo_inputs)
        self._check_real("beta")

    def parts(self) -> Parts:
        terms = (Term("kl_divergence", self.beta, mixture_kl),)
        return Parts(lambda n: PseudoInputGaussian(n, int(self.n_pseudo_inputs)), terms)


class TotalCorrelation(Variant):
    """A variational autoencoder with statistically independent coordinates (beta-TC-VAE, Chen et al., 2018).

    Parameters
    ----------
    beta : float
        Weight of the total correlation, at least 1; the rest of the KL divergence has weight 1. Large values make
        coordinates constant: of 16 on the digits data, 14 to 16 vary with ``beta=2``, 7 with 6, the value of the paper.
    estimate : {"batch", "discriminator"}
        How the total correlation is estimated. "batch" uses the densities of the batch's codes. "discriminator" trains
        a discriminator between codes and codes with permuted coordinates (FactorVAE, Kim and Mnih, 2018, where gamma
        is ``beta - 1``).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import TotalCorrelation
    >>> autoencoder = AutoencoderTransformer(2, variant=TotalCorrelation(4.0), max_epochs=3, random_state=0)
    >>> "train_total_correlation" in autoencoder.fit(load_iris().data).history_[-1]
    True
    """

    def __init__(self, beta: float = 2.0, estimate: Literal["batch", "discriminator"] = "batch"):
        self.beta = beta
        self.estimate = estimate

    def check(self) -> None:
        self._check_real("beta", interval="[1.0, inf)")
        check_choice("TotalCorrelation", "estimate", self.estimate, ("batch", "discriminator"))

    def parts(self) -> Parts:
        kl_divergence = Term("kl_divergence", 1.0, gaussian_kl)
        if self.estimate == "batch":
            return Parts(Gaussian, (kl_divergence, Term("total_correlation", self.beta - 1.0, total_correlation)))
        terms = (kl_divergence, *discriminator_terms("total_correlation", self.beta - 1.0))
        return Parts(lambda n: WithDiscriminator(Gaussian(n), shuffled=True), terms)


class Wasserstein(Variant):
    """The Wasserstein autoencoder (Tolstikhin et al., 2018; sliced: Kolouri et al., 2019).

    Codes are deterministic. The penalty is the distance of a batch's codes, as a whole, from a standard normal.

    Parameters
    ----------
    weight : float
        Weight of the distance, relative to the negative log-likelihood of a sample.
    distance : {"imq", "rbf", "sliced"}
        "imq" and "rbf" are the maximum mean discrepancy (MMD) with inverse multiquadratic or Gaussian kernels. "sliced"
        is the sliced Wasserstein distance.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Wasserstein
    >>> autoencoder = AutoencoderTransformer(2, variant=Wasserstein(), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).sample(5, random_state=0).shape
    (5, 4)
    """

    def __init__(self, weight: float = 10.0, distance: Literal["imq", "rbf", "sliced"] = "imq"):
        self.weight = weight
        self.distance = distance

    def check(self) -> None:
        self._check_real("weight")
        check_choice("Wasserstein", "distance", self.distance, ("imq", "rbf", "sliced"))

    def parts(self) -> Parts:
        return Parts(normal_codes, (distance_term(self.weight, self.distance),))


class Adversarial(Variant):
    """The adversarial autoencoder (Makhzani et al., 2016).

    Codes are deterministic. A discriminator learns to distinguish codes from draws of a standard normal. Its logit
    estimates the log ratio of the two densities. The mean over codes is a KL divergence, which the encoder minimizes.
    The validation loss is the reconstruction loss only.

    Parameters
    ----------
    weight : float
        Weight of the KL divergence, relative to the negative log-likelihood of a sample.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Adversarial
    >>> autoencoder = AutoencoderTransformer(2, variant=Adversarial(), max_epochs=3, random_state=0)
    >>> "train_discriminator" in autoencoder.fit(load_iris().data).history_[-1]
    True
    """

    def __init__(self, weight: float = 3.0):
        self.weight = weight

    def check(self) -> None:
        self._check_real("weight")

    def parts(self) -> Parts:
        terms = discriminator_terms("kl_divergence", self.weight)
        return Parts(lambda n: WithDiscriminator(normal_codes(n), shuffled=False), terms)


class Hyperspherical(Variant):
    """Codes distributed uniformly on a sphere (Davidson et al., 2018; deterministic as in Xu and Durrett, 2018).

    It is a sphere inside the network. ``transform`` multiplies each coordinate by the standard deviation of a principal
    component, which makes it an ellipsoid. ``interpolate`` follows great circles.

    Parameters
    ----------
    weight : float
        Weight of the distance from the uniform density, relative to the negative log-likelihood of a sample.
    distance : {"sliced", "imq", "rbf"}
        As in :class:`Wasserstein`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Hyperspherical
    >>> autoencoder = AutoencoderTransformer(3, variant=Hyperspherical(), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).sample(5, random_state=0).shape
    (5, 4)
    """

    def __init__(self, weight: float = 10.0, distance: Literal["imq", "rbf", "sliced"] = "sliced"):
        self.weight = weight
        self.distance = distance

    def check(self) -> None:
        self._check_real("weight")
        check_choice("Hyperspherical", "distance", self.distance, ("sliced", "imq", "rbf"))

    def parts(self) -> Parts:
        return Parts(Sphere, (distance_term(self.weight, self.distance),))


class Info(Variant):
    """The InfoVAE (Zhao, Song and Ermon, 2019): the KL divergence has a smaller weight, and the MMD is added.

    Parameters
    ----------
    alpha : float
        The KL divergence of each sample's code has weight ``1 - alpha``; in [0, 1].
    weight : float
        Lambda of the paper, at least 1: the maximum mean discrepancy (MMD) of the codes of a batch from the prior has
        weight ``alpha + weight - 1``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Info
    >>> autoencoder = AutoencoderTransformer(2, variant=Info(), max_epochs=3, random_state=0)
    >>> "train_mmd" in autoencoder.fit(load_iris().data).history_[-1]
    True
    """

    def __init__(self, alpha: float = 0.9, weight: float = 10.0):
        self.alpha = alpha
        self.weight = weight

    def check(self) -> None:
        self._check_real("alpha", interval="[0.0, 1.0]")
        self._check_real("weight", interval="[1.0, inf)")

    def parts(self) -> Parts:
        weight = self.alpha + self.weight - 1
        terms = (Term("kl_divergence", 1 - self.alpha, gaussian_kl), distance_term(weight, "imq"))
        return Parts(Gaussian, terms)


def normal_codes(n_components: int) -> Deterministic:
    """A bottleneck of deterministic codes with a standard normal prior."""
    return Deterministic(n_components, StandardNormal(n_components))


def distance_term(weight: float, distance: str) -> Term:
    """The distance of the batch's codes from the prior."""
    if distance == "sliced":
        return Term("sliced_wasserstein", weight, SlicedWasserstein())
    return Term("mmd", weight, MMD(distance))


def discriminator_terms(name: str, weight: float) -> tuple[Term, Term]:
    """The penalty on the encoder, and the loss of the discriminator, whose gradient changes the discriminator only."""
    return (
        Term(name, weight, log_density_ratio, in_training_only=True),
        Term("discriminator", 1.0, discriminator_loss, of_likelihood=False, in_training_only=True),
    )
