"""The contract of the face: shapes, units, types, state."""

import copy
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.pipeline import make_pipeline
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn

from skae import (
    AutoencoderNovelty,
    AutoencoderTransformer,
    Convolutional,
    Custom,
    Dense,
    DivergenceError,
    OutOfMemoryError,
)
from skae._data import sources
from skae._training import Part, automatic_patience
from skae.variants import Denoising

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
# A sample's shape, the axes where they are needed, and an architecture.
KINDS = {
    "table": ((6,), None, "auto"),
    "signals": ((40,), "t", "conv"),
    "signals with channels": ((40, 2), "t c", "conv"),
    "gray pictures": ((9, 12), None, "conv"),
    "color pictures": ((8, 7, 3), None, "conv"),
    "color pictures, channels first": ((3, 8, 7), None, "conv"),
    "volumes": ((4, 5, 6), "d h w", "conv"),
    "videos": ((4, 8, 8, 3), None, "conv"),
    "pictures, dense": ((9, 12), None, "dense"),
}


class Greedy(nn.Linear):
    """Asks for more memory than there is on batches of more than 32 rows."""

    def forward(self, x):
        if len(x) > 32:
            torch.empty(2**60, dtype=torch.uint8)
        return super().forward(x)


def samples(shape, n=40, dtype=np.float32):
    return np.random.RandomState(0).standard_normal((n, *shape)).astype(dtype)


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, **QUICK).fit(X)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_in_its_shape_and_type(kind):
    shape, axes, architecture = KINDS[kind]
    given = samples(shape)
    autoencoder = AutoencoderTransformer(3, axes=axes, architecture=architecture, **QUICK).fit(given)
    Z = autoencoder.transform(given)
    assert (Z.shape, Z.dtype) == ((40, 3), np.float32)
    for result in (autoencoder.inverse_transform(Z), autoencoder.reconstruct(given)):
        assert (result.shape, result.dtype) == (given.shape, np.float32)
    np.testing.assert_allclose(autoencoder.inverse_transform(Z), autoencoder.reconstruct(given), atol=1e-4)
    assert autoencoder.sample_shape_ == shape
    assert autoencoder.mean_.shape == shape
    np.testing.assert_allclose(autoencoder.mean_, given.mean(0), atol=1e-5)
    assert autoencoder.n_features_in_ == np.prod(shape)
    assert autoencoder.score_samples(given).shape == (40,)
    assert isinstance(autoencoder.score(given), float)


def test_flattened_pictures_with_a_sample_shape_are_the_pictures():
    pictures = samples((9, 12))
    convolutional = AutoencoderTransformer(3, architecture="conv", **QUICK)
    expected = clone(convolutional).fit(pictures)
    flat = convolutional.set_params(sample_shape=(9, 12)).fit(pictures.reshape(40, -1))
    np.testing.assert_array_equal(flat.transform(pictures.reshape(40, -1)), expected.transform(pictures))
    assert flat.reconstruct(pictures.reshape(40, -1)).shape == (40, 108)
    assert flat.sample_shape_ == (9, 12)
    np.testing.assert_array_equal(flat.transform(pictures), expected.transform(pictures))


def test_channels_first_and_last_are_the_same_pictures():
    last = samples((8, 7, 3))
    first = last.transpose(0, 3, 1, 2)
    codes = [AutoencoderTransformer(3, architecture="conv", **QUICK).fit_transform(given) for given in (last, first)]
    np.testing.assert_allclose(*codes, rtol=1e-3, atol=1e-4)


def test_score_is_the_explained_variance(fitted):
    scaling = fitted._layout.scaling
    scaled = (X - scaling.mean.numpy()) / scaling.scale.numpy()
    restored = (fitted.reconstruct(X) - scaling.mean.numpy()) / scaling.scale.numpy()
    expected = 1 - ((scaled - restored) ** 2).sum() / (scaled**2).sum()
    assert fitted.score(X) == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(fitted.score_samples(X), -((scaled - restored) ** 2).mean(1), rtol=1e-4, atol=1e-6)


