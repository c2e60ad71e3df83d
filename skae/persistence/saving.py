"""``save``: an estimator to a file."""

from __future__ import annotations

import io
import os
from typing import IO, Any

import numpy as np
import sklearn
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skae._estimator.transformer import AutoencoderTransformer
from skae._imputer.imputer import AutoencoderImputer
from skae._novelty.novelty import AutoencoderNovelty
from skae._parameters import warn
from skae._search.search import BottleneckSearchCV
from skae._version import __version__
from skae.exceptions import ModelFileError
from skae.serialization.container import check_replaceable, pack, write
from skae.training import snapshot

from .imputers import encode_imputer
from .loading import load
from .novelties import encode_novelty
from .pipelines import WITH_OWN_PART, encode_pipeline
from .results import encode_parameters, encode_result
from .values import check_settings, is_custom


def save(estimator: Any, path: str | os.PathLike[str] | IO[bytes], *, overwrite: bool = False) -> None:
    """Write a fitted estimator to a file that :func:`load` reads on any machine.

    The file is a safetensors file, whatever its extension. Its metadata holds JSON and a checksum. It contains no
    pickle. It is written in one step, so a failed write does not change the earlier file.

    The file holds the parameters, the fitted attributes, the state of the optimizer after ``partial_fit``, and
    ``set_output``. It does not hold ``net_.history`` (but ``history_``), ``checkpoint_dir``, ``memory`` of pipelines,
    metadata routing, and the code of custom modules and losses, which is passed to ``load``. Callbacks, and
    ``net_params`` other than ``optimizer__...`` and ``clip_norm``, are left out with a warning.

    Parameters
    ----------
    estimator : AutoencoderTransformer, AutoencoderImputer, AutoencoderNovelty, BottleneckSearchCV or Pipeline
        Other steps of pipelines must be CharacterEncoder or of types that skops trusts: scalers, linear models and
        others of scikit-learn. The ``scoring`` of a search must be a name or None.
    path : str, path-like or binary file object
        A model file at this path is replaced.
    overwrite : bool, default=False
        Whether to replace another file too.

    Raises
    ------
    TypeError
        If the estimator is of another type, or has a part that a file cannot hold, such as a step that reads files
        (``CountVectorizer(input="filename")``) or writes a cache (``FeatureAgglomeration(memory=...)``).
    ImportError
        If the estimator is a pipeline or a search, and skops is not installed.
    NotFittedError
        If the estimator is not fitted.
    InvalidParameterError
        If a parameter is invalid. It is a ValueError and a TypeError.
    ValueError
        If ``load`` would reject the file, for example because a weight is not finite.
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
    raw = encode_file(estimator)
    if hasattr(path, "write") and not isinstance(path, os.PathLike):
        path.write(raw)
        return
    path = os.fsdecode(path)
    check_replaceable(path, overwrite)
    write(os.path.realpath(path), raw)


def encode_file(estimator: Any) -> bytes:
    """The bytes of the file of an estimator of any kind; without custom modules, they are loaded once as a check."""
    content, arrays = encode_estimator(estimator)
    raw = pack(content, arrays)
    if not is_custom(content):
        try:
            load(io.BytesIO(raw))
        except ModelFileError as error:
            reason = error.__cause__ or error
            raise ValueError(
                f"The estimator cannot be saved, because its file could not be loaded: {reason}"
            ) from error
    return raw


def encode_estimator(estimator: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The JSON and arrays of an estimator of any kind."""
    if type(estimator) in WITH_OWN_PART:
        return encode_part(estimator)
    if not isinstance(estimator, Pipeline) and type(estimator) is not BottleneckSearchCV:
        raise TypeError(
            f"save takes a fitted AutoencoderTransformer, AutoencoderImputer, AutoencoderNovelty or "
            f"BottleneckSearchCV, or a Pipeline of scikit-learn's steps and the first three. Got "
            f"{type(estimator).__name__} instead. Of another search save its best_estimator_; for other estimators use "
            f"pickle."
        )
    check_is_fitted(estimator)
    content, arrays = encode_pipeline(snapshot(estimator), encode_part)
    return {"versions": versions(), **content}, arrays


def encode_part(estimator: Any, fitted: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The JSON and arrays of an estimator of WITH_OWN_PART; of the parameters of an autoencoder if not ``fitted``."""
    estimator = snapshot(estimator)
    if not fitted:
        if not isinstance(estimator, AutoencoderTransformer):
            raise TypeError(f"A model file cannot hold an {type(estimator).__name__} that is not fitted.")
        return {"kind": "settings", "parameters": encode_settings(estimator)}, {}
    check_is_fitted(estimator)
    if isinstance(estimator, AutoencoderNovelty):
        content, arrays = encode_novelty(estimator, encode_settings, encode_part)
        return {"versions": versions(), **content}, arrays
    if isinstance(estimator, AutoencoderImputer):
        content, arrays = encode_imputer(estimator, encode_settings, encode_part)
        return {"versions": versions(), **content}, arrays
    check_settings(estimator)
    parameters, left_out = encode_parameters(estimator.get_params(deep=False))
    content, arrays, others = encode_result(estimator._result)
    warn_left_out([*left_out, *others])
    output = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    versioned = {"kind": "autoencoder", "versions": versions(), "parameters": parameters}
    return {**versioned, **content, "output": output}, arrays


def encode_settings(estimator: AutoencoderTransformer) -> dict[str, Any]:
    """The parameters as JSON, of an estimator that need not be fitted; with a warning of those left out."""
    check_settings(estimator)
    parameters, left_out = encode_parameters(estimator.get_params(deep=False))
    warn_left_out(left_out)
    return parameters


def warn_left_out(left_out: list[str]) -> None:
    """Warn of entries that a file cannot hold, if there are any."""
    if left_out:
        warn(f"A model file cannot hold {', '.join(dict.fromkeys(left_out))}: left out.")


def versions() -> dict[str, str]:
    """Versions of the packages that write a file."""
    own = {"skae": __version__, "torch": torch.__version__, "numpy": np.__version__}
    return own | {"scikit-learn": sklearn.__version__}
