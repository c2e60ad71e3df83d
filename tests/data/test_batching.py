"""Reading passes: batches in order, and smaller batches when memory runs out."""

import pytest
import torch

from skae import OutOfMemoryError
from skae.data import map_batches


def largest(limit):
    """A function that runs out of memory on more than ``limit`` rows."""

    def function(start, stop):
        if stop - start > limit:
            torch.empty(2**60, dtype=torch.uint8)
        return list(range(start, stop))

    return function


def test_batches_come_in_order():
    batches = list(map_batches(largest(100), 25, 10))
    assert [(start, stop) for start, stop, _ in batches] == [(0, 10), (10, 20), (20, 25)]
    assert [row for *_, rows in batches for row in rows] == list(range(25))


def test_batches_are_halved_where_memory_runs_out_with_one_warning():
    with pytest.warns(UserWarning, match="Out of memory on a batch of 16 rows: continuing in batches of 8") as caught:
        batches = list(map_batches(largest(3), 40, 16))
    assert len(caught) == 1
    assert [row for *_, rows in batches for row in rows] == list(range(40))
    assert max(stop - start for start, stop, _ in batches) == 2


@pytest.mark.filterwarnings("ignore:Out of memory on a batch")
def test_one_row_too_large_is_a_memory_error():
    with pytest.raises(OutOfMemoryError, match="one row"):
        list(map_batches(largest(0), 8, 4))


def test_other_errors_pass_through():
    def failing(start, stop):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        list(map_batches(failing, 8, 4))
