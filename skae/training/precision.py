"""Whether training steps compute in bfloat16."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from skae._parameters import warn
from skae.model import LayerRow

from .spec import TrainSpec

PRECISIONS = ("auto", "float32", "bfloat16")
# On CPUs, "auto" is bfloat16 if the forward pass of a batch has at least so many multiplications, and so many for each
# weight, as weights are cast in every step (benchmarks/notes/precision.md).
LEAST_MULTIPLICATIONS, LEAST_PER_WEIGHT = 2**27, 24


def training_precision(spec: TrainSpec, layers: Sequence[LayerRow], batch_size: int) -> str:
    """ "float32" or "bfloat16", the precision of the encoder and the decoder in training.

    "auto" depends on the device and on sizes only, so that equal trainings on one machine have one precision. The
    layer table of custom modules does not tell the number of multiplications: they train in float32 on CPUs.
    """
    if spec.precision != "auto":
        return spec.precision
    is_large = spec.device.type != "cpu" or (not spec.architecture.is_custom and is_large_step(layers, batch_size))
    return "bfloat16" if is_large and supports_bfloat16(spec.device) else "float32"


def check_bfloat16(precision: str, device: torch.device) -> None:
    """Warn if bfloat16 is requested on a CPU without instructions for it."""
    if precision == "bfloat16" and device.type == "cpu" and not supports_bfloat16(device):
        warn(
            "precision='bfloat16': this processor has no instructions for bfloat16 (AVX512-BF16 or AMX), so training "
            "is slower than in float32. Pass precision='auto' or 'float32'."
        )


def supports_bfloat16(device: torch.device) -> bool:
    """Whether the device computes products of bfloat16 faster than those of float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    # Without these instructions, oneDNN supports bfloat16, but it is slow.
    has_instructions = any(getattr(torch.cpu, f"_is_{name}_supported", bool)() for name in ("avx512_bf16", "amx_tile"))
    return has_instructions and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def is_large_step(layers: Sequence[LayerRow], batch_size: int) -> bool:
    """Whether a training step gains more from faster products than the casts of weights cost."""
    n_multiplications = batch_size * multiplications_per_row(layers)
    n_weights = sum(layer.n_parameters for layer in layers)
    return n_multiplications >= max(LEAST_MULTIPLICATIONS, LEAST_PER_WEIGHT * n_weights)


def multiplications_per_row(layers: Sequence[LayerRow]) -> int:
    """Multiplications of the forward pass of one row: of each weight at every position of the smaller feature map."""
    positions = [math.prod(layer.shape[1:]) for layer in layers]
    return sum(layer.n_parameters * min(pair) for layer, pair in zip(layers[1:], pairwise(positions), strict=True))
