"""New samples, decoded from drawn codes, and samples between two others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from skae._inputs.validation import FAR_AWAY, check_no_overflow
from skae._parameters import check_choice, check_integer
from skae.model import Bottleneck, Sampler
from skae.sampling import SAMPLERS, fit_density, fit_examples
from skae.training import FitResult, draw, draw_seed, encode, full_precision


class GenerationMixin:
    """``sample`` and ``interpolate`` of a fitted autoencoder."""

    def sample(
        self: Any,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
        *,
        sampler: Literal["auto", "prior", "gaussian", "mixture", "kernel"] = "auto",
        like: Any = None,
    ) -> Any:
        """Draw codes from a density and decode them.

        With ``like``, the samples resemble given examples: ``sample(10, like=X[y == 3])`` generates threes.

        Rows of a table with categories, booleans or dates vary around the decoded codes as training rows vary around
        their reconstructions: normal deviations with the unexplained variance of each column are added. Then the most
        likely category is chosen, and numbers and dates are clipped to the range of the training rows. If examples
        (``like``) are outside of this range, it ends one standard deviation of the column beyond them.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        sampler : {"auto", "prior", "gaussian", "mixture", "kernel"}, default="auto"
            The density of the codes. "auto" is "kernel", which a two-sample test distinguishes least from new rows, for
            every variant (benchmarks/README.md). "kernel" is a normal density around each code, with half of the
            covariance within neighborhoods of ten training codes (Vincent and Bengio, 2003). "mixture" is at most ten
            Gaussians (Ghosh et al., 2020); its samples are less close to training rows. "gaussian" is one Gaussian.
            These are fitted to at most 5,000 training codes (after ``partial_fit``, those of its last X) when they are
            first used. "prior" is the prior of the variant: a standard normal, the sphere, the mixture of VampPrior, or
            a Markov chain over the codebooks of quantized codes.
        like : array-like of shape (n_examples, n_features) or (n_examples, \\*sample_shape), default=None
            Examples, at least one, as for ``transform``. The density is fitted to their codes in each call. Training
            codes near them determine the covariance of the kernels, so that samples vary also for a single example.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            In the units of the fitted X; a data frame if ``inverse_transform`` returns one, and a tensor if ``like`` is
            one.

        Raises
        ------
        ValueError, TypeError
            If a parameter or ``like`` is invalid, or if ``sampler="prior"`` with ``like`` or a variant without a prior.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skae import AutoencoderTransformer
        >>> digits = load_digits().images
        >>> autoencoder = AutoencoderTransformer(8, variant="variational", max_epochs=3, random_state=0).fit(digits)
        >>> autoencoder.sample(5, random_state=0).shape
        (5, 8, 8)
        >>> autoencoder.sample(3, random_state=0, like=digits[:1]).shape
        (3, 8, 8)
        """
        result = self._get_result()
        check_integer(type(self).__name__, "n_samples", n_samples)
        check_choice(type(self).__name__, "sampler", sampler, SAMPLERS)
        if like is not None and sampler == "prior":
            raise ValueError(
                "sampler='prior' is the density that codes are trained towards, which does not depend on examples. "
                "Write sampler='auto' to draw samples like the examples, or leave out like."
            )
        seed = draw_seed(random_state)
        examples = None if like is None else self._check(like, result.layout, result.schema)
        with full_precision(torch.device(result.net.device)):
            if examples is not None:
                density = fit_sampler(result, sampler, self.variant, examples)
            else:
                if sampler not in result.samplers:
                    result.samplers[sampler] = fit_sampler(result, sampler, self.variant)
                density = result.samplers[sampler]
            codes = density.sample(int(n_samples), np.random.RandomState(seed))
        Z = map_codes(result, codes, result.net.module_.from_inner)
        given = like if isinstance(like, torch.Tensor) else Z
        if result.schema.encoder is None:
            return self._convert_output(given, self._decode(result, Z), result, None)
        # Deviations have a stream of their own, so that codes are those of a table without categories.
        random = np.random.RandomState((seed, 1))
        trained = map_codes(result, train_codes(result), result.net.module_.from_inner)
        rows = draw(result, Z, trained, random, examples)
        return self._convert_output(given, rows, result, None, random)

    def interpolate(self: Any, X_a: Any, X_b: Any, steps: int = 10) -> Any:
        """Interpolate between each row of X_a and the same row of X_b: decode codes between their codes.

        The codes are on a line, or on a great circle if codes lie on a sphere.

        Parameters
        ----------
        X_a, X_b : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        steps : int, default=10
            Number of codes per pair of rows, including the codes of both rows; at least 2.

        Returns
        -------
        X : ndarray of shape (n_samples, steps, n_features) or (n_samples, steps, \\*sample_shape)
            In the units of the fitted X; a tensor if X_a is one. If ``inverse_transform`` returns a data frame, a data
            frame of ``n_samples * steps`` rows: first all steps from the first row of X_a to that of X_b.

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
        result = self._get_result()
        check_integer(type(self).__name__, "steps", steps, 2)
        a, b = (encode(result, self._check(X, result.layout, result.schema)) for X in (X_a, X_b))
        for Z in (a, b):
            check_no_overflow(Z, "codes", FAR_AWAY)
        if len(a) != len(b):
            raise ValueError(f"X_a has {len(a)} samples and X_b {len(b)}. Pass X_a and X_b of one length.")
        module = result.net.module_
        t = np.linspace(0, 1, int(steps))[None, :, None]
        a, b = (map_codes(result, Z, module.to_inner)[:, None].astype(np.float64) for Z in (a, b))
        inner = module.bottleneck.interpolate(a, b, t).reshape(-1, a.shape[2])
        samples = self._decode(result, map_codes(result, inner, module.from_inner))
        given = X_a if isinstance(X_a, torch.Tensor) else samples
        rows = self._convert_output(given, samples, result, None)
        return rows if hasattr(rows, "columns") else rows.reshape(len(a), int(steps), *rows.shape[1:])


