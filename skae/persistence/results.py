"""The parameters of an autoencoder and the result of its fit as JSON and arrays and back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae._estimator.settings import train_spec
from skae._estimator.transformer import AutoencoderTransformer
from skae._inputs.schema import Schema
from skae._parameters import is_real
from skae.data import SampleLayout, Target
from skae.exceptions import LONGEST_VALUE, ModelFileError, printable, shown
from skae.model import Autoencoder
from skae.serialization.container import Stored, Table
from skae.training import FitResult, TrainSpec, new_net

from . import network
from .data_frames import decode_schema, encode_schema
from .layouts import check_table, decode_layout, encode_layout
from .values import SAVED_NET_PARAMS, SPEC, Decoder, NotStorableError, check_settings, check_type, encode, is_custom


def encode_parameters(parameters: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parameters as JSON, and the names of those that a file cannot hold."""
    encoded: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in parameters.items():
        if name == "checkpoint_dir":
            encoded[name] = None
        elif name == "net_params" and value is not None:
            entries, _ = encode_entries({key: part for key, part in value.items() if key.startswith(SAVED_NET_PARAMS)})
            encoded[name] = {"dict": entries}
            left_out += [f"net_params[{key!r}]" for key in value if key not in entries]
        elif name == "random_state":
            entries, others = encode_entries({name: value})
            encoded[name] = entries.get(name)
            left_out += others
        else:
            encoded[name] = encode(value, name)
    return encoded, left_out


def decode_parameters(encoded: Any, decode: Decoder) -> AutoencoderTransformer:
    """An estimator, not fitted, with these parameters, which are checked."""
    stored = check_type(encoded, dict, "parameters")
    unknown = set(stored) - set(AutoencoderTransformer._get_param_names())
    if unknown:
        raise ModelFileError(f"it names parameters that AutoencoderTransformer does not have: {shown(sorted(unknown))}")
    # Checks of variants build bottlenecks, and a file may give them any size: on the meta device they take no memory.
    with torch.device("meta"):
        parameters = {name: decode(value) for name, value in stored.items()}
        # A file must not set the folder that fit writes to.
        estimator = AutoencoderTransformer(**{**parameters, "checkpoint_dir": None})
        check_settings(estimator)
    for name in estimator.net_params or {}:
        if not name.startswith(SAVED_NET_PARAMS):
            raise ModelFileError(f"its net_params hold {shown(name)}, which model files do not hold")
    return estimator


