"""The network of a model file: built without memory, compared with the arrays of the file, then filled with them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from skae._parameters import is_auto
from skae.data import SampleLayout, Target
from skae.exceptions import ModelFileError, shown
from skae.model import Autoencoder, LayerRow, Projection
from skae.serialization.container import Table
from skae.training import AutoencoderNet, TrainSpec, full_precision, get_moments, set_moments
from skae.training.build import build
from skae.training.projection import LARGE, coordinate_layout, network_on_coordinates, with_projection_layers

from .values import check_type

# The state of torch's optimizers for every parameter: arrays of its shape, and a count of steps.
MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg")
COUNT = "step"
PROJECTION, FIRST_LAYER = "module/projection.components", "module/encoder.0.weight"
# Largest number of values of a reconstruction that the probe compares, and of outputs of all layers for one sample.
MAX_PROBED, MAX_OUTPUTS = 1024, 2**22
# Relative to the largest value.
TOLERANCE = 1e-3


def module_arrays(module: Autoencoder) -> dict[str, Tensor]:
    """Copies of weights and buffers by name, on the CPU; TypeError if a module has state that is not a tensor."""
    arrays = {}
    for name, array in module.state_dict().items():
        if not isinstance(array, Tensor):
            raise TypeError(
                f"The module's state {name!r} is of type {type(array).__name__}, which a model file cannot hold. "
                f"Keep tensors only."
            )
        arrays[f"module/{name}"] = copy_to_cpu(array)
    return arrays


def copy_to_cpu(array: Tensor) -> Tensor:
    """A copy on the CPU."""
    return array.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def build_empty(
    spec: TrainSpec,
    layout: SampleLayout,
    n_components: Any,
    table: Table,
    is_custom: bool,
    target: Target | None = None,
) -> tuple[Autoencoder, list[LayerRow]]:
    """The network and its layers, on the meta device without memory for weights, except those of custom modules."""
    (n_built,) = table["module/latent_scale"][1]
    # Custom modules may need real tensors to be built.
    with torch.device("cpu" if is_custom else "meta"):
        module, layers = build_for(spec, layout, n_built, target, table)
    minimum = 1 if module.bottleneck.is_nested else n_built
    if not minimum <= check_type(n_components, int, "n_components") <= n_built:
        raise ModelFileError(f"it has codes of {n_components} components, and a network of {n_built}")
    if module.bottleneck.is_nested:
        module.bottleneck.code_size = n_components
    return module, layers


def build_for(
    spec: TrainSpec, layout: SampleLayout, n_components: int, target: Target | None, table: Table
) -> tuple[Autoencoder, list[LayerRow]]:
    """The network and its layers; if the file has a projection, the network of its coordinates behind it."""
    if PROJECTION not in table:
        return build(spec, layout, n_components, target)
    n_coordinates, _ = table[PROJECTION][1]
    components = torch.empty((n_coordinates, layout.n_features), dtype=torch.float32, device="meta")
    projection = Projection(components, layout.network_shape)
    sizes = getattr(spec.architecture, "hidden_sizes", ())
    is_large = not is_auto(sizes) or table.get(FIRST_LAYER, ((), ()))[1][:1] == LARGE["hidden_sizes"][:1]
    spec = replace(spec, architecture=network_on_coordinates(spec.architecture, is_large))
    module, layers = build(spec, coordinate_layout(layout, projection), n_components, target)
    return module.with_projection(projection), with_projection_layers(layers, projection)


def load_weights(module: Autoencoder, arrays: dict[str, Tensor]) -> None:
    """Allocate the weights of the module, and copy the arrays into it."""
    for submodule in module.modules():
        if any(a.is_meta for a in (*submodule.parameters(recurse=False), *submodule.buffers(recurse=False))):
            submodule.to_empty(device=torch.device("cpu"), recurse=False)
    prefix = "module/"
    module.load_state_dict({name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)})
    module.eval()


def check_finite(arrays: dict[str, Tensor], is_custom: bool) -> None:
    """Raise ModelFileError if a weight, a code or the scaling is not finite, except in custom modules."""
    for name, array in arrays.items():
        may_be_any = is_custom and name.startswith(("module/encoder.", "module/decoder."))
        is_checked = name.startswith(("module/", "scaling/", "codes", "explained")) and not may_be_any
        if is_checked and not bool(array.isfinite().all()):
            raise ModelFileError(f"its array {shown(name)} holds numbers that are not finite")


def optimizer_arrays(net: AutoencoderNet) -> dict[str, Tensor]:
    """The state of the optimizer after ``partial_fit``, by parameter; empty after ``fit``."""
    return {
        f"optimizer/{name}/{key}": copy_to_cpu(value)
        for name, moments in get_moments(net).items()
        for key, value in moments.items()
        if isinstance(value, Tensor) and key in (*MOMENTS, COUNT)
    }


def optimizer_table(module: nn.Module, table: Table) -> Table:
    """Expected type and shape of those arrays in ``table`` that are the state of an optimizer."""
    expected: Table = {}
    for name, parameter in module.named_parameters():
        for key in (*MOMENTS, COUNT):
            path = f"optimizer/{name}/{key}"
            if path in table:
                expected[path] = (torch.float32, () if key == COUNT else tuple(parameter.shape))
    return expected


def load_optimizer(net: AutoencoderNet, arrays: dict[str, Tensor]) -> None:
    """Set the state of the optimizer."""
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
        samples = module.decode(codes.to(device)).flatten()[:MAX_PROBED]
        # Features are compared, not codes: codes of a codebook change in steps.
        seen = x if module.projection is None else module.projection.encode(x)
        outputs = {"features": module.features(seen), "codes": codes, "samples": samples}
        return {f"probe/{name}": copy_to_cpu(array.float()) for name, array in outputs.items()}


def check_probe(
    module: Autoencoder, layers: list[LayerRow], shape: tuple[int, ...], arrays: dict[str, Tensor], versions: str
) -> None:
    """Raise ModelFileError if the outputs of the network differ from those of the saved one; huge networks are not run.

    A changed default, or changed code of a custom module, can change outputs and no shape.
    """
    if sum(math.prod(row.shape) for row in layers) > MAX_OUTPUTS:
        return
    for name, output in probe(module, shape, arrays["probe/codes"]).items():
        saved = arrays[name]
        scale = float(saved.abs().nan_to_num(posinf=1.0).max())
        if not torch.allclose(output, saved, rtol=0, atol=TOLERANCE * max(scale, 1e-6), equal_nan=True):
            raise ModelFileError(
                f"the network does not compute what the saved one did ({name.partition('/')[2]} differ). Pass the "
                f"custom_modules it was fitted with, or load it with the versions that wrote it: {versions}"
            )


def probe_table(module: Autoencoder, shape: tuple[int, ...], n_components: int) -> Table:
    """Type and shape of the arrays that ``probe`` returns."""
    return {
        "probe/features": (torch.float32, (1, module.bottleneck.n_in)),
        "probe/codes": (torch.float32, (1, n_components)),
        "probe/samples": (torch.float32, (min(MAX_PROBED, math.prod(shape)),)),
    }
