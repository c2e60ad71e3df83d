"""``load``: an estimator from a file, with every name, type and shape checked before use."""

from __future__ import annotations

import contextlib
import os
from typing import IO, Any

import torch

from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import check_choice
from skae.exceptions import ModelFileError, printable
from skae.serialization.container import Stored, read
from skae.training import resolve_device

from .imputers import decode_imputer
from .novelties import decode_novelty
from .pipelines import decode_pipeline
from .results import decode_parameters, decode_result
from .values import Decoder, check_keys, check_name

# Names of custom_modules.
CUSTOM_MODULES = ("encoder", "decoder", "architecture", "variant", "loss")
OUTPUTS = ("default", "pandas", "polars")


def load(
    path: str | os.PathLike[str] | IO[bytes],
    device: str | torch.device = "cpu",
    custom_modules: dict[str, Any] | None = None,
) -> Any:
    """Read an estimator that :func:`save` wrote.

    Loading runs no code from the file: names in it are looked up in fixed tables, and unknown names are errors. Steps
    of pipelines are read by skops, which creates objects of trusted types only. ``SECURITY.md`` has the details.

    Parameters
    ----------
    path : str, path-like or binary file object
    device : str or torch.device, default="cpu"
        Device of the loaded network. The parameter ``device`` of the estimator, which ``fit`` uses, is the saved one.
    custom_modules : dict, default=None
        The custom code that the estimator was fitted with: {"encoder": ..., "decoder": ...} as given to
        :class:`Custom`, {"architecture": ...} or {"variant": ...} for objects of custom classes, {"loss": ...} for a
        callable.

    Returns
    -------
    estimator : AutoencoderTransformer, AutoencoderImputer, AutoencoderNovelty, BottleneckSearchCV or Pipeline

    Raises
    ------
    ModelFileError
        If the file is damaged, was tampered with, is of a newer version, or needs ``custom_modules``. It is a
        ValueError.
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
    where, decode = resolve_device(device), Decoder(check_custom_modules(custom_modules))
    path = path if hasattr(path, "read") and not isinstance(path, os.PathLike) else os.fsdecode(path)
    try:
        with open(path, "rb") if isinstance(path, str) else contextlib.nullcontext(path) as file:
            stored = read(file)
        return decode_file(stored, decode, where)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # Any other error is caused by the file, a MemoryError too.
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        # A traceback shows the cause, which may hold unprintable text of the file.
        cause = error if printable(str(error)) == str(error) else None
        raise ModelFileError(f"{path!r} cannot be loaded: {printable(reason).rstrip('.')}.") from cause


def check_custom_modules(custom_modules: Any) -> dict[str, Any]:
    """The custom modules by name; TypeError or ValueError unless they are a dict with known names."""
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


def decode_file(file: Stored, decode: Decoder, device: torch.device) -> Any:
    """The estimator of any kind that a file describes."""
    kind = file.content["kind"]
    if kind in ("pipeline", "search"):
        return decode_pipeline(file, lambda part: decode_part(part, decode, device))
    if kind == "settings":
        raise ModelFileError("it holds the parameters of an estimator that is not fitted")
    return decode_part(file, decode, device)


def decode_part(file: Stored, decode: Decoder, device: torch.device) -> Any:
    """The autoencoder, imputer or novelty detector that a file, or a part of it, describes."""
    kind = file.content["kind"]
    if kind == "settings":
        if set(file.content) != {"kind", "parameters"} or file.table:
            raise ModelFileError("it holds more than parameters")
        return decode_parameters(file.content["parameters"], decode)
    if kind == "novelty":
        return decode_novelty(file, decode, lambda member: decode_autoencoder(member, decode, device))
    if kind == "imputer":
        imputer = decode_imputer(file, decode, lambda part: decode_autoencoder(part, decode, device))
        if file.content["output"] is not None:
            imputer.set_output(transform=check_name(file.content["output"], OUTPUTS, "output"))
        return imputer
    return decode_autoencoder(file, decode, device)


def decode_autoencoder(file: Stored, decode: Decoder, device: torch.device) -> AutoencoderTransformer:
    """The fitted autoencoder that a file describes."""
    check_keys(file.content)
    estimator, output = decode_parameters(file.content["parameters"], decode), file.content["output"]
    estimator._result = decode_result(file, decode, device)
    if output is not None:
        estimator.set_output(transform=check_name(output, OUTPUTS, "output"))
    return estimator
