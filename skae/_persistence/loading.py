"""``load``: an estimator from a file, with every name, type and shape checked before use."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from skae._data import ARRAYS, SCALINGS, Moments, SampleLayout, Scaling, TokenLayout, infer_axes
from skae._estimator.settings import check_architecture, train_spec
from skae._estimator.transformer import AutoencoderTransformer
from skae._inputs.schema import Schema
from skae._model import Autoencoder
from skae._objectives import LOSSES
from skae._parameters import check_choice
from skae._serialization.container import Stored, Table, read
from skae._training import OPTIMIZERS, PRECISIONS, FitResult, TrainSpec, check_net_params, new_net, resolve_device
from skae.exceptions import LONGEST_VALUE, ModelFileError, printable, shown
from skae.variants import check_variant

from .data_frames import NUMPY, decoded_frame
from .network import (
    arrays_of_scaling,
    check_finite,
    check_probe,
    expected_table,
    fill,
    fill_optimizer,
    laid_out,
    optimizer_table,
    probe_table,
)
from .novelties import assembled_novelty
from .pipelines import assembled_whole
from .values import KEPT_NET_PARAMS, OWNER, Decoder, check_keys, check_usable, of_type

# Of what inverse_transform gives.
RETURNED: dict[str, np.dtype] = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
TOKENS = ("int64",)
# Of X that was fitted.
INPUTS = {name: np.dtype(name) for name in NUMPY if name != "object"}
# Names of custom_modules.
CUSTOM_MODULES = ("encoder", "decoder", "architecture", "variant", "loss")
OUTPUTS = ("default", "pandas", "polars")


def load(path, device="cpu", custom_modules=None):
    """Read an estimator that :func:`save` wrote.

    Loading runs no code of the file: names in it are looked up in fixed tables, and whatever does not fit is an error.
    Of the steps of pipelines, skops promises the same. ``SECURITY.md`` has the details.

    Parameters
    ----------
    path : str, path-like or binary file object
    device : str or torch.device, default="cpu"
        Where the loaded estimator computes, as ``device`` of AutoencoderTransformer. Its parameter ``device`` stays as
        it was saved, and ``fit`` uses that.
    custom_modules : dict, default=None
        The custom code that the estimator was fitted with: {"encoder": ..., "decoder": ...} as given to
        :class:`Custom`, {"architecture": ...} or {"variant": ...} for objects of custom classes, {"loss": ...} for a
        callable.

    Returns
    -------
    estimator : AutoencoderTransformer, AutoencoderNovelty, BottleneckSearchCV or Pipeline

    Raises
    ------
    ModelFileError
        A ValueError: if the file is damaged, was tampered with, is of a newer version, or needs ``custom_modules``.
    FileNotFoundError, PermissionError
        If the file does not exist or may not be read.
    TypeError, ValueError
        If ``custom_modules`` is not a dict, or has an unknown key; if ``device`` is not available.

    Examples
    --------
    >>> import io, skae
    >>> from sklearn.datasets import load_iris
    >>> file = io.BytesIO()
    >>> skae.save(skae.AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(load_iris().data), file)
    >>> bytes_read = file.seek(0)
    >>> skae.load(file).n_components_
    2
    """
    where, decode = resolve_device(device), Decoder(checked_modules(custom_modules))
    path = path if hasattr(path, "read") and not isinstance(path, os.PathLike) else os.fsdecode(path)
    try:
        with open(path, "rb") if isinstance(path, str) else contextlib.nullcontext(path) as file:
            stored = read(file)
        return whole_of(stored, decode, where)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # Any error is the fault of the file, running out of memory too.
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        # A traceback shows the cause, which may hold unprintable text of the file.
        cause = error if printable(str(error)) == str(error) else None
        raise ModelFileError(f"{path!r} cannot be loaded: {printable(reason).rstrip('.')}.") from cause


def checked_modules(custom_modules: Any) -> dict[str, Any]:
    """The custom modules by name.

    Raises
    ------
    TypeError
        If they are not a dict.
    ValueError
        If a name is unknown.
    """
    if custom_modules is None:
        return {}
    if not isinstance(custom_modules, dict):
        raise TypeError(
            f"The 'custom_modules' parameter of load must be a dict such as {{'encoder': ..., 'decoder': ...}}, or "
            f"None. Got {custom_modules!r} of type {type(custom_modules).__name__} instead."
        )
    for name in custom_modules:
        check_choice("load", "custom_modules", name, CUSTOM_MODULES)
    return custom_modules


def whole_of(file: Stored, decode: Decoder, device: torch.device) -> Any:
    """The estimator of any kind that a file describes."""
    kind = file.content["kind"]
    if kind in ("pipeline", "search"):
        return assembled_whole(file, lambda part: part_of(part, decode, device))
    if kind == "settings":
        raise ModelFileError("it holds the parameters of an estimator that is not fitted")
    return part_of(file, decode, device)


def part_of(file: Stored, decode: Decoder, device: torch.device) -> Any:
    """The autoencoder or novelty detector that a file, or a part of it, describes."""
    kind = file.content["kind"]
    if kind == "settings":
        if set(file.content) != {"kind", "parameters"} or file.table:
            raise ModelFileError("it holds more than parameters")
        return settings_in(file.content["parameters"], decode)
    if kind == "novelty":
        return assembled_novelty(
            file,
            decode,
            lambda parameters: settings_in(parameters, decode),
            lambda member: assembled(member, decode, device),
        )
    return assembled(file, decode, device)


def settings_in(parameters: Any, decode: Decoder) -> AutoencoderTransformer:
    """An estimator with these parameters, and nothing learned."""
    # Checks of variants make small bottlenecks, whose size a file could name at will.
    with torch.device("meta"):
        return decoded_estimator(parameters, decode)


def assembled(file: Stored, decode: Decoder, device: torch.device) -> AutoencoderTransformer:
    """The fitted autoencoder that a file describes."""
    content = file.content
    check_keys(content)
    # Checks of variants make small bottlenecks, whose size a file could name at will.
    with torch.device("meta"):
        estimator = decoded_estimator(content["parameters"], decode)
        built = decoded_objects(content, decode)
    # As in fit: settings changed later are not those of the network.
    architecture, variant = map(clone, built)
    layout = decoded_layout(content["layout"])
    expected = scaling_table(layout)
    check_table(expected, {name: row for name, row in file.table.items() if name.startswith("scaling/")})
    shape, parts, loss = layout.network_shape, variant.parts(), decoded_loss(content["net"]["loss"], decode)
    module, layers = laid_out(architecture, parts, shape, content["module"], loss, file.table)
    check_table(expected | arrays_expected(module, shape, file.table), file.table)
    arrays = file.arrays()
    check_finite(arrays, is_custom=architecture.is_custom)
    fill(module, arrays)
    check_probe(module, layers, shape, arrays, written_by(content["versions"]))
    spec = replace(train_spec(estimator, layout, device), architecture=architecture, variant=variant, loss=loss)
    spec = decoded_spec(content["net"], spec, decode)
    cycles = tuple(of_type(epochs, int, "cycles") for epochs in decode(content["net"]["cycles"]))
    net = new_net(spec, module, batch_size=int(spec.batch_size), cycles=cycles)
    for part in (net.module_, net.criterion_):
        part.eval()
    fill_optimizer(net, arrays)
    n_epochs = of_type(content["n_iter"], int, "n_iter")
    estimator._result = FitResult(
        spec=spec,
        layout=replace(layout, scaling=filled_scaling(layout.scaling, arrays)),
        schema=decoded_schema(content, math.prod(layout.sample_shape), decode),
        net=net,
        layers=layers,
        n_components=module.bottleneck.code_size,
        history=decoded_history(content["history"], decode),
        n_epochs=n_epochs,
        best_epoch=of_type(content["best_epoch"], int, "best_epoch"),
        codes=arrays["codes"].numpy(),
        explained_variance_ratio=arrays["explained_variance_ratio"].numpy()
        if "explained_variance_ratio" in arrays
        else None,
    )
    if content["output"] is not None:
        estimator.set_output(transform=chosen(content["output"], OUTPUTS, "output"))
    return estimator


def arrays_expected(module: Autoencoder, shape: tuple[int, ...], found: Table) -> Table:
    """Type and shape of every array beside the scaling's."""
    n_codes, n_components = module.bottleneck.code_size, module.bottleneck.n_components
    expected = expected_table(module) | optimizer_table(module, found) | probe_table(module, shape, n_codes)
    # Codes of some training rows: of any number, with the coordinates that are kept, or some that are not.
    n_rows, width = (*(found["codes"][1] if "codes" in found else ()), 0, 0)[:2]
    if n_rows < 1 or not n_codes <= width <= n_components:
        raise ModelFileError(f"it holds training codes of shape {(n_rows, width)}")
    expected["codes"] = (torch.float32, (n_rows, width))
    if module.bottleneck.is_nested:
        expected["explained_variance_ratio"] = (torch.float64, (n_codes,))
    return expected


