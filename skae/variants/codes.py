"""Variants without a fixed prior: penalties on codes, on the encoder and on the decoder, and quantized codes."""

from __future__ import annotations

from typing import Literal

from torch import nn

from skae._parameters import check_choice, check_integer
from skae.model import Quantizer, SpectralNorm, is_zero
from skae.objectives import Term
from skae.objectives.penalties import (
    DecoderJacobianPenalty,
    EncoderJacobianPenalty,
    KLSparsity,
    l1_penalty,
    l2_penalty,
    quantization_error,
)

from .parts import Parts, Variant

# A transposed convolution is the adjoint of a convolution and has the same spectral norm.
NORMALIZED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class Plain(Variant):
    """Deterministic codes and the reconstruction loss only (Hinton and Salakhutdinov, 2006).

    Examples
    --------
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Plain
    >>> autoencoder = AutoencoderTransformer(2, variant=Plain())  # the same as variant="plain"
    """


class Sparse(Variant):
    """Sparse codes: most coordinates of a code are close to zero.

    Parameters
    ----------
    weight : float
        Weight of the penalty, relative to the negative log-likelihood of a sample. For 16 components of the digits, 5
        doubles the sparsity of codes (by the measure of Hoyer, 2004, from 0.26 to 0.54) at the same explained variance.
        20 makes them less sparse than 5 (0.44), and lowers the explained variance by 0.04.
    form : {"l1", "kl"}
        "l1" is the sum of absolute coordinates, each divided by its root mean square in the batch. "kl" is the KL
        divergence of the mean activation of each coordinate from ``rate`` (Ng, 2011), where the activation is the
        logistic function of the coordinate.
    rate : float
        Target of the mean activation in ``form="kl"``, in (0, 1).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Sparse
    >>> autoencoder = AutoencoderTransformer(2, variant=Sparse(weight=20.0), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).transform(load_iris().data).shape
    (150, 2)
    """

    def __init__(self, weight: float = 5.0, form: Literal["l1", "kl"] = "l1", rate: float = 0.05):
        self.weight = weight
        self.form = form
        self.rate = rate

    def check(self) -> None:
        self._check_real("weight")
        self._check_real("rate", interval="(0.0, 1.0)")
        check_choice("Sparse", "form", self.form, ("l1", "kl"))

    def parts(self) -> Parts:
        function = l1_penalty if self.form == "l1" else KLSparsity(self.rate)
        return Parts(terms=(Term("sparsity", self.weight, function),))


class Contractive(Variant):
    """Codes that are insensitive to small changes of the sample (Rifai et al., 2011).

    The penalty is the squared Frobenius norm of the encoder's Jacobian.

    Parameters
    ----------
    weight : float
        Weight of the penalty, relative to the negative log-likelihood of a sample.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Contractive
    >>> autoencoder = AutoencoderTransformer(2, variant=Contractive(0.5), max_epochs=3, random_state=0)
    >>> "train_jacobian" in autoencoder.fit(load_iris().data).history_[-1]
    True
    """

    def __init__(self, weight: float = 0.1):
        self.weight = weight

    def check(self) -> None:
        self._check_real("weight")

    def parts(self) -> Parts:
        return Parts(terms=(Term("jacobian", self.weight, EncoderJacobianPenalty()),))


class Regularized(Variant):
    """Deterministic codes and a regularized decoder, for sampling (RAE, Ghosh et al., 2020).

    The code penalty is half the squared length of codes.

    Parameters
    ----------
    smoothness : {"l2", "gradient", "spectral"}
        Regularization of the decoder. "l2" is weight decay. "gradient" penalizes the squared Frobenius norm of its
        Jacobian. "spectral" is spectral normalization (Miyato et al., 2018) of its layers, except those that start with
        zero weights and the linear path.
    weight : float
        Weight of the code penalty, relative to the negative log-likelihood of a sample.
    decoder_weight : float
        Weight of the Jacobian penalty; for "l2", weight decay of the decoder and its linear path, added to that of all
        weights. Not used for "spectral".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import Regularized
    >>> autoencoder = AutoencoderTransformer(2, variant=Regularized("gradient"), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).sample(5, random_state=0).shape
    (5, 4)
    """

    def __init__(
        self,
        smoothness: Literal["l2", "gradient", "spectral"] = "l2",
        weight: float = 0.1,
        decoder_weight: float = 0.01,
    ):
        self.smoothness = smoothness
        self.weight = weight
        self.decoder_weight = decoder_weight

    def check(self) -> None:
        check_choice("Regularized", "smoothness", self.smoothness, ("l2", "gradient", "spectral"))
        self._check_real("weight", "decoder_weight")

    def parts(self) -> Parts:
        terms = (Term("l2", self.weight, l2_penalty),)
        if self.smoothness == "l2":
            return Parts(terms=terms, decoder_decay=self.decoder_weight)
        if self.smoothness == "gradient":
            return Parts(terms=(*terms, Term("jacobian", self.decoder_weight, DecoderJacobianPenalty())))
        return Parts(terms=terms, decoder=normalize_spectrally)


class VectorQuantized(Variant):
    """Codes that are sums of codebook vectors, one of each codebook (VQ-VAE, van den Oord et al., 2017).

    Quantization is residual: each codebook approximates the residual of the codebooks before it. Codebooks are moving
    averages of the features. A vector that is nearest to few features is replaced by a feature (Razavi et al., 2019).

    Parameters
    ----------
    codebook_size : int
        Vectors per codebook, at least 2.
    n_codebooks : int
        Number of codebooks. There are ``codebook_size ** n_codebooks`` different codes.
    commitment : float
        Weight of the squared difference of features and codes, relative to the reconstruction loss.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.variants import VectorQuantized
    >>> variant = VectorQuantized(codebook_size=4, n_codebooks=1)
    >>> autoencoder = AutoencoderTransformer(2, variant=variant, max_epochs=3, random_state=0)
    >>> len(np.unique(autoencoder.fit_transform(load_iris().data), axis=0)) <= 4
    True
    """

    def __init__(self, codebook_size: int = 64, n_codebooks: int = 8, commitment: float = 0.25):
        self.codebook_size = codebook_size
        self.n_codebooks = n_codebooks
        self.commitment = commitment

    def check(self) -> None:
        check_integer("VectorQuantized", "codebook_size", self.codebook_size, 2)
        check_integer("VectorQuantized", "n_codebooks", self.n_codebooks)
        self._check_real("commitment")

    def parts(self) -> Parts:
        def bottleneck(n: int) -> Quantizer:
            return Quantizer(n, int(self.codebook_size), int(self.n_codebooks))

        return Parts(bottleneck, (Term("commitment", self.commitment, quantization_error, of_likelihood=False),))


def normalize_spectrally(decoder: nn.Module) -> nn.Module:
    """Divide every weight of the decoder by its largest singular value, except weights that are all zero."""
    for part in list(decoder.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, NORMALIZED) and not is_zero(child):
                setattr(part, name, SpectralNorm(child))
    return decoder
