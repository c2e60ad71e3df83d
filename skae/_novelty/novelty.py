"""``AutoencoderNovelty``: autoencoders, each trained without one part of the rows, and a threshold of their scores."""

from __future__ import annotations

import copy
import functools
import hashlib
import importlib
import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.model_selection import GroupKFold
from sklearn.utils import check_random_state

from skae._estimator.callbacks import CallbackSupportMixin, subtask, with_callbacks
from skae._estimator.html import HTMLMixin, html_facts
from skae._estimator.results import ResultMixin, learned
from skae._estimator.settings import DENSE_FEATURES, check_parameters
from skae._estimator.transformer import AutoencoderTransformer, convert_like
from skae._inputs.data_frames import FrameSchema, pandas_index
from skae._inputs.layout_inference import infer_layout, token_setting
from skae._inputs.schema import Schema, read_samples
from skae._inputs.validation import as_array, encode_groups
from skae._novelty.distances import (
    DISTANCES,
    TINY,
    Distance,
    ErrorSums,
    batch_slices,
    positions_and_errors,
    raw_features,
    root_mean_square,
)
from skae._parameters import check_choice, check_integer, check_nested, check_real, invalid, is_integer
from skae.data import Rows, SelectedRows, TableColumns, TableLayout
from skae.training import Progress, components_for_share, joined_groups, one_at_a_time, parallel, row_groups

OWNER = "AutoencoderNovelty"
# The default bottleneck has as many components as PCA needs for this explained variance.
EXPLAINED_VARIANCE = 0.75
# Largest number of training rows that are searched for neighbors, per member.
MAX_NEIGHBOR_ROWS = 5000
# Smaller distances to neighbors count as this one: those of copies of frequent rows are 0. Typical rows have length 1.
LEAST_DISTANCE = 1e-3
# Digits of the logarithms of distances after the decimal point. Those of copies differ by rounding.
SAME_DIGITS = 6


