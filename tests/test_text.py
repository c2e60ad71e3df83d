"""Strings as tokens and back."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.utils.fixes import parse_version

from skae import AutoencoderTransformer
from skae.text import PADDING, CharacterEncoder

QUICK = {"max_epochs": 2, "random_state": 0}
NAMES = ["acetone", "benzene", "butane", "ethanol"]


def test_nul_is_encoded_and_decoded():
    encoder = CharacterEncoder().fit(["a\0b", "b\0"])
    assert encoder.inverse_transform(encoder.transform(["a\0b", "b\0"])) == ["a\0b", "b\0"]


class TestCharacterEncoder:
    @given(st.lists(st.text(alphabet="abcdé ß中", max_size=8), min_size=1, max_size=20).filter(any))
    @settings(max_examples=50, deadline=None)
    def test_fitted_strings_are_decoded_exactly(self, texts):
        encoder = CharacterEncoder().fit(texts)
        assert encoder.inverse_transform(encoder.transform(texts)) == texts

    def test_unknown_characters_and_long_strings_are_encoded(self):
        encoder = CharacterEncoder(max_length=3).fit(["abc"])
        assert encoder.inverse_transform(encoder.transform(["axcd", ""])) == ["a\ufffdc", ""]
        assert (encoder.transform([""]) == PADDING).all()

    @pytest.mark.parametrize(
        ("given_texts", "error", "match"),
        [
            ("one string", TypeError, r"one string: 'one string'\. Write"),
            ([], ValueError, "0 samples"),
            (["", ""], ValueError, "empty strings only"),
            (["a", 3], TypeError, "got 3 of type int at index 1"),
        ],
    )
    def test_invalid_strings_are_refused(self, given_texts, error, match):
        with pytest.raises(error, match=match):
            CharacterEncoder().fit(given_texts)

    @pytest.mark.parametrize("length", [0, 2.5, True])
    def test_invalid_max_length_is_refused(self, length):
        with pytest.raises(ValueError, match="max_length"):
            CharacterEncoder(max_length=length).fit(["a"])

    def test_invalid_ids_are_refused(self):
        encoder = CharacterEncoder().fit(["abc"])
        with pytest.raises(ValueError, match="from 0 to 4, got 0 to 5"):
            encoder.inverse_transform([[0, 5]])
        with pytest.raises(ValueError, match="integers"):
            encoder.inverse_transform([[0.5]])


class TestColumnsOfStrings:
    """A column of strings is read from every container."""

    @pytest.mark.parametrize(
        "column",
        [
            tuple(NAMES),
            [[name] for name in NAMES],
            np.array(NAMES),
            np.array(NAMES)[:, None],
            np.array(NAMES, dtype=object)[:, None],
            pd.Series(NAMES),
            pd.Series(NAMES, dtype="category"),
            pd.DataFrame(NAMES),
            pd.DataFrame({"name": NAMES}, index=[3, 1, 0, 2]),
            pl.Series("name", NAMES),
            pl.DataFrame({"name": NAMES}),
        ],
    )
    def test_columns_of_strings_of_every_container_are_equal(self, column):
        encoder = CharacterEncoder()
        expected = CharacterEncoder().fit_transform(NAMES)
        np.testing.assert_array_equal(encoder.fit_transform(column), expected)
        assert encoder.inverse_transform(encoder.transform(column)) == NAMES
        prefix = "name" if getattr(encoder, "feature_names_in_", None) is not None else "x0"
        assert list(encoder.get_feature_names_out()) == [f"{prefix}_{place}" for place in range(7)]

    def test_pyarrow_columns_of_strings_are_equal(self):
        pa = pytest.importorskip("pyarrow")
        for column in (pa.array(NAMES), pa.table({"name": NAMES}), pd.Series(NAMES, dtype="string[pyarrow]")):
            assert CharacterEncoder().fit(column).alphabet_ == CharacterEncoder().fit(NAMES).alphabet_

    @pytest.mark.parametrize(
        ("column", "error", "message"),
        [
            (pd.DataFrame({"a": NAMES, "b": NAMES}), ValueError, r"one column of strings, X has 2: \['a', 'b'\]"),
            (pd.DataFrame(index=range(3)), ValueError, "X has 0"),
            (np.array([NAMES, NAMES]), ValueError, r"Got X of shape \(2, 4\)"),
            (np.array("abc"), ValueError, r"Got X of shape \(\)"),
            (pd.Series([*NAMES, None]), TypeError, "at index 4. Write .* or '' for a missing one"),
            (pl.Series([*NAMES, None]), TypeError, "got None .* at index 4"),
            ({"a": "b"}, TypeError, "got dict"),
        ],
    )
    def test_other_than_one_column_of_strings_is_refused(self, column, error, message):
        with pytest.raises(error, match=message):
            CharacterEncoder().fit(column)

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    @pytest.mark.parametrize("column", ["name", ["name"]])
    def test_column_transformer_encodes_strings_beside_numbers(self, library, column):
        if (library, column) == ("pandas", "name") and parse_version(sklearn.__version__) < parse_version("1.8"):
            pytest.skip("scikit-learn before 1.8 drops the index of a Series")
        table = pd.DataFrame({"name": NAMES * 10, "mass": np.arange(40.0)}, index=np.arange(40) + 7)
        text = make_pipeline(CharacterEncoder(), AutoencoderTransformer(2, architecture="sequence", **QUICK))
        transformer = make_column_transformer((text, column), ("passthrough", ["mass"])).set_output(transform=library)
        out = transformer.fit_transform(table)
        assert list(out.columns) == list(transformer.get_feature_names_out())
        assert out.shape == (40, 3)
        if library == "pandas":
            assert out.index.equals(table.index)

    def test_data_frames_of_ids_have_the_name_of_the_column(self):
        table = pd.DataFrame({"name": NAMES}, index=list("abcd"))
        encoder = CharacterEncoder(max_length=3).set_output(transform="pandas")
        ids = encoder.fit_transform(table)
        assert list(ids.columns) == ["name_0", "name_1", "name_2"]
        assert list(ids.index) == list("abcd")
        assert encoder.inverse_transform(ids) == [name[:3] for name in NAMES]
        assert list(encoder.fit(NAMES).get_feature_names_out(["word"])) == ["word_0", "word_1", "word_2"]
        for names, fitted in ((["a", "b"], NAMES), (["other"], table)):
            with pytest.raises(ValueError, match="input_features must be"):
                encoder.fit(fitted).get_feature_names_out(names)
