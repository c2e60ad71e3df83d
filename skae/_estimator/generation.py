"""Generation: new samples from drawn codes, and samples between two others."""

from __future__ import annotations

import weakref
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skae._model import Sampler
from skae._parameters import check_choice, check_integer
from skae._sampling import SAMPLERS, fit_density
from skae._training import full_precision, private_seed

# Densities fitted so far, by net and name, outside the estimator because ``sample`` does not change it.
_SAMPLERS: weakref.WeakKeyDictionary[Any, dict[str, Sampler]] = weakref.WeakKeyDictionary()


class GenerationMixin:
    """``sample`` and ``interpolate`` of a fitted autoencoder."""

    def sample(
        self: Any,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
        *,
        sampler: Literal["auto", "prior", "gaussian", "mixture", "kernel"] = "auto",
    ) -> Any:
        """Draw codes from a density and decode them.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        sampler : {"auto", "prior", "gaussian", "mixture", "kernel"}, default="auto"
            The density of the codes. "prior" is that of the variant: a standard normal, the sphere, the mixture of
            VampPrior, or a Markov chain over the codebooks of quantized codes. The others are fitted to at most 5,000
            training codes (after ``partial_fit``, those of its last X) at the first call: a Gaussian, a mixture of at
            most ten Gaussians (Ghosh et al., 2020), or a kernel density. "auto" is the prior if the variant has one,
            else the mixture.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            In the units of the X that was fitted; a data frame if ``inverse_transform`` returns one.

        Raises
        ------
        ValueError
            If a parameter is not as described, or ``sampler="prior"`` and the variant has no prior.

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
        with full_precision(torch.device(self.net_.device)):
            fitted = _SAMPLERS.setdefault(self.net_, {})
            if sampler not in fitted:
                fitted[sampler] = self._fit_sampler(sampler)
            drawn = fitted[sampler].sample(int(n_samples), np.random.RandomState(seed))
        scale = module.latent_scale[: drawn.shape[1]].cpu().numpy()
        return self.inverse_transform((drawn * scale).astype(np.float32))

    def interpolate(self: Any, X_a: Any, X_b: Any, steps: int = 10) -> np.ndarray:
        """Decode codes between those of X_a and X_b, row by row.

        The codes are on the line between the two, or on the great circle if codes lie on a sphere.

        Parameters
        ----------
        X_a, X_b : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        steps : int, default=10
            Number of codes per pair, both ends included; at least 2.

        Returns
        -------
        X : ndarray of shape (n_samples, steps, n_features) or (n_samples, steps, \\*sample_shape)
            In the units of the X that was fitted.

        Raises
        ------
        ValueError
            If X_a and X_b have different numbers of samples.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skae import AutoencoderTransformer
        >>> X = load_iris().data
        >>> autoencoder = AutoencoderTransformer(2, max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.interpolate(X[:3], X[-3:], steps=5).shape
        (3, 5, 4)
        """
        check_is_fitted(self)
        check_integer(type(self).__name__, "steps", steps, 2)
        a, b = (np.asarray(self._rows_to_codes(X)) for X in (X_a, X_b))
        if len(a) != len(b):
            raise ValueError(f"X_a has {len(a)} samples and X_b {len(b)}. Pass as many of both.")
        module = self.net_.module_
        scale = module.latent_scale[: a.shape[1]].cpu().numpy()
        t = np.linspace(0, 1, int(steps))[None, :, None]
        a, b = ((Z / scale)[:, None].astype(np.float64) for Z in (a, b))
        codes = module.bottleneck.interpolate(a, b, t) * scale
        samples = self._decoded(codes.reshape(-1, codes.shape[2]).astype(np.float32))
        return samples.reshape(len(a), int(steps), *samples.shape[1:])

    def _fit_sampler(self: Any, name: str) -> Sampler:
        """The density of inner codes for one of SAMPLERS."""
        module = self.net_.module_
        kept = torch.from_numpy(self._codes).to(self.net_.device)
        if name in ("auto", "prior"):
            prior = module.fit_sampler(kept)
            if prior is not None:
                return prior
            if name == "prior":
                raise ValueError(
                    f"sampler={name!r}: variant={self.variant!r} trains codes towards no density. Write "
                    f"sampler='mixture', or pass a variant such as 'variational'."
                )
        codes = module.bottleneck.codes_from_kept(kept).cpu().numpy()
        return fit_density("mixture" if name == "auto" else name, codes, seed=0)
