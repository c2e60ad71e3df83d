"""Which rows depend on each other: one group label per row, for the split, for the test and for cross-validation.

Groups are the caller's, or found: equal rows, clusters of near copies (repeated measurements, augmented copies), blocks
of rows in order (overlapping windows, time series, consecutive video frames).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import block_array, coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from skae._parameters import warn
from skae.data import Rows, slice_length

from .batches import Part, equal_rows

# So many rows are compared with so many others, all or in runs of RUN rows; of fewer than FEWEST nothing is said.
QUERIES, REFERENCES, FEWEST, RUN = 500, 5000, 40, 50
REFERENCE_BYTES = 64 * 2**20
# Distances below this share of the median one are rounding.
ROUNDING = 1e-3
# Rows in order depend on each other where, for more than MOST of them, one of those up to NEXT places away is nearer
# than all rows more than APART places away, or a tenth of all. In any other order this holds for about 2 * NEXT / n
# of the rows; of few rows in the order of their classes for half. Fewer than FEWEST_IN_ORDER are often made in order.
NEXT, APART, MOST, FEWEST_IN_ORDER = 2, 16, 0.5, 100
# The range of dependence ends where the distance of rows reaches this share of that between distant ones. A block is
# BLOCK_RANGES times as long, and there are FEWEST_BLOCKS to MOST_BLOCKS of them. Its end moves to where the step from
# one row to the next is the longest, if it is more than JUMP times the median step: there a subject may end.
REACHED, BLOCK_RANGES, FEWEST_BLOCKS, MOST_BLOCKS, JUMP = 0.9, 4, 10, 100, 1.5
# A row is in an isolated cluster where the nearest row outside is ``gap`` times farther away than the farthest within,
# and the cluster has at most LARGEST_CLUSTER of the rows. With independent rows on a line, where most rows are, this
# has the probability 1 - prod(1 - gap**-k). Rows are near copies where more are by SIGMAS standard errors.
GAPS, LARGEST_CLUSTER, SIGMAS = (2.0, 3.0, 5.0, 9.0), 0.3, 6.0
# A column with fewer distinct values than this share of the rows is discrete, and left out if the others tell so many
# of the rows apart.
DISCRETE, UNEQUAL = 0.1, 0.98


def row_groups(rows: Rows, given: np.ndarray | None = None, silent: bool = False) -> np.ndarray | None:
    """A group label for every row (n,), or None where all rows seem to be independent.

    ``given`` are the caller's own groups, which decide alone. Warns, unless ``silent``, where rows are near copies.
    """
    if given is not None:
        return given
    distinct, place = distinct_rows(rows)
    sample = Sample.of(rows, distinct)
    found = None if sample is None else sample.near_copies(rows, distinct)
    what = "many are near copies of others"
    if found is None and sample is not None and sample.is_ordered:
        found, what = (
            blocks(rows, distinct, sample.block_length(len(distinct))),
            "most are near copies of those next to them",
        )
    if found is None:
        return place if len(distinct) < len(rows) else None
    if not silent:
        warn(
            f"The {len(rows)} rows of X do not seem independent: {what}, as repeated measurements, overlapping windows "
            f"and augmented copies are. They are validated as {found.max() + 1} groups. Pass the true groups "
            f"(subjects, series, originals): fit(X, groups=...). If new rows will be as near to rows of X, pass "
            f"groups=range(len(X))."
        )
    return found[place]


def joined_groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Labels (n,), the same for rows that have the same label in either."""
    graph = coo_array((np.ones(len(first)), (first, second)))
    offset = graph.shape[0]
    whole = block_array([[None, graph], [graph.T, None]])
    return connected_components(whole, directed=False)[1][:offset][first]


