"""Variants of the autoencoder as choices of parts: a bottleneck, a corruption, and terms beside the loss."""

from .codes import Contractive, Plain, Regularized, Sparse, VectorQuantized, normalize_spectrally
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
from .wrappers import (
    VARIANTS,
    Denoising,
    Nested,
    check_variant,
    class_of_variant,
    is_nested,
    nested_variant,
    variant_for,
)

__all__ = [
    "VARIANTS",
    "Adversarial",
    "Contractive",
    "Denoising",
    "Hyperspherical",
    "ImportanceWeighted",
    "Info",
    "Nested",
    "Parts",
    "Plain",
    "Regularized",
    "Sparse",
    "TotalCorrelation",
    "VampPrior",
    "Variant",
    "Variational",
    "VectorQuantized",
    "Wasserstein",
    "check_variant",
    "class_of_variant",
    "is_nested",
    "nested_variant",
    "normalize_spectrally",
    "variant_for",
]
