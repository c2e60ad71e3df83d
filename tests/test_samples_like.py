"""New samples like given examples."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_digits, load_wine
from sklearn.svm import SVC

from skae import AutoencoderTransformer, load, save
from skae.sampling import fit_density, fit_examples
from skae.text import CharacterEncoder
from skae.variants import VARIANTS, Nested, VectorQuantized
from skae.variants.bottlenecks import Sphere

X, y = load_digits(return_X_y=True)
QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    """An autoencoder of digits."""
    return AutoencoderTransformer(16, max_epochs=10, random_state=0).fit(X)


class TestSamplesLike:
    @pytest.mark.parametrize("n_examples", [1, 2, 5, 20])
    def test_belong_to_the_class_of_the_examples_and_vary(self, digits, n_examples):
        threes = X[y == 3]
        samples = digits.sample(50, random_state=0, like=threes[:n_examples])
        assert (SVC(gamma=0.001).fit(X, y).predict(samples) == 3).mean() > 0.85
        spread = samples.var(0).sum() / threes.var(0).sum()
        assert max(0.05, 0.8 * threes[:n_examples].var(0).sum() / threes.var(0).sum()) < spread < 1.3

    @pytest.mark.parametrize("sampler", ["auto", "kernel", "gaussian", "mixture"])
    def test_come_from_every_density(self, digits, sampler):
        for examples in (X[:1], X[:30]):
            samples = digits.sample(20, random_state=0, sampler=sampler, like=examples)
            assert np.isfinite(samples).all()
            assert len(np.unique(samples, axis=0)) == 20

    def test_depend_on_random_state_alone_and_change_nothing(self, digits):
        before, samplers = vars(digits).copy(), dict(digits._result.samplers)
        a, b, c = (digits.sample(4, random_state=seed, like=X[:3]) for seed in (0, 0, 1))
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
        assert vars(digits) == before
        assert digits._result.samplers == samplers

    @pytest.mark.parametrize(
        "convert", [np.float64, np.float32, np.uint8, np.ndarray.tolist, sparse.csr_array, torch.from_numpy]
    )
    def test_are_equal_for_every_container_and_dtype(self, digits, convert):
        samples = digits.sample(4, random_state=0, like=convert(X[:3]))
        assert isinstance(samples, torch.Tensor) == (convert is torch.from_numpy)
        np.testing.assert_allclose(samples, digits.sample(4, random_state=0, like=X[:3]), atol=1e-3)

    def test_are_data_frames_with_an_index_of_their_own(self):
        wine = load_wine(as_frame=True).data
        fitted = AutoencoderTransformer(2, **QUICK).fit(wine).set_output(transform="pandas")
        samples = fitted.sample(5, random_state=0, like=wine[3:5])
        assert isinstance(samples, pd.DataFrame)
        assert samples.columns.tolist() == wine.columns.tolist()
        assert samples.index.tolist() == list(range(5))

    @pytest.mark.parametrize("variant", [*VARIANTS, Nested("variational")])
    def test_come_from_every_variant(self, variant):
        fitted = AutoencoderTransformer(6, variant=variant, **QUICK).fit(X[:100])
        samples = fitted.sample(30, random_state=0, like=X[:1])
        assert len(np.unique(samples, axis=0)) > 1
        center = fitted.reconstruct(X[:1])
        assert ((samples - center) ** 2).sum(1).mean() < 0.6 * ((X[:100] - center) ** 2).sum(1).mean()

    def test_are_decoded_from_the_sphere_or_from_codebooks(self):
        fitted = AutoencoderTransformer(4, variant=VectorQuantized(3, 1), **QUICK).fit(X[:200])
        assert len(np.unique(fitted.sample(50, random_state=0, like=X[:20]), axis=0)) <= 3
        codes = Sphere(4).nearest_code(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)))
        torch.testing.assert_close(codes.norm(dim=1), torch.full((50,), 2.0))

    def test_do_not_depend_on_the_units_of_codes(self):
        plain, white = (AutoencoderTransformer(4, whiten=whiten, **QUICK).fit(X[:200]) for whiten in (False, True))
        for examples in (None, X[:2]):
            a, b = (model.sample(5, random_state=0, like=examples) for model in (plain, white))
            np.testing.assert_allclose(a, b, atol=0.05)

    def test_are_texts_through_a_character_encoder(self):
        words = ["mean", "median", "mode", "sum", "sums", "means", "medians", "modes"] * 5
        encoder = CharacterEncoder().fit(words)
        fitted = AutoencoderTransformer(4, architecture="sequence", **QUICK).fit(encoder.transform(words))
        tokens = fitted.sample(6, random_state=0, like=encoder.transform(["mean", "sum"]))
        assert tokens.dtype.kind == "i"
        assert len(encoder.inverse_transform(tokens)) == 6

    def test_need_neither_distinct_rows_nor_many(self):
        constant = np.ones((30, 4))
        fitted = AutoencoderTransformer(2, early_stopping=False, **QUICK).fit(constant)
        np.testing.assert_allclose(fitted.sample(3, like=constant), constant[:3], atol=1e-5)
        fitted = AutoencoderTransformer(3, **QUICK).fit(X[:12])
        assert len(np.unique(fitted.sample(5, random_state=0, like=X[:1].repeat(4, 0)), axis=0)) == 5

    def test_come_from_a_loaded_estimator_and_from_nested_codes_cut_to_one(self, digits, tmp_path):
        save(digits, tmp_path / "digits.skae")
        samples = load(tmp_path / "digits.skae").sample(3, random_state=0, like=X[:2])
        np.testing.assert_array_equal(samples, digits.sample(3, random_state=0, like=X[:2]))
        nested = AutoencoderTransformer(4, variant="nested", **QUICK).fit(X[:200])
        assert nested.shortened(1).sample(3, like=X[:2]).shape == (3, 64)

    @pytest.mark.bad_input(106)
    @pytest.mark.parametrize(
        ("call", "match"),
        [
            ({"like": X[:2], "sampler": "prior"}, "does not depend on examples. Write sampler='auto'"),
            ({"like": X[:2, :5]}, "X has 5 features, but AutoencoderTransformer is expecting 64"),
            ({"like": X[0]}, "1D array"),
            ({"like": X[:0]}, "0 sample"),
            ({"like": np.full((1, 64), np.inf)}, "infinity"),
            ({"like": np.full((1, 64), "a")}, "a"),
        ],
    )
    def test_report_invalid_examples(self, digits, call, match):
        with pytest.raises((ValueError, TypeError), match=match):
            digits.sample(2, **call)


def test_kernels_of_many_examples_have_half_of_the_covariance_within_their_neighborhoods():
    random = np.random.RandomState(0)
    codes = random.standard_normal((5000, 3))
    kernels = fit_examples("auto", codes[:2000], codes, seed=0)
    covariance = kernels.root @ kernels.root.T
    assert np.trace(covariance) < 0.2
    drawn = kernels.sample(20_000, random)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes[:2000].T) + covariance, atol=0.05)


def test_examples_between_two_groups_are_not_drawn():
    codes = np.random.RandomState(0).standard_normal((400, 2)) + np.repeat([[-10.0, 0], [10.0, 0]], 200, axis=0)
    drawn = fit_examples("auto", codes[[0, -1]], codes, seed=0).sample(200, np.random.RandomState(0))
    assert (np.abs(drawn[:, 0]) > 5).all()
    assert 50 < (drawn[:, 0] > 0).sum() < 150


def test_mixtures_are_fitted_to_fewer_codes_per_cluster_than_coordinates():
    # scikit-learn did not count the inverse of a covariance of such a cluster as symmetric.
    for n_components, seed in ((16, 4), (32, 5)):
        random = np.random.RandomState(seed)
        codes = random.standard_normal((100, n_components)).astype(np.float32)
        assert fit_density("mixture", codes, 0).sample(3, random).shape == (3, n_components)
