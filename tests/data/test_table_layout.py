"""The layout of tables with categories: one-hot blocks, their scale, and back."""

import numpy as np
import torch

from skae.data import Moments, TableColumns, TableLayout

COLUMNS = TableColumns((0, 3, 0, 1), (False, False, True, False))
ROWS = np.array([[1.5, 0, 1, 0], [2.5, 2, 0, 0], [3.5, 1, 1, 0], [4.5, 1, 1, 0]])


def expand(rows):
    return COLUMNS.expand(torch.tensor(rows)).numpy()


def learn(rows=ROWS, kind="auto"):
    return TableLayout.of(Moments.of([COLUMNS.expand(torch.tensor(rows))]), kind, COLUMNS)


def test_columns_become_numbers_and_one_hot_blocks():
    np.testing.assert_array_equal(expand(ROWS[:2]), [[1.5, 1, 0, 0, 1, 1], [2.5, 0, 0, 1, 0, 1]])
    assert COLUMNS.starts.tolist() == [0, 1, 4, 5]
    assert COLUMNS.sources.tolist() == [0, 1, 1, 1, 2, 3]


def test_missing_categories_are_blocks_of_nan_and_unknown_ones_blocks_of_zero():
    np.testing.assert_array_equal(
        expand([[1.0, np.nan, 0, 0], [np.nan, -1, 0, 0]])[:, :4].tolist(),
        [
            [1.0, np.nan, np.nan, np.nan],
            [np.nan, 0, 0, 0],
        ],
    )


def test_unknown_categories_can_share_the_last_feature():
    rows = [[-1.0, -2, 0, 0], [1.0, -1, 0, -1]]
    np.testing.assert_array_equal(expand(rows)[:, 1:4], [[0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(
        COLUMNS.is_unknown(np.array(rows)), [[False, True, False, False], [False, True, False, True]]
    )


def test_unknown_categories_have_one_more_feature_in_norms():
    features = np.array([[2.0, 0.6, 0, 0.8, 3, 0], [2.0, 0, 0, 0, 3, 1]])
    further = np.array([[0.0, 0, 0, 0], [0, 1, 0, 1]])
    np.testing.assert_allclose(COLUMNS.column_norms(features), [[2, 1, 3, 0], [2, 0, 3, 1]])
    np.testing.assert_allclose(COLUMNS.column_norms(features, further), [[2, 1, 3, 0], [2, 1, 3, np.sqrt(2)]])


def test_rows_come_back():
    layout = learn()
    np.testing.assert_allclose(layout.to_caller(layout.to_network(torch.tensor(ROWS))), ROWS, atol=1e-6)
    np.testing.assert_array_equal(COLUMNS.collapse(expand(ROWS)), ROWS)


def test_the_total_variance_of_a_block_is_that_of_one_column():
    random = np.random.RandomState(0)
    rows = np.column_stack([random.randn(500) * 1e5, random.randint(0, 3, 500), random.rand(500) > 0.9, np.zeros(500)])
    x = learn(rows).to_network(torch.tensor(rows)).double()
    variances = x.var(0, correction=0)
    np.testing.assert_allclose(
        [variances[0], variances[1:4].sum(), variances[4], variances[5]], [1, 1, 1, 0], rtol=1e-5
    )
    np.testing.assert_allclose(float(learn(rows).scaling.total_variance), 3)


def test_small_numbers_next_to_large_ones_are_no_rounding_errors():
    rows = np.column_stack([np.arange(30) * 1e17, np.arange(30) % 3, np.arange(30) % 2, np.zeros(30)])
    assert (learn(rows).scaling.scale[:5] != 1).all()


def test_rows_have_the_most_likely_categories_and_numbers_in_the_fitted_range():
    rows = learn().to_rows(np.array([[9.0, 0.5, -0.2, 0.25, 0.75, 1.0], [2.0, -0.5, -0.1, -0.2, 0, 1]]))
    np.testing.assert_array_equal(rows[:, :3], [[4.5, 0, 0.75], [2, 1, 0]])
    assert set(rows[:, 3]) == {0}


def test_residual_deviations_have_the_unexplained_variance():
    random = np.random.RandomState(0)
    numbers = random.randn(500, 2) * [1.0, 100.0]
    rows = np.column_stack([numbers[:, 0], random.randint(0, 3, 500), numbers[:, 1] > 0, np.zeros(500)])
    layout = learn(rows)
    features, variances = COLUMNS.expand(torch.tensor(rows)).numpy(), layout.scaling.scale.numpy() ** 2
    assert (layout.residual_deviations(features[:400], 1.0) == 0).all()
    decoded = features.copy()
    decoded[:, 0] *= 0.6
    in_scaled = layout.residual_deviations(decoded, 1 - 0.64 / 3) ** 2 / variances
    np.testing.assert_allclose(in_scaled, [0.64, 0, 0, 0, 0, 0], atol=1e-5)
    nothing = layout.residual_deviations(np.zeros((5, 6)), 0.0)
    np.testing.assert_allclose(nothing, features.std(0), rtol=1e-5)


def test_new_moments_rescale_whole_blocks():
    layout = learn(np.array([[0.0, 0, 0, 0], [1.0, 0, 1, 0]] * 5))
    later = np.array([[0.0, 0, 0, 0], [1.0, 1, 1, 0]] * 5)
    extended, changed = layout.extend(Moments.of([COLUMNS.expand(torch.tensor(later))]))
    assert changed.tolist() == [False, True, True, True, False, False]
    assert len(set(extended.scaling.scale[1:4].tolist())) == 1
    np.testing.assert_array_equal(extended.scaling.scale[[0, 4]], layout.scaling.scale[[0, 4]])


def test_no_rows_become_no_samples():
    assert learn().to_network(torch.empty(0, 4)).shape == (0, 6)
