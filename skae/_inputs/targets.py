"""y of a supervised variant: class labels or numbers, some of them missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import type_of_target

from skae._inputs.validation import as_array, is_missing
from skae.data import Target

# More different whole numbers than FEW are numbers if they are floats, or if most occur once.
FEW = 20
# The number that stands for a missing label, as in SelfTrainingClassifier.
UNLABELED = -1


def read_target(
    y: Any, n_samples: int, known: Target | None = None, name: str = "y", kind: str = "auto"
) -> tuple[Any, Any]:
    """Check y, one label or number, or several numbers, per row.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    n_samples : int
    known : Target, default=None
        The target of the fit that training continues, or of the training rows; y has to be of its kind.
    name : str
    kind : {"auto", "classes", "numbers"}
        Whether y holds class labels or numbers; "auto" reads it off y.

    Returns
    -------
    y : ndarray of shape (n_samples,), int64, or (n_samples, n_outputs), float64
        As ``Target`` describes it.
    classes : ndarray of shape (n_classes,) or None

    Raises
    ------
    ValueError
        If y is missing, is neither labels nor numbers, or has one value only.
    """
    values = check_shape(y, n_samples, name)
    missing = find_missing(values, name)
    if known is not None and known.classes is None:
        numbers = to_numbers(values, missing, name)
        if numbers.shape[1] != known.n_outputs:
            raise ValueError(f"{name} must have {known.n_outputs} numbers per row. Got {numbers.shape[1]} instead.")
        return numbers, None
    if known is not None:
        is_label = UNLABELED in known.classes.tolist()  # type: ignore[union-attr]
        return find_classes(values, missing if is_label else missing | is_unlabeled(values), known, name)
    try:
        unlabeled = find_unlabeled(values, missing)
        if kind == "numbers" or (kind == "auto" and not are_classes(values, missing, unlabeled, name)):
            return to_numbers(values, missing, name), None
        if values.ndim == 2:
            raise ValueError(f"{name} must hold one class label per row. Got shape {values.shape} instead.")
        known = Target(np.unique(values[~unlabeled]))
    except TypeError as error:
        raise ValueError(f"{name} mixes types of labels: {error}. Pass strings only, or numbers only.") from error
    return find_classes(values, unlabeled, known, name)


def is_unlabeled(values: np.ndarray) -> np.ndarray:
    """Whether each value is the number -1."""
    if values.dtype.kind == "O":
        found = [isinstance(value, (int, float, np.number)) and value == UNLABELED for value in values.ravel()]
        return np.array(found, dtype=bool).reshape(values.shape)
    return values == UNLABELED if values.dtype.kind in "if" else np.zeros(values.shape, dtype=bool)


def find_unlabeled(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Whether each label is missing, or is -1 beside two other classes or more."""
    unlabeled = missing | is_unlabeled(values)
    # -1 and 1 are the usual names of two classes.
    return unlabeled if len(set(values[~unlabeled].tolist())) >= 2 else missing


def check_shape(y: Any, n_samples: int, name: str) -> np.ndarray:
    """y as an array (n_samples,) or (n_samples, n_outputs)."""
    if y is None:
        raise ValueError(
            f"variant=Supervised() requires y to be passed, but the target {name} is None. Write fit(X, y) with a "
            f"label or a number per row, or variant='plain'."
        )
    if isinstance(y, np.ma.MaskedArray):
        mask, y = np.ma.getmaskarray(y), np.ma.getdata(y).astype(object)
        y[mask] = None
    if issparse(y):
        raise ValueError(f"{name} is a sparse matrix. Pass class labels or numbers as an array: {name}.toarray().")
    values = np.asarray(as_array(y))
    if values.dtype.kind == "c":
        raise ValueError(f"{name} holds complex numbers. Pass real numbers or class labels.")
    if values.ndim not in (1, 2) or len(values) != n_samples or 0 in values.shape:
        raise ValueError(
            f"{name} must have one label or number per row, shape ({n_samples},), or several numbers, shape "
            f"({n_samples}, n_outputs): X has {n_samples} samples. Got shape {values.shape} instead."
        )
    return values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values


