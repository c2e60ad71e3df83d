"""Columns of a table that are not numbers: categories, dates and booleans, as numbers and back."""

from __future__ import annotations

import datetime
import functools
import math
from collections import Counter
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from sklearn.preprocessing import OrdinalEncoder

from skae.data import LIKE_RARE, UNKNOWN

MAX_CATEGORIES = 255
# Categories of fewer rows than this number, or than this share of all rows, are rare: they share one code.
RARE_ROWS, RARE_SHARE = 2, 1e-3
MISSING = ("NoneType", "NAType", "NaTType")
# Families of values; booleans, complex numbers and numpy's time spans are numbers to Python or numpy.
FAMILIES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "booleans": (bool, np.bool_),
    "complex numbers": (complex, np.complexfloating),
    "time spans": (datetime.timedelta, np.timedelta64),
    "numbers": (Number, np.number),
    "dates": (datetime.date, np.datetime64),
}
# The same by the kind of a numpy dtype; others are numbers.
FAMILIES_OF_KINDS = {
    "U": "text", "S": "bytes", "b": "booleans", "c": "complex numbers", "M": "dates", "m": "time spans"
}  # fmt: skip
# Dates and time spans that every library holds, in nanoseconds too.
LIMITS = {
    "M": np.array(["1678-01-01", "2262-01-01"], dtype="datetime64[D]"),
    "m": np.array([-106000, 106000], dtype="timedelta64[D]"),
}


@dataclass(frozen=True)
class Categories:
    """A column of categories: the ``values`` of the fitted rows in ascending order, and the number of rows of each."""

    values: tuple[Any, ...]
    counts: tuple[int, ...]

    @classmethod
    def learn(cls, name: Any, values: np.ndarray) -> Categories:
        """The categories of a column; ValueError or TypeError, which names it, if they are too many or mixed."""
        observed = values[~find_missing(values)]
        check_finite_categories(name, observed)
        try:
            counts = Counter(observed.tolist())
            ordered = sorted(counts)
        except TypeError as error:
            raise TypeError(
                f"Column {name!r} of X holds {observed[0]!r} of type {type(observed[0]).__name__}, which is no "
                f"category: {error}. Convert it to text: X[{name!r}].astype(str)."
            ) from error
        if len(counts) > MAX_CATEGORIES:
            raise ValueError(
                f"Column {name!r} of X has {len(counts)} different categories, more than {MAX_CATEGORIES}. Drop it, "
                f"merge categories, or convert it to numbers; for free text, put skae.text.CharacterEncoder before an "
                f"autoencoder of this column."
            )
        return cls(tuple(ordered), tuple(counts[value] for value in ordered))

    @functools.cached_property
    def is_rare(self) -> np.ndarray:
        """Whether each value has the code of rare categories; none if fewer than two others would remain."""
        counts = np.array(self.counts)
        is_rare = counts < max(RARE_ROWS, RARE_SHARE * counts.sum())
        return is_rare if (~is_rare).sum() > 1 else np.zeros_like(is_rare)

    @functools.cached_property
    def encoder(self) -> OrdinalEncoder:
        """Converts values to codes: those of frequent categories in order, then that of rare ones; -1 is unknown."""
        repeated = [
            value for value, rare in zip(self.values, self.is_rare, strict=True) for _ in range(1 if rare else 2)
        ]
        min_frequency = 2 if self.is_rare.any() else None
        unknown = LIKE_RARE if self.is_rare.any() else UNKNOWN
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=unknown, min_frequency=min_frequency)
        # Arrays, also if scikit-learn's configuration asks for data frames.
        return encoder.set_output(transform="default").fit(object_column(repeated))

    @functools.cached_property
    def members(self) -> list[np.ndarray]:
        """Indices of the values of each code, the most frequent first."""
        frequent = [np.array([index]) for index in np.flatnonzero(~self.is_rare)]
        rare = np.flatnonzero(self.is_rare)
        order = np.argsort(-np.array(self.counts)[rare], kind="stable")
        return [*frequent, rare[order]] if len(rare) else frequent

    @property
    def size(self) -> int:
        """Number of codes."""
        return max(1, len(self.members))

    def encode(self, name: Any, values: np.ndarray) -> np.ndarray:
        """Codes (n,), float64, of values: NaN if missing, LIKE_RARE if unknown, or UNKNOWN without rare ones."""
        missing = find_missing(values)
        check_family(name, values[~missing], self.values)
        check_finite_categories(name, values[~missing])
        codes = np.full(len(values), np.nan)
        if self.values and not missing.all():
            codes[~missing] = self.encoder.transform(object_column(values[~missing]))[:, 0]
        return codes

    def find_new(self, values: np.ndarray) -> list[Any]:
        """Values of a column that the fitted rows did not have."""
        return sorted(set(values[~find_missing(values)].tolist()) - set(self.values))

    def decode(self, codes: np.ndarray, random: np.random.RandomState | None = None) -> np.ndarray:
        """Values (n,), objects, of codes: the most frequent one of the rare ones, or drawn by frequency."""
        chosen = np.array([members[0] for members in self.members])[codes.astype(np.intp)]
        if random is not None and self.is_rare.any():
            rare, counts = self.members[-1], np.array(self.counts, dtype=np.float64)
            drawn = codes == self.size - 1
            chosen[drawn] = random.choice(rare, size=int(drawn.sum()), p=counts[rare] / counts[rare].sum())
        return object_column(self.values)[chosen, 0]