class AutoencoderNovelty(HTMLMixin, ResultMixin, CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Novelty detection by several autoencoders, with the methods of ``LocalOutlierFactor(novelty=True)``.

    ``fit`` splits the rows into ``n_members`` parts. For each part, one autoencoder, a member, is trained on all other
    parts. The score of a new row is an average over all members. A row of ``fit`` is scored, in every method, only by
    the member that was not trained on it, unless copies of it are in several parts. The threshold is computed from the
    scores of the rows of ``fit``.

    Parameters
    ----------
    autoencoder : AutoencoderTransformer, default=None
        It is cloned for each member, which has its own ``random_state``. The default has dense layers for samples of up
        to 4,096 values. Its bottleneck size is smaller than the number of features, and otherwise the size at which PCA
        explains 0.75 of the variance.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the rows of ``fit`` that are classified as anomalies. "auto" classifies rows above the fence of Tukey
        (1977), which is 1.5 interquartile ranges above the upper quartile of the logarithms of distances, and at least
        about 0.01 of the rows. Equal distances, which copies of rows have, count once.
    n_members : int, default=5
        Number of autoencoders, at least 2.
    distance : {"neighbors", "mahalanobis", "error"}, default="neighbors"
        "neighbors" is the mean distance to the five nearest training rows (Angiulli and Pizzuti, 2002), or to more if
        rows have copies. Each row is represented by its standardized columns (pictures and signals: its reconstruction)
        and its whitened reconstruction error, both scaled to a typical length of 1. Distances below 0.001, such as
        those of copies, count as 0.001. The distance thus measures both the position and the error of a row (Hubert,
        Rousseeuw and Vanden Branden, 2005). "mahalanobis" is the norm of the whitened error. "error" is the mean
        squared error in the scaling of the autoencoder. In each of them, a category that ``fit`` did not have is far
        from all others, also if it is encoded like rare ones.

        Errors of tables are whitened by their covariance (Ledoit and Wolf, 2004), computed on rows that the members
        were not trained on. Errors of pictures and signals are divided by one number instead.
    n_jobs : int, default=None
        Number of members that are trained in parallel, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the parts and of all members.
    verbose : int, default=0
        Above 0, show how many members are trained, and the time that is left: a bar in terminals and notebooks, and
        plain lines in other output. ``verbose`` of ``autoencoder`` shows the epochs of each member.

    Attributes
    ----------
    offset_ : float
        Threshold: scores below it are anomalies.
    members_ : list of AutoencoderTransformer
        The fitted members.
    distance_ : str
        The ``distance`` that ``fit`` used.
    n_components_ : int
        Bottleneck size of the first member.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the columns. Defined only if X is a data frame.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoencoderNovelty
    >>> X, y = load_wine(return_X_y=True)
    >>> novelty = AutoencoderNovelty(random_state=0).fit(X[y == 0])
    >>> set(novelty.predict(X[y == 2]).tolist())  # all wines of another class are anomalies
    {-1}
    """

    def __init__(
        self,
        autoencoder: AutoencoderTransformer | None = None,
        *,
        contamination: Literal["auto"] | float = "auto",
        n_members: int = 5,
        distance: Literal["neighbors", "mahalanobis", "error"] = "neighbors",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.autoencoder = autoencoder
        self.contamination = contamination
        self.n_members = n_members
        self.distance = distance
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params: Any) -> AutoencoderNovelty:
        """Set parameters. Write ``autoencoder__max_epochs`` for a parameter of the autoencoder."""
        check_nested(self, params, {"autoencoder": lambda *_: AutoencoderTransformer.__name__})
        return super().set_params(**params)

    @one_at_a_time
    @with_callbacks
    def fit(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> AutoencoderNovelty:
        """Train the members, each without one part of X, and compute the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            At least 4 samples, most of them normal. Sparse matrices are converted to dense batch by batch. Missing
            values (NaN) do not count in distances. Tokens are not supported.
        y : ignored
        groups : array-like of shape (n_samples,), default=None
            A label per row. Dependent rows share a label: rows of one subject or one series, or copies of one sample.
            All rows of a group are in one part, so no member scores rows of a group that it was trained on. Equal rows
            are in one part too, unless columns have so few values (flags, counts) that rows are equal by chance; near
            duplicates are detected as in :meth:`AutoencoderTransformer.fit`.

        Returns
        -------
        self : AutoencoderNovelty

        Raises
        ------
        ValueError, TypeError
            If a parameter, X or groups are invalid, or all rows are of one group.
        RuntimeError
            If another thread is fitting this estimator.
        """
        self._check_parameters()
        with Progress(min(int(self.verbose), 1), "member") as progress:
            self._result = fit_novelty(self, X, groups, progress)
        return self

    def score_samples(self, X: Any) -> Any:
        """Compute the score of each sample: minus its distance, divided by the median distance of the rows of ``fit``.

        Anomalies have low scores. The score is -1 at the median distance, and -2 at twice the median distance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
        """
        return convert_like(X, self._scores(self._get_result(), X))

    def decision_function(self, X: Any) -> Any:
        """Compute ``score_samples(X) - offset_``, float64 (n_samples,): negative values are anomalies."""
        result = self._get_result()
        return convert_like(X, self._scores(result, X) - result.offset)

    def predict(self, X: Any) -> np.ndarray:
        """Classify samples: -1 for anomalies, 1 for others, as an int array of shape (n_samples,)."""
        result = self._get_result()
        return np.where(self._scores(result, X) - result.offset < 0, -1, 1)

    def explain(self, X: Any, standardized: bool = False) -> Any:
        """Compute the reconstruction error of each feature: X minus its mean reconstruction, in the units of X.

        The mean is over all members. A row of ``fit`` is reconstructed only by the member that was not trained on it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        standardized : bool, default=False
            Whether to divide each error by the root mean square error of its feature on the rows of ``fit``. Features
            of different units are then comparable: the largest absolute value is at the most anomalous feature.

        Returns
        -------
        error : ndarray of the shape of X, float64; 0 for missing values
            A data frame with the columns and the index of X if X is a data frame. For a column of categories, it is the
            distance of its one-hot vector from the reconstructed probabilities, divided by the square root of 2: 0 if
            the category is certain, about 1 if another one is, or if it is a category that ``fit`` did not have. For
            booleans, it is the difference from the reconstructed probability. For dates and time spans, it is the share
            of their range in ``fit``.
        """
        result = self._get_result()
        form, index = FrameSchema.of(X), pandas_index(X)
        rows = self._samples(result, X)
        weights, error = member_weights(result, rows), np.empty(rows.shape)
        for batch in batch_slices(rows):
            samples = [raw_features(member, rows[batch]) for member in result.members]
            reconstruction = np.einsum("mn,mnf->nf", weights[:, batch], np.stack([after for _, after in samples]))
            errors = to_columns(result.members[0], samples[0][0] - reconstruction, rows[batch])
            error[batch] = errors.reshape(error[batch].shape)
        error[np.isnan(error)] = 0.0
        if standardized:
            error /= result.typical_error
        return convert_like(X, error) if form is None else to_data_frame(form, error, index)

    offset_: float = learned("offset", "Threshold of ``score_samples``.")
    members_: list[AutoencoderTransformer] = learned("members", "The fitted members.")
    distance_: str = learned("distance", "The ``distance`` that ``fit`` used.")

    @property
    def n_components_(self) -> int:
        """Bottleneck size of the first member."""
        return self._learned.members[0].n_components_

    def _html_details(self) -> str:
        members = self.members_
        facts = {
            "members": len(members),
            "of these, PCA": sum(member.is_pca_ for member in members),
            "n_components": self.n_components_,
            "distance": self.distance_,
            "threshold of score_samples": self.offset_,
        }
        return html_facts(facts)

    def _check_parameters(self) -> None:
        if self.autoencoder is not None and not isinstance(self.autoencoder, AutoencoderTransformer):
            raise invalid(OWNER, "autoencoder", "an AutoencoderTransformer or None", self.autoencoder)
        if not (isinstance(self.contamination, str) and self.contamination == "auto"):
            check_real(OWNER, "contamination", self.contamination, "(0.0, 0.5]", otherwise=" or 'auto'")
        check_integer(OWNER, "n_members", self.n_members, 2)
        check_choice(OWNER, "distance", self.distance, DISTANCES)
        if self.n_jobs is not None and (not is_integer(self.n_jobs) or self.n_jobs == 0):
            raise invalid(OWNER, "n_jobs", "an int other than 0, or None", self.n_jobs)
        check_integer(OWNER, "verbose", int(self.verbose) if self.verbose is True else self.verbose, 0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags

    def _scores(self, result: NoveltyResult, X: Any) -> np.ndarray:
        return -np.exp(log_distances(result, self._samples(result, X)) - result.median)

    def _samples(self, result: NoveltyResult, X: Any) -> SelectedRows:
        """Check X against the fitted schema and sample shape."""
        X = result.schema.check(type(self).__name__, X, result.sample_shape)
        if X.shape[1:] != result.sample_shape:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}, but {OWNER} was fitted on samples of shape "
                f"{result.sample_shape}."
            )
        return select_all(X)


@dataclass(frozen=True, eq=False)
class NoveltyResult:
    """The result of a fit."""

    schema: Schema
    sample_shape: tuple[int, ...]
    members: list[AutoencoderTransformer]
    distance: str
    # One per member.
    measures: list[Distance]
    # From the digest of a row of ``fit`` to the number of the member that was not trained on it.
    part_of: dict[bytes, int]
    # Root mean square error of each feature, in the units of X.
    typical_error: np.ndarray
    # Median of the logarithms of the distances of the rows of ``fit``.
    median: float = 0.0
    offset: float = 0.0


def fit_novelty(novelty: AutoencoderNovelty, X: Any, groups: Any, progress: Progress) -> NoveltyResult:
    """Train the members; learn distances and the threshold."""
    categorical_features = "from_dtype" if novelty.autoencoder is None else novelty.autoencoder.categorical_features
    X, schema = read_samples(OWNER, X, categorical_features)
    table = schema.table
    X = select_all(X)
    if len(X) < 4:
        raise ValueError(f"Members need training rows and validation rows: at least 4, got n_samples={len(X)}.")
    groups = encode_groups(groups, len(X))
    if groups is not None and groups.max() == 0:
        raise ValueError("All rows are of one group, but members are scored on other groups. Pass 2 groups or more.")
    random = check_random_state(novelty.random_state)
    seed = random.randint(2**31 - 1)
    autoencoder = prepare_autoencoder(novelty.autoencoder, X, seed, table)
    rows = Rows(X, infer_layout(autoencoder, X, table=table), torch.device("cpu"))
    if groups is None and has_chance_copies(X):
        groups = np.arange(len(X))
    parts = split_into_parts(X, row_groups(rows, groups), novelty.n_members, seed)
    seeds = random.randint(2**31 - 1, size=len(parts))
    members = train_members(novelty, autoencoder, X, parts, seeds, table, progress)
    with progress.stage("Computing distances and the threshold"):
        part_of = find_parts(X, parts)
        error, measures = learn_distances(members, X, parts, seed, novelty.distance)
        result = NoveltyResult(schema, X.shape[1:], members, novelty.distance, measures, part_of, error)
        logs = log_distances(result, X)
        median = np.median(logs)
        return replace(result, median=median, offset=threshold(logs, median, novelty.contamination))


def select_all(X: Any) -> SelectedRows:
    """Select all rows of checked X; they are read as float64, with 0.0 instead of -0.0."""
    return SelectedRows(as_array(X) if isinstance(X, torch.Tensor) else X, np.arange(len(X)))


def learn_distances(
    members: list[AutoencoderTransformer], X: SelectedRows, parts: list, seed: int, distance: str
) -> tuple[np.ndarray, list[Distance]]:
    """Learn the root mean square error of each feature, and the distance of each member."""
    random = np.random.RandomState(seed)
    errors = [sum_errors(member, X.at(part)) for member, (_, part) in zip(members, parts, strict=True)]
    feature_errors = (root_mean_square(add_errors(errors)) * error_scale(members[0])).reshape(X.shape[1:])
    measures = []
    for number, (train, _) in enumerate(parts):
        # A whitening learned from the part of this member would overfit: distances of the part, and the threshold,
        # would be too small, above all if there are many columns and few rows.
        other_errors = add_errors(errors[:number] + errors[number + 1 :])
        rows = X[random.permutation(train)[:MAX_NEIGHBOR_ROWS]] if distance == "neighbors" else None
        measures.append(Distance(members[number], other_errors, rows))
    return feature_errors, measures


def error_scale(member: AutoencoderTransformer) -> np.ndarray:
    """The factor of the errors of ``positions_and_errors`` (n_errors,) that gives those of ``explain``."""
    layout = member._result.layout
    scale = np.broadcast_to(layout.scaling.scale.cpu().numpy(), (layout.n_features,))
    if not isinstance(layout, TableLayout):
        return scale
    return scale[layout.columns.starts] * np.where(layout.columns.is_number, 1.0, math.sqrt(0.5))


def to_columns(member: AutoencoderTransformer, errors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Errors of features of rows (n, n_features), in the units of X, as errors of columns (n, n_columns)."""
    layout = member._result.layout
    if not isinstance(layout, TableLayout):
        return errors
    norms = layout.columns.column_norms(errors, layout.columns.is_unknown(rows).astype(np.float64))
    return norms * np.where(layout.columns.is_number, 1.0, math.sqrt(0.5))


def threshold(logs: np.ndarray, median: float, contamination: float | str) -> float:
    """Compute the threshold of scores from the logarithms of distances and their median."""
    if isinstance(contamination, str):
        # Most rows of flags and categories are copies. Their equal distances would have an interquartile range of 0.
        distinct = logs[np.unique(logs.round(SAME_DIGITS), return_index=True)[1]]
        low, high = np.percentile(distinct, [25, 75])
        return float(-np.exp(min(np.percentile(logs, 99), high + 1.5 * (high - low)) - median))
    return float(np.percentile(-np.exp(logs - median), 100 * contamination))


def log_distances(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Compute the logarithms of distances (n,), averaged over members with ``member_weights``."""
    logs, least = np.zeros(len(X)), LEAST_DISTANCE if result.distance == "neighbors" else TINY
    for number, weights in enumerate(member_weights(result, X)):
        rows = np.flatnonzero(weights)
        for batch in (rows[some] for some in batch_slices(X.at(rows))):
            distances = result.measures[number].measure(X[batch], result.distance)
            logs[batch] += weights[batch] * np.log(np.maximum(distances, least))
    return logs


def member_weights(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Compute weights (n_members, n): equal for new rows, and 1 or 0 for rows of ``fit``."""
    n_members = len(result.members)
    weights = np.full((n_members, len(X)), 1 / n_members)
    for index, digest in enumerate(digest_rows(X)):
        if digest in result.part_of:
            weights[:, index] = 0.0
            weights[result.part_of[digest], index] = 1.0
    return weights


def find_parts(X: SelectedRows, parts: list) -> dict[bytes, int]:
    """Find the part of each row by its digest. Rows with copies in several parts are scored by all members."""
    numbers: dict[bytes, set[int]] = {}
    for number, (_, part) in enumerate(parts):
        for digest in digest_rows(X.at(part)):
            numbers.setdefault(digest, set()).add(number)
    return {digest: min(found) for digest, found in numbers.items() if len(found) == 1}


def has_chance_copies(X: SelectedRows) -> bool:
    """Whether rows with the values of each column, drawn independently, would have copies, as flags and counts have."""
    rows = X[:MAX_NEIGHBOR_ROWS].reshape(min(len(X), MAX_NEIGHBOR_ROWS), -1)
    if len(set(digest_rows(X))) == len(X):
        return False
    counts = (np.unique(column, return_counts=True)[1] for column in rows.T)
    probability = math.prod(float(np.square(count / len(rows)).sum()) for count in counts)
    return probability * len(rows) * (len(rows) - 1) / 2 >= 1


def split_into_parts(
    X: SelectedRows, groups: np.ndarray | None, n_parts: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Make pairs of training rows and rows of a part. Rows of a group, and equal rows, are in one part if possible."""
    # Otherwise frequent rows would be scored by the one member that never saw their values.
    equal_rows = np.arange(len(X)) if has_chance_copies(X) else np.unique(digest_rows(X), return_inverse=True)[1]
    for labels in (equal_rows if groups is None else joined_groups(equal_rows, groups), groups, np.arange(len(X))):
        n_groups = 0 if labels is None else len(np.unique(labels))
        if n_groups > 1:
            break
    folds = GroupKFold(min(n_parts, n_groups), shuffle=True, random_state=seed)
    return list(folds.split(X, groups=labels))


def prepare_autoencoder(
    autoencoder: AutoencoderTransformer | None, X: SelectedRows, seed: int, table: TableColumns | None
) -> AutoencoderTransformer:
    """Clone the autoencoder, or make the default one for X; ValueError if it reads tokens."""
    # Several members are trained, so by default pictures use dense layers too, which are faster.
    default: Literal["dense", "auto"] = "dense" if math.prod(X.shape[1:]) <= DENSE_FEATURES else "auto"
    prepared = AutoencoderTransformer(architecture=default) if autoencoder is None else clone(autoencoder)
    check_parameters(prepared)
    if prepared.axes == "n" or token_setting(prepared):
        reason = token_setting(prepared) or "axes='n'"
        raise ValueError(f"{OWNER} compares numbers, not tokens. Pass an autoencoder without {reason}.")
    if autoencoder is None:
        layout = infer_layout(prepared, X, table=table)
        n_pca = components_for_share(Rows(X, layout, torch.device("cpu"), keep=True), EXPLAINED_VARIANCE, seed)
        prepared.n_components = max(1, min(n_pca, layout.n_features - 1, len(X) // 2))
    return prepared


def train_members(
    novelty: AutoencoderNovelty,
    autoencoder: AutoencoderTransformer,
    X: SelectedRows,
    parts: list[tuple[np.ndarray, np.ndarray]],
    seeds: np.ndarray,
    table: TableColumns | None,
    progress: Progress,
) -> list[AutoencoderTransformer]:
    """Train a member per part, and report them to the callbacks of scikit-learn."""
    members = []
    context = novelty._init_callback_context(max_subtasks=len(parts))
    if context is not None:
        context.call_on_fit_task_begin(estimator=novelty, X=X, y=None)
    tasks = [context and context.subcontext(task_name="member") for _ in parts]
    # Workers do not need an earlier result.
    unfitted = None if context is None else copy_without_result(novelty)
    progress.begin(len(parts))
    # The array itself is an argument, so that joblib sends it to a cluster once. Indices are in a tuple: with dask,
    # joblib keeps an array on one worker, and it would be lost with this worker.
    for member in parallel(novelty.n_jobs, novelty.verbose)(
        delayed(train_member)(autoencoder, X.X, rows, int(seed), table, unfitted, task)
        for rows, seed, task in zip(map(tuple, parts), seeds, tasks, strict=True)
    ):
        members.append(member)
        progress.step()
    if context is not None:
        context.call_on_fit_task_end(estimator=novelty, X=X, y=None)
    return members


def train_member(
    autoencoder: AutoencoderTransformer,
    X: Any,
    rows: tuple[np.ndarray, np.ndarray],
    seed: int,
    table: TableColumns | None,
    novelty: Any,
    task: Any,
) -> AutoencoderTransformer:
    """Train a member on rows of checked X: ``rows`` are indices of training rows, and of the validation set.

    ``task`` of ``novelty`` reports the fit to the callbacks of scikit-learn; None if there are none.
    """
    train, part = rows
    # Ctrl-C ends the fit of all members.
    member = clone(autoencoder).set_params(random_state=seed, on_interrupt="raise")
    member._reports_pca, member._table = False, table
    with subtask(novelty, task, X, None) as propagate, propagate(member):
        member.fit(SelectedRows(X, train), X_val=SelectedRows(X, part) if member.early_stopping else None)
    del member._reports_pca, member._table
    return member


def copy_without_result(novelty: AutoencoderNovelty) -> AutoencoderNovelty:
    copied = copy.copy(novelty)
    copied.__dict__.pop("_result", None)
    return copied


def digest_rows(X: SelectedRows) -> list[bytes]:
    """Compute a digest of each row, which is the same in all processes."""
    return [hashlib.blake2b(row.tobytes(), digest_size=12).digest() for batch in batch_slices(X) for row in X[batch]]


def sum_errors(member: AutoencoderTransformer, X: SelectedRows) -> ErrorSums:
    """Sum the errors of a member, in its scaling."""

    def sums(rows: np.ndarray) -> ErrorSums:
        return ErrorSums.of(positions_and_errors(member, rows)[1], np.isnan(rows).reshape(len(rows), -1))

    return add_errors(sums(X[batch]) for batch in batch_slices(X))


def add_errors(errors: Iterable[ErrorSums]) -> ErrorSums:
    return functools.reduce(operator.add, errors)


def to_data_frame(form: FrameSchema, rows: np.ndarray, index: Any) -> Any:
    """Convert rows of float64 to a data frame with the library and the columns of ``form``."""
    library = importlib.import_module(form.library)
    if form.library == "pyarrow":
        return library.table(list(rows.T), names=list(form.names))
    if form.library == "pandas":
        return library.DataFrame(rows, columns=form.pandas_columns(), index=index)
    return library.DataFrame(rows, schema=list(form.names))
