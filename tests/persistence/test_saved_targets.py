"""Model files of supervised variants: y as classes or numbers, and changed files."""

import numpy as np
import pytest

from model_files import HOSTILE, X, assert_refused, put_together, small_autoencoder, take_apart
from skae import load, save
from skae.variants import Supervised

CLASSES = np.arange(60) % 3


@pytest.fixture
def supervised(path):
    save(small_autoencoder(variant=Supervised()).fit(X, CLASSES), path)
    return path


@pytest.mark.parametrize(
    "target",
    [
        *HOSTILE[1:],
        {"classes": [0, 1]},
        {"classes": []},
        {"classes": [0, 1, [2]]},
        {"classes": [0, 1, {"object": ["Dense", {}]}]},
        {"mean": [0.0] * 3, "scale": [1.0] * 2},
        {"mean": [0.0] * 3, "scale": [0.0] * 3},
        {"mean": [0.0] * 3, "scale": [{"number": "nan"}] * 3},
        {"mean": [0.0] * 3},
    ],
    ids=lambda target: repr(target)[:30],
)
def test_changed_targets_are_refused(target, supervised):
    content, table, numbers = take_apart(supervised)
    put_together(supervised, {**content, "target": target}, table, numbers)
    assert_refused(supervised)


def test_a_file_without_its_target_is_refused(supervised):
    content, table, numbers = take_apart(supervised)
    assert content.pop("target") == {"classes": [0, 1, 2]}
    put_together(supervised, content, table, numbers)
    assert_refused(supervised, "array")


@pytest.mark.parametrize("names", [["a", "b", "c"], [1.0, 2.0, 4.0], [True, False, True], [7, 8, 9]])
def test_classes_keep_their_values(names, path):
    y = np.array(names)[CLASSES]
    save(small_autoencoder(variant=Supervised()).fit(X, y), path)
    loaded = load(path)
    np.testing.assert_array_equal(loaded._result.target.classes, np.unique(y))
    loaded.partial_fit(X, y)
