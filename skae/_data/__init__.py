"""Samples: how one looks to the caller and to the network, and where the rows live."""

from .layout import SampleLayout, channels_of, read_axes
from .pictures import check_is_picture
from .reading import free_cache, in_batches, in_company, is_out_of_memory
from .scaling import ARRAYS, SCALINGS, Moments, Scaling
from .sources import Rows, SelectedRows, SparseRows, inference_length, raw_slices, slice_length
from .tokens import TokenLayout, check_tokens

__all__ = [
    "ARRAYS",
    "SCALINGS",
    "Moments",
    "Rows",
    "SampleLayout",
    "Scaling",
    "SelectedRows",
    "SparseRows",
    "TokenLayout",
    "channels_of",
    "check_is_picture",
    "check_tokens",
    "free_cache",
    "in_batches",
    "in_company",
    "inference_length",
    "is_out_of_memory",
    "raw_slices",
    "read_axes",
    "slice_length",
]
