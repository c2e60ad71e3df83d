"""Threads and interrupts: a reading call sees one fit, and Ctrl-C before the first epoch is raised."""

import io
import os
import sys
import threading

import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

import skae
from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.inspection import ReconstructionDisplay
from skae.text import CharacterEncoder
from skae.training import AutoencoderNet, BestWeights, device, pca_init

RANDOM = np.random.RandomState(0)
X, OTHER = RANDOM.standard_normal((60, 5)), 7 + 3 * RANDOM.standard_normal((60, 5))
QUICK = {"architecture": Dense((8,)), "max_epochs": 1, "random_state": 0}


def nested(**settings):
    return AutoencoderTransformer(2, variant="nested", **{**QUICK, **settings})


class Refitted:
    """Lets the estimator be refitted in the middle of what reads it: whenever one of its attributes is looked up.

    A thread could come at any of these moments; here one does at the n-th of them.
    """

    def __init__(self, estimator, other, at):
        self.estimator, self.other, self.n_left = estimator, other, at

    def __call__(self, frame, event, argument):
        if "skae" not in frame.f_code.co_filename:
            return None
        self.n_left -= event == "line"
        if self.n_left == 0:
            self.estimator.__dict__ = dict(self.other)
        return self


CALLS = {
    "transform": lambda model: model.transform(X),
    "inverse_transform": lambda model: model.inverse_transform(np.ones((3, 2))),
    "reconstruct": lambda model: model.reconstruct(X),
    "score": lambda model: model.score(X),
    "score_samples": lambda model: model.score_samples(X),
    "sample": lambda model: model.sample(3, random_state=0),
    "interpolate": lambda model: model.interpolate(X[:2], X[2:4], steps=3),
    "shortened": lambda model: model.shortened(1).transform(X),
    "summary": lambda model: str(model.summary()),
    "save": lambda model: saved(model),
    "display": lambda model: displayed(model),
}


def same(model, before):
    """Whether the attributes are the very objects they were."""
    return {name: id(value) for name, value in vars(model).items()} == {n: id(v) for n, v in before.items()}


def saved(model):
    file = io.BytesIO()
    skae.save(model, file)
    return file.getvalue()


def displayed(model):
    display = ReconstructionDisplay.from_estimator(model, X, n_samples=1)
    matplotlib.pyplot.close(display.figure_)
    return display.reconstructions


def result_of(call, model):
    try:
        return call(model)
    except (ValueError, TypeError) as error:
        return str(error)


def check_one_fit(call, model, old, new, n_moments=12):
    """Whatever the moment of a refit, the result is that of the old model or of the new one."""
    known = []
    for state in (old, new):
        model.__dict__ = dict(state)
        known.append(result_of(call, model))
    lines = [0]

    def count(frame, event, argument):
        lines[0] += event == "line" and "skae" in frame.f_code.co_filename
        return count if "skae" in frame.f_code.co_filename else None

    trace = sys.gettrace()
    sys.settrace(count)
    result_of(call, model)
    sys.settrace(trace)
    for at in np.linspace(1, lines[0], n_moments).astype(int):
        model.__dict__ = dict(old)
        sys.settrace(Refitted(model, new, at))
        try:
            result = result_of(call, model)
        finally:
            sys.settrace(trace)
        assert any(np.array_equal(result, one) for one in known), (at, result)


