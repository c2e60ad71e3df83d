"""The dtype of X."""

import numpy as np

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_pictures_of_dtype_object_fit():
    pictures = X[:, :4].reshape(-1, 2, 2).astype(object)
    assert AutoencoderTransformer(2, axes="h w", **QUICK).fit_transform(pictures).shape == (80, 2)


def test_codes_are_equal_for_every_integer_dtype():
    rows = np.random.RandomState(0).randint(0, 100, (60, 5))
    codes = [
        AutoencoderTransformer(2, max_epochs=3, random_state=0).fit_transform(rows.astype(dtype))
        for dtype in ("uint8", "int16", "uint16", "float32")
    ]
    for other in codes[1:]:
        np.testing.assert_array_equal(other, codes[0])
