"""Batches: each row once per epoch, even lengths, shuffled by a private generator."""

import threading

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from skae._processes import Processes
from skae.data import ChunkedRows, Rows, SampleLayout, Scaling, SparseRows
from skae.data.sources import SelectedRows
from skae.training.batches import Batches, Part, equal_rows, prefetch, split_rows

IDENTITY = Scaling(*(torch.tensor([v], dtype=torch.float64) for v in (0.0, 1.0, 0.0, 1.0, 1.0)))


def numbered(n, in_memory=True):
    X = np.arange(n, dtype=np.float32)[:, None]
    rows = Rows(X, SampleLayout((1,), (), True, IDENTITY, np.dtype(np.float32)), torch.device("cpu"))
    if not in_memory:
        rows.X = type("Slices", (), {"__len__": lambda _: n, "__getitem__": lambda _, key: X[key], "shape": (n, 1)})()
    return Part.whole(rows)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(("n", "batch_size"), [(101, 50), (33, 16), (7, 100), (1, 1), (1000, 64), (5000, 256)])
def test_every_row_comes_once_in_batches_of_even_length(n, batch_size, in_memory):
    batches = Batches(numbered(n, in_memory), batch_size, torch.Generator().manual_seed(0))
    drawn = [batch[:, 0].numpy() for batch in batches]
    assert sorted(np.concatenate(drawn)) == list(range(n))
    lengths = [len(batch) for batch in drawn]
    assert len(lengths) == len(batches)
    assert max(lengths) <= batch_size
    assert max(lengths) - min(lengths) <= 1


SQUARES = np.arange(12.0).reshape(3, 2, 2)
FORMS = {
    "array": lambda: SQUARES,
    "integers": lambda: SQUARES.astype(np.uint16),
    "tensor": lambda: torch.from_numpy(SQUARES),
    "chunks": lambda: ChunkedRows(lambda start, stop: SQUARES[start:stop], SQUARES.shape, float, np.array([0, 1, 3])),
    "slices": lambda: ChunkedRows(lambda start, stop: SQUARES[start:stop], SQUARES.shape, float),
    "selected": lambda: SelectedRows(SQUARES, np.array([2, 0])),
    "selected chunks": lambda: SelectedRows(FORMS["chunks"](), np.array([2, 0])),
    "sparse": lambda: SparseRows(csr_array(SQUARES.reshape(3, 4))),
}


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_a_process_without_rows_in_a_batch_gets_an_empty_batch(form, keep):
    axes = () if form == "sparse" else ("h", "w")
    layout = SampleLayout((4,) if form == "sparse" else (2, 2), axes, True, IDENTITY, np.dtype(np.float64))
    part = Part(Rows(FORMS[form](), layout, torch.device("cpu"), keep=keep), np.arange(1))
    for generator in (None, torch.Generator().manual_seed(0)):
        shares = [next(iter(Batches(part, 4, generator, processes=Processes(rank, 2)))) for rank in (0, 1)]
        assert [share.shape for share in shares] == [(0, *layout.network_shape), (1, *layout.network_shape)]
        assert {share.dtype for share in shares} == {torch.float32}


def test_batches_for_compiled_networks_have_one_shape():
    for n, smallest, lengths in ((101, 2, [50, 51]), (101, 1, [50, 50, 1]), (100, 2, [50, 50]), (7, 2, [7])):
        batches = Batches(numbered(n), 50, torch.Generator().manual_seed(0), smallest, even=False)
        drawn = list(batches)
        assert [len(batch) for batch in drawn] == lengths
        assert len(batches) == len(lengths)
        assert sorted(torch.cat(drawn)[:, 0].tolist()) == list(range(n))


def test_no_batch_is_shorter_than_batch_normalization_needs():
    for n in range(2, 40):
        lengths = [len(b) for b in Batches(numbered(n), 1, torch.Generator().manual_seed(0), smallest=2)]
        assert min(lengths) >= 2


@pytest.mark.parametrize("in_memory", [True, False])
def test_passes_differ_and_seeds_repeat(in_memory):
    def passes(seed):
        generator = torch.Generator().manual_seed(seed)
        batches = Batches(numbered(500, in_memory), 50, generator)
        return [torch.cat(list(batches))[:, 0].tolist() for _ in range(2)]

    first, second = passes(0)
    assert first != second
    assert passes(0) == [first, second]
    assert passes(1) != [first, second]


def test_rows_not_in_memory_are_mixed_across_blocks():
    drawn = torch.cat(list(Batches(numbered(5000, False), 100, torch.Generator().manual_seed(0))))[:, 0].numpy()
    assert np.abs(np.diff(drawn)).mean() > 1000


