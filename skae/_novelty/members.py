"""The fit of ``AutoencoderNovelty``: parts of the rows, a member for each, its distances, and the threshold."""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from joblib import delayed
from sklearn.base import clone
from sklearn.model_selection import GroupKFold
from sklearn.utils import check_random_state

from skae._estimator.callbacks import subtask
from skae._estimator.settings import DENSE_FEATURES, check_parameters
from skae._estimator.transformer import AutoencoderTransformer
from skae._inputs.layout_inference import infer_layout, token_setting
from skae._inputs.schema import read_samples
from skae._inputs.validation import encode_groups
from skae.data import Rows, SelectedRows, TableColumns
from skae.training import Progress, components_for_share, joined_groups, parallel, row_groups

from .distances import Distance, ErrorSums, batch_slices, positions_and_errors, root_mean_square
from .scores import OWNER, NoveltyResult, digest_rows, error_scale, log_distances, select_all

if TYPE_CHECKING:
    from .novelty import AutoencoderNovelty

# The default bottleneck has as many components as PCA needs for this explained variance.
EXPLAINED_VARIANCE = 0.75
# Largest number of training rows that are searched for neighbors, per member.
MAX_NEIGHBOR_ROWS = 5000
# Digits of the logarithms of distances after the decimal point. Those of copies differ by rounding.
SAME_DIGITS = 6


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


def threshold(logs: np.ndarray, median: float, contamination: float | str) -> float:
    """Compute the threshold of scores from the logarithms of distances and their median."""
    if isinstance(contamination, str):
        # Most rows of flags and categories are copies. Their equal distances would have an interquartile range of 0.
        distinct = logs[np.unique(logs.round(SAME_DIGITS), return_index=True)[1]]
        low, high = np.percentile(distinct, [25, 75])
        return float(-np.exp(min(np.percentile(logs, 99), high + 1.5 * (high - low)) - median))
    return float(np.percentile(-np.exp(logs - median), 100 * contamination))


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


def sum_errors(member: AutoencoderTransformer, X: SelectedRows) -> ErrorSums:
    """Sum the errors of a member, in its scaling."""

    def sums(rows: np.ndarray) -> ErrorSums:
        return ErrorSums.of(positions_and_errors(member, rows)[1], np.isnan(rows).reshape(len(rows), -1))

    return add_errors(sums(X[batch]) for batch in batch_slices(X))


def add_errors(errors: Iterable[ErrorSums]) -> ErrorSums:
    return functools.reduce(operator.add, errors)
