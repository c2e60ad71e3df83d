"""Data frames with categories, booleans and dates: every method takes them, and the same frame comes back."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.metrics import (
    explained_variance_scorer,
    neg_reconstruction_error_scorer,
    uniform_explained_variance_scorer,
)
from skae.variants import Supervised

N = 120
QUICK = {"architecture": Dense((8,)), "max_epochs": 2, "random_state": 0}


def make_table(n=N, seed=0):
    """Columns that depend on one hidden number."""
    random = np.random.RandomState(seed)
    hidden = random.randn(n)
    return pd.DataFrame(
        {
            "income": 3e4 + 1e4 * hidden + 1e3 * random.randn(n),
            "children": np.clip(np.round(2 + hidden), 0, 5).astype(int),
            "owner": hidden > 0,
            "city": np.where(hidden > 0.5, "Paris", np.where(hidden > -0.5, "Oslo", "")),
            "size": pd.Categorical(np.where(hidden > 0, "L", "S"), ["S", "M", "L"], ordered=True),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(100 * hidden), unit="D"),
        },
        index=np.arange(n) + 500,
    )


TABLE = make_table()
POLARS = pl.from_pandas(TABLE).with_columns(size=pl.Series(TABLE["size"].tolist(), dtype=pl.Enum(["S", "M", "L"])))
FRAMES = {"pandas": TABLE, "polars": POLARS, "pyarrow": pa.Table.from_pandas(TABLE, preserve_index=False)}


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(3, **QUICK).fit(TABLE)


@pytest.fixture(scope="module")
def exact():
    """PCA without an error: as many components as varying dimensions."""
    return AutoencoderTransformer(7, **QUICK).fit(TABLE)


def schema_of(frame):
    return frame.schema if hasattr(frame, "schema") else frame.dtypes.to_dict()


@pytest.mark.parametrize("library", FRAMES)
def test_the_same_frame_comes_back(library):
    frame = FRAMES[library]
    autoencoder = AutoencoderTransformer(7, **QUICK).fit(frame)
    restored = autoencoder.reconstruct(frame)
    assert schema_of(restored) == schema_of(frame)
    assert type(restored) is type(frame)
    decoded = autoencoder.inverse_transform(autoencoder.transform(frame))
    sampled = autoencoder.sample(9, random_state=0)
    assert schema_of(decoded) == schema_of(sampled) == schema_of(frame)
    assert autoencoder.score(frame) > 0.999
    if library == "pandas":
        pd.testing.assert_frame_equal(restored, frame, rtol=1e-4)
        assert len(sampled) == 9
    else:
        columns = ["children", "owner", "city", "size", "since"]
        expected = frame.select(columns)
        found = restored.select(columns)
        if library == "pyarrow":  # dictionaries of different order
            found, expected = found.to_pydict(), expected.to_pydict()
            assert found == expected
        else:
            assert found.equals(expected)


def test_attributes_name_the_columns_and_the_encoded_features(fitted):
    assert fitted.n_features_in_ == 6
    assert fitted.feature_names_in_.tolist() == list(TABLE.columns)
    assert fitted.sample_shape_ == (6,)
    assert fitted.scaling_ == "columns"
    assert fitted.encoded_feature_names_.tolist() == [
        "income", "children", "owner", "city=", "city=Oslo", "city=Paris", "size=L", "size=S", "since",
    ]  # fmt: skip
    assert fitted.mean_.shape == fitted.scale_.shape == (9,)
    assert fitted.components_.shape == (3, 9)
    np.testing.assert_allclose(fitted.mean_[3:6], [(TABLE["city"] == name).mean() for name in ("", "Oslo", "Paris")])
    assert not hasattr(AutoencoderTransformer(1, **QUICK).fit(TABLE[["income"]]), "encoded_feature_names_")


def test_pca_attributes_are_those_of_pca_of_scaled_one_hot_columns():
    numbers, categories = ["income", "children", "owner"], ["city", "size"]
    encoder = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(sparse_output=False), categories))
    X = encoder.fit_transform(TABLE.astype({"owner": float}))
    for block in (slice(3, 6), slice(6, 8)):
        X[:, block] /= np.sqrt(X[:, block].var(0).sum())
    values = np.linalg.eigvalsh(np.cov(X.T))[::-1]
    pca = AutoencoderTransformer(2, early_stopping=True, **(QUICK | {"lr": 1e-12})).fit(TABLE[numbers + categories])
    assert pca.is_pca_
    np.testing.assert_allclose(pca.explained_variance_ratio_, values[:2] / values.sum(), rtol=1e-4)
    np.testing.assert_allclose(pca.score(TABLE[numbers + categories]), values[:2].sum() / values.sum(), rtol=1e-3)


def test_score_samples_are_mean_errors_per_column(fitted):
    scores = fitted.score_samples(TABLE)
    changed = TABLE.head(5).assign(city="Rome")
    assert (fitted.score_samples(changed) < scores[:5] - 0.05).all()
    np.testing.assert_allclose(1 + scores.sum() * 6 / (len(TABLE) * 6), fitted.score(TABLE), rtol=1e-4)


def test_unseen_categories_and_other_libraries_are_encoded(fitted):
    strange = TABLE.head(4).assign(city=["Rome", "Paris", "Oslo", "Lima"])
    assert np.isfinite(fitted.transform(strange)).all()
    assert set(fitted.reconstruct(strange)["city"]) <= {"Paris", "Oslo", ""}
    np.testing.assert_allclose(fitted.transform(POLARS), fitted.transform(TABLE), rtol=1e-5)
    np.testing.assert_allclose(fitted.transform(FRAMES["pyarrow"]), fitted.transform(TABLE), rtol=1e-5)


def test_columns_in_another_order_are_refused_as_by_scikit_learn(fitted):
    with pytest.raises(ValueError, match="must be in the same order"):
        fitted.transform(TABLE[TABLE.columns[::-1]])
    with pytest.raises(ValueError, match="Feature names unseen at fit time"):
        fitted.transform(TABLE.rename(columns={"city": "town"}))
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing"):
        fitted.transform(TABLE.drop(columns="city"))
    array = AutoencoderTransformer(2, categorical_features=[0], **QUICK).fit(TABLE[["children", "income"]].to_numpy())
    with pytest.raises(ValueError, match="X has 1 features, but AutoencoderTransformer is expecting 2"):
        array.transform(TABLE[["children"]].to_numpy())


def test_rows_without_names_are_read_by_position_with_a_warning(fitted):
    for rows in (TABLE.to_numpy(), TABLE.to_numpy().tolist()):
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            codes = fitted.transform(rows)
        np.testing.assert_allclose(codes, fitted.transform(TABLE), rtol=1e-4, atol=1e-5)


def test_synthetic_rows_hold_drawn_categories_and_numbers_within_the_fitted_range(fitted):
    sampled = fitted.sample(300, random_state=0)
    assert sampled["income"].between(TABLE["income"].min(), TABLE["income"].max()).all()
    assert sampled["since"].between(TABLE["since"].min(), TABLE["since"].max()).all()
    for name in ("city", "size", "owner"):
        shares = TABLE[name].value_counts(normalize=True)
        found = sampled[name].value_counts(normalize=True).reindex(shares.index).fillna(0)
        assert float((found - shares).abs().max()) < 0.2
    pd.testing.assert_frame_equal(sampled, fitted.sample(300, random_state=0))
    like = fitted.sample(50, random_state=0, like=TABLE[TABLE["city"] == "Paris"])
    assert (like["city"] == "Paris").mean() > 0.7


def test_synthetic_rows_have_the_variance_that_few_components_do_not_explain():
    random = np.random.RandomState(0)
    numbers = random.randn(300, 3) * [1, 2, 5]
    frame = pd.DataFrame(numbers, columns=["a", "b", "c"]).assign(kind=random.choice(["x", "y"], 300))
    sampled = AutoencoderTransformer(1, max_epochs=2, random_state=0).fit(frame).sample(1000, random_state=0)
    np.testing.assert_allclose(sampled[["a", "b", "c"]].std(), frame[["a", "b", "c"]].std(), rtol=0.2)
    assert 0.35 < (sampled["kind"] == "x").mean() < 0.65


def test_synthetic_rows_of_exact_codes_keep_the_dependence_of_categories():
    random = np.random.RandomState(0)
    kind = random.choice(["x", "y", "z"], 200)
    frame = pd.DataFrame(random.randn(200, 5)).rename(columns=str).assign(kind=kind, same=kind)
    sampled = AutoencoderTransformer(None, max_epochs=2, random_state=0).fit(frame).sample(500, random_state=0)
    assert (sampled["kind"] == sampled["same"]).mean() > 0.95


@pytest.mark.parametrize("library", FRAMES)
def test_interpolation_gives_the_same_kind_of_frame(library):
    frame = FRAMES[library]
    autoencoder = AutoencoderTransformer(7, **QUICK).fit(frame)
    first, last = (frame.slice(start, 2) if library != "pandas" else frame[start : start + 2] for start in (0, 100))
    between = autoencoder.interpolate(first, last, steps=3)
    assert type(between) is type(frame)
    assert schema_of(between) == schema_of(frame)
    assert len(between) == 6
    found, expected = (np.asarray(table["children"]) for table in (between, autoencoder.reconstruct(first)))
    assert found[[0, 3]].tolist() == expected.tolist()


def test_interpolation_of_arrays_with_categories_keeps_its_axes():
    X = np.column_stack([TABLE["income"], TABLE["children"]])
    autoencoder = AutoencoderTransformer(2, categorical_features=[1], **QUICK).fit(X)
    assert autoencoder.interpolate(X[:2], X[2:4], steps=3).shape == (2, 3, 2)
    assert isinstance(autoencoder.interpolate(torch.from_numpy(X[:2]), X[2:4], steps=3), torch.Tensor)


def test_samples_like_rows_outside_of_the_fitted_range_vary(fitted):
    far = TABLE.head(20).assign(income=TABLE["income"].max() + 1e5 + 1e3 * np.arange(20.0))
    sampled = fitted.sample(200, random_state=0, like=far)["income"]
    assert sampled.nunique() > 100
    assert sampled.max() > TABLE["income"].max()
    assert sampled.max() <= far["income"].max() + 1.01 * TABLE["income"].std()
    inside = fitted.sample(200, random_state=0, like=TABLE.head(20))["income"]
    assert inside.between(TABLE["income"].min(), TABLE["income"].max()).all()


def test_set_output_chooses_the_library(fitted):
    autoencoder = copy.deepcopy(fitted).set_output(transform="polars")
    assert isinstance(autoencoder.transform(TABLE), pl.DataFrame)
    assert isinstance(autoencoder.reconstruct(TABLE), pl.DataFrame)
    autoencoder.set_output(transform="pandas")
    assert autoencoder.transform(TABLE).index.equals(TABLE.index)
    assert autoencoder.inverse_transform(autoencoder.transform(TABLE)).index.equals(TABLE.index)


def test_frames_are_not_changed():
    before = TABLE.copy(deep=True)
    AutoencoderTransformer(2, **QUICK).fit(TABLE).reconstruct(TABLE)
    pd.testing.assert_frame_equal(TABLE, before)


def test_pickles_copies_and_clones_keep_tables(fitted):
    for loaded in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        pd.testing.assert_frame_equal(loaded.reconstruct(TABLE), fitted.reconstruct(TABLE))
    assert clone(AutoencoderTransformer(categorical_features=["city"])).categorical_features == ["city"]


def test_partial_fit_keeps_the_categories_of_the_first_call():
    autoencoder = AutoencoderTransformer(2, **QUICK).partial_fit(TABLE.head(60))
    with pytest.warns(UserWarning, match="Column 'city' of X has categories that the first fit did not have: 'Rome'"):
        autoencoder.partial_fit(TABLE.tail(60).assign(city="Rome"))
    assert set(autoencoder.reconstruct(TABLE)["city"]) <= {"Paris", "Oslo", ""}
    constant = AutoencoderTransformer(2, **QUICK).partial_fit(TABLE.assign(city="Oslo"))
    with pytest.warns(UserWarning, match="encoded as unknown"):
        constant.partial_fit(TABLE)
    assert set(constant.reconstruct(TABLE)["city"]) == {"Oslo"}


def test_warm_start_refuses_new_categories_and_keeps_the_fit():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(TABLE)
    before = autoencoder.transform(TABLE)
    with pytest.raises(ValueError, match=r"Column 'city' of X has categories .*'Lima', 'Rome'.*warm_start=False"):
        autoencoder.fit(TABLE.assign(city=["Rome", "Lima"] * 60))
    np.testing.assert_array_equal(autoencoder.transform(TABLE), before)


def test_warm_start_takes_ranges_and_the_kind_of_frame_from_the_new_rows():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(TABLE)
    narrow = POLARS.filter(pl.col("income").is_between(25_000, 35_000)).with_columns(pl.col("children").cast(pl.Int8))
    sampled = autoencoder.fit(narrow).sample(200, random_state=0)
    assert sampled.schema == narrow.schema
    assert sampled["income"].is_between(narrow["income"].min(), narrow["income"].max()).all()
    assert autoencoder.n_samples_ == len(narrow)


def test_warm_start_and_x_val_take_tables():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(TABLE, X_val=make_table(30, seed=1))
    score = autoencoder.score(TABLE)
    assert autoencoder.fit(TABLE, X_val=make_table(30, seed=1)).score(TABLE) >= score - 0.05


def test_checkpoints_take_tables(tmp_path):
    autoencoder = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **QUICK).fit(TABLE)
    np.testing.assert_array_equal(autoencoder.transform(TABLE), AutoencoderTransformer(2, **QUICK).fit_transform(TABLE))


@pytest.mark.parametrize("variant", ["variational", "nested", "denoising", Supervised()])
def test_variants_take_tables(variant):
    y = None if isinstance(variant, str) else TABLE["owner"]
    autoencoder = AutoencoderTransformer(2, variant=variant, **QUICK).fit(TABLE, y)
    assert autoencoder.reconstruct(TABLE).dtypes.equals(TABLE.dtypes)
    assert autoencoder.sample(3, random_state=0).shape == (3, 6)


@pytest.mark.parametrize("loss", ["mae", "bce", lambda output, target: (output - target).square().mean(1)])
def test_losses_take_tables(loss):
    assert AutoencoderTransformer(2, loss=loss, **QUICK).fit(TABLE).reconstruct(TABLE).shape == TABLE.shape


@pytest.mark.parametrize("scaling", ["global", "columns", None])
def test_scalings_take_tables(scaling):
    frame = TABLE[["owner", "city", "size"]]
    assert AutoencoderTransformer(2, scaling=scaling, **QUICK).fit(frame).reconstruct(frame).dtypes.equals(frame.dtypes)


def test_pipelines_searches_and_column_transformers_take_tables():
    y = TABLE["owner"].to_numpy()
    frame = TABLE.drop(columns="owner")
    pipeline = make_pipeline(AutoencoderTransformer(2, **QUICK), LogisticRegression())
    assert cross_val_score(pipeline, frame, y, cv=3).mean() > 0.8
    search = GridSearchCV(AutoencoderTransformer(**QUICK), {"n_components": [1, 2]}, cv=2).fit(frame)
    assert search.best_estimator_.reconstruct(frame).dtypes.equals(frame.dtypes)
    search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (1, 2), cv=2).fit(frame)
    assert search.best_estimator_.reconstruct(frame).dtypes.equals(frame.dtypes)
    columns = make_column_transformer((AutoencoderTransformer(1, **QUICK), ["city", "size"]), remainder="drop")
    assert columns.fit_transform(frame).shape == (N, 1)


def test_scorers_of_explained_variance_take_tables(fitted, exact):
    for scorer in (explained_variance_scorer, uniform_explained_variance_scorer):
        assert scorer(exact, TABLE) > max(0.999, scorer(fitted, TABLE))
    with pytest.raises(ValueError, match=r"columns of other values.*Use explained_variance"):
        neg_reconstruction_error_scorer(fitted, TABLE)
    search = GridSearchCV(AutoencoderTransformer(**QUICK), {"n_components": [1, 7]}, scoring=explained_variance_scorer)
    assert search.set_params(cv=2).fit(TABLE).best_params_ == {"n_components": 7}


def test_one_column_and_only_categories_work():
    for frame in (TABLE[["city"]], TABLE[["city", "size"]], TABLE[["size"]], TABLE[["since"]]):
        autoencoder = AutoencoderTransformer(1, **QUICK).fit(frame)
        assert autoencoder.reconstruct(frame).dtypes.equals(frame.dtypes)
        assert autoencoder.sample(3).dtypes.equals(frame.dtypes)


def test_columns_of_one_category_are_constant():
    frame = TABLE.assign(city="Oslo")
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(frame)
    assert set(autoencoder.reconstruct(frame)["city"]) == set(autoencoder.sample(20)["city"]) == {"Oslo"}


def test_255_categories_work():
    frame = pd.DataFrame({"name": [f"name {i % 255}" for i in range(510)], "x": np.arange(510.0)})
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(frame)
    assert len(autoencoder.encoded_feature_names_) == 256
    assert autoencoder.reconstruct(frame).dtypes.equals(frame.dtypes)


@pytest.mark.parametrize(
    "columns", [[0, 1, 2, 3, 4, 5], pd.MultiIndex.from_product([["a", "b"], ["x", "y", "z"]], names=["p", None])]
)
def test_other_column_names_come_back(columns):
    frame = TABLE.set_axis(columns, axis=1)
    restored = AutoencoderTransformer(2, **QUICK).fit(frame).reconstruct(frame)
    pd.testing.assert_index_equal(restored.columns, frame.columns)


def test_repeated_column_names_are_refused():
    frame = pd.concat([TABLE, TABLE[["city"]]], axis=1)
    with pytest.raises(ValueError, match="unique"):
        AutoencoderTransformer(2, **QUICK).fit(frame)


def test_chosen_columns_of_arrays_and_tensors_are_categories():
    X = np.column_stack([TABLE["income"], TABLE["children"]])
    autoencoder = AutoencoderTransformer(2, categorical_features=[1], **QUICK).fit(X)
    assert len(autoencoder.encoded_feature_names_) == 1 + len(np.unique(TABLE["children"]))
    assert set(autoencoder.reconstruct(X)[:, 1]) <= set(TABLE["children"])
    restored = autoencoder.reconstruct(torch.from_numpy(X))
    assert isinstance(restored, torch.Tensor)
    np.testing.assert_array_equal(restored, autoencoder.reconstruct(X))


def test_summary_counts_the_columns(fitted):
    text = str(fitted.summary())
    assert "columns: 2 of numbers, 1 of booleans, 2 of categories, 1 of dates (9 features)" in text


@pytest.mark.parametrize(
    "value", ["from_dtypes", 3, [1.5], [["a"]], [0, "a"], {"a": 1}, [True, 1], [None], np.eye(2, dtype=bool)]
)
def test_invalid_values_of_categorical_features_are_refused(value):
    match = (
        "'categorical_features' parameter of AutoencoderTransformer must be 'from_dtype', None, or a list of columns"
    )
    with pytest.raises(ValueError, match=match):
        AutoencoderTransformer(2, categorical_features=value, **QUICK).fit(TABLE)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"axes": "t"}, "axes='t' is for pictures and signals"),
        ({"sample_shape": (2, 3)}, r"sample_shape=\(2, 3\) is for pictures and signals"),
        ({"scaling": "channels"}, "scaling='columns' for a table"),
        ({"categorical_features": None}, "Column 'city' of X holds text"),
        ({"categorical_features": ["city"]}, None),
        ({"categorical_features": ["size"]}, "Column 'city' of X holds text"),
        ({"architecture": "sequence"}, "Column 'city' of X holds text"),
    ],
)
def test_settings_that_do_not_fit_a_table_are_refused(params, match):
    frame = TABLE[["income", "city"]].assign(size=TABLE["children"])
    if match is None:
        AutoencoderTransformer(2, **(QUICK | params)).fit(frame)
        return
    with pytest.raises(ValueError, match=match):
        AutoencoderTransformer(2, **(QUICK | params)).fit(frame)


def with_gaps(library):
    """The table with missing values in every column, in every fifth row."""
    frame = TABLE.astype({"owner": "boolean", "children": "Int64"})
    for index, name in enumerate(frame.columns):
        frame.loc[frame.index[index::30], name] = None
    if library == "pandas":
        return frame
    table = pl.from_pandas(frame)
    return table if library == "polars" else table.to_arrow()


@pytest.mark.parametrize("library", FRAMES)
def test_missing_values_of_every_kind_of_column_are_filled(library):
    frame = with_gaps(library)
    autoencoder = AutoencoderTransformer(3, **(QUICK | {"max_epochs": 20})).fit(frame)
    restored = autoencoder.reconstruct(frame)
    assert schema_of(restored) == schema_of(frame)
    found = restored if library == "pandas" else pl.DataFrame(restored).to_pandas()
    assert found.notna().all(axis=None)
    for name in ("city", "size", "owner"):
        assert (found[name].to_numpy() == TABLE[name].to_numpy()).mean() > 0.8
    assert np.isfinite(autoencoder.transform(frame)).all()
    assert np.isfinite(autoencoder.score_samples(frame)).all()
    assert 0.5 < autoencoder.score(frame) <= 1


@pytest.mark.parametrize("first", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", ["income", "owner", "city", "since"])
def test_missing_values_in_later_rows_of_partial_fit(first, name):
    later = TABLE.astype({name: object}) if name == "owner" else TABLE.copy()
    later.loc[::4, name] = None
    autoencoder = getattr(AutoencoderTransformer(2, **QUICK), first)(TABLE).partial_fit(later)
    assert np.isfinite(autoencoder.transform(later)).all()
    assert not autoencoder.reconstruct(later)[name].isna().any()


def test_tables_of_missing_values_work_in_models_of_complete_ones(fitted):
    with pytest.warns(UserWarning, match="missing"):
        restored = fitted.reconstruct(TABLE.assign(city=None))
    assert set(restored["city"]) <= {"Paris", "Oslo", ""}


def test_score_of_a_table_of_missing_values_is_not_defined(fitted):
    empty = TABLE.head(5).astype(object)
    empty[:] = None
    with pytest.warns(UndefinedMetricWarning), pytest.warns(UserWarning, match="Values of X are missing"):
        assert np.isnan(fitted.score(empty))


def test_scores_do_not_depend_on_the_size_of_a_missing_block():
    names = [f"name {i}" for i in np.random.RandomState(0).randint(0, 50, N)]
    frame = TABLE[["income", "owner"]].assign(name=names)
    frame.loc[frame.index[::7], "name"] = None
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(frame)
    scores = autoencoder.score_samples(frame)
    missing = frame["name"].isna().to_numpy()
    assert scores[missing].mean() > scores[~missing].mean() > -3


@pytest.mark.parametrize("name", ["city", "size", "since", "owner", "income"])
def test_columns_without_a_value_are_named(name):
    frame = TABLE.astype({"owner": "boolean"})
    frame[name] = pd.Series([None] * N, index=frame.index, dtype=frame[name].dtype)
    with pytest.raises(ValueError, match=f"missing .*'{name}'"):
        AutoencoderTransformer(2, **QUICK).fit(frame)
