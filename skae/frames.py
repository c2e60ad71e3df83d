"""Frames on the way out: the columns and types of the frame that was fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config


@dataclass(frozen=True)
class FrameForm:
    """Library, names and types of a frame's columns."""

    library: str
    names: tuple[str, ...]
    dtypes: tuple[Any, ...]

    @classmethod
    def of(cls, X: Any) -> FrameForm | None:
        """The form of X if it is a pandas or polars frame."""
        library = type(X).__module__.partition(".")[0]
        if library not in ("pandas", "polars") or not hasattr(X, "columns"):
            return None
        return cls(library, tuple(X.columns), tuple(X.dtypes))

    def frame(self, rows: np.ndarray, index: Any = None) -> Any:
        """Rows (n, n_columns) as such a frame; whole numbers are the nearest that their type holds."""
        columns = [
            whole(values, name_of(dtype)) if name_of(dtype) in WHOLE else values
            for values, dtype in zip(rows.T, self.dtypes, strict=True)
        ]
        if self.library == "pandas":
            import pandas as pd

            frame = pd.DataFrame(dict(enumerate(columns)), index=index)
            frame.columns = list(self.names)
            # Numbers that were categories come back as plain numbers.
            kept = {
                n: d for n, d in zip(self.names, self.dtypes, strict=True) if name_of(d) not in ("category", "object")
            }
            return frame.astype(kept)
        import polars as pl

        named = zip(self.names, self.dtypes, columns, strict=True)
        return pl.DataFrame([pl.Series(name, values).cast(dtype) for name, dtype, values in named])


WHOLE = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def name_of(dtype: Any) -> str:
    """The name of a type of numpy, pandas or polars, as numpy has it."""
    name = str(getattr(dtype, "subtype", dtype)).lower()  # of a sparse column that of its numbers
    return "bool" if name == "boolean" else name


def whole(values: np.ndarray, name: str) -> np.ndarray:
    """The nearest whole numbers that the type holds."""
    if name == "bool":
        return values > 0.5
    ends = np.iinfo(name)
    # The float nearest to the largest int64 lies beyond it.
    low, high = float(ends.min), float(ends.max)
    high = high if int(high) <= ends.max else float(np.nextafter(np.float32(high), np.float32(0)))
    return np.clip(np.rint(values), low, high)


def wants_frames(estimator: Any) -> bool:
    """Whether ``set_output`` or scikit-learn's configuration asks for frames."""
    own = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    return (own or get_config()["transform_output"]) in ("pandas", "polars")