def decoded_estimator(parameters: Any, decode: Decoder) -> AutoencoderTransformer:
    """The estimator with its parameters, checked, and nothing learned."""
    stored = of_type(parameters, dict, "parameters")
    unknown = set(stored) - set(AutoencoderTransformer._get_param_names())
    if unknown:
        raise ModelFileError(f"it names parameters that {OWNER} does not have: {shown(sorted(unknown))}")
    given = {name: decode(value) for name, value in stored.items()}
    estimator = AutoencoderTransformer(**{**given, "checkpoint_dir": None})  # no file says where fit writes
    check_usable(estimator)
    for name in estimator.net_params or {}:
        check_kept(name)
    return estimator


def decoded_objects(content: dict[str, Any], decode: Decoder) -> tuple[Any, Any]:
    """The architecture and the variant that were built, checked."""
    architecture, variant = decode(content["architecture"]), decode(content["variant"])
    check_architecture(architecture)
    check_variant(OWNER, variant)
    return architecture, variant


def decoded_loss(described: Any, decode: Decoder) -> Any:
    """The loss that was trained with: a name, or the caller's own."""
    loss = decode(described)
    return loss if isinstance(described, dict) and callable(loss) else chosen(loss, LOSSES, "loss")


def check_kept(name: str) -> None:
    """Raise ModelFileError for a setting of the net that ``save`` does not keep."""
    if not name.startswith(KEPT_NET_PARAMS):
        raise ModelFileError(f"its net_params hold {shown(name)}, which is not kept in files")