def distinct_rows(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices of rows that no row before is equal to, and for every row which of these it is equal to."""
    equal = equal_rows(Part.whole(rows))
    if len(equal) == 0:
        return np.arange(len(rows)), np.arange(len(rows))
    first = np.unique(equal, return_index=True)[1]
    distinct = np.sort(first)
    return distinct, np.searchsorted(distinct, first[equal])


@dataclass(frozen=True)
class Sample:
    """Some of the distinct rows, and the distances of a few from all of them.

    Parameters
    ----------
    x : Tensor of shape (n, n_columns)
        Scaled, without discrete columns.
    columns : Tensor of shape (n_columns,)
        Those of the scaled rows that x has.
    is_discrete : bool
        Whether all columns are discrete.
    indices : ndarray of shape (n,)
        Places in the order of the distinct rows, ascending.
    queries : ndarray of shape (n_queries,)
        Positions in x of the rows that are compared with all of x.
    distances : Tensor of shape (n_queries, n)
    """

    x: Tensor
    columns: Tensor
    is_discrete: bool
    indices: np.ndarray
    queries: np.ndarray
    distances: Tensor

    @classmethod
    def of(cls, rows: Rows, distinct: np.ndarray) -> Sample | None:
        """A sample of the rows at ``distinct``, always the same; None of too few."""
        if len(distinct) < FEWEST:
            return None
        random = np.random.RandomState(0)
        most = min(REFERENCES, max(FEWEST, REFERENCE_BYTES // (4 * rows.layout.n_features)))
        indices = in_runs(len(distinct), most, random)
        x = flat(rows, distinct[indices])
        columns = continuous(x)
        is_discrete = len(continuous(x, 2 * DISCRETE)) == 0
        columns = columns if tell_apart(x[:, columns]) else torch.arange(x.shape[1])
        x = x[:, columns]
        queries = np.sort(random.permutation(len(x))[:QUERIES])
        return cls(x, columns, is_discrete, indices, queries, distances(x[queries], x))

    @property
    def is_ordered(self) -> bool:
        """Whether most rows are nearer to those next to them than to all that are farther away in order."""
        # Strings and tables of categories are often sorted.
        if len(self.indices) < FEWEST_IN_ORDER or self.is_discrete:
            return False
        x, found = self.x, self.distances
        # Rows may be sorted by a column. Then all others tell.
        sorted_by = is_sorted(x)
        if bool(sorted_by.all()):
            return False
        if bool(sorted_by.any()):
            x = x[:, ~sorted_by]
            found = distances(x[self.queries], x)
        lag = self._lags()
        apart = min(APART, len(self.indices) // 10)
        near = found.where((lag > 0) & (lag <= NEXT), torch.inf).amin(1)
        far = found.where(lag > apart, torch.inf).amin(1)
        return float((near < far).float().mean()) > MOST

    def block_length(self, n: int) -> int:
        """Rows of a block of ``n`` rows in order, by the range over which they depend on each other."""
        lag = self._lags()
        limit = REACHED * float(self.distances[lag > APART].median())
        reach = 1
        while reach < n // FEWEST_BLOCKS:
            at_reach = self.distances[lag == reach]
            if len(at_reach) == 0 or float(at_reach.median()) >= limit:
                break
            reach *= 2
        return max(1, min(max(BLOCK_RANGES * reach, n // MOST_BLOCKS), n // FEWEST_BLOCKS))

    def near_copies(self, rows: Rows, distinct: np.ndarray) -> np.ndarray | None:
        """Labels of the rows at ``distinct`` by their clusters of near copies; None where there are no clusters."""
        gap = isolating_gap(self.distances)
        if gap is None:
            return None
        parts = range(0, len(self.x), QUERIES)
        ends = np.concatenate([edges(distances(self.x[i : i + QUERIES], self.x), i, gap) for i in parts], axis=1)
        graph = coo_array((np.ones(ends.shape[1], dtype=bool), (ends[0], ends[1])), shape=(len(self.x),) * 2)
        n_clusters, labels = connected_components(graph, directed=False)
        if n_clusters < 2 or len(labels) == len(distinct):
            return labels if n_clusters > 1 else None
        # Rows that are not in the sample belong to the cluster of the nearest one that is.
        found = np.empty(len(distinct), dtype=np.intp)
        for start in range(0, len(distinct), QUERIES):
            part = flat(rows, distinct[start : start + QUERIES])[:, self.columns]
            found[start : start + QUERIES] = labels[torch.cdist(part, self.x).argmin(1).numpy()]
        return np.unique(found, return_inverse=True)[1].ravel()

    def _lags(self) -> Tensor:
        indices = torch.from_numpy(self.indices.astype(np.int32))
        return (indices[self.queries][:, None] - indices).abs()


def in_runs(n_rows: int, most: int, random: np.random.RandomState) -> np.ndarray:
    """Ascending indices of all rows, or of runs of rows next to each other, ``most`` in all."""
    if n_rows <= most:
        return np.arange(n_rows)
    length = min(RUN, most // FEWEST_BLOCKS)
    starts = random.permutation(n_rows // length)[: most // length] * length
    return (np.sort(starts)[:, None] + np.arange(length)).ravel()


def flat(rows: Rows, indices: np.ndarray) -> Tensor:
    """Scaled rows at ascending indices as (n, n_features) on the CPU."""
    x = torch.empty(len(indices), rows.layout.n_features)
    length = slice_length(rows.layout.n_features)
    for start in range(0, len(indices), length):
        x[start : start + length] = rows.take(indices[start : start + length]).flatten(1)
    return x


def continuous(x: Tensor, share: float = DISCRETE) -> Tensor:
    """Indices of the columns that are not discrete."""
    some = x[:QUERIES].sort(0).values
    n_distinct = 1 + (some.diff(dim=0) > 0).sum(0)
    return torch.nonzero(n_distinct >= share * len(some))[:, 0]


def is_sorted(x: Tensor) -> Tensor:
    """Whether a column (n_columns,) never falls, or never rises."""
    steps = x.diff(dim=0)
    return (steps >= 0).all(0) | (steps <= 0).all(0)


def tell_apart(x: Tensor) -> bool:
    """Whether nearly no rows are equal in these columns."""
    weights = torch.sin(torch.arange(1.0, x.shape[1] + 1))
    return len((x * weights).sum(1).unique()) >= UNEQUAL * len(x)


def distances(queries: Tensor, x: Tensor) -> Tensor:
    """Euclidean distances (n_queries, n); those that are rounding are all the same."""
    found = torch.cdist(queries, x)
    return found.clamp_(min=ROUNDING * float(found.median()))


def isolating_gap(found: Tensor) -> float | None:
    """By which gap more rows are isolated than independent rows would be; found are distances (n_queries, n)."""
    n = len(found)
    ratios = gaps(found.sort(1).values).amax(1)
    for gap in GAPS:
        expected = 1 - np.prod(1 - gap ** -np.arange(1.0, 40))
        error = np.sqrt(expected * (1 - expected) / n)
        if float((ratios >= gap).float().mean()) > expected + SIGMAS * error:
            return gap
    return None


def gaps(ascending: Tensor) -> Tensor:
    """How many times farther away the next row is (n_queries, k), of ascending distances; the first is a row's own."""
    most = max(2, int(LARGEST_CLUSTER * ascending.shape[1]))
    return ascending[:, 2 : most + 1] / ascending[:, 1:most]


def edges(found: Tensor, start: int, gap: float) -> np.ndarray:
    """Pairs (2, m) of rows of the same isolated cluster; found are distances of rows from ``start`` on to all."""
    ascending, order = found.sort(1)
    isolated = gaps(ascending) >= gap
    places = torch.arange(1, isolated.shape[1] + 1)
    size = (isolated * places).amax(1)
    within = torch.arange(found.shape[1]) <= size[:, None]
    queries = torch.arange(start, start + len(found))[:, None].expand_as(order)
    return torch.stack([queries[within], order[within]]).numpy()


def blocks(rows: Rows, distinct: np.ndarray, length: int) -> np.ndarray:
    """Labels of blocks of about ``length`` rows in order, which end where rows jump, if they do."""
    cuts = np.arange(length, len(distinct) - length // 2, length)
    if rows.in_memory:
        steps = steps_in_order(rows, distinct)
        most = JUMP * np.median(steps)
        for index, cut in enumerate(cuts.tolist()):
            first = max(1, cut - length // 2)
            near = steps[first : cut + length // 2 + 1]
            cuts[index] = first + near.argmax() if near.max() > most else cut
        cuts = np.unique(cuts)
    return np.searchsorted(cuts, np.arange(len(distinct)), side="right")


def steps_in_order(rows: Rows, distinct: np.ndarray) -> np.ndarray:
    """The distance of every row from the one before (n,); 0 for the first."""
    steps = np.zeros(len(distinct))
    length = slice_length(rows.layout.n_features)
    for start in range(1, len(distinct), length):
        x = flat(rows, distinct[start - 1 : start + length])
        steps[start : start + length] = x.diff(dim=0).norm(dim=1).numpy()
    return steps
