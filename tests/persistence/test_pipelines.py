"""Files of pipelines, searches and novelty detectors: they come back whole, and name no place to read or write."""

import io
import json
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn.cluster import FeatureAgglomeration
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import all_estimators
from torch import nn

import skae
from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Custom, Dense, ModelFileError
from skae._persistence.skops_archives import PLACES, place_named_by
from skae._serialization import container

pytestmark = pytest.mark.filterwarnings("ignore:n_components=. was chosen")
RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((75, 4)) @ RANDOM.standard_normal((4, 4))
Y = (X[:, 0] > 0).astype(int)
QUICK = {"architecture": Dense((4,)), "max_epochs": 1, "random_state": 0}
WORDS = ["mean of rows", "median of all", "mode of some", "norm of rows"] * 8


def autoencoder(**settings):
    return AutoencoderTransformer(2, **{**QUICK, **settings})


def again(estimator, **kwargs):
    file = io.BytesIO()
    skae.save(estimator, file)
    file.seek(0)
    return skae.load(file, **kwargs)


class TestPlaces:
    @pytest.mark.parametrize("memory", ["cache", joblib.Memory("cache", verbose=0)], ids=["a path", "an object"])
    def test_caches_of_pipelines_are_not_kept(self, tmp_path, monkeypatch, memory):
        monkeypatch.chdir(tmp_path)
        inner = Pipeline([("scaler", StandardScaler()), ("autoencoder", autoencoder())], memory=memory)
        fitted = make_pipeline(MinMaxScaler(), inner, memory=memory).fit(X)
        loaded = again(fitted)
        assert (loaded.memory, loaded[-1].memory) == (None, None)
        assert (fitted.memory, fitted[-1].memory) == (memory, memory)
        np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))

    def test_nor_those_of_the_pipeline_that_was_searched(self, tmp_path):
        pipeline = make_pipeline(StandardScaler(), autoencoder(checkpoint_dir=tmp_path), memory=str(tmp_path))
        loaded = again(BottleneckSearchCV(pipeline, n_components=(1, 2), cv=2).fit(X))
        for part in (loaded.estimator, loaded.best_estimator_):
            assert (part.memory, part[-1].checkpoint_dir) == (None, None)

    @pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer, HashingVectorizer])
    @pytest.mark.parametrize("given", ["filename", "file"])
    def test_readers_of_files_are_refused(self, kind, given, tmp_path):
        fitted = make_pipeline(kind().set_params(**({"n_features": 16} if kind is HashingVectorizer else {})))
        fitted = make_pipeline(fitted, autoencoder()).fit(WORDS)
        fitted[0][0].set_params(input=given)
        with pytest.raises(TypeError, match=rf"{kind.__name__} has input='{given}'.*set_params"):
            skae.save(fitted, tmp_path / "model.skae")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("wrap", [lambda step: step, lambda step: FeatureUnion([("a", step)])])
    def test_caches_of_other_steps_are_refused(self, wrap, tmp_path):
        for step in (FeatureAgglomeration(2, memory=str(tmp_path)), make_pipeline(MinMaxScaler(), memory="x")):
            if isinstance(step, Pipeline) and not isinstance(wrap(step), FeatureUnion):
                continue
            fitted = make_pipeline(wrap(step), autoencoder()).fit(X)
            with pytest.raises(TypeError, match=r"where later calls read or write.*has memory="):
                skae.save(fitted, tmp_path / "model.skae")

    def test_a_file_that_names_one_is_refused(self, tmp_path):
        """As one by another author may, whatever ``save`` does."""
        places = [
            make_pipeline(MinMaxScaler(), memory="/tmp/cache"),
            make_pipeline(make_pipeline(MinMaxScaler(), memory="/tmp/cache")),
            make_pipeline(FeatureUnion([("a", FeatureAgglomeration(memory="/tmp/cache", pooling_func=np.maximum))])),
            make_pipeline(TfidfVectorizer(input="filename")),
            make_pipeline(GridSearchCV(make_pipeline(CountVectorizer(input="file")), {})),
            make_pipeline(FeatureAgglomeration(pooling_func=np.maximum).set_params(memory=["/tmp"])),
        ]
        path = tmp_path / "model.skae"
        for pipeline in places:
            data = np.frombuffer(skops.io.dumps(pipeline), dtype=np.uint8).copy()
            path.write_bytes(container.packed({"kind": "pipeline"}, {"pipeline": torch.from_numpy(data)}))
            with pytest.raises(ModelFileError, match=r"says where later calls read or write: .* has (memory|input)="):
                skae.load(path)

    def test_all_parameters_of_scikit_learn_that_name_one_are_known(self):
        """A parameter of a new scikit-learn that is documented as a path, a file or a cache is to be added."""
        found = set()
        for _, kind in all_estimators():
            for name, of_type in re.findall(r"^    (\w+) : (.*)$", kind.__doc__ or "", re.MULTILINE):
                if re.search(r"file|path|director|folder|Memory", of_type) and name in kind._get_param_names():
                    found.add(name)
        assert found <= set(PLACES), found
        assert {"memory", "input"} <= found
        assert place_named_by(autoencoder(checkpoint_dir="x"))
        assert not place_named_by(autoencoder())