def decoded_layout(described: dict[str, Any]) -> SampleLayout:
    """The layout, without the numbers of its scaling."""
    sample_shape = tuple(of_type(size, int, "sample_shape") for size in described["sample_shape"])
    axes = tuple(of_type(name, str, "axes") for name in described["axes"])
    if not sample_shape or min(sample_shape) < 1:
        raise ModelFileError(f"its samples have shape {sample_shape}")
    if axes and infer_axes(sample_shape, " ".join(axes)) != axes:
        raise ModelFileError(f"its samples have axes {axes}")
    flattened = of_type(described["flattened"], bool, "flattened")
    kind = described["scaling"]
    if kind not in SCALINGS or kind == "auto":
        raise ModelFileError(f"it names an unknown scaling {kind!r}")
    if (axes == ("n",)) != (described["n_tokens"] is not None) or (not axes and len(sample_shape) > 1):
        raise ModelFileError("its samples are neither tokens nor numbers")
    name = described["input_dtype"]
    given = None if name is None else INPUTS[chosen(name, INPUTS, "dtype")]
    if axes == ("n",):
        n_tokens = of_type(described["n_tokens"], int, "n_tokens")
        scaling = empty_scaling(n_tokens * sample_shape[0], kind, None)
        chosen(described["dtype"], TOKENS, "dtype")
        return TokenLayout(sample_shape, axes, flattened, scaling, np.dtype(np.int64), n_tokens, input_dtype=given)
    scaling = empty_scaling(math.prod(sample_shape), kind, described["moments"])
    dtype = RETURNED[chosen(described["dtype"], RETURNED, "dtype")]
    return SampleLayout(sample_shape, axes, flattened, scaling, dtype, input_dtype=given)


