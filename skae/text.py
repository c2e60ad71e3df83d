"""Encoding of strings as rows of tokens, and decoding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae._parameters import check_integer
from skae.training import with_snapshots

__all__ = [
    "CharacterEncoder",
]
PADDING, UNKNOWN = 0, 1
REPLACEMENT = "\ufffd"


@with_snapshots("transform", "inverse_transform", "get_feature_names_out")
class CharacterEncoder(TransformerMixin, BaseEstimator):
    """Encode strings as rows of character ids, padded to one length.

    Parameters
    ----------
    max_length : int, default=None
        Number of ids per row, at least 1; longer strings are truncated. None is the length of the longest string in
        ``fit``.

    Attributes
    ----------
    alphabet_ : list of str
        Sorted characters of the strings in ``fit``, which have the ids 2, 3, ... Id 0 is padding, and id 1 an unknown
        character.
    max_length_ : int
        Number of ids per row.
    n_features_in_ : int
        Always 1: X is one column of strings.
    feature_names_in_ : ndarray of shape (1,), object
        Name of the column. Defined only if X is a data frame or a named Series.

    Examples
    --------
    >>> from skae.text import CharacterEncoder
    >>> encoder = CharacterEncoder().fit(["sum", "mean"])
    >>> encoder.transform(["mean", "us?"])
    array([[4, 3, 2, 5],
           [7, 6, 1, 0]])
    >>> encoder.inverse_transform(encoder.transform(["mean", "us"]))
    ['mean', 'us']
    """

    alphabet_: list[str]
    max_length_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(self, max_length: int | None = None):
        self.max_length = max_length

    def fit(self, X: Iterable[str], y: Any = None) -> CharacterEncoder:
        """Learn the alphabet and the length.

        Parameters
        ----------
        X : iterable of str, or array or data frame of one column
        y : ignored

        Returns
        -------
        self : CharacterEncoder

        Raises
        ------
        TypeError
            If X is a single string, or an entry is not a string.
        ValueError
            If X is empty, holds only empty strings, or has more than one column.
        """
        if self.max_length is not None:
            check_integer("CharacterEncoder", "max_length", self.max_length, otherwise=" or None")
        texts = check_texts(X)
        longest = max(map(len, texts))
        if longest == 0:
            raise ValueError("X holds empty strings only. Pass at least one character to learn from.")
        state = {name: value for name, value in vars(self).items() if not name.endswith("_")}
        state["alphabet_"] = sorted(set().union(*texts))
        state["max_length_"] = longest if self.max_length is None else int(self.max_length)
        state["n_features_in_"] = 1
        name = column_name(X)
        if isinstance(name, str):
            state["feature_names_in_"] = np.array([name], dtype=object)
        # One assignment: other threads see the old state or the new one.
        self.__dict__ = state
        return self

    def transform(self, X: Iterable[str]) -> Any:
        """Encode strings as character ids.

        Parameters
        ----------
        X : iterable of str, or array or data frame of one column

        Returns
        -------
        ids : ndarray of shape (n_samples, max_length_), int64
            A data frame if ``set_output`` is set to one.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`fit`.
        """
        check_is_fitted(self)
        ids = {character: number for number, character in enumerate(self.alphabet_, start=UNKNOWN + 1)}
        texts = check_texts(X)
        rows = np.full((len(texts), self.max_length_), PADDING, dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            row[: len(text)] = [ids.get(character, UNKNOWN) for character in text[: self.max_length_]]
        return rows

    def inverse_transform(self, X: ArrayLike) -> list[str]:
        """Decode character ids to strings.

        Parameters
        ----------
        X : array-like of shape (n_samples, length), int

        Returns
        -------
        texts : list of str
            Padding is removed; unknown characters become U+FFFD.

        Raises
        ------
        ValueError
            If X is not a 2-D array of integers, or an id is out of range.
        """
        check_is_fitted(self)
        ids = np.asarray(X)
        if ids.ndim != 2 or ids.dtype.kind not in "iu":
            raise ValueError(f"Expected a 2D array of integers, got shape {ids.shape} of dtype {ids.dtype}.")
        # dtype=object, because numpy's strings drop trailing NULs.
        characters = np.array(["", REPLACEMENT, *self.alphabet_], dtype=object)
        if ids.size and not 0 <= ids.min() <= ids.max() < len(characters):
            raise ValueError(f"Ids must be from 0 to {len(characters) - 1}, got {ids.min()} to {ids.max()}.")
        return ["".join(row) for row in characters[ids]]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Get the names of the output columns: the name of the input column, or "x0", and the position of the id.

        Parameters
        ----------
        input_features : sequence of one str, default=None
            None is the name of the fitted column, or "x0".

        Returns
        -------
        names : ndarray of shape (max_length_,), object

        Raises
        ------
        ValueError
            If ``input_features`` is not the name of the fitted column.
        """
        check_is_fitted(self)
        fitted = getattr(self, "feature_names_in_", None)
        names = list(input_features if input_features is not None else ["x0"] if fitted is None else fitted)
        if len(names) != 1 or (fitted is not None and names != list(fitted)):
            expected = "one name" if fitted is None else f"{list(fitted)}, the column fitted"
            raise ValueError(f"input_features must be {expected}. Got {names} instead.")
        return np.array([f"{names[0]}_{position}" for position in range(self.max_length_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags


def check_texts(X: Any) -> list[str]:
    """Convert strings, or one column of strings, to a list; TypeError or ValueError for anything else."""
    if isinstance(X, (str, bytes)):
        raise TypeError(f"Expected a list of strings, got one string: {X[:30]!r}. Write [text], or text.split().")
    if isinstance(X, Mapping):
        raise TypeError(f"Expected a list of strings, got {type(X).__name__}. Write list(X.values()).")
    texts = list(single_column(X))
    if not texts:
        raise ValueError("Found 0 samples in X, while a minimum of 1 is required.")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"Expected strings, got {text!r} of type {type(text).__name__} at index {index}. Write str(text), or "
                f"'' for a missing one."
            )
    return [str(text) for text in texts]


def single_column(X: Any) -> Iterable[Any]:
    """Return the entries of X, or of its only column; ValueError if X has more columns or axes."""
    names = column_names(X)
    if names is not None and len(names) != 1:
        raise ValueError(
            f"CharacterEncoder takes one column of strings, X has {len(names)}: {names[:5]}. Pass one of them as "
            f"X[[name]], or name it in sklearn.compose.make_column_transformer."
        )
    if names is not None:
        X = X.iloc[:, 0] if hasattr(X, "iloc") else X[names[0]]
    if hasattr(X, "to_pylist"):  # The entries of a pyarrow array are not Python strings.
        X = X.to_pylist()
    X = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else X
    shape = tuple(getattr(X, "shape", (0,)))
    if len(shape) == 2 and shape[1] == 1:
        return X[:, 0]
    if len(shape) != 1:
        raise ValueError(f"CharacterEncoder takes strings, or one column of them. Got X of shape {shape}.")
    return X


def column_names(X: Any) -> list[Any] | None:
    """Get the names of the columns of a data frame; None if X is not a data frame."""
    return list(getattr(X, "column_names", X.columns)) if hasattr(X, "columns") else None


def column_name(X: Any) -> Any:
    """Get the name of a Series, or of the first column of a data frame; None for other types."""
    names = column_names(X)
    return getattr(X, "name", None) if names is None else names[0]
