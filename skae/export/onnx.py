"""``to_onnx``: an autoencoder or a pipeline as one ONNX file."""

from __future__ import annotations

import os
import warnings
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import check_choice
from skae._search.search import BottleneckSearchCV
from skae.modules.graph import (
    INSTALL,
    PARTS,
    compare,
    example_input,
    input_dtype,
    make_graph,
    onnx_outputs,
    set_metadata,
    without_export_messages,
)
from skae.serialization.container import write
from skae.training import FitResult, snapshot

# The methods that compute the outputs of classifiers, and the number of samples that are compared.
CLASSIFIED = ("predict", "predict_proba")
N_COMPARED = 7


def to_onnx(
    estimator: Any,
    path: str | os.PathLike[str] | IO[bytes],
    part: Literal["encoder", "decoder", "autoencoder"] = "encoder",
    *,
    dtype: DTypeLike | None = None,
    opset: int | None = None,
    X: ArrayLike | None = None,
) -> None:
    """Write a fitted autoencoder, or a pipeline with one, as an ONNX file.

    The file is one file without external data. Its input "X" has a dynamic number of rows, and its samples are in the
    units, shape and axes of the fitted X: scaling is inside. The model is run by onnxruntime on random samples before
    the file is written, and its outputs are compared with those of torch.

    Parameters
    ----------
    estimator : AutoencoderTransformer, BottleneckSearchCV or Pipeline
        Of a search, ``best_estimator_`` is written. Pipelines are converted by skl2onnx; :func:`skl2onnx.to_onnx` takes
        them too.
    path : str, path-like or binary file object
    part : {"encoder", "decoder", "autoencoder"}, default="encoder"
        "encoder" computes ``transform``: the output is "codes", float32. "decoder" takes codes, float32, and computes
        ``inverse_transform``; "autoencoder" computes ``reconstruct``. Their output is "samples"; for tokens, "logits"
        (n, n_tokens, length) and "ids" (n, length). Only "encoder" is possible for pipelines: it computes what
        the last step does. Outputs of classifiers are "label" and "probabilities".
    dtype : dtype, default=None
        Type of the input X of an encoder or autoencoder. None is the dtype of the fitted X, so that the model takes the
        same arrays. float32 is computed without float64 unless values are far from 0.
    opset : int, default=None
        Version of ONNX's operators. None is that of torch's exporter.
    X : array-like, default=None
        Samples of a pipeline for the comparison. None draws random ones if the steps before the autoencoder have an
        ``inverse_transform``.

    Raises
    ------
    TypeError
        If the estimator is of another type.
    ImportError
        If onnx, onnxscript or onnxruntime is not installed; skl2onnx for pipelines.
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If ``part`` is unknown; if the network has custom modules that torch cannot convert; if a pipeline needs ``X``,
        or has a step that skl2onnx cannot convert; if outputs differ from those of torch. No file is written.

    Examples
    --------
    >>> import skae
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> autoencoder = skae.AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(X)
    >>> skae.to_onnx(autoencoder, "iris.onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("iris.onnx")  # doctest: +SKIP
    >>> (codes,) = session.run(None, {"X": X})  # doctest: +SKIP
    """
    check_choice("to_onnx", "part", part, tuple(PARTS))
    model = make_model(estimator, part, None if dtype is None else np.dtype(dtype), opset, X)
    raw = model.SerializeToString()
    if hasattr(path, "write") and not isinstance(path, os.PathLike):
        path.write(raw)
        return
    write(os.fsdecode(path), raw)


