"""The sum that training minimizes. Losses and penalties stand for themselves; only here are they weighed and added."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from skae._model import Trace

from .reconstruction import LOSSES


@dataclass(frozen=True)
class Term:
    """A penalty beside the reconstruction loss.

    Parameters
    ----------
    name : str
        In ``history_``.
    weight : float
        Beside the negative log-likelihood of a whole sample, so 1 for the divergence gives the evidence lower bound.
    function : callable
        Takes a ``Trace``; gives (batch,) or a scalar.
    warm_up : float
        The weight rises from 0 over this share of training.
    of_likelihood : bool
        Whether ``weight`` is beside the log-likelihood; else it is beside the reconstruction loss itself, an average
        over features.
    in_training_only : bool
        Whether held-out rows are judged without it.
    """

    name: str
    weight: float
    function: Callable[[Trace], Tensor]
    warm_up: float = 0.0
    of_likelihood: bool = True
    in_training_only: bool = False


class Objective(nn.Module):
    """The reconstruction loss, averaged over features and batch, and weighted terms.

    Terms of the likelihood are weighed as beside the negative log-likelihood of a sample whose noise has the
    variance that the reconstruction shows, the best one (Rybkin, Daniilidis and Levine, 2021): so no scale of the data
    drowns them or is drowned.

    Parameters
    ----------
    loss : str or callable
        A name in LOSSES, or what takes (output, target) to (batch,): then the negative log-likelihood of a sample,
        averaged over features. A module is copied, and its weights stay as they are.
    terms : tuple of Term
    """

    def __init__(self, loss: str | Callable[[Tensor, Tensor], Tensor] = "mse", terms: tuple[Term, ...] = ()):
        super().__init__()
        self.loss = copy.deepcopy(loss).requires_grad_(False).eval() if isinstance(loss, nn.Module) else loss
        self.terms = terms
        self.functions = nn.ModuleList(term.function for term in terms if isinstance(term.function, nn.Module))
        # Share of training that is done.
        self.progress = 1.0
        # What is recorded beside the sum, in the latest batch.
        self.latest: dict[str, Tensor] = {}

    @property
    def active(self) -> tuple[Term, ...]:
        """The terms that count now."""
        return self.terms if self.training else tuple(term for term in self.terms if not term.in_training_only)

    @property
    def names(self) -> tuple[str, ...]:
        """What is recorded beside the sum."""
        return ("reconstruction", *(term.name for term in self.active)) if self.terms else ()

    def forward(self, trace: Trace) -> Tensor:
        """The scalar to minimize."""
        if trace.code.draws:
            return self._of_draws(trace)
        weight = trace.code.weight
        if weight is None:
            loss = self._reconstruction(trace, per_sample=False)
        else:
            loss = (self._reconstruction(trace) * weight).mean()
        if not self.terms:
            return loss
        total, scale = loss, self._scale(trace, loss)
        self.latest = {"reconstruction": loss.detach()}
        for term in self.active:
            value = term.function(trace).mean()
            self.latest[term.name] = value.detach()
            total = total + value * self._weight(term, scale)
        return total

    def _of_draws(self, trace: Trace) -> Tensor:
        """The bound of Burda, Grosse and Salakhutdinov (2016): the likelihoods of a sample's draws are averaged."""
        rows = self._reconstruction(trace)
        scale = self._scale(trace, rows.mean())
        self.latest = {"reconstruction": rows.detach().mean()}
        for term in self.active:
            value = term.function(trace)
            self.latest[term.name] = value.detach().mean()
            rows = rows + value * self._weight(term, scale)
        of_sample = (rows / -scale).view(trace.code.repeats, -1)
        return -scale * (of_sample.logsumexp(0) - math.log(trace.code.repeats)).mean()

    def per_sample(self, trace: Trace) -> Tensor:
        """The objective of every sample, (batch,)."""
        loss = self._reconstruction(trace)
        if trace.code.weight is not None:
            loss = loss * trace.code.weight
        scale = self._scale(trace, loss.mean())
        for term in self.active:
            loss = loss + term.function(trace) * self._weight(term, scale)
        return loss

    def train(self, mode: bool = True) -> Objective:
        """As of every module; a loss that is a module stays as it was given."""
        super().train(mode)
        if isinstance(self.loss, nn.Module):
            self.loss.eval()
        return self

    def _reconstruction(self, trace: Trace, per_sample: bool = True) -> Tensor:
        if isinstance(self.loss, str):
            return LOSSES[self.loss](trace.output, trace.target, per_sample=per_sample)
        rows = self.loss(trace.output, trace.target)
        return rows if per_sample else rows.mean()

    def _weight(self, term: Term, scale: Tensor | float) -> Tensor | float:
        weight = term.weight
        if self.training and term.warm_up > 0:
            weight *= min(1.0, self.progress / term.warm_up)
        return weight * scale if term.of_likelihood else weight

    def _scale(self, trace: Trace, loss: Tensor) -> Tensor | float:
        """What turns the negative log-likelihood of a sample into the reconstruction loss."""
        n_features = math.prod(trace.target.shape[1:])
        if callable(self.loss) or self.loss in ("bce", "huber"):
            return 1 / n_features
        if self.loss == "cross_entropy":
            return 1 / math.prod(trace.target.shape[2:])
        # Of normal noise twice its variance, of Laplace noise its scale; both are what the loss estimates.
        return loss.detach() * (2 if self.loss == "mse" else 1) / n_features