def encode_entries(entries: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The entries that a file can hold, as JSON, and the names of the others."""
    encoded, others = {}, []
    for name, value in entries.items():
        try:
            encoded[name] = encode(value, name)
        except NotStorableError:
            others.append(name)
    return encoded, others


def encode_result(result: FitResult) -> tuple[dict[str, Any], dict[str, Tensor], list[str]]:
    """The result as JSON and arrays, and the names of entries that a file cannot hold."""
    net, module = result.net, result.net.module_
    spec, left_out = encode_parameters({name: getattr(result.spec, name) for name in SPEC})
    history = []
    for row in result.history:
        entries, others = encode_entries(row)
        history.append(entries)
        left_out += [f"history_[{name!r}]" for name in others]
    layout, scaling = encode_layout(result.layout)
    content = {
        "spec": spec,
        "layout": layout,
        "n_components": int(result.n_components),
        "batch_size": int(net.batch_size),
        "cycles": encode(net.cycles, "cycles"),
        "history": history,
        "n_epochs": int(result.n_epochs),
        "best_epoch": int(result.best_epoch),
        **encode_schema(result.schema),
    }
    if result.target is not None:
        content["target"] = encode_target(result.target)
    arrays = {name: network.copy_to_cpu(array) for name, array in scaling.items()}
    arrays["codes"] = torch.tensor(result.codes, dtype=torch.float32)
    arrays["explained_variance_ratio"] = torch.tensor(result.explained_variance_ratio, dtype=torch.float64)
    arrays |= (
        network.module_arrays(module)
        | network.optimizer_arrays(net)
        | network.probe(module, result.layout.network_shape)
    )
    return content, arrays, left_out


def decode_result(file: Stored, decode: Decoder, device: torch.device) -> FitResult:
    """The result that a file describes; its network computes on ``device``."""
    content, table, arrays = file.content, file.table, file.arrays()
    layout = decode_layout(content["layout"], arrays)
    spec = decode_spec(content["spec"], layout, decode, device)
    has_custom_code = is_custom([content["spec"]["architecture"], content["spec"]["variant"]])
    target = decode_target(content.get("target"), decode)
    module, layers = network.build_empty(spec, layout, content["n_components"], table, has_custom_code, target)
    scaling = {name: row for name, row in table.items() if name.startswith("scaling/")}
    check_table(scaling | expected_table(module, layout.network_shape, table), table)
    network.check_finite(arrays, is_custom=spec.architecture.is_custom)
    network.load_weights(module, arrays)
    versions = check_type(content["versions"], dict, "versions")
    written_by = printable(", ".join(f"{name} {version}" for name, version in versions.items()), LONGEST_VALUE)
    network.check_probe(module, layers, layout.network_shape, arrays, written_by)
    cycles = tuple(check_type(epochs, int, "cycles") for epochs in decode(content["cycles"]))
    net = new_net(spec, module, batch_size=check_type(content["batch_size"], int, "batch_size"), cycles=cycles)
    net.module_.eval()
    net.criterion_.eval()
    network.load_optimizer(net, arrays)
    schema = decode_schema(content, math.prod(layout.sample_shape), decode)
    check_table_schema(schema, layout)
    best_epoch = check_type(content["best_epoch"], int, "best_epoch")
    net.module_.is_linear = best_epoch == 0
    return FitResult(
        spec=spec,
        layout=layout,
        schema=schema,
        net=net,
        layers=layers,
        n_components=content["n_components"],
        history=decode_history(content["history"], decode),
        n_epochs=check_type(content["n_epochs"], int, "n_epochs"),
        best_epoch=best_epoch,
        codes=arrays["codes"].numpy(),
        explained_variance_ratio=arrays["explained_variance_ratio"].numpy(),
        target=target,
    )


def check_table_schema(schema: Schema, layout: SampleLayout) -> None:
    """Raise ModelFileError if the categories of a table are not those of its layout."""
    if schema.encoder is not None and schema.encoder.table != getattr(layout, "columns", None):
        raise ModelFileError("the categories of its columns are not those of its network")


def encode_target(target: Target) -> dict[str, Any]:
    """The classes of y, or mean and scale of its numbers, as JSON."""
    if target.classes is not None:
        return {"classes": encode(target.classes.tolist(), "classes of y")}
    return {name: encode(getattr(target, name).tolist(), name) for name in ("mean", "scale")}


def decode_target(encoded: Any, decode: Decoder) -> Target | None:
    """The target of a supervised variant; ModelFileError if it is not one that ``encode_target`` makes."""
    if encoded is None:
        return None
    entries = check_type(encoded, dict, "target")
    found = {name: check_type(decode(values), list, "target") for name, values in entries.items()}
    values = [value for part in found.values() for value in part]
    if set(found) == {"classes"} and len(values) > 1 and all(isinstance(value, (str, int, float)) for value in values):
        return Target(np.array(values))
    if set(found) == {"mean", "scale"} and len(found["mean"]) == len(found["scale"]) and all(map(is_real, values)):
        mean, scale = (np.array(found[name], dtype=np.float64) for name in ("mean", "scale"))
        if (scale > 0).all():
            return Target(None, mean, scale)
    raise ModelFileError("its target is neither classes nor mean and scale of numbers")


def decode_spec(encoded: Any, layout: SampleLayout, decode: Decoder, device: torch.device) -> TrainSpec:
    """The ``TrainSpec``, checked as the parameters of an estimator are."""
    others = {name: check_type(encoded[name], kind, name) for name, kind in (("seed", int), ("single_pass", bool))}
    estimator = decode_parameters({name: encoded[name] for name in SPEC if name not in others}, decode)
    return replace(train_spec(estimator, layout, device), **others)


def decode_history(rows: Any, decode: Decoder) -> list[dict[str, Any]]:
    """One dict per epoch."""
    history = []
    for row in check_type(rows, list, "history"):
        history.append({name: decode(value) for name, value in check_type(row, dict, "a row of history").items()})
        check_type(history[-1]["epoch"], int, "the epoch number in history")
    return history


def expected_table(module: Autoencoder, shape: tuple[int, ...], table: Table) -> Table:
    """Expected type and shape of every array except those of the scaling."""
    n_codes, n_components = module.bottleneck.code_size, module.bottleneck.n_components
    expected = (
        {f"module/{name}": (a.dtype, tuple(a.shape)) for name, a in module.state_dict().items()}
        | network.optimizer_table(module, table)
        | network.probe_table(module, shape, n_codes)
    )
    # Training codes have any number of rows. Those of a nested bottleneck may have more columns than its codes.
    n_rows, width = (*(table["codes"][1] if "codes" in table else ()), 0, 0)[:2]
    if n_rows < 1 or not n_codes <= width <= n_components:
        raise ModelFileError(f"it holds training codes of shape {(n_rows, width)}")
    expected["codes"] = (torch.float32, (n_rows, width))
    expected["explained_variance_ratio"] = (torch.float64, (n_codes,))
    return expected
