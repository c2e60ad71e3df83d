"""Rows that are read in parts: slices, groups of chunks, random samples and hashes."""

import numpy as np
import pytest

from skae.data.parts import ChunkedRows, Sample, Stream, hash_rows, rebatch

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((1200, 3)).astype(np.float32)


def chunked(*lengths):
    bounds = np.cumsum([0, *lengths])
    return ChunkedRows(lambda start, stop: X[start:stop], (bounds[-1], 3), X.dtype, bounds)


@pytest.mark.parametrize("length", [1, 7, 100, 5000])
def test_parts_are_cut_into_slices_of_one_length(length):
    slices = list(rebatch([X[:3], X[3:500], X[500:501], X[501:]], length))
    np.testing.assert_array_equal(np.concatenate(slices), X)
    assert all(len(part) == length for part in slices[:-1])
    assert len(slices) == -(-len(X) // length)


def test_small_chunks_are_read_together_and_large_ones_alone():
    assert chunked(10, 10, 10, 10, 10).merged_bounds(20).tolist() == [0, 20, 40, 50]
    assert chunked(10, 100, 5, 5, 5).merged_bounds(20).tolist() == [0, 110, 125]
    assert chunked(100, 100).merged_bounds(20).tolist() == [0, 100, 200]
    assert chunked(30, 0, 0, 30).merged_bounds(1).tolist() == [0, 30, 60]


def test_parts_cover_all_rows_in_order():
    for rows in (chunked(500, 1, 699), chunked(1200)):
        np.testing.assert_array_equal(np.concatenate(list(rows.parts())), X)
        np.testing.assert_array_equal(np.asarray(rows), X)


def test_reads_of_another_shape_are_errors():
    rows = ChunkedRows(lambda start, stop: X[start:stop, :2], X.shape, X.dtype)
    with pytest.raises(ValueError, match=r"inhomogeneous shape.*\(3,\).*\(2,\)"):
        rows[0:5]


@pytest.mark.parametrize("n_missing", [1, 5, -1])
def test_reads_of_another_number_of_rows_are_errors(n_missing):
    rows = ChunkedRows(lambda start, stop: X[start : stop - n_missing], (100, 3), X.dtype)
    with pytest.raises(ValueError, match=rf"X has 100 rows.*rows 10 to 15 have {5 - n_missing} rows"):
        rows[10:15]


@pytest.mark.parametrize("size", [1, 50, 1199, 1200, 5000])
def test_samples_are_random_rows_in_order(size):
    numbers, sample = np.arange(1200)[:, None], Sample(size)
    keys = np.random.RandomState(0).random_sample(1200)
    for start in range(0, 1200, 70):
        sample.add(numbers[start : start + 70], keys[start : start + 70])
    rows = sample.rows()[:, 0]
    np.testing.assert_array_equal(rows, np.sort(np.argsort(keys)[:size]))


def test_hashes_differ_for_all_rows_but_equal_ones():
    for dtype in (np.float32, np.float64, np.uint8, np.int64):
        rows = np.unique(RANDOM.randint(0, 30, (4000, 3)).astype(dtype), axis=0)
        assert len(np.unique(hash_rows(rows))) == len(rows)
        np.testing.assert_array_equal(hash_rows(rows[5:9]), hash_rows(rows)[5:9])


def test_streams_have_no_length_before_they_are_read():
    stream = Stream(lambda: iter([X[:700], X[700:]]), "The stream")
    with pytest.raises(TypeError, match="number of rows of The stream"):
        len(stream)
    stream.learn()
    assert (len(stream), stream.shape, stream.dtype) == (1200, X.shape, X.dtype)
    np.testing.assert_array_equal(stream.sample, X)
