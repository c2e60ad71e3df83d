"""Groups of dependent rows, one label per row: for the validation split, its significance test and cross-validation.

Groups are given by the caller, or detected: equal rows, clusters of near duplicates (repeated measurements, augmented
copies), and blocks of consecutive rows (overlapping windows, time series, video frames).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from skae._parameters import warn
from skae.data import Rows, slice_length

from .batches import Part, equal_rows

# Numbers of rows: QUERIES are compared with REFERENCES, in runs of RUN consecutive rows if X has more. FEWEST is the
# least for any detection.
QUERIES, REFERENCES, FEWEST, RUN = 500, 5000, 40, 50
REFERENCE_BYTES = 64 * 2**20
# Distances below this share of the median distance are rounding errors.
ROUNDING = 1e-3
# Rows in order are dependent if, for more than MOST of them, a row at most NEXT places away is nearer than all rows
# more than APART places (or a tenth of all) away. In random order this holds for about 2 * NEXT / n of the rows, for
# few rows sorted by class for half of them. Fewer than FEWEST_IN_ORDER rows often satisfy it by chance.
NEXT, APART, MOST, FEWEST_IN_ORDER = 2, 16, 0.5, 100
# The range of dependence ends where the distance of rows reaches the share REACHED of the distance of distant rows. A
# block is BLOCK_RANGES times as long, and there are FEWEST_BLOCKS to MOST_BLOCKS. Its end moves to the longest step
# between consecutive rows if that exceeds JUMP times the median step: a new subject may begin there.
REACHED, BLOCK_RANGES, FEWEST_BLOCKS, MOST_BLOCKS, JUMP = 0.9, 4, 10, 100, 1.5
# A row is in an isolated cluster if the nearest row outside is ``gap`` times farther away than the farthest row inside,
# and the cluster has at most LARGEST_CLUSTER of the rows. Independent rows on a line, the worst case, are isolated with
# probability 1 - prod(1 - gap**-k). Rows are near duplicates if more are isolated, by SIGMAS standard errors.
GAPS, LARGEST_CLUSTER, SIGMAS = (2.0, 3.0, 5.0, 9.0), 0.3, 6.0
# A column with fewer distinct values than the share DISCRETE of the rows is discrete. Discrete columns are left out if
# the other columns differ for the share UNEQUAL of the rows.
DISCRETE, UNEQUAL = 0.1, 0.98


def row_groups(rows: Rows, given: np.ndarray | None = None, silent: bool = False) -> np.ndarray | None:
    """A label per row (n,): ``given``, or detected, with a warning unless ``silent``; None if rows seem independent."""
    if given is not None:
        return given
    distinct, place = distinct_rows(rows)
    sample = Sample.of(rows, distinct)
    labels = None if sample is None else sample.cluster_labels(rows, distinct)
    reason = "many are near duplicates of others"
    if labels is None and sample is not None and sample.is_ordered:
        labels = block_labels(rows, distinct, sample.block_length(len(distinct)))
        reason = "most are near duplicates of those next to them"
    if labels is None:
        return place if len(distinct) < len(rows) else None
    if not silent:
        warn(
            f"The {len(rows)} rows of X do not seem independent: {reason}, as repeated measurements, overlapping "
            f"windows and augmented copies are. They are validated as {labels.max() + 1} groups. Pass the true groups "
            f"(subjects, series, originals): fit(X, groups=...). If new rows will be as near to rows of X, pass "
            f"groups=range(len(X))."
        )
    return labels[place]


def joined_groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Labels (n,), the same for rows that have the same label in either."""
    offset = first.max() + 1
    size = offset + second.max() + 1
    graph = coo_array((np.ones(len(first)), (first, offset + second)), shape=(size, size))
    return connected_components(graph, directed=False)[1][first]


