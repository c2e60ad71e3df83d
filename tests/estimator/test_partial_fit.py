"""partial_fit continues training with its weights, moments and counters."""

import numpy as np
import pytest

import skae
from skae import AutoencoderTransformer, Dense

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize(("before", "after"), [(None, 0.0), (0.0, None), (None, 0.5), (0.5, 0.25), (0.25, None)])
def test_partial_fit_keeps_moments_when_weight_decay_changes(optimizer, before, after, tmp_path):
    def passed(decay):
        net_params = None if decay is None else {"optimizer__weight_decay": decay}
        autoencoder.set_params(net_params=net_params).partial_fit(X)
        return autoencoder.net_.optimizer_

    autoencoder = AutoencoderTransformer(2, optimizer=optimizer, variant="regularized", **SMALL)
    first, second = passed(before), passed(after)
    assert second is not first
    name, weight = next(iter(autoencoder.net_.module_.named_parameters()))
    assert name == "encoder.0.weight"
    if optimizer != "sgd":
        assert float(second.state[weight]["step"]) == 2 * float(next(iter(first.state.values()))["step"])
    expected = {"adamw": 0.1}.get(optimizer, 0.0) if after is None else after
    decay = {id(p): group["weight_decay"] for group in second.param_groups for p in group["params"]}
    assert decay[id(weight)] == expected
    skae.save(autoencoder, tmp_path / "model")
    loaded = skae.load(tmp_path / "model").partial_fit(X)
    np.testing.assert_array_equal(autoencoder.partial_fit(X).transform(X), loaded.transform(X))


def test_partial_fit_counts_all_passes_and_keeps_the_latest_100_in_the_history():
    autoencoder = AutoencoderTransformer(2, architecture=Dense((4,)), random_state=0)
    for _ in range(103):
        autoencoder.partial_fit(X[:20])
    assert autoencoder.n_iter_ == 103
    assert [row["epoch"] for row in autoencoder.history_] == list(range(4, 104))


def test_partial_fit_accepts_optimizer_settings_with_other_moments():
    autoencoder = AutoencoderTransformer(2, **QUICK).partial_fit(X)
    autoencoder.set_params(net_params={"optimizer__amsgrad": True}).partial_fit(X)
    state = next(iter(autoencoder.net_.optimizer_.state.values()))
    assert "max_exp_avg_sq" in state


def test_partial_fit_with_sgd_improves():
    rows = np.random.RandomState(0).standard_normal((60, 6))
    fitted = AutoencoderTransformer(2, optimizer="sgd", random_state=0)
    for _ in range(5):
        fitted.partial_fit(rows)
    assert fitted.score(rows) > 0.2


def test_partial_fit_recovers_from_a_first_batch_of_one_row():
    random = np.random.RandomState(0)
    rows = random.standard_normal((120, 4)) @ random.standard_normal((4, 8))
    autoencoder = AutoencoderTransformer(2, random_state=0).partial_fit(rows[:1])
    for start in range(1, 120, 17):
        autoencoder.partial_fit(rows[start : start + 17])
    assert autoencoder.score(rows) > -5


def test_partial_fit_improves_and_is_counted(digits):
    autoencoder = AutoencoderTransformer(8, lr=1e-3, random_state=0)
    scores = [autoencoder.partial_fit(digits).score(digits) for _ in range(4)]
    assert scores[-1] > scores[0]
    assert autoencoder.n_iter_ == 4
    assert [row["epoch"] for row in autoencoder.history_] == [1, 2, 3, 4]


def test_partial_fit_continues_after_fit(digits):
    autoencoder = AutoencoderTransformer(8, max_epochs=3, random_state=0).fit(digits)
    before = autoencoder.transform(digits)
    autoencoder.partial_fit(digits)
    assert autoencoder.n_iter_ == 4
    assert not np.array_equal(before, autoencoder.transform(digits))


def test_partial_fit_on_parts_of_the_data_improves(digits):
    autoencoder = AutoencoderTransformer(8, lr=1e-3, random_state=0)
    for start in range(0, 1500, 300):
        autoencoder.partial_fit(digits[start : start + 300])
    assert autoencoder.score(digits[1500:]) > 0.6