def test_untrained_codes_and_score_are_those_of_pca():
    # Rows that PCA explains wholly leave nothing to train for, so the fit goes back to its start.
    flat = X[:, :3] @ np.random.RandomState(2).standard_normal((3, 6))
    autoencoder = AutoencoderTransformer(3, scaling="global", **QUICK).fit(flat)
    scale = float(autoencoder._layout.scaling.scale)
    expected = PCA(3).fit(flat / scale)
    np.testing.assert_allclose(np.abs(autoencoder.transform(flat)), np.abs(expected.transform(flat / scale)), atol=1e-3)
    assert autoencoder.score(flat) == pytest.approx(1, abs=1e-6)


def test_same_seed_same_bits_and_another_seed_others():
    first, again, other = (AutoencoderTransformer(2, max_epochs=5, random_state=s).fit(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.transform(X), again.transform(X))
    timeless = [[{k: v for k, v in row.items() if k != "duration"} for row in a.history_] for a in (first, again)]
    assert timeless[0] == timeless[1]
    assert first.history_[0]["train_loss"] != other.history_[0]["train_loss"]


@pytest.mark.parametrize("kind", KINDS)
def test_codes_agree_over_batch_sizes(kind):
    shape, axes, architecture = KINDS[kind]
    given = samples(shape)
    autoencoder = AutoencoderTransformer(3, axes=axes, architecture=architecture, **QUICK).fit(given)
    whole = autoencoder.transform(given)
    for length in (1, 3, 17):
        parts = [given[i : i + length] for i in range(0, len(given), length)]
        codes = np.concatenate([autoencoder.transform(part) for part in parts])
        np.testing.assert_allclose(codes, whole, rtol=0, atol=1e-6 * whole.std())
        restored = np.concatenate(
            [autoencoder.inverse_transform(Z) for Z in np.split(whole, range(length, 40, length))]
        )
        np.testing.assert_allclose(restored, autoencoder.inverse_transform(whole), rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "bce"])
def test_every_loss_explains_digits_better_than_the_mean(loss, digits):
    autoencoder = AutoencoderTransformer(8, loss=loss, max_epochs=5, random_state=0).fit(digits[:600])
    assert autoencoder.score(digits[600:]) > 0.6


def test_absolute_error_is_lower_when_it_is_the_loss(digits):
    noisy = digits + 200 * (np.random.RandomState(0).uniform(size=digits.shape) < 0.01)
    errors = {}
    for loss in ("mse", "mae"):
        autoencoder = AutoencoderTransformer(8, loss=loss, max_epochs=10, random_state=0).fit(noisy)
        errors[loss] = np.abs(autoencoder.reconstruct(noisy) - noisy).mean()
    assert errors["mae"] < errors["mse"]


def test_cross_entropy_keeps_reconstructions_between_the_ends(digits):
    autoencoder = AutoencoderTransformer(4, loss="bce", max_epochs=3, random_state=0).fit(digits)
    restored = autoencoder.reconstruct(digits)
    assert restored.min() >= -1e-3
    assert restored.max() <= 16 + 1e-3


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_every_optimizer_improves_on_its_start(optimizer, digits):
    autoencoder = AutoencoderTransformer(2, optimizer=optimizer, max_epochs=5, random_state=0).fit(digits)
    assert autoencoder.history_[-1]["valid_loss"] < autoencoder.history_[0]["valid_loss"]
    assert autoencoder.score(digits) > PCA(2).fit(digits).explained_variance_ratio_.sum()


