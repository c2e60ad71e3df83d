"""skorch's EpochScoring in net_params: on arrays of scaled samples, or an error before training."""

import pickle

import numpy as np
import pytest
from skorch.callbacks import BatchScoring, EarlyStopping, EpochScoring

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 3, "random_state": 0}


def error(net, X, y=None):
    assert X is y or np.array_equal(X, y)
    return float(np.square(net.predict(X) - X).mean())


def fit(X, *callbacks, **settings):
    net_params = {"callbacks": list(callbacks)}
    return AutoencoderTransformer(4, net_params=net_params, **{**QUICK, **settings}).fit(X)


@pytest.fixture(name="X")
def some_digits(digits):
    return digits[:300]


@pytest.mark.parametrize("shape", [(64,), (8, 8)])
def test_callables_get_the_validation_set(X, shape):
    model = fit(X.reshape(300, *shape), EpochScoring(error))
    scores = [(row["error"], row["valid_loss"]) for row in model.history_]
    assert len(scores) == 3
    np.testing.assert_allclose(*zip(*scores, strict=True), rtol=1e-5)


def test_callables_get_the_training_rows_with_on_train(X):
    model = fit(X, ("score", EpochScoring(error, on_train=True)), early_stopping=False)
    assert all(0 < row["error"] < 1 for row in model.history_)
    assert "error" not in fit(X, EpochScoring(error), early_stopping=False).history_[0]


def test_names_of_scores_work_for_tables(X):
    history = fit(X, EpochScoring("neg_mean_squared_error", use_caching=False)).history_
    assert history[-1]["neg_mean_squared_error"] == pytest.approx(-history[-1]["valid_loss"], rel=1e-5)


def test_scoring_does_not_change_training(X):
    scored, alone = fit(X, EpochScoring(error)), AutoencoderTransformer(4, **QUICK).fit(X)
    np.testing.assert_array_equal(scored.transform(X), alone.transform(X))
    assert len(pickle.dumps(scored)) < len(pickle.dumps(alone)) + 20_000


def test_other_callbacks_can_monitor_the_score(X):
    stops = EarlyStopping(monitor="score", patience=2)
    model = fit(X, EpochScoring(lambda net, X, y: 1.0, name="score"), stops, max_epochs=10)
    assert model.n_iter_ < 10


@pytest.mark.parametrize("scoring", ["accuracy", "no_such", None])
def test_names_that_do_not_score_raise_before_training(X, scoring):
    with pytest.raises(ValueError, match=r"EpochScoring\(scoring=.*ScoringMonitor"):
        fit(X, EpochScoring(scoring, name="score"), max_epochs=10**6)


def test_scores_of_batches_raise_before_training(X):
    with pytest.raises(ValueError, match=r"BatchScoring.*EpochScoring.*ScoringMonitor"):
        fit(X, BatchScoring("r2"), max_epochs=10**6)


def test_errors_of_scoring_callables_are_raised(X):
    def broken(net, X, y):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fit(X, EpochScoring(broken))
