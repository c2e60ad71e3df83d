"""What once went wrong, each with the smallest input that showed it."""

import copy
import sys
import tempfile
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LRScheduler, TrainEndCheckpoint
from torch import nn

from skae import AutoencoderTransformer, Custom, Dense, DivergenceError
from skae.metrics import explained_variance
from skae.text import CharacterEncoder

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


class Interrupting(Callback):
    """Stops like Ctrl-C in the held-out pass of an epoch, or at its end."""

    def __init__(self, epoch, at_end):
        self.epoch, self.at_end = epoch, at_end

    def on_batch_begin(self, net, training=True, **kwargs):
        if not self.at_end and not training and len(net.history) == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        if self.at_end and len(net.history) == self.epoch:
            raise KeyboardInterrupt


def interrupted(estimator, X, **kwargs):
    estimator.set_params(net_params={"callbacks": [Interrupting(**kwargs)]})
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    return estimator


def test_going_on_with_a_loss_of_other_outputs_is_refused():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(X)
    autoencoder.set_params(loss="huber").fit(X)
    for call in (autoencoder.fit, autoencoder.partial_fit):
        autoencoder.set_params(loss="bce")
        with pytest.raises(ValueError, match=r"loss='bce'.*loss='huber'"):
            call(X)


@pytest.mark.parametrize("changed", [{"axes": "h w", "sample_shape": (2, 3)}, {"sample_shape": (3, 2), "axes": "h w"}])
def test_going_on_with_another_form_of_samples_is_refused(changed):
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    with pytest.raises(ValueError, match="sample_shape"):
        autoencoder.set_params(**changed).partial_fit(X)


def test_float32_with_a_large_offset_is_centered_in_float64():
    x = (1.7e9 + np.random.RandomState(0).randint(0, 4, (400, 2)) * 128).astype(np.float32)
    autoencoder = AutoencoderTransformer(1, **QUICK).fit(x)
    scaled = autoencoder._layout.scaling.transform(torch.from_numpy(x))
    assert scaled.mean(0).abs().max() < 1e-5
    assert autoencoder.score(x) == pytest.approx(autoencoder.score(x.astype(float)), abs=1e-6)


@pytest.mark.parametrize("extreme", [3e38, 1.4e-45])
def test_float32_at_its_ends_fits(extreme):
    x = np.where(np.random.RandomState(0).uniform(size=(60, 3)) < 0.8, -extreme, extreme).astype(np.float32)
    assert np.isfinite(AutoencoderTransformer(2, **QUICK).fit(x).transform(x)).all()


def test_interrupt_in_the_held_out_pass_of_the_first_epoch_keeps_the_fit_before():
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    before, history = autoencoder.transform(X), copy.deepcopy(autoencoder.history_)
    interrupted(autoencoder, X, epoch=1, at_end=False)
    np.testing.assert_array_equal(autoencoder.transform(X), before)
    assert autoencoder.history_ == history


def test_interrupt_at_the_end_of_an_epoch_keeps_its_weights(digits):
    autoencoder = interrupted(AutoencoderTransformer(8, random_state=0, max_epochs=2), digits, epoch=2, at_end=True)
    complete = AutoencoderTransformer(8, random_state=0, max_epochs=2).fit(digits)
    np.testing.assert_array_equal(autoencoder.transform(digits), complete.transform(digits))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_divergence_in_the_last_update_is_noticed(early_stopping):
    autoencoder = AutoencoderTransformer(
        2,
        architecture=Custom(lambda: nn.Linear(6, 2), lambda: nn.Linear(2, 6)),
        early_stopping=early_stopping,
        max_epochs=1,
        batch_size=100,
        lr=1e30,
        optimizer="sgd",
        random_state=0,
    )
    with pytest.raises(DivergenceError, match=r"max \|X\| is \d"):
        autoencoder.fit(X)
    if not early_stopping:
        with pytest.raises(DivergenceError):
            autoencoder.partial_fit(X)


@pytest.mark.parametrize("n_features", [4, 6, 8, 12])
def test_values_whose_squares_overflow_say_so(n_features):
    huge = np.random.RandomState(1).standard_normal((60, n_features)) * 1e30
    with pytest.raises(DivergenceError, match=r"non-finite.*epoch 1.*max .X. is .*scal"):
        AutoencoderTransformer(2, scaling=None, **QUICK).fit(huge)


