"""The parameters of an autoencoder and the result of its fit as JSON and arrays and back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from skae._estimator.settings import train_spec
from skae._estimator.transformer import AutoencoderTransformer
from skae.data import SampleLayout
from skae.exceptions import LONGEST_VALUE, ModelFileError, printable, shown
from skae.model import Autoencoder
from skae.serialization.container import Stored, Table
from skae.training import FitResult, TrainSpec, new_net

from .data_frames import decode_schema, encode_schema
from .layouts import check_table, decode_layout, encode_layout
from .network import (
    arrays_of_module,
    arrays_of_optimizer,
    build_empty,
    check_finite,
    check_probe,
    copy_to_cpu,
    fill,
    fill_optimizer,
    module_table,
    optimizer_table,
    probe,
    probe_table,
)
from .values import KEPT_NET_PARAMS, OWNER, SPEC, Decoder, NotStorableError, check_usable, encode, is_custom, of_type


def encode_parameters(parameters: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parameters as JSON, and the names of those that a file cannot hold."""
    encoded: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in parameters.items():
        if name == "checkpoint_dir":
            encoded[name] = None
        elif name == "net_params" and value is not None:
            known, _ = storable_entries({key: part for key, part in value.items() if key.startswith(KEPT_NET_PARAMS)})
            encoded[name] = {"dict": known}
            left_out += [f"net_params[{key!r}]" for key in value if key not in known]
        elif name == "random_state":
            known, others = storable_entries({name: value})
            encoded[name] = known.get(name)
            left_out += others
        else:
            encoded[name] = encode(value, name)
    return encoded, left_out


def decode_parameters(encoded: Any, decode: Decoder) -> AutoencoderTransformer:
    """An estimator with these parameters, checked, that is not fitted."""
    stored = of_type(encoded, dict, "parameters")
    unknown = set(stored) - set(AutoencoderTransformer._get_param_names())
    if unknown:
        raise ModelFileError(f"it names parameters that {OWNER} does not have: {shown(sorted(unknown))}")
    # Checks of variants make small bottlenecks, whose size a file could name at will.
    with torch.device("meta"):
        given = {name: decode(value) for name, value in stored.items()}
        estimator = AutoencoderTransformer(**{**given, "checkpoint_dir": None})  # no file says where fit writes
        check_usable(estimator)
    for name in estimator.net_params or {}:
        if not name.startswith(KEPT_NET_PARAMS):
            raise ModelFileError(f"its net_params hold {shown(name)}, which is not kept in files")
    return estimator


def storable_entries(entries: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Those entries that JSON holds, encoded, and the names of the others."""
    known, others = {}, []
    for name, value in entries.items():
        try:
            known[name] = encode(value, name)
        except NotStorableError:
            others.append(name)
    return known, others


def encode_result(result: FitResult) -> tuple[dict[str, Any], dict[str, Tensor], list[str]]:
    """The result as JSON and arrays, and the names of entries that a file cannot hold."""
    net, module = result.net, result.net.module_
    spec, left_out = encode_parameters({name: getattr(result.spec, name) for name in SPEC})
    history = []
    for row in result.history:
        known, others = storable_entries(row)
        history.append(known)
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
    arrays = {name: copy_to_cpu(array) for name, array in scaling.items()}
    arrays["codes"] = torch.tensor(result.codes, dtype=torch.float32)
    if result.explained_variance_ratio is not None:
        arrays["explained_variance_ratio"] = torch.tensor(result.explained_variance_ratio, dtype=torch.float64)
    arrays |= arrays_of_module(module) | arrays_of_optimizer(net) | probe(module, result.layout.network_shape)
    return content, arrays, left_out


def decode_result(file: Stored, decode: Decoder, device: torch.device) -> FitResult:
    """The result that a file describes; its network computes on ``device``."""
    content, table, arrays = file.content, file.table, file.arrays()
    layout = decode_layout(content["layout"], arrays)
    spec = decode_spec(content["spec"], layout, decode, device)
    with_custom = is_custom([content["spec"]["architecture"], content["spec"]["variant"]])
    module, layers = build_empty(spec, layout, content["n_components"], table, with_custom)
    scaling = {name: row for name, row in table.items() if name.startswith("scaling/")}
    check_table(scaling | expected_table(module, layout.network_shape, table), table)
    check_finite(arrays, is_custom=spec.architecture.is_custom)
    fill(module, arrays)
    check_probe(module, layers, layout.network_shape, arrays, written_by(content["versions"]))
    cycles = tuple(of_type(epochs, int, "cycles") for epochs in decode(content["cycles"]))
    net = new_net(spec, module, batch_size=of_type(content["batch_size"], int, "batch_size"), cycles=cycles)
    for part in (net.module_, net.criterion_):
        part.eval()
    fill_optimizer(net, arrays)
    ratio = arrays.get("explained_variance_ratio")
    return FitResult(
        spec=spec,
        layout=layout,
        schema=decode_schema(content, math.prod(layout.sample_shape), decode),
        net=net,
        layers=layers,
        n_components=content["n_components"],
        history=decode_history(content["history"], decode),
        n_epochs=of_type(content["n_epochs"], int, "n_epochs"),
        best_epoch=of_type(content["best_epoch"], int, "best_epoch"),
        codes=arrays["codes"].numpy(),
        explained_variance_ratio=None if ratio is None else ratio.numpy(),
    )


def decode_spec(encoded: Any, layout: SampleLayout, decode: Decoder, device: torch.device) -> TrainSpec:
    """The settled parameters of the training, checked as those of an estimator are."""
    others = {name: of_type(encoded[name], kind, name) for name, kind in (("seed", int), ("single_pass", bool))}
    estimator = decode_parameters({name: encoded[name] for name in SPEC if name not in others}, decode)
    return replace(train_spec(estimator, layout, device), **others)


def decode_history(rows: Any, decode: Decoder) -> list[dict[str, Any]]:
    """One dict per epoch."""
    history = [
        {name: decode(value) for name, value in of_type(row, dict, "an epoch").items()}
        for row in of_type(rows, list, "history")
    ]
    for row in history:
        of_type(row["epoch"], int, "the number of an epoch")
    return history


def expected_table(module: Autoencoder, shape: tuple[int, ...], found: Table) -> Table:
    """Type and shape of every array beside the scaling's."""
    n_codes, n_components = module.bottleneck.code_size, module.bottleneck.n_components
    expected = module_table(module) | optimizer_table(module, found) | probe_table(module, shape, n_codes)
    # Codes of some training rows: of any number, with the coordinates that are kept, or some that are not.
    n_rows, width = (*(found["codes"][1] if "codes" in found else ()), 0, 0)[:2]
    if n_rows < 1 or not n_codes <= width <= n_components:
        raise ModelFileError(f"it holds training codes of shape {(n_rows, width)}")
    expected["codes"] = (torch.float32, (n_rows, width))
    if module.bottleneck.is_nested:
        expected["explained_variance_ratio"] = (torch.float64, (n_codes,))
    return expected


def written_by(versions: Any) -> str:
    """The versions a file was written with, for a message."""
    listed = ", ".join(f"{name} {version}" for name, version in of_type(versions, dict, "versions").items())
    return printable(listed, LONGEST_VALUE)