@dataclass(frozen=True)
class Dates:
    """A column of dates ("M") or time spans ("m") as the share of the range of the fitted rows, from ``origin`` on.

    ``origin``, ``span`` and ``step`` are numbers of ``unit``; all fitted dates are multiples of ``step`` apart. Dates
    with a time zone are in UTC.
    """

    kind: str
    unit: str
    origin: int
    span: int
    step: int
    has_zone: bool = False

    @classmethod
    def learn(cls, values: np.ndarray, has_zone: bool = False) -> Dates:
        """The range of the dates of a column."""
        unit = np.datetime_data(values.dtype)[0]
        numbers = to_integers(values[~np.isnat(values)], unit)
        origin = int(numbers.min()) if len(numbers) else 0
        distances = numbers - origin
        span, step = (int(distances.max()), int(np.gcd.reduce(distances))) if len(numbers) else (0, 0)
        return cls(values.dtype.kind, unit, origin, max(span, 1), max(step, 1), has_zone)

    def encode(self, name: Any, values: np.ndarray, has_zone: bool = False) -> np.ndarray:
        """Shares (n,), float64; NaN for missing dates. ValueError, which names the column, for other values."""
        missing, expected = find_missing(values), FAMILIES_OF_KINDS[self.kind]
        family = family_of(name, values[~missing])
        if family != expected:
            raise changed_error(name, expected, family)
        if values.dtype.kind == "O":
            zones = {getattr(value, "tzinfo", None) is not None for value in values[~missing]}
            if len(zones) > 1:
                raise ValueError(f"Column {name!r} of X mixes dates with and without a time zone.")
            has_zone = True in zones
            dates = np.full(len(values), "NaT", dtype=f"{self.kind}8[{self.unit}]")
            dates[~missing] = np.array([without_zone(value) for value in values[~missing]], dtype=dates.dtype)
            values = dates
        if has_zone != self.has_zone:
            now, before = (f"dates {'with' if zone else 'without'} a time zone" for zone in (has_zone, self.has_zone))
            raise ValueError(
                f"Column {name!r} of X held {before} in fit, and holds {now} now. Add or remove the time zone first: "
                f"X[{name!r}].dt.tz_localize('UTC') or .dt.tz_localize(None) in pandas; dt.replace_time_zone in polars."
            )
        shares = np.full(len(values), np.nan)
        shares[~missing] = (to_integers(values[~missing], self.unit) - self.origin) / self.span
        return shares

    def decode(self, shares: np.ndarray) -> np.ndarray:
        """Dates (n,) of shares, rounded to ``step``."""
        low, high = LIMITS[self.kind].astype(f"{self.kind}8[{self.unit}]").astype(np.int64).tolist()
        low, high = min(low, self.origin), max(high, self.origin + self.span)
        steps = np.rint(shares * (self.span / self.step))
        steps = np.clip(steps, math.ceil((low - self.origin) / self.step), math.floor((high - self.origin) / self.step))
        return (steps.astype(np.int64) * self.step + self.origin).astype(f"{self.kind}8[{self.unit}]")


