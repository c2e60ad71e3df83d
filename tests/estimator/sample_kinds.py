"""Samples of every kind: their shape, the axes where needed, and an architecture."""

import numpy as np

KINDS = {
    "table": ((6,), None, "auto"),
    "signals": ((40,), "t", "conv"),
    "signals with channels": ((40, 2), "t c", "conv"),
    "gray pictures": ((9, 12), None, "conv"),
    "color pictures": ((8, 7, 3), None, "conv"),
    "color pictures, channels first": ((3, 8, 7), None, "conv"),
    "volumes": ((4, 5, 6), "d h w", "conv"),
    "videos": ((4, 8, 8, 3), None, "conv"),
    "pictures, dense": ((9, 12), None, "dense"),
}


def samples(shape, n=40, dtype=np.float32):
    return np.random.RandomState(0).standard_normal((n, *shape)).astype(dtype)