@pytest.mark.bad_input(112)
def test_what_a_callback_raises_comes_through_and_says_where():
    class Failing(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training and len(net.history) == 2 and net.batch_ == 3:
                raise KeyError("mine")

    autoencoder = AutoencoderTransformer(2, net_params={"callbacks": [Failing()]}, **QUICK)
    with pytest.raises(KeyError, match="mine") as caught:
        autoencoder.fit(X)
    note = "In epoch 2, batch 3, of the training of an autoencoder."
    assert sys.version_info < (3, 11) or caught.value.__notes__ == [note]


@pytest.mark.bad_input(108)
def test_divergence_names_its_batch():
    class Poison(Callback):
        def on_batch_begin(self, net, training=False, **kwargs):
            if training and len(net.history) == 2 and net.batch_ == 3:
                with torch.no_grad():
                    net.parameters_[0].fill_(float("nan"))

    autoencoder = AutoencoderTransformer(2, net_params={"callbacks": [Poison()]}, **QUICK)
    with pytest.raises(DivergenceError, match="in batch 3 of epoch 2"):
        autoencoder.fit(X)


class TestOwnModules:
    def test_modules_that_need_real_tensors_or_are_lazy(self):
        class Rates(nn.Module):
            def __init__(self):
                super().__init__()
                self.rates = [value.item() for value in torch.linspace(0, 0.1, 3)]
                self.generator = nn.Linear(6, 2)

            def forward(self, x):
                return self.generator(x)

        lazy = Custom(nn.LazyLinear(2), nn.LazyLinear(6))
        for architecture in (Custom(Rates, nn.Linear(2, 6)), lazy):
            autoencoder = AutoencoderTransformer(2, architecture=architecture, **QUICK).fit(X)
            assert autoencoder.transform(X).shape == (80, 2)
            assert "parameters" in autoencoder.summary()

    def test_modules_without_weights_are_refused(self):
        with pytest.raises(ValueError, match="no weights to train"):
            AutoencoderTransformer(6, architecture=Custom(nn.Identity(), nn.Identity())).fit(X)

    def test_dropout_of_torch_is_private_and_repeats(self):
        encoder = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.5), nn.Linear(16, 2))
        architecture = Custom(encoder, nn.Linear(2, 6))
        before = torch.get_rng_state()
        estimators = [
            AutoencoderTransformer(2, architecture=architecture, early_stopping=False, **QUICK).fit(X) for _ in range(2)
        ]
        assert torch.equal(before, torch.get_rng_state())
        np.testing.assert_array_equal(estimators[0].transform(X), estimators[1].transform(X))


def test_no_random_state_leaves_the_global_streams_alone():
    before = np.random.get_state()[2], torch.get_rng_state()
    first, second = (AutoencoderTransformer(2, max_epochs=2).fit(X).history_[0]["train_loss"] for _ in range(2))
    assert np.random.get_state()[2] == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert first != second


def test_partial_fit_counts_on_though_it_keeps_the_latest_passes_only():
    autoencoder = AutoencoderTransformer(2, architecture=Dense((4,)), random_state=0)
    for _ in range(103):
        autoencoder.partial_fit(X[:20])
    assert autoencoder.n_iter_ == 103
    assert [row["epoch"] for row in autoencoder.history_] == list(range(4, 104))


class TestSkorchCallbacks:
    def test_checkpoints_and_stopping(self):
        with tempfile.TemporaryDirectory() as folder:
            for callback in (Checkpoint(dirname=folder), TrainEndCheckpoint(dirname=folder), EarlyStopping(patience=1)):
                AutoencoderTransformer(2, net_params={"callbacks": [callback]}, **QUICK).fit(X)

    def test_a_schedule_of_the_users_own_replaces_the_planned_one(self):
        callbacks = [LRScheduler("StepLR", step_size=1, gamma=0.1)]
        autoencoder = AutoencoderTransformer(
            2, lr=0.01, max_epochs=3, random_state=0, net_params={"callbacks": callbacks}
        ).fit(X)
        np.testing.assert_allclose([row["lr"] for row in autoencoder.history_], [1e-2, 1e-3, 1e-4], rtol=1e-6)

    def test_disable(self):
        AutoencoderTransformer(2, net_params={"callbacks": "disable"}, **QUICK).fit(X)

    @pytest.mark.parametrize("name", ["criterion__loss", "optimizer__lr", "iterator_train__shuffle"])
    def test_what_has_a_parameter_of_its_own_is_refused(self, name):
        with pytest.raises(ValueError, match=name):
            AutoencoderTransformer(2, net_params={name: 1}).fit(X)


def test_dates_and_masks_are_refused_in_every_form():
    days = np.arange("2020-01", "2020-02", dtype="datetime64[D]")[:20]
    with pytest.raises(TypeError, match="Column 'day' of X has dtype datetime64"):
        AutoencoderTransformer(1).fit(pl.DataFrame({"day": days, "number": np.arange(20.0)}))
    with pytest.raises(ValueError, match="masked values"):
        AutoencoderTransformer(1).fit([np.ma.masked_greater(row, 1) for row in X])


