"""Data frames are reconstructed with their names and types."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_digits

import skae
from skae import AutoencoderTransformer

X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
QUICK = {"max_epochs": 2, "random_state": 0}


def test_numeric_categories_are_reconstructed_as_numbers_if_they_are_no_categories():
    frame = pd.DataFrame({"a": np.arange(40.0), "c": pd.Categorical(np.arange(40) % 2)})
    fitted = AutoencoderTransformer(1, categorical_features=None, **QUICK).set_output(transform="pandas").fit(frame)
    assert fitted.inverse_transform(fitted.transform(frame)).notna().all(axis=None)


def test_data_frames_of_sparse_columns_keep_names_and_types():
    frame = pd.DataFrame(np.eye(6)[:, :4] + 1, columns=list("abcd")).astype(pd.SparseDtype(float, 0.0))
    autoencoder = AutoencoderTransformer(2, early_stopping=False, max_epochs=2, random_state=0)
    autoencoder.set_output(transform="pandas").fit(frame)
    assert autoencoder.feature_names_in_.tolist() == list("abcd")
    assert autoencoder.inverse_transform(autoencoder.transform(frame)).dtypes.tolist() == frame.dtypes.tolist()


@pytest.mark.parametrize("dtype", ["bool", "int"])
def test_sparse_columns_of_whole_numbers_are_rounded(dtype):
    dummies = pd.get_dummies(pd.Series(list("abcd") * 15), dtype=dtype)
    dummies.columns = list("abcd")
    results = []
    for frame in (dummies, pd.get_dummies(pd.Series(list("abcd") * 15), sparse=True, dtype=dtype)):
        autoencoder = AutoencoderTransformer(3, max_epochs=3, random_state=0).set_output(transform="pandas").fit(frame)
        results.append(np.asarray(autoencoder.inverse_transform(autoencoder.transform(frame))).astype(int))
    np.testing.assert_array_equal(results[1], results[0])
    assert results[0].sum() > 0


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, **QUICK).fit(X)


def test_set_output_pandas_gives_data_frames():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    autoencoder = AutoencoderTransformer(2, **QUICK).set_output(transform="pandas")
    codes = autoencoder.fit_transform(frame)
    assert list(codes.columns) == ["autoencodertransformer0", "autoencodertransformer1"]
    assert list(autoencoder.feature_names_in_) == list("abcdef")
    assert list(autoencoder.get_feature_names_out()) == list(codes.columns)
    assert isinstance(autoencoder.set_output(transform="polars").transform(frame), pl.DataFrame)


def test_set_output_polars_gives_data_frames():
    frame = pl.DataFrame(X, schema=list("abcdef"))
    expected = AutoencoderTransformer(2, **QUICK).fit_transform(X)
    np.testing.assert_array_equal(AutoencoderTransformer(2, **QUICK).fit_transform(frame), expected)


def test_tensors_give_tensors(fitted):
    tensor = torch.from_numpy(X).requires_grad_()
    for call in (fitted.transform, fitted.reconstruct, fitted.score_samples):
        result = call(tensor)
        assert isinstance(result, torch.Tensor)
        assert not result.requires_grad
        np.testing.assert_array_equal(result.numpy(), call(X))
    assert isinstance(fitted.inverse_transform(fitted.transform(tensor)), torch.Tensor)


class TestFramesComeBack:
    TABLE = pd.DataFrame(
        {"income": np.linspace(1e4, 9e4, 60), "children": np.arange(60) % 4, "owner": np.arange(60) % 2 == 0}
    )

    def test_pandas_names_and_types_are_reconstructed(self):
        autoencoder = AutoencoderTransformer(3, **QUICK).set_output(transform="pandas").fit(self.TABLE)
        codes = autoencoder.transform(self.TABLE)
        restored = autoencoder.inverse_transform(codes)
        assert list(restored.columns) == list(self.TABLE.columns)
        assert list(restored.dtypes) == list(self.TABLE.dtypes)
        pd.testing.assert_frame_equal(restored, self.TABLE, rtol=1e-3)
        pd.testing.assert_frame_equal(autoencoder.set_output(transform="default").inverse_transform(codes), restored)
        numbers = self.TABLE.drop(columns="owner")
        assert isinstance(autoencoder.set_params(n_components=2).fit(numbers).reconstruct(numbers), np.ndarray)

    def test_polars_names_and_types_are_reconstructed(self):
        table = pl.from_pandas(self.TABLE)
        autoencoder = AutoencoderTransformer(3, **QUICK).set_output(transform="polars").fit(table)
        restored = autoencoder.reconstruct(table)
        assert restored.schema == table.schema
        assert restored["children"].to_list() == table["children"].to_list()

    @pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
    def test_nullable_types_are_reconstructed(self, backend):
        pytest.importorskip("pyarrow")
        small = pd.Series(np.arange(60) % 7, dtype="uint8[pyarrow]" if backend == "pyarrow" else "UInt8")
        table = self.TABLE.convert_dtypes(dtype_backend=backend).assign(small=small)
        autoencoder = AutoencoderTransformer(4, **QUICK).set_output(transform="pandas").fit(table)
        restored = autoencoder.inverse_transform(autoencoder.transform(table))
        pd.testing.assert_series_equal(restored.dtypes, table.dtypes)
        assert (restored["children"] == table["children"]).all()
        far = autoencoder.inverse_transform(1e4 * np.asarray(autoencoder.transform(table)))
        assert int(far["small"].max()) <= 255

    def test_decimals_are_reconstructed_as_floats(self):
        table = pl.DataFrame({"a": pl.Series(np.arange(60) % 5).cast(pl.Decimal(20, 2)), "b": np.linspace(0, 1, 60)})
        restored = AutoencoderTransformer(2, **QUICK).set_output(transform="polars").fit(table).reconstruct(table)
        assert restored.dtypes == [pl.Float64, pl.Float64]

    @pytest.mark.parametrize(
        "columns",
        [
            pd.MultiIndex.from_product([["left", "right"], ["x", "y"]], names=["side", None]),
            pd.MultiIndex.from_product([["left", "right"], [0, 1]]),
            pd.Index(list("abcd"), name="letter"),
            pd.Index([("a", 1), ("a", 2), ("b", 1), ("b", 2)], tupleize_cols=False),
            pd.Index([2020, 2021, 2022, 2023], name="year"),
        ],
    )
    def test_names_of_columns_survive_save_and_load(self, columns, tmp_path):
        X = pd.DataFrame(np.random.RandomState(0).standard_normal((40, 4)), columns=columns)
        autoencoder = AutoencoderTransformer(2, **QUICK).set_output(transform="pandas").fit(X)
        codes = autoencoder.transform(X)
        pd.testing.assert_index_equal(autoencoder.inverse_transform(codes).columns, columns)
        skae.save(autoencoder, tmp_path / "model.skae")
        loaded = skae.load(tmp_path / "model.skae")
        pd.testing.assert_index_equal(loaded.inverse_transform(codes).columns, columns)

    @pytest.mark.parametrize("kind", [list, tuple, pl.DataFrame, np.asarray])
    def test_inverse_transform_takes_the_index_from_pandas_only(self, kind):
        autoencoder = AutoencoderTransformer(2, **QUICK).set_output(transform="pandas").fit(self.TABLE)
        codes = np.asarray(autoencoder.transform(self.TABLE))[:5]
        restored = autoencoder.inverse_transform(kind(codes.tolist() if kind is not pl.DataFrame else codes))
        assert restored.shape == (5, 3)
        assert list(restored.index) == list(range(5))

    @pytest.mark.parametrize("library", [pd, pl])
    @pytest.mark.parametrize("given", [pd, pl])
    def test_data_frames_are_of_the_library_of_set_output(self, library, given):
        table = self.TABLE if given is pd else pl.from_pandas(self.TABLE)
        autoencoder = AutoencoderTransformer(3, **QUICK).set_output(transform=library.__name__).fit(table)
        codes = autoencoder.transform(table)
        for frame in (codes, autoencoder.inverse_transform(codes), autoencoder.reconstruct(table)):
            assert isinstance(frame, library.DataFrame)
        expected = ["int64", "bool"] if library is pd else ["Int64", "Boolean"]
        assert [str(dtype) for dtype in autoencoder.reconstruct(table).dtypes][1:] == expected


def test_small_integer_types_are_reconstructed():
    digits = load_digits().data[:200].astype(np.uint8)
    flags = digits[:, 20:24] > 8
    for library in (pd, pl):
        frame = library.DataFrame({**{f"p{i}": digits[:, i] for i in range(8, 20)}, "flag": flags[:, 0]})
        fitted = AutoencoderTransformer(2, **QUICK).set_output(transform=library.__name__).fit(frame)
        restored = fitted.inverse_transform(fitted.transform(frame) * 9)
        assert list(restored.dtypes) == list(frame.dtypes)
