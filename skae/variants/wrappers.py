"""Variants that wrap another variant, and the table of all variants by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from sklearn.base import clone
from torch import nn

from skae._parameters import InvalidParameterError, check_choice, check_nested, invalid, suggest_class
from skae.model import CORRUPTIONS, NestedDropout
from skae.objectives import Term
from skae.objectives.penalties import prediction_error

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
from .parts import Parts, Variant


class Wrapper(Variant):
    """A variant around another one, its parameter ``variant``."""

    variant: str | Variant

    def set_params(self, **params: Any) -> Wrapper:
        """Set parameters, those of the wrapped variant as "variant__beta".

        Raises ValueError if a parameter does not exist, or ``variant`` is a name, which has no parameters.
        """
        check_nested(self, params, {"variant": class_of_variant})
        return super().set_params(**params)


class Denoising(Wrapper):
    """Reconstructs clean samples from corrupted ones (Vincent et al., 2010). Wraps any variant.

    Parameters
    ----------
    corruption : {"gaussian", "masking", "salt_and_pepper", "swap"}
        "gaussian" adds normal noise. The others replace a random share of the features: "masking" by their mean,
        "salt_and_pepper" by the minimum or maximum of the batch, "swap" by the same feature of another row (for tables,
        as it keeps the distribution of each column).
    amount : float
        Share of features replaced, in [0, 1]. For "gaussian", the standard deviation of the noise, in standard
        deviations of the scaled data.
    variant : str or variant object
        The variant to train this way. Another Denoising adds its corruption.

    Examples
    --------
    >>> from skae.variants import Denoising, Variational
    >>> Denoising("masking", 0.3, variant=Variational(beta=4))
    Denoising(amount=0.3, variant=Variational(beta=4))
    """

    def __init__(
        self,
        corruption: Literal["gaussian", "masking", "salt_and_pepper", "swap"] = "masking",
        amount: float = 0.2,
        variant: str | Variant = "plain",
    ):
        self.corruption = corruption
        self.amount = amount
        self.variant = variant

    def check(self) -> None:
        check_choice("Denoising", "corruption", self.corruption, tuple(CORRUPTIONS))
        self._check_real("amount", interval="[0.0, inf)" if self.corruption == "gaussian" else "[0.0, 1.0]")
        check_variant("Denoising", self.variant)

    def parts(self) -> Parts:
        parts, corruption = variant_for(self.variant).parts(), CORRUPTIONS[self.corruption](self.amount)
        both = corruption if parts.corruption is None else nn.Sequential(corruption, parts.corruption)
        return replace(parts, corruption=both)


class Nested(Wrapper):
    """Nested (Matryoshka) codes: the first k coordinates are a code of their own, for every k, as PCA's are.

    Training is nested dropout (Rippel, Gelbart and Adams, 2014; Kusupati et al., 2022). Wraps any variant but
    "vector_quantized", "hyperspherical" and "importance_weighted".

    Parameters
    ----------
    variant : str or variant object
        The variant whose codes are nested.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Nested
    >>> autoencoder = AutoencoderTransformer(3, variant=Nested("variational"), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).explained_variance_ratio_.shape
    (3,)
    """

    def __init__(self, variant: str | Variant = "plain"):
        self.variant = variant

    def check(self) -> None:
        check_variant("Nested", self.variant)
        if is_nested(variant_for(self.variant)):
            raise InvalidParameterError(f"Nested cannot wrap {self.variant!r}: its codes are nested already.")
        parts = variant_for(self.variant).parts()
        with torch.device("meta"):  # allocates nothing
            bottleneck = parts.bottleneck(1)
        if not bottleneck.can_be_nested:
            raise InvalidParameterError(
                f"Nested cannot wrap {self.variant!r}: a prefix of its codes is not a code, or codes are drawn several "
                f"times. Wrap 'plain', 'variational' or another variant with independent coordinates."
            )

    def parts(self) -> Parts:
        parts = variant_for(self.variant).parts()
        return replace(parts, bottleneck=lambda n: NestedDropout(parts.bottleneck(n)))


class Supervised(Wrapper):
    """Codes that also predict y, by a linear head that is trained with the autoencoder (Le, Patterson and White, 2018).

    ``fit`` needs y, and ``transform`` does not. Wraps any variant. The head is used in training only; fit a classifier
    or regressor to the codes as the next step of a pipeline. The weights of the epoch with the lowest validation loss,
    prediction included, are kept; they are not compared with PCA. y of validation rows is used in the validation loss
    only.

    Class labels may have any type, and need at least two classes; numbers may be 1-D or 2-D. Rows whose y is missing
    count in the reconstruction loss alone: NaN, None, masked values, or -1 beside two or more classes, which may be
    strings (as in ``SelfTrainingClassifier``).

    Parameters
    ----------
    weight : float
        Weight of the prediction, in [0, inf): cross-entropy for labels, squared error for numbers. With 1, predicting y
        by a constant costs as much as reconstructing X by a constant.
    variant : str or variant object
        The variant that is trained with a head.
    target : {"auto", "classes", "numbers"}
        What y holds. "auto": strings, booleans and integers are class labels, unless there are more than 20 different
        integers, most of which occur once, and none is -1. Floats are numbers, unless they are at most 20 different
        whole numbers. Pass "numbers" for integers such as ages or counts.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Supervised
    >>> X, y = load_iris(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(2, variant=Supervised(weight=1.0), max_epochs=3, random_state=0)
    >>> autoencoder.fit(X, y).transform(X).shape
    (150, 2)
    """

    def __init__(
        self,
        weight: float = 1.0,
        variant: str | Variant = "plain",
        target: Literal["auto", "classes", "numbers"] = "auto",
    ):
        self.weight = weight
        self.variant = variant
        self.target = target

    def check(self) -> None:
        self._check_real("weight")
        check_choice("Supervised", "target", self.target, ("auto", "classes", "numbers"))
        check_variant("Supervised", self.variant)
        if is_supervised(self.variant):
            raise InvalidParameterError(f"Supervised cannot wrap {self.variant!r}: it has a head already.")

    def parts(self) -> Parts:
        parts = variant_for(self.variant).parts()
        head = Term("prediction", self.weight, prediction_error, of_likelihood=False)
        return replace(parts, terms=(*parts.terms, head))


# Supervised is not among them: it needs y, and is passed as an object.
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
    """The class that an error suggests instead of a variant's name, for one of its parameters."""
    return suggest_class(setting.partition("__")[0], tuple(VARIANTS.values()), VARIANTS.get(name, Variational))


def variant_for(variant: str | Variant) -> Variant:
    """A new variant object from a name or an object."""
    return VARIANTS[variant]() if isinstance(variant, str) else clone(variant)


def nested_variant(variant: str | Variant) -> Variant:
    """A new variant object with nested codes: wrapped in ``Nested`` unless its codes are nested already."""
    new = variant_for(variant)
    return new if is_nested(new) else Nested(new)


def is_nested(variant: Variant) -> bool:
    """Whether a variant's codes are nested, by itself or by a variant that it wraps."""
    return includes(variant, Nested)


def is_supervised(variant: str | Variant) -> bool:
    """Whether a variant has a head that predicts y, by itself or by a variant that it wraps."""
    return includes(variant, Supervised)


def supervised_part(variant: Any) -> Supervised:
    """The supervised variant among those that a variant wraps, itself included."""
    return variant if isinstance(variant, Supervised) else supervised_part(variant.variant)


def includes(variant: Any, kind: type[Variant]) -> bool:
    """Whether a variant, or one that it wraps, is of a kind."""
    variant = VARIANTS.get(variant, Plain)() if isinstance(variant, str) else variant
    return isinstance(variant, kind) or (hasattr(variant, "variant") and includes(variant.variant, kind))


def check_variant(owner: str, variant: Any) -> None:
    """Raise InvalidParameterError unless it is a name or a variant object with valid parameters."""
    if isinstance(variant, str):
        check_choice(owner, "variant", variant, tuple(VARIANTS), otherwise=" or a variant such as Variational()")
    elif isinstance(variant, type) or not all(hasattr(variant, name) for name in ("check", "parts", "get_params")):
        raise invalid(owner, "variant", "a name in VARIANTS or a variant such as Variational()", variant)
    else:
        variant.check()
