"""What a variant is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.base import BaseEstimator
from torch import nn

from skae._model import Deterministic
from skae._objectives import Term
from skae._parameters import check_real


@dataclass(frozen=True)
class Parts:
    """What a variant is made of.

    Parameters
    ----------
    bottleneck : callable
        Makes the bottleneck for ``n_components``.
    terms : tuple of Term
    corruption : Module or None
    input_requires_grad : bool
        Whether a term follows codes back to the samples they came from.
    decoder : callable or None
        Takes the decoder module and gives the one to train, e.g. with its weights normalized.
    decoder_decay : float
        Weight decay of the decoder beside the one of all weights.
    n_pseudo_inputs : int
        Samples that are learned, and that the encoder sees beside every batch.
    """

    bottleneck: Callable[[int], Deterministic] = Deterministic
    terms: tuple[Term, ...] = ()
    corruption: nn.Module | None = None
    input_requires_grad: bool = False
    decoder: Callable[[nn.Module], nn.Module] | None = None
    decoder_decay: float = 0.0
    n_pseudo_inputs: int = 0


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