class TestSearches:
    @pytest.mark.parametrize("name", ["autoencoder", "pipeline", "classifier", "no refit", "own splits"])
    def test_come_back_whole(self, name):
        settings = {"n_components": (1, 2), "cv": 2}
        search = {
            "autoencoder": lambda: BottleneckSearchCV(autoencoder(), cv=KFold(2, shuffle=True), n_components=[2, 1]),
            "pipeline": lambda: BottleneckSearchCV(make_pipeline(StandardScaler(), autoencoder()), **settings),
            "classifier": lambda: BottleneckSearchCV(
                make_pipeline(StandardScaler(), autoencoder()),
                classifier=LogisticRegression(),
                scoring="accuracy",
                n_components=(1, 2),
                cv=StratifiedKFold(2),
            ),
            "no refit": lambda: BottleneckSearchCV(autoencoder(), refit=False, **settings),
            "own splits": lambda: BottleneckSearchCV(
                autoencoder(), n_components=(1, 2), cv=[(np.arange(40), np.arange(40, 75))]
            ),
        }[name]()
        search.fit(X, Y if name == "classifier" else None)
        loaded = again(search)
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

    def test_names_of_columns_are_kept(self):
        frame = pd.DataFrame(X, columns=list("abcd"))
        search = BottleneckSearchCV(autoencoder(), n_components=(1, 2), cv=2).fit(frame)
        loaded = again(search)
        np.testing.assert_array_equal(loaded.feature_names_in_, search.feature_names_in_)
        np.testing.assert_array_equal(loaded.transform(frame), search.transform(frame))

    def test_what_no_file_holds_is_refused(self, tmp_path):
        def score(estimator, X, y=None):
            return 0.0

        for scoring in (score, make_scorer(max)):
            search = BottleneckSearchCV(autoencoder(), n_components=(1, 2), cv=2)
            search.fit(X, Y).set_params(scoring=scoring)
            with pytest.raises(TypeError, match=r"scoring=.*Pass a name.*best_estimator_"):
                skae.save(search, tmp_path / "model.skae")
        with pytest.raises(TypeError, match=r"GridSearchCV.*best_estimator_"):
            skae.save(GridSearchCV(autoencoder(), {}), tmp_path / "model.skae")
        with pytest.raises(NotFittedError):
            skae.save(BottleneckSearchCV(autoencoder()), tmp_path / "model.skae")

    def test_in_a_pipeline_say_what_to_save(self, tmp_path):
        pipeline = make_pipeline(StandardScaler(), BottleneckSearchCV(autoencoder(), (1, 2), cv=2)).fit(X)
        with pytest.raises(TypeError, match="a search of a pipeline in place of a pipeline with a search"):
            skae.save(pipeline, tmp_path / "model.skae")

    def test_code_of_your_own(self):
        own = {"encoder": nn.Linear(4, 2), "decoder": nn.LazyLinear(4)}
        search = BottleneckSearchCV(autoencoder(architecture=Custom(**own)), n_components=(2,), cv=2).fit(X)
        with pytest.raises(ModelFileError, match="custom_modules"):
            again(search)
        np.testing.assert_array_equal(again(search, custom_modules=own).transform(X), search.transform(X))

    def test_other_attributes_are_refused(self, tmp_path):
        search = BottleneckSearchCV(autoencoder(), n_components=(1, 2), cv=2, refit=False).fit(X)
        del search.scorer_
        for more in ({"transform": 1}, {"__class__x": 1}, {"_best": 1}):
            made = BottleneckSearchCV(MinMaxScaler())
            made.__dict__ = {**vars(search), "estimator": MinMaxScaler(), **more}
            data = np.frombuffer(skops.io.dumps(made), dtype=np.uint8).copy()
            path = tmp_path / "model.skae"
            path.write_bytes(container.packed({"kind": "search"}, {"pipeline": torch.from_numpy(data)}))
            with pytest.raises(ModelFileError, match="other attributes"):
                skae.load(path)

    def test_settings_alone_are_no_model(self, tmp_path):
        search = BottleneckSearchCV(autoencoder(), n_components=(1, 2), cv=2, refit=False).fit(X)
        skae.save(search, tmp_path / "search.skae")
        archive = container.read(str(tmp_path / "search.skae")).arrays()["pipeline"].numpy().tobytes()
        inner = next(iter(re.findall(rb"\x93skae\r\n\x1a.*", archive, re.DOTALL)))
        n_text, n_data = container.HEAD.unpack(inner[: container.HEAD.size])[2:4]
        file = io.BytesIO(inner[: container.HEAD.size + n_text + n_data])
        with pytest.raises(ModelFileError, match="settings"):
            skae.load(file)