def test_results_that_overflow_are_errors():
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X * 1e-20)
    with pytest.raises(ValueError, match="codes are not finite"):
        autoencoder.transform(X * 1e30)
    with pytest.raises(ValueError, match="samples are not finite"):
        autoencoder.inverse_transform(np.full((1, 2), 1e38))


@pytest.mark.parametrize("far", [1e21, 1e25, 1e37])
@pytest.mark.parametrize("container", [np.asarray, torch.from_numpy, pd.DataFrame, sparse.csr_array])
def test_scores_that_overflow_are_errors(far, container):
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


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_cumulative_explained_variance_of_numbers_whose_squares_are_out_of_range(unit):
    assert explained_variance(X * unit, X * 0.9 * unit) == pytest.approx(explained_variance(X, X * 0.9))
    assert explained_variance(np.ones((3, 2)), np.ones((3, 2))) == 1.0


@pytest.mark.parametrize(
    "context",
    [
        torch.no_grad,
        torch.inference_mode,
        partial(torch.autocast, "cpu", torch.bfloat16),
        partial(torch.device, "meta"),
    ],
    ids=["no_grad", "inference_mode", "autocast", "default device"],
)
def test_modes_and_defaults_of_the_caller_do_not_matter(context):
    expected = AutoencoderTransformer(2, **QUICK).fit(X)
    with context():
        fitted = AutoencoderTransformer(2, **QUICK).fit(X)
        np.testing.assert_array_equal(fitted.transform(X), expected.transform(X))
        np.testing.assert_array_equal(fitted.reconstruct(X), expected.reconstruct(X))
        assert fitted.score(X) == expected.score(X)
        fitted.partial_fit(X)
    np.testing.assert_array_equal(fitted.transform(X), expected.partial_fit(X).transform(X))


def test_default_dtype_of_the_caller_does_not_matter():
    torch.set_default_dtype(torch.float64)
    try:
        assert AutoencoderTransformer(2, **QUICK).fit(X).transform(X).dtype == np.float32
    finally:
        torch.set_default_dtype(torch.float32)


class TestMessages:
    def test_axes_for_rows_ask_for_the_sample_shape(self):
        with pytest.raises(ValueError, match="Pass their sizes as sample_shape"):
            AutoencoderTransformer(2, axes="h w").fit(X)

    def test_two_pictures_cannot_be_normalized_by_batch(self):
        with pytest.raises(ValueError, match="2 samples to train on beside those held out; n_samples=1"):
            AutoencoderTransformer(2, architecture="conv").fit(np.zeros((2, 28, 28)))

    def test_pictures_of_objects(self):
        pictures = X[:, :4].reshape(-1, 2, 2).astype(object)
        assert AutoencoderTransformer(2, axes="h w", **QUICK).fit_transform(pictures).shape == (80, 2)

    def test_arrays_as_parameters(self):
        with pytest.raises(ValueError, match="batch_size"):
            AutoencoderTransformer(2, batch_size=np.array([1, 2])).fit(X)

    def test_cpu_with_its_index(self):
        AutoencoderTransformer(2, device=torch.device("cpu", 0), **QUICK).fit(X)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
