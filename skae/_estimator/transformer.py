"""``AutoencoderTransformer``: parameters, docstrings and the order of calls. Computing is done below it."""

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

from skae._data import Rows, SampleLayout
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
from skae._model import LayerTable, layer_table
from skae._parameters import check_choice, check_integer, check_nested, is_fraction, warn
from skae._training import (
    AutoencoderNet,
    FitResult,
    Part,
    TrainData,
    TrainingInterrupted,
    begin_computing,
    checkpoints_for,
    decode,
    encode,
    is_extensible,
    one_at_a_time,
    private_seed,
    reconstruct,
    reported,
    reports_out_of_memory,
    squared_errors,
    sums_of_squares,
    train,
    with_gradients,
    with_snapshots,
)
from skae._version import __version__
from skae.exceptions import OtherVersionWarning, PCAKeptWarning
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
    """Non-linear dimensionality reduction by an autoencoder, called like PCA.

    A network is trained to squeeze samples through ``n_components`` numbers and bring them back (Hinton and
    Salakhutdinov, 2006). It starts at the PCA solution (Bourlard and Kamp, 1988), and goes back to it where rows held
    out from training show no improvement. Raw data is what it wants: scaling is learned, and undone on the way out.

    Parameters
    ----------
    n_components : int or float, default=2
        Size of the latent code, at least 1. A float in (0, 1) orders the codes (``variant=Nested()``) and keeps as
        many coordinates as explain that share of the training rows' variance; never more than PCA needs, or 256.
    architecture : {"auto", "dense", "conv", "sequence"} or architecture object, default="auto"
        How features are computed and undone: a name, or :class:`Dense`, :class:`Convolutional`, :class:`Sequence` or
        :class:`Custom` with settings of your own. "auto" is convolutional for pictures of at least 16 x 16 pixels and
        for samples of more than 4,096 numbers, "sequence" for rows of tokens, else dense, as for tables. "sequence"
        reads X as tokens.
    sample_shape : tuple of int, default=None
        Shape of one sample where X is 2-D and holds flattened samples, e.g. (28, 28).
    axes : str, default=None
        Names of a sample's axes, where its shape can be read in more than one way: "h w c" for color pictures, "c t"
        for signals with channels first. Names are t (time), d (depth), h (height), w (width), c (channels); "n" says
        that X holds rows of integer tokens, which are compared and scored as one-hot numbers.
    scaling : {"auto", "columns", "channels", "global", None}, default="auto"
        How samples are scaled to s(X), in which training, ``score`` and ``score_samples`` are: the mean of every
        feature is subtracted, then all features are divided by one number ("global"), each by its own standard
        deviation ("columns"), those of each channel by one number ("channels"), or nothing is divided (None). "auto"
        takes "columns" for a table, and "channels" for signals, pictures and videos with channels, if standard
        deviations of columns or channels differ by more than a factor of ten, else "global". Pictures and videos of
        uint8, tables of pixels, flags, counts or weights of words, and principal components, are of one unit in spite
        of such differences. A column of rounding errors counts as constant. ``scaling_`` and ``scale_`` tell what was
        taken.
    variant : str or variant object, default="plain"
        A name in :data:`skae.variants.VARIANTS`, or an object of its classes with settings of your own, such as
        ``Variational(beta=4)``: what becomes of codes, what training does to samples, what is minimized besides.
    loss : {"auto", "mse", "mae", "huber", "bce", "cross_entropy"} or callable, default="auto"
        What training minimizes in s(X): squared, absolute or Huber (1964) error; or the cross entropy of values taken
        as shares between the smallest and the largest seen; or, for tokens, the cross entropy of their shares. "auto"
        is "cross_entropy" for tokens, else "mse". A callable takes ``(output, target)``, float32 tensors of scaled
        samples (batch, n_features) or (batch, channels, \\*sizes), to a tensor (batch,) of losses averaged over
        features; a few rows are tried before training. A module's own weights are not trained.
    optimizer : {"adamw", "adam", "sgd", "rmsprop"}, default="adamw"
        AdamW is that of Loshchilov and Hutter (2019), with a weight decay of 0.1 but for the linear path from PCA.
    lr : "auto" or float, default="auto"
        Peak learning rate; it rises over the first fifth of training and falls to 0 (Smith and Topin, 2019).
    batch_size : "auto" or int, default="auto"
        Rows of a training batch; "auto" takes 16 to 256 by the number of rows. No row is left out: batches share them
        evenly.
    max_epochs : "auto" or int, default="auto"
        Maximum number of passes over X. "auto" is 25; if these are at most 2,000 steps and the validation loss still
        falls at their end, up to 50 more follow with a learning rate that rises and falls again (warm restarts,
        Loshchilov and Hutter, 2017), whose weights are kept if their validation loss is lower by more than chance. With
        ``early_stopping=False`` "auto" is 25 to 75 epochs, about 1,000 steps.
    early_stopping : bool, default=True
        Whether to hold rows out, stop when they show no progress, and keep the weights that do best on them, PCA's
        included. Without it the last weights are kept, and nothing says whether they do better than PCA.
    validation_fraction : float in [0, 1), default=0.1
        Share of X in the validation set, drawn at random, unless ``fit`` gets ``X_val``. Trained weights replace PCA if
        their validation loss is significantly lower, on at least 20 rows. Where an improvement on fewer than 200 rows
        is suggestive but not significant, cross-validation decides: up to four more networks are trained with other
        validation sets, so that fits of small data can take six times as long. Of ``X_val``, and in warm starts, five
        rows are enough. With ``groups``, whole groups are drawn, at least one; means of groups are compared, and at
        least 20 rows of 5 groups are needed.
    n_iter_no_change : "auto" or int, default="auto"
        Epochs in a row without progress after which training stops; "auto" is 60 % of ``max_epochs``, at least 25:
        while the learning rate is high, the validation loss may not fall.
    tol : float, default=1e-4
        Progress is a held-out loss that falls by more than this share of itself.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights and the scaling of the fit before.
    device : str or torch.device, default="auto"
        "auto" is CUDA, then MPS, then the CPU.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of training: "auto" is bfloat16 on GPUs that have it. Codes are always computed in float32.
    compile : bool, default=False
        Whether training goes through ``torch.compile``; it pays where training lasts minutes.
    checkpoint_dir : str or path, default=None
        A folder in which ``fit`` keeps its state while it trains, so that after a crash the same ``fit`` goes on where
        it stopped, on a CPU to the same bits; a fit that ends removes it. In a search, where many fits run, write
        "{fit}" in the name: it stands for the fit. ``net_params`` callbacks keep no state there.
    on_interrupt : {"raise", "keep"}, default="raise"
        After Ctrl-C and at least one epoch, the best weights so far are kept. "raise" then raises KeyboardInterrupt
        again; "keep", for notebooks, returns with a warning.
    net_params : dict, default=None
        What else the skorch net gets: {"callbacks": [...], "optimizer__weight_decay": 1e-4}; "clip_norm" is what the
        norm of all gradients together is clipped to: 1 for SGD, which diverges without it, else None.
    random_state : int, RandomState instance or None, default=None
        Decides weights, shuffling, dropout and held-out rows; None draws anew in every fit. Global random streams are
        neither used nor changed. An int gives the same bits over processes and joblib's backends, where numpy's BLAS,
        which computes the PCA, has as many threads.
    verbose : int, default=0
        Above 0, a line is printed per stage before the first epoch, with its seconds, and per epoch.

    Attributes
    ----------
    n_components_ : int
        Size of the latent code.
    mean_ : ndarray of shape sample_shape_, float64
        Mean of the training samples; for tokens the share (n_tokens, length) of each token at each place.
    scaling_ : {"columns", "channels", "global", None}
        The kind of scaling that was taken.
    scale_ : ndarray of float64
        What ``X - mean_`` is divided by: of shape ``sample_shape_`` for "columns", with size 1 along all axes but that
        of channels for "channels", else (). 1 for constant columns.
    sample_shape_ : tuple of int
        Shape of one sample; (n_features_in_,) for tables.
    n_features_in_ : int
        Numbers in one sample: the product of ``sample_shape_``.
    feature_names_in_ : ndarray of str
        Names of the columns, where X was a frame.
    n_iter_ : int
        Epochs run.
    best_epoch_ : int
        The epoch whose weights are kept: 0 where no epoch did surely better than PCA.
    is_pca_ : bool
        Whether ``fit`` fell back to PCA: codes and reconstructions are those of PCA of s(X). A
        :class:`~skae.exceptions.PCAKeptWarning` says so, unless PCA leaves no error or ``max_epochs`` is less than 10.
    history_ : list of dict
        One entry per epoch: "epoch", "train_loss", "valid_loss" (if there is a validation set), "pca_loss" (that of
        PCA on the validation set, if training starts there), "lr", "duration" (seconds).
    explained_variance_ratio_ : ndarray of shape (n_components_,), float64
        Where codes are nested: the share of the variance that each coordinate adds, measured in s(X) on at most
        1,000 of the rows trained on.
    architecture_, variant_ : architecture and variant object
        Those that were built.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module, with ``encode`` and ``decode`` on scaled samples,
        channels first.

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
            A table, pictures (n, h, w), (n, h, w, c) or (n, c, h, w), signals (n, t, c), videos (n, t, h, w, c); as an
            array, a frame, a torch tensor, a sparse matrix (made dense batch by batch), a memmap, or anything with
            shape, dtype, len and slicing. Numbers are read as float64 before the mean is subtracted, so integers
            beyond 2**53 are rounded. Rows that are not in memory, and take more than 256 MiB as float32, are
            shuffled in blocks, so the same rows in memory give another network.
        y : ignored
            With a warning where it looks like clean samples: of the shape of X, with other values.
        X_val : array-like like X, default=None
            Samples of your own to hold out, instead of ``validation_fraction`` of X.
        groups : array-like of shape (n_samples,), default=None
            Which rows of X depend on each other: a label per row, such as the subject, the series or the original of
            an augmented copy; numbers, strings or categories. The validation set has whole groups, also in
            cross-validation, and at least five are needed for an improvement on PCA: 200 rows of 8 patients are 8
            observations. Without groups every row is independent, but for equal rows and near copies, which are looked
            for, with a warning. ``groups=range(len(X))`` says that rows are independent. With ``X_val``, or without
            early stopping, groups are checked and not used; equal rows and near copies of ``X_val`` are found.

        Returns
        -------
        self : AutoencoderTransformer

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is not as described; before training starts.
        DivergenceError
            If the loss stops being finite.
        RuntimeError
            If another thread is fitting this estimator.
        OutOfMemoryError
            A MemoryError: if a batch does not fit into memory. In every case the estimator stays as it was.
        """
        check_parameters(self)
        start = self._result if self.warm_start and self.__sklearn_is_fitted__() else None
        with reported("Reading X", self.verbose):
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
            seed = private_seed(self.random_state)
            spec = replace(spec, seed=seed if checkpoints.seed is None else checkpoints.seed)
            with reported("Choosing training and validation rows", self.verbose):
                data = training_data(spec, X, samples.get("X_val"), groups, layout, schema)
            try:
                result = train(spec, data, start, checkpoints, [partial(self._epoch_tasks, X, y)])
                checkpoints.finished = True
            except TrainingInterrupted as error:
                interrupt, result = error.__cause__, error.result
                if self.warm_start:
                    checkpoints.interrupted(result)
            else:
                interrupt = None
            self._result = result
        if interrupt is not None and self.on_interrupt == "raise":
            raise interrupt
        if interrupt is not None:
            kept = (
                "the best weights so far"
                if self.best_epoch_
                else "those of PCA, than which none are surely better,"
            )
            warn(f"Training was interrupted after {self.n_iter_} epochs; {kept} are kept.")
        elif self.is_pca_ and self._reports_pca:
            self._report_pca(result)
        return self

    @one_at_a_time
    @reports_out_of_memory
    @with_gradients
    def partial_fit(self, X: Any, y: Any = None) -> AutoencoderTransformer:
        """Train on X in one pass at a constant learning rate; the first call also learns scaling and PCA from X.

        Later calls update the scaling of features that vary for the first time, and of features whose scale changes by
        a factor of more than ten. The network learns those anew: where nothing else changes, codes of earlier rows stay
        the same before training on X. All other features are scaled as in the first call,
        as are all with ``loss="bce"`` and tokens.

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
        with reported("Reading X", self.verbose):
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
        spec = replace(spec, seed=private_seed(self.random_state))
        data = TrainData(Part.whole(Rows(X, layout, spec.device, keep=True)), schema=schema, rescaled=rescaled)
        self._result = train(spec, data, start)
        return self

    def transform(self, X: Any) -> Any:
        """Latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), float32
            A tensor on the same device, where X is one.
        """
        result = self._fitted()
        Z = encode(result, self._checked(X, result.layout, result.schema))
        check_no_overflow(Z, "codes", FAR_AWAY)
        return like(X, Z)

    def inverse_transform(self, X: Any, *, dtype: Literal["input"] | None = None) -> Any:
        """Samples from latent codes, in the shape and units of what was fitted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            The first columns alone will do where codes are nested.
        dtype : {None, "input"}, default=None
            "input" gives the dtype of the X that was fitted, integers and booleans rounded to the nearest that it
            holds: uint8 pictures that can be displayed. None gives floats.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            float32, or float64 where the fitted X held numbers that need it, or int64 tokens; a tensor where X is one.
            Dense also where the fitted X was sparse. Where a data frame was fitted and ``set_output`` asks for data
            frames: one of the library asked for, with the columns and types fitted, and the index of X if that is a
            pandas data frame.
        """
        result = self._fitted()
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        is_nested = result.explained_variance_ratio is not None
        return self._as_fitted(X, self._decoded(result, check_codes(X, result.n_components, is_nested)), result, dtype)

    def reconstruct(self, X: Any, *, dtype: Literal["input"] | None = None) -> Any:
        """``inverse_transform(transform(X))`` in one pass, batch by batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        dtype : {None, "input"}, default=None
            As in ``inverse_transform``.

        Returns
        -------
        X : ndarray of the shape, axes and units of what was fitted
        """
        result = self._fitted()
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        samples = reconstruct(result, self._checked(X, result.layout, result.schema))
        check_no_overflow(samples, "samples", FAR_AWAY)
        return self._as_fitted(X, samples, result, dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """Explained share of variance: 1 is perfect, 0 is what the training mean gives.

        ``1 - sum((s(X) - s(X'))**2) / sum(s(X)**2)`` with X' the reconstruction: comparable with the cumulative
        ``explained_variance_ratio_`` of a PCA of s(X).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        y : ignored

        Returns
        -------
        share : float

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
        """Minus the mean squared reconstruction error of every sample in s(X): low is unusual.

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
        """A copy that keeps the first ``n_components`` coordinates only, where codes are nested; weights are shared.

        Raises
        ------
        ValueError
            If codes are not nested, or have fewer coordinates.
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
        """Set parameters, those of objects in them as ``architecture__hidden_sizes``.

        Raises
        ------
        ValueError
            If there is no such parameter, or it is one of an object where a name stands.
        """
        check_nested(self, params, {"architecture": class_of_architecture, "variant": class_of_variant})
        return super().set_params(**params)

    def summary(self) -> LayerTable:
        """Print the layer table: name, output shape, parameters, and the formula of every size; then how samples are
        scaled, and which weights are kept. Returns it too."""
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
        told = (
            "PCA is kept: no epoch has a validation loss significantly below that of PCA, so codes and reconstructions "
            "are those of PCA (is_pca_ is True). More samples, a larger max_epochs, another n_components or "
            "architecture may give more than PCA; early_stopping=False keeps what is trained, whatever its loss."
        )
        if self.verbose:
            print(told)
        exact = result.history[-1].get("pca_loss", math.inf) <= NO_ERROR * result.layout.mean_variance
        if not exact and (self.max_epochs == "auto" or self.max_epochs >= TRIAL_EPOCHS):
            warn(told, PCAKeptWarning)

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
        """The kind of scaling that was taken."""
        return self._learned.layout.scaling.kind

    @property
    def scale_(self) -> np.ndarray:
        """Divisor of samples after the mean is subtracted."""
        return self._learned.layout.sample_scale

    @property
    def sample_shape_(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self._learned.layout.sample_shape

    @property
    def n_features_in_(self) -> int:
        """Numbers per sample."""
        return self._learned.schema.n_features

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns, if X was a data frame."""
        return self._optional("feature_names_in_", self._learned.schema.feature_names)

    @property
    def n_iter_(self) -> int:
        """Epochs run."""
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
        """The architecture that was built."""
        return self._learned.spec.architecture

    @property
    def variant_(self) -> Variant:
        """The variant that was built."""
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
        """The result of the last fit; AttributeError before, as of attributes that are set by ``fit``."""
        try:
            return vars(self)["_result"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no learned attributes before fit is called.") from None

    def _optional(self, name: str, value: Any) -> Any:
        """A learned attribute that not every fit has."""
        if value is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return value

    def _fitted(self) -> FitResult:
        """The result of the last fit, for one reading call.

        Raises
        ------
        NotFittedError
            If there is none.
        """
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
        """What a pickle holds; a warning where another version of the package wrote it."""
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
    """The result as what X is: a tensor on the same device, or an array."""
    return torch.from_numpy(result).to(X.device) if isinstance(X, torch.Tensor) else result
