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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.model_selection import GroupKFold
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skae._data import Rows, SelectedRows
from skae._estimator.settings import DENSE_FEATURES, check_parameters
from skae._estimator.transformer import AutoencoderTransformer, like
from skae._inputs.data_frames import FrameSchema, pandas_index
from skae._inputs.layout_inference import infer_layout, needing_tokens
from skae._inputs.schema import Schema, read_samples
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
        self._result = fit_novelty(self, X, groups)
        return self

    def score_samples(self, X):
        """How usual every sample is: -1 like the median row of ``fit``, -2 twice as far away; low is unusual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
        """
        result = self._fitted()
        return like(X, -np.exp(log_distances(result, self._samples(result, X)) - result.median))

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
        result = self._fitted()
        form, index = FrameSchema.of(X), pandas_index(X)
        rows = self._samples(result, X)
        weights, difference = member_weights(result, rows), np.empty(rows.shape)
        for few in slices_of(rows):
            restored = np.stack([member.reconstruct(rows[few]) for member in result.members])
            difference[few] = rows[few] - np.einsum("mn,mn...->n...", weights[:, few], restored)
        if standardized:
            difference /= result.typical
        return like(X, difference) if form is None else framed(form, difference, index)

    @property
    def offset_(self) -> float:
        """Threshold of ``score_samples``."""
        return self._learned.offset

    @property
    def members_(self) -> list[AutoencoderTransformer]:
        """The autoencoders."""
        return self._learned.members

    @property
    def distance_(self) -> str:
        """The distance of all scores."""
        return self._learned.distance

    @property
    def n_components_(self) -> int:
        """Size of the code of the first member."""
        return self._learned.members[0].n_components_

    @property
    def n_features_in_(self) -> int:
        """Numbers per sample."""
        return self._learned.schema.n_features

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns, if X was a data frame."""
        if self._learned.schema.feature_names is None:
            raise AttributeError(f"{OWNER!r} object has no attribute 'feature_names_in_'")
        return self._learned.schema.feature_names

    @property
    def _learned(self) -> NoveltyResult:
        try:
            return vars(self)["_result"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no learned attributes before fit is called.") from None

    def _fitted(self) -> NoveltyResult:
        check_is_fitted(self)
        return self._result

    def __sklearn_is_fitted__(self) -> bool:
        return "_result" in vars(self)

    def _check_parameters(self) -> None:
        if self.autoencoder is not None and not isinstance(self.autoencoder, AutoencoderTransformer):
            raise invalid(OWNER, "autoencoder", "an AutoencoderTransformer or None", self.autoencoder)
        if not (isinstance(self.contamination, str) and self.contamination == "auto"):
            check_real(OWNER, "contamination", self.contamination, "(0.0, 0.5]", otherwise=" or 'auto'")
        check_integer(OWNER, "n_members", self.n_members, 2)
        check_choice(OWNER, "distance", self.distance, DISTANCES)

    def _samples(self, result: NoveltyResult, X: Any) -> SelectedRows:
        """X, checked, of the shape fitted."""
        refuse_sparse(X)
        estimator = result.schema.estimator(type(self).__name__)
        X = check_samples(estimator, X, reset=False, sample_shape=result.sample_shape)
        if X.shape[1:] != result.sample_shape:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}, but {OWNER} was fitted on samples of shape "
                f"{result.sample_shape}."
            )
        return selected(X)


@dataclass(frozen=True)
class NoveltyResult:
    """All that a fit learned.

    Parameters
    ----------
    schema : Schema
    sample_shape : tuple of int
    members : list of AutoencoderTransformer
    distance : str
    measures : list of Distance
        One per member.
    part_of : dict
        By the digest of every row of ``fit``: the member that was not trained on it.
    typical : ndarray of shape sample_shape
        Typical reconstruction error of every feature, in the units of X.
    median : float
        Median of the logarithms of the distances of the rows of ``fit``.
    offset : float
        Threshold of scores.
    """

    schema: Schema
    sample_shape: tuple[int, ...]
    members: list[AutoencoderTransformer]
    distance: str
    measures: list[Distance]
    part_of: dict[bytes, int]
    typical: np.ndarray
    median: float = 0.0
    offset: float = 0.0


def fit_novelty(novelty: AutoencoderNovelty, X: Any, groups: Any) -> NoveltyResult:
    """Train the members on X, each without a part of it, and learn distances and the threshold."""
    refuse_sparse(X)
    X, schema = read_samples(OWNER, X)
    X = selected(X)
    if len(X) < 4:
        raise ValueError(f"Members need rows to train on and rows held out: at least 4, got n_samples={len(X)}.")
    groups = encode_groups(groups, len(X))
    if groups is not None and groups.max() == 0:
        raise ValueError("All rows are of one group, but members need others to be scored on. Pass 2 groups or more.")
    random = check_random_state(novelty.random_state)
    seed = random.randint(2**31 - 1)
    whole = prepared(novelty.autoencoder, X, seed)
    rows = Rows(X, infer_layout(whole, X), torch.device("cpu"))
    parts = split(X, row_groups(rows, groups), novelty.n_members, seed)
    seeds = random.randint(2**31 - 1, size=len(parts))
    members = [trained(whole, X, rest, part, s) for (rest, part), s in zip(parts, seeds, strict=True)]
    part_of = {key: number for number, (_, part) in enumerate(parts) for key in keys(X.at(part))}
    typical_error, measures = learn_distances(members, X, parts, seed, novelty.distance)
    result = NoveltyResult(schema, X.shape[1:], members, novelty.distance, measures, part_of, typical_error)
    logs = log_distances(result, X)
    median = np.median(logs)
    return replace(result, median=median, offset=threshold(logs, median, novelty.contamination))


def refuse_sparse(X: Any) -> None:
    """Raise TypeError if X is sparse."""
    if hasattr(X, "toarray"):
        raise TypeError("Sparse rows are not supported. Pass X.toarray().")


def selected(X: Any) -> SelectedRows:
    """All rows of checked X; read as float64, in which -0.0 and 0.0 are one row."""
    return SelectedRows(as_array(X) if isinstance(X, torch.Tensor) else X, np.arange(len(X)))


def learn_distances(
    members: list[AutoencoderTransformer], X: SelectedRows, parts: list, seed: int, distance: str
) -> tuple[np.ndarray, list[Distance]]:
    """Typical errors in the shape of a sample, and for every member the rows it compares with and how errors vary.

    How errors vary is learned from the parts of the other members. A whitening learned from errors of its own part
    would fit these, not those of new rows, and the threshold would be too low: by far if columns are as many as rows.
    """
    random = np.random.RandomState(seed)
    errors = [errors_of(member, X.at(part)) for member, (_, part) in zip(members, parts, strict=True)]
    scale = np.broadcast_to(members[0]._result.layout.scaling.scale.cpu().numpy(), (math.prod(X.shape[1:]),))
    typical_error = (typical(sum_of(errors)) * scale).reshape(X.shape[1:])
    measures = []
    for number, (rows, _) in enumerate(parts):
        others = sum_of(errors[:number] + errors[number + 1 :])
        kept = X[random.permutation(rows)[:KEPT_ROWS]] if distance == "neighbors" else None
        measures.append(Distance(members[number], others, kept))
    return typical_error, measures


def threshold(logs: np.ndarray, median: float, contamination: float | str) -> float:
    """The score below which rows are unusual, from logarithms of distances and their median."""
    if isinstance(contamination, str):
        low, high, highest = np.percentile(logs, [25, 75, 99])
        return float(-np.exp(min(highest, high + 1.5 * (high - low)) - median))
    return float(np.percentile(-np.exp(logs - median), 100 * contamination))


def log_distances(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Logarithms of distances (n,), averaged over the members that may judge a row."""
    logs = np.zeros(len(X))
    for number, weights in enumerate(member_weights(result, X)):
        judged = np.flatnonzero(weights)
        for few in (judged[some] for some in slices_of(X.at(judged))):
            distances = result.measures[number].measure(X[few], result.distance)
            logs[few] += weights[few] * np.log(np.maximum(distances, TINY))
    return logs


def member_weights(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Weights of the members (n_members, n): equal, but for rows of ``fit`` the one that was not trained on it."""
    n_members = len(result.members)
    weights = np.full((n_members, len(X)), 1 / n_members)
    for index, key in enumerate(keys(X)):
        if key in result.part_of:
            weights[:, index] = 0.0
            weights[result.part_of[key], index] = 1.0
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
        layout = infer_layout(whole, X)
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
