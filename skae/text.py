"""Strings as rows of tokens, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae._parameters import check_integer
from skae._training import with_snapshots

PADDING, UNKNOWN = 0, 1
REPLACEMENT = "\ufffd"


@with_snapshots("transform", "inverse_transform", "get_feature_names_out")
class CharacterEncoder(TransformerMixin, BaseEstimator):
    """Strings to rows of character ids of one length, and back.

    Parameters
    ----------
    max_length : int, default=None
        Characters kept of a string; longer ones are cut. None takes the longest string of ``fit``.

    Attributes
    ----------
    alphabet_ : list of str
        The characters seen, in order; the first has id 2, after padding (0) and unknown characters (1).
    max_length_ : int
        Length of every row.
    n_features_in_ : int
        1: a column of strings.
    feature_names_in_ : ndarray of str
        The column's name, where X was a data frame or a named Series.

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

    def __init__(self, max_length=None):
        self.max_length = max_length

    def fit(self, X, y=None):
        """Learn the alphabet and the length.

        Parameters
        ----------
        X : iterable of str, or array or data frame of one column
        y : ignored

        Raises
        ------
        TypeError
            If X is one string, or holds anything else than strings.
        ValueError
            If X is empty, holds empty strings only, or has more than one column.
        """
        if self.max_length is not None:
            check_integer("CharacterEncoder", "max_length", self.max_length, otherwise=" or None")
        texts = checked_texts(X)
        longest = max(map(len, texts))
        if longest == 0:
            raise ValueError("X holds empty strings only. Pass at least one character to learn from.")
        learned: dict[str, Any] = {
            "alphabet_": sorted(set().union(*texts)),
            "max_length_": longest if self.max_length is None else int(self.max_length),
            "n_features_in_": 1,
        }
        name = name_of_column(X)
        if isinstance(name, str):
            learned["feature_names_in_"] = np.array([name], dtype=object)
        # In one step, for what reads at the same time.
        kept = {name: value for name, value in vars(self).items() if not name.endswith("_")}
        self.__dict__ = {**kept, **learned}
        return self

    def transform(self, X):
        """Character ids.

        Parameters
        ----------
        X : iterable of str, or array or data frame of one column

        Returns
        -------
        ids : ndarray of shape (n_samples, max_length_), int64
            A data frame where ``set_output`` asks for one.
        """
        check_is_fitted(self)
        ids = {character: number for number, character in enumerate(self.alphabet_, start=UNKNOWN + 1)}
        texts = checked_texts(X)
        rows = np.full((len(texts), self.max_length_), PADDING, dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            kept = text[: self.max_length_]
            row[: len(kept)] = [ids.get(character, UNKNOWN) for character in kept]
        return rows

    def inverse_transform(self, X):
        """Strings from character ids.

        Parameters
        ----------
        X : array-like of shape (n_samples, length), int

        Returns
        -------
        texts : list of str
            Padding is left out; unknown characters are U+FFFD.
        """
        check_is_fitted(self)
        ids = np.asarray(X)
        if ids.ndim != 2 or ids.dtype.kind not in "iu":
            raise ValueError(f"Expected a 2D array of integers, got shape {ids.shape} of dtype {ids.dtype}.")
        # As objects: numpy's own strings lose a trailing NUL.
        characters = np.array(["", REPLACEMENT, *self.alphabet_], dtype=object)
        if ids.size and not 0 <= ids.min() <= ids.max() < len(characters):
            raise ValueError(f"Ids must be from 0 to {len(characters) - 1}, got {ids.min()} to {ids.max()}.")
        return ["".join(row) for row in characters[ids]]

    def get_feature_names_out(self, input_features=None):
        """Names of the ids: the column's name, or "x0", and their place.

        Parameters
        ----------
        input_features : sequence of one str, default=None
            None takes the name of the column fitted.

        Returns
        -------
        names : ndarray of shape (max_length_,), object
        """
        check_is_fitted(self)
        known = getattr(self, "feature_names_in_", None)
        given = ["x0"] if known is None else list(known)
        if input_features is not None:
            if len(input_features) != 1 or (known is not None and list(input_features) != given):
                expected = "one name" if known is None else f"{given}, the column fitted"
                raise ValueError(f"input_features must be {expected}. Got {list(input_features)} instead.")
            given = list(input_features)
        return np.array([f"{given[0]}_{place}" for place in range(self.max_length_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags


def checked_texts(X: Any) -> list[str]:
    """X, strings or one column of them, as a list of strings."""
    if isinstance(X, (str, bytes)):
        raise TypeError(f"Expected a list of strings, got one string: {X[:30]!r}. Write [text], or text.split().")
    if isinstance(X, Mapping):
        raise TypeError(f"Expected a list of strings, got {type(X).__name__}. Write list(X.values()).")
    texts = list(only_column(X))
    if not texts:
        raise ValueError("Found 0 samples in X, while a minimum of 1 is required.")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"Expected strings, got {text!r} of type {type(text).__name__} at index {index}. Write str(text), or "
                f"'' for a missing one."
            )
    return [str(text) for text in texts]


def only_column(X: Any) -> Iterable[Any]:
    """The entries of X, or of its only column.

    Raises
    ------
    ValueError
        If X has more than one column, or more than two axes.
    """
    names = column_names(X)
    if names is not None and len(names) != 1:
        raise ValueError(
            f"CharacterEncoder takes one column of strings, X has {len(names)}: {names[:5]}. Pass one of them as "
            f"X[[name]], or name it in sklearn.compose.make_column_transformer."
        )
    if names is not None:
        X = X.iloc[:, 0] if hasattr(X, "iloc") else X[names[0]]
    if hasattr(X, "to_pylist"):  # of pyarrow, whose entries are objects of its own
        X = X.to_pylist()
    X = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else X
    shape = tuple(getattr(X, "shape", (0,)))
    if len(shape) == 2 and shape[1] == 1:
        return X[:, 0]
    if len(shape) != 1:
        raise ValueError(f"CharacterEncoder takes strings, or one column of them. Got X of shape {shape}.")
    return X


def column_names(X: Any) -> list[Any] | None:
    """The names of a data frame's columns; None of all else."""
    return list(getattr(X, "column_names", X.columns)) if hasattr(X, "columns") else None


def name_of_column(X: Any) -> Any:
    """The name of a data frame's only column, or of a Series; None of all else."""
    names = column_names(X)
    return getattr(X, "name", None) if names is None else names[0]
