"""Variants of the autoencoder as choices of parts: a bottleneck, a corruption, and terms beside the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import BaseEstimator, clone
from torch import nn

from skae.model import CORRUPTIONS, Corruption, Deterministic, Gaussian, Nested, Quantised, SpectrallyNormalised, Sphere
from skae.objectives import Term
from skae.objectives.penalties import (
    Capacity,
    DecoderSlope,
    Discrepancy,
    EncoderSlope,
    FreeBits,
    RareActivity,
    SlicedDistance,
    absolute_code,
    gaussian_divergence,
    rounding_error,
    squared_code,
    total_correlation,
)
from skae.parameters import InvalidParameterError, check_choice, check_integer, check_real, invalid


@dataclass(frozen=True)
class Parts:
    """What a variant is made of.

    Parameters
    ----------
    bottleneck : callable
        Makes the bottleneck for ``n_components``.
    terms : tuple of Term
    corruption : Corruption or None
    follows_samples : bool
        Whether a term follows codes back to the samples they came from.
    decoder : callable or None
        Takes the decoder module and gives the one to train, e.g. with its weights normalised.
    decoder_decay : float
        Weight decay of the decoder beside the one of all weights.
    """

    bottleneck: Callable[[int], Deterministic] = Deterministic
    terms: tuple[Term, ...] = ()
    corruption: Corruption | None = None
    follows_samples: bool = False
    decoder: Callable[[nn.Module], nn.Module] | None = None
    decoder_decay: float = 0.0


class Variant(BaseEstimator):
    """A choice of parts. Subclasses are estimators only in that their settings are found by ``get_params``."""

    def check(self) -> None:
        """Raise InvalidParameterError if a setting is wrong."""

    def parts(self) -> Parts:
        """What the variant is made of."""
        return Parts()

    def _check_real(self, *names: str, interval: str = "[0.0, inf)") -> None:
        for name in names:
            check_real(type(self).__name__, name, getattr(self, name), interval)


class Plain(Variant):
    """A deterministic code and nothing beside the reconstruction loss (Hinton and Salakhutdinov, 2006)."""


class Denoising(Variant):
    """Brings back clean samples from corrupted ones (Vincent et al., 2010). Wraps any variant.

    Parameters
    ----------
    corruption : {"gaussian", "masking", "salt_and_pepper", "swap"}
        Normal noise; the mean, or the smallest or largest number, or another row's number in place of some. "swap"
        suits tables, whose columns have distributions of their own.
    amount : float
        Share of numbers changed; for "gaussian" the noise's deviation, in deviations of the scaled data.
    variant : str or variant object
        The variant that is trained so.

    Examples
    --------
    >>> from skae.variants import Denoising, Variational
    >>> Denoising("masking", 0.3, variant=Variational(beta=4))
    Denoising(amount=0.3, variant=Variational(beta=4))
    """

    def __init__(self, corruption="masking", amount=0.2, variant="plain"):
        self.corruption = corruption
        self.amount = amount
        self.variant = variant

    def check(self):
        check_choice("Denoising", "corruption", self.corruption, tuple(CORRUPTIONS))
        self._check_real("amount", interval="[0.0, inf)" if self.corruption == "gaussian" else "[0.0, 1.0]")
        check_variant("Denoising", self.variant)

    def parts(self):
        return replace(variant_for(self.variant).parts(), corruption=CORRUPTIONS[self.corruption](self.amount))


class Ordered(Variant):
    """Codes whose first k coordinates are a good code for every k, as PCA's are: nested dropout (Rippel, Gelbart and
    Adams, 2014), as in Matryoshka codes (Kusupati et al., 2022). Wraps any variant whose coordinates can be left out.

    Parameters
    ----------
    variant : str or variant object
        The variant whose codes are ordered.
    """

    def __init__(self, variant="plain"):
        self.variant = variant

    def check(self):
        check_variant("Ordered", self.variant)
        if is_ordered(variant_for(self.variant)):
            raise InvalidParameterError(f"Ordered cannot wrap {self.variant!r}: its codes are ordered already.")
        parts = variant_for(self.variant).parts()
        if not parts.bottleneck(1).can_be_ordered:
            raise InvalidParameterError(
                f"Ordered cannot wrap {self.variant!r}: its codes mean nothing without their last coordinates. Wrap "
                f"'plain', 'variational' or another variant with coordinates of their own."
            )

    def parts(self):
        parts = variant_for(self.variant).parts()
        return replace(parts, bottleneck=lambda n: Nested(parts.bottleneck(n)))


class Sparse(Variant):
    """Codes with few active units.

    Parameters
    ----------
    weight : float
        Of the penalty, beside the log-likelihood.
    form : {"absolute", "divergence"}
        Sum of absolute coordinates, or the divergence of each unit's mean activity from ``rate`` (Ng, 2011).
    rate : float
        Share of the time that a unit should be active, for ``form="divergence"``.
    """

    def __init__(self, weight=1.0, form="absolute", rate=0.05):
        self.weight = weight
        self.form = form
        self.rate = rate

    def check(self):
        self._check_real("weight")
        self._check_real("rate", interval="(0.0, 1.0)")
        check_choice("Sparse", "form", self.form, ("absolute", "divergence"))

    def parts(self):
        function = absolute_code if self.form == "absolute" else RareActivity(self.rate)
        return Parts(terms=(Term("sparsity", self.weight, function),))


class Contractive(Variant):
    """Codes that change little with the sample (Rifai et al., 2011): the encoder's squared Jacobian is penalised.

    Parameters
    ----------
    weight : float
        Of the penalty, beside the log-likelihood.
    """

    def __init__(self, weight=0.1):
        self.weight = weight

    def check(self):
        self._check_real("weight")

    def parts(self):
        return Parts(terms=(Term("slope", self.weight, EncoderSlope()),), follows_samples=True)


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
        Nats the divergence is held at instead of being made small (Burgess et al., 2018).
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

    def parts(self):
        function: Any = gaussian_divergence
        if self.capacity is not None:
            function = Capacity(self.capacity)
        elif self.free_bits > 0:
            function = FreeBits(self.free_bits)
        return Parts(Gaussian, (Term("divergence", self.beta, function, self.warm_up),))


class TotalCorrelation(Variant):
    """Normal codes with coordinates that tell nothing of each other (beta-TC-VAE, Chen et al., 2018).

    Parameters
    ----------
    beta : float
        Weight of the total correlation; the rest of the divergence has weight 1.
    """

    def __init__(self, beta=6.0):
        self.beta = beta

    def check(self):
        self._check_real("beta", interval="[1.0, inf)")

    def parts(self):
        terms = (
            Term("divergence", 1.0, gaussian_divergence),
            Term("total_correlation", self.beta - 1.0, total_correlation),
        )
        return Parts(Gaussian, terms)


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


class Hyperspherical(Variant):
    """Codes spread evenly over a sphere (Davidson et al., 2018, made deterministic as in Xu and Durrett, 2018).

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
        terms = (Term("divergence", 1 - self.alpha, gaussian_divergence), prior_term(weight, "imq"))
        return Parts(Gaussian, terms)


