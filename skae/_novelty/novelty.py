"""Unusual rows: several autoencoders, each trained without a part of the rows, and a threshold from those left out.

How far a row is from usual ones, ``skae._novelty.distances`` says.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.model_selection import GroupKFold
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skae._data import Rows, SelectedRows
from skae._estimator.transformer import AutoencoderTransformer, like
from skae._inputs.data_frames import FrameSchema, pandas_index
from skae._inputs.preparation import DENSE_FEATURES, check_parameters, learned_layout, needing_tokens
from skae._inputs.validation import as_array, check_samples, encode_groups
from skae._novelty.distances import DISTANCES, TINY, Distance, ErrorSums, scaled_parts, slices_of, typical
from skae._parameters import check_choice, check_integer, check_nested, check_real, invalid
from skae._training import components_for_share, joined_groups, one_at_a_time, row_groups, with_snapshots

OWNER = "AutoencoderNovelty"
# The default bottleneck: as many components as PCA needs for this share of the variance.
VARIANCE_SHARE = 0.75
# Rows that a member keeps to look for neighbors among.
KEPT_ROWS = 5000


@with_snapshots("score_samples", "decision_function", "predict", "explain")
class AutoencoderNovelty(OutlierMixin, BaseEstimator):
    """Which samples are unlike those of ``fit``? Called like ``LocalOutlierFactor(novelty=True)``.

    Rows are split into ``n_members`` parts, and an autoencoder is trained without each. A new row is scored by all of
    them, a row of ``fit`` by the one that was not trained on it, whichever method is called; the threshold is a
    quantile of the latter.

    Parameters
    ----------
    autoencoder : AutoencoderTransformer, default=None
        Cloned, never changed; it gets ``random_state``. None is one with as many components as PCA needs for 0.75 of
        the variance, and fewer than there are features; of dense layers for samples of up to 4,096 numbers.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the rows of ``fit`` that are called unusual. "auto" takes Tukey's (1977) fence, one and a half
        interquartile ranges above the upper quartile of the logarithms of their distances, and at least 0.01 of them.
    n_members : int, default=5
        Autoencoders, at least 2.
    distance : {"neighbors", "mahalanobis", "error"}, default="neighbors"
        "neighbors" is the mean distance to the five nearest rows trained on (Angiulli and Pizzuti, 2002), in
        reconstructions and errors together: on the surface that was learned and off it (Hubert, Rousseeuw and Vanden
        Branden, 2005), both of typical length 1. Errors of tables are whitened by their covariance on rows that
        members were not trained on (Ledoit and Wolf, 2004), those of pictures and signals divided by one number.
        "mahalanobis" is the length of the errors so whitened, "error" their mean square in the autoencoder's scaling.
    random_state : int, RandomState instance or None, default=None
        Decides the parts and everything random in the members.

    Attributes
    ----------
    offset_ : float
        Scores below it are unusual.
    members_ : list of AutoencoderTransformer
    distance_ : str
        The ``distance`` that ``fit`` was called with, and all scores are of.
    n_components_ : int
        Size of the first member's code.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Names of the columns, where X was a frame.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoencoderNovelty
    >>> X, y = load_wine(return_X_y=True)
    >>> novelty = AutoencoderNovelty(random_state=0).fit(X[y == 0])
    >>> set(novelty.predict(X[y == 2]).tolist())  # all of another kind are called unusual
    {-1}
    """

    def __init__(self, autoencoder=None, *, contamination="auto", n_members=5, distance="neighbors", random_state=None):
        self.autoencoder = autoencoder
        self.contamination = contamination
        self.n_members = n_members
        self.distance = distance
        self.random_state = random_state

    def set_params(self, **params):
        """Set parameters, those of the autoencoder as ``autoencoder__max_epochs``."""
        check_nested(self, params, {"autoencoder": lambda *_: AutoencoderTransformer.__name__})
        return super().set_params(**params)

    @one_at_a_time
    def fit(self, X, y=None, groups=None):
        """Train the members on X, each without a part of it, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            Samples that are usual, or nearly all of them. At least 4; dense, numbers, no tokens.
        y : ignored
        groups : array-like of shape (n_samples,), default=None
            A label per row, the same for rows that depend on each other: of one subject, series or original. They share
            a part, so that no member scores a row whose like it was trained on. Equal rows always share a part, and
            near copies are looked for, as in :meth:`AutoencoderTransformer.fit`.

        Returns
        -------
        self : AutoencoderNovelty

        Raises
        ------
        ValueError, TypeError
            If a parameter, X or groups are not as described, or all rows are of one group.
        """
        self._check_parameters()
        draft = clone(self)
        draft._learn(X, groups)
        learned = {name: value for name, value in vars(draft).items() if name not in self.get_params(deep=False)}
        kept = {n: v for n, v in vars(self).items() if n not in learned and n != "feature_names_in_"}
        self.__dict__ = {**kept, **learned}
        return self

    def _learn(self, X: Any, groups: Any) -> None:
        """All that ``fit`` learns."""
        X = self._samples(X, reset=True)
        if len(X) < 4:
            raise ValueError(f"Members need rows to train on and rows held out: at least 4, got n_samples={len(X)}.")
        groups = encode_groups(groups, len(X))
        if groups is not None and groups.max() == 0:
            raise ValueError(
                "All rows are of one group, but members need others to be scored on. Pass 2 groups or more."
            )
        random = check_random_state(self.random_state)
        seed = random.randint(2**31 - 1)
        whole = prepared(self.autoencoder, X, seed)
        rows = Rows(X, learned_layout(whole, X), torch.device("cpu"))
        parts = split(X, row_groups(rows, groups), self.n_members, seed)
        seeds = random.randint(2**31 - 1, size=len(parts))
        members = [trained(whole, X, rows, rest, s) for (rows, rest), s in zip(parts, seeds, strict=True)]
        self._shape, self.members_, self.distance_ = X.shape[1:], members, self.distance
        self.n_components_ = members[0].n_components_
        self._part_of = {key: number for number, (_, held_out) in enumerate(parts) for key in keys(X.at(held_out))}
        self._learn_distances(X, parts, seed)
        self._learn_threshold(self._logs(X))

    def score_samples(self, X):
        """How usual every sample is: -1 like the median row of ``fit``, -2 twice as far away; low is unusual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
        """
        check_is_fitted(self)
        return like(X, -np.exp(self._logs(self._samples(X)) - self._median))

    def decision_function(self, X):
        """``score_samples(X) - offset_``: below 0 is unusual."""
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """-1 for samples that are unusual, 1 for others: an int array of shape (n_samples,)."""
        return np.where(as_array(self.decision_function(X)) < 0, -1, 1)

    def explain(self, X, standardized=False):
        """Where a sample is unusual: X minus what the members bring back, in the units of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        standardized : bool, default=False
            Whether every column is divided by its own typical difference on rows of ``fit``, so that columns of
            different units compare: the largest absolute number of a row is where it is most unusual.

        Returns
        -------
        difference : ndarray of the shape of X, float64, or a frame with the columns and the index of X
        """
        check_is_fitted(self)
        form, index = FrameSchema.of(X), pandas_index(X)
        rows = self._samples(X)
        weights, difference = self._weights(rows), np.empty(rows.shape)
        for few in slices_of(rows):
            restored = np.stack([member.reconstruct(rows[few]) for member in self.members_])
            difference[few] = rows[few] - np.einsum("mn,mn...->n...", weights[:, few], restored)
        if standardized:
            difference /= self._typical
        return like(X, difference) if form is None else framed(form, difference, index)

    def _check_parameters(self) -> None:
        if self.autoencoder is not None and not isinstance(self.autoencoder, AutoencoderTransformer):
            raise invalid(OWNER, "autoencoder", "an AutoencoderTransformer or None", self.autoencoder)
        if not (isinstance(self.contamination, str) and self.contamination == "auto"):
            check_real(OWNER, "contamination", self.contamination, "(0.0, 0.5]", otherwise=" or 'auto'")
        check_integer(OWNER, "n_members", self.n_members, 2)
        check_choice(OWNER, "distance", self.distance, DISTANCES)

    def _samples(self, X: Any, reset: bool = False) -> SelectedRows:
        """X, checked, of the shape fitted; read as float64, in which -0.0 and 0.0 are one row."""
        if hasattr(X, "toarray"):
            raise TypeError("Sparse rows are not supported. Pass X.toarray().")
        fitted = None if reset else self._shape
        X = check_samples(self, X, reset=reset, sample_shape=fitted)
        if fitted is not None and X.shape[1:] != fitted:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}, but {OWNER} was fitted on samples of shape {fitted}."
            )
        return SelectedRows(as_array(X) if isinstance(X, torch.Tensor) else X, np.arange(len(X)))

    def _learn_distances(self, X: SelectedRows, parts: list, seed: int) -> None:
        """For every member the rows it compares with, and how errors vary in the parts of the other members.

        Errors of its own part would fit a whitening learned from them, those of new rows would not, and the threshold
        would be too low: by far where columns are as many as rows.
        """
        members, random = self.members_, np.random.RandomState(seed)
        errors = [errors_of(member, X.at(part)) for member, (_, part) in zip(members, parts, strict=True)]
        scales = np.broadcast_to(members[0]._layout.scaling.scale.cpu().numpy(), (math.prod(self._shape),))
        self._typical = (typical(sum_of(errors)) * scales).reshape(self._shape)
        self._measures = []
        for number, (rows, _) in enumerate(parts):
            others = sum_of(errors[:number] + errors[number + 1 :])
            kept = X[random.permutation(rows)[:KEPT_ROWS]] if self.distance == "neighbors" else None
            self._measures.append(Distance(members[number], others, kept))

    def _learn_threshold(self, logs: np.ndarray) -> None:
        self._median = np.median(logs)
        if self.contamination == "auto":
            low, high, highest = np.percentile(logs, [25, 75, 99])
            self.offset_ = float(-np.exp(min(highest, high + 1.5 * (high - low)) - self._median))
        else:
            self.offset_ = float(np.percentile(-np.exp(logs - self._median), 100 * self.contamination))

    def _logs(self, X: SelectedRows) -> np.ndarray:
        """Logarithms of distances (n,), averaged over the members that may judge a row."""
        logs = np.zeros(len(X))
        for number, weights in enumerate(self._weights(X)):
            judged = np.flatnonzero(weights)
            for few in (judged[some] for some in slices_of(X.at(judged))):
                logs[few] += weights[few] * np.log(np.maximum(self._distances(number, X[few]), TINY))
        return logs

    def _distances(self, number: int, X: np.ndarray) -> np.ndarray:
        return self._measures[number].measure(X, self.distance_)

    def _weights(self, X: SelectedRows) -> np.ndarray:
        """What each member counts for (n_members, n): all the same, but for rows of ``fit`` the one that lacked it."""
        n_members = len(self.members_)
        weights = np.full((n_members, len(X)), 1 / n_members)
        for index, key in enumerate(keys(X)):
            if key in self._part_of:
                weights[:, index] = 0.0
                weights[self._part_of[key], index] = 1.0
        return weights


def split(X: SelectedRows, groups: np.ndarray | None, n_parts: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to train on and rows held out, of every part; rows of a group share one, and equal rows if possible."""
    equal = np.unique(keys(X), return_inverse=True)[1]
    for labels in (equal if groups is None else joined_groups(equal, groups), groups, np.arange(len(X))):
        n_groups = 0 if labels is None else len(np.unique(labels))
        if n_groups > 1:
            break
    folds = GroupKFold(min(n_parts, n_groups), shuffle=True, random_state=seed)
    return list(folds.split(X, groups=labels))