class TestUnits:
    def test_uint8_pictures(self):
        patches = extract_patches_2d(load_sample_image("china.jpg"), (8, 8), max_patches=800, random_state=0)
        assert patches.dtype == np.uint8
        autoencoder = AutoencoderTransformer(8, max_epochs=5, random_state=0).fit(patches)
        restored = autoencoder.reconstruct(patches)
        assert restored.dtype == np.float32
        assert autoencoder.score(patches) > 0.9
        assert np.abs(restored - patches).mean() < 16

    def test_columns_of_very_different_scale(self):
        mixed = X * [1, 1e3, 1e-3, 1, 1, 1e6]
        autoencoder = AutoencoderTransformer(4, random_state=0).fit(mixed)
        share = 1 - ((autoencoder.reconstruct(mixed) - mixed) ** 2).sum(0) / ((mixed - mixed.mean(0)) ** 2).sum(0)
        assert share.min() > 0.5

    def test_timestamps_with_a_small_spread(self):
        hours = 1.23e6 + 1e-3 * X
        autoencoder = AutoencoderTransformer(5, random_state=0).fit(hours)
        restored = autoencoder.reconstruct(hours)
        assert restored.dtype == np.float64
        assert autoencoder.score(hours) > 0.9
        assert np.abs(restored - hours).mean() < 1e-3

    def test_constant_columns(self):
        constant = np.column_stack([X, np.full(80, 7.25), np.zeros(80)])
        restored = AutoencoderTransformer(4, random_state=0).fit(constant).reconstruct(constant)
        np.testing.assert_allclose(restored[:, -2:], constant[:, -2:], atol=1e-2)
        assert np.isfinite(restored).all()


class TestForms:
    def test_frames_give_frames_where_asked(self):
        frame = pd.DataFrame(X, columns=list("abcdef"))
        autoencoder = AutoencoderTransformer(2, **QUICK).set_output(transform="pandas")
        codes = autoencoder.fit_transform(frame)
        assert list(codes.columns) == ["autoencodertransformer0", "autoencodertransformer1"]
        assert list(autoencoder.feature_names_in_) == list("abcdef")
        assert list(autoencoder.get_feature_names_out()) == list(codes.columns)
        assert isinstance(autoencoder.set_output(transform="polars").transform(frame), pl.DataFrame)

    def test_polars_frames(self):
        frame = pl.DataFrame(X, schema=list("abcdef"))
        expected = AutoencoderTransformer(2, **QUICK).fit_transform(X)
        np.testing.assert_array_equal(AutoencoderTransformer(2, **QUICK).fit_transform(frame), expected)

    def test_tensors_give_tensors(self, fitted):
        tensor = torch.from_numpy(X).requires_grad_()
        for call in (fitted.transform, fitted.reconstruct, fitted.score_samples):
            result = call(tensor)
            assert isinstance(result, torch.Tensor)
            assert not result.requires_grad
            np.testing.assert_array_equal(result.numpy(), call(X))
        assert isinstance(fitted.inverse_transform(fitted.transform(tensor)), torch.Tensor)

    def test_memmaps_are_read_in_slices(self, tmp_path, digits, monkeypatch):
        np.save(tmp_path / "X.npy", digits)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        autoencoder = AutoencoderTransformer(8, max_epochs=8, random_state=0)
        plain = clone(autoencoder).fit(digits)
        # Small ones give what an array gives.
        np.testing.assert_array_equal(autoencoder.fit(mapped).transform(mapped), plain.transform(digits))
        monkeypatch.setattr(sources, "CACHE_BYTES", 0)
        assert autoencoder.fit(mapped).score(mapped) == pytest.approx(plain.score(digits), abs=0.03)
        assert np.abs(autoencoder.transform(digits) - plain.transform(digits)).max() > 0.1

    def test_anything_with_slices(self, digits, monkeypatch):
        class Slices:
            shape, dtype = digits.shape, digits.dtype

            def __len__(self):
                return len(digits)

            def __getitem__(self, key):
                assert isinstance(key, slice)
                return digits[key]

        autoencoder = AutoencoderTransformer(8, max_epochs=8, random_state=0)
        for cache in (sources.CACHE_BYTES, 0):
            monkeypatch.setattr(sources, "CACHE_BYTES", cache)
            assert autoencoder.fit(Slices()).score(digits) > 0.7
            np.testing.assert_array_equal(autoencoder.transform(Slices()), autoencoder.transform(digits))


