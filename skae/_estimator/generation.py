"""New samples from latent codes: the part of the estimator that generates."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skae._parameters import check_choice, check_integer
from skae._sampling import SAMPLERS, Books, Codes, Density, Prior, fit_density, on_the_way
from skae._training import full_precision, private_seed

# Densities fitted so far, by net and kind: reading calls leave the estimator as it is.
_DENSITIES: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


class GenerationMixin:
    """``sample`` and ``interpolate`` of a fitted autoencoder."""

    def sample(self: Any, n_samples=1, random_state=None, *, sampler="auto"):
        """New samples: codes are drawn from a density and brought back.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        sampler : {"auto", "prior", "gaussian", "mixture", "kernel"}, default="auto"
            Where codes come from: the density that the variant trains them towards ("prior"), or one fitted to at most
            5,000 training codes (after ``partial_fit`` those of its last X) when it is first needed: a Gaussian, a
            mixture of ten (Ghosh et al., 2020), or a kernel density. "auto" is the prior where the variant has one,
            else the mixture; quantized codes have a prior learned from how often vectors follow each other.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            In the units of the X that was fitted; a frame where ``inverse_transform`` gives one.

        Raises
        ------
        ValueError
            If a parameter is not as described, or ``sampler="prior"`` and the variant has none.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skae import AutoencoderTransformer
        >>> digits = load_digits().images
        >>> autoencoder = AutoencoderTransformer(8, variant="variational", max_epochs=3, random_state=0).fit(digits)
        >>> autoencoder.sample(5, random_state=0).shape
        (5, 8, 8)
        """
        check_is_fitted(self)
        check_integer(type(self).__name__, "n_samples", n_samples)
        check_choice(type(self).__name__, "sampler", sampler, SAMPLERS)
        seed = private_seed(random_state)
        module = self.net_.module_
        prior = module.bottleneck.prior
        if sampler == "prior" and not prior:
            raise ValueError(
                f"sampler={sampler!r}: variant={self.variant!r} trains codes towards no density. Write "
                f"sampler='mixture', or pass a variant such as 'variational'."
            )
        kind = ("prior" if prior else "mixture") if sampler == "auto" else sampler
        source = _DENSITIES.setdefault(self.net_, {}).get((kind, len(module.latent_scale)))
        if source is None:
            source = self._source(kind, prior)
            _DENSITIES[self.net_][kind, len(module.latent_scale)] = source
        drawn = source.sample(int(n_samples), np.random.RandomState(seed))
        with full_precision(torch.device(self.net_.device)):
            if isinstance(source, Books):
                indices = torch.from_numpy(drawn).to(self.net_.device)
                drawn = module.bottleneck.vectors(indices).cpu().numpy()
        scale = module.latent_scale[: drawn.shape[1]].cpu().numpy()
        return self.inverse_transform((drawn * scale).astype(np.float32))

    def interpolate(self: Any, X_a, X_b, steps=10):
        """Samples on the way from every sample of X_a to that of X_b, along the line between their codes.

        Along the great circle where codes lie on a sphere.

        Parameters
        ----------
        X_a, X_b : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        steps : int, default=10
            Samples on every way, both ends included; at least 2.

        Returns
        -------
        X : ndarray of shape (n_samples, steps, n_features) or (n_samples, steps, \\*sample_shape)

        Raises
        ------
        ValueError
            If X_a and X_b have different numbers of samples.
        """
        check_is_fitted(self)
        check_integer(type(self).__name__, "steps", steps, 2)
        a, b = (np.asarray(self._rows_to_codes(X)) for X in (X_a, X_b))
        if len(a) != len(b):
            raise ValueError(f"X_a has {len(a)} samples and X_b {len(b)}. Pass as many of both.")
        module = self.net_.module_
        scale = module.latent_scale[: a.shape[1]].cpu().numpy()
        ways = on_the_way(a / scale, b / scale, int(steps), sphere=module.bottleneck.prior == "sphere") * scale
        samples = self._decoded(ways.reshape(-1, a.shape[1]).astype(np.float32))
        return samples.reshape(len(a), int(steps), *samples.shape[1:])

    def _source(self: Any, kind: str, prior: str) -> Prior | Density | Books | Codes:
        """What codes in inner units are drawn from."""
        module = self.net_.module_
        bottleneck = module.bottleneck
        if kind != "prior":
            codes = self._codes
            if prior == "books":
                codes = bottleneck.deterministic_code(torch.from_numpy(codes).to(self.net_.device)).cpu().numpy()
            return fit_density(kind, codes[:, : self.n_components_], seed=0)
        if prior == "books":
            indices = bottleneck.indices(torch.from_numpy(self._codes).to(self.net_.device))
            return Books(indices.cpu().numpy(), bottleneck.codebooks.shape[1])
        if prior == "learned":
            with full_precision(torch.device(self.net_.device)):
                code = bottleneck(module.features(module.pseudo_inputs))
            mean, log_variance = (v[:, : self.n_components_].cpu().numpy() for v in (code.mean, code.log_variance))
            return Codes(mean, np.exp(0.5 * log_variance))
        return Prior(prior, self.n_components_)