@dataclass(frozen=True)
class Booleans:
    """A column of booleans as 0 and 1."""

    def encode(self, name: Any, values: np.ndarray) -> np.ndarray:
        """0.0, 1.0 and NaN for missing ones, (n,); ValueError, which names the column, for other numbers."""
        numbers = to_floats(name, values, "booleans")
        other = numbers[~np.isin(numbers, (0, 1)) & ~np.isnan(numbers)]
        if len(other):
            raise ValueError(
                f"Column {name!r} of X held booleans in fit, and holds {other[0]:g} now. Pass booleans, or 0 and 1."
            )
        return numbers

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Booleans (n,) of numbers."""
        return numbers > 0.5


def to_floats(name: Any, values: np.ndarray, expected: str = "numbers") -> np.ndarray:
    """Numbers as float64; ValueError, which names the column and the ``expected`` values, if there is another value."""
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    missing = find_missing(values)
    numbers = np.full(len(values), np.nan)
    family = family_of(name, values[~missing])
    try:
        if family not in ("numbers", "booleans", "text", ""):
            raise ValueError(family)
        numbers[~missing] = values[~missing].astype(np.float64)
    except ValueError as error:
        raise changed_error(name, expected, family) from error
    return numbers


def find_missing(values: np.ndarray) -> np.ndarray:
    """Whether each value is None, NaN, NaT or the NA of pandas, (n,)."""
    if values.dtype.kind not in "OT":
        return values != values
    entries = values.tolist()
    missing = tuple(kind for kind in set(map(type, entries)) if kind.__name__ in MISSING)
    found = (isinstance(entry, missing) or (isinstance(entry, float) and entry != entry) for entry in entries)
    return np.fromiter(found, bool, len(entries))


def family_of(name: Any, observed: np.ndarray) -> str:
    """The family of the values of a column, one of FAMILIES or the name of their type, "" if there are none; TypeError,
    which names the column, if they are of several families."""
    found: dict[str, Any] = {}
    if observed.dtype.kind in "OT":
        for kind in set(map(type, observed.tolist())):
            family = next((name for name, kinds in FAMILIES.items() if issubclass(kind, kinds)), kind.__name__)
            found[family] = kind
    elif len(observed):
        found[FAMILIES_OF_KINDS.get(observed.dtype.kind, "numbers")] = observed.dtype
    if len(found) > 1:
        types = " and ".join(sorted(kind.__name__ for kind in found.values()))
        raise TypeError(
            f"Column {name!r} of X mixes values of types {types}. Convert it to one type: X[{name!r}].astype(str) for "
            f"categories, or pandas.to_numeric(X[{name!r}], errors='coerce') for numbers."
        )
    return next(iter(found), "")


def check_family(name: Any, observed: np.ndarray, fitted: tuple[Any, ...]) -> None:
    """Raise ValueError, which names the column, if its values are of another family than the ``fitted`` ones."""
    family, expected = family_of(name, observed), family_of(name, object_column(fitted)[:, 0])
    is_number = {family, expected} <= {"numbers", "booleans"}
    if family and expected and family != expected and not is_number:
        raise changed_error(name, f"categories that are {expected}", family)


def check_finite_categories(name: Any, observed: np.ndarray) -> None:
    """Raise ValueError, which names the column, if a number that stands for a category is infinite."""
    if family_of(name, observed) != "numbers" or observed.dtype.kind in "iu":
        return
    infinite = observed[(observed == math.inf) | (observed == -math.inf)]
    if len(infinite):
        raise ValueError(
            f"Column {name!r} of X holds {infinite[0]}: infinity is no category. Replace it by None or NaN if the "
            f"value is missing, or by a finite number."
        )


def changed_error(name: Any, expected: str, got: str) -> ValueError:
    """The error for a column that held other values in ``fit``."""
    if expected != "numbers":
        advice = "Convert it to the dtype that it had in fit"
    elif got == "text":
        advice = (
            f"Convert it to numbers, by pandas.to_numeric(X[{name!r}], errors='coerce') or by "
            f"X[{name!r}].cast(polars.Float64, strict=False)"
        )
    else:
        advice = "Convert it to numbers of the same unit as in fit"
    return ValueError(
        f"Column {name!r} of X held {expected} in fit, and holds {got} now. {advice}, or fit a new estimator to rows "
        f"of these types."
    )


def to_integers(values: np.ndarray, unit: str) -> np.ndarray:
    """Dates or time spans as int64 numbers of a unit."""
    return values.astype(f"{values.dtype.kind}8[{unit}]").astype(np.int64)


def without_zone(value: Any) -> Any:
    """A date or time span; a time with a time zone as the time of UTC without one."""
    if getattr(value, "tzinfo", None) is None:
        return value
    return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def object_column(values: Any) -> np.ndarray:
    """Values as an array of objects (n, 1), without conversion."""
    column = np.empty((len(values), 1), dtype=object)
    column[:, 0] = values if isinstance(values, np.ndarray) else [*values]
    return column
