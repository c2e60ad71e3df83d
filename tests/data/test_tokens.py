"""Rows of tokens."""

import re
from pydoc_data.topics import topics

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer, Sequence
from skae.data.tokens import TokenLayout
from skae.text import PADDING, CharacterEncoder

QUICK = {"max_epochs": 2, "random_state": 0}
WORDS = sorted(set(re.findall(r"[a-z]{3,10}", " ".join(topics.values()).lower())))


@pytest.mark.parametrize("loss", [pytest.param("mse", marks=pytest.mark.slow), "cross_entropy"])
def test_unseen_words_are_reconstructed_better_than_by_pca_of_one_hot_characters(loss):
    ids = CharacterEncoder().fit_transform(WORDS[::2])
    train, test = train_test_split(ids, test_size=0.25, random_state=0)
    autoencoder = AutoencoderTransformer(16, architecture="sequence", loss=loss, max_epochs=10, random_state=0)
    autoencoder.fit(train)
    restored = autoencoder.inverse_transform(autoencoder.transform(test))
    assert restored.dtype == np.int64
    assert restored.shape == test.shape
    np.testing.assert_array_equal(restored, autoencoder.reconstruct(test))
    n_tokens = train.max() + 1
    flat_train, flat_test = (np.eye(n_tokens)[ids].reshape(len(ids), -1) for ids in (train, test))
    pca = PCA(16).fit(flat_train)
    by_pca = pca.inverse_transform(pca.transform(flat_test)).reshape(*test.shape, n_tokens).argmax(-1)
    right, right_by_pca = ((ids == test)[test != PADDING].mean() for ids in (restored, by_pca))
    assert right > right_by_pca + 0.1


def test_default_loss_of_tokens_is_cross_entropy():
    ids = CharacterEncoder().fit_transform(WORDS[:50])
    by_default = AutoencoderTransformer(2, axes="n", **QUICK).fit(ids)
    assert (by_default.loss, by_default.net_.criterion__loss) == ("auto", "cross_entropy")
    assert AutoencoderTransformer(2, **QUICK).fit(ids).net_.criterion__loss == "mse"


@pytest.mark.slow
def test_default_loss_reconstructs_more_unseen_strings_exactly():
    dates = [str(date.date()) for date in pd.date_range("1950", "2000", periods=1500)]
    train, test = train_test_split(CharacterEncoder().fit_transform(dates), test_size=300, random_state=0)
    exact = {}
    for loss in ("auto", "mse"):
        fitted = AutoencoderTransformer(8, architecture="sequence", loss=loss, random_state=0).fit(train)
        exact[loss] = (fitted.reconstruct(test) == test).all(1).mean()
    assert exact["auto"] > max(0.8, exact["mse"] + 0.3)


@pytest.mark.parametrize("architecture", ["auto", "dense", "sequence", Sequence(4, linear_path=False)])
def test_every_architecture_fits_tokens(architecture):
    ids = CharacterEncoder().fit_transform(WORDS[:200])
    autoencoder = AutoencoderTransformer(3, architecture=architecture, axes="n", max_epochs=8, random_state=0).fit(ids)
    assert autoencoder.transform(ids).shape == (200, 3)
    assert autoencoder.mean_.shape == (ids.max() + 1, ids.shape[1])
    assert autoencoder.sample_shape_ == (ids.shape[1],)
    assert autoencoder.score(ids) > 0


def test_pipeline_encodes_and_decodes_strings():
    autoencoder = AutoencoderTransformer(40, architecture="sequence", random_state=0)
    pipeline = make_pipeline(CharacterEncoder(), autoencoder)
    codes = pipeline.fit_transform(WORDS[:400])
    restored = pipeline.inverse_transform(codes)
    assert np.mean([a == b for a, b in zip(restored, WORDS[:400], strict=True)]) > 0.5


def test_invalid_tokens_raise():
    ids = CharacterEncoder().fit_transform(WORDS[:50])
    autoencoder = AutoencoderTransformer(2, architecture="sequence", **QUICK)
    with pytest.raises(TypeError, match="Tokens must be integers"):
        autoencoder.fit(ids.astype(float))
    with pytest.raises(ValueError, match="got -1"):
        autoencoder.fit(ids - 1)
    autoencoder.fit(ids)
    with pytest.raises(ValueError, match="token 999, but the largest token in fit was"):
        autoencoder.transform(np.full_like(ids, 999))
    with pytest.raises(ValueError, match="loss='cross_entropy' needs rows of integer tokens"):
        AutoencoderTransformer(2, loss="cross_entropy").fit(ids)
    with pytest.raises(ValueError, match="architecture='sequence' needs rows of integer tokens"):
        AutoencoderTransformer(2, architecture="sequence").fit(np.zeros((9, 4, 4)))


def test_no_rows_become_no_samples():
    layout = TokenLayout.learn(np.array([[0, 1, 2, 0], [1, 2, 0, 0]]), 4)
    assert layout.to_network(torch.empty(0, 4)).shape == (0, 3, 4)