def test_compiled_training_does_as_well(digits):
    scores = [
        AutoencoderTransformer(8, compile=compiled, max_epochs=5, random_state=0).fit(digits).score(digits)
        for compiled in (True, False)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_sgd_does_not_diverge_by_itself(tables):
    """At its own learning rate, on tables as they are and with wild rows; unclipped it does."""
    wild = tables["wine"].copy()
    wild[::60] *= 1e6
    for rows in (*tables.values(), wild):
        settings = {"optimizer": "sgd", "early_stopping": False, "max_epochs": 8, "random_state": 0}
        assert np.isfinite(AutoencoderTransformer(2, **settings).fit(rows).transform(rows)).all()
    with pytest.raises(DivergenceError):
        AutoencoderTransformer(2, net_params={"clip_norm": None}, **settings).fit(wild)


def test_entries_given_twice_are_summed():
    random = np.random.RandomState(0)
    twice = sparse.csr_matrix((np.ones(120), random.randint(0, 10, 120), np.arange(0, 121, 3)), shape=(40, 10))
    entries = twice.nnz
    fits = [AutoencoderTransformer(2, scaling="columns", **QUICK).fit(rows) for rows in (twice, twice.toarray())]
    np.testing.assert_allclose(*(fitted._layout.scaling.scale for fitted in fits))
    assert twice.nnz == entries


def test_sparse_rows_without_variance():
    for rows in (sparse.csr_matrix((20, 5)), sparse.csr_matrix(np.ones((20, 5)))):
        assert AutoencoderTransformer(2, **QUICK).fit(rows).score(rows) == 1.0


def test_settings_that_are_not_fused():
    AutoencoderTransformer(2, net_params={"optimizer__foreach": True}, **QUICK).fit(X)
    for more in ({"optimizer__foreach": True, "optimizer__fused": True}, {"optimizer__differentiable": True}):
        with pytest.raises(ValueError, match=r"net_params=.*does not fit the net.*fused"):
            AutoencoderTransformer(2, net_params=more, **QUICK).fit(X)


def test_partial_fit_takes_settings_that_keep_other_moments():
    autoencoder = AutoencoderTransformer(2, **QUICK).partial_fit(X)
    autoencoder.set_params(net_params={"optimizer__amsgrad": True}).partial_fit(X)
    state = next(iter(autoencoder.net_.optimizer_.state.values()))
    assert "max_exp_avg_sq" in state


def test_sgd_goes_on_by_parts():
    rows = np.random.RandomState(0).standard_normal((60, 6))
    fitted = AutoencoderTransformer(2, optimizer="sgd", random_state=0)
    for _ in range(5):
        fitted.partial_fit(rows)
    assert fitted.score(rows) > 0.2


@pytest.mark.parametrize(
    ("rows", "error", "match"),
    [
        (sparse.csr_matrix(np.eye(7, dtype=int)), TypeError, r"Tokens cannot be sparse.*toarray\(\)"),
        (np.eye(7, dtype=int) * 10**9, ValueError, r"tokens are ids from 0 up to 131071.*np\.unique"),
    ],
)
def test_tokens_that_are_none(rows, error, match):
    with pytest.raises(error, match=match):
        AutoencoderTransformer(2, architecture="sequence").fit(rows)


def test_pictures_of_several_sizes_say_so():
    with pytest.raises(ValueError, match=r"sample 0 has shape \(8, 8\), sample 1 has \(9, 9\).*resize"):
        AutoencoderTransformer(2).fit([np.zeros((8, 8)), np.zeros((9, 9))] * 9)


def test_numeric_categories_come_back_as_numbers():
    frame = pd.DataFrame({"a": np.arange(40.0), "c": pd.Categorical(np.arange(40) % 2)})
    fitted = AutoencoderTransformer(1, **QUICK).set_output(transform="pandas").fit(frame)
    assert fitted.inverse_transform(fitted.transform(frame)).notna().all(axis=None)


def test_a_nul_is_a_character():
    encoder = CharacterEncoder().fit(["a\0b", "b\0"])
    assert encoder.inverse_transform(encoder.transform(["a\0b", "b\0"])) == ["a\0b", "b\0"]


def test_partial_fit_recovers_from_a_first_batch_of_one_row():
    random = np.random.RandomState(0)
    rows = random.standard_normal((120, 4)) @ random.standard_normal((4, 8))
    autoencoder = AutoencoderTransformer(2, random_state=0).partial_fit(rows[:1])
    for start in range(1, 120, 17):
        autoencoder.partial_fit(rows[start : start + 17])
    assert autoencoder.score(rows) > -5


def test_the_dtype_of_whole_numbers_makes_no_difference():
    rows = np.random.RandomState(0).randint(0, 100, (60, 5))
    codes = [
        AutoencoderTransformer(2, max_epochs=3, random_state=0).fit_transform(rows.astype(dtype))
        for dtype in ("uint8", "int16", "uint16", "float32")
    ]
    for other in codes[1:]:
        np.testing.assert_array_equal(other, codes[0])


def test_frames_of_sparse_columns_keep_names_and_types():
    frame = pd.DataFrame(np.eye(6)[:, :4] + 1, columns=list("abcd")).astype(pd.SparseDtype(float, 0.0))
    autoencoder = AutoencoderTransformer(2, early_stopping=False, max_epochs=2, random_state=0)
    autoencoder.set_output(transform="pandas").fit(frame)
    assert autoencoder.feature_names_in_.tolist() == list("abcd")
    assert autoencoder.inverse_transform(autoencoder.transform(frame)).dtypes.tolist() == frame.dtypes.tolist()


@pytest.mark.parametrize("dtype", ["bool", "int"])
def test_sparse_columns_of_whole_numbers_are_rounded(dtype):
    dummies = pd.get_dummies(pd.Series(list("abcd") * 15), dtype=dtype)
    dummies.columns = list("abcd")
    found = []
    for frame in (dummies, pd.get_dummies(pd.Series(list("abcd") * 15), sparse=True, dtype=dtype)):
        autoencoder = AutoencoderTransformer(3, max_epochs=3, random_state=0).set_output(transform="pandas").fit(frame)
        found.append(np.asarray(autoencoder.inverse_transform(autoencoder.transform(frame))).astype(int))
    np.testing.assert_array_equal(found[1], found[0])
    assert found[0].sum() > 0
