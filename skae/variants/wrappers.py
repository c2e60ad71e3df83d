"""Variants that wrap others, and the table of all by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from sklearn.base import clone
from torch import nn

from skae._model import CORRUPTIONS, NestedDropout
from skae._parameters import InvalidParameterError, check_choice, check_nested, first_with, invalid

from .codes import Contractive, Plain, Regularized, Sparse, VectorQuantized
from .densities import (
    Adversarial,
    Hyperspherical,
    ImportanceWeighted,
    Info,
    TotalCorrelation,
    VampPrior,
    Variational,
    Wasserstein,
)
from .parts import Variant


class Wrapper(Variant):
    """A variant around another, its ``variant``."""

    def set_params(self, **params):
        check_nested(self, params, {"variant": class_of_variant})
        return super().set_params(**params)


class Denoising(Wrapper):
    """Brings back clean samples from corrupted ones (Vincent et al., 2010). Wraps any variant.

    Parameters
    ----------
    corruption : {"gaussian", "masking", "salt_and_pepper", "swap"}
        Normal noise; the mean, or the smallest or largest number, or another row's number in place of some. "swap"
        suits tables, whose columns have distributions of their own.
    amount : float
        Share of numbers changed; for "gaussian" the noise's deviation, in deviations of the scaled data.
    variant : str or variant object
        The variant that is trained so; another Denoising adds its corruption.

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
        inner, own = variant_for(self.variant).parts(), CORRUPTIONS[self.corruption](self.amount)
        return replace(inner, corruption=own if inner.corruption is None else nn.Sequential(own, inner.corruption))


class Nested(Wrapper):
    """Codes whose first k coordinates are a good code for every k, as PCA's are: nested dropout (Rippel, Gelbart and
    Adams, 2014), as in Matryoshka codes (Kusupati et al., 2022). Wraps any variant whose coordinates can be left out.

    Parameters
    ----------
    variant : str or variant object
        The variant whose codes are nested.
    """

    def __init__(self, variant="plain"):
        self.variant = variant

    def check(self):
        check_variant("Nested", self.variant)
        if is_nested(variant_for(self.variant)):
            raise InvalidParameterError(f"Nested cannot wrap {self.variant!r}: its codes are nested already.")
        parts = variant_for(self.variant).parts()
        with torch.device("meta"):  # where its weights are not drawn
            bottleneck = parts.bottleneck(1)
        if not bottleneck.can_be_nested:
            raise InvalidParameterError(
                f"Nested cannot wrap {self.variant!r}: its codes cannot be cut, or are drawn several times. Wrap "
                f"'plain', 'variational' or another variant whose coordinates stand for themselves."
            )

    def parts(self):
        parts = variant_for(self.variant).parts()
        return replace(parts, bottleneck=lambda n: NestedDropout(parts.bottleneck(n)))


VARIANTS: dict[str, type[Variant]] = {
    "plain": Plain,
    "denoising": Denoising,
    "nested": Nested,
    "sparse": Sparse,
    "contractive": Contractive,
    "variational": Variational,
    "importance_weighted": ImportanceWeighted,
    "vamp_prior": VampPrior,
    "total_correlation": TotalCorrelation,
    "wasserstein": Wasserstein,
    "adversarial": Adversarial,
    "hyperspherical": Hyperspherical,
    "info": Info,
    "regularized": Regularized,
    "vector_quantized": VectorQuantized,
}


def class_of_variant(name: Any, setting: str) -> str:
    """The class to write in place of a variant's name, for a setting of it."""
    return first_with(setting.partition("__")[0], tuple(VARIANTS.values()), VARIANTS.get(name, Variational))


def variant_for(variant: Any) -> Variant:
    """A fresh variant object from a name or an object."""
    return VARIANTS[variant]() if isinstance(variant, str) else clone(variant)


def nested_variant(variant: Any) -> Variant:
    """A fresh variant object with nested codes: the variant itself where it has them, else wrapped."""
    made = variant_for(variant)
    return made if is_nested(made) else Nested(made)


def is_nested(variant: Variant) -> bool:
    """Whether a variant's codes are nested, itself or within a wrapper."""
    inner = getattr(variant, "variant", None)
    return isinstance(variant, Nested) or (inner is not None and is_nested(variant_for(inner)))


def check_variant(owner: str, variant: Any) -> None:
    """Raise InvalidParameterError unless it is a name or a variant object whose settings are right."""
    if isinstance(variant, str):
        check_choice(owner, "variant", variant, tuple(VARIANTS), otherwise=" or a variant such as Variational()")
    elif isinstance(variant, type) or not all(hasattr(variant, name) for name in ("check", "parts", "get_params")):
        raise invalid(owner, "variant", "a name in VARIANTS or a variant such as Variational()", variant)
    else:
        variant.check()
