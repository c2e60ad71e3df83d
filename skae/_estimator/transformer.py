"""``AutoencoderTransformer``: parameters, docstrings and the order of calls. Other modules compute."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError

from skae._inputs.data_frames import output_library, pandas_index, round_to_dtype
from skae._inputs.layout_inference import check_same_tokens, extend_layout, infer_layout
from skae._inputs.schema import Schema, read_samples
from skae._inputs.validation import (
    FAR_AWAY,
    check_codes,
    check_no_overflow,
    check_samples,
    encode_groups,
    warn_if_y_is_target,
)
from skae._parameters import check_choice, check_integer, check_nested, is_fraction, warn
from skae._version import __version__
from skae.data import Rows, SampleLayout
from skae.exceptions import OtherVersionWarning, PCAKeptWarning
from skae.model import LayerTable, layer_table
from skae.training import (
    AutoencoderNet,
    FitResult,
    Part,
    TrainData,
    TrainingInterrupted,
    begin_computing,
    checkpoints_for,
    decode,
    draw_seed,
    encode,
    is_extensible,
    one_at_a_time,
    reconstruct,
    report_stage,
    reports_out_of_memory,
    squared_errors,
    sums_of_squares,
    train,
    with_gradients,
    with_snapshots,
)
from skae.variants import Variant, class_of_variant

from .callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from .generation import GenerationMixin
from .settings import Architecture, check_parameters, check_same_network, class_of_architecture, train_spec
from .training_data import check_groups, training_data

# partial_fit keeps this many of its latest passes in history_.
KEPT_PASSES = 100
# PCA that leaves less of the variance than this is exact; fits of fewer epochs than TRIAL_EPOCHS are trials.
NO_ERROR, TRIAL_EPOCHS = 1e-6, 10
SCALING_NOTES = {
    "columns": "columns, each divided by its own standard deviation",
    "channels": "channels, each divided by one number",
    "global": "global, all divided by one number",
    None: "none, the mean is subtracted",
}
# From (output, target), tensors of scaled samples, to losses (batch,).
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# Values of ``dtype`` of ``inverse_transform``.
OUTPUT_DTYPES = ("input", None)


@with_snapshots("transform")
class AutoencoderTransformer(
    GenerationMixin, CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Nonlinear dimensionality reduction by an autoencoder, with the methods of PCA.

    An encoder compresses each sample to a code of ``n_components`` numbers, and a decoder reconstructs the sample from
    the code (Hinton and Salakhutdinov, 2006). Training starts from the PCA solution (Bourlard and Kamp, 1988). It falls
    back to PCA if the validation loss does not improve significantly. Pass raw data: scaling is learned in ``fit``, and
    reconstructions are in the units of X.

    Parameters
    ----------
    n_components : int or float, default=2
        Size of the latent code, at least 1. A float in (0, 1) is a share of the variance of the training rows: codes
        are then nested (``variant=Nested()``), and the smallest number of coordinates that explains this share is kept.
        The number is at most that of PCA for the same share, and at most 256.
    architecture : {"auto", "dense", "conv", "sequence"} or architecture object, default="auto"
        The network: a name, or a :class:`Dense`, :class:`Convolutional`, :class:`Sequence` or :class:`Custom` object
        with settings. "auto" is "sequence" for tokens; "conv" for pictures of at least 16 x 16 pixels and for other
        samples with axes of more than 4,096 numbers; else "dense". "sequence" reads X as tokens.
    sample_shape : tuple of int, default=None
        Shape of one sample, e.g. (28, 28), if X is 2-D and its rows are flattened samples.
    axes : str, default=None
        Names of the axes of a sample: t (time), d (depth), h (height), w (width), c (channels). They are needed if the
        shape has several readings: "h w c" for color pictures, "c t" for signals with channels first. "n" means rows of
        integer tokens, which are compared and scored as one-hot vectors.
    scaling : {"auto", "columns", "channels", "global", None}, default="auto"
        Scaling of samples to s(X). Training, ``score`` and ``score_samples`` use s(X). The mean of every feature is
        subtracted. Then each feature is divided by its own standard deviation ("columns"), the features of each channel
        by one number ("channels"), all features by one number ("global"), or nothing is divided (None). "auto" is
        "columns" for tables, and "channels" for samples with channels, if standard deviations differ by more than a
        factor of ten; else "global". It is also "global" for data of one unit: uint8 pictures and videos, tables
        of pixels, flags, counts or term weights, and principal components. A column whose variation is rounding error
        counts as constant. ``scaling_`` and ``scale_`` report the result.
    variant : str or variant object, default="plain"
        A name in :data:`skae.variants.VARIANTS`, or an object with settings, such as ``Variational(beta=4)``. The
        variant determines the bottleneck, the corruption of training samples and the penalties.
    loss : {"auto", "mse", "mae", "huber", "bce", "cross_entropy"} or callable, default="auto"
        Reconstruction loss on s(X): squared, absolute or Huber (1964) error. "bce" is the binary cross-entropy of
        values rescaled from [minimum, maximum] of the training data to [0, 1]. "cross_entropy" is for tokens. "auto" is
        "cross_entropy" for tokens, else "mse". A callable takes ``(output, target)``, float32 tensors of scaled samples
        (batch, n_features) or (batch, channels, \\*sizes). It returns a tensor (batch,) of losses averaged over
        features, and is tested on a few rows before training. If it is a module, its weights are not trained.
    optimizer : {"adamw", "adam", "sgd", "rmsprop"}, default="adamw"
        AdamW (Loshchilov and Hutter, 2019) has a weight decay of 0.1; the linear path, initialized with PCA, has none.
    lr : "auto" or float, default="auto"
        Peak learning rate, in (0, inf). The rate rises in the first fifth of training and then falls to 0 (Smith and
        Topin, 2019).
    batch_size : "auto" or int, default="auto"
        Largest number of rows per training batch. "auto" is 16 to 256, depending on the number of rows. Every row is
        used: batches have nearly equal sizes.
    max_epochs : "auto" or int, default="auto"
        Maximum number of epochs. "auto" is 25. If 25 epochs have at most 2,000 steps and the validation loss still
        falls at their end, up to 50 epochs follow with a second cycle of the learning rate (warm restarts, Loshchilov
        and Hutter, 2017). Weights of the second cycle are kept if their validation loss is significantly lower. With
        ``early_stopping=False``, "auto" is 25 to 75 epochs, about 1,000 steps.
    early_stopping : bool, default=True
        Whether to use a validation set, stop when the validation loss does not improve, and keep the weights with the
        lowest validation loss, or those of PCA. If False, the last weights are kept without a comparison with PCA.
    validation_fraction : float in [0, 1), default=0.1
        Share of X in the validation set, drawn at random. It is not used if ``fit`` gets ``X_val``. Trained weights
        replace PCA if their validation loss is significantly lower, on at least 20 rows (5 rows of ``X_val``, and in
        warm starts). If an improvement on fewer than 200 rows is suggestive but not significant, cross-validation
        decides: up to four more networks are trained with other validation sets, and ``fit`` can take six times as
        long. With ``groups``, at least one whole group is drawn, losses are averaged per group and then compared, and
        at least 20 rows in 5 groups are needed.
    n_iter_no_change : "auto" or int, default="auto"
        Training stops after this number of epochs in a row without improvement. "auto" is 60 % of ``max_epochs``, at
        least 25, because the validation loss may not fall while the learning rate is high.
    tol : float, default=1e-4
        Smallest relative decrease of the validation loss that counts as an improvement, in [0, inf).
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights and the scaling of the previous fit.
    device : str or torch.device, default="auto"
        "auto" is CUDA if available, then MPS, then the CPU.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of training. "auto" is bfloat16 on GPUs that support it. Codes are always computed in float32.
    compile : bool, default=False
        Whether to train with ``torch.compile``. It saves time if training takes minutes.
    checkpoint_dir : str or path, default=None
        Directory of checkpoints. After a crash, the same call of ``fit`` resumes from the checkpoint; on a CPU the
        result is bitwise equal. The checkpoint is removed when ``fit`` ends. For searches with many fits, write "{fit}"
        in the name: it is replaced by an identifier of the fit. The state of callbacks in ``net_params`` is not stored.
    on_interrupt : {"raise", "keep"}, default="raise"
        After Ctrl-C the best weights so far are kept, if at least one epoch is done. Then "raise" raises
        KeyboardInterrupt again; "keep", for notebooks, returns with a warning.
    net_params : dict, default=None
        Further parameters of the skorch net: {"callbacks": [...], "optimizer__weight_decay": 1e-4}. "clip_norm" is the
        maximum norm of the gradient: by default 1 for SGD, which diverges without it, else None.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, shuffling, dropout and the validation split. None draws a new seed in every fit. Global random
        generators are neither used nor changed. With an int, results are bitwise equal in all processes and joblib
        backends if numpy's BLAS, which computes the PCA, has the same number of threads.
    verbose : int, default=0
        Above 0, print a line with seconds for each stage before training, and a line per epoch.

    Attributes
    ----------
    n_components_ : int
        Size of the latent code.
    mean_ : ndarray of shape sample_shape_, float64
        Mean of the training samples. For tokens: the share of each token at each position, (n_tokens, length).
    scaling_ : {"columns", "channels", "global", None}
        The kind of scaling that was chosen.
    scale_ : ndarray of float64
        Divisor of ``X - mean_``. Its shape is ``sample_shape_`` for "columns"; for "channels" all axes but that of the
        channels have size 1; else it is (). Constant columns have 1.
    sample_shape_ : tuple of int
        Shape of one sample; (n_features_in_,) for tables.
    n_features_in_ : int
        Number of features: the product of ``sample_shape_``.
    feature_names_in_ : ndarray of str
        Names of the columns. Defined only if X is a data frame.
    n_iter_ : int
        Number of epochs run.
    best_epoch_ : int
        The epoch whose weights are kept; 0 if PCA is kept.
    is_pca_ : bool
        Whether ``fit`` fell back to PCA: codes and reconstructions are those of PCA of s(X). ``fit`` then warns with
        :class:`~skae.exceptions.PCAKeptWarning`, unless PCA leaves no error or ``max_epochs`` is less than 10.
    history_ : list of dict
        One entry per epoch: "epoch", "train_loss", "valid_loss" (with a validation set), "pca_loss" (loss of PCA on the
        validation set, if training starts from PCA), "lr", "duration" (seconds).
    explained_variance_ratio_ : ndarray of shape (n_components_,), float64
        Share of the variance that each coordinate adds, measured in s(X) on at most 1,000 training rows. Defined only
        if codes are nested.
    architecture_, variant_ : architecture and variant object
        The objects that built the network.
    net_ : skorch.NeuralNet
        The trained net. ``net_.module_`` is the torch module; its ``encode`` and ``decode`` take and return scaled
        samples, channels first.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    >>> autoencoder.reconstruct(X).shape
    (1797, 64)
    >>> autoencoder.score(X) > 0.75  # PCA explains 0.67 with 8 components
    True
    """

    _result: FitResult
    # Whether ``fit`` reports that PCA is kept. AutoencoderNovelty sets it to False while it fits its members.
    _reports_pca = True

    def __init__(
        self,
        n_components: int | float = 2,
        *,
        architecture: Literal["auto", "dense", "conv", "sequence"] | Architecture = "auto",
        sample_shape: Sequence[int] | None = None,
        axes: str | None = None,
        scaling: Literal["auto", "columns", "channels", "global"] | None = "auto",
        variant: str | Variant = "plain",
        loss: Literal["auto", "mse", "mae", "huber", "bce", "cross_entropy"] | Loss = "auto",
        optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw",
        lr: Literal["auto"] | float = "auto",
        batch_size: Literal["auto"] | int = "auto",
        max_epochs: Literal["auto"] | int = "auto",
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: Literal["auto"] | int = "auto",
        tol: float = 1e-4,
        warm_start: bool = False,
        device: str | torch.device = "auto",
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        compile: bool = False,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        on_interrupt: Literal["raise", "keep"] = "raise",
        net_params: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.architecture = architecture
        self.sample_shape = sample_shape
        self.axes = axes
        self.scaling = scaling
        self.variant = variant
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.precision = precision
        self.compile = compile
        self.checkpoint_dir = checkpoint_dir
        self.on_interrupt = on_interrupt
        self.net_params = net_params
        self.random_state = random_state
        self.verbose = verbose

    @one_at_a_time
    @with_callbacks
    @reports_out_of_memory
    @with_gradients
    def fit(self, X: Any, y: Any = None, X_val: Any = None, groups: ArrayLike | None = None) -> AutoencoderTransformer:
        """Train on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            A table, pictures (n, h, w), (n, h, w, c) or (n, c, h, w), signals (n, t, c), or videos (n, t, h, w, c).
            X can be an array, a data frame, a torch tensor, a sparse matrix (converted to dense batch by batch), a
            memmap, or any object with shape, dtype, len and slicing. Values are converted to float64 before the mean is
            subtracted, so integers beyond 2**53 are rounded. If rows are not in memory and take more than 256 MiB as
            float32, they are shuffled in blocks; the network then differs from that of the same rows in memory.
        y : ignored
            A warning is given if y has the shape of X and other values, as clean samples have.
        X_val : array-like like X, default=None
            The validation set, instead of ``validation_fraction`` of X.
        groups : array-like of shape (n_samples,), default=None
            A label per row, as number, string or category. Rows that depend on each other share a label: those of one
            subject, of one series, or augmented copies of one sample. The validation set and the folds of
            cross-validation consist of whole groups. Trained weights can replace PCA only if the validation set has at
            least five groups: 200 rows of 8 patients are 8 observations. Without groups, rows count as independent;
            equal rows and near copies are detected, kept together and reported in a warning. ``groups=range(len(X))``
            declares all rows independent. With ``X_val``, or without early stopping, groups are validated but not used.

        Returns
        -------
        self : AutoencoderTransformer

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is invalid. It is raised before training starts.
        DivergenceError
            If the loss becomes NaN or infinite.
        RuntimeError
            If another thread is fitting this estimator.
        OutOfMemoryError
            If a batch does not fit into memory; it is a MemoryError.

        After any of these errors the estimator is unchanged.
        """
        check_parameters(self)
        start = self._result if self.warm_start and self.__sklearn_is_fitted__() else None
        with report_stage("Reading X", self.verbose):
            X, layout, schema = self._read(X) if start is None else self._read_more(X, start)
        spec = train_spec(self, layout)
        if start is not None:
            check_same_network(self, start, spec, X.shape)
        warn_if_y_is_target(X, y)
        samples = {"X": X} if X_val is None else {"X": X, "X_val": self._checked(X_val, layout, schema)}
        groups = encode_groups(groups, len(X))
        groups = groups if X_val is None and self.early_stopping else None
        check_groups(groups)
        with checkpoints_for(
            self.checkpoint_dir, spec, samples, layout, groups, self.random_state, start
        ) as checkpoints:
            seed = draw_seed(self.random_state)
            spec = replace(spec, seed=seed if checkpoints.seed is None else checkpoints.seed)
            with report_stage("Choosing training and validation rows", self.verbose):
                data = training_data(spec, X, samples.get("X_val"), groups, layout, schema)
            try:
                result = train(spec, data, start, checkpoints, [partial(self._epoch_tasks, X, y)])
                checkpoints.finished = True
            except TrainingInterrupted as error:
                interrupt, result = error.__cause__, error.result
                if self.warm_start:
                    checkpoints.record_interrupt(result)
            else:
                interrupt = None
            self._result = result
        if interrupt is not None and self.on_interrupt == "raise":
            raise interrupt
        if interrupt is not None:
            kept = (
                "the best weights so far"
                if result.best_epoch
                else "those of PCA, than which none are significantly better,"
            )
            warn(f"Training was interrupted after {result.n_epochs} epochs; {kept} are kept.")
        elif result.best_epoch == 0 and self._reports_pca:
            self._report_pca(result)
        return self

    @one_at_a_time
    @reports_out_of_memory
    @with_gradients
    def partial_fit(self, X: Any, y: Any = None) -> AutoencoderTransformer:
        """Train for one epoch on X at a constant learning rate. The first call also learns scaling and PCA from X.

        A later call updates the scaling of a feature if it varies for the first time, or if its scale changes by a
        factor of more than ten. The weights of this feature are then reset; they do not contribute to codes until they
        are trained on X. All other features keep the scaling of the first call. With ``loss="bce"`` and for tokens, all
        features keep it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        y : ignored

        Returns
        -------
        self : AutoencoderTransformer
        """
        check_parameters(self)
        if is_fraction(self.n_components):
            raise ValueError(f"partial_fit needs an int as n_components. Got {self.n_components!r} instead.")
        start, rescaled = self._result if self.__sklearn_is_fitted__() else None, None
        with report_stage("Reading X", self.verbose):
            X, layout, schema = self._read(X) if start is None else self._read_more(X, start)
        spec = replace(train_spec(self, layout), early_stopping=False, single_pass=True)
        if start is not None:
            check_same_network(self, start, spec, X.shape)
        warn_if_y_is_target(X, y)
        if start is not None:
            if is_extensible(start.net.module_, layout):
                layout, changed = extend_layout(layout, self.scaling, X)
                rescaled = layout.from_flat(changed[None])[0]
            start = replace(start, history=start.history[1 - KEPT_PASSES :])
        spec = replace(spec, seed=draw_seed(self.random_state))
        data = TrainData(Part.whole(Rows(X, layout, spec.device, keep=True)), schema=schema, rescaled=rescaled)
        self._result = train(spec, data, start)
        return self

    def transform(self, X: Any) -> Any:
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), float32
            A tensor on the device of X if X is a tensor; a data frame if ``set_output`` asks for one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If X is invalid, or differs in shape or column names from the fitted X.
        """
        result = self._fitted()
        Z = encode(result, self._checked(X, result.layout, result.schema))
        check_no_overflow(Z, "codes", FAR_AWAY)
        return like(X, Z)

    def inverse_transform(self, X: Any, *, dtype: Literal["input"] | None = None) -> Any:
        """Decode latent codes to samples in the shape and units of the fitted X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            If codes are nested, the first columns are sufficient.
        dtype : {None, "input"}, default=None
            "input" converts samples to the dtype of the fitted X. Integers and booleans are rounded and clipped to the
            range of the dtype, so that uint8 pictures can be displayed. None gives floats.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            float32, float64 if the dtype of the fitted X needs it, or int64 tokens. It is dense, and a tensor if X is
            one. If a data frame was fitted and ``set_output`` asks for data frames, X is a data frame of that library,
            with the column names and types of the fitted one, and the index of the given X if that is a pandas frame.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X does not have ``n_components_`` columns, or ``dtype`` is unknown.
        """
        result = self._fitted()
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        is_nested = result.explained_variance_ratio is not None
        return self._as_fitted(X, self._decoded(result, check_codes(X, result.n_components, is_nested)), result, dtype)

    def reconstruct(self, X: Any, *, dtype: Literal["input"] | None = None) -> Any:
        """Compute ``inverse_transform(transform(X))`` in one pass, batch by batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        dtype : {None, "input"}, default=None
            As in ``inverse_transform``.

        Returns
        -------
        X : ndarray of the shape, axes and units of the fitted X
            As from ``inverse_transform``.
        """
        result = self._fitted()
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        samples = reconstruct(result, self._checked(X, result.layout, result.schema))
        check_no_overflow(samples, "samples", FAR_AWAY)
        return self._as_fitted(X, samples, result, dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """Explained variance (R2): 1 for a perfect reconstruction, 0 for a constant one, the training mean.

        It is ``1 - sum((s(X) - s(X'))**2) / sum(s(X)**2)``, where X' is the reconstruction. For a PCA of s(X), it is
        the sum of ``explained_variance_ratio_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        y : ignored

        Returns
        -------
        score : float
            In (-inf, 1].

        Raises
        ------
        ValueError
            If X is so far from what was fitted that squares overflow in float32.
        """
        result = self._fitted()
        error, total = sums_of_squares(result, self._checked(X, result.layout, result.schema))
        check_no_overflow(np.array([error, total]), "squares that the score is of", FAR_AWAY)
        return 1.0 - error / total if total > 0 else float(error == 0)

    def score_samples(self, X: Any) -> Any:
        """Compute the negative mean squared reconstruction error of each sample in s(X). Anomalies have low scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32

        Raises
        ------
        ValueError
            If X is so far from what was fitted that squares overflow in float32.
        """
        result = self._fitted()
        scores = -squared_errors(result, self._checked(X, result.layout, result.schema))
        check_no_overflow(scores, "scores", FAR_AWAY)
        return like(X, scores)

    def shortened(self, n_components: int) -> AutoencoderTransformer:
        """Copy the estimator with the first ``n_components`` coordinates of nested codes; weights are shared.

        Raises
        ------
        ValueError
            If codes are not nested, or have fewer coordinates than ``n_components``.
        """
        result = self._fitted()
        check_integer(type(self).__name__, "n_components", n_components)
        if result.explained_variance_ratio is None:
            raise ValueError(
                f"Codes of variant={self.variant!r} are not nested, so they cannot be cut. Pass variant='nested'."
            )
        short = copy.copy(self)
        short.n_components = int(n_components)
        short._result = result.shortened(int(n_components))
        return short

    def set_params(self, **params: Any) -> AutoencoderTransformer:
        """Set parameters. Write ``architecture__hidden_sizes`` for a parameter of an architecture or variant object.

        Raises
        ------
        ValueError
            If the parameter does not exist, or ``architecture`` or ``variant`` is a name and has no parameters.
        """
        check_nested(self, params, {"architecture": class_of_architecture, "variant": class_of_variant})
        return super().set_params(**params)

    def summary(self) -> LayerTable:
        """Print and return the table of layers: name, output shape, number of parameters and the formula of each size.

        Two notes follow: the scaling of samples, and the epoch whose weights are kept.
        """
        result = self._fitted()
        if result.best_epoch == 0:
            kept = f"those of PCA; none of {result.n_epochs} epochs is significantly better"
        else:
            kept = f"epoch {result.best_epoch} of {result.n_epochs}"
        notes = [f"scaling: {SCALING_NOTES[result.layout.scaling.kind]}", f"weights: {kept}"]
        table = layer_table(result.layers, result.layout.caller_view, notes)
        print(table)
        return table

    def _report_pca(self, result: FitResult) -> None:
        """Print and warn that PCA is kept, unless PCA leaves no error or training was a short trial."""
        message = (
            "PCA is kept: no epoch has a validation loss significantly below that of PCA, so codes and reconstructions "
            "are those of PCA (is_pca_ is True). More samples, a larger max_epochs, another n_components or "
            "architecture may give more than PCA; early_stopping=False keeps what is trained, whatever its loss."
        )
        if self.verbose:
            print(message)
        exact = result.history[-1].get("pca_loss", math.inf) <= NO_ERROR * result.layout.mean_variance
        if not exact and (self.max_epochs == "auto" or self.max_epochs >= TRIAL_EPOCHS):
            warn(message, PCAKeptWarning)

    @property
    def n_components_(self) -> int:
        """Size of the latent code."""
        return self._learned.n_components

    @property
    def mean_(self) -> np.ndarray:
        """Mean of the training samples, (\\*sample_shape_) float64."""
        return self._learned.layout.mean

    @property
    def scaling_(self) -> str | None:
        """The kind of scaling that was chosen."""
        return self._learned.layout.scaling.kind

    @property
    def scale_(self) -> np.ndarray:
        """Divisor of samples after the mean is subtracted, float64."""
        return self._learned.layout.sample_scale

    @property
    def sample_shape_(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self._learned.layout.sample_shape

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return self._learned.schema.n_features

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns, if X was a data frame."""
        return self._optional("feature_names_in_", self._learned.schema.feature_names)

    @property
    def n_iter_(self) -> int:
        """Number of epochs run."""
        return self._learned.n_epochs

    @property
    def best_epoch_(self) -> int:
        """The epoch whose weights are kept; 0 if PCA is kept."""
        return self._learned.best_epoch

    @property
    def is_pca_(self) -> bool:
        """Whether ``fit`` fell back to PCA."""
        return self._learned.best_epoch == 0

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One dict per epoch."""
        return self._learned.history

    @property
    def explained_variance_ratio_(self) -> np.ndarray:
        """Share of the variance that each coordinate of nested codes adds, (n_components_,)."""
        return self._optional("explained_variance_ratio_", self._learned.explained_variance_ratio)

    @property
    def architecture_(self) -> Architecture:
        """The architecture object that built the network."""
        return self._learned.spec.architecture

    @property
    def variant_(self) -> Variant:
        """The variant object that built the network."""
        return self._learned.spec.variant

    @property
    def net_(self) -> AutoencoderNet:
        """The trained skorch net."""
        return self._learned.net

    @property
    def _n_features_out(self) -> int:
        return self._learned.n_components

    @property
    def _learned(self) -> FitResult:
        """The result of the last fit; AttributeError before ``fit``."""
        try:
            return vars(self)["_result"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no learned attributes before fit is called.") from None

    def _optional(self, name: str, value: Any) -> Any:
        """Return the value; AttributeError if it is None, as for an attribute that this fit does not have."""
        if value is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return value

    def _fitted(self) -> FitResult:
        """The result of the last fit. Methods call it once; NotFittedError before ``fit``."""
        begin_computing()
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
                f"using this estimator."
            )
        return self._result

    def __sklearn_is_fitted__(self) -> bool:
        return "_result" in vars(self)

    def _read(self, X: Any) -> tuple[Any, SampleLayout, Schema]:
        """X, checked, with the layout and the schema inferred from it."""
        X, schema = read_samples(type(self).__name__, X)
        return X, infer_layout(self, X).to(torch.device("cpu")), schema

    def _read_more(self, X: Any, start: FitResult) -> tuple[Any, SampleLayout, Schema]:
        """X, checked against what was fitted."""
        return self._checked(X, start.layout, start.schema), start.layout, start.schema

    def _checked(self, X: Any, layout: SampleLayout, schema: Schema) -> Any:
        """X, checked against a layout and a schema."""
        X = check_samples(schema.estimator(type(self).__name__), X, reset=False, sample_shape=layout.sample_shape)
        check_same_tokens(layout, X)
        return X

    def _epoch_tasks(self, X: Any, y: Any, n_epochs: int, present: Any) -> EpochTasks:
        """The callback that reports epochs to the callbacks of scikit-learn."""
        return EpochTasks(self, X, y, n_epochs, lambda: {"_result": present()})

    def _decoded(self, result: FitResult, Z: np.ndarray) -> np.ndarray:
        """Samples from checked codes."""
        samples = decode(result, Z)
        check_no_overflow(samples, "samples", "the codes are far from those of transform")
        return samples

    def _as_fitted(self, X: Any, samples: np.ndarray, result: FitResult, dtype: str | None) -> Any:
        """Samples as a data frame with the columns fitted, if data frames are asked for; else of the type of X."""
        library, frame = output_library(self), result.schema.frame
        if frame is not None and samples.ndim == 2 and library is not None:
            return frame.to_frame(samples, library, pandas_index(X))
        given = result.layout.input_dtype
        return like(X, samples if dtype is None or given is None else round_to_dtype(samples, given))

    def __getstate__(self):
        return {**super().__getstate__(), "_skae_version": __version__}

    def __setstate__(self, state):
        """Restore the state of a pickle; warn if another version of the package wrote it."""
        written_by = state.get("_skae_version", "an unknown version")
        if written_by != __version__:
            warn(
                f"Unpickling an AutoencoderTransformer of skae {written_by} with skae {__version__}: results may "
                f"differ. Files written by skae.save are made for this.",
                OtherVersionWarning,
            )
        super().__setstate__({name: value for name, value in state.items() if name != "_skae_version"})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = True
        return tags


def like(X: Any, result: np.ndarray) -> Any:
    """Convert the result to a tensor on the device of X if X is a tensor; else return it."""
    return torch.from_numpy(result).to(X.device) if isinstance(X, torch.Tensor) else result
