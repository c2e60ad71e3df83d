"""The JSON of model files is checked before it is parsed."""

import json
import re

import pandas as pd
import pytest
from sklearn.datasets import load_iris

import skae
from skae import AutoencoderTransformer, Dense
from skae._serialization import container

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize(
    "text", [b"", b'"a\\\\"[1]', b'["\\"[", 2]', b'{"a": "\\\\\\"{", "b": []}', b'"unended [', b'\\\\"x']
)
def test_json_without_its_strings(text):
    plain = re.sub(rb'"[^"]*"?', b"", re.sub(rb"\\.", b"", text, flags=re.DOTALL))
    assert container.unquoted(text) == plain


def test_names_of_columns_may_be_many_and_hold_commas(tmp_path):
    text = json.dumps([",[{" * 100] * 2000).encode()
    assert container.values_in(container.unquoted(text)) == 2000
    frame = pd.DataFrame(X, columns=[f"a, [b], {i} " + "," * 200_000 for i in range(4)])
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(frame)
    skae.save(autoencoder, tmp_path / "model.skae")
    assert list(skae.load(tmp_path / "model.skae").feature_names_in_) == list(frame.columns)
