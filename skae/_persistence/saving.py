"""``save``: what of an estimator goes into a file."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skae._data import SampleLayout, TokenLayout
from skae._estimator.transformer import AutoencoderTransformer
from skae._novelty.novelty import AutoencoderNovelty
from skae._parameters import warn
from skae._search.search import BottleneckSearchCV
from skae._serialization.container import check_replaceable, pack, write
from skae._training import OPTIMIZERS, snapshot
from skae._version import __version__
from skae.exceptions import ModelFileError

from .data_frames import encoded_frame
from .loading import INPUTS, load
from .network import arrays_of_module, arrays_of_optimizer, arrays_of_scaling, described_module, probe, stored
from .novelties import described_novelty
from .pipelines import WITH_OWN_PART, described_whole
from .values import KEPT_NET_PARAMS, NotStorableError, check_usable, encoded

# Of the net that was trained.
NET = ("lr", "batch_size", "cycles", "precision", "compiled", "seed")


def save(estimator, path, *, overwrite=False):
    """Write a fitted estimator to a file that :func:`load` reads on any machine.

    The file is a safetensors file, whatever its name. Its metadata holds JSON and a checksum; it holds no pickle. It is
    put in place in one step, so a failed write leaves the earlier file as it was.

    Saved are the parameters, all that was learned, the state of the optimizer after ``partial_fit``, and
    ``set_output``. Not saved are ``net_.history`` (``history_`` is), ``checkpoint_dir``, ``memory`` of pipelines,
    metadata routing, and the code of custom modules and losses, which ``load`` takes. Callbacks, and other
    ``net_params`` than ``optimizer__...`` and ``clip_norm``, are left out with a warning.

    Parameters
    ----------
    estimator : AutoencoderTransformer, AutoencoderNovelty, BottleneckSearchCV or Pipeline
        Other steps of pipelines must be CharacterEncoder or of types that skops trusts: scalers, linear models and
        others of scikit-learn. The ``scoring`` of a search must be a name or None.
    path : str, path-like or binary file object
        A model file at this path is replaced.
    overwrite : bool, default=False
        Whether to replace another file too.

    Raises
    ------
    TypeError
        If it is another estimator, or holds what a file cannot hold, such as a step that reads files
        (``CountVectorizer(input="filename")``) or writes a cache (``FeatureAgglomeration(memory=...)``).
    ImportError
        If it is a pipeline or a search and skops is not installed.
    NotFittedError
        If it is not fitted.
    InvalidParameterError
        A ValueError and TypeError: if a parameter has a value that ``fit`` refuses.
    ValueError
        If ``load`` could not read the file, as when a weight is not finite.
    OSError
        If the file cannot be written. FileExistsError if another file is there, PermissionError if the file is
        read-only, IsADirectoryError if the path names a folder.

    Examples
    --------
    >>> import skae, tempfile
    >>> from sklearn.datasets import load_digits
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = skae.AutoencoderTransformer(8, max_epochs=2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skae.save(autoencoder, folder + "/digits.safetensors")
    ...     loaded = skae.load(folder + "/digits.safetensors")
    >>> bool((loaded.transform(X) == autoencoder.transform(X)).all())
    True
    """
    raw = file_of(estimator)
    if hasattr(path, "write") and not isinstance(path, os.PathLike):
        path.write(raw)
        return
    path = os.fsdecode(path)
    check_replaceable(path, overwrite)
    write(os.path.realpath(path), raw)


def file_of(estimator: Any) -> bytes:
    """The bytes of the file of an estimator of any kind.

    They are read back, so that a file that cannot be loaded is an error now; only those with custom modules are not.
    """
    content, arrays = content_of(estimator)
    raw = pack(content, arrays)
    if '{"custom":' not in json.dumps(content):
        try:
            load(io.BytesIO(raw))
        except ModelFileError as error:
            raise ValueError(f"It cannot be saved: its file could not be loaded: {error.__cause__ or error}") from error
    return raw


def content_of(estimator: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The JSON and arrays of an estimator of any kind."""
    if type(estimator) in WITH_OWN_PART:
        return part_of(estimator)
    if not isinstance(estimator, Pipeline) and type(estimator) is not BottleneckSearchCV:
        raise TypeError(
            f"save takes a fitted AutoencoderTransformer, AutoencoderNovelty or BottleneckSearchCV, or a Pipeline of "
            f"scikit-learn's steps and the first two. Got {type(estimator).__name__} instead. Of another search save "
            f"its best_estimator_; for other estimators use pickle."
        )
    check_is_fitted(estimator)
    estimator = snapshot(estimator)
    content, arrays = described_whole(estimator, part_of)
    return {"versions": versions(), **content}, arrays


def part_of(estimator: Any, fitted: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The JSON and arrays of an autoencoder or novelty detector; of its parameters alone if not ``fitted``."""
    estimator = snapshot(estimator)
    if not fitted:
        return {"kind": "settings", "parameters": settings_of(estimator)}, {}
    check_is_fitted(estimator)
    if isinstance(estimator, AutoencoderNovelty):
        content, arrays = described_novelty(estimator, settings_of, part_of)
        return {"versions": versions(), **content}, arrays
    check_usable(estimator)
    return described(estimator), arrays_of(estimator)


def described(estimator: AutoencoderTransformer) -> dict[str, Any]:
    """All but the arrays, as JSON."""
    parameters, left_out = described_parameters(estimator)
    history = []
    for row in estimator.history_:
        known, others = storable_entries(row)
        history.append(known)
        left_out += [f"history_[{name!r}]" for name in others]
    if left_out:
        warn_of(left_out)
    return {
        "kind": "autoencoder",
        "versions": versions(),
        "parameters": parameters,
        "layout": described_layout(estimator._result.layout),
        "architecture": encoded(estimator.architecture_, "architecture"),
        "variant": encoded(estimator.variant_, "variant"),
        "module": described_module(estimator.net_.module_),
        "net": described_net(estimator.net_),
        "history": history,
        "n_iter": int(estimator.n_iter_),
        "best_epoch": int(estimator.best_epoch_),
        "frame": encoded_frame(estimator._result.schema.frame),
        "feature_names": [str(name) for name in getattr(estimator, "feature_names_in_", ())] or None,
        "output": getattr(estimator, "_sklearn_output_config", {}).get("transform"),
    }


def settings_of(estimator: AutoencoderTransformer) -> dict[str, Any]:
    """The parameters as JSON, of an estimator that need not be fitted; with a warning of those left out."""
    check_usable(estimator)
    parameters, left_out = described_parameters(estimator)
    if left_out:
        warn_of(left_out)
    return parameters


def described_parameters(estimator: AutoencoderTransformer) -> tuple[dict[str, Any], list[str]]:
    """The parameters as JSON, and the names of what no file holds."""
    parameters = estimator.get_params(deep=False)
    parameters["checkpoint_dir"] = None
    kept, left_out = storable_net_params(parameters["net_params"] or {})
    if parameters["net_params"] is not None:
        parameters["net_params"] = kept
    try:
        encoded(parameters["random_state"], "random_state")
    except NotStorableError:
        parameters["random_state"] = None
        left_out.append("random_state")
    return {name: encoded(value, name) for name, value in parameters.items()}, left_out


def warn_of(left_out: list[str]) -> None:
    """Warn of what a file does not hold."""
    warn(f"A model file cannot hold {', '.join(dict.fromkeys(left_out))}: left out.")


def versions() -> dict[str, str]:
    """Of what wrote a file."""
    own = {"skae": __version__, "torch": torch.__version__, "numpy": np.__version__}
    return own | {"scikit-learn": sklearn.__version__}


def storable_net_params(net_params: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Those settings that a file keeps, and the names of the others."""
    known, _ = storable_entries({k: v for k, v in net_params.items() if k.startswith(KEPT_NET_PARAMS)})
    return {name: net_params[name] for name in known}, [f"net_params[{n!r}]" for n in net_params if n not in known]


def storable_entries(entries: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Those entries that JSON holds, encoded, and the names of the others."""
    known, others = {}, []
    for name, value in entries.items():
        try:
            known[name] = encoded(value, name)
        except NotStorableError:
            others.append(name)
    return known, others


def described_layout(layout: SampleLayout) -> dict[str, Any]:
    return {
        "sample_shape": list(layout.sample_shape),
        "axes": list(layout.axes),
        "flattened": layout.flattened,
        "dtype": layout.dtype.name,
        "input_dtype": next((name for name, dtype in INPUTS.items() if dtype == layout.input_dtype), None),
        "n_tokens": layout.n_tokens if isinstance(layout, TokenLayout) else None,
        "scaling": layout.scaling.kind,
        "moments": None
        if layout.scaling.moments is None
        else [layout.scaling.moments.count, layout.scaling.moments.eps],
    }


def described_net(net: Any) -> dict[str, Any]:
    """Settings of the net that was trained: those of the estimator may have been changed since."""
    optimizer = next(name for name, (kind, _) in OPTIMIZERS.items() if net.optimizer is kind)
    settings = {
        name: value
        for name, value in vars(net).items()
        if name.startswith(KEPT_NET_PARAMS) and name != "optimizer__param_groups"
    }
    return {
        "loss": encoded(net.criterion__loss, "loss"),
        "optimizer": optimizer,
        "settings": storable_entries(settings)[0],
        **{name: encoded(getattr(net, name), name) for name in NET},
    }


def arrays_of(estimator: AutoencoderTransformer) -> dict[str, Tensor]:
    """All arrays by name, on the CPU."""
    module = estimator.net_.module_
    found = {name: stored(array) for name, array in arrays_of_scaling(estimator._result.layout.scaling).items()}
    found["codes"] = torch.tensor(estimator._result.codes, dtype=torch.float32)
    if module.bottleneck.is_nested:
        found["explained_variance_ratio"] = torch.tensor(estimator.explained_variance_ratio_, dtype=torch.float64)
    found |= arrays_of_module(module)
    found |= arrays_of_optimizer(estimator.net_)
    return found | probe(module, estimator._result.layout.network_shape)
