"""``dtype="input"``: results have the dtype of the X of fit."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from skae import AutoencoderTransformer, Dense, load, save

PIXELS = np.random.RandomState(0).randint(0, 256, (60, 8, 8))
AS_FITTED = {
    "uint8": PIXELS.astype(np.uint8),
    "int8": (PIXELS - 128).astype(np.int8),
    "uint16": (PIXELS * 257).astype(np.uint16),
    "int64": PIXELS * 2**54,
    "uint64": (PIXELS * 2**55).astype(np.uint64) * 2,
    "bool": PIXELS > 127,
    "float16": (PIXELS * 250).astype(np.float16),
    "float32": PIXELS.astype(np.float32),
    "float64": PIXELS / 7,
    "big-endian": PIXELS.astype(">i2"),
    "rows of uint8": PIXELS.reshape(60, 64).astype(np.uint8),
    "sparse": sparse.csr_array(PIXELS.reshape(60, 64).astype(np.uint8)),
    "tensor": torch.from_numpy(PIXELS.astype(np.uint8)),
    "data frame": pd.DataFrame(PIXELS.reshape(60, 64).astype(np.uint8)),
    "columns of two types": pd.DataFrame(PIXELS.reshape(60, 64)[:, :6]).astype({0: np.uint8, 1: np.int16, 2: np.uint8}),
    "list": PIXELS.tolist(),
    "tokens": (PIXELS.reshape(60, 64)[:, :5] % 4).astype(np.uint8),
}


class TestInputDtype:
    @pytest.mark.parametrize("name", AS_FITTED)
    def test_results_have_the_input_dtype_where_requested(self, name, tmp_path):
        X = AS_FITTED[name]
        settings = {"axes": "n"} if name == "tokens" else {}
        autoencoder = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=1, random_state=0, **settings).fit(
            X
        )
        Z = autoencoder.transform(X)
        save(autoencoder, tmp_path / "model.skae")
        expected = np.asarray(X.toarray() if sparse.issparse(X) else X).dtype.newbyteorder("=")
        for model in (autoencoder, load(tmp_path / "model.skae"), pickle.loads(pickle.dumps(autoencoder))):
            for floats, result in (
                (model.reconstruct(X), model.reconstruct(X, dtype="input")),
                (model.inverse_transform(Z), model.inverse_transform(Z, dtype="input")),
            ):
                assert type(result) is type(floats)
                assert np.asarray(result).dtype == expected
                floats, result = np.asarray(floats, dtype=np.float64), np.asarray(result)
                if expected.kind in "iu":
                    ends = np.iinfo(expected)
                    off = np.abs(np.clip(floats, float(ends.min), float(ends.max)) - result)
                    assert (off <= np.maximum(0.5, 1e-15 * np.abs(floats))).all()
                elif expected.kind == "b":
                    np.testing.assert_array_equal(result, floats > 0.5)
                else:
                    assert np.isfinite(result).all()
                    np.testing.assert_allclose(result, floats, rtol=1e-3, atol=1)

    def test_values_beyond_the_input_dtype_are_clipped(self):
        X = AS_FITTED["uint8"]
        autoencoder = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=1, random_state=0).fit(X)
        far = autoencoder.inverse_transform(1e4 * autoencoder.transform(X), dtype="input")
        assert (far.min(), far.max(), far.dtype) == (0, 255, np.uint8)
        half = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=1, random_state=0).fit(
            AS_FITTED["float16"]
        )
        assert np.isfinite(half.inverse_transform(1e6 * half.transform(X), dtype="input")).all()

    @pytest.mark.parametrize("dtype", ["uint8", np.uint8, "imput", 1, True])
    def test_other_dtypes_raise(self, dtype):
        X = AS_FITTED["uint8"]
        autoencoder = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=1, random_state=0).fit(X)
        for call, given in ((autoencoder.reconstruct, X), (autoencoder.inverse_transform, autoencoder.transform(X))):
            with pytest.raises(
                ValueError, match="'dtype' parameter of AutoencoderTransformer must be one of 'input', None"
            ):
                call(given, dtype=dtype)