class TestPartialFit:
    def test_passes_improve_and_are_counted(self, digits):
        autoencoder = AutoencoderTransformer(8, lr=1e-3, random_state=0)
        scores = [autoencoder.partial_fit(digits).score(digits) for _ in range(4)]
        assert scores[-1] > scores[0]
        assert autoencoder.n_iter_ == 4
        assert [row["epoch"] for row in autoencoder.history_] == [1, 2, 3, 4]

    def test_goes_on_after_fit(self, digits):
        autoencoder = AutoencoderTransformer(8, max_epochs=3, random_state=0).fit(digits)
        before = autoencoder.transform(digits)
        autoencoder.partial_fit(digits)
        assert autoencoder.n_iter_ == 4
        assert not np.array_equal(before, autoencoder.transform(digits))

    def test_parts_of_the_data(self, digits):
        autoencoder = AutoencoderTransformer(8, lr=1e-3, random_state=0)
        for start in range(0, 1500, 300):
            autoencoder.partial_fit(digits[start : start + 300])
        assert autoencoder.score(digits[1500:]) > 0.6


class TestWarmStart:
    def test_fit_goes_on_from_the_weights_before(self, digits):
        autoencoder = AutoencoderTransformer(4, warm_start=True, max_epochs=4, lr=1e-3, random_state=0).fit(digits)
        first = autoencoder.score(digits)
        autoencoder.fit(digits)
        assert autoencoder.score(digits) > first
        assert autoencoder.n_iter_ == 8

    def test_without_it_fit_starts_anew(self, digits):
        autoencoder = AutoencoderTransformer(4, max_epochs=2, random_state=0).fit(digits)
        first = autoencoder.transform(digits)
        np.testing.assert_array_equal(autoencoder.fit(digits).transform(digits), first)
        assert autoencoder.n_iter_ == 2


