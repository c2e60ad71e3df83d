"""Strings as rows of tokens, and back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae.parameters import check_integer

PADDING, UNKNOWN = 0, 1
REPLACEMENT = "\ufffd"


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
        X : iterable of str
        y : ignored

        Raises
        ------
        TypeError
            If X is one string, or holds anything else than strings.
        ValueError
            If X is empty, or holds empty strings only.
        """
        if self.max_length is not None:
            check_integer("CharacterEncoder", "max_length", self.max_length, otherwise=" or None")
        texts = checked_texts(X)
        longest = max(map(len, texts))
        if longest == 0:
            raise ValueError("X holds empty strings only. Pass at least one character to learn from.")
        self.alphabet_ = sorted(set().union(*texts))
        self.max_length_ = longest if self.max_length is None else int(self.max_length)
        return self

    def transform(self, X):
        """Character ids.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ids : ndarray of shape (n_samples, max_length_), int64
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags


def checked_texts(X: Iterable[str]) -> list[str]:
    """X as a list of strings."""
    if isinstance(X, (str, bytes)):
        raise TypeError(f"Expected a list of strings, got one string: {X[:30]!r}. Write [text], or text.split().")
    texts = list(X)
    if not texts:
        raise ValueError("Found 0 samples in X, while a minimum of 1 is required.")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"Expected strings, got {text!r} of type {type(text).__name__} at index {index}.")
    return [str(text) for text in texts]
