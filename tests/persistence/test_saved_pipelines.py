"""Files of pipelines: skops writes the other steps; no file sets paths for later calls."""

import functools
import re

import joblib
import numpy as np
import pytest
import safetensors
import skops.io
import torch
from sklearn.cluster import FeatureAgglomeration
from sklearn.datasets import load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.utils import all_estimators

from model_files import (
    X,
    assert_refused,
    read,
    repack,
    save_and_load,
    small_autoencoder,
)
from skae import AutoencoderTransformer, BottleneckSearchCV, save
from skae.persistence.pipelines import PATH_PARAMETERS, find_path_parameter
from skae.text import CharacterEncoder

WORDS = ["mean of rows", "median of all", "mode of some", "norm of rows"] * 8


def put_pipeline(path, archive, estimators=(), arrays=None):
    """Write a file with this archive of skops, with a valid checksum."""
    data = torch.from_numpy(np.frombuffer(archive, dtype=np.uint8).copy())
    repack(path, {"kind": "pipeline", "estimators": list(estimators)}, {**(arrays or {}), "skops": data})


def divide(X):
    """A step with custom code."""
    return X / 16


@pytest.fixture(scope="module")
def pipeline():
    """From digits to their labels."""
    X, y = load_digits(return_X_y=True)
    autoencoder = AutoencoderTransformer(4, variant="variational", max_epochs=2, random_state=0)
    return make_pipeline(MinMaxScaler(), autoencoder, LogisticRegression(max_iter=2000)).fit(X, y)


def test_a_loaded_pipeline_predicts_the_same_to_the_bit(pipeline, path):
    X, _ = load_digits(return_X_y=True)
    loaded = save_and_load(pipeline, path)
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    assert b"pickle" not in path.read_bytes()


def test_pipelines_within_pipelines_and_text_are_saved(path):
    words = ["mean", "median", "mode", "norm"] * 10
    inner = make_pipeline(AutoencoderTransformer(3, architecture="sequence", max_epochs=2, random_state=0))
    fitted = make_pipeline(CharacterEncoder(), inner).fit(words)
    np.testing.assert_array_equal(save_and_load(fitted, path).transform(words), fitted.transform(words))


def test_vocabularies_may_be_large_and_contain_keywords_of_skops(path):
    words = ["__id__", "__loader__", "content", *(f"word{number}" for number in range(20_000))]
    documents = [" ".join(words[start::20]) for start in range(20)]
    pipeline = make_pipeline(TfidfVectorizer(), TruncatedSVD(4, random_state=0), small_autoencoder()).fit(documents)
    loaded = save_and_load(pipeline, path)
    np.testing.assert_array_equal(loaded.transform(documents), pipeline.transform(documents))


@pytest.mark.parametrize("machine", [SVC(), SVR(), OneClassSVM(), SVC(kernel="linear")], ids=str)
def test_support_vector_machines_are_saved(machine, path):
    pipeline = make_pipeline(small_autoencoder(), machine).fit(X, X[:, 0] > 0)
    np.testing.assert_array_equal(save_and_load(pipeline, path).predict(X), pipeline.predict(X))


def test_any_safetensors_tool_reads_the_autoencoder_in_a_pipeline(pipeline, path):
    save(pipeline, path)
    with safetensors.safe_open(path, "pt") as file:
        weight = file.get_tensor("estimators/0/module/latent_scale")
    assert torch.equal(weight, pipeline[1].net_.module_.latent_scale)


def test_steps_with_custom_code_are_refused(path):
    fitted = make_pipeline(FunctionTransformer(divide), small_autoencoder()).fit(X)
    with pytest.raises(TypeError, match=r"skops trusts.*Got .*divide"):
        save(fitted, path)
    assert not path.exists()


def test_archives_of_untrusted_types_or_other_objects_are_refused(path):
    for archive in (b"PK", skops.io.dumps({"a": divide}), skops.io.dumps(MinMaxScaler())):
        put_pipeline(path, archive)
        assert_refused(path)


def test_placeholders_of_missing_estimators_are_refused(pipeline, path):
    save(pipeline, path)
    stored = read(path)
    assert set(stored.content["versions"]) == {"skae", "torch", "numpy", "scikit-learn"}
    arrays = {name: array for name, array in stored.arrays().items() if name == "skops"}
    repack(path, {**stored.content, "estimators": []}, arrays)
    assert_refused(path)


def test_unknown_content_is_refused(pipeline, path):
    save(pipeline, path)
    stored = read(path)
    for more, arrays in (({"x": 1}, {}), ({}, {"x": torch.zeros(1)})):
        repack(path, {**stored.content, **more}, {**stored.arrays(), **arrays})
        assert_refused(path, "it holds 'x', which is not known")
    repack(path, stored.content, {**stored.arrays(), "estimators/1/codes": torch.zeros(1)})
    assert_refused(path, "it holds 'estimators/1/codes', which is not known")


