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
        """Rows (n, n_columns) as such a frame; whole numbers are rounded."""
        if self.library == "pandas":
            import pandas as pd

            frame = pd.DataFrame(rows, columns=list(self.names), index=index)
            whole = [name for name, dtype in zip(self.names, self.dtypes, strict=True) if dtype.kind in "biu"]
            frame[whole] = frame[whole].round()
            return frame.astype(dict(zip(self.names, self.dtypes, strict=True)))
        import polars as pl

        columns = zip(self.names, self.dtypes, rows.T, strict=True)
        return pl.DataFrame(
            [
                pl.Series(name, np.rint(values) if dtype.is_integer() or dtype == pl.Boolean else values).cast(dtype)
                for name, dtype, values in columns
            ]
        )


def wants_frames(estimator: Any) -> bool:
    """Whether ``set_output`` or scikit-learn's configuration asks for frames."""
    own = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    return (own or get_config()["transform_output"]) in ("pandas", "polars")
