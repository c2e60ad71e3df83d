"""The base of all variants, and the parts that a variant chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import check_real
from skae.model import Bottleneck, Deterministic
from skae.objectives import Term


@dataclass(frozen=True)
class Parts:
    """The parts of a variant.

    Parameters
    ----------
    bottleneck : callable
        Makes the :class:`~skae.variants.bottlenecks.Bottleneck` for a number of components.
    terms : tuple of Term
        Penalties in addition to the reconstruction loss.
    corruption : Module, default=None
        Corrupts scaled samples (batch, \\*shape), channels first, before the encoder in training.
    decoder : callable, default=None
        Maps the decoder module to the one to train.
    decoder_decay : float
        Weight decay of the decoder, added to that of all weights.

    Examples
    --------
    >>> from skae.variants import Parts, Term
    >>> from skae.variants.bottlenecks import Gaussian
    >>> from skae.variants.penalties import gaussian_kl
    >>> parts = Parts(Gaussian, (Term("kl_divergence", 4.0, gaussian_kl),))
    >>> parts.bottleneck(8).n_in
    16
    """

    bottleneck: Callable[[int], Bottleneck] = Deterministic
    terms: tuple[Term, ...] = ()
    corruption: nn.Module | None = None
    decoder: Callable[[nn.Module], nn.Module] | None = None
    decoder_decay: float = 0.0

    @property
    def input_requires_grad(self) -> bool:
        """Whether a penalty differentiates with respect to the encoder's input."""
        return any(getattr(term.function, "input_requires_grad", False) for term in self.terms)


class Variant(BaseEstimator):
    """A choice of a bottleneck, penalties and a corruption, for the parameter ``variant``.

    A subclass stores its parameters in ``__init__`` under their own names and overrides ``parts``. It is a
    ``BaseEstimator`` for ``get_params``, ``set_params`` and ``clone``; it has no ``fit``. :mod:`skae.variants` has an
    example.

    Examples
    --------
    >>> from skae.variants import Parts, Term, Variant
    >>> from skae.variants.penalties import l1_penalty
    >>> class Rare(Variant):
    ...     def __init__(self, weight=1.0):
    ...         self.weight = weight
    ...
    ...     def parts(self):
    ...         return Parts(terms=(Term("l1", self.weight, l1_penalty),))
    >>> Rare(weight=2.0).set_params(weight=3.0)
    Rare(weight=3.0)
    """

    def check(self) -> None:
        """Raise InvalidParameterError, a ValueError and TypeError, if a parameter is invalid."""

    def parts(self) -> Parts:
        """Make the parts of the variant, new ones in every call."""
        return Parts()

    def _check_real(self, *names: str, interval: str = "[0.0, inf)") -> None:
        for name in names:
            check_real(type(self).__name__, name, getattr(self, name), interval)
