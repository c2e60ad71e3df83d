"""y of supervised variants: labels or numbers, some missing, and errors before training."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array

from skae import AutoencoderTransformer
from skae._inputs.targets import read_target
from skae.data import Target
from skae.variants import Supervised

LETTERS = ["b", "a", "b", "c"]


@pytest.mark.parametrize(
    ("y", "indices", "classes"),
    [
        (LETTERS, [1, 0, 1, 2], ["a", "b", "c"]),
        (np.array(LETTERS, dtype=object), [1, 0, 1, 2], ["a", "b", "c"]),
        (pd.Series(LETTERS, dtype="category"), [1, 0, 1, 2], ["a", "b", "c"]),
        (np.array(["b", None, "a", np.nan], dtype=object), [1, -1, 0, -1], ["a", "b"]),
        (pd.Series(["b", pd.NA, "a", "a"], dtype="string"), [1, -1, 0, 0], ["a", "b"]),
        ([True, False, False], [1, 0, 0], [False, True]),
        (torch.tensor([3, 7, 3]), [0, 1, 0], [3, 7]),
        ([[3], [7], [3]], [0, 1, 0], [3, 7]),
        ([0.0, 1.0, np.nan], [0, 1, -1], [0, 1]),
        ([3, -1, 7, -1], [0, -1, 1, -1], [3, 7]),
        ([1, -1, 1], [1, 0, 1], [-1, 1]),
        (pd.Series([1, 2, None], dtype="Int64"), [0, 1, -1], [1, 2]),
        (np.array(["b", -1, "a", -1], dtype=object), [1, -1, 0, -1], ["a", "b"]),
        (np.array([3, -1, 7], dtype=object), [0, -1, 1], [3, 7]),
        ([0.0, 1.0, -1.0], [0, 1, -1], [0, 1]),
        (np.ma.MaskedArray([3, 7, 3, 7], mask=[0, 0, 1, 1]), [0, 1, -1, -1], [3, 7]),
        # Few labels per class: those of SelfTrainingClassifier.
        (np.where(np.arange(90) < 60, np.arange(90) % 30, -1), [*range(30), *range(30), *[-1] * 30], list(range(30))),
    ],
)
def test_labels_become_indices_of_sorted_classes(y, indices, classes):
    found, found_classes = read_target(y, len(y))
    assert found.tolist() == indices
    assert found_classes.tolist() == classes
    assert read_target(y, len(y), Target(found_classes))[0].tolist() == indices


@pytest.mark.parametrize(
    ("y", "numbers"),
    [
        ([0.5, 1, np.nan], [[0.5], [1], [np.nan]]),
        (np.array([0.5, None, 2], dtype=object), [[0.5], [np.nan], [2]]),
        (np.arange(40), np.arange(40)[:, None]),
        ([[0.5, 1], [np.nan, 3]], [[0.5, 1], [np.nan, 3]]),
        (pd.DataFrame({"a": [0.5, 1.5], "b": [1, 2]}), [[0.5, 1], [1.5, 2]]),
    ],
)
def test_numbers_become_columns(y, numbers):
    y = np.concatenate([np.asarray(y), np.asarray(y)[:1] * 3])
    numbers = np.concatenate([numbers, np.asarray(numbers)[:1] * 3])
    found, classes = read_target(y, len(y))
    assert classes is None
    np.testing.assert_array_equal(found, numbers)


def test_many_whole_floats_are_numbers_for_any_number_of_rows():
    ages = np.random.RandomState(0).randint(18, 79, 600)
    for n in (60, 300, 600):
        assert read_target(ages[:n].astype(float), n)[1] is None
        assert read_target(ages[:n].astype(float) % 7, n)[1].tolist() == list(range(7))


@pytest.mark.parametrize("y", [[3, 5, 3, 5], [3, -1, 5, 7]])
def test_the_kind_of_y_can_be_chosen(y):
    X = np.random.RandomState(0).standard_normal((len(y), 2))
    found, classes = read_target(y, 4, kind="numbers")
    assert (found[:, 0].tolist(), classes) == (y, None)
    assert read_target(np.arange(50), 50, kind="classes")[1].tolist() == list(range(50))
    for target, classes in (("numbers", None), ("auto", [3, 5])):
        variant = Supervised(target=target)
        rows, labels = np.repeat(X, 10, axis=0), np.repeat([3, 5, 3, 5], 10)
        fitted = AutoencoderTransformer(1, variant=variant, max_epochs=1, random_state=0).fit(rows, labels)
        found = fitted._result.target.classes
        assert found is None if classes is None else found.tolist() == classes
    with pytest.raises(ValueError, match="one class label per row"):
        read_target(np.ones((4, 2)), 4, kind="classes")
    with pytest.raises(ValueError, match="'target' parameter of Supervised must be"):
        AutoencoderTransformer(1, variant=Supervised(target="labels")).fit(X, y)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (None, r"requires y to be passed, but the target y is None. Write fit\(X, y\)"),
        (np.arange(39) % 2, r"shape \(40,\).*X has 40 samples. Got shape \(39,\)"),
        (np.zeros((40, 2, 2)), r"Got shape \(40, 2, 2\)"),
        (np.full(40, np.nan), "All of y is missing"),
        (np.full(40, None), "All of y is missing"),
        (np.full(40, "a"), "y has 1 different values in the 36 training rows"),
        (np.full(40, -1), "y has 1 different values"),
        (np.full(40, 0.5), "y has 1 different values"),
        (np.where(np.arange(40) == 7, np.inf, 0.5), "infinity"),
        (np.eye(4, dtype=int)[np.arange(40) % 4], r"'multilabel-indicator'.*y.argmax\(axis=1\)"),
        (np.array([["a", "b"]] * 40), "'multiclass-multioutput'"),
        (csr_array(np.eye(40)), "sparse"),
        (np.arange(40) * 1j, "complex"),
        (np.array(["a", 1] * 20, dtype=object), "mixes types of labels"),
    ],
)
def test_bad_y_is_an_error_before_training(y, match):
    X = np.random.RandomState(0).standard_normal((40, 5))
    estimator = AutoencoderTransformer(variant=Supervised())
    with pytest.raises(ValueError, match=match):
        estimator.fit(X, y)
    assert not hasattr(estimator, "_result")


def test_validation_rows_need_their_own_y():
    X = np.random.RandomState(0).standard_normal((40, 5))
    y = np.arange(40) % 2
    estimator = AutoencoderTransformer(variant=Supervised())
    with pytest.raises(ValueError, match="target y_val is None"):
        estimator.fit(X, y, X_val=X[:20])
    with pytest.raises(ValueError, match="y_val has the class 5, which"):
        estimator.fit(X, y, X_val=X[:20], y_val=np.full(20, 5))


def test_training_rows_need_two_classes():
    X = np.random.RandomState(0).standard_normal((40, 5))
    y = np.where(np.arange(40) == 0, 1, 0)
    # Class 1 is in the validation set alone.
    with pytest.raises(ValueError, match="y has 1 different values in the 20 training rows"):
        AutoencoderTransformer(variant=Supervised(), validation_fraction=0.5, random_state=1).fit(X, y)
