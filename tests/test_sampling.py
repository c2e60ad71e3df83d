"""New samples and interpolations between samples."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ks_2samp
from sklearn.datasets import load_digits, load_wine

from skae import AutoencoderTransformer
from skae.model import CodebookPrior, NormalMixture, Sphere, StandardNormal, UniformSphere
from skae.sampling import NormalKernels

X = load_digits().images[:400]
QUICK = {"max_epochs": 5, "random_state": 0}


@pytest.fixture(scope="module", params=["plain", "variational", "vector_quantized", "hyperspherical"])
def fitted(request):
    """An autoencoder of pictures."""
    return AutoencoderTransformer(6, variant=request.param, **QUICK).fit(X)


class TestSample:
    def test_has_the_shape_and_units_of_x(self, fitted):
        S = fitted.sample(200, random_state=0)
        assert S.shape == (200, 8, 8)
        assert abs(S.mean() - X.mean()) < 1.5
        assert 0.2 < S.var(0).sum() / X.var(0).sum() < 1.5
        np.testing.assert_array_equal(S, fitted.sample(200, random_state=0))
        assert not np.array_equal(S, fitted.sample(200, random_state=1))
        assert not np.array_equal(fitted.sample(2), fitted.sample(2))

    @pytest.mark.parametrize("sampler", ["gaussian", "mixture", "kernel"])
    def test_every_density(self, fitted, sampler):
        assert np.isfinite(fitted.sample(5, random_state=0, sampler=sampler)).all()

    def test_the_default_is_the_kernel_density(self, fitted):
        np.testing.assert_array_equal(fitted.sample(5, random_state=0), fitted.sample(5, 0, sampler="kernel"))

    def test_changes_nothing(self, fitted):
        before = {name: id(value) for name, value in vars(fitted).items()}
        fitted.sample(3, random_state=0)
        assert before == {name: id(value) for name, value in vars(fitted).items()}

    def test_codes_spread_as_those_of_x(self):
        fitted = AutoencoderTransformer(6, **QUICK).fit(X)
        codes = fitted.transform(fitted.sample(2000, random_state=0))
        ours = fitted.transform(X)
        np.testing.assert_allclose(codes.mean(0), ours.mean(0), atol=0.35 * ours.std())
        assert 0.6 < codes.std() / ours.std() < 1.3

    def test_frames(self):
        wine = load_wine(as_frame=True).data
        fitted = AutoencoderTransformer(3, **QUICK).set_output(transform="pandas").fit(wine)
        S = fitted.sample(4, random_state=0)
        assert isinstance(S, pd.DataFrame)
        assert S.columns.tolist() == wine.columns.tolist()

    @pytest.mark.bad_input(105, 106)
    @pytest.mark.parametrize(
        ("call", "match"),
        [
            *(({"n_samples": n}, rf"'n_samples' parameter.*\[1, inf\).*Got {n!r}") for n in (0, -1, 2.5, "a")),
            ({"random_state": "a"}, "'random_state' parameter"),
            ({"sampler": "priors"}, "Did you mean 'prior'"),
            ({"sampler": "prior"}, "trains codes towards no density. Write sampler='auto'"),
        ],
    )
    def test_bad_input(self, call, match):
        fitted = AutoencoderTransformer(2, max_epochs=1).fit(X[:30])
        with pytest.raises(ValueError, match=match):
            fitted.sample(**call)

    @pytest.mark.parametrize("rows", [np.ones((30, 4)), np.eye(3).repeat(100, 0), np.arange(2.0)[:, None]])
    def test_few_distinct_rows(self, rows):
        assert AutoencoderTransformer(1, early_stopping=False, **QUICK).fit(rows).sample(3).shape == (3, rows.shape[1])

    def test_few_rows_and_partial_fit(self):
        assert AutoencoderTransformer(3, **QUICK).fit(X[:12]).sample(5, random_state=0).shape == (5, 8, 8)
        assert AutoencoderTransformer(3, random_state=0).partial_fit(X[:50]).sample(5).shape == (5, 8, 8)


class TestInterpolate:
    def test_begins_and_ends_at_reconstructions(self, fitted):
        way = fitted.interpolate(X[:3], X[3:6], steps=4)
        assert way.shape == (3, 4, 8, 8)
        np.testing.assert_allclose(way[:, 0], fitted.reconstruct(X[:3]), atol=1e-2)
        np.testing.assert_allclose(way[:, -1], fitted.reconstruct(X[3:6]), atol=1e-2)

    def test_bad_input(self, fitted):
        with pytest.raises(ValueError, match="X_a has 2 samples and X_b 3"):
            fitted.interpolate(X[:2], X[:3])
        with pytest.raises(ValueError, match="'steps' parameter"):
            fitted.interpolate(X[:2], X[:2], steps=1)

    def test_tensors_give_tensors(self, fitted):
        way = fitted.interpolate(torch.from_numpy(X[:3]), X[3:6], steps=4)
        np.testing.assert_array_equal(way, fitted.interpolate(X[:3], X[3:6], steps=4))
        assert isinstance(way, torch.Tensor)

    def test_great_circles_stay_on_the_sphere(self):
        a, b = np.random.RandomState(0).standard_normal((2, 5, 3))
        a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
        a, b, t = a[:, None], b[:, None], np.linspace(0, 1, 7)[None, :, None]
        codes = Sphere(3).interpolate(a, b, t)
        np.testing.assert_allclose(np.linalg.norm(codes, axis=2), 1.0)
        np.testing.assert_allclose(Sphere(3).interpolate(a, a, t), np.repeat(a, 7, axis=1))


def test_codebook_priors_follow_the_pairs_of_training():
    pairs = np.array([[0, 1]] * 50 + [[1, 0]] * 50)
    drawn = CodebookPrior(pairs, 2, lambda indices: indices).sample(1000, np.random.RandomState(0))
    assert (drawn[:, 0] != drawn[:, 1]).mean() > 0.95
    assert 0.4 < drawn[:, 0].mean() < 0.6


@pytest.mark.parametrize(
    "sampler", [StandardNormal(4), UniformSphere(4), NormalMixture(np.zeros((1, 4)), np.ones((1, 4)))]
)
def test_priors_have_unit_variance(sampler):
    Z = sampler.sample(20_000, np.random.RandomState(0))
    np.testing.assert_allclose(Z.mean(0), 0.0, atol=0.05)
    np.testing.assert_allclose(Z.var(0), 1.0, rtol=0.05)


@pytest.mark.parametrize("prior", [StandardNormal(4), UniformSphere(4)])
def test_a_prior_draws_the_same_density_for_penalties_as_for_samples(prior):
    drawn = prior.draw_like(torch.empty(20_000, 4), torch.Generator().manual_seed(0)).numpy()
    sampled = prior.sample(20_000, np.random.RandomState(0))
    for column in range(4):
        assert ks_2samp(drawn[:, column], sampled[:, column]).statistic < 0.03


def test_the_marginal_of_a_prior_is_that_of_its_first_coordinates():
    mixture = NormalMixture(np.arange(6.0).reshape(2, 3), np.ones((2, 3)))
    np.testing.assert_array_equal(mixture.marginal(2).mean, [[0.0, 1.0], [3.0, 4.0]])
    assert StandardNormal(4).marginal(2) == StandardNormal(2)
    with pytest.raises(NotImplementedError):
        UniformSphere(4).marginal(2)


def test_kernels_draw_all_centers_equally_often():
    centers = np.arange(7.0)[:, None]
    drawn = NormalKernels(centers, np.zeros((1, 1))).sample(20, np.random.RandomState(0))[:, 0]
    assert set(np.bincount(drawn.astype(int), minlength=7)) == {2, 3}
    assert len(set(drawn[:7])) == 7
