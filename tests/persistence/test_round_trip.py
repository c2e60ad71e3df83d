"""A loaded model equals the saved one: the same codes to the bit, and training resumes to the same bits."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import safetensors
import torch
from scipy import sparse

import skae
from model_files import (
    CUSTOM,
    FRAME,
    PICTURES,
    RANDOM,
    SMALL,
    TOKENS,
    X,
    fit_model,
    save_and_load,
    small_autoencoder,
)
from skae import AutoencoderTransformer, Convolutional, Custom, Dense, load, save
from skae.variants import VARIANTS, Denoising, Nested, Regularized, Supervised, Variational

CASES = {
    "dense": ({}, X),
    "conv": ({"architecture": Convolutional(channels=(4,)), "optimizer": "sgd"}, PICTURES),
    "conv in one axis": ({"architecture": Convolutional(channels=(4,)), "axes": "t"}, X),
    "sequence": ({"architecture": skae.Sequence(4, hidden_sizes=(4,)), "loss": "cross_entropy"}, TOKENS),
    "tokens, dense": ({"architecture": SMALL, "axes": "n"}, TOKENS),
    "custom": ({"architecture": Custom(*CUSTOM.values())}, X),
    "custom with a linear path": ({"architecture": Custom(*CUSTOM.values(), linear_path=True)}, X),
    "a share of the variance": ({"n_components": 0.9, "architecture": SMALL}, X),
    "wrapped": ({"variant": Nested(Denoising("swap", variant=Variational(free_bits=0.1))), "architecture": SMALL}, X),
    "spectral": ({"variant": Regularized("spectral"), "architecture": SMALL}, X),
    "spectral without a linear path": (
        {"variant": Regularized("spectral"), "architecture": Dense((4,), linear_path=False)},
        X,
    ),
    **{f"variant {name}": ({"variant": name, "architecture": SMALL}, X) for name in VARIANTS},
    "bce": ({"loss": "bce", "architecture": SMALL}, PICTURES),
    "pandas": ({"architecture": SMALL}, FRAME),
    "polars": ({"architecture": SMALL}, pl.DataFrame(X, schema=list("abcdef"))),
    "numbered columns": ({"architecture": SMALL}, pd.DataFrame(X)),
    "missing values": ({"architecture": SMALL}, np.where(np.abs(X) < 0.3, np.nan, X)),
    "sparse": (
        {"architecture": SMALL},
        sparse.random_array((60, 9), density=0.3, rng=np.random.default_rng(0), format="csr"),
    ),
    "wide": ({"architecture": SMALL}, RANDOM.standard_normal((30, 1100))),
    "wide and sparse": (
        {"architecture": SMALL},
        sparse.random_array((30, 1100), density=0.3, rng=np.random.default_rng(0), format="csr"),
    ),
    "float64 that needs it": ({"architecture": SMALL, "scaling": "columns"}, X * 1e-3 + 1.7e9),
    "sample_shape": ({"architecture": SMALL, "sample_shape": (2, 3), "axes": "h w"}, X),
    "batch normalization": ({"architecture": Dense((4,), normalization="batch", dropout=0.1)}, X),
    "settings of every kind": (
        {
            "architecture": Dense(np.array([4, 3])),
            "sample_shape": [6],
            "device": torch.device("cpu"),
            "optimizer": "adam",
            "lr": np.float32(0.01),
            "net_params": {"optimizer__betas": (0.8, 0.99)},
        },
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loaded_model_equals_the_saved_one_to_the_bit(name, path):
    given, data = CASES[name]
    estimator = fit_model(given, data)
    loaded = save_and_load(estimator, path, custom_modules=CUSTOM if "custom" in name else None)
    codes = estimator.transform(data)
    np.testing.assert_array_equal(loaded.transform(data), codes)
    np.testing.assert_array_equal(loaded.reconstruct(data), estimator.reconstruct(data))
    np.testing.assert_array_equal(loaded.inverse_transform(codes), estimator.inverse_transform(codes))
    np.testing.assert_array_equal(loaded.score_samples(data), estimator.score_samples(data))
    assert loaded.score(data) == estimator.score(data)
    np.testing.assert_array_equal(loaded._result.codes, estimator._result.codes)
    assert str(loaded.summary()) == str(estimator.summary())
    for attribute in vars(estimator):
        if attribute.endswith("_") and attribute not in ("net_", "architecture_", "variant_"):
            np.testing.assert_equal(getattr(loaded, attribute), getattr(estimator, attribute))
    if name != "settings of every kind":
        assert repr(loaded) == repr(estimator)
    assert repr(loaded._result.schema.frame) == repr(estimator._result.schema.frame)
    assert set(vars(loaded)) == set(vars(estimator))


def test_numbers_of_numpy_become_those_of_python(path):
    given, data = CASES["settings of every kind"]
    loaded = save_and_load(fit_model(given, data), path)
    assert loaded.architecture.hidden_sizes == (4, 3)
    assert type(loaded.lr) is float
    assert loaded.net_params == given["net_params"]
    assert loaded.device == torch.device("cpu")


@pytest.mark.parametrize("name", ["dense", "custom", "spectral", "variant vector_quantized", "sequence", "polars"])
def test_training_resumes_to_the_same_bits(name, path):
    given, data = CASES[name]
    estimator = fit_model({**given, "architecture": given.get("architecture", SMALL)}, data)
    for call in ("partial_fit", "partial_fit", "fit"):
        loaded = save_and_load(estimator, path, custom_modules=CUSTOM)
        for each in (estimator, loaded):
            getattr(each.set_params(warm_start=True), call)(data)
        np.testing.assert_array_equal(loaded.transform(data), estimator.transform(data))
        assert [row["epoch"] for row in loaded.history_] == [row["epoch"] for row in estimator.history_]
    assert loaded.fit(data).n_iter_ > estimator.n_iter_


def test_a_random_state_continues(path):
    estimator = AutoencoderTransformer(2, architecture=SMALL, max_epochs=1, random_state=np.random.RandomState(3))
    loaded = save_and_load(estimator.fit(X), path)
    np.testing.assert_array_equal(loaded.fit(X).transform(X), estimator.fit(X).transform(X))


@pytest.mark.parametrize("y", [np.arange(60) % 3, np.array(["a", "b", "c"])[np.arange(60) % 3], X[:, :2] + 0.5])
def test_supervised_training_resumes_to_the_same_bits(y, path):
    estimator = small_autoencoder(variant=Supervised(2.0, variant="variational"), warm_start=True).fit(X, y)
    for call in ("partial_fit", "partial_fit", "fit"):
        loaded = save_and_load(estimator, path)
        for each in (estimator, loaded):
            getattr(each, call)(X, y)
        np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))
    np.testing.assert_array_equal(loaded.reconstruct(X), estimator.reconstruct(X))


@pytest.mark.parametrize("variant", ["plain", "variational", "vector_quantized", "nested", "hyperspherical"])
def test_generated_samples_are_equal(variant, path):
    estimator = fit_model({"variant": variant, "architecture": SMALL}, X)
    loaded = save_and_load(estimator, path)
    np.testing.assert_array_equal(loaded.sample(5, random_state=0), estimator.sample(5, random_state=0))
    np.testing.assert_array_equal(loaded.interpolate(X[:2], X[2:4], 3), estimator.interpolate(X[:2], X[2:4], 3))


def test_shortened_codes_are_saved(path):
    short = fit_model({"n_components": 4, "variant": "nested", "architecture": SMALL}, X).shortened(3)
    loaded = save_and_load(short, path)
    assert loaded.transform(X).shape == (60, 3)
    np.testing.assert_array_equal(loaded.transform(X), short.transform(X))
    np.testing.assert_array_equal(loaded.shortened(1).transform(X), short.shortened(1).transform(X))


def test_an_estimator_saved_twice_gives_the_same_bytes(small, tmp_path):
    save(small, tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_saving_and_loading_do_not_change_random_streams(small, path):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    save_and_load(small, path)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_loading_does_not_depend_on_the_default_dtype(saved, small):
    torch.set_default_dtype(torch.float64)
    try:
        np.testing.assert_array_equal(load(saved).transform(X), small.transform(X))
    finally:
        torch.set_default_dtype(torch.float32)


def test_any_safetensors_tool_reads_arrays_and_metadata(saved, small):
    with safetensors.safe_open(saved, "numpy") as file:
        metadata = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a dict
    assert set(metadata) == {"skae_sha256", "skae_format", "skae", "format"}
    assert metadata["skae_format"] == "1"
    assert json.loads(metadata["skae"])["parameters"]["n_components"] == 2
    for name, array in small.net_.module_.state_dict().items():
        np.testing.assert_array_equal(arrays[f"module/{name}"], array)


def test_column_names_may_be_any_text(path):
    frame = pd.DataFrame(X, columns=[f'a, [b], {i} "\\ä' + ",[{" * 100_000 for i in range(6)])
    loaded = save_and_load(small_autoencoder().fit(frame), path)
    assert list(loaded.feature_names_in_) == list(frame.columns)


def test_variants_may_be_wrapped_many_times(path):
    variant = "plain"
    for _ in range(20):
        variant = Denoising(variant=variant)
    estimator = small_autoencoder(variant=variant).fit(X)
    np.testing.assert_array_equal(save_and_load(estimator, path).transform(X), estimator.transform(X))
