"""Groups of dependent rows: checks, routing, checkpoints, comparison with PCA."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, BottleneckSearchCV
from skae.training import split_rows

X = np.random.RandomState(0).standard_normal((60, 5))
GROUPS = np.arange(60) // 6
SMALL = {"max_epochs": 2, "random_state": 0}


class Failing(Callback):
    """Raises in the third epoch."""

    def on_epoch_end(self, net, **kwargs):
        1 / (3 - len(net.history))


@pytest.fixture
def splits(monkeypatch):
    """The groups of the training rows and the validation rows of every fit."""
    found = []

    def watched(*args):
        train, held_out = split_rows(*args)
        found.append((train.groups, held_out.indices))
        return train, held_out

    monkeypatch.setattr("skae._estimator.training_data.split_rows", watched)
    return found


@pytest.mark.parametrize(
    "groups",
    [
        GROUPS,
        GROUPS.astype(np.float32),
        GROUPS.tolist(),
        [f"subject {g}" for g in GROUPS],
        pd.Series(GROUPS, index=np.arange(60)[::-1]).astype("category"),
        pd.DataFrame({"subject": GROUPS}),
        pd.array(GROUPS, dtype="Int64"),
        pl.Series(GROUPS),
        np.datetime64("2024-01-01") + GROUPS,
        torch.tensor(GROUPS),
        np.array([-5, 8, 10**12])[GROUPS % 3] * 7 + GROUPS,
        np.array([None if g < 0 else (g if g % 2 else str(g)) for g in GROUPS], dtype=object),
    ],
    ids=lambda groups: f"{type(groups).__name__} {getattr(groups, 'dtype', '')}",
)
def test_validation_sets_hold_whole_groups_for_labels_of_any_type(groups, splits):
    codes = AutoencoderTransformer(2, **SMALL).fit(X, groups=groups).transform(X)
    labels, held_out = splits[0]
    np.testing.assert_array_equal(labels, GROUPS)
    assert set(held_out) == set(np.flatnonzero(np.isin(GROUPS, GROUPS[held_out])))
    np.testing.assert_array_equal(codes, AutoencoderTransformer(2, **SMALL).fit(X, groups=GROUPS).transform(X))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (GROUPS[:-1], r"shape \(60,\): X has 60 samples. Got shape \(59,\)"),
        (np.zeros((60, 2)), r"Got shape \(60, 2\)"),
        ("abc", "Got str"),
        (iter(GROUPS), "Got .*iterator"),
        ([None, *GROUPS[1:]], "no label at index 0: None"),
        (np.where(np.arange(60) == 7, np.nan, GROUPS), "no label at index 7: .*nan"),
        (pd.array([pd.NA, *GROUPS[1:]], dtype="Int64"), "no label at index 0"),
        (np.array(["NaT", *["2024-01-01"] * 59], dtype="datetime64[D]"), "no label at index 0"),
        (np.ma.masked_equal(GROUPS, 3), "masked"),
        (np.zeros(60), "All rows are of one group.*Pass X_val to fit, early_stopping=False"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else type(value).__name__,
)
def test_wrong_groups_are_refused_and_change_nothing(groups, message):
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(X)
    before = autoencoder.transform(X)
    with pytest.raises(ValueError, match=message):
        autoencoder.fit(X, groups=groups)
    np.testing.assert_array_equal(autoencoder.transform(X), before)


def test_groups_of_one_row_are_the_same_as_no_groups():
    plain = AutoencoderTransformer(2, **SMALL).fit(X)
    grouped = AutoencoderTransformer(2, **SMALL).fit(X, groups=range(60))
    np.testing.assert_array_equal(plain.transform(X), grouped.transform(X))


@pytest.mark.parametrize("settings", [{"early_stopping": False}, {}], ids=["no validation set", "X_val"])
def test_groups_without_a_validation_split_are_checked_and_ignored(settings):
    X_val = None if settings else X[:20]
    autoencoder = AutoencoderTransformer(2, **SMALL, **settings)
    plain = autoencoder.fit(X, X_val=X_val).transform(X)
    np.testing.assert_array_equal(autoencoder.fit(X, X_val=X_val, groups=np.zeros(60)).transform(X), plain)
    with pytest.raises(ValueError, match="one label per sample"):
        autoencoder.fit(X, X_val=X_val, groups=[1, 2])


def test_few_groups_fall_back_to_pca_with_a_warning():
    angle = np.random.RandomState(0).uniform(0, 5, 90)
    curve = np.stack([np.cos(angle), np.sin(angle), angle / 3], axis=1)
    autoencoder = AutoencoderTransformer(1, max_epochs=30, random_state=0, warm_start=True)
    with pytest.warns(UserWarning, match="has 1 of the groups.*at least 5.*larger validation_fraction"):
        autoencoder.fit(curve, groups=np.arange(90) % 4)
    assert autoencoder.best_epoch_ == 0
    with pytest.warns(UserWarning, match="has 3 of the groups"):
        autoencoder.fit(curve, groups=np.arange(90) % 30)
    assert autoencoder.best_epoch_ == 0
    autoencoder.set_params(validation_fraction=0.3).fit(curve, groups=np.arange(90) % 30)
    assert autoencoder.best_epoch_ > 0


@pytest.mark.parametrize("kind", ["memmap", "sparse", "tensor", "frame"])
def test_groups_work_with_every_container(kind, tmp_path, splits):
    rows = np.abs(X).astype(np.float32)
    if kind == "memmap":
        given = np.memmap(tmp_path / "rows", np.float32, "w+", shape=rows.shape)
        given[:] = rows
    elif kind == "sparse":
        sparse = pytest.importorskip("scipy.sparse")
        given = sparse.csr_array(rows)
    else:
        given = torch.from_numpy(rows) if kind == "tensor" else pd.DataFrame(rows).add_prefix("x")
    AutoencoderTransformer(2, **SMALL).fit(given, groups=GROUPS)
    assert set(splits[0][1]) == set(np.flatnonzero(np.isin(GROUPS, GROUPS[splits[0][1]])))


def test_a_checkpoint_of_other_groups_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)
    autoencoder = AutoencoderTransformer(2, checkpoint_dir=tmp_path, random_state=0, max_epochs=4)
    with pytest.raises(ZeroDivisionError):
        autoencoder.set_params(net_params={"callbacks": [Failing()]}).fit(X, groups=GROUPS)
    autoencoder.set_params(net_params=None)
    for groups in (None, np.arange(60) // 5):
        with pytest.raises(ValueError, match="checkpoint of another fit: groups was"):
            autoencoder.fit(X, groups=groups)
    # Other names for the same groups are the same groups.
    autoencoder.fit(X, groups=[f"subject {9 - g}" for g in GROUPS])


def score(pipeline, rows, y=None):
    """The score of the last step: with routing, Pipeline.score needs a last step that takes sample_weight."""
    return pipeline[-1].score(pipeline[:-1].transform(rows))


def test_groups_are_routed_through_pipelines_and_searches(splits):
    with config_context(enable_metadata_routing=True):
        assert AutoencoderTransformer().get_metadata_routing().fit.requests["groups"] is None
        autoencoder = AutoencoderTransformer(2, **SMALL).set_fit_request(groups=True)
        pipeline = make_pipeline(FunctionTransformer(), autoencoder)
        pipeline.fit(X, groups=GROUPS)
        np.testing.assert_array_equal(splits[-1][0], GROUPS)
        found = cross_validate(
            pipeline, X, cv=GroupKFold(3), scoring=score, params={"groups": GROUPS}, return_indices=True
        )
        for train, (labels, _) in zip(found["indices"]["train"], splits[-3:], strict=True):
            assert len(set(zip(labels, GROUPS[train], strict=True))) == len(set(GROUPS[train]))
        parameters = {"autoencodertransformer__n_components": [1, 2]}
        GridSearchCV(pipeline, parameters, cv=GroupKFold(3), scoring=score).fit(X, groups=GROUPS)
        np.testing.assert_array_equal(splits[-1][0], GROUPS)
        assert len(splits) == 1 + 3 + 6 + 1


def windows(seed):
    """Overlapping windows of a series of decaying noise, and later windows."""
    random = np.random.RandomState(seed)
    series = np.convolve(random.standard_normal(1400), np.exp(-np.arange(60) / 12), "valid")[:1200]
    series = series / series.std() + 0.3 * random.standard_normal(1200)
    rows = np.lib.stride_tricks.sliding_window_view(series, 48)
    return rows[:500], rows[600:], np.arange(500) // 50


def subjects(seed):
    """Repeated measurements of eight subjects, and of new subjects."""
    random = np.random.RandomState(seed)
    basis = random.standard_normal((12, 20))

    def measured(n):
        means = np.tanh(random.standard_normal((n, 12)) @ basis / 2)
        return np.repeat(means, 25, axis=0) + 0.1 * random.standard_normal((n * 25, 20))

    return measured(8), measured(40), np.repeat(np.arange(8), 25)


@pytest.mark.parametrize("make", [windows, subjects])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_dependent_rows_are_never_worse_than_pca_on_new_series_and_subjects(make, seed):
    train, new, groups = make(seed)
    total = ((new - train.mean(0)) ** 2).sum()

    def explained(model):
        return 1 - ((new - model.inverse_transform(model.transform(new))) ** 2).sum() / total

    pca = explained(PCA(5).fit(train))
    assert (
        explained(AutoencoderTransformer(5, scaling="global", random_state=seed).fit(train, groups=groups)) > pca - 0.01
    )
    with pytest.warns(UserWarning, match=re.escape("fit(X, groups=...)")):
        found = AutoencoderTransformer(5, scaling="global", random_state=seed).fit(train)
    assert explained(found) > pca - 0.01


@pytest.mark.slow
def test_a_gain_that_all_groups_share_is_kept(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        autoencoder = AutoencoderTransformer(4, random_state=0).fit(digits[:400], groups=np.arange(400) // 40)
    assert autoencoder.best_epoch_ > 0
    assert autoencoder.score(digits[400:]) > 0.5


@pytest.mark.parametrize("routed", [False, True])
@pytest.mark.parametrize("piped", [False, True])
def test_groups_reach_every_autoencoder_of_a_bottleneck_search(splits, routed, piped):
    autoencoder = AutoencoderTransformer(2, **SMALL)
    with config_context(enable_metadata_routing=routed):
        if routed:
            autoencoder.set_fit_request(groups=True)
        whole = make_pipeline(FunctionTransformer(), autoencoder) if piped else autoencoder
        search = BottleneckSearchCV(whole, [1, 2, 5], cv=GroupKFold(3), scoring=lambda *given: float(len(splits)))
        search.fit(X, groups=GROUPS)
    *folds, refit = splits
    for train, (labels, _) in zip((train for train, _ in GroupKFold(3).split(X, groups=GROUPS)), folds, strict=True):
        assert len(set(zip(labels, GROUPS[train], strict=True))) == len(set(GROUPS[train]))
    np.testing.assert_array_equal(refit[0], GROUPS)
