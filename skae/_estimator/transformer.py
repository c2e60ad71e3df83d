"""The scikit-learn face: parameters, validation and the order of calls. No loop and no mathematics."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._data import Rows, apply_padded, inference_length, map_batches
from skae._estimator.callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from skae._estimator.generation import GenerationMixin
from skae._inputs.data_frames import FrameSchema, output_library, pandas_index, round_to_dtype
from skae._inputs.preparation import (
    architecture_for,
    check_groups,
    check_parameters,
    check_same_network,
    check_same_tokens,
    class_of_architecture,
    extended_layout,
    is_learned,
    learned_layout,
    loss_for,
    validation_size,
)
from skae._inputs.validation import check_codes, check_no_overflow, check_samples, encode_groups, warn_if_y_is_target
from skae._model import LayerTable, layer_table
from skae._parameters import check_choice, check_integer, check_nested, is_fraction, warn
from skae._training import (
    OPTIMIZERS,
    WEIGHTS,
    AutoencoderNet,
    BestWeights,
    Checkpoints,
    NoCheckpoints,
    Part,
    RowsFingerprint,
    automatic_batch_size,
    automatic_learning_rate,
    automatic_patience,
    build_autoencoder,
    components_for_share,
    cross_validation_losses,
    cumulative_explained_variance,
    described,
    forget_features,
    full_precision,
    go_on,
    has_enough_folds,
    is_extensible,
    labels_fingerprint,
    new_net,
    one_at_a_time,
    plain_history,
    planned_cycles,
    private_seed,
    random_state_fingerprint,
    reported,
    reports_out_of_memory,
    resolve_device,
    row_groups,
    shortened,
    split_rows,
    training_codes,
    try_loss,
    weights_fingerprint,
    with_gradients,
    with_snapshots,
)
from skae._version import __version__
from skae.exceptions import OtherVersionWarning, PCAKeptWarning
from skae.variants import class_of_variant, nested_variant, variant_for

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
# Rows that the shares of nested codes are measured on at a time, at least.
MEASURED_BATCH = 256
# What ``inverse_transform`` may be asked for.
OUTPUT_DTYPES = ("input", None)
FAR_AWAY = "X holds values far from those fitted"


@with_snapshots(
    "transform",
    "inverse_transform",
    "reconstruct",
    "score",
    "score_samples",
    "sample",
    "interpolate",
    "shortened",
    "summary",
)
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

    def __init__(
        self,
        n_components=2,
        *,
        architecture="auto",
        sample_shape=None,
        axes=None,
        scaling="auto",
        variant="plain",
        loss="auto",
        optimizer="adamw",
        lr="auto",
        batch_size="auto",
        max_epochs="auto",
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change="auto",
        tol=1e-4,
        warm_start=False,
        device="auto",
        precision="auto",
        compile=False,
        checkpoint_dir=None,
        on_interrupt="raise",
        net_params=None,
        random_state=None,
        verbose=0,
    ):
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
    def fit(self, X, y=None, X_val=None, groups=None):
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
        warm = self.warm_start and hasattr(self, "net_")
        draft = self._draft(keep=warm)
        with reported("Reading X", self.verbose):
            X = draft._prepare(X, learn=not warm)
        warn_if_y_is_target(X, y)
        X_val = None if X_val is None else draft._checked(X_val)
        groups = encode_groups(groups, len(X))
        groups = groups if X_val is None and self.early_stopping else None
        check_groups(groups)
        with draft._checkpoints(X, X_val, groups, self.net_ if warm else None) as checkpoints:
            interrupt = draft._train(self, X, y, X_val, groups, checkpoints, warm)
            checkpoints.finished = interrupt is None
            if interrupt is not None and self.warm_start:
                checkpoints.interrupted(draft._weights_told(draft.net_), draft.net_.epochs_done_)
            self._adopt(draft._learned())
        if interrupt is not None and self.on_interrupt == "raise":
            raise interrupt
        if interrupt is not None:
            kept = "the best weights so far" if self.best_epoch_ else "those of PCA, than which none are surely better,"
            warn(f"Training was interrupted after {self.n_iter_} epochs; {kept} are kept.")
        elif self.is_pca_:
            self._tell_pca_is_kept()
        return self

    @one_at_a_time
    @reports_out_of_memory
    @with_gradients
    def partial_fit(self, X, y=None):
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
        first = not hasattr(self, "net_")
        draft = self._draft(keep=not first)
        with reported("Reading X", self.verbose):
            X = draft._prepare(X, learn=first)
        warn_if_y_is_target(X, y)
        module = None if first else copy.deepcopy(self.net_.module_)
        if module is not None and is_extensible(module, draft._layout):
            draft._layout, changed = extended_layout(draft, X)
            draft.mean_ = draft._layout.mean
            forget_features(module, draft._layout.from_flat(changed[None])[0])
        seed = private_seed(self.random_state)
        train = Part.whole(Rows(X, draft._layout, resolve_device(self.device), keep=True))
        net = draft._net(train.rows, len(train), seed, module=module, max_epochs=1)
        if not first:
            go_on(net, self.net_)
        net.run(train, None, [], planned=False)
        draft._learn_codes(net, train)
        self._adopt(draft._learn(net, before=() if first else self.history_[1 - KEPT_PASSES :]))
        return self

    def transform(self, X):
        """Latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), float32
            A tensor on the same device, where X is one.
        """
        check_is_fitted(self)
        return like(X, self._rows_to_codes(X))

    def inverse_transform(self, X, *, dtype=None):
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
        check_is_fitted(self)
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        Z = check_codes(X, self.n_components_, nested=hasattr(self, "explained_variance_ratio_"))
        return self._as_fitted(X, self._decoded(Z), dtype)

    def reconstruct(self, X, *, dtype=None):
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
        check_is_fitted(self)
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        rows = self._rows(X)
        samples = np.empty((len(rows), *self._layout.caller_shape), dtype=self._layout.dtype)
        with self._reading():
            for start, stop, part in rows.map(lambda x: self._layout.to_caller(self._reconstruction(x))):
                samples[start:stop] = part
        check_no_overflow(samples, "samples", FAR_AWAY)
        return self._as_fitted(X, samples, dtype)

    def score(self, X, y=None):
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
        check_is_fitted(self)
        rows = self._rows(X)
        error = total = 0.0
        with self._reading():
            for _, _, sums in rows.map(self._squares):
                error += float(sums[0])
                total += float(sums[1])
        check_no_overflow(np.array([error, total]), "squares that the score is of", FAR_AWAY)
        return 1.0 - error / total if total > 0 else float(error == 0)

    def score_samples(self, X):
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
        check_is_fitted(self)
        rows = self._rows(X)
        scores = np.empty(len(rows), dtype=np.float32)
        with self._reading():
            for start, stop, errors in rows.map(lambda x: self._squared_difference(x).flatten(1).mean(1)):
                scores[start:stop] = -errors.cpu().numpy()
        check_no_overflow(scores, "scores", FAR_AWAY)
        return like(X, scores)

    def shortened(self, n_components: int) -> AutoencoderTransformer:
        """A copy that keeps the first ``n_components`` coordinates only, where codes are nested; weights are shared.

        Raises
        ------
        ValueError
            If codes are not nested, or have fewer coordinates.
        """
        check_is_fitted(self)
        check_integer(type(self).__name__, "n_components", n_components)
        if not hasattr(self, "explained_variance_ratio_"):
            raise ValueError(
                f"Codes of variant={self.variant!r} are not nested, so they cannot be cut. Pass variant='nested'."
            )
        short = copy.copy(self)
        short.n_components = n_components = int(n_components)
        short.net_ = copy.copy(self.net_)
        short.net_.module_ = shortened(self.net_.module_, n_components)
        short.n_components_ = short._n_features_out = n_components
        short.explained_variance_ratio_ = self.explained_variance_ratio_[:n_components]
        return short

    @property
    def is_pca_(self):
        """Whether ``fit`` fell back to PCA."""
        return self.best_epoch_ == 0

    @property
    def scaling_(self):
        """The kind of scaling that was taken."""
        return self._layout.scaling.kind

    @property
    def scale_(self):
        """What samples are divided by, once their mean is subtracted."""
        return self._layout.sample_scale

    def set_params(self, **params):
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
        check_is_fitted(self)
        if self.is_pca_:
            kept = f"those of PCA; none of {self.n_iter_} epochs is significantly better"
        else:
            kept = f"epoch {self.best_epoch_} of {self.n_iter_}"
        notes = [f"scaling: {SCALING_NOTES[self.scaling_]}", f"weights: {kept}"]
        table = layer_table(self._layers, self._layout.caller_view, notes)
        print(table)
        return table

    def _tell_pca_is_kept(self) -> None:
        """Print and warn that training came to nothing, unless PCA leaves no error or training was a short trial."""
        told = (
            "PCA is kept: no epoch has a validation loss significantly below that of PCA, so codes and reconstructions "
            "are those of PCA (is_pca_ is True). More samples, a larger max_epochs, another n_components or "
            "architecture may give more than PCA; early_stopping=False keeps what is trained, whatever its loss."
        )
        if self.verbose:
            print(told)
        exact = self.history_[-1].get("pca_loss", math.inf) <= NO_ERROR * self._layout.mean_variance
        if not exact and (self.max_epochs == "auto" or self.max_epochs >= TRIAL_EPOCHS):
            warn(told, PCAKeptWarning)

    def _train(
        self, caller: Any, X: Any, y: Any, X_val: Any, groups: np.ndarray | None, checkpoints: Any, warm: bool
    ) -> BaseException | None:
        """Train, and take what was learned; returns the interrupt that ended it, if one did."""
        seed = private_seed(self.random_state)
        seed = seed if checkpoints.seed is None else checkpoints.seed
        with reported("Choosing training and validation rows", self.verbose):
            train, held_out = self._parts(X, X_val, groups, seed)
        net = self._net(train.rows, len(train), seed, module=copy.deepcopy(self.net_.module_) if warm else None)
        automatic = isinstance(self.n_iter_no_change, str)
        patience = automatic_patience(max(net.cycles)) if automatic else self.n_iter_no_change
        best = BestWeights(patience, self.tol) if self.early_stopping else None
        if best is not None and held_out is not None and X_val is None and not warm:
            whole = Part.whole(train.rows, train.groups)
            best.cross_validate = self._in_turns(whole, len(held_out), seed, partial(BestWeights, patience, self.tol))
        before = self.history_[: len(self.history_) - checkpoints.counted] if warm else ()
        tasks = EpochTasks(caller, X, y, sum(net.cycles), lambda: self._learn(net))
        callbacks: list[Any] = [tasks] if best is None else [best, tasks]
        interrupt = None
        try:
            net.run(
                train, held_out, [*callbacks, *checkpoints.callbacks(best)], planned=True, resume=checkpoints.resume
            )
        except KeyboardInterrupt as error:
            if net.epochs_done_ == 0:
                raise
            interrupt = error
        try:
            self._finish(net, train, best, before, interrupt)
        except KeyboardInterrupt as error:
            # All is trained; a second interrupt gets through.
            interrupt = error
            self._finish(net, train, best, before, interrupt)
        except Exception as error:
            if interrupt is None:
                raise
            # An interrupt stays one, whatever it left half done.
            raise interrupt from error
        return interrupt

    def _in_turns(self, whole: Part, n_held_out: int, seed: int, best_for: Callable[[], BestWeights]) -> Any:
        """What more networks like that of this fit say of PCA; None where they can say nothing, or cost too much."""
        exact = self.n_components_ >= self._layout.n_features
        if exact or not whole.rows.small or not has_enough_folds(whole, n_held_out):
            return None
        judge = copy.copy(self)
        judge.compile, judge.verbose = False, 0
        # What listens to training hears of one network.
        judge.net_params = {**(self.net_params or {}), "callbacks": None}

        def net_for(part: Rows, own_seed: int) -> AutoencoderNet:
            return judge._net(part, len(part), own_seed, module=None)

        return partial(cross_validation_losses, whole, n_held_out, seed, net_for, best_for)

    def _finish(self, net: Any, train: Part, best: BestWeights | None, before: Any, interrupt: Any) -> None:
        """Put the best weights back, and take what was learned."""
        if best is not None and interrupt is not None:
            best.cross_validate = None
        kept = net.epochs_done_ if best is None else best.restore(net)
        self._learn_codes(net, train)
        net.forget_training()
        # Where the weights that training began with are kept, so is what is said of those.
        begun = min(vars(self)["best_epoch_"], before[-1]["epoch"]) if before else 0
        done = self._learn(net, before=before)["n_iter_"]
        self.best_epoch_ = done - net.epochs_done_ + kept if kept else begun

    def _checkpoints(
        self, X: Any, X_val: Any, groups: np.ndarray | None, going_on_from: Any
    ) -> Checkpoints | NoCheckpoints:
        """Where the state of training is kept."""
        if self.checkpoint_dir is None:
            return NoCheckpoints()
        own = ("checkpoint_dir", "net_params", "on_interrupt", "verbose")
        identity = {name: described(value) for name, value in self.get_params(deep=False).items() if name not in own}
        identity |= {name: described(v) for name, v in (self.net_params or {}).items() if name != "callbacks"}
        rows = RowsFingerprint(
            {n: given for n, given in (("X", X), ("X_val", X_val)) if given is not None}, self._layout
        )
        if groups is not None:
            identity["groups"] = labels_fingerprint(groups)
        identity["random_state"] = random_state_fingerprint(self.random_state)
        identity["defaults of optimizer"] = described(OPTIMIZERS[self.optimizer][1])
        identity |= {"skae": __version__, "torch": torch.__version__, "numpy": np.__version__}
        if self.architecture_.is_custom:
            halves = (getattr(self.architecture_, name, None) for name in ("encoder", "decoder"))
            identity["modules"] = " ".join(weights_fingerprint(half) for half in halves if isinstance(half, nn.Module))
        if going_on_from is not None:
            identity[WEIGHTS] = self._weights_told(going_on_from)
        stream = self.random_state if isinstance(self.random_state, np.random.RandomState) else None
        return Checkpoints(self.checkpoint_dir, identity, rows, stream)

    def _weights_told(self, net: AutoencoderNet) -> str:
        """What tells the weights that a warm start would go on from."""
        return f"{weights_fingerprint(net.module_)} after {self.n_iter_} epochs"

    def _draft(self, keep: bool) -> AutoencoderTransformer:
        """A copy that training may change: with what was learned, or with nothing learned."""
        draft = copy.copy(self)
        if not keep:
            for name in [name for name in vars(draft) if is_learned(name)]:
                delattr(draft, name)
        return draft

    def _prepare(self, X: Any, learn: bool) -> Any:
        """Check X; learn its layout, or compare it with the one there is."""
        if not learn:
            checked = self._checked(X)
            check_same_network(self, checked.shape)
            return checked
        self._frame = FrameSchema.of(X)
        X = check_samples(self, X, reset=True)
        self._layout = learned_layout(self, X).to(torch.device("cpu"))
        self.architecture_ = architecture_for(self.architecture, self._layout)
        self.sample_shape_ = self._layout.sample_shape
        self.mean_ = self._layout.mean
        return X

    def _checked(self, X: Any) -> Any:
        """X, checked against what was fitted."""
        X = check_samples(self, X, reset=False, sample_shape=self.sample_shape_)
        check_same_tokens(self, X)
        return X

    def _parts(self, X: Any, X_val: Any, groups: np.ndarray | None, seed: int) -> tuple[Part, Part | None]:
        """Rows to train on, and rows held out if any."""
        device = resolve_device(self.device)
        rows = Rows(X, self._layout, device, keep=True)
        if X_val is not None:
            own = Rows(X_val, self._layout, device, keep=True)
            return Part.whole(rows), Part.whole(own, row_groups(own, silent=True) if self.early_stopping else None)
        if not self.early_stopping:
            return Part.whole(rows), None
        n_held_out = validation_size(len(rows), self.validation_fraction)
        whole = Part.whole(rows, row_groups(rows, groups))
        return split_rows(whole, n_held_out, torch.Generator().manual_seed(seed))

    def _net(self, rows: Rows, n_train: int, seed: int, module: Any, max_epochs: int | None = None) -> AutoencoderNet:
        share = self.n_components if is_fraction(self.n_components) else None
        self.variant_ = variant_for(self.variant) if share is None else nested_variant(self.variant)
        parts, loss = self.variant_.parts(), loss_for(self.loss, self._layout)
        if module is None:
            with reported("Building the network and its PCA initialization", self.verbose):
                n_components = int(self.n_components) if share is None else components_for_share(rows, share, seed)
                self.n_components_ = self._n_features_out = n_components
                module, self._layers = build_autoencoder(self.architecture_, rows, n_components, loss, seed, parts)
        try_loss(loss, module, rows)
        batch_size = automatic_batch_size(n_train) if self.batch_size == "auto" else int(self.batch_size)
        return new_net(
            module,
            loss=loss,
            parts=parts,
            optimizer=self.optimizer,
            device=rows.device,
            verbose=self.verbose,
            net_params=self.net_params,
            lr=automatic_learning_rate(self.optimizer, planned=max_epochs is None) if self.lr == "auto" else self.lr,
            batch_size=batch_size,
            cycles=planned_cycles(max_epochs or self.max_epochs, n_train, batch_size, self.early_stopping),
            compiled=bool(self.compile),
            precision=self.precision,
            is_custom=self.architecture_.is_custom,
            seed=seed,
        )

    def _learn_codes(self, net: AutoencoderNet, train: Part) -> None:
        """Keep some codes; where they are ordered, what each coordinate adds, and as many as a share needs."""
        module = net.module_
        self._codes = training_codes(module, train, net.batch_size)
        if not module.bottleneck.is_nested:
            return
        shares = cumulative_explained_variance(module, train, max(net.batch_size, MEASURED_BATCH))
        if is_fraction(self.n_components):
            enough = np.flatnonzero(shares >= self.n_components)
            kept = int(enough[0]) + 1 if len(enough) else len(shares)
            if not len(enough):
                warn(
                    f"n_components={self.n_components}: the {kept} coordinates that PCA needs for it explain "
                    f"{shares[-1]:.3f}. Pass a larger max_epochs, or the number of components."
                )
            module.bottleneck.code_size = self.n_components_ = self._n_features_out = kept
        self.explained_variance_ratio_ = np.diff(shares[: self.n_components_], prepend=0.0)

    def _learn(self, net: AutoencoderNet, before=()) -> dict[str, Any]:
        """Take what the net learned; returns all learned attributes."""
        self.net_ = net
        done = before[-1]["epoch"] if before else 0
        self.history_ = [*before, *plain_history(net, start=done)]
        self.n_iter_ = self.best_epoch_ = done + net.epochs_done_
        return self._learned()

    def _learned(self) -> dict[str, Any]:
        """All that was learned."""
        return {name: value for name, value in vars(self).items() if is_learned(name)}

    def _adopt(self, learned: dict[str, Any]) -> None:
        """Replace everything learned before, in one step."""
        kept = {name: value for name, value in vars(self).items() if not is_learned(name)}
        self.__dict__ = {**kept, **learned}

    def _rows_to_codes(self, X: Any) -> np.ndarray:
        """Codes (n, n_components) of checked samples."""
        rows = self._rows(X)
        Z = np.empty((len(rows), self.n_components_), dtype=np.float32)
        with self._reading():
            for start, stop, codes in rows.map(self._encoded):
                Z[start:stop] = codes.cpu().numpy()
        check_no_overflow(Z, "codes", FAR_AWAY)
        return Z

    def _decoded(self, Z: np.ndarray) -> np.ndarray:
        """Samples from checked codes, in the caller's shape and units."""
        samples = np.empty((len(Z), *self._layout.caller_shape), dtype=self._layout.dtype)

        def decoded(start: int, stop: int) -> np.ndarray:
            codes = torch.from_numpy(Z[start:stop].astype(np.float32)).to(self.net_.device)
            return self._layout.to_caller(self._apply_padded(self.net_.module_.decode, codes))

        with self._reading():
            for start, stop, part in map_batches(decoded, len(Z), inference_length(self._layout.n_features)):
                samples[start:stop] = part
        check_no_overflow(samples, "samples", "the codes are far from those of transform")
        return samples

    def _rows(self, X: Any) -> Rows:
        """Rows for reading calls, in large batches."""
        return Rows(self._checked(X), self._layout, torch.device(self.net_.device))

    def _reading(self):
        """The context of every pass that only reads."""
        return full_precision(torch.device(self.net_.device))

    def _reconstruction(self, x: torch.Tensor) -> torch.Tensor:
        return self._apply_padded(lambda rows: self.net_.module_.decode(self.net_.module_.encode(rows)), x)

    def _encoded(self, x: torch.Tensor) -> torch.Tensor:
        return self._apply_padded(self.net_.module_.encode, x)

    def _apply_padded(self, function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return apply_padded(function, x, math.prod(self._layout.network_shape))

    def _as_fitted(self, X: Any, samples: np.ndarray, dtype: str | None) -> Any:
        """Samples as a data frame with the columns fitted, if data frames are asked for; else as what X is."""
        library = output_library(self)
        if self._frame is not None and samples.ndim == 2 and library is not None:
            return self._frame.to_frame(samples, library, pandas_index(X))
        given = self._layout.input_dtype
        return like(X, samples if dtype is None or given is None else round_to_dtype(samples, given))

    def _squared_difference(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self._reconstruction(x)).square_()

    def _squares(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums of what the reconstruction misses and of all there is."""
        return self._squared_difference(x).sum(dtype=torch.float64), x.square().sum(dtype=torch.float64)

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