class TestTraining:
    def test_history_names_what_happened(self, fitted):
        assert len(fitted.history_) == fitted.n_iter_ == 2
        for number, row in enumerate(fitted.history_, start=1):
            assert row["epoch"] == number
            assert set(row) == {"epoch", "train_loss", "valid_loss", "pca_loss", "lr", "duration"}
            assert all(type(value) in (int, float) for value in row.values())

    def test_without_early_stopping_nothing_is_held_out(self):
        autoencoder = AutoencoderTransformer(2, early_stopping=False, **QUICK).fit(X)
        assert "valid_loss" not in autoencoder.history_[0]

    def test_own_held_out_rows_are_used(self):
        easy, hard = X[:40], X[40:] * 10
        autoencoder = AutoencoderTransformer(2, scaling=None, **QUICK)
        low = clone(autoencoder).fit(easy, X_val=easy).history_[0]["valid_loss"]
        high = clone(autoencoder).fit(easy, X_val=hard).history_[0]["valid_loss"]
        assert high > 10 * low

    def test_training_stops_without_progress(self):
        autoencoder = AutoencoderTransformer(2, max_epochs=500, n_iter_no_change=2, tol=0.5, random_state=0).fit(X)
        assert autoencoder.n_iter_ < 20

    def test_patience_grows_with_the_plan(self):
        assert [automatic_patience(n) for n in (5, 25, 45, 300)] == [25, 25, 27, 180]
        noise = np.random.RandomState(0).standard_normal((40, 3))
        autoencoder = AutoencoderTransformer(1, max_epochs=200, random_state=0).fit(noise)
        assert 120 <= autoencoder.n_iter_ < 200

    def test_best_weights_are_kept(self, digits):
        # At this learning rate the loss jumps about, so the last epoch is hardly the best.
        autoencoder = AutoencoderTransformer(
            4, architecture=Dense(linear_path=False), max_epochs=12, lr=0.05, random_state=0
        ).fit(digits, X_val=digits[:300])
        losses = [row["valid_loss"] for row in autoencoder.history_]
        kept = -autoencoder.score_samples(digits[:300]).mean()
        assert kept == pytest.approx(min(losses), rel=1e-3)

    def test_skorch_callbacks_and_settings_pass_through(self):
        calls = []

        class Counting(Callback):
            def on_batch_end(self, net, **kwargs):
                calls.append("batch")

            def on_epoch_end(self, net, **kwargs):
                calls.append("epoch")

        net_params = {"callbacks": [Counting()], "optimizer__weight_decay": 0.125}
        autoencoder = AutoencoderTransformer(2, batch_size=20, net_params=net_params, **QUICK).fit(X)
        assert calls.count("epoch") == 2
        assert calls.count("batch") == 2 * (4 + 1)
        assert autoencoder.net_.optimizer_.param_groups[-1]["weight_decay"] == 0.125
        assert isinstance(autoencoder.net_, NeuralNet)

    def test_divergence_names_the_epoch_and_keeps_the_fit_before(self):
        autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
        before = autoencoder.transform(X)
        with pytest.raises(DivergenceError, match=r"epoch \d+ at lr"):
            autoencoder.set_params(lr=1e30, max_epochs=20, optimizer="sgd").fit(X)
        np.testing.assert_array_equal(autoencoder.transform(X), before)

    GREEDY = Custom(lambda: Greedy(6, 2), lambda: nn.Linear(2, 6))

    @pytest.mark.bad_input(109, 110)
    def test_too_little_memory_names_the_batch_size_and_keeps_the_fit_before(self):
        autoencoder = AutoencoderTransformer(
            2, architecture=self.GREEDY, early_stopping=False, batch_size=20, **QUICK
        ).fit(X)
        with pytest.warns(UserWarning, match="Out of memory on a batch of 80 rows"):
            before = autoencoder.transform(X)
        with pytest.raises(OutOfMemoryError, match="device='cpu' with batch_size=80") as caught:
            autoencoder.set_params(batch_size=80).fit(X)
        assert isinstance(caught.value, MemoryError)
        np.testing.assert_array_equal(autoencoder.transform(X[:20]), before[:20])
        autoencoder.set_params(batch_size=20).fit(X)

    @pytest.mark.bad_input(110)
    def test_too_little_memory_for_held_out_rows_halves_their_batches(self):
        whole = AutoencoderTransformer(
            2, architecture=self.GREEDY, validation_fraction=0.4, batch_size=16, **QUICK
        ).fit(X)  # fmt: skip
        with pytest.warns(UserWarning, match="Out of memory on 40 held-out rows: going on in batches of 20") as caught:
            halved = clone(whole).set_params(validation_fraction=0.5).fit(X)
        assert len([w for w in caught if "held-out" in str(w.message)]) == 1
        assert halved.net_.longest_ == 20
        by_rows = -halved.score_samples(X[:20])
        assert by_rows.shape == (20,)
        losses = halved.net_.losses_per_row(Part.whole(halved._rows(X)))
        np.testing.assert_allclose(losses[:20], by_rows, rtol=1e-5)
        assert len(losses) == 80

    def test_batches_of_one_row_with_batch_normalization(self):
        architecture = Dense((8,), normalization="batch")
        for n in (2, 3, 17, 33):
            AutoencoderTransformer(
                2, architecture=architecture, batch_size=16, early_stopping=False, max_epochs=1, random_state=0
            ).fit(X[:n])

    def test_dropout_is_private_and_repeats(self):
        before = torch.get_rng_state()
        estimator = AutoencoderTransformer(2, architecture=Dense((16,), dropout=0.5), early_stopping=False, **QUICK)
        codes = [clone(estimator).fit_transform(X) for _ in range(2)]
        np.testing.assert_array_equal(*codes)
        assert torch.equal(before, torch.get_rng_state())

    def test_interrupt_after_an_epoch_keeps_the_best_weights(self, digits):
        class Interrupting(Callback):
            def __init__(self, epoch):
                self.epoch = epoch

            def on_batch_begin(self, net, training=False, **kwargs):
                if training and len(net.history) == self.epoch:
                    raise KeyboardInterrupt

        autoencoder = AutoencoderTransformer(4, random_state=0, net_params={"callbacks": [Interrupting(4)]})
        with pytest.raises(KeyboardInterrupt):
            autoencoder.fit(digits)
        assert autoencoder.n_iter_ == 3
        assert autoencoder.score(digits) >= PCA(4).fit(digits).explained_variance_ratio_.sum() - 0.002
        unfitted = AutoencoderTransformer(4, random_state=0, net_params={"callbacks": [Interrupting(1)]})
        with pytest.raises(KeyboardInterrupt):
            unfitted.fit(digits)
        assert not hasattr(unfitted, "net_")

    def test_verbose_prints_every_epoch(self, capsys):
        AutoencoderTransformer(2, verbose=1, **QUICK).fit(X)
        printed = capsys.readouterr().out
        stages = "Reading X", "Choosing training and validation rows", "Building the network and its PCA initialization"
        for stage in stages:
            assert re.search(rf"^{stage} \.\.\. \d+\.\d s$", printed, re.MULTILINE)
        assert "train_loss" in printed
        AutoencoderTransformer(2, **QUICK).fit(X)
        assert capsys.readouterr().out == ""


