"""The network of a model file: built without memory, compared with the arrays of the file, then filled with them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from skae.data import SampleLayout
from skae.exceptions import ModelFileError, shown
from skae.model import Autoencoder, LayerRow
from skae.serialization.container import Table
from skae.training import AutoencoderNet, TrainSpec, full_precision, get_moments, set_moments
from skae.training.build import build

from .values import of_type

# The state of torch's optimizers for every parameter: arrays of its shape, and a count of steps.
MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg")
COUNT = "step"
# The probe compares so many numbers of the reconstruction, if the outputs of all layers for one sample are few enough.
PROBED = 1024
MOST_NUMBERS = 2**22
TOLERANCE = 1e-3


def arrays_of_module(module: Autoencoder) -> dict[str, Tensor]:
    """Copies of weights and buffers by name, on the CPU.

    Raises
    ------
    TypeError
        If a module keeps state that is not a tensor.
    """
    found = {}
    for name, array in module.state_dict().items():
        if not isinstance(array, Tensor):
            raise TypeError(
                f"The module's state {name!r} is of type {type(array).__name__}, which a model file cannot hold. "
                f"Keep tensors only."
            )
        found[f"module/{name}"] = copy_to_cpu(array)
    return found


def copy_to_cpu(array: Tensor) -> Tensor:
    """A copy on the CPU."""
    return array.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def build_empty(
    spec: TrainSpec, layout: SampleLayout, n_components: Any, found: Table, is_custom: bool
) -> tuple[Autoencoder, list[LayerRow]]:
    """The network and its layers, with weights still to be filled in: without memory, but for custom modules."""
    (n_built,) = found["module/latent_scale"][1]
    # Custom modules may need real tensors to be built.
    with torch.device("cpu" if is_custom else "meta"):
        module, layers = build(spec, layout, n_built)
    least = 1 if module.bottleneck.is_nested else n_built
    if not least <= of_type(n_components, int, "n_components") <= n_built:
        raise ModelFileError(f"it has codes of {n_components} components, and a network of {n_built}")
    if module.bottleneck.is_nested:
        module.bottleneck.code_size = n_components
    return module, layers


def module_table(module: nn.Module) -> Table:
    """Type and shape of every array of the module."""
    return {f"module/{name}": (a.dtype, tuple(a.shape)) for name, a in module.state_dict().items()}


def fill(module: Autoencoder, arrays: dict[str, Tensor]) -> None:
    """Give the module memory, and copy the arrays into it."""
    for part in module.modules():
        if any(a.is_meta for a in (*part.parameters(recurse=False), *part.buffers(recurse=False))):
            part.to_empty(device=torch.device("cpu"), recurse=False)
    module.load_state_dict({name[7:]: array for name, array in arrays.items() if name.startswith("module/")})
    module.eval()


def check_finite(arrays: dict[str, Tensor], is_custom: bool) -> None:
    """Raise ModelFileError if a weight, a code or the scaling is not finite; custom modules may hold any."""
    for name, array in arrays.items():
        may_be_any = is_custom and name.startswith(("module/encoder.", "module/decoder."))
        if name.startswith(("module/", "scaling/", "codes")) and not may_be_any and not bool(array.isfinite().all()):
            raise ModelFileError(f"its array {shown(name)} holds numbers that are not finite")


def arrays_of_optimizer(net: AutoencoderNet) -> dict[str, Tensor]:
    """The state of the optimizer after ``partial_fit``, by parameter; empty after ``fit``."""
    return {
        f"optimizer/{name}/{key}": copy_to_cpu(value)
        for name, moments in get_moments(net).items()
        for key, value in moments.items()
        if isinstance(value, Tensor) and key in (*MOMENTS, COUNT)
    }


def optimizer_table(module: nn.Module, names: Table) -> Table:
    """Type and shape of those arrays in ``names`` that an optimizer may keep."""
    expected: Table = {}
    for name, parameter in module.named_parameters():
        for key in (*MOMENTS, COUNT):
            path = f"optimizer/{name}/{key}"
            if path in names:
                expected[path] = (torch.float32, () if key == COUNT else tuple(parameter.shape))
    return expected


def fill_optimizer(net: AutoencoderNet, arrays: dict[str, Tensor]) -> None:
    """Put the state of the saved optimizer back."""
    moments: dict[str, dict[str, Tensor]] = {}
    for path, array in arrays.items():
        if path.startswith("optimizer/"):
            name, _, key = path.partition("/")[2].rpartition("/")
            moments.setdefault(name, {})[key] = array
    set_moments(net, moments)


def probe(module: Autoencoder, shape: tuple[int, ...], codes: Tensor | None = None) -> dict[str, Tensor]:
    """The outputs of the network for one known sample: features, codes, and the reconstruction of ``codes``."""
    device = module.latent_scale.device
    with full_precision(device):
        x = torch.sin(torch.arange(math.prod(shape), dtype=torch.float32)).view(1, *shape).to(device)
        codes = module.encode(x) if codes is None else codes
        samples = module.decode(codes.to(device)).flatten()[:PROBED]
        # Features are compared, not codes, which jump where they are rounded to a codebook.
        found = {"features": module.features(x), "codes": codes, "samples": samples}
        return {f"probe/{name}": copy_to_cpu(array.float()) for name, array in found.items()}


def check_probe(
    module: Autoencoder, layers: list[LayerRow], shape: tuple[int, ...], arrays: dict[str, Tensor], written_by: str
) -> None:
    """Raise ModelFileError if the network does not compute what the saved one did.

    A changed default, or changed code of a custom module, may leave all shapes as they were. Networks with very large
    outputs are not run: a small file may describe one.
    """
    if sum(math.prod(row.shape) for row in layers) > MOST_NUMBERS:
        return
    for name, found in probe(module, shape, arrays["probe/codes"]).items():
        known = arrays[name]
        scale = float(known.abs().nan_to_num(posinf=1.0).max())
        if not torch.allclose(found, known, rtol=0, atol=TOLERANCE * max(scale, 1e-6), equal_nan=True):
            raise ModelFileError(
                f"the network does not compute what the saved one did ({name.partition('/')[2]} differ). Pass the "
                f"custom_modules it was fitted with, or load it with the versions that wrote it: {written_by}"
            )


def probe_table(module: Autoencoder, shape: tuple[int, ...], n_components: int) -> Table:
    """Type and shape of the arrays that ``probe`` returns."""
    return {
        "probe/features": (torch.float32, (1, module.bottleneck.n_in)),
        "probe/codes": (torch.float32, (1, n_components)),
        "probe/samples": (torch.float32, (min(PROBED, math.prod(shape)),)),
    }
