"""Files of BottleneckSearchCV."""

import io

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

from model_files import (
    X,
    assert_refused,
    read,
    repack,
    save_and_load,
    small_autoencoder,
)
from skae import BottleneckSearchCV, Custom, ModelFileError, load, save

pytestmark = pytest.mark.filterwarnings("ignore:n_components=. was chosen")
Y = (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("name", ["autoencoder", "pipeline", "classifier", "no refit", "own splits"])
def test_a_loaded_search_equals_the_saved_one(name):
    settings = {"n_components": (1, 2), "cv": 2}
    search = {
        "autoencoder": lambda: BottleneckSearchCV(small_autoencoder(), cv=KFold(2, shuffle=True), n_components=[2, 1]),
        "pipeline": lambda: BottleneckSearchCV(make_pipeline(StandardScaler(), small_autoencoder()), **settings),
        "classifier": lambda: BottleneckSearchCV(
            make_pipeline(StandardScaler(), small_autoencoder()),
            classifier=LogisticRegression(),
            scoring="accuracy",
            n_components=(1, 2),
            cv=StratifiedKFold(2),
        ),
        "no refit": lambda: BottleneckSearchCV(small_autoencoder(), refit=False, **settings),
        "own splits": lambda: BottleneckSearchCV(
            small_autoencoder(), n_components=(1, 2), cv=[(np.arange(40), np.arange(40, 60))]
        ),
    }[name]()
    search.fit(X, Y if name == "classifier" else None)
    loaded = save_and_load(search)
    assert set(vars(loaded)) == set(vars(search))
    assert set(loaded.cv_results_) == set(search.cv_results_)
    for key, value in search.cv_results_.items():
        np.testing.assert_array_equal(loaded.cv_results_[key], value)
    assert loaded.best_params_ == search.best_params_
    assert repr(loaded) == repr(search)
    assert not hasattr(loaded.estimator, "net_")
    if name == "no refit":
        return
    assert loaded.score(X, Y) == search.score(X, Y)
    if name == "classifier":
        np.testing.assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    else:
        np.testing.assert_array_equal(loaded.transform(X), search.transform(X))
    assert loaded.fit(X, Y if name == "classifier" else None).n_components_ in (1, 2)


def test_names_of_columns_are_saved():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    search = BottleneckSearchCV(small_autoencoder(), n_components=(1, 2), cv=2).fit(frame)
    loaded = save_and_load(search)
    np.testing.assert_array_equal(loaded.feature_names_in_, search.feature_names_in_)
    np.testing.assert_array_equal(loaded.transform(frame), search.transform(frame))


@pytest.mark.parametrize("module", ["numpy.ma", "numpy.ma.core"])
def test_searches_of_every_version_of_numpy_are_loaded(module, monkeypatch):
    search, file = BottleneckSearchCV(small_autoencoder(), n_components=(1, 2), cv=2).fit(X), io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(np.ma.MaskedArray, "__module__", module)
        save(search, file)
    file.seek(0)
    np.testing.assert_array_equal(load(file).cv_results_["param_n_components"], [1, 2])


def test_scoring_that_is_code_is_refused(path):
    def score(estimator, X, y=None):
        return 0.0

    for scoring in (score, make_scorer(max)):
        search = BottleneckSearchCV(small_autoencoder(), n_components=(1, 2), cv=2)
        search.fit(X, Y).set_params(scoring=scoring)
        with pytest.raises(TypeError, match=r"scoring.*Pass a name.*best_estimator_"):
            save(search, path)
    with pytest.raises(TypeError, match=r"GridSearchCV.*best_estimator_"):
        save(GridSearchCV(small_autoencoder(), {}), path)
    with pytest.raises(NotFittedError):
        save(BottleneckSearchCV(small_autoencoder()), path)


def test_a_search_in_a_pipeline_is_refused(path):
    pipeline = make_pipeline(StandardScaler(), BottleneckSearchCV(small_autoencoder(), (1, 2), cv=2)).fit(X)
    with pytest.raises(TypeError, match="a search of a pipeline instead of a pipeline with a search"):
        save(pipeline, path)


def test_an_error_names_missing_custom_modules(path):
    custom = {"encoder": nn.Linear(6, 2), "decoder": nn.LazyLinear(6)}
    search = BottleneckSearchCV(small_autoencoder(architecture=Custom(**custom)), n_components=(2,), cv=2).fit(X)
    with pytest.raises(ModelFileError, match="custom_modules"):
        save_and_load(search)
    loaded = save_and_load(search, path, custom_modules=custom)
    np.testing.assert_array_equal(loaded.transform(X), search.transform(X))


def test_other_attributes_of_a_search_are_refused(path):
    search = BottleneckSearchCV(small_autoencoder(), n_components=(1, 2), cv=2, refit=False).fit(X)
    del search.scorer_
    for more in ({"transform": 1}, {"__class__x": 1}, {"_best": 1}):
        changed = BottleneckSearchCV(MinMaxScaler())
        changed.__dict__ = {**vars(search), "estimator": MinMaxScaler(), **more}
        data = np.frombuffer(skops.io.dumps(changed), dtype=np.uint8).copy()
        repack(path, {"kind": "search", "estimators": []}, {"skops": torch.from_numpy(data)})
        assert_refused(path, "unknown attributes")


def test_parameters_alone_are_not_a_model(path):
    search = BottleneckSearchCV(small_autoencoder(), n_components=(1, 2), cv=2, refit=False).fit(X)
    save(search, path)
    repack(path, read(path).content["estimators"][0], {})
    assert_refused(path, "an estimator that is not fitted")