class Regularised(Variant):
    """Plain codes kept small, and a decoder kept smooth, to be sampled from (RAE, Ghosh et al., 2020).

    Parameters
    ----------
    smoothness : {"l2", "gradient", "spectral"}
        Weight decay of the decoder, a penalty on its slope, or spectral normalisation (Miyato et al., 2018).
    weight : float
        Of the penalty on codes, beside the log-likelihood.
    decoder_weight : float
        Of the decoder's decay or slope.
    """

    def __init__(self, smoothness="l2", weight=0.1, decoder_weight=0.01):
        self.smoothness = smoothness
        self.weight = weight
        self.decoder_weight = decoder_weight

    def check(self):
        check_choice("Regularised", "smoothness", self.smoothness, ("l2", "gradient", "spectral"))
        self._check_real("weight", "decoder_weight")

    def parts(self):
        terms = (Term("code", self.weight, squared_code),)
        if self.smoothness == "l2":
            return Parts(terms=terms, decoder_decay=self.decoder_weight)
        if self.smoothness == "gradient":
            return Parts(terms=(*terms, Term("slope", self.decoder_weight, DecoderSlope())))
        return Parts(terms=terms, decoder=spectrally_normalised)


class VectorQuantised(Variant):
    """Codes from codebooks (van den Oord et al., 2017): each is a sum of one vector from every book, where every book
    holds what the ones before left over. Books follow the features by moving averages; vectors that nothing is near to
    are put where features are (Razavi et al., 2019).

    Parameters
    ----------
    codebook_size : int
        Vectors in a book.
    n_books : int
        Books; a code is one of ``codebook_size ** n_books``.
    commitment : float
        Weight of the features' distance from their codes, beside the reconstruction loss.
    """

    def __init__(self, codebook_size=64, n_books=8, commitment=0.25):
        self.codebook_size = codebook_size
        self.n_books = n_books
        self.commitment = commitment

    def check(self):
        check_integer("VectorQuantised", "codebook_size", self.codebook_size, 2)
        check_integer("VectorQuantised", "n_books", self.n_books)
        self._check_real("commitment")

    def parts(self):
        def bottleneck(n: int) -> Quantised:
            return Quantised(n, int(self.codebook_size), int(self.n_books))

        return Parts(bottleneck, (Term("commitment", self.commitment, rounding_error, of_likelihood=False),))