class TestArchitectures:
    def test_own_modules_are_copied_not_trained(self):
        encoder, decoder = nn.Linear(6, 2), nn.Linear(2, 6)
        before = copy.deepcopy(encoder.state_dict())
        autoencoder = AutoencoderTransformer(
            2, architecture=Custom(encoder, decoder), early_stopping=False, **QUICK
        ).fit(X)
        torch.testing.assert_close(dict(encoder.state_dict()), dict(before), rtol=0, atol=0)
        assert not torch.equal(autoencoder.net_.module_.encoder.weight, before["weight"])

    def test_linear_modules_reach_pca(self):
        architecture = Custom(lambda: nn.Linear(6, 2), lambda: nn.Linear(2, 6))
        autoencoder = AutoencoderTransformer(2, architecture=architecture, max_epochs=200, random_state=0).fit(X)
        assert autoencoder.score(X) == pytest.approx(PCA(2).fit(X).explained_variance_ratio_.sum(), abs=0.01)

    def test_local_classes_fit_and_cannot_be_pickled(self):
        class Local(nn.Linear):
            def __init__(self, n_components):
                super().__init__(6, n_components)

        autoencoder = AutoencoderTransformer(2, architecture=Custom(Local, nn.Linear(2, 6)), **QUICK).fit(X)
        assert autoencoder.transform(X).shape == (80, 2)
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(autoencoder)

    def test_summary_shows_the_way_down_and_back(self, capsys):
        pictures = np.random.RandomState(0).randint(0, 256, (4, 256, 256, 3), dtype=np.uint8)
        autoencoder = AutoencoderTransformer(2, early_stopping=False, max_epochs=1, random_state=0).fit(pictures)
        table = autoencoder.summary()
        assert capsys.readouterr().out.strip() == str(table).strip()
        lines = str(table).splitlines()
        places = [
            next(i for i, line in enumerate(lines) if text in line)
            for text in ("(256, 256, 3)", "(128, 128, 32)", "(64, 64, 64)", "(2,)")
        ]
        assert places == sorted(places)
        after = "\n".join(lines[places[-1] :])
        assert after.index("(64, 64, 64)") < after.index("(128, 128, 32)") < after.index("(256, 256, 3)")
        assert "floor((256 + 2*1 - 3) / 2) + 1 = 128" in table
        assert "(128 - 1)*2 - 2*1 + 3 + 1 = 256" in table
        n_parameters = sum(p.numel() for p in autoencoder.net_.module_.parameters())
        assert f"{n_parameters:,} parameters" in table

    def test_summary_of_every_kind_counts_every_parameter(self, capsys):
        for shape, axes, architecture in KINDS.values():
            autoencoder = AutoencoderTransformer(3, axes=axes, architecture=architecture, max_epochs=1)
            autoencoder.fit(samples(shape))
            n_parameters = sum(p.numel() for p in autoencoder.net_.module_.parameters())
            assert f"{n_parameters:,} parameters" in autoencoder.summary()

    @pytest.mark.parametrize("activation", ["silu", "relu", "gelu", "elu", "leaky_relu", "tanh", "sigmoid", "identity"])
    def test_every_activation_trains(self, activation):
        for architecture in (Dense((8,), activation=activation), Convolutional((4,), activation=activation)):
            autoencoder = AutoencoderTransformer(2, architecture=architecture, axes="t", **QUICK)
            assert np.isfinite(autoencoder.fit(X).score(X))


