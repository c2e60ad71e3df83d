"""The objective: the sum of the reconstruction loss and weighted penalties."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skae._processes import current
from skae.model import Trace

from .reconstruction import LOSSES


@dataclass(frozen=True)
class Term:
    """A penalty in the objective.

    Parameters
    ----------
    name : str
        The penalty is recorded in ``history_`` as "train_" and "valid_" with this name.
    weight : float
        Multiplies the penalty. The unit is nats per sample: the weight 1 on a KL divergence gives the evidence lower
        bound.
    function : callable
        Maps a ``Trace`` to a tensor of shape (batch,), or to a scalar of the batch. Modules that draw random numbers
        are a ``StochasticModule``.
    warm_up : float
        Share of training, in [0, 1], in which the weight increases linearly from 0.
    of_likelihood : bool
        Whether ``weight`` is relative to the negative log-likelihood of a sample. If false, it is relative to the
        reconstruction loss, an average over features.
    in_training_only : bool
        Whether the penalty is left out of the validation loss.

    Examples
    --------
    >>> from skae.variants import Term
    >>> from skae.variants.penalties import l2_penalty
    >>> Term("length", 0.1, l2_penalty, warm_up=0.5).weight
    0.1
    """

    name: str
    weight: float
    function: Callable[[Trace], Tensor]
    warm_up: float = 0.0
    of_likelihood: bool = True
    in_training_only: bool = False


class Objective(nn.Module):
    """The reconstruction loss, averaged over features and batch, plus weighted penalties.

    If values are missing, it is the sum over the known values of a sample, divided by the mean number of known values
    per training row. The mean over training rows is then that over all their known values, and each value has the same
    weight in every batch, so gradients of batches are unbiased.

    The negative log-likelihood of a sample is that of noise whose variance is the mean squared error of the batch, the
    maximum-likelihood estimate (Rybkin, Daniilidis and Levine, 2021). The balance of reconstruction and penalties then
    does not depend on the scale of the data. In data-parallel training, the batch is that of all processes.

    Parameters
    ----------
    loss : str or callable
        A name in LOSSES, or a function of (output, target) that returns the negative log-likelihood of every sample,
        averaged over features, (batch,). A module is copied, and its weights are not trained.
    terms : tuple of Term

    Attributes
    ----------
    progress : float
        Share of training so far, in [0, 1].
    latest : dict of str to Tensor
        The reconstruction loss and the unweighted penalties of the latest batch.
    n_features, residual : int or None, float
        If samples are coordinates: the number of features, and the mean squared error that coordinates leave out.
    """

    def __init__(self, loss: str | Callable[[Tensor, Tensor], Tensor] = "mse", terms: tuple[Term, ...] = ()):
        super().__init__()
        self.loss = copy.deepcopy(loss).requires_grad_(False).eval() if isinstance(loss, nn.Module) else loss
        self.terms = terms
        self.functions = nn.ModuleList(term.function for term in terms if isinstance(term.function, nn.Module))
        self.progress = 1.0
        self.latest: dict[str, Tensor] = {}
        self.n_features: int | None = None
        self.residual = 0.0

    @property
    def active(self) -> tuple[Term, ...]:
        """The terms of the current mode, training or evaluation."""
        return self.terms if self.training else tuple(term for term in self.terms if not term.in_training_only)

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of ``latest``."""
        return ("reconstruction", *(term.name for term in self.active)) if self.terms else ()

    def forward(self, trace: Trace) -> Tensor:
        """The scalar to minimize."""
        if trace.code.reduce is not None:
            return self._reduce(trace, trace.code.reduce)
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

    def _reduce(self, trace: Trace, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        """The scalar to minimize with the ``reduce`` of a code."""
        losses = self._reconstruction(trace)
        scale = self._scale(trace, losses.mean())
        self.latest = {"reconstruction": losses.detach().mean()}
        for term in self.active:
            value = term.function(trace)
            self.latest[term.name] = value.detach().mean()
            losses = losses + value * self._weight(term, scale)
        return scale * reduce(losses / scale)

    def per_sample(self, trace: Trace) -> Tensor:
        """The objective of every sample, (batch,)."""
        loss = self._reconstruction(trace)
        if trace.code.weight is not None:
            loss = loss * trace.code.weight
        scale = self._scale(trace, loss.mean()) if self.active else 1.0
        for term in self.active:
            loss = loss + term.function(trace) * self._weight(term, scale)
        return loss

    def train(self, mode: bool = True) -> Objective:
        """Set the mode; a loss that is a module stays in evaluation mode."""
        super().train(mode)
        if isinstance(self.loss, nn.Module):
            self.loss.eval()
        return self

    def _reconstruction(self, trace: Trace, per_sample: bool = True) -> Tensor:
        observed, target = trace.observed, trace.target
        if isinstance(self.loss, str):
            weight = None if observed is None else observed / trace.observed_share
            return LOSSES[self.loss](trace.output, target, per_sample=per_sample, weight=weight)
        if observed is not None:
            # Losses of two arrays have no weights: missing values are reconstructed without an error.
            target = torch.where(observed, target, trace.output.detach())
        losses = self.loss(trace.output, target)
        losses = losses if observed is None else losses / trace.observed_share
        return losses if per_sample else losses.mean()

    def _weight(self, term: Term, scale: Tensor | float) -> Tensor | float:
        weight = term.weight
        if self.training and term.warm_up > 0:
            weight *= min(1.0, self.progress / term.warm_up)
        return weight * scale if term.of_likelihood else weight

    def _scale(self, trace: Trace, loss: Tensor) -> Tensor | float:
        """The factor from the negative log-likelihood of a sample to the reconstruction loss."""
        n_features = (self.n_features or math.prod(trace.target.shape[1:])) * trace.observed_share
        if callable(self.loss) or self.loss in ("bce", "huber"):
            return 1 / n_features
        if self.loss == "cross_entropy":
            return 1 / math.prod(trace.target.shape[2:])
        # The loss estimates the variance of normal noise, of which this takes twice, or the scale of Laplace noise.
        loss = current().mean(loss.detach(), len(trace.target))
        return (loss + self.residual) * (2 if self.loss == "mse" else 1) / n_features