def prepared(autoencoder: AutoencoderTransformer | None, X: SelectedRows, seed: int) -> AutoencoderTransformer:
    """A clone of the autoencoder, or the default one with a bottleneck for X.

    Raises ValueError if it reads tokens.
    """
    # Members are several, so those by default stay with the cheaper layers.
    cheap = "dense" if math.prod(X.shape[1:]) <= DENSE_FEATURES else "auto"
    whole = AutoencoderTransformer(architecture=cheap) if autoencoder is None else clone(autoencoder)
    check_parameters(whole)
    if whole.axes == "n" or needing_tokens(whole):
        reason = needing_tokens(whole) or "axes='n'"
        raise ValueError(f"{OWNER} compares numbers, not tokens. Pass an autoencoder without {reason}.")
    if autoencoder is None:
        layout = learned_layout(whole, X)
        enough = components_for_share(Rows(X, layout, torch.device("cpu"), keep=True), VARIANCE_SHARE, seed)
        whole.n_components = max(1, min(enough, layout.n_features - 1, len(X) // 2))
    return whole


def trained(whole: AutoencoderTransformer, X: SelectedRows, rows: np.ndarray, held_out: np.ndarray, seed: int):
    """A member: the autoencoder trained on ``rows``; those held out say at most which epoch's weights are kept."""
    # An interrupt of one member ends the fit of all.
    member = clone(whole).set_params(random_state=int(seed), on_interrupt="raise")
    return member.fit(X.at(rows), X_val=X.at(held_out) if member.early_stopping else None)


def keys(X: SelectedRows) -> list[bytes]:
    """A short digest of every row; the same in every process."""
    return [hashlib.blake2b(row.tobytes(), digest_size=12).digest() for few in slices_of(X) for row in X[few]]


def errors_of(member: AutoencoderTransformer, X: SelectedRows) -> ErrorSums:
    """The errors of a member, in its scaling, summed up."""
    return sum_of(ErrorSums.of(scaled_parts(member, X[few])[1]) for few in slices_of(X))


def sum_of(errors: Iterable[ErrorSums]) -> ErrorSums:
    """All errors together."""
    return functools.reduce(operator.add, errors)


def framed(form: FrameSchema, rows: np.ndarray, index: Any) -> Any:
    """Rows of float64 as a frame of the library and the columns of ``form``."""
    library = importlib.import_module(form.library)
    columns = (
        {"columns": form.pandas_columns(), "index": index} if form.library == "pandas" else {"schema": list(form.names)}
    )
    return library.DataFrame(rows, **columns)