def make_model(estimator: Any, part: str, dtype: np.dtype | None, opset: int | None, X: Any) -> Any:
    """The checked ONNX model of an estimator."""
    if isinstance(estimator, BottleneckSearchCV):
        check_is_fitted(estimator)
        estimator = estimator.best_estimator_
    if isinstance(estimator, AutoencoderTransformer):
        return make_graph(estimator._get_result(), part, dtype, opset)
    if not isinstance(estimator, Pipeline):
        raise TypeError(
            f"to_onnx takes a fitted AutoencoderTransformer, BottleneckSearchCV or Pipeline. Got "
            f"{type(estimator).__name__} instead. skl2onnx.to_onnx converts other estimators of scikit-learn, with "
            f"an AutoencoderTransformer inside."
        )
    check_is_fitted(estimator)
    if part != "encoder":
        raise ValueError(
            f"A pipeline has no {part} in ONNX: part must be 'encoder', which computes what its last step does. Write "
            f"to_onnx(pipeline[{autoencoder_position(estimator)}], path, {part!r}) for the step."
        )
    return make_pipeline_model(snapshot(estimator), dtype, opset, X)


def make_pipeline_model(pipeline: Pipeline, dtype: np.dtype | None, opset: int | None, X: Any) -> Any:
    """The ONNX model of a pipeline, made by skl2onnx and compared with the methods of the last step."""
    try:
        import skl2onnx
    except ImportError as error:
        raise ImportError(f"ONNX models of pipelines need skl2onnx. Write: {INSTALL}") from error
    samples = pipeline_input(pipeline, dtype, X)
    options = {"zipmap": False} if is_classifier(pipeline) else None
    try:
        with without_export_messages():
            model = skl2onnx.to_onnx(pipeline, samples[:1], target_opset=opset, options=options)
    except (NotImplementedError, RuntimeError, NameError) as error:
        raise ValueError(
            f"skl2onnx cannot convert a step of the pipeline: {error}. Leave the step out, as in "
            f"to_onnx(pipeline[1:], path), and compute it before the model runs."
        ) from error
    methods = list(CLASSIFIED) if is_classifier(pipeline) else ["predict", "transform"]
    methods = [method for method in methods if hasattr(pipeline, method)][: len(model.graph.output)]
    set_metadata(model, {"part": "pipeline", "sample_shape": list(samples.shape[1:])})
    names, batches = [output.name for output in model.graph.output], (samples[:1], samples[1:])
    expected = [[call(getattr(pipeline, method), rows) for method in methods] for rows in batches]
    outputs = [onnx_outputs(model, rows) for rows in batches]
    compare(names[: len(methods)], outputs, expected, 1.0)
    return model


def pipeline_input(pipeline: Pipeline, dtype: np.dtype | None, X: Any) -> np.ndarray:
    """Samples for a pipeline: the given ones, or random ones that the steps before the autoencoder invert."""
    position = autoencoder_position(pipeline)
    result: FitResult = pipeline[position]._get_result()
    dtype = input_dtype(result.layout, dtype)
    if X is None:
        samples = example_input(result, "encoder", dtype, N_COMPARED, seed=0)
        if position > 0 and not hasattr(pipeline[:position], "inverse_transform"):
            steps = ", ".join(type(step).__name__ for _, step in pipeline.steps[:position])
            raise ValueError(
                f"Random samples for a comparison with onnxruntime cannot be made, because steps before the "
                f"autoencoder ({steps}) have no inverse_transform. Pass some samples: to_onnx(pipeline, path, X=X)."
            )
        X = call(pipeline[:position].inverse_transform, samples) if position > 0 else samples
    samples = np.asarray(X)
    if len(samples) < 2:
        raise ValueError(f"X must hold at least 2 samples, for batches of different lengths. Got {len(samples)}.")
    return samples[:N_COMPARED].astype(dtype)


def autoencoder_position(pipeline: Pipeline) -> int:
    """Position of the first autoencoder among the steps."""
    for position, (_, step) in enumerate(pipeline.steps):
        if isinstance(step, AutoencoderTransformer):
            return position
    raise TypeError(
        "to_onnx takes pipelines with an AutoencoderTransformer as a step. Write skl2onnx.to_onnx(pipeline, X[:1]) for "
        "others, also for an AutoencoderTransformer inside a ColumnTransformer or another pipeline."
    )


def call(method: Any, X: np.ndarray) -> np.ndarray:
    """The result of a method as an array, without warnings about the names of columns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X (does not have|has) (valid )?feature names")
        return np.asarray(method(X))
