"""Variants whose codes follow no density: what is asked of codes and of the networks around them."""

from __future__ import annotations

from torch import nn

from skae._model import Quantizer, SpectralNorm
from skae._objectives import Term
from skae._objectives.penalties import (
    DecoderJacobianPenalty,
    EncoderJacobianPenalty,
    KLSparsity,
    l1_penalty,
    l2_penalty,
    quantization_error,
)
from skae._parameters import check_choice, check_integer

from .parts import Parts, Variant

# A transposed convolution is the adjoint of one, and has its norm.
NORMALIZED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class Plain(Variant):
    """A deterministic code and nothing beside the reconstruction loss (Hinton and Salakhutdinov, 2006)."""


class Sparse(Variant):
    """Codes with few active units.

    Parameters
    ----------
    weight : float
        Of the penalty, beside the log-likelihood. On digits 5 makes codes a third sparser (Hoyer, 2004) at the same
        reconstruction, 20 twice as sparse for a share of 0.06.
    form : {"l1", "kl"}
        Sum of absolute coordinates in units of their spread, or the divergence of each unit's mean activity from
        ``rate`` (Ng, 2011).
    rate : float
        Share of the time that a unit should be active, for ``form="kl"``.
    """

    def __init__(self, weight=5.0, form="l1", rate=0.05):
        self.weight = weight
        self.form = form
        self.rate = rate

    def check(self):
        self._check_real("weight")
        self._check_real("rate", interval="(0.0, 1.0)")
        check_choice("Sparse", "form", self.form, ("l1", "kl"))

    def parts(self):
        function = l1_penalty if self.form == "l1" else KLSparsity(self.rate)
        return Parts(terms=(Term("sparsity", self.weight, function),))


class Contractive(Variant):
    """Codes that change little with the sample (Rifai et al., 2011): the encoder's squared Jacobian is penalized.

    Parameters
    ----------
    weight : float
        Of the penalty, beside the log-likelihood.
    """

    def __init__(self, weight=0.1):
        self.weight = weight

    def check(self):
        self._check_real("weight")

    def parts(self):
        return Parts(terms=(Term("jacobian", self.weight, EncoderJacobianPenalty()),), input_requires_grad=True)


class Regularized(Variant):
    """Plain codes kept small, and a decoder kept smooth, to be sampled from (RAE, Ghosh et al., 2020).

    Parameters
    ----------
    smoothness : {"l2", "gradient", "spectral"}
        Weight decay of the decoder, a penalty on its slope, or spectral normalization (Miyato et al., 2018) of all its
        layers but the linear path from PCA and the one that begins at zero.
    weight : float
        Of the penalty on codes, beside the log-likelihood.
    decoder_weight : float
        Of the decoder's slope, or of its decay, which comes on top of that of all weights; the linear path's too.
    """

    def __init__(self, smoothness="l2", weight=0.1, decoder_weight=0.01):
        self.smoothness = smoothness
        self.weight = weight
        self.decoder_weight = decoder_weight

    def check(self):
        check_choice("Regularized", "smoothness", self.smoothness, ("l2", "gradient", "spectral"))
        self._check_real("weight", "decoder_weight")

    def parts(self):
        terms = (Term("l2", self.weight, l2_penalty),)
        if self.smoothness == "l2":
            return Parts(terms=terms, decoder_decay=self.decoder_weight)
        if self.smoothness == "gradient":
            return Parts(terms=(*terms, Term("jacobian", self.decoder_weight, DecoderJacobianPenalty())))
        return Parts(terms=terms, decoder=normalize_spectrally)


class VectorQuantized(Variant):
    """Codes from codebooks (van den Oord et al., 2017): each is a sum of one vector from every book, where every book
    holds what the ones before left over. Books follow the features by moving averages; vectors that nothing is near to
    are put where features are (Razavi et al., 2019).

    Parameters
    ----------
    codebook_size : int
        Vectors in a book.
    n_codebooks : int
        Books; a code is one of ``codebook_size ** n_codebooks``.
    commitment : float
        Weight of the features' distance from their codes, beside the reconstruction loss.
    """

    def __init__(self, codebook_size=64, n_codebooks=8, commitment=0.25):
        self.codebook_size = codebook_size
        self.n_codebooks = n_codebooks
        self.commitment = commitment

    def check(self):
        check_integer("VectorQuantized", "codebook_size", self.codebook_size, 2)
        check_integer("VectorQuantized", "n_codebooks", self.n_codebooks)
        self._check_real("commitment")

    def parts(self):
        def bottleneck(n: int) -> Quantizer:
            return Quantizer(n, int(self.codebook_size), int(self.n_codebooks))

        return Parts(bottleneck, (Term("commitment", self.commitment, quantization_error, of_likelihood=False),))


def normalize_spectrally(decoder: nn.Module) -> nn.Module:
    """The decoder with every weight divided by its largest singular value, but the last ones that start at zero."""
    for part in list(decoder.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, NORMALIZED) and bool(child.weight.any()):
                setattr(part, name, SpectralNorm(child))
    return decoder
