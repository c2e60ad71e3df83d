"""AutoencoderImputer fills categories, booleans and dates; known values and types stay."""

import io

import numpy as np
import pandas as pd
import polars as pl
import pytest

import skae
from skae import AutoencoderImputer, AutoencoderTransformer

RANDOM = np.random.RandomState(0)
HIDDEN = RANDOM.randn(150)
COMPLETE = pd.DataFrame(
    {
        "income": 3e4 + 1e4 * HIDDEN + 1e3 * RANDOM.randn(150),
        "children": pd.array(np.clip(np.round(2 + HIDDEN), 0, 5), dtype="Int64"),
        "owner": pd.array(HIDDEN > 0, dtype="boolean"),
        "city": np.where(HIDDEN > 0.5, "Paris", np.where(HIDDEN > -0.5, "Oslo", "")),
        "size": pd.Categorical(np.where(HIDDEN > 0, "L", "S"), ["S", "M", "L"], ordered=True),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(100 * HIDDEN), unit="D"),
    },
    index=np.arange(150) + 7,
)
GAPS = COMPLETE.copy()
for number, column in enumerate(GAPS.columns):
    GAPS.loc[GAPS.index[number::12], column] = None
IMPUTER = AutoencoderImputer(AutoencoderTransformer(2, max_epochs=3, early_stopping=False), random_state=0)
LIBRARIES = {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": lambda f: pl.from_pandas(f).to_arrow()}


@pytest.mark.parametrize("library", LIBRARIES)
def test_gaps_are_filled_and_known_values_and_types_stay(library):
    gaps = LIBRARIES[library](GAPS)
    filled = IMPUTER.fit_transform(gaps)
    assert type(filled) is type(gaps)
    found = filled
    if library == "pandas":
        pd.testing.assert_series_equal(filled.dtypes, gaps.dtypes)
        pd.testing.assert_index_equal(filled.index, gaps.index)
    else:
        assert filled.schema == gaps.schema
        found = filled.to_pandas()
    for name in GAPS.columns:
        missing = GAPS[name].isna().to_numpy()
        assert found[name].notna().all()
        assert found[name].to_numpy()[~missing].tolist() == COMPLETE[name].to_numpy()[~missing].tolist()
        if name in ("owner", "city", "size"):
            assert (found[name].to_numpy() == COMPLETE[name].to_numpy())[missing].mean() > 0.7


def test_draws_are_categories_and_files_hold_mixed_tables():
    fitted = IMPUTER.set_params(sample_posterior=True).fit(GAPS)
    filled = fitted.transform(GAPS)
    assert set(filled["city"]) <= {"Paris", "Oslo", ""}
    file = io.BytesIO()
    skae.save(fitted, file)
    file.seek(0)
    loaded = skae.load(file)
    pd.testing.assert_frame_equal(loaded.transform(GAPS), filled)
    assert fitted.autoencoder_.reconstruct(GAPS).dtypes.equals(GAPS.dtypes)
    IMPUTER.set_params(sample_posterior=False)


def test_chosen_categories_of_arrays_are_filled():
    X = np.column_stack([HIDDEN, np.digitize(HIDDEN, [-0.5, 0.5]).astype(float)])
    gaps = X.copy()
    gaps[::9, 1] = np.nan
    imputer = AutoencoderImputer(AutoencoderTransformer(1, categorical_features=[1], max_epochs=2), random_state=0)
    filled = imputer.fit_transform(gaps)
    assert set(filled[:, 1]) <= {0, 1, 2}
    np.testing.assert_array_equal(filled[~np.isnan(gaps)], X[~np.isnan(gaps)])


@pytest.mark.parametrize("params", [{"missing_values": -1}, {"add_indicator": True}])
def test_settings_for_numbers_are_refused(params):
    with pytest.raises(ValueError, match="for tables of numbers, but X has categories"):
        AutoencoderImputer(**params).fit(GAPS)
