"""Detection of dependent rows; independent rows are not grouped."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn import datasets
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold, train_test_split

from skae import AutoencoderTransformer
from skae._inputs.layout_inference import infer_layout
from skae.data import Rows, SparseRows
from skae.training import Part, joined_groups, row_groups, split_rows


def groups_of(X):
    X = SparseRows(X) if hasattr(X, "toarray") else X
    rows = Rows(X, infer_layout(AutoencoderTransformer(), X), torch.device("cpu"), keep=True)
    return row_groups(rows)


def same_partition(a, b):
    return len(set(zip(a.tolist(), b.tolist(), strict=True))) == len(set(a.tolist())) == len(set(b.tolist()))


def windows(n=500, length=48, seed=0):
    random = np.random.RandomState(seed)
    series = np.convolve(random.standard_normal(n + 200), np.exp(-np.arange(60) / 12), "valid")
    series = series / series.std() + 0.3 * random.standard_normal(len(series))
    return np.lib.stride_tricks.sliding_window_view(series, length)[:n]


def repeated_measurements(n_subjects=8, n_rows=25, noise=0.1, seed=0):
    random = np.random.RandomState(seed)
    means = random.standard_normal((n_subjects, 6)) @ random.standard_normal((6, 20)) / 6**0.5
    return np.repeat(means, n_rows, axis=0) + noise * random.standard_normal((n_subjects * n_rows, 20))


def moving_spot(n=200):
    step, at = np.arange(n)[:, None, None], np.arange(12)
    x, y = 6 + 4 * np.sin(step / 17), 6 + 4 * np.cos(step / 23)
    noise = np.random.RandomState(0).standard_normal((n, 12, 12))
    return np.exp(-((at[:, None] - x) ** 2 + (at - y) ** 2) / 4) + 0.05 * noise


def random_walk():
    return np.cumsum(np.random.RandomState(0).standard_normal((400, 5)), axis=0)


@pytest.mark.parametrize("X", [windows(), windows(3000), moving_spot(), random_walk()])
def test_rows_in_order_are_validated_in_blocks(X):
    with pytest.warns(UserWarning, match=r"near duplicates of those next to them.*groups=\.\.\."):
        groups = groups_of(X)
    assert (np.diff(groups) >= 0).all()
    lengths = np.bincount(groups)
    assert 8 <= len(lengths) <= 100
    assert lengths.min() >= 10


def test_rows_in_a_file_are_validated_in_blocks(tmp_path):
    given = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", shape=(6000, 48), dtype=np.float32)
    given[:] = windows(6000)
    rows = Rows(given, infer_layout(AutoencoderTransformer(), given), torch.device("cpu"))
    assert not rows.in_memory
    with pytest.warns(UserWarning, match="next to them"):
        groups = row_groups(rows)
    assert len(groups) == 6000
    assert (np.diff(groups) >= 0).all()
    assert 10 <= groups[-1] < 100


def test_dependent_sparse_rows_are_detected():
    groups = groups_of(csr_array(np.maximum(np.random.RandomState(0).standard_normal((300, 20)), 0)))
    assert groups is None
    with pytest.warns(UserWarning, match="8 groups"):
        groups_of(csr_array(repeated_measurements()))


@pytest.mark.parametrize("shuffled", [False, True])
def test_repeated_measurements_are_validated_by_subject(shuffled):
    order = np.random.RandomState(1).permutation(200) if shuffled else np.arange(200)
    with pytest.warns(UserWarning, match="many are near duplicates of others.* 8 groups"):
        groups = groups_of(repeated_measurements()[order])
    assert same_partition(groups, np.repeat(np.arange(8), 25)[order])


def test_subjects_in_order_are_detected_with_noise_of_a_third_of_their_differences():
    with pytest.warns(UserWarning, match="those next to them"):
        groups = groups_of(repeated_measurements(noise=0.3))
    assert same_partition(groups, np.repeat(np.arange(8), 25))


@pytest.mark.parametrize("tiled", [False, True])
def test_augmented_copies_stay_with_their_originals(tiled, digits):
    random = np.random.RandomState(0)
    number = np.tile(np.arange(100), 4) if tiled else np.repeat(np.arange(100), 4)
    X = digits[random.permutation(len(digits))[:100]][number] * random.uniform(0.96, 1.04, (400, 64))
    with pytest.warns(UserWarning, match="100 groups"):
        groups = groups_of(X)
    assert same_partition(groups, number)


def test_copies_of_some_rows_do_not_group_other_rows(digits):
    X = np.concatenate([digits[:200], digits[:100] * np.random.RandomState(0).uniform(0.9, 1.1, (100, 64))])
    with pytest.warns(UserWarning, match="200 groups"):
        groups = groups_of(X)
    assert same_partition(groups, np.concatenate([np.arange(200), np.arange(100)]))


def test_rows_beyond_the_sample_belong_to_the_cluster_of_the_nearest(monkeypatch):
    monkeypatch.setattr("skae.training.dependent_rows.REFERENCES", 400)
    monkeypatch.setattr("skae.training.dependent_rows.RUN", 20)
    with pytest.warns(UserWarning, match="8 groups"):
        groups = groups_of(repeated_measurements(n_rows=100))
    assert same_partition(groups, np.repeat(np.arange(8), 100))


def test_equal_rows_share_a_group_without_a_warning():
    X = np.random.RandomState(0).standard_normal((100, 4))
    order = np.random.RandomState(1).permutation(300)
    groups = groups_of(np.repeat(X, 3, axis=0)[order])
    assert same_partition(groups, np.repeat(np.arange(100), 3)[order])
    assert groups_of(X) is None


def test_equal_windows_are_in_one_block():
    X = windows(200)
    with pytest.warns(UserWarning, match="next to them"):
        groups = groups_of(np.concatenate([X, X[::-1]]))
    np.testing.assert_array_equal(groups[:200], groups[200:][::-1])


def test_given_groups_replace_detected_ones():
    given = np.arange(200) % 7
    X = repeated_measurements()
    rows = Rows(X, infer_layout(AutoencoderTransformer(), X), torch.device("cpu"), keep=True)
    assert row_groups(rows, given) is given


def one_hot_table(random):
    return np.concatenate(
        [np.eye(k)[random.randint(k, size=400)] for k in (3, 5)] + [random.randn(400, 2) / 20], axis=1
    )


def skewed_table(random):
    return np.c_[random.randint(1, 52, 400), random.lognormal(0, 2, (400, 4)), random.exponential(1, 400)]


def curve(random):
    angle = random.uniform(0, 5, 300)
    return np.stack([np.cos(angle), np.sin(angle), angle / 3], axis=1)


INDEPENDENT = {
    **{f"plane of {d}": lambda r, d=d: r.standard_normal((300, d)) @ r.standard_normal((d, 10)) for d in (1, 2, 3, 5)},
    "few rows on a line": lambda r: r.standard_normal((60, 1)) @ r.standard_normal((1, 10)),
    "one-hot": one_hot_table,
    "skewed": skewed_table,
    "curve": curve,
    "counts": lambda r: r.poisson(2, (300, 6)),
    "heavy tails": lambda r: r.standard_cauchy((300, 3)),
    "many scales": lambda r: 10 ** r.uniform(-4, 4, (300, 2)),
    "blobs": lambda r: datasets.make_blobs(300, 10, random_state=r)[0],
    "pictures of noise": lambda r: r.randint(0, 256, (300, 12, 12)).astype(np.uint8),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", INDEPENDENT)
def test_independent_rows_are_not_grouped(name, seed):
    X = INDEPENDENT[name](np.random.RandomState(seed))
    groups = groups_of(X)
    # Rows of counts are sometimes equal.
    assert groups is None or len(np.unique(groups)) > 0.99 * len(np.unique(X.reshape(len(X), -1), axis=0))


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer", "diabetes", "iris", "linnerud"])
@pytest.mark.parametrize("by_target", [False, True])
def test_bundled_data_sets_sorted_by_class_are_not_grouped(name, by_target):
    bunch = getattr(datasets, f"load_{name}")()
    target = bunch.target if bunch.target.ndim == 1 else bunch.target[:, 0]
    X = bunch.data[np.argsort(target, kind="stable")] if by_target else bunch.data
    groups = groups_of(X)
    assert groups is None or len(np.unique(groups)) == len(np.unique(X, axis=0))


def test_joined_groups_merge_groups_that_share_rows():
    assert same_partition(
        joined_groups(np.array([0, 0, 1, 2, 3, 4, 4]), np.array([5, 2, 2, 0, 1, 1, 3])), np.array([0, 0, 0, 1, 2, 2, 2])
    )


@pytest.mark.parametrize("name", ["wine", "iris"])
@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_folds_of_rows_sorted_by_class_are_not_grouped(name, n_folds):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    for train, _ in StratifiedKFold(n_folds).split(X, y):
        groups = groups_of(X[train])
        assert groups is None or len(np.unique(groups)) == len(np.unique(X[train], axis=0))


def test_few_numbered_rows_are_not_grouped():
    assert groups_of(np.arange(240.0).reshape(60, 4)) is None


def test_sorted_categories_are_not_grouped():
    categories = np.random.RandomState(0).randint(4, size=(600, 8))
    categories = categories[np.lexsort(categories.T[::-1])]
    groups = groups_of(np.eye(4)[categories].reshape(600, -1))
    assert len(np.unique(groups)) == len(np.unique(categories, axis=0))


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("sign", [1, -1])
def test_rows_sorted_by_a_column_are_not_grouped(column, sign):
    iris = datasets.load_iris().data
    for X in (iris, np.random.RandomState(column).standard_normal((150, 4))[:, [column, (column + 1) % 4]]):
        X = X[np.argsort(sign * X[:, min(column, X.shape[1] - 1)], kind="stable")]
        groups = groups_of(X)
        assert groups is None or len(np.unique(groups)) == len(np.unique(X, axis=0))


def test_windows_with_their_time_are_validated_in_blocks():
    X = np.column_stack([np.arange(500.0), windows()])
    with pytest.warns(UserWarning, match="near duplicates of those next to them"):
        assert 5 < len(np.unique(groups_of(X))) <= 100


@pytest.mark.parametrize(("load", "max_epochs"), [(load_wine, "auto"), (load_diabetes, 10)])
def test_repeated_rows_are_not_split_between_training_and_validation(load, max_epochs):
    train, test = train_test_split(load(return_X_y=True)[0], random_state=0)
    repeated = AutoencoderTransformer(2, max_epochs=max_epochs, random_state=0).fit(np.repeat(train, 4, axis=0))
    scaling = repeated._result.layout.scaling
    train, test = (scaling.transform(torch.from_numpy(part)).numpy() for part in (train, test))
    pca = PCA(2, random_state=0).fit(train)
    lost = np.square(test - pca.inverse_transform(pca.transform(test))).sum() / np.square(test).sum()
    assert repeated.score(scaling.inverse_transform(torch.from_numpy(test), np.float64)) >= 1 - lost - 0.002


def test_equal_rows_share_a_fold():
    rows = np.repeat(np.random.RandomState(0).permutation(40)[:, None] * [1, -1], 3, axis=0)
    layout = AutoencoderTransformer(1, max_epochs=1).fit(rows)._result.layout
    part = Part.whole(Rows(rows, layout, torch.device("cpu")))
    part = Part.whole(part.rows, row_groups(part.rows))
    train, validation = split_rows(part, 12, torch.Generator().manual_seed(0))
    assert len(train) == 108
    assert not set(rows[train.indices, 0]) & set(rows[validation.indices, 0])
