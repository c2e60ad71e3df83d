"""Data frames come back with their names and types."""

import numpy as np
import pandas as pd
import pytest

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}


def test_numeric_categories_come_back_as_numbers():
    frame = pd.DataFrame({"a": np.arange(40.0), "c": pd.Categorical(np.arange(40) % 2)})
    fitted = AutoencoderTransformer(1, **QUICK).set_output(transform="pandas").fit(frame)
    assert fitted.inverse_transform(fitted.transform(frame)).notna().all(axis=None)


def test_frames_of_sparse_columns_keep_names_and_types():
    frame = pd.DataFrame(np.eye(6)[:, :4] + 1, columns=list("abcd")).astype(pd.SparseDtype(float, 0.0))
    autoencoder = AutoencoderTransformer(2, early_stopping=False, max_epochs=2, random_state=0)
    autoencoder.set_output(transform="pandas").fit(frame)
    assert autoencoder.feature_names_in_.tolist() == list("abcd")
    assert autoencoder.inverse_transform(autoencoder.transform(frame)).dtypes.tolist() == frame.dtypes.tolist()


@pytest.mark.parametrize("dtype", ["bool", "int"])
def test_sparse_columns_of_whole_numbers_are_rounded(dtype):
    dummies = pd.get_dummies(pd.Series(list("abcd") * 15), dtype=dtype)
    dummies.columns = list("abcd")
    found = []
    for frame in (dummies, pd.get_dummies(pd.Series(list("abcd") * 15), sparse=True, dtype=dtype)):
        autoencoder = AutoencoderTransformer(3, max_epochs=3, random_state=0).set_output(transform="pandas").fit(frame)
        found.append(np.asarray(autoencoder.inverse_transform(autoencoder.transform(frame))).astype(int))
    np.testing.assert_array_equal(found[1], found[0])
    assert found[0].sum() > 0
