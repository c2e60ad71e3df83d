"""Very large and very small numbers give finite results or an error."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from skae import AutoencoderTransformer, DivergenceError

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_float32_with_a_large_offset_is_centered_in_float64():
    x = (1.7e9 + np.random.RandomState(0).randint(0, 4, (400, 2)) * 128).astype(np.float32)
    autoencoder = AutoencoderTransformer(1, **QUICK).fit(x)
    scaled = autoencoder._result.layout.scaling.transform(torch.from_numpy(x))
    assert scaled.mean(0).abs().max() < 1e-5
    assert autoencoder.score(x) == pytest.approx(autoencoder.score(x.astype(float)), abs=1e-6)


@pytest.mark.parametrize("extreme", [3e38, 1.4e-45])
def test_largest_and_smallest_float32_values_fit(extreme):
    x = np.where(np.random.RandomState(0).uniform(size=(60, 3)) < 0.8, -extreme, extreme).astype(np.float32)
    assert np.isfinite(AutoencoderTransformer(2, **QUICK).fit(x).transform(x)).all()


@pytest.mark.parametrize("n_features", [4, 6, 8, 12])
def test_values_whose_squares_overflow_raise_divergence_error(n_features):
    huge = np.random.RandomState(1).standard_normal((60, n_features)) * 1e30
    with pytest.raises(DivergenceError, match=r"non-finite.*epoch 1.*max .X. is .*scal"):
        AutoencoderTransformer(2, scaling=None, **QUICK).fit(huge)


def test_codes_and_samples_that_overflow_are_refused():
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X * 1e-20)
    with pytest.raises(ValueError, match="codes are not finite"):
        autoencoder.transform(X * 1e30)
    with pytest.raises(ValueError, match="samples are not finite"):
        autoencoder.inverse_transform(np.full((1, 2), 1e38))


@pytest.mark.parametrize("far", [1e21, 1e25, 1e37])
@pytest.mark.parametrize("container", [np.asarray, torch.from_numpy, pd.DataFrame, sparse.csr_array])
def test_scores_that_overflow_are_refused(far, container):
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(container(X))
    assert autoencoder.score(container(X * 1e6)) < 1
    one_far = np.concatenate([X, far * X[:1]])
    for rows in (far * X, one_far):
        for call in (autoencoder.score, autoencoder.score_samples):
            with pytest.raises(ValueError, match="not finite in float32: X holds values far from those fitted"):
                call(container(rows))


@pytest.mark.parametrize("unit", [1e-20, 1e-160, 1e-300])
def test_deviations_whose_squares_underflow_work_or_are_refused(unit):
    expected = AutoencoderTransformer(2, **QUICK).fit(X).score(X)
    for rows in (X * unit, sparse.csr_array(X * unit), (X * unit).reshape(-1, 2, 3)):
        settings = {"axes": "t c"} if len(rows.shape) == 3 else {}
        score = AutoencoderTransformer(2, **settings, **QUICK).fit(rows).score(rows)
        assert score == pytest.approx(expected, abs=0.05)
        with pytest.raises(ValueError, match="multiply X by a power of ten"):
            AutoencoderTransformer(2, scaling=None, **settings, **QUICK).fit(rows)


def test_sgd_with_default_learning_rate_does_not_diverge(tables):
    """With the default learning rate, on tables with and without outliers; without clipping it diverges."""
    wild = tables["wine"].copy()
    wild[::60] *= 1e6
    for rows in (*tables.values(), wild):
        settings = {"optimizer": "sgd", "early_stopping": False, "max_epochs": 8, "random_state": 0}
        assert np.isfinite(AutoencoderTransformer(2, **settings).fit(rows).transform(rows)).all()
    with pytest.raises(DivergenceError):
        AutoencoderTransformer(2, net_params={"clip_norm": None}, **settings).fit(wild)
