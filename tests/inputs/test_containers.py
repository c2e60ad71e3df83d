"""Containers other than arrays work, or their error names the column and says what to write."""

import datetime
import pathlib

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch.utils.data import TensorDataset

from skae import AutoencoderNovelty, AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
A = np.random.RandomState(0).standard_normal((40, 16)).astype(np.float32)
STRINGS = ["abc", "abd"] * 20


class Shaped:
    """An array with shape, dtype and slicing, but no length."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype

    def __getitem__(self, key):
        assert isinstance(key, slice)
        return self.X[key]


def frame(values, library=pd):
    return library.DataFrame({"number": A[:, 0], "it": values})


def of_zarr(X):
    return pytest.importorskip("zarr").array(X)


@pytest.mark.parametrize("hold", [Shaped, of_zarr])
@pytest.mark.parametrize("shape", [(16,), (4, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, bool])
def test_arrays_without_len_fit(hold, shape, dtype):
    given = np.rint(3 * A).astype(dtype).reshape(40, *shape)
    by_array, by_other = (AutoencoderTransformer(2, **QUICK).fit(X) for X in (given, hold(given)))
    np.testing.assert_array_equal(by_other.transform(hold(given)), by_array.transform(given))
    np.testing.assert_array_equal(by_other.reconstruct(hold(given)), by_array.reconstruct(given))
    assert by_other.fit(given, X_val=hold(given)).score(hold(given)) > 0


def test_arrays_without_len_work_in_novelty_and_search():
    known = AutoencoderNovelty(AutoencoderTransformer(2, **QUICK), n_members=2, random_state=0).fit(Shaped(A))
    assert known.predict(Shaped(A)).shape == (40,)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        AutoencoderTransformer(2, **QUICK).fit(of_zarr(A[:, 0]))


def test_dataset_of_one_tensor_is_read_as_its_tensor():
    tensor = torch.from_numpy(A)
    fitted = AutoencoderTransformer(2, **QUICK).fit(TensorDataset(tensor))
    np.testing.assert_array_equal(fitted.transform(TensorDataset(tensor)), fitted.transform(tensor))


DAY = datetime.date(2020, 1, 1)
TIMES = pd.date_range("2020", periods=40)


@pytest.mark.parametrize(
    "X",
    [
        frame(pd.period_range("2020", periods=40, freq="D")),
        frame([DAY] * 40),
        frame([None] * 5 + [DAY] * 35),
        frame([datetime.time(3)] * 40, pl),
        frame([{"a": 1}] * 40),
    ],
)
def test_columns_of_objects_are_named(X):
    with pytest.raises(TypeError, match="Column 'it' of X"):
        AutoencoderTransformer(2, **QUICK).fit(X)


@pytest.mark.parametrize(
    "X",
    [
        frame(TIMES),
        frame(TIMES.tz_localize("UTC")),
        frame(TIMES - TIMES[0]),
        frame([DAY] * 40, pl),
        frame([datetime.timedelta(days=1)] * 40, pl),
        frame(pl.Series([datetime.datetime(2020, 1, 1)] * 40).dt.replace_time_zone("UTC"), pl),
    ],
)
def test_columns_of_dates_come_back(X):
    restored = AutoencoderTransformer(2, **QUICK).fit(X).reconstruct(X)
    assert list(restored.dtypes) == list(X.dtypes)


@pytest.mark.parametrize(
    "X",
    [
        frame(list(A)),
        frame([list(row) for row in A]),
        frame([None, *list(A[1:])]),
        frame(A, pl),
        frame([row.tolist() for row in A], pl),
    ],
)
def test_columns_of_vectors_are_named(X):
    with pytest.raises(ValueError, match=r"Column 'it' of X holds vectors, the first of shape \(16,\).*np.stack"):
        AutoencoderTransformer(2, **QUICK).fit(X)


@pytest.mark.skipif(not hasattr(pl, "Int128"), reason="newer versions of polars have it")
def test_columns_that_numpy_cannot_read_are_named():
    with pytest.raises(TypeError, match="Column 'it' of X cannot be read as numbers"):
        AutoencoderTransformer(2, **QUICK).fit(frame(pl.Series(range(40)).cast(pl.Int128), pl))


def test_vectors_in_one_column_raise_with_np_stack():
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D array of vectors.*np.stack\(X\)"):
        AutoencoderTransformer(2, **QUICK).fit(pd.Series(list(A)))


@pytest.mark.parametrize(
    "X",
    [
        STRINGS,
        [[text, text] for text in STRINGS],
        np.array(STRINGS),
        np.array(STRINGS, dtype=object),
        np.array(STRINGS, dtype=object)[:, None],
        pd.Series(STRINGS),
        pl.Series(STRINGS),
        pd.DataFrame({"text": STRINGS}),
        pl.DataFrame({"text": STRINGS}),
    ],
)
def test_strings_raise_and_the_encoder_is_named(X):
    with pytest.raises(ValueError, match=r"could not convert string to float.*CharacterEncoder"):
        AutoencoderTransformer(2, categorical_features=None, **QUICK).fit(X)


def test_pyarrow_tables_are_read_as_data_frames():
    pa = pytest.importorskip("pyarrow")
    assert AutoencoderTransformer(1, **QUICK).fit(pa.table({"a": A[:, 0], "b": A[:, 1]})).n_features_in_ == 2
    with pytest.raises(ValueError, match="Column 'it' of X holds text"):
        AutoencoderTransformer(1, categorical_features=None, **QUICK).fit(pa.table({"a": A[:, 0], "it": STRINGS}))


class TestShapes:
    PICTURES = A.reshape(40, 4, 4)

    @pytest.fixture(params=["pictures", "flattened", "novelty"])
    def fitted(self, request):
        model = AutoencoderTransformer(2, **QUICK)
        if request.param == "flattened":
            return model.set_params(sample_shape=(4, 4)).fit(A)
        model = AutoencoderNovelty(model, n_members=2, random_state=0) if request.param == "novelty" else model
        return model.fit(self.PICTURES)

    @pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, np.ndarray.tolist, Shaped])
    def test_one_sample_raises_with_the_axis_to_add(self, fitted, kind):
        with pytest.raises(ValueError, match=r"X has shape \(4, 4\), which is that of one sample.*X\[None\]"):
            fitted.score_samples(kind(self.PICTURES[0]))
        assert fitted.score_samples(self.PICTURES[:1]).shape == (1,)

    @pytest.mark.parametrize("shape", [(2, 8), (8, 2), (4, 5), (12,), (17,), (4, 4, 1)])
    def test_samples_of_another_shape_raise(self, fitted, shape):
        given = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        with pytest.raises(ValueError) as caught:
            fitted.score_samples(np.zeros((3, *shape)))
        assert f"samples of shape {given}, but {type(fitted).__name__} was fitted on samples of shape (4, 4)" in str(
            caught.value
        )

    @pytest.mark.parametrize("given", [{"X": A, "sample_shape": (4, 4)}, {"X": PICTURES}])
    def test_flattened_samples_are_accepted_after_fit(self, given):
        fitted = AutoencoderTransformer(2, sample_shape=given.get("sample_shape"), **QUICK).fit(given["X"])
        np.testing.assert_array_equal(fitted.transform(A), fitted.transform(self.PICTURES))

    def test_tables_of_another_width_raise(self):
        fitted = AutoencoderTransformer(2, **QUICK).fit(A)
        with pytest.raises(ValueError, match="X has 12 features, but AutoencoderTransformer is expecting 16 features"):
            fitted.transform(A[:, :12])
        with pytest.raises(ValueError, match=r"samples of shape \(4, 4\), but .* of shape \(16,\)"):
            fitted.transform(self.PICTURES)


class TestTargets:
    """y is ignored; y that looks like clean samples warns."""

    NOISY = A + 0.1

    @pytest.mark.parametrize("call", ["fit", "partial_fit", "fit_transform"])
    @pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
    def test_clean_samples_as_y_warn(self, call, kind):
        with pytest.warns(UserWarning, match=r"y is ignored.*fit\(noisy, clean\).*Denoising.*reconstruct\(noisy\)"):
            getattr(AutoencoderTransformer(2, **QUICK), call)(A, kind(self.NOISY))

    def test_clean_pictures_as_y_warn_within_pipelines_and_searches(self):
        pictures, noisy = A.reshape(40, 4, 4), self.NOISY.reshape(40, 4, 4)
        for model in (
            make_pipeline(AutoencoderTransformer(2, **QUICK)),
            GridSearchCV(AutoencoderTransformer(2, **QUICK), {"n_components": [1]}, cv=2, scoring=lambda *_: 0.0),
        ):
            with pytest.warns(UserWarning, match="y is ignored"):
                model.fit(pictures, noisy)

    @pytest.mark.parametrize(
        "y",
        [
            A,
            A.copy(),
            A.astype(np.float64),
            A.tolist(),
            pd.DataFrame(A),
            A[:, 0],
            A[:, :1],
            A[:, :3],
            A[:7],
            [[1], [2, 3]] * 20,
            STRINGS,
            np.full(A.shape, "a"),
            None,
            "y",
        ],
        ids=lambda y: f"{type(y).__name__} {getattr(y, 'shape', '')}",
    )
    def test_other_y_is_ignored(self, y):
        AutoencoderTransformer(2, **QUICK).fit(A, y)

    def test_y_of_one_column_is_a_label(self):
        AutoencoderTransformer(1, **QUICK).fit(A[:, :1], A[:, 1:2])


@pytest.mark.parametrize("path", ["folder/rows.parquet", pathlib.Path("rows.npy")], ids=["str", "Path"])
def test_a_path_is_an_error_that_says_how_to_open_it(path):
    with pytest.raises(ValueError, match=r"Expected 2D array, .*rows.*pyarrow\.dataset\.dataset\(path\)"):
        AutoencoderTransformer(1).fit(path)