VARIANTS: dict[str, type[Variant]] = {
    "plain": Plain,
    "denoising": Denoising,
    "ordered": Ordered,
    "sparse": Sparse,
    "contractive": Contractive,
    "variational": Variational,
    "total_correlation": TotalCorrelation,
    "wasserstein": Wasserstein,
    "hyperspherical": Hyperspherical,
    "info": Info,
    "regularised": Regularised,
    "vector_quantised": VectorQuantised,
}


def variant_for(variant: Any) -> Variant:
    """A fresh variant object from a name or an object."""
    return VARIANTS[variant]() if isinstance(variant, str) else clone(variant)


def ordered(variant: Any) -> Variant:
    """A fresh variant object with ordered codes: the variant itself where it has them, else wrapped."""
    made = variant_for(variant)
    return made if is_ordered(made) else Ordered(made)


def is_ordered(variant: Variant) -> bool:
    """Whether a variant's codes are ordered, itself or within a wrapper."""
    inner = getattr(variant, "variant", None)
    return isinstance(variant, Ordered) or (inner is not None and is_ordered(variant_for(inner)))


def check_variant(owner: str, variant: Any) -> None:
    """Raise InvalidParameterError unless it is a name or a variant object whose settings are right."""
    if isinstance(variant, str):
        check_choice(owner, "variant", variant, tuple(VARIANTS), otherwise=" or a variant such as Variational()")
    elif isinstance(variant, type) or not all(hasattr(variant, name) for name in ("check", "parts", "get_params")):
        raise invalid(owner, "variant", "a name in VARIANTS or a variant such as Variational()", variant)
    else:
        variant.check()


def prior_term(weight: float, distance: str) -> Term:
    """The distance of a batch's codes from the prior."""
    return Term("discrepancy", weight, SlicedDistance() if distance == "sliced" else Discrepancy(distance))


def with_prior(bottleneck: type[Deterministic], prior: str) -> Callable[[int], Deterministic]:
    """A maker of bottlenecks whose codes are trained towards ``prior``."""

    def make(n_components: int) -> Deterministic:
        made = bottleneck(n_components)
        made.prior = prior
        return made

    return make


def spectrally_normalised(decoder: nn.Module) -> nn.Module:
    """The decoder with every weight divided by its largest singular value, but the last ones that start at zero."""
    for part in list(decoder.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and bool(child.weight.any()):
                setattr(part, name, SpectrallyNormalised(child))
    return decoder