@pytest.mark.parametrize("in_memory", [True, False])
def test_labeled_batches_hold_the_y_of_their_rows(in_memory):
    part = numbered(5000, in_memory)
    part.rows.y = torch.arange(5000)
    batches = list(Batches(part, 100, torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [100] * 50
    assert all(torch.equal(batch.x[:, 0].long(), batch.y) for batch in batches)


def test_without_a_generator_rows_keep_their_order():
    drawn = torch.cat(list(Batches(numbered(50), 8)))[:, 0]
    assert drawn.tolist() == list(range(50))


def test_split_parts_are_disjoint_and_ascending():
    train, validation = split_rows(numbered(100), 13, torch.Generator().manual_seed(0))
    assert len(validation) == 13
    assert sorted([*train.indices, *validation.indices]) == list(range(100))
    for part in (train, validation):
        assert (np.diff(part.indices) > 0).all()


def grouped(*sizes):
    return Part.whole(numbered(sum(sizes)).rows, np.repeat(np.arange(len(sizes)), sizes))


def folds_of(part, n_validation, n_folds, seed=0):
    return [split_rows(part, n_validation, torch.Generator().manual_seed(seed), fold) for fold in range(n_folds)]


@pytest.mark.parametrize(("sizes", "n_validation"), [((25,) * 8, 20), ((3,) * 40, 12), ((1, 5, 30, 2, 9, 1, 4, 8), 6)])
@pytest.mark.parametrize("seed", range(5))
def test_folds_hold_whole_groups_once(sizes, n_validation, seed):
    part = grouped(*sizes)
    seen = []
    for train, validation in folds_of(part, n_validation, 5, seed):
        assert sorted([*train.indices, *validation.indices]) == list(range(len(part)))
        assert not set(part.groups[train.indices]) & set(part.groups[validation.indices])
        assert len(train) > 0
        assert len(validation) > 0
        seen.extend(validation.indices)
    assert len(seen) == len(set(seen))


def test_eight_equal_groups_give_one_group_per_fold():
    assert [len(validation) for _, validation in folds_of(grouped(*[25] * 8), 20, 5)] == [25] * 5


@pytest.mark.parametrize("seed", range(5))
def test_group_much_larger_than_the_validation_set_is_in_the_training_set(seed):
    part = grouped(90, *[2] * 20)
    assert all(0 not in part.groups[validation.indices] for _, validation in folds_of(part, 8, 5, seed))
    # Of two groups one has to be validated, the smaller one.
    assert len(folds_of(grouped(90, 10), 10, 1, seed)[0][1]) == 10


def test_validation_set_is_empty_if_no_group_fits():
    lengths = [len(validation) for _, validation in folds_of(grouped(50, 50, 50), 15, 5)]
    assert lengths == [50, 50, 50, 0, 0]


def test_groups_of_one_row_are_split_like_rows_without_groups():
    for (a, b), (c, d) in zip(folds_of(grouped(*[1] * 57), 6, 5), folds_of(numbered(57), 6, 5), strict=True):
        np.testing.assert_array_equal(a.indices, c.indices)
        np.testing.assert_array_equal(b.indices, d.indices)


def test_losses_are_averaged_per_group():
    part = Part(numbered(6).rows, np.array([0, 2, 3, 5]), np.array([1, 0, 7, 7, 0, 1]))
    np.testing.assert_allclose(part.group_means(np.array([1.0, 2.0, 4.0, 3.0])), [2.0, 3.0])
    np.testing.assert_allclose(part.group_means(np.array([[1.0, 2.0, 4.0, 3.0]] * 2)), [[2.0, 3.0]] * 2)
    np.testing.assert_array_equal(part.extract().groups, [1, 7, 7, 1])


def test_prefetched_batches_are_the_same_in_the_same_order():
    given = [torch.full((2,), float(i)) for i in range(50)]
    torch.testing.assert_close(list(prefetch(iter(given))), given, rtol=0, atol=0)


def test_prefetching_reraises_errors_and_leaves_no_thread():
    def failing():
        yield torch.zeros(1)
        raise KeyError("in the source")

    before = threading.active_count()
    batches = prefetch(failing())
    next(batches)
    with pytest.raises(KeyError, match="in the source"):
        next(batches)
    early = prefetch(iter(torch.zeros(100, 1)))
    next(early)
    early.close()
    assert threading.active_count() == before


def sparse_part(X):
    layout = SampleLayout((X.shape[1],), (), True, IDENTITY, np.dtype(np.float32))
    return Part.whole(Rows(SparseRows(csr_array(X)), layout, torch.device("cpu")))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8])
def test_equal_sparse_rows_are_found_without_making_them_dense(dtype, monkeypatch):
    monkeypatch.setattr("skae.data.sources.STORED_VALUES", 7)
    monkeypatch.setattr(SparseRows, "__getitem__", None)
    X = np.random.RandomState(0).randint(0, 3, (50, 4)).astype(dtype)
    X[[0, 1, 30, 49]] = 0
    groups = equal_rows(sparse_part(X))
    np.testing.assert_array_equal(groups[:, None] == groups, (X[:, None] == X).all(2))
    distinct = np.unique(X, axis=0)
    assert len(np.unique(equal_rows(sparse_part(distinct)))) == len(distinct)


def test_stored_zeros_and_the_places_of_values_count_in_sparse_rows():
    stored = csr_array(
        (np.array([1.0, 0.0, 1.0, 1.0, -0.0]), np.array([0, 2, 0, 1, 2]), np.array([0, 2, 3, 4, 5, 5])), (5, 3)
    )
    groups = equal_rows(sparse_part(stored))
    assert groups[0] == groups[1] != groups[2]
    assert groups[3] == groups[4]


def test_large_columns_do_not_hide_small_ones_in_sparse_rows():
    X = np.column_stack([np.full(100, 1e30), np.arange(100) * 1e-30])
    assert len(np.unique(equal_rows(sparse_part(X)))) == 100
