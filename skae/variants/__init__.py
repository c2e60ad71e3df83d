"""Variants of the autoencoder: each chooses a bottleneck, penalties, a corruption, or a change of the decoder.

A ``variant`` is a name in ``VARIANTS``, such as "variational", or an object, such as ``Variational(beta=4)``.
:class:`Denoising`, :class:`Nested` and :class:`Supervised` wrap another variant. :class:`Supervised` needs y.

A custom variant is a subclass of :class:`Variant` whose ``parts`` returns :class:`Parts`:
:mod:`skae.variants.bottlenecks` and :mod:`skae.variants.penalties` hold parts to combine. A penalty is a function of a
:class:`~skae.variants.penalties.Trace`.

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from skae import AutoencoderTransformer
>>> from skae.variants import Denoising, Parts, Term, Variant
>>> from skae.variants.bottlenecks import Deterministic, StandardNormal
>>> from skae.variants.penalties import MMD
>>> def correlation(trace):
...     codes = trace.code.mean
...     return codes.T.corrcoef().triu(1).square().sum()
>>> class Decorrelated(Variant):
...     def __init__(self, weight=1.0):
...         self.weight = weight
...
...     def parts(self):
...         return Parts(
...             bottleneck=lambda n_components: Deterministic(n_components, StandardNormal(n_components)),
...             terms=(Term("mmd", 10.0, MMD()), Term("correlation", self.weight, correlation)),
...         )
>>> variant = Denoising("gaussian", 0.1, variant=Decorrelated(weight=5.0))
>>> autoencoder = AutoencoderTransformer(2, variant=variant, max_epochs=3, random_state=0).fit(load_iris().data)
>>> sorted(name for name in autoencoder.history_[-1] if name.startswith("train"))
['train_correlation', 'train_loss', 'train_mmd', 'train_reconstruction']
>>> autoencoder.sample(5, random_state=0).shape
(5, 4)
"""

from skae.objectives import Term

from . import bottlenecks, penalties
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
from .wrappers import (
    VARIANTS,
    Denoising,
    Nested,
    Supervised,
    check_variant,
    class_of_variant,
    is_nested,
    is_supervised,
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
    "Supervised",
    "Term",
    "TotalCorrelation",
    "VampPrior",
    "Variant",
    "Variational",
    "VectorQuantized",
    "Wasserstein",
    "bottlenecks",
    "penalties",
]