def distinct_rows(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices of the distinct rows, and for each row the place of its equal among them."""
    _, first, labels = np.unique(equal_rows(Part.whole(rows)), return_index=True, return_inverse=True)
    distinct = np.sort(first)
    return distinct, np.searchsorted(distinct, first[labels])


@dataclass(frozen=True)
class Sample:
    """A sample of the distinct rows, and the distances of a few of them, the queries, from all of it."""

    x: Tensor  # (n, n_columns), scaled, without discrete columns
    columns: Tensor  # indices of these columns
    is_discrete: bool  # whether all columns are discrete
    indices: np.ndarray  # ascending places of the sample among the distinct rows
    queries: np.ndarray  # places of the queries in x
    distances: Tensor  # (n_queries, n)

    @classmethod
    def of(cls, rows: Rows, distinct: np.ndarray) -> Sample | None:
        """A sample of the rows at ``distinct``, the same in every call; None if they are too few."""
        if len(distinct) < FEWEST:
            return None
        random = np.random.RandomState(0)
        size = min(REFERENCES, max(FEWEST, REFERENCE_BYTES // (4 * rows.layout.n_features)))
        indices = np.arange(len(distinct))
        if len(distinct) > size:
            length = min(RUN, size // FEWEST_BLOCKS)
            starts = random.permutation(len(distinct) // length)[: size // length] * length
            indices = (np.sort(starts)[:, None] + np.arange(length)).ravel()
        x = flat(rows, distinct[indices])
        columns = continuous_columns(x, DISCRETE)
        is_discrete = len(continuous_columns(x, 2 * DISCRETE)) == 0
        hashes = (x[:, columns] * torch.sin(torch.arange(1.0, len(columns) + 1))).sum(1)
        if len(hashes.unique()) < UNEQUAL * len(x):
            columns = torch.arange(x.shape[1])
        x = x[:, columns]
        queries = np.sort(random.permutation(len(x))[:QUERIES])
        return cls(x, columns, is_discrete, indices, queries, pairwise_distances(x[queries], x))

    @property
    def lags(self) -> Tensor:
        """Distances in order (n_queries, n)."""
        indices = torch.from_numpy(self.indices.astype(np.int32))
        return (indices[self.queries][:, None] - indices).abs()

    @property
    def is_ordered(self) -> bool:
        """Whether most rows are nearer to the rows next to them than to all rows farther away in order."""
        # Strings and tables of categories are often sorted.
        if len(self.indices) < FEWEST_IN_ORDER or self.is_discrete:
            return False
        distances, lags = self.distances, self.lags
        # Rows may be sorted by a column, so only the other columns count.
        steps = self.x.diff(dim=0)
        is_sorted = (steps >= 0).all(0) | (steps <= 0).all(0)
        if bool(is_sorted.all()):
            return False
        if bool(is_sorted.any()):
            x = self.x[:, ~is_sorted]
            distances = pairwise_distances(x[self.queries], x)
        near = distances.where((lags > 0) & (lags <= NEXT), torch.inf).amin(1)
        far = distances.where(lags > min(APART, len(self.indices) // 10), torch.inf).amin(1)
        return float((near < far).float().mean()) > MOST

    def block_length(self, n: int) -> int:
        """Rows per block of ``n`` rows in order, by the range over which they depend on each other."""
        lags = self.lags
        limit = REACHED * float(self.distances[lags > APART].median())
        reach = 1
        while reach < n // FEWEST_BLOCKS:
            at_reach = self.distances[lags == reach]
            if len(at_reach) == 0 or float(at_reach.median()) >= limit:
                break
            reach *= 2
        return max(1, min(max(BLOCK_RANGES * reach, n // MOST_BLOCKS), n // FEWEST_BLOCKS))

    def cluster_labels(self, rows: Rows, distinct: np.ndarray) -> np.ndarray | None:
        """Labels of the rows at ``distinct`` by clusters of near duplicates; None if there are no clusters."""
        gap = isolating_gap(self.distances)
        if gap is None:
            return None
        n = len(self.x)
        starts = range(0, n, QUERIES)
        parts = [cluster_edges(pairwise_distances(self.x[i : i + QUERIES], self.x), i, gap) for i in starts]
        sources, targets = np.concatenate(parts, axis=1)
        graph = coo_array((np.ones(len(sources), dtype=bool), (sources, targets)), shape=(n, n))
        n_clusters, labels = connected_components(graph, directed=False)
        if n_clusters < 2:
            return None
        if len(labels) == len(distinct):
            return labels
        # Rows outside the sample belong to the cluster of the nearest row in it.
        nearest = np.empty(len(distinct), dtype=np.intp)
        for start in range(0, len(distinct), QUERIES):
            x = flat(rows, distinct[start : start + QUERIES])[:, self.columns]
            nearest[start : start + QUERIES] = torch.cdist(x, self.x).argmin(1).numpy()
        return np.unique(labels[nearest], return_inverse=True)[1].ravel()


def flat(rows: Rows, indices: np.ndarray) -> Tensor:
    """Scaled rows at ascending indices as (n, n_features) on the CPU; missing values are 0, the mean."""
    x = rows.take(indices).flatten(1).cpu()
    return x.nan_to_num_() if rows.layout.has_missing else x


def continuous_columns(x: Tensor, discrete: float) -> Tensor:
    """Indices of the columns with distinct values in at least the share ``discrete`` of the rows."""
    values = x[:QUERIES].sort(0).values
    n_distinct = 1 + (values.diff(dim=0) > 0).sum(0)
    return torch.nonzero(n_distinct >= discrete * len(values))[:, 0]


def pairwise_distances(queries: Tensor, x: Tensor) -> Tensor:
    """Euclidean distances (n_queries, n), clipped from below at the size of rounding errors."""
    distances = torch.cdist(queries, x)
    return distances.clamp_(min=ROUNDING * float(distances.median()))


def isolating_gap(distances: Tensor) -> float | None:
    """The gap by which more rows are isolated than independent rows would be; ``distances`` are (n_queries, n)."""
    n = len(distances)
    ratios = gap_ratios(distances.sort(1).values).amax(1)
    for gap in GAPS:
        expected = 1 - np.prod(1 - gap ** -np.arange(1.0, 40))
        error = np.sqrt(expected * (1 - expected) / n)
        if float((ratios >= gap).float().mean()) > expected + SIGMAS * error:
            return gap
    return None


def gap_ratios(ascending: Tensor) -> Tensor:
    """Ratios (n_queries, k) of consecutive distances in ascending order, without the distance of a row from itself."""
    end = max(2, int(LARGEST_CLUSTER * ascending.shape[1]))
    return ascending[:, 2 : end + 1] / ascending[:, 1:end]


def cluster_edges(distances: Tensor, start: int, gap: float) -> np.ndarray:
    """Pairs (2, m) of rows in one isolated cluster, from the distances of rows from ``start`` on to all rows."""
    ascending, order = distances.sort(1)
    isolated = gap_ratios(ascending) >= gap
    size = (isolated * torch.arange(1, isolated.shape[1] + 1)).amax(1)
    is_inside = torch.arange(distances.shape[1]) <= size[:, None]
    queries = torch.arange(start, start + len(distances))[:, None].expand_as(order)
    return torch.stack([queries[is_inside], order[is_inside]]).numpy()


def block_labels(rows: Rows, distinct: np.ndarray, length: int) -> np.ndarray:
    """Labels of blocks of about ``length`` consecutive rows, which end at jumps between rows if there are any."""
    cuts = np.arange(length, len(distinct) - length // 2, length)
    if rows.in_memory:
        steps = step_sizes(rows, distinct)
        limit = JUMP * np.median(steps)
        for index, cut in enumerate(cuts.tolist()):
            first = max(1, cut - length // 2)
            near = steps[first : cut + length // 2 + 1]
            cuts[index] = first + near.argmax() if near.max() > limit else cut
        cuts = np.unique(cuts)
    return np.searchsorted(cuts, np.arange(len(distinct)), side="right")


def step_sizes(rows: Rows, distinct: np.ndarray) -> np.ndarray:
    """The distance of every row from the previous one (n,); 0 for the first."""
    steps = np.zeros(len(distinct))
    length = slice_length(rows.layout.n_features)
    for start in range(1, len(distinct), length):
        x = flat(rows, distinct[start - 1 : start + length])
        steps[start : start + length] = x.diff(dim=0).norm(dim=1).numpy()
    return steps
