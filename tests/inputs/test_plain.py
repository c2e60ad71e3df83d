"""The fast check of plain numbers accepts only what ``check_samples`` returns without a change."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from skae import AutoencoderNovelty, AutoencoderTransformer
from skae._inputs import schema as schema_module
from skae._inputs.schema import read_samples

X = np.random.RandomState(0).randint(0, 9, (30, 4)).astype(np.float64)
NAMES = list("abcd")
OF_ARRAY, OF_FRAME, OF_PICTURES = (
    read_samples("Owner", given)[1] for given in (X, pd.DataFrame(X, columns=NAMES), X.reshape(30, 1, 2, 2))
)
PLAIN = {
    "float64": X[:1],
    "float32": X[:1].astype(np.float32),
    "uint8": X[:1].astype(np.uint8),
    "uint64": X[:1].astype(np.uint64),
    "bool": X[:1] > 4,
    "list": X[:1].tolist(),
    "tuple of arrays": (X[0], X[1]),
    "tensor": torch.from_numpy(X[:1]),
    "tensor of a training step": torch.from_numpy(X[:1]).requires_grad_(),
    "Fortran order": np.asfortranarray(X),
    "read-only": np.frombuffer(X[:1].tobytes()).reshape(1, 4),
    "large": X[:1] * 1e20,
}
PLAIN_FRAMES = {
    "pandas": pd.DataFrame(X[:1], columns=NAMES),
    "two types": pd.DataFrame(X[:1], columns=NAMES).astype({"a": "int8"}),
    "polars": pl.DataFrame(X[:1], schema=NAMES),
}
DOUBTFUL = {
    "NaN": np.where(X[0, 0] == X, np.nan, X),
    "infinity": np.where(X[0, 0] == X, np.inf, X),
    "infinities of both signs": np.array([[np.inf, -np.inf, 0, 0]]),
    "NaN, float32": np.full((1, 4), np.nan, np.float32),
    "beyond float32": X * 1e38,
    "squares beyond float32": X.astype(np.float32) * 1e30,
    "one column more": np.c_[X, X[:, 0]],
    "one sample": X[0],
    "no samples": X[:0],
    "strides": X[::2],
    "objects": X.astype(object),
    "complex": X.astype(complex),
    "float16": X.astype(np.float16),
    "other byte order": X.astype(">f8"),
    "strings": X.astype(str),
    "dates": X.astype("M8[s]"),
    "mask": np.ma.masked_equal(X, 3),
    "subclass": X.view(type("Subclass", (np.ndarray,), {})),
    "frame": pd.DataFrame(X, columns=NAMES),
    "sparse tensor": torch.from_numpy(X).to_sparse(),
    "bfloat16": torch.from_numpy(X).bfloat16(),
    "tensor on a device without data": torch.from_numpy(X).to("meta"),
}
DOUBTFUL_FRAMES = {
    "array": X,
    "other order": pd.DataFrame(X[:, ::-1], columns=NAMES[::-1]),
    "other names": pd.DataFrame(X, columns=list("abce")),
    "missing value": PLAIN_FRAMES["pandas"].replace(X[0, 0], np.nan),
    "null": pl.DataFrame({name: [None, 1.0] for name in NAMES}),
    "nullable": pd.DataFrame({name: pd.array([1, None], dtype="Int64") for name in NAMES}),
    "text of numbers": pd.DataFrame({name: ["1"] for name in NAMES}),
}


@pytest.fixture
def checked(monkeypatch):
    """The arguments of the complete checks."""
    given = []
    monkeypatch.setattr(schema_module, "check_samples", lambda _, X, **options: given.append(X))
    return given


class TestPlainInput:
    @pytest.mark.parametrize("name", PLAIN)
    def test_plain_numbers_pass_without_the_complete_checks(self, name, checked):
        result = OF_ARRAY.check("Owner", PLAIN[name], (4,))
        assert checked == []
        given = PLAIN[name]
        np.testing.assert_array_equal(result, np.asarray(given.detach() if isinstance(given, torch.Tensor) else given))
        assert isinstance(result, torch.Tensor if isinstance(given, torch.Tensor) else np.ndarray)
        assert not getattr(result, "requires_grad", False)

    @pytest.mark.parametrize("name", PLAIN_FRAMES)
    def test_frames_of_plain_numbers_pass_without_the_complete_checks(self, name, checked):
        np.testing.assert_array_equal(OF_FRAME.check("Owner", PLAIN_FRAMES[name], (4,)), X[:1])
        assert checked == []

    @pytest.mark.parametrize("name", DOUBTFUL)
    def test_other_input_gets_the_complete_checks(self, name, checked):
        OF_ARRAY.check("Owner", DOUBTFUL[name], (4,))
        assert len(checked) == 1

    @pytest.mark.parametrize("name", DOUBTFUL_FRAMES)
    def test_other_frames_get_the_complete_checks(self, name, checked):
        OF_FRAME.check("Owner", DOUBTFUL_FRAMES[name], (4,))
        assert len(checked) == 1

    def test_pictures_of_the_fitted_shape_and_flattened_pictures_pass(self, checked):
        for given in (X[:1].reshape(1, 1, 2, 2), X[:1]):
            assert OF_PICTURES.check("Owner", given, (1, 2, 2)) is given
        assert checked == []
        OF_PICTURES.check("Owner", X[:1].reshape(1, 2, 2, 1), (1, 2, 2))
        assert len(checked) == 1


@pytest.mark.parametrize("kind", [AutoencoderTransformer, AutoencoderNovelty])
def test_results_are_those_of_the_complete_checks(kind, monkeypatch):
    estimator = AutoencoderTransformer(2, max_epochs=1, early_stopping=False, random_state=0)
    estimator = (estimator if kind is AutoencoderTransformer else kind(estimator, n_members=2, random_state=0)).fit(X)
    methods = [getattr(estimator, name) for name in ("transform", "reconstruct", "score_samples", "predict")
               if hasattr(estimator, name)]  # fmt: skip
    inputs = [given for name, given in PLAIN.items() if name != "large"]
    fast = [method(given) for method in methods for given in inputs]
    monkeypatch.setattr(schema_module, "is_plain", lambda *_: False)
    for result, expected in zip(fast, (m(given) for m in methods for given in inputs), strict=True):
        np.testing.assert_array_equal(result, expected)