NOVELTY = {
    "default": ({}, X),
    "mahalanobis": ({"distance": "mahalanobis", "n_members": 3}, X),
    "error": ({"distance": "error", "contamination": 0.1}, X),
    "pictures": ({}, np.random.RandomState(0).uniform(size=(40, 8, 8))),
    "frame": ({"random_state": np.random.RandomState(0)}, pd.DataFrame(X, columns=list("abcd"))),
    "own autoencoder": ({"autoencoder": autoencoder(variant="denoising")}, X),
    "equal rows": ({}, np.tile(X[:15], (2, 1))),
    "no variance": ({}, np.ones((20, 3))),
}


class TestNovelty:
    @pytest.mark.parametrize("name", NOVELTY)
    def test_comes_back_to_the_bit(self, name):
        settings, rows = NOVELTY[name]
        model = AutoencoderNovelty(**{"autoencoder": autoencoder(), "n_members": 2, "random_state": 0, **settings})
        model.fit(rows)
        loaded = again(model)
        assert set(vars(loaded)) == set(vars(model))
        for other in (rows, rows * 1.1 + 0.1):
            for method in ("score_samples", "decision_function", "predict", "explain"):
                np.testing.assert_array_equal(getattr(loaded, method)(other), getattr(model, method)(other))
        np.testing.assert_array_equal(loaded.explain(rows, standardized=True), model.explain(rows, standardized=True))
        assert loaded.offset_ == model.offset_
        assert repr(loaded.autoencoder) == repr(model.autoencoder)

    def test_by_default(self):
        model = AutoencoderNovelty(random_state=0, n_members=2).fit(X)
        loaded = again(model)
        assert loaded.autoencoder is None
        np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))

    def test_in_a_pipeline(self):
        fitted = make_pipeline(StandardScaler(), AutoencoderNovelty(autoencoder(), n_members=2, random_state=0)).fit(X)
        np.testing.assert_array_equal(again(fitted).predict(X), fitted.predict(X))

    def test_code_of_your_own(self):
        own = {"encoder": nn.Linear(4, 2), "decoder": nn.Linear(2, 4)}
        model = AutoencoderNovelty(autoencoder(architecture=Custom(**own)), n_members=2, random_state=0).fit(X)
        with pytest.raises(ModelFileError, match="custom_modules"):
            again(model)
        loaded = again(model, custom_modules=own)
        np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))

    def test_before_fit_is_refused(self, tmp_path):
        with pytest.raises(NotFittedError):
            skae.save(AutoencoderNovelty(), tmp_path / "model.skae")

    def test_tampered_ones_are_refused(self, tmp_path):
        path = tmp_path / "model.skae"
        skae.save(AutoencoderNovelty(autoencoder(), n_members=2, random_state=0).fit(X), path)
        stored = container.read(str(path))
        content, arrays = stored.content, stored.arrays()
        nested = torch.from_numpy(np.frombuffer(path.read_bytes(), dtype=np.uint8).copy())
        changes = [({**content, "x": 1}, arrays), (content, {**arrays, "x": torch.ones(1)})]
        changes += [({**content, "kind": kind}, arrays) for kind in ("settings", "search", "pipeline", None)]
        changes += [(content, {**arrays, "member/1": nested}), (content, {**arrays, "parts": arrays["parts"] + 2})]
        for name, array in arrays.items():
            changes += [
                (content, {n: a for n, a in arrays.items() if n != name}),
                (content, {**arrays, name: array[None]}),
            ]
            if array.is_floating_point():
                changes.append((content, {**arrays, name: array * torch.nan}))
        for part in ("parameters", "learned"):
            for name in content[part]:
                for value in (None, -1, 1e308, {"number": "nan"}, "x", {"tuple": []}, [[]]):
                    if not (part == "parameters" and name in ("random_state", "n_members") and value in (None, "x")):
                        changes.append(({**content, part: {**content[part], name: value}}, arrays))
        accepted = 0
        for changed, others in changes:
            path.write_bytes(container.packed(json.loads(json.dumps(changed)), others))
            try:
                skae.load(path).predict(X)
            except ModelFileError:
                continue
            accepted += 1
        # A finite number may be another one.
        assert accepted <= 2