def test_an_older_skops_is_refused(pipeline, path, monkeypatch):
    save(pipeline, path)
    monkeypatch.setattr("skops.__version__", "0.15.2")
    assert_refused(path, r"need skops 0.16 or newer; this is 0.15.2")


@pytest.mark.filterwarnings("ignore:Persisting input arguments")  # on a slow disk
@pytest.mark.parametrize("of_folder", [str, functools.partial(joblib.Memory, verbose=0)], ids=["a path", "an object"])
def test_memory_of_pipelines_is_not_saved(tmp_path, of_folder):
    memory = of_folder(tmp_path)
    inner = Pipeline([("scaler", StandardScaler()), ("autoencoder", small_autoencoder())], memory=memory)
    fitted = make_pipeline(MinMaxScaler(), inner, memory=memory).fit(X)
    loaded = save_and_load(fitted)
    assert (loaded.memory, loaded[-1].memory) == (None, None)
    assert (fitted.memory, fitted[-1].memory) == (memory, memory)
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))


def test_memory_of_a_searched_pipeline_is_not_saved(tmp_path):
    pipeline = make_pipeline(StandardScaler(), small_autoencoder(checkpoint_dir=tmp_path), memory=str(tmp_path))
    with pytest.warns(UserWarning, match="was chosen"):
        search = BottleneckSearchCV(pipeline, n_components=(1, 2), cv=2, rule="best").fit(X)
    loaded = save_and_load(search)
    for part in (loaded.estimator, loaded.best_estimator_):
        assert (part.memory, part[-1].checkpoint_dir) == (None, None)


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer, HashingVectorizer])
@pytest.mark.parametrize("source", ["filename", "file"])
def test_steps_that_read_files_are_refused(kind, source, path):
    vectorizer = kind().set_params(**({"n_features": 16} if kind is HashingVectorizer else {}))
    fitted = make_pipeline(make_pipeline(vectorizer), small_autoencoder()).fit(WORDS)
    fitted[0][0].set_params(input=source)
    with pytest.raises(TypeError, match=rf"{kind.__name__} has input='{source}'.*set_params"):
        save(fitted, path)
    assert not path.exists()


@pytest.mark.parametrize(
    "step",
    [
        FeatureAgglomeration(2, memory="x"),
        FeatureUnion([("a", FeatureAgglomeration(2, memory="x"))]),
        FeatureUnion([("a", make_pipeline(MinMaxScaler(), memory="x"))]),
    ],
    ids=["a step", "a nested step", "a nested pipeline"],
)
def test_memory_of_other_steps_is_refused(step, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fitted = make_pipeline(step, small_autoencoder()).fit(X)
    with pytest.raises(TypeError, match=r"paths that later calls read or write.*has memory="):
        save(fitted, path)


def test_a_file_with_paths_for_later_calls_is_refused(path):
    """``save`` writes no such file, but another author can."""
    places = [
        make_pipeline(MinMaxScaler(), memory="/tmp/cache"),
        make_pipeline(make_pipeline(MinMaxScaler(), memory="/tmp/cache")),
        make_pipeline(FeatureUnion([("a", FeatureAgglomeration(memory="/tmp/cache", pooling_func=np.maximum))])),
        make_pipeline(TfidfVectorizer(input="filename")),
        make_pipeline(GridSearchCV(make_pipeline(CountVectorizer(input="file")), {})),
        make_pipeline(FeatureAgglomeration(pooling_func=np.maximum).set_params(memory=["/tmp"])),
    ]
    hidden = MinMaxScaler()
    hidden.kept = np.array([None, [{"it": places[0]}]], dtype=object)
    for pipeline in (*places, make_pipeline(hidden)):
        put_pipeline(path, skops.io.dumps(pipeline))
        assert_refused(path, r"holds a path that later calls read or write: .* has (memory|input)=")


def test_path_parameters_include_all_of_scikit_learn():
    """If this fails, a new scikit-learn has another parameter for a path, a file or a cache: add it."""
    found = set()
    for _, kind in all_estimators():
        for name, description in re.findall(r"^    (\w+) : (.*)$", kind.__doc__ or "", re.MULTILINE):
            if re.search(r"file|path|director|folder|Memory", description) and name in kind._get_param_names():
                found.add(name)
    assert found <= set(PATH_PARAMETERS), found
    assert {"memory", "input"} <= found
    assert find_path_parameter(small_autoencoder(checkpoint_dir="x"))
    assert not find_path_parameter(small_autoencoder())