@dataclass(frozen=True)
class CodeSampler(Sampler):
    """A density of codes whose draws are moved to the nearest codes of a bottleneck."""

    density: Sampler
    bottleneck: Bottleneck
    device: torch.device

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        drawn = torch.from_numpy(self.density.sample(n_samples, random)).to(self.device, torch.float32)
        return self.bottleneck.nearest_code(drawn).cpu().numpy()


def train_codes(result: FitResult) -> np.ndarray:
    """The deterministic codes (n, code_size) of training rows, in the units of the network."""
    stored = torch.from_numpy(result.codes).to(result.net.device)
    return result.net.module_.bottleneck.codes_from_kept(stored).cpu().numpy()


def map_codes(result: FitResult, codes: np.ndarray, function: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    """``function`` of codes (n, n_components), float32."""
    device = torch.device(result.net.device)
    with full_precision(device):
        return function(torch.from_numpy(codes.astype(np.float32)).to(device)).cpu().numpy()


def fit_sampler(result: FitResult, name: str, variant: Any, examples: Any = None) -> Sampler:
    """Fit one of SAMPLERS to the codes of checked ``examples``, or to training codes if they are None."""
    module = result.net.module_
    if name == "prior":
        prior = module.fit_sampler(torch.from_numpy(result.codes).to(result.net.device))
        if prior is not None:
            return prior
        raise ValueError(
            f"sampler={name!r}: variant={variant!r} trains codes towards no density. Write sampler='auto', or pass a "
            f"variant such as 'variational'."
        )
    if examples is None:
        density = fit_density(name, train_codes(result), seed=0)
    else:
        Z = encode(result, examples)
        check_no_overflow(Z, "codes", FAR_AWAY)
        density = fit_examples(name, map_codes(result, Z, module.to_inner), train_codes(result), seed=0)
    return CodeSampler(density, module.bottleneck, torch.device(result.net.device))
