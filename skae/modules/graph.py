"""ONNX graphs of the fitted network, checked against torch."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skae._version import __version__
from skae.data import SampleLayout, TokenLayout
from skae.training import FitResult, full_precision

from .raw import RawAutoencoder, RawDecoder, RawEncoder

PARTS: dict[str, type[nn.Module]] = {"encoder": RawEncoder, "decoder": RawDecoder, "autoencoder": RawAutoencoder}
# Rows of the batches that are compared, and the largest difference relative to the outputs.
COMPARED_ROWS, TOLERANCE = (1, 6), 1e-4
INSTALL = 'pip install "skae[onnx]"'


class ToCaller(nn.Module):
    """A part whose samples have the shape of the fitted X, which is flattened if that was."""

    def __init__(self, part: nn.Module, is_flattened: bool):
        super().__init__()
        self.part = part
        self.is_flattened = is_flattened

    def forward(self, X: Tensor) -> Any:
        output = self.part(X)
        return output.flatten(1) if self.is_flattened and isinstance(output, Tensor) else output


def make_graph(result: FitResult, part: str, dtype: np.dtype | None = None, opset: int | None = None) -> Any:
    """The ONNX model of a part, checked; its input "X" has a dynamic first axis.

    ``dtype`` is that of samples, by default that of the fitted X; codes are float32.
    """
    layout = result.layout
    module = ToCaller(PARTS[part](result.net.module_, layout), layout.flattened).cpu().eval()
    inputs = [example_input(result, part, input_dtype(layout, dtype), n, seed) for seed, n in enumerate(COMPARED_ROWS)]
    names = output_names(part, layout)
    model = export(module, inputs[-1], names, opset)
    set_metadata(model, {"part": part, "sample_shape": list(layout.caller_shape), "n_components": result.n_components})
    expected = [torch_outputs(module, X) for X in inputs]
    outputs = [onnx_outputs(model, X) for X in inputs]
    compare(names, outputs, expected, layout.feature_scale)
    return model


def output_names(part: str, layout: SampleLayout) -> list[str]:
    """Names of the outputs of a part."""
    return ["codes"] if part == "encoder" else ["logits", "ids"] if isinstance(layout, TokenLayout) else ["samples"]


def input_dtype(layout: SampleLayout, dtype: np.dtype | None) -> np.dtype:
    """The dtype of samples: the given one, or that of the fitted X if torch has it, else float32."""
    dtype = layout.input_dtype if dtype is None else dtype
    if dtype is None:
        return np.dtype(np.int64 if isinstance(layout, TokenLayout) else np.float32)
    return np.dtype(dtype)


def example_input(result: FitResult, part: str, dtype: np.dtype, n_rows: int, seed: int) -> np.ndarray:
    """Random samples like the fitted ones, or codes of them for a decoder."""
    layout, random = result.layout, np.random.RandomState(seed)
    if isinstance(layout, TokenLayout):
        samples = random.randint(layout.n_tokens, size=(n_rows, *layout.caller_shape)).astype(dtype)
    else:
        scaling = layout.scaling
        mean, scale, low, high = (getattr(scaling, name).cpu().numpy() for name in ("mean", "scale", "low", "high"))
        rows = np.clip(mean + scale * random.standard_normal((n_rows, layout.n_features)), low, high)
        if layout.has_missing and dtype.kind == "f":
            rows[0, 0] = np.nan
        rows = rows.round() if dtype.kind in "iub" else rows
        samples = rows.astype(dtype).reshape(n_rows, *layout.caller_shape)
    if part != "decoder":
        return samples
    encoder = RawEncoder(result.net.module_, layout).cpu()
    return torch_outputs(encoder, samples)[0].astype(np.float32)


def export(module: nn.Module, X: np.ndarray, names: list[str], opset: int | None) -> Any:
    """The ONNX model of a module with one input, whose first axis is dynamic."""
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(f"ONNX models need onnx, onnxscript and onnxruntime. Write: {INSTALL}") from error
    with torch.no_grad(), without_export_messages():
        try:
            program = torch.onnx.export(
                module,
                (torch.from_numpy(X),),
                input_names=["X"],
                output_names=names,
                dynamic_shapes=({0: torch.export.Dim("n_samples")},),
                opset_version=opset,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except Exception as error:
            raise ValueError(
                f"The network cannot be converted to ONNX. Custom modules and losses must be supported by "
                f"torch.onnx.export(..., dynamo=True): {error}"
            ) from error
    model: Any = program.model_proto  # type: ignore[union-attr]
    # Properties of nodes hold paths of this machine.
    for values in (model.graph.node, model.graph.input, model.graph.output, model.graph.value_info, [model.graph]):
        for value in values:
            del value.metadata_props[:]
    return model


@contextlib.contextmanager
def without_export_messages() -> Iterator[None]:
    """Without the messages of torch's exporter about torchvision, and deprecations inside of it."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger.addFilter(is_error)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.removeFilter(is_error)


def set_metadata(model: Any, properties: dict[str, Any]) -> None:
    """Set the producer of a model, and its properties as text."""
    model.producer_name, model.producer_version = "skae", __version__
    for name, value in {"skae_version": __version__, **properties}.items():
        model.metadata_props.add(key=name, value=str(value))


def torch_outputs(module: nn.Module, X: np.ndarray) -> list[np.ndarray]:
    """Outputs of a module for X."""
    with full_precision(torch.device("cpu")):
        output = module(torch.from_numpy(X))
        return [tensor.numpy() for tensor in ((output,) if isinstance(output, Tensor) else output)]


def onnx_outputs(model: Any, X: np.ndarray) -> list[np.ndarray]:
    """Outputs of an ONNX model for X, computed by onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


def compare(names: list[str], outputs: list[list[np.ndarray]], expected: list[list[np.ndarray]], unit: Any) -> None:
    """Raise ValueError if outputs differ from the expected ones in every batch; samples are compared in ``unit``.

    In one batch they may differ: codes of a codebook, and tokens, change in steps where two are equally near.
    """
    for index, name in enumerate(names):
        scale = unit if name == "samples" else 1.0
        differences = [
            relative_difference(got[index], wanted[index], scale) for got, wanted in zip(outputs, expected, strict=True)
        ]
        if not min(differences) <= TOLERANCE:
            raise ValueError(
                f"The ONNX model does not compute what the estimator does: its {name} differ by {min(differences):.2g} "
                f"of their range. Nothing was written. Try another version of onnxruntime, onnxscript or torch."
            )


def relative_difference(output: np.ndarray, expected: np.ndarray, unit: Any) -> float:
    """Largest difference relative to the range, both in ``unit``, (n_features,) or (); for labels, their share."""
    if output.shape != expected.shape:
        return np.inf
    if expected.dtype.kind != "f":  # labels or ids
        return float(np.mean(output != expected))
    rows, wanted = (array.reshape(len(array), -1).astype(np.float64) for array in (output, expected))
    rounding = 2 * np.finfo(expected.dtype).eps * np.abs(wanted)
    differences = np.maximum(np.abs(rows - wanted) - rounding, 0.0) / unit
    return float(differences.max() / max(1.0, float(np.ptp(wanted / unit, axis=0).max())))
