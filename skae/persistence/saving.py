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

from skae.data import ARRAYS, SampleLayout, TokenLayout
from skae.estimator import AutoencoderTransformer
from skae.exceptions import ModelFileError
from skae.files import check_replaceable, packed, write
from skae.model import Nested
from skae.parameters import warn
from skae.training import OPTIMIZERS, snapshot
from skae.version import __version__

from .frame_forms import encoded_frame
from .loading import load
from .network import arrays_of_module, arrays_of_optimizer, described_module, probe, stored
from .pipelines import packed_pipeline
from .values import KEPT_NET_PARAMS, NotStorableError, check_usable, encoded

# Of the net that was trained.
NET = ("lr", "batch_size", "max_epochs", "precision", "compiled", "seed")


def save(estimator, path, *, overwrite=False):
    """Write a fitted estimator to a file that :func:`load` reads, on any machine.

    The file holds JSON and plain arrays, no pickle, under a SHA-256; it is put in place in one step, so a failed write
    leaves the earlier file as it was. Kept are parameters, all that was learned, the optimiser's state after
    ``partial_fit`` and ``set_output``. Not kept: ``net_.history`` (``history_`` is), ``checkpoint_dir``, metadata
    routing, callbacks and what else ``net_params`` holds beside ``optimizer__...`` (with a warning), and the code of
    your own modules and loss, which ``load`` asks for.

    Parameters
    ----------
    estimator : AutoencoderTransformer or Pipeline
        Of a pipeline the other steps have to be scikit-learn's own, or CharacterEncoder; they go through skops.
    path : str, path-like or binary file object
        A model file that is there is replaced.
    overwrite : bool, default=False
        Whether a file of another kind is, too.

    Raises
    ------
    TypeError
        If it is neither, or holds what a model file cannot hold.
    ImportError
        If it is a pipeline and skops is not installed.
    NotFittedError
        If it is not fitted.
    InvalidParameterError
        A ValueError and TypeError: if a parameter was set to what ``fit`` refuses.
    ValueError
        If the file would not load, as of wrappers nested dozens deep: it is read back before it is written, unless it
        needs code of your own.
    OSError
        If the file cannot be written, the earlier one then being as it was: a FileExistsError, if another kind of file
        is there, a PermissionError, if it is read-only, an IsADirectoryError, if the path names a folder or ends in
        "/". Once the new file is in place ``save`` succeeds, also where its folder cannot be synchronized.

    Examples
    --------
    >>> import skae, tempfile
    >>> from sklearn.datasets import load_digits
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = skae.AutoencoderTransformer(8, max_epochs=2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skae.save(autoencoder, folder + "/digits.skae")
    ...     loaded = skae.load(folder + "/digits.skae")
    >>> bool((loaded.transform(X) == autoencoder.transform(X)).all())
    True
    """
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        content = packed({"kind": "pipeline", "versions": versions()}, packed_pipeline(estimator, in_bytes))
        if not needs_own_code(estimator):
            check_loads(content)
    elif type(estimator) is AutoencoderTransformer:
        content = in_bytes(estimator)
    else:
        raise TypeError(
            f"save takes a fitted AutoencoderTransformer, or a Pipeline of scikit-learn's steps and it, got "
            f"{type(estimator).__name__}. Of a search save its best_estimator_; pickle what else there is."
        )
    if hasattr(path, "write") and not isinstance(path, os.PathLike):
        write_all(path, content)
        return
    path = os.fsdecode(path)
    check_replaceable(path, overwrite)
    write(os.path.realpath(path), content)


def write_all(file: Any, content: bytes) -> None:
    """Write all of it; a raw file may take only some at a time."""
    rest = memoryview(content)
    while len(rest) > 0:
        written = file.write(rest)
        rest = rest[len(rest) if written is None else written :]


def in_bytes(estimator: AutoencoderTransformer) -> bytes:
    """The file of one autoencoder, as it is now."""
    estimator = snapshot(estimator)
    check_is_fitted(estimator)
    check_usable(estimator)
    raw = packed(described(estimator), arrays_of(estimator))
    if not needs_own_code(estimator):
        check_loads(raw)
    return raw


def needs_own_code(estimator: Any) -> bool:
    """Whether a file of it can be read only with ``custom_modules``."""
    if isinstance(estimator, Pipeline):
        return any(needs_own_code(step) for _, step in estimator.steps)
    if type(estimator) is not AutoencoderTransformer:
        return False
    settings = [estimator.architecture, estimator.variant, estimator.architecture_, estimator.variant_]
    losses = [estimator.loss, estimator.net_.criterion__loss]
    named = [(value, "") for value in settings] + [(value, "loss") for value in losses]
    return '{"own":' in json.dumps([encoded(value, name) for value, name in named])


def check_loads(raw: bytes) -> None:
    """Raise ValueError if what is about to be written would not load.

    For the bounds on what a file may hold are those of reading, and a file is of use only if it can be read.
    """
    try:
        load(io.BytesIO(raw))
    except ModelFileError as error:
        raise ValueError(f"It cannot be saved, since its file would not load: {error.__cause__ or error}") from error


def described(estimator: AutoencoderTransformer) -> dict[str, Any]:
    """All but the arrays, as JSON."""
    parameters = estimator.get_params(deep=False)
    parameters["checkpoint_dir"] = None
    kept, left_out = storable_net_params(parameters["net_params"] or {})
    if parameters["net_params"] is not None:
        parameters["net_params"] = kept
    try:
        random_state = encoded(parameters["random_state"], "random_state")
    except NotStorableError:
        random_state, left_out = None, [*left_out, "random_state"]
    history = []
    for row in estimator.history_:
        known, others = storable_entries(row)
        history.append(known)
        left_out += [f"history_[{name!r}]" for name in others]
    if left_out:
        warn(f"A model file cannot hold {', '.join(dict.fromkeys(left_out))}: left out.")
    del parameters["random_state"]
    return {
        "versions": versions(),
        "parameters": {name: encoded(value, name) for name, value in parameters.items()}
        | {"random_state": random_state},
        "layout": described_layout(estimator._layout),
        "architecture": encoded(estimator.architecture_, "architecture"),
        "variant": encoded(estimator.variant_, "variant"),
        "module": described_module(estimator.net_.module_),
        "net": described_net(estimator.net_),
        "history": history,
        "n_iter": int(estimator.n_iter_),
        "best_epoch": int(estimator.best_epoch_),
        "frame": encoded_frame(estimator._frame),
        "feature_names": [str(name) for name in getattr(estimator, "feature_names_in_", ())] or None,
        "output": getattr(estimator, "_sklearn_output_config", {}).get("transform"),
    }


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
        "n_tokens": layout.n_tokens if isinstance(layout, TokenLayout) else None,
        "scaling": layout.scaling.kind,
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
    found = {f"scaling/{name}": stored(getattr(estimator._layout.scaling, name)) for name in ARRAYS}
    found["codes"] = torch.tensor(estimator._codes, dtype=torch.float32)
    if isinstance(module.bottleneck, Nested):
        found["explained_variance_ratio"] = torch.tensor(estimator.explained_variance_ratio_, dtype=torch.float64)
    found |= arrays_of_module(module)
    found |= arrays_of_optimizer(estimator.net_)
    return found | probe(module, estimator._layout.network_shape)
