"""Data: layout and scaling of samples, and access to rows in memory, in files and on devices."""

from .axes import feature_channels, infer_axes, warn_if_sensor_windows
from .batching import (
    FEW_ROWS,
    PADDED_ROWS,
    SMALL_SAMPLE,
    apply_padded,
    free_cache,
    is_out_of_memory,
    map_batches,
    prefetch,
)
from .layout import SampleLayout
from .missing import contains_missing, count_observed, has_missing, zero_missing
from .parts import ChunkedRows, PartwiseRows, Stream
from .scaling import ARRAYS, EXACT_IN_FLOAT32, SCALINGS, Moments, Scaling
from .sources import (
    Residual,
    Rows,
    SelectedRows,
    SparseRows,
    first_rows,
    flat_rows,
    inference_length,
    iterate_slices,
    slice_length,
)
from .stream_rows import StreamRows
from .tables import LIKE_RARE, UNKNOWN, TableColumns, TableLayout
from .targets import Target
from .tokens import TokenLayout, check_tokens
