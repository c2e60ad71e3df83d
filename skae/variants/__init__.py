"""Variants of the autoencoder as choices of parts: a bottleneck, a corruption, and terms beside the loss."""

from .codes import Contractive, Plain, Regularised, Sparse, VectorQuantised, spectrally_normalised
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
from .wrappers import VARIANTS, Denoising, Ordered, check_variant, class_of_variant, is_ordered, ordered, variant_for

__all__ = [
    "VARIANTS",
    "Adversarial",
    "Contractive",
    "Denoising",
    "Hyperspherical",
    "ImportanceWeighted",
    "Info",
    "Ordered",
    "Parts",
    "Plain",
    "Regularised",
    "Sparse",
    "TotalCorrelation",
    "VampPrior",
    "Variant",
    "Variational",
    "VectorQuantised",
    "Wasserstein",
    "check_variant",
    "class_of_variant",
    "is_ordered",
    "ordered",
    "spectrally_normalised",
    "variant_for",
]