def empty_scaling(n_features: int, kind: str | None, moments: Any) -> Scaling:
    """A scaling without numbers, of ``n_features`` features; ``moments`` are their count and eps, if they are kept."""
    mean = torch.empty(n_features, dtype=torch.float64, device="meta")
    one = torch.empty((), dtype=torch.float64, device="meta")
    scale = mean if kind in ("columns", "channels") else one
    if moments is not None:
        count, eps = of_type(moments, list, "moments")
        if type(count) is not int or not 0 < count < 2**53 or type(eps) is not float or not 0 <= eps < 1:
            raise ModelFileError(f"its moments are of {shown(count)} rows, with rounding errors of {shown(eps)}")
        moments = Moments(count, mean.expand(5, -1), eps)
    return Scaling(mean, scale, scale, scale, one, kind, moments)


def filled_scaling(scaling: Scaling, arrays: dict[str, Tensor]) -> Scaling:
    """A scaling with the numbers that stand in ``arrays``."""
    moments: Any = scaling.moments
    if moments is not None:
        moments = replace(moments, numbers=arrays["scaling/moments"])
    numbers: Any = {name: arrays[f"scaling/{name}"] for name in ARRAYS}
    return replace(scaling, moments=moments, **numbers)


def scaling_table(layout: SampleLayout) -> Table:
    """Type and shape of every array of the layout's scaling."""
    arrays = arrays_of_scaling(layout.scaling)
    return {name: (array.dtype, tuple(array.shape)) for name, array in arrays.items()}


def check_table(expected: Table, found: Table) -> None:
    """Raise ModelFileError unless a file has the arrays expected, in type and shape, and no others."""
    for name in sorted({*expected, *found}):
        if name not in expected:
            raise ModelFileError(f"it holds the array {shown(name)}, which its network does not have")
        if found.get(name) != expected[name]:
            raise ModelFileError(
                f"its array {shown(name)} should be {expected[name]}, and is {found.get(name, 'missing')}"
            )


def decoded_spec(described: dict[str, Any], spec: TrainSpec, decode: Decoder) -> TrainSpec:
    """The spec with the settings of the net that was trained; those of the estimator may have been changed since."""
    settings = {name: decode(value) for name, value in of_type(described["settings"], dict, "settings").items()}
    check_net_params(settings)
    for name in settings:
        check_kept(name)
    return replace(
        spec,
        optimizer=chosen(described["optimizer"], OPTIMIZERS, "optimizer"),
        net_params=settings,
        lr=float(described["lr"]),
        batch_size=of_type(described["batch_size"], int, "batch_size"),
        precision=chosen(described["precision"], PRECISIONS, "precision"),
        compile=of_type(described["compiled"], bool, "compiled"),
        seed=of_type(described["seed"], int, "seed"),
        verbose=0,
    )


def decoded_schema(content: dict[str, Any], n_features: int, decode: Decoder) -> Schema:
    """The names and types of the columns that were fitted."""
    names, frame = content["feature_names"], decoded_frame(content["frame"], decode)
    if names is not None:
        checked = [of_type(name, str, "a feature's name") for name in of_type(names, list, "feature_names")]
        if len(checked) != n_features:
            raise ModelFileError(f"it names {len(checked)} features of {n_features}")
        names = np.array(checked, dtype=object)
    if frame is not None and len(frame.names) != n_features:
        raise ModelFileError(f"its frame has {len(frame.names)} columns for {n_features} features")
    return Schema(n_features, names, frame)


def decoded_history(rows: Any, decode: Decoder) -> list[dict[str, Any]]:
    """One dict an epoch."""
    history = [
        {name: decode(value) for name, value in of_type(row, dict, "an epoch").items()}
        for row in of_type(rows, list, "history")
    ]
    for row in history:
        of_type(row["epoch"], int, "the number of an epoch")
    return history


def chosen(name: Any, known: Any, what: str) -> str:
    """The name, which is one of those known."""
    if not isinstance(name, str) or name not in known:
        raise ModelFileError(f"it names an unknown {what} {shown(name)}")
    return name


def written_by(versions: Any) -> str:
    """The versions a file was written with, for a message."""
    told = ", ".join(f"{name} {version}" for name, version in of_type(versions, dict, "versions").items())
    return printable(told, LONGEST_VALUE)
