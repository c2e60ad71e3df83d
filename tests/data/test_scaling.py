"""Scaling: units of any size, and the exact inverse."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skae.data import Moments, Scaling, feature_channels


def learned(X, kind="auto", is_table=True, length=7):
    X = torch.from_numpy(X)
    return Scaling.of(Moments.of(X[i : i + length] for i in range(0, len(X), length)), kind, is_table)


def test_columns_are_standardized_as_scikit_learn_does(tables):
    for X in tables.values():
        scaled = learned(X, "columns").transform(torch.from_numpy(X))
        np.testing.assert_allclose(scaled.numpy(), StandardScaler().fit_transform(X), atol=1e-5)


def test_moments_of_missing_values_are_those_of_known_values_in_any_slices(tables):
    X = tables["wine"].copy()
    X[np.random.RandomState(0).random_sample(X.shape) < 0.4] = np.nan
    X[:30, 2] = np.nan
    for length in (1, 7, 178):
        scaling = learned(X, "columns", length=length)
        np.testing.assert_allclose(scaling.mean.numpy(), np.nanmean(X, 0))
        np.testing.assert_allclose(scaling.scale.numpy(), np.nanstd(X, 0))
        np.testing.assert_array_equal(scaling.moments.n_observed.numpy(), (~np.isnan(X)).sum(0))
        np.testing.assert_array_equal(scaling.low.numpy(), np.nanmin(X, 0))
        np.testing.assert_array_equal(scaling.moments.at_low.numpy(), (np.nanmin(X, 0) == X).sum(0))
        np.testing.assert_array_equal(torch.isnan(scaling.transform(torch.from_numpy(X))).numpy(), np.isnan(X))


def test_auto_standardizes_mixed_units_only(tables, digits):
    assert learned(tables["wine"]).scale.ndim == 1
    assert learned(tables["breast cancer"]).scale.ndim == 1
    assert learned(tables["diabetes"]).scale.ndim == 0
    assert learned(digits).scale.ndim == 0
    assert learned(tables["wine"], is_table=False).scale.ndim == 0


def test_global_scaling_leaves_mean_zero_and_variance_one_on_average(digits):
    scaled = learned(digits, "global").transform(torch.from_numpy(digits)).numpy()
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.var(0).mean(), 1, rtol=1e-5)


def test_scaling_none_subtracts_only_the_mean(digits):
    scaled = learned(digits, None).transform(torch.from_numpy(digits)).numpy()
    np.testing.assert_allclose(scaled, digits - digits.mean(0), atol=1e-5)


def test_timestamps_keep_their_spread():
    X = 1.23e6 + 1e-3 * np.random.RandomState(0).standard_normal((500, 3))
    scaling = learned(X)
    scaled = scaling.transform(torch.from_numpy(X))
    np.testing.assert_allclose(scaled.numpy().std(0), 1, rtol=0.1)
    np.testing.assert_allclose(scaling.inverse_transform(scaled, np.float64), X, rtol=0, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e9 / 3])
def test_constant_columns_are_restored_exactly(value):
    X = np.random.RandomState(0).standard_normal((100, 3))
    X[:, 1] = value
    for kind in ("columns", "global"):
        scaling = learned(X, kind)
        scaled = scaling.transform(torch.from_numpy(X))
        assert np.abs(scaled.numpy()[:, 1]).max() < 1e-6
        np.testing.assert_allclose(scaling.inverse_transform(scaled, np.float64)[:, 1], value, rtol=1e-12)


def test_scaling_does_not_depend_on_the_length_of_slices():
    X = np.random.RandomState(0).standard_normal((100, 4)) * [1, 10, 100, 1e6] + 1e5
    whole = learned(X, "columns", length=100)
    for length in (1, 7, 33):
        part = learned(X, "columns", length=length)
        torch.testing.assert_close(part.mean, whole.mean, rtol=1e-12, atol=0)
        torch.testing.assert_close(part.scale, whole.scale, rtol=1e-10, atol=0)


def test_uint8_is_scaled_as_float64_is():
    X = np.random.RandomState(0).randint(0, 256, (50, 6)).astype(np.uint8)
    for kind in ("columns", "global", None):
        scaling = learned(X, kind)
        torch.testing.assert_close(
            scaling.transform(torch.from_numpy(X)),
            scaling.transform(torch.from_numpy(X.astype(np.float64))),
            rtol=1e-5,
            atol=1e-5,
        )


def test_unit_interval_maps_minimum_to_zero_and_maximum_to_one():
    X = np.random.RandomState(0).uniform(-3, 8, (50, 4))
    for kind in ("columns", "global"):
        scaling = learned(X, kind)
        gain, offset = scaling.unit_interval()
        shares = scaling.transform(torch.from_numpy(X)) * gain + offset
        np.testing.assert_allclose([shares.min(), shares.max()], [0, 1], atol=1e-6)


def table(*columns, n=400):
    """Columns (n, len(columns)) of a mean and a standard deviation each, normally distributed."""
    random = np.random.RandomState(0)
    return np.column_stack([mean + deviation * random.standard_normal(n) for mean, deviation in columns])


class TestUnits:
    @pytest.mark.parametrize(
        "X",
        [
            table((4e4, 3e4), (4e4, 3e4), (4e4, 3e4), (0.05, 0.01)),
            table((25, 4), (70, 12), (1.7, 0.1)),
            table((1e-9, 1e-10), (1, 0.2), (2, 0.3)),
            table((0, 1), (0, 1e-6)),
            np.column_stack([table((4e4, 3e4)), np.eye(12)[np.arange(400) % 12]]),
            np.abs(table((0, 5e4), (0, 5e4), (0, 1), (0, 2))),
            table((4e4, 3e4), (0.05, 0.01)).astype(np.float32),
            table((4e4, 3e4), (5, 2)).astype(np.int64),
        ],
    )
    def test_columns_of_other_units_have_the_same_variance(self, X):
        scaled = learned(X).transform(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(scaled.var(0), 1, rtol=1e-3)

    @pytest.mark.parametrize(
        "X",
        [
            np.eye(16)[np.random.RandomState(0).zipf(1.5, 500) % 16],  # flags, some of them rare
            np.random.RandomState(0).poisson(2.0 ** -np.arange(10.0), (2000, 10)) * 1.0,  # counts of words
            table(*((0, 2.0**-i) for i in range(8))) - table(*((0, 2.0**-i) for i in range(8))).mean(0),  # components
            table((0, 1), (5, 3), (9, 9)),
        ],
    )
    def test_columns_of_one_unit_have_one_scale(self, X):
        assert learned(X).kind == "global"

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("n_features", [20, 300])
    def test_rounding_errors_are_not_scaled_up(self, dtype, n_features):
        random = np.random.RandomState(0)
        X = random.standard_normal((300, 3)) @ random.standard_normal((3, n_features)) + 5
        codes = PCA(6, svd_solver="full").fit_transform(X.astype(dtype))
        for kind in ("auto", "columns"):
            scaled = learned(codes, kind).transform(torch.from_numpy(codes))
            assert float(scaled[:, 3:].abs().max()) < 1e-3 < float(scaled[:, :3].abs().max())

    @pytest.mark.parametrize(
        ("dtype", "solver"), [(np.float64, "covariance_eigh"), (np.float64, "full"), (np.float32, "full")]
    )
    @pytest.mark.parametrize("rank", [1, 3])
    def test_rounding_errors_of_rows_far_from_zero_are_not_scaled_up(self, dtype, solver, rank):
        random = np.random.RandomState(0)
        X = random.standard_normal((300, rank)) @ random.standard_normal((rank, 20)) + 50 * random.standard_normal(20)
        codes = PCA(6, svd_solver=solver).fit_transform(X.astype(dtype))
        moments = Moments.of([torch.from_numpy(codes)])
        assert (moments.deviation > 0).tolist() == [True] * rank + [False] * (6 - rank)

    @pytest.mark.parametrize(
        "columns",
        [
            ((4e4, 3e4), (0, 0.005)),
            ((4e4, 3e4), (6e3, 5e3), (0, 0.005)),
            ((0, 0.005), (4e4, 3e4), (6e3, 5e3)),
            ((101e3, 400), (21, 2), (0, 1e-4), (0, 3e-4)),
        ],
    )
    def test_small_float32_columns_around_zero_are_scaled_up(self, columns):
        X = table(*columns).astype(np.float32)
        scaled = learned(X).transform(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(scaled.var(0), 1, rtol=1e-3)

    def test_sparse_rows_are_scaled_as_dense_ones(self):
        random = np.random.RandomState(0)
        flags = np.eye(12)[random.randint(12, size=500)]
        for X in (
            flags,
            np.column_stack([flags, table((4e4, 3e4), n=500)]),
            flags * random.poisson(3, (500, 12)),
            -flags,
        ):
            dense = Scaling.of(Moments.of([torch.from_numpy(X)]), "auto", is_table=True)
            sparse = Scaling.of(Moments.of_sparse(csr_array(X)), "auto", is_table=True)
            assert dense.kind == sparse.kind
            np.testing.assert_allclose(sparse.scale, dense.scale, rtol=1e-9)
            np.testing.assert_array_equal(
                Moments.of_sparse(csr_array(X)).at_low, Moments.of([torch.from_numpy(X)]).at_low
            )

    def test_channels_of_other_units_have_scales_of_their_own(self):
        random = np.random.RandomState(0)
        X = (random.standard_normal((200, 10, 3)) * [400, 2, 0.05] + [1e5, 20, 3]).reshape(200, 30)
        channels = feature_channels((10, 3), ("t", "c"))
        scaling = Scaling.of(Moments.of([torch.from_numpy(X)]), "auto", is_table=False, channels=channels)
        assert scaling.kind == "channels"
        scaled = scaling.transform(torch.from_numpy(X)).numpy().reshape(200, 10, 3)
        np.testing.assert_allclose(scaled.var((0, 1)), 1, rtol=0.02)
        np.testing.assert_allclose(
            scaling.inverse_transform(torch.from_numpy(scaled.reshape(200, 30)), np.float64), X, rtol=1e-6
        )

    def test_colors_share_one_scale(self):
        photograph = load_sample_image("china.jpg")[::8, ::8]
        X = torch.from_numpy(photograph.reshape(-1, 80 * 3)[:50].copy())
        channels = feature_channels((80, 3), ("w", "c"))
        assert Scaling.of(Moments.of([X]), "auto", is_table=False, channels=channels).kind == "global"

    @pytest.mark.parametrize("unit", [1e-170, 1e-300, 1e-320])
    def test_columns_whose_squares_underflow_are_not_constant(self, unit):
        X = np.random.RandomState(0).standard_normal((50, 4)) * unit
        for kind in ("columns", "global"):
            scaled = learned(X, kind).transform(torch.from_numpy(X))
            assert 0.1 < float(scaled.var()) < 1.1


def test_merged_moments_equal_the_moments_of_all_rows():
    X = torch.from_numpy(table((5, 2), (0, 1e-3)).round(1))
    whole, parts = Moments.of([X]), Moments.of([X[:50], X[50:51], X[51:]])
    for name in ("mean", "squares", "low", "high", "at_low"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))