class TestPickle:
    def test_round_trip(self, fitted):
        restored = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(restored.transform(X), fitted.transform(X))
        assert restored.history_ == fitted.history_

    def test_training_data_stays_out(self):
        wide = np.random.RandomState(0).standard_normal((20_000, 6))
        autoencoder = AutoencoderTransformer(2, architecture=Dense((4,)), max_epochs=1, random_state=0).fit(wide)
        assert len(pickle.dumps(autoencoder)) < 100_000

    def test_partial_fit_goes_on_after_it(self, digits):
        autoencoder = AutoencoderTransformer(2, random_state=0).partial_fit(digits)
        restored = pickle.loads(pickle.dumps(autoencoder))
        np.testing.assert_array_equal(
            restored.partial_fit(digits).transform(digits), autoencoder.partial_fit(digits).transform(digits)
        )


def test_deep_copies_are_independent(fitted):
    other = copy.deepcopy(fitted).partial_fit(X)
    assert other.n_iter_ == fitted.n_iter_ + 1


class TestCallableLosses:
    @staticmethod
    def squares(output, target):
        return (output - target).square().flatten(1).mean(1)

    @pytest.mark.parametrize("shape", [(6,), (9, 8), (8, 7, 3)])
    @pytest.mark.parametrize("variant", ["plain", "importance_weighted", "nested"])
    def test_train(self, shape, variant):
        given = samples(shape)
        fitted = AutoencoderTransformer(2, loss=self.squares, variant=variant, **QUICK).fit(given)
        assert np.isfinite(fitted.score(given))

    def test_are_what_they_compute(self):
        by_name, by_callable = (AutoencoderTransformer(2, loss=loss, **QUICK).fit(X) for loss in ("mse", self.squares))
        np.testing.assert_allclose(by_callable.transform(X), by_name.transform(X), rtol=1e-4, atol=1e-5)

    def test_of_modules_leave_the_module_as_it_was(self):
        class Weighted(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.arange(6.0))

            def forward(self, output, target):
                return ((output - target).square() * self.weight).mean(1)

        given = Weighted()
        fitted = AutoencoderTransformer(2, loss=given, **QUICK).fit(X)
        assert given.weight.grad is None
        torch.testing.assert_close(given.weight.detach(), torch.arange(6.0))
        torch.testing.assert_close(fitted.net_.criterion_.loss.weight.detach(), torch.arange(6.0))

    @pytest.mark.parametrize("loss", [nn.MSELoss(), nn.MSELoss(reduction="none"), lambda output, target: 0.0])
    def test_of_the_wrong_shape_are_refused_before_training(self, fitted, loss):
        estimator = copy.copy(fitted).set_params(loss=loss)
        with pytest.raises(ValueError, match=r"must take \(output, target\).*to 2 numbers, one for each sample"):
            estimator.fit(X)
        assert estimator.net_ is fitted.net_

    @pytest.mark.parametrize("loss", [nn.MSELoss, 3, None])
    def test_what_is_no_loss(self, loss):
        with pytest.raises(ValueError, match=r"'loss' parameter .* or a callable that takes"):
            AutoencoderTransformer(2, loss=loss).fit(X)

    def test_averages_over_the_wrong_axis_are_found_for_any_number_of_features(self):
        two = X[:, :2]
        with pytest.raises(ValueError, match=r"Got shape \(2,\) instead"):
            AutoencoderTransformer(1, loss=lambda output, target: (output - target).abs().mean(0)).fit(two)

    def test_take_over_in_warm_starts(self):
        estimator = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(X).set_params(loss=self.squares).fit(X)
        assert estimator.set_params(loss="auto").fit(X).n_iter_ == 6
        with pytest.raises(ValueError, match="cannot go on with loss='bce'"):
            estimator.set_params(loss="bce").fit(X)

    def test_draw_from_no_global_generator(self):
        def noisy(output, target):
            return self.squares(output + 0.1 * torch.randn_like(output), target)

        before = torch.get_rng_state()
        one, two = (AutoencoderTransformer(2, loss=noisy, **QUICK).fit(X) for _ in range(2))
        torch.testing.assert_close(torch.get_rng_state(), before)
        np.testing.assert_array_equal(one.transform(X), two.transform(X))


