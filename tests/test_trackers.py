"""Experiment trackers: skorch's callbacks record every epoch, and change neither the result nor the estimator."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import MlflowLogger, TensorBoard, WandbLogger

from skae import AutoencoderTransformer

X = load_digits().data[:200]
# Keys of history_ that trackers record in their own way, or that are the same in all epochs.
UNCOMPARED = {"epoch", "duration"}


def fit(*callbacks, **settings):
    """A fit that needs cross-validation, whose further networks are not recorded."""
    parameters = {"variant": "variational", "max_epochs": 3, "random_state": 0, **settings}
    return AutoencoderTransformer(4, net_params={"callbacks": list(callbacks)}, **parameters).fit(X)


def assert_recorded(history, values_of):
    """Whether ``values_of(key)`` are the values of all epochs, for every term."""
    assert len(history) == 3
    names = set(history[0]) - UNCOMPARED
    assert {"train_loss", "valid_loss", "train_kl_divergence", "lr"} <= names
    for name in names:
        np.testing.assert_allclose(values_of(name), [epoch[name] for epoch in history], rtol=1e-5, err_msg=name)


def assert_unchanged(estimator):
    np.testing.assert_array_equal(estimator.transform(X), fit().transform(X))


def test_tensorboard_records_every_epoch(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from torch.utils.tensorboard import SummaryWriter

    estimator = fit(TensorBoard(SummaryWriter(tmp_path)))
    events = accumulators.EventAccumulator(str(tmp_path)).Reload()

    def values_of(name):
        tag = f"Loss/{name}" if name.startswith(("train", "valid")) else name
        return [scalar.value for scalar in events.Scalars(tag)]

    assert_recorded(estimator.history_, values_of)
    assert_unchanged(estimator)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(clone(estimator).fit(X))).transform(X), estimator.transform(X)
    )


@pytest.mark.filterwarnings("ignore")
def test_mlflow_records_every_epoch(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "runs").as_uri())
    run = client.create_run(client.create_experiment("digits"))
    estimator = fit(MlflowLogger(run, client, create_artifact=True))

    def values_of(name):
        return [metric.value for metric in client.get_metric_history(run.info.run_id, name)]

    assert_recorded(estimator.history_, values_of)
    assert_unchanged(estimator)
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"params.pth", "optimizer.pth", "history.json"} <= artifacts


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_records_every_epoch(tmp_path):
    wandb = pytest.importorskip("wandb")
    run = wandb.init(project="digits", dir=tmp_path, mode="offline", settings=wandb.Settings(silent=True))
    logged = []
    log = run.log
    run.log = lambda values, *rest, **more: (logged.append(values), log(values, *rest, **more))
    estimator = fit(WandbLogger(run))
    assert_recorded(estimator.history_, lambda name: [values[name] for values in logged])
    assert run.summary["valid_loss"] == pytest.approx(estimator.history_[-1]["valid_loss"])
    run.log = log
    assert_unchanged(estimator)
    # Without a validation loss there is no best epoch to save.
    fit(WandbLogger(run, save_model=False), early_stopping=False)
    run.finish()