def find_missing(values: np.ndarray, name: str) -> np.ndarray:
    """Whether a value is missing, in the shape of y; ValueError if all are."""
    if values.dtype.kind == "O":
        missing = np.array([is_missing(value) for value in values.ravel()]).reshape(values.shape)
    else:
        missing = values != values
    if missing.all():
        raise ValueError(f"All of {name} is missing. Pass a label or number for some rows, or variant='plain'.")
    return missing


def are_classes(values: np.ndarray, missing: np.ndarray, unlabeled: np.ndarray, name: str) -> bool:
    """Whether y holds class labels and not numbers. ``unlabeled`` includes -1 beside classes."""
    known = as_numbers(values[~missing])
    check_infinite(known, name)
    is_marked = known.dtype.kind == "i" and not np.array_equal(unlabeled, missing)
    if values.ndim == 2:
        # type_of_target takes no missing values.
        kind = "continuous" if known.dtype.kind == "f" else type_of_target(values, input_name=name)
    elif are_many(known) and not is_marked:
        kind = "continuous"
    else:
        kind = type_of_target(as_numbers(values[~unlabeled]), input_name=name)
    if kind in ("binary", "multiclass") or kind.startswith("continuous"):
        return not kind.startswith("continuous")
    raise ValueError(
        f"{name} of shape {values.shape} and type {values.dtype} is {kind!r} for scikit-learn's type_of_target. Pass "
        f"one class label per row, such as {name}.argmax(axis=1), or numbers as floats."
    )


def as_numbers(values: np.ndarray) -> np.ndarray:
    """An array of objects as numbers, if all are numbers; else as it is."""
    is_numeric = values.dtype.kind == "O" and all(isinstance(value, (int, float, np.number)) for value in values)
    return np.array(values.tolist()) if is_numeric else values


def are_many(labeled: np.ndarray) -> bool:
    """Whether there are so many different numbers that they are no class labels."""
    if labeled.dtype.kind not in "iuf":
        return False
    n_values = len(np.unique(labeled))
    return n_values > FEW and (labeled.dtype.kind == "f" or 2 * n_values > labeled.size)


def check_infinite(values: np.ndarray, name: str) -> None:
    """Raise ValueError if a number is infinite."""
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError(f"{name} contains infinity. Remove these rows, or pass NaN, which counts as missing.")


def to_numbers(values: np.ndarray, missing: np.ndarray, name: str) -> np.ndarray:
    """Numbers (n, n_outputs), float64, NaN where missing."""
    try:
        numbers = np.where(missing, np.nan, values).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, as in the first call of fit or partial_fit: {error}") from error
    check_infinite(numbers, name)
    return numbers.reshape(len(numbers), -1)


def find_classes(values: np.ndarray, missing: np.ndarray, known: Target, name: str) -> tuple[np.ndarray, Any]:
    """Indices (n,) of the classes of a target, -1 where missing, and the classes; ValueError if there is a new one."""
    labels = values.ravel().tolist()
    index_of = {label: index for index, label in enumerate(known.classes.tolist())}  # type: ignore[union-attr]
    new = [label for label, gone in zip(labels, missing.ravel(), strict=True) if not gone and label not in index_of]
    if new:
        shown = ", ".join(map(repr, list(index_of)[:10])) + (", ..." if len(index_of) > 10 else "")
        raise ValueError(
            f"{name} has the class {new[0]!r}, which the first call of fit or partial_fit did not have. Its classes "
            f"were {shown}. Pass all classes in the first call, or fit with warm_start=False."
        )
    found = [-1 if gone else index_of[label] for label, gone in zip(labels, missing.ravel(), strict=True)]
    return np.array(found, dtype=np.int64), known.classes