class TestSettingsOfNames:
    """Settings of an object cannot be set where a name stands; the error says what to pass."""

    @pytest.mark.parametrize(
        ("estimator", "setting", "message"),
        [
            (AutoencoderTransformer(), {"architecture__hidden_sizes": (8,)}, r"Pass an object: .*Dense\(hidden_sizes="),
            (
                AutoencoderTransformer(architecture="conv"),
                {"architecture__channels": (8,)},
                r"Convolutional\(channels=",
            ),
            (AutoencoderTransformer(), {"architecture__channels": (8,)}, r"architecture=Convolutional\(channels="),
            (AutoencoderTransformer(architecture="sequence"), {"architecture__embedding_size": 8}, r"Sequence\("),
            (AutoencoderTransformer(variant="sparse"), {"variant__weight": 2}, r"variant=Sparse\(weight=2\)"),
            (AutoencoderTransformer(), {"variant__beta": 2}, r"Variational\(beta=2\)"),
            (
                AutoencoderTransformer(variant=Denoising()),
                {"variant__variant__beta": 2},
                r"variant=Variational\(beta=2\)",
            ),
            (
                AutoencoderTransformer(architecture=Dense()),
                {"architecture": "dense", "architecture__hidden_sizes": (8,)},
                "architecture='dense' has no setting",
            ),
            (
                AutoencoderTransformer(),
                {"optimizer__weight_decay": 0.1},
                r"net_params=\{'optimizer__weight_decay': 0.1\}",
            ),
            (AutoencoderTransformer(), {"loss__delta": 2}, "loss='auto' has no setting 'delta' to set"),
            (AutoencoderNovelty(), {"autoencoder__max_epochs": 5}, r"AutoencoderTransformer\(max_epochs=5\)"),
        ],
        ids=str,
    )
    def test_say_what_to_pass(self, estimator, setting, message):
        with pytest.raises(ValueError, match=message):
            clone(estimator).set_params(**setting)
        pipeline = make_pipeline(clone(estimator))
        name = pipeline.steps[0][0]
        with pytest.raises(ValueError, match=message):
            pipeline.set_params(**{f"{name}__{key}": value for key, value in setting.items()})

    def test_are_set_where_an_object_stands(self):
        estimator = AutoencoderTransformer().set_params(architecture__hidden_sizes=(8,), architecture=Dense())
        assert estimator.architecture.hidden_sizes == (8,)
        assert estimator.set_params(variant=Denoising(), variant__amount=0.5).variant.amount == 0.5


def test_public_modules_are_there_without_an_import():
    code = (
        "import sys, skae\n"
        "assert not {'skae.metrics', 'skae.inspection', 'matplotlib'} & set(sys.modules)\n"
        "skae.metrics.explained_variance, skae.text.CharacterEncoder, skae.variants.Denoising\n"
        "skae.inspection.LatentSpaceDisplay\n"
        "assert 'matplotlib' not in sys.modules\n"
        "assert {'inspection', 'metrics', 'text', 'variants'} <= set(dir(skae))\n"
        "assert not hasattr(skae, 'no_such')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