class TestReadingCalls:
    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
    @pytest.mark.parametrize("other", [OTHER, OTHER[:, :4]], ids=["other units", "another width"])
    def test_reading_call_sees_one_fit_while_another_ends(self, call, other):
        model = nested().fit(X)
        old, new = dict(vars(model)), dict(vars(nested(random_state=1).fit(other)))
        check_one_fit(call, model, old, new)

    def test_names_of_columns_and_codes_are_of_the_same_fit(self):
        model = nested().set_output(transform="pandas").fit(X)
        new = vars(AutoencoderTransformer(3, **QUICK).set_output(transform="pandas").fit(X))
        check_one_fit(lambda model: model.transform(X).to_numpy(), model, dict(vars(model)), dict(new), 40)

    @pytest.mark.parametrize("name", ["score_samples", "decision_function", "predict", "explain"])
    def test_novelty_scores_see_one_fit(self, name):
        model = AutoencoderNovelty(AutoencoderTransformer(2, **QUICK), n_members=2, random_state=0)
        old, new = (dict(vars(model.fit(rows))) for rows in (X, OTHER))
        check_one_fit(lambda model: getattr(model, name)(X), model, old, new)

    @pytest.mark.filterwarnings("ignore:n_components=2 was chosen, the largest size")
    @pytest.mark.parametrize("name", ["transform", "score"])
    def test_search_scores_see_one_fit(self, name):
        model = BottleneckSearchCV(AutoencoderTransformer(**QUICK), n_components=(1, 2), cv=2, rule="best")
        old, new = (dict(vars(model.fit(rows))) for rows in (X, OTHER))
        check_one_fit(lambda model: getattr(model, name)(X), model, old, new)

    def test_character_encoder_sees_one_fit(self):
        model = CharacterEncoder().set_output(transform="pandas")
        words = ["mean", "mode", "norm"]
        old, new = (dict(vars(model.fit(texts))) for texts in (words, ["a long text", "another"]))
        check_one_fit(lambda model: model.transform(words).to_numpy(), model, old, new, 40)
        check_one_fit(lambda model: model.inverse_transform([[2, 3], [4, 0]]), model, old, new, 40)

    def test_reading_calls_work_while_threads_refit(self):
        model = AutoencoderTransformer(2, **QUICK)
        frames = pd.DataFrame(X, columns=list("abcde")), pd.DataFrame(OTHER, columns=list("abcde"))
        known = [model.fit(frame).transform(frames[0]) for frame in frames]
        strange, stop = [], threading.Event()

        def read():
            while not stop.is_set():
                Z = model.transform(frames[0])
                if not any(np.array_equal(Z, one) for one in known):
                    strange.append(Z)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(12):
            model.fit(frames[number % 2])
        stop.set()
        for thread in threads:
            thread.join()
        assert not strange

    def test_reading_calls_change_nothing(self):
        model = nested().fit(X)
        before = dict(vars(model))
        for call in CALLS.values():
            call(model)
        assert same(model, before)


def interrupted(*args, **kwargs):
    raise KeyboardInterrupt


class InFold(Callback):
    """Interrupts the n-th training that begins."""

    def __init__(self, n_left, of_epoch=False):
        self.n_left, self.of_epoch = [n_left], of_epoch

    def __sklearn_clone__(self):
        """Clones share the count."""
        return self

    def on_train_begin(self, net, **kwargs):
        self.n_left[0] -= 1
        if self.n_left[0] == 0 and not self.of_epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        if self.n_left[0] == 0 and self.of_epoch:
            raise KeyboardInterrupt


def fits(**settings):
    """Estimators that fit an autoencoder, by name."""
    model = AutoencoderTransformer(2, **{**QUICK, **settings})
    return {
        "fit": model,
        "warm start": AutoencoderTransformer(2, warm_start=True, **{**QUICK, **settings}).fit(X),
        "grid search": GridSearchCV(model, {"n_components": [1, 2]}, cv=2),
        "search": BottleneckSearchCV(model, n_components=(1, 2), cv=2),
        "novelty": AutoencoderNovelty(model, n_members=2, random_state=0),
    }


class TestInterrupts:
    @pytest.mark.parametrize("name", fits())
    @pytest.mark.parametrize(
        ("owner", "method"),
        [
            (AutoencoderNet, "_begin"),
            (AutoencoderNet, "initialize"),
            (AutoencoderNet, "train_step"),
            (AutoencoderNet, "validation_step"),
            (AutoencoderNet, "losses_per_row"),
            (BestWeights, "on_train_begin"),
            (pca_init, "fit_pca"),
            (skae.data.Rows, "__init__"),
            (skae.data.Scaling, "of"),
        ],
    )
    def test_interrupt_before_the_first_epoch_is_raised(self, monkeypatch, name, owner, method):
        model = fits()[name]
        before = dict(vars(model))
        if name == "warm start" and method in ("fit_pca", "of"):
            pytest.skip("warm starts learn neither")
        target = skae.training.build if method == "fit_pca" else owner
        monkeypatch.setattr(target, method, interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)
        assert name == "grid search" or same(model, before)

    @pytest.mark.parametrize("name", ["grid search", "search", "novelty"])
    @pytest.mark.parametrize("of_epoch", [False, True])
    @pytest.mark.parametrize("on_interrupt", ["raise", "keep"])
    def test_interrupt_in_a_later_fit_ends_all_of_them(self, name, of_epoch, on_interrupt):
        callback = InFold(2, of_epoch)
        model = fits(net_params={"callbacks": [callback]}, on_interrupt=on_interrupt)[name]
        if name == "grid search" and of_epoch and on_interrupt == "keep":
            pytest.skip("the caller asked for it")
        before = dict(vars(model))
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)
        assert name == "grid search" or same(model, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_another_thread_draws_weights_does_not_hang():
    held, done = threading.Event(), threading.Event()

    def hold():
        with device._WEIGHTS_LOCK:
            held.set()
            done.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = int(not device._WEIGHTS_LOCK.acquire(timeout=5))
        finally:
            os._exit(code)
    done.set()
    other.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
