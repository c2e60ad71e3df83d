"""``AutoencoderTransformer``: parameters, docstrings and the order of calls."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skae._inputs.data_frames import output_library, pandas_index, round_to_dtype
from skae._inputs.outputs import OutputArray
from skae._inputs.validation import (
    FAR_AWAY,
    check_codes,
    check_no_overflow,
)
from skae._parameters import check_choice, check_integer, check_nested, is_fraction, undefined_score, warn
from skae._processes import join
from skae._version import __version__
from skae.data import Stream
from skae.exceptions import OtherVersionWarning
from skae.model import LayerTable, layer_table
from skae.training import (
    AutoencoderNet,
    FitResult,
    Progress,
    decode,
    encode,
    encode_batches,
    one_at_a_time,
    reconstruct,
    reports_out_of_memory,
    snapshot,
    squared_errors,
    sums_of_squares,
    with_gradients,
    with_snapshots,
)
from skae.variants import Variant, class_of_variant, is_supervised

from .callbacks import CallbackSupportMixin, with_callbacks
from .fitting import FittingMixin
from .generation import GenerationMixin
from .html import HTMLMixin, html_facts
from .launching import fit_in_processes, needs_launch
from .lazy import is_dask, map_blocks
from .modules import ModulesMixin
from .pca_attributes import PCAAttributesMixin
from .results import ResultMixin, learned
from .settings import Architecture, check_parameters, class_of_architecture

SCALING_NOTES = {
    "columns": "columns, each divided by its own standard deviation",
    "channels": "channels, each divided by one number",
    "global": "global, all divided by one number",
    None: "none, the mean is subtracted",
}
# Takes (output, target), tensors of scaled samples; returns losses (batch,).
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# Values of ``dtype`` of ``inverse_transform``.
OUTPUT_DTYPES = ("input", None)


@with_snapshots("transform")
class AutoencoderTransformer(
    HTMLMixin,
    GenerationMixin,
    PCAAttributesMixin,
    ModulesMixin,
    FittingMixin,
    ResultMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Nonlinear dimensionality reduction by an autoencoder, with the methods of PCA.

    An encoder compresses each sample to a code of ``n_components`` numbers, and a decoder reconstructs the sample from
    the code (Hinton and Salakhutdinov, 2006). Training starts from the PCA solution (Bourlard and Kamp, 1988). ``fit``
    falls back to PCA if the validation loss does not become significantly lower. Pass raw data: scaling is learned in
    ``fit``, and reconstructions are in the units of X.

    Parameters
    ----------
    n_components : int, float, None or "mle", default=2
        Size of the latent code, at least 1. With ``variant="plain"``, it is at most the number of features. A float in
        (0, 1) is the explained variance to reach on the training rows: codes are then nested (``variant=Nested()``),
        and have the smallest size that reaches it, at most that of PCA and at most 256. None is the number of training
        rows or of features, whichever is less, and at most 256. "mle" is the estimate of Minka (2000) of the rank of
        s(X), which needs at least as many rows as features.
    architecture : {"auto", "dense", "conv", "sequence"} or architecture object, default="auto"
        The network: a name, or a :class:`Dense`, :class:`Convolutional`, :class:`Sequence` or :class:`Custom` object
        with parameters. "sequence" reads X as tokens. "auto" is "sequence" for tokens; "conv" for pictures of at least
        16 x 16 pixels, and for signals, pictures and videos of more than 4,096 values; else "dense".
    sample_shape : tuple of int, default=None
        Shape of one sample, e.g. (28, 28), if X is 2-D and its rows are flattened samples.
    axes : str, default=None
        Names of the axes of a sample, needed if the shape is ambiguous: t (time), d (depth), h (height), w (width) and
        c (channels), such as "h w c" for color pictures or "c t" for signals with channels first. "n" means rows of
        integer tokens, which are compared and scored as one-hot vectors.
    scaling : {"auto", "columns", "channels", "global", None}, default="auto"
        Scaling of samples. Training, ``score`` and ``score_samples`` use the scaled samples, s(X). The mean of each
        feature is subtracted, and the difference is divided by a scale. "columns": the scale of each feature is its
        standard deviation. "channels": the features of a channel share one scale. "global": all features share one
        scale. None: there is no division.

        "auto" chooses "global" if all values have one unit: uint8 pictures and videos, tables of pixels, flags, counts
        or term weights, and principal components. For other data, it compares standard deviations. If they differ by
        more than a factor of ten, it chooses "columns" for tables and "channels" for samples with channels; else
        "global". It chooses "columns" for tables with categories, booleans or dates, except for booleans alone. A
        column that varies by rounding errors only counts as constant. ``scaling_`` and ``scale_`` report the result.
    variant : str or variant object, default="plain"
        A name in :data:`skae.variants.VARIANTS`, or an object with parameters, such as ``Variational(beta=4)``. The
        variant determines the bottleneck, the corruption of training samples and the penalties.
    whiten : bool, default=False
        Whether coordinates of codes are uncorrelated with unit variance on the training rows, for a next step that
        depends on the scale of its features. Nested codes, and codes of more than 512 components, are not whitened,
        with a warning.
    copy : bool, default=True
        Has no effect, and is there for calls that are written for PCA. X is never changed.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}, default="auto"
        Solver of the PCA that training starts from, as in :class:`sklearn.decomposition.PCA`. "arpack" needs
        ``n_components < min(n_samples, n_features)``. For sparse X, "auto" is "arpack"; "full" and "randomized" use
        dense rows. Of rows that are not kept in memory, the solver computes the PCA of a sample, which passes over all
        rows refine; up to 2,048 features, "auto", "full" and "covariance_eigh" use the covariance of the rows.
    iterated_power : "auto" or int, default="auto"
        Number of power iterations of ``svd_solver="randomized"`` (Halko et al., 2011), at least 0.
    n_oversamples : int, default=10
        Additional random vectors of ``svd_solver="randomized"``, at least 1.
    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        Normalization in the power iterations of ``svd_solver="randomized"``.
    categorical_features : "from_dtype", array-like of int, str or bool, or None, default="from_dtype"
        Which columns of a table are categories, as in :class:`~sklearn.ensemble.HistGradientBoostingClassifier`. Each
        has at most 255. "from_dtype": the columns of a data frame of type ``category`` (pandas), ``Categorical`` or
        ``Enum`` (polars) or ``dictionary`` (pyarrow), and of text. Others: indices, names, or a boolean mask of columns
        of a data frame or array. None: no column, and booleans are numbers.

        A column of categories is one-hot encoded and, with ``scaling="columns"``, divided by the square root of its
        total variance, so that it counts as one column. Rare categories (one row, or less than 0.001 of the rows) share
        one feature, and so do categories that occur for the first time in ``transform``; without rare categories, these
        are encoded as 0. Booleans are 0 and 1. Dates and time spans of data frames are numbers, the share of their
        range. ``inverse_transform``, ``reconstruct`` and ``sample`` return tables with categories, booleans or dates as
        data frames like the fitted one: the most likely category (``sample`` draws one), with the types of all columns.
    loss : {"auto", "mse", "mae", "huber", "bce", "cross_entropy"} or callable, default="auto"
        Reconstruction loss on s(X): squared, absolute or Huber (1964) error. "bce" is the binary cross-entropy of
        values rescaled from [minimum, maximum] of the training data to [0, 1]. "cross_entropy" is for tokens. "auto" is
        "cross_entropy" for tokens, else "mse". A callable takes ``(output, target)``, float32 tensors of scaled samples
        (batch, n_features) or (batch, channels, \\*sizes), and returns losses (batch,), averaged over features. It is
        tested on a few rows before training. If it is a module, its weights are not trained.
    optimizer : {"adamw", "adam", "sgd", "rmsprop"}, default="adamw"
        AdamW (Loshchilov and Hutter, 2019) has a weight decay of 0.1; the linear path (see :class:`Dense`) has none.
    lr : "auto" or float, default="auto"
        Peak learning rate, in (0, inf). The rate rises in the first fifth of training and then falls to 0 (Smith and
        Topin, 2019).
    batch_size : "auto" or int, default="auto"
        Largest number of rows per training batch. "auto" is 16 to 256, depending on the number of rows. Each epoch uses
        every row, in batches of nearly equal size.
    max_epochs : "auto" or int, default="auto"
        Maximum number of epochs. "auto" is 25. If these have at most 2,000 steps and the validation loss still falls at
        their end, a second cycle of the learning rate follows, of up to 50 epochs (warm restarts, Loshchilov and
        Hutter, 2017). Its weights are kept if their validation loss is lower (p < 0.1). With
        ``early_stopping=False``, "auto" is 25 to 75 epochs, about 1,000 steps.
    early_stopping : bool, default=True
        Whether to use a validation set: training stops when the validation loss does not improve, and the weights with
        the lowest validation loss, or PCA, are kept. If False, the last weights are kept without a comparison with PCA.
    validation_fraction : float in [0, 1), default=0.1
        Share of X that is drawn at random as the validation set. It is not used if ``fit`` gets ``X_val``.

        Trained weights replace PCA only if their validation loss is significantly lower (p < 0.025). This needs at
        least 20 validation rows, or 5 rows with ``X_val`` or in a warm start. With fewer than 200 validation rows,
        cross-validation decides unless the result is clear: up to five more networks are trained with other validation
        sets, and ``fit`` can take six times as long. These do not depend on ``random_state``, so that fits with other
        seeds decide alike.

        With ``groups``, the validation set consists of whole groups. The comparison averages losses per group, and
        needs at least 20 rows in 5 groups.
    n_iter_no_change : "auto" or int, default="auto"
        Training stops after this number of consecutive epochs without improvement, except in the second cycle of
        ``max_epochs="auto"``. "auto" is 60 % of the epochs of the longest cycle, and at least 25, because the
        validation loss may not fall while the learning rate is high.
    tol : float, default=1e-4
        Smallest relative decrease of the validation loss that counts as an improvement, in [0, inf).
    warm_start : bool, default=False
        Whether ``fit`` starts with the weights and the scaling of the previous fit. It needs an int as n_components.
        A data frame must have the columns of the previous fit, and categories that it had; others are an error, because
        the network has no features for them. The ranges of numbers in samples, and the library and the types of data
        frames that are returned, are those of the new X; dates are rounded to the step of the previous fit.
    device : str or torch.device, default="auto"
        "auto" is CUDA if available, then MPS, then the CPU.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the encoder and the decoder in training. "auto" is bfloat16 on GPUs that support it, and for large
        networks and batches on CPUs with instructions for it (AVX512-BF16 or AMX); otherwise, and for custom modules on
        CPUs, float32. The same seed gives the same bits on one machine, but another machine may train in the other
        precision. Weights, losses and codes are always float32. On a CPU without instructions for it, "bfloat16" is
        slower than "float32", and ``fit`` warns.
    compile : bool, default=False
        Whether to train with ``torch.compile``. It saves time if training takes minutes.
    checkpoint_dir : str or path, default=None
        Directory of the checkpoint of ``fit``. After a crash, the same call of ``fit`` resumes from it; on a CPU, the
        result is bitwise equal to that of an uninterrupted fit. The checkpoint is removed when ``fit`` ends. For a
        search, write "{fit}" in the name: it is replaced by an identifier of each fit. The state of callbacks in
        ``net_params`` is not stored.
    on_interrupt : {"raise", "keep"}, default="raise"
        After Ctrl-C, the best weights so far are kept if at least one epoch is done. "raise" then raises
        KeyboardInterrupt; "keep", for notebooks, returns from ``fit`` with a warning.
    net_params : dict, default=None
        Further parameters of the skorch net: {"callbacks": [...], "optimizer__weight_decay": 1e-4}. "clip_norm" is the
        maximum norm of the gradient: by default 1 for SGD, which diverges without it, else None.
    n_processes : int or None, default=None
        Number of processes that train together, each on a share of the rows of every batch (data-parallel training).
        None is all processes of torch.distributed, in a script that torchrun started or that has initialized it, and
        else one. An int above 1 starts so many processes for ``fit``, each with its own GPU if ``device`` is a GPU. 1
        trains in this process only. The result is that of one process and the same ``batch_size``, except for rounding
        and for the random numbers of dropout and noise, of which each process has its own. See :doc:`/scaling`.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, shuffling, dropout and the validation split. None draws a new seed in every fit. With an int,
        results are bitwise equal in all processes and joblib backends if numpy's BLAS, which computes the PCA, has the
        same number of threads. Global random generators are neither used nor changed.
    verbose : int, default=0
        1 shows the progress of ``fit``: the stages before training, then epochs, losses and the time that is left, and
        the folds of cross-validation. It is a bar in terminals and notebooks, and plain lines in other output. 2 prints
        the time of each stage, and a table with a line per epoch.

    Attributes
    ----------
    n_components_ : int
        Size of the latent code.
    mean_ : ndarray of shape sample_shape_, float64
        Mean of the rows of X. For tokens: the share of each token at each position, (n_tokens, length). For tables with
        categories or dates: the mean of the encoded features, (n_encoded_features,), which ``scale_`` and
        ``components_`` have too.
    encoded_feature_names_ : ndarray of str, shape (n_encoded_features,)
        Names of the encoded features of a table, such as "city=Paris". Defined only if columns of X are categories,
        dates, or Python objects that are booleans.
    scaling_ : {"columns", "channels", "global", None}
        The kind of scaling that was chosen.
    scale_ : ndarray of float64
        Divisor of ``X - mean_``, 1 for constant columns. Its shape is ``sample_shape_`` for "columns"; for "channels",
        all axes except the channels have size 1; else it is ().
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
        Whether ``fit`` fell back to PCA, so that codes and reconstructions are those of PCA of s(X). ``fit`` then warns
        with :class:`~skae.exceptions.PCAKeptWarning`, unless PCA has no error or ``max_epochs`` is less than 10.
    history_ : list of dict
        One entry per epoch; after ``partial_fit``, those of the last 100 epochs. Keys: "epoch", "train_loss",
        "valid_loss" (with a validation set), "pca_loss" (validation loss of PCA, if training starts from PCA), "lr",
        "duration" (seconds), and "train_" and "valid_" terms of variants with penalties.
    explained_variance_ratio_ : ndarray of shape (n_components,), float64
        Explained variance of each coordinate; the sum is the explained variance (R2) of s(X) for at most 1,000 training
        rows. For nested codes, each value is the increase by the coordinate. For other codes, R2 is divided in
        proportion to the variance of the reconstruction along each coordinate. If PCA is kept, values are those of PCA.
    explained_variance_ : ndarray of shape (n_components,), float64
        ``explained_variance_ratio_`` times the total variance. For the plain variant without ``whiten``, it is the
        variance of each column of the codes.
    singular_values_ : ndarray of shape (n_components,), float64
        ``sqrt((n_samples_ - 1) * explained_variance_)``. Not defined for tokens.
    components_ : ndarray of shape (n_components, n_features), float64
        Direction in X of each coordinate. If PCA is kept and ``whiten=False``, ``Z @ components_ + mean_`` is the
        reconstruction, and with a single scale the rows are PCA's orthonormal components. Otherwise, it is the mean
        Jacobian of the decoder at training codes. Not defined for tokens.
    noise_variance_ : float
        Unexplained variance per remaining dimension, as for PCA. Not defined for tokens.
    n_samples_ : int
        Number of samples of the fitted X. Not defined for tokens.
    architecture_, variant_ : architecture and variant object
        The objects that built the network.
    encoder_, decoder_, autoencoder_ : torch.nn.Module
        The network with the scaling inside: ``encoder_`` maps raw samples (n, \\*sample_shape_) of any numeric dtype to
        the codes of ``transform``, ``decoder_`` maps codes to samples in the units of X, and ``autoencoder_`` does
        both. For tokens, the last two return a pair, logits (n, n_tokens, length) and ids (n, length). Each access
        makes a copy in evaluation mode, on the device of ``net_``, which shares nothing with the estimator. All
        weights are trainable.
    net_ : skorch.NeuralNet
        The trained net. ``net_.module_`` is the torch module, whose ``encode`` and ``decode`` use scaled samples,
        channels first.

    Notes
    -----
    Missing values of X (NaN) may be in any sample of numbers, in every method. Means, scales, losses, scores and the
    comparison with PCA count known values only. The encoder gets each missing value as its reconstruction, computed in
    three rounds from the mean, and limited to the range of the known values of its feature in ``fit``. The score of a
    row without any value is 0 in ``score_samples``. PCA of rows with missing values is the regularized iterative PCA of
    Josse and Husson (2012). If rows of ``fit`` have missing values, training hides further ones, so that the
    network learns to fill them: up to 40 % of the values of a row at random, or those that are missing in another row.
    Otherwise, the network is the same as without this mechanism, and other methods warn when they fill missing values.
    ``reconstruct`` and ``inverse_transform`` return complete rows. A feature without any value in ``fit``, missing
    values in sparse matrices, and infinite values are errors. A custom ``loss`` gets the output in place of missing
    values of the target.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, max_epochs=10, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    >>> autoencoder.reconstruct(X).shape
    (1797, 64)
    >>> autoencoder.score(X) > 0.75  # PCA explains 0.67 with 8 components
    True
    >>> import torch
    >>> autoencoder.encoder_(torch.from_numpy(X)).shape
    torch.Size([1797, 8])
    """

    def __init__(
        self,
        n_components: int | float | Literal["mle"] | None = 2,
        *,
        architecture: Literal["auto", "dense", "conv", "sequence"] | Architecture = "auto",
        sample_shape: Sequence[int] | None = None,
        axes: str | None = None,
        scaling: Literal["auto", "columns", "channels", "global"] | None = "auto",
        variant: str | Variant = "plain",
        whiten: bool = False,
        copy: bool = True,
        svd_solver: Literal["auto", "full", "covariance_eigh", "arpack", "randomized"] = "auto",
        iterated_power: Literal["auto"] | int = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: Literal["auto", "QR", "LU", "none"] = "auto",
        categorical_features: Literal["from_dtype"] | ArrayLike | None = "from_dtype",
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
        n_processes: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.architecture = architecture
        self.sample_shape = sample_shape
        self.axes = axes
        self.scaling = scaling
        self.variant = variant
        self.whiten = whiten
        self.copy = copy
        self.svd_solver = svd_solver
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.categorical_features = categorical_features
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
        self.n_processes = n_processes
        self.random_state = random_state
        self.verbose = verbose

    @one_at_a_time
    @with_callbacks
    @reports_out_of_memory
    @with_gradients
    def fit(
        self, X: Any, y: Any = None, X_val: Any = None, groups: ArrayLike | None = None, y_val: Any = None
    ) -> AutoencoderTransformer:
        """Train on X. After an error, the estimator is unchanged.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            A table, pictures (n, h, w), (n, h, w, c) or (n, c, h, w), signals (n, t, c), or videos (n, t, h, w, c), as
            an array, a data frame, a torch tensor, a sparse matrix (converted to dense batch by batch), or a container
            that is larger than memory and read in parts: a memmap, any object with shape, dtype and slicing (zarr,
            h5py, dask, xarray), a dataset of pyarrow, a LazyFrame of polars, a dataset of torch or Hugging Face, or a
            DataLoader. Values are converted to float64 before the mean is subtracted, so integers beyond 2**53 are
            rounded. NaN, None, the NA of pandas, nulls of polars and masked values are missing (see Notes).

            Rows that are not in memory and take more than 256 MiB as float32 are shuffled in blocks; the network then
            differs from that of the same rows in memory. Iterable datasets, loaders, and LazyFrames of this size are
            streams: they are read once per epoch, in their own order, and cannot have ``groups`` or y.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Class labels or numbers for :class:`~skae.variants.Supervised`. Other variants ignore y, and ``fit`` warns
            if y has the shape of X and other values, like clean samples for noisy X.
        X_val : array-like like X, default=None
            The validation set. None draws ``validation_fraction`` of X.
        groups : array-like of shape (n_samples,), default=None
            A label per row: a number, string or category. Dependent rows share a label: rows of one subject or one
            series, or augmented copies of one sample. The validation set and the folds of cross-validation consist of
            whole groups, and the comparison with PCA counts groups: 200 rows of 8 patients are 8 observations. It needs
            at least five groups in the validation set. None detects equal rows and near duplicates, keeps them in one
            set with a warning, and treats all other rows as independent. ``groups=range(len(X))`` declares all rows
            independent. With ``X_val``, or without early stopping, groups are checked but not used.
        y_val : array-like of shape (n_validation_samples,) or (n_validation_samples, n_outputs), default=None
            y of ``X_val``, for :class:`~skae.variants.Supervised`; else ignored.

        Returns
        -------
        self : AutoencoderTransformer

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is invalid; before training starts.
        DivergenceError
            If the loss becomes NaN or infinite.
        RuntimeError
            If another thread is fitting this estimator.
        ProcessFailedError
            If another process of a data-parallel training failed; it is a RuntimeError.
        OutOfMemoryError
            If a batch does not fit into memory; it is a MemoryError.
        """
        check_parameters(self)
        if needs_launch(self.n_processes):
            arguments = {"X": X, "y": y, "X_val": X_val, "groups": groups, "y_val": y_val}
            self._result = fit_in_processes(self, arguments)
        else:
            with join(self.n_processes):
                self._fit(X, y, X_val, groups, y_val)
        return self

    @one_at_a_time
    @reports_out_of_memory
    @with_gradients
    def partial_fit(self, X: Any, y: Any = None) -> AutoencoderTransformer:
        """Train for one epoch on X at a constant learning rate. The first call also learns scaling and PCA from X.

        A later call updates the scaling of a feature that varies for the first time, or whose scale changes by more
        than a factor of ten. It also resets the weights of this feature, so the feature does not affect codes until
        these weights are trained again. All other features keep the scaling of the first call. With ``loss="bce"`` and
        for tokens, scaling is never updated. The axes of codes, ``explained_variance_ratio_``, the categories and the
        kind of data frame are those of the first call; a new category is encoded as an unknown one, with a warning.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            As in ``fit``. The first call needs all classes; numbers are standardized by the first call.

        Returns
        -------
        self : AutoencoderTransformer
        """
        check_parameters(self)
        if is_fraction(self.n_components):
            raise ValueError(f"partial_fit needs an int as n_components. Got {self.n_components!r} instead.")
        with join(self.n_processes), Progress(self.verbose, "epoch") as progress:
            self._result = self._continue(X, y, progress)
        return self

    def transform(self, X: Any, out: Any = None) -> Any:
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            As in ``fit``.
        out : array of shape (n_samples, n_components), float32 or float64, default=None
            Codes are written to this numpy array, memory map or array of zarr or h5py, batch by batch, and it is
            returned. After an error, some of its rows may be written.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), float32
            ``out`` if it is given; a tensor on the device of X if X is a tensor; a lazy dask array if X is a dask
            array; a data frame if ``set_output`` asks for one. As for PCA, codes
            of the plain variant are in the units of X (of s(X) if columns or channels have scales of their own), have
            mean 0 on the training rows, and their coordinates are uncorrelated, in order of their variance. Distances
            between codes approximate distances between reconstructions. Codes of variants with a penalty, a prior or
            nested coordinates, and codes of more than 512 components, keep the axes of the network.

        Raises
        ------
        ValueError, TypeError
            If X is invalid, or differs in shape or column names from the fitted X; if ``out`` has another shape or
            dtype, cannot be written to, or is given although ``set_output`` asks for data frames.
        """
        result = self._get_result()
        if out is not None:
            return self._encode_to(result, X, out)
        if is_dask(X):  # ``self`` is a snapshot
            compute = partial(self._encode, result)
            return map_blocks(compute, X, (result.schema.n_features,), (result.n_components,), np.float32)
        return convert_like(X, self._encode(result, X))

    def inverse_transform(self, X: Any, *, dtype: Literal["input"] | None = None) -> Any:
        """Decode latent codes to samples in the shape and units of the fitted X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            If codes are nested, X may have fewer columns: the first ones.
        dtype : {None, "input"}, default=None
            "input" converts samples to the dtype of the fitted X. Integers and booleans are rounded and clipped to the
            range of the dtype, so that uint8 pictures can be displayed. None returns floats.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            Dense; float32, float64 if the dtype of the fitted X needs it, or int64 tokens. A tensor if X is a tensor; a
            lazy dask array if X is a dask array.
            If ``fit`` got a data frame and ``set_output`` asks for data frames, a data frame of that library with the
            column names and types of ``fit``, and the index of X if X is a pandas data frame.

            If ``fit`` got a data frame with categories, text, booleans or dates, it is a data frame like the fitted
            one, also without ``set_output``: categories are the most likely ones, numbers are rounded to the type of
            their column, and dates to the step between the fitted dates. Numbers of types without arithmetic, such as
            decimals, become plain numbers. If ``fit`` got an array with categories, it is an array of objects, or of
            float64 if all categories are numbers.

        Raises
        ------
        ValueError
            If X does not have ``n_components_`` columns, or ``dtype`` is unknown.
        TypeError
            If X is a dask array, and samples are tables with categories, booleans or dates.
        """
        result = self._get_result()
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        if is_dask(X):
            is_nested, k = result.net.module_.bottleneck.is_nested, result.n_components
            sizes = tuple(range(1 if is_nested else k, k + 1))
            return self._map_to_samples(X, result, dtype, sizes, self._check_and_decode)
        return self._convert_output(X, self._check_and_decode(result, X), result, dtype)

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
            As from ``inverse_transform``; a lazy dask array if X is a dask array.

        Raises
        ------
        ValueError, TypeError
            If X is invalid, or differs in shape or column names from the fitted X; if ``dtype`` is unknown; if X is a
            dask array, and samples are tables with categories, booleans or dates.
        """
        result = self._get_result()
        check_choice(type(self).__name__, "dtype", dtype, OUTPUT_DTYPES)
        if is_dask(X):
            return self._map_to_samples(X, result, dtype, (result.schema.n_features,), self._reconstruct)
        return self._convert_output(X, self._reconstruct(result, X), result, dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """Explained variance (R2): 1 for a perfect reconstruction, 0 for reconstruction by the training mean.

        It is ``1 - sum((s(X) - s(X'))**2) / sum(s(X)**2)``, where X' is the reconstruction and s(X) are the scaled
        samples. On the training rows of a PCA of s(X), it is the sum of ``explained_variance_ratio_``. Missing values
        do not count.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        y : ignored

        Returns
        -------
        score : float
            In (-inf, 1]. NaN, with an :class:`~sklearn.exceptions.UndefinedMetricWarning`, if all values of X are
            missing.

        Raises
        ------
        ValueError
            If X is so far from the training data that squares overflow in float32.
        """
        result = self._get_result()
        error, total, is_known = sums_of_squares(result, self._check(X, result.layout, result.schema, streams=True))
        check_no_overflow(np.array([error, total]), "squared errors", FAR_AWAY)
        if not is_known:
            return undefined_score()
        return 1.0 - error / total if total > 0 else float(error == 0)

    def score_samples(self, X: Any) -> Any:
        """Compute the negative mean squared reconstruction error of each scaled sample. Anomalies have low scores.

        The mean is over the known values of the sample; it is 0 if all are missing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32

        Raises
        ------
        ValueError
            If X is so far from the training data that squares overflow in float32.
        """
        result = self._get_result()
        errors = squared_errors(result, self._check(X, result.layout, result.schema, streams=True))
        scores = 0.0 - errors  # not -0.0 for a row without an error
        check_no_overflow(scores, "scores", FAR_AWAY)
        return convert_like(X, scores)

    def shortened(self, n_components: int) -> AutoencoderTransformer:
        """Make a copy whose codes are the first ``n_components`` coordinates of nested codes. It shares all weights.

        Raises
        ------
        ValueError
            If codes are not nested, or have fewer coordinates than ``n_components``.
        """
        result = self._get_result()
        check_integer(type(self).__name__, "n_components", n_components)
        if not result.net.module_.bottleneck.is_nested:
            raise ValueError(
                f"Codes of variant={self.variant!r} are not nested, so they cannot be cut. Pass variant='nested'."
            )
        short = copy.copy(self)
        short.n_components = int(n_components)
        short._result = result.shortened(int(n_components))
        return short

    def set_params(self, **params: Any) -> AutoencoderTransformer:
        """Set parameters. Write ``architecture__hidden_sizes`` for a parameter of the architecture or variant.

        ``net_params__optimizer__weight_decay`` sets one entry of ``net_params``, in a copy of the dict.

        Raises
        ------
        ValueError
            If the parameter does not exist, or ``architecture`` or ``variant`` is a name and has no parameters.
        """
        net_params = {name: params.pop(name) for name in list(params) if name.startswith("net_params__")}
        check_nested(self, params, {"architecture": class_of_architecture, "variant": class_of_variant})
        super().set_params(**params)
        if net_params:
            self.net_params = dict(self.net_params or {})
            self.net_params |= {name.partition("__")[2]: value for name, value in net_params.items()}
        return self

    def summary(self) -> LayerTable:
        """Print and return a table of the layers: name, output shape, number of parameters, and formula of each size.

        The last lines name the scaling of samples and the epoch whose weights are kept.

        Returns
        -------
        table : LayerTable
            A string, which notebooks display as HTML.
        """
        table = self._layer_table(self._get_result())
        print(table)
        return table

    def _layer_table(self, result: FitResult) -> LayerTable:
        epoch = f"epoch {result.best_epoch} of {result.n_epochs}"
        if result.best_epoch == 0:
            epoch = f"those of PCA; none of {result.n_epochs} epochs is significantly better"
        notes = [f"scaling: {SCALING_NOTES[result.layout.scaling.kind]}", f"weights: {epoch}"]
        if result.schema.encoder is not None:
            notes.insert(0, f"columns: {result.schema.encoder.describe()}")
        return layer_table(result.layers, result.layout.caller_view, notes)

    def _html_details(self) -> str:
        result = self._result
        ratio = result.explained_variance_ratio
        kept = next((row for row in result.history if row["epoch"] == result.best_epoch), {})
        facts = {
            "explained variance of training rows": None if ratio is None else float(np.sum(ratio)),
            "kept": f"epoch {result.best_epoch} of {result.n_epochs}" if result.best_epoch else "PCA",
            "validation loss": kept.get("valid_loss"),
            "validation loss of PCA": result.history[-1].get("pca_loss") if result.history else None,
        }
        table = self._layer_table(result)._repr_html_()
        return f"{html_facts(facts)}<details><summary>Layers</summary>{table}</details>"

    n_components_: int = learned("n_components", "Size of the latent code.")
    mean_: np.ndarray = learned("layout.mean", "Mean of the rows of X, (\\*sample_shape_) float64.")
    scaling_: str | None = learned("layout.scaling.kind", "The kind of scaling that was chosen.")
    scale_: np.ndarray = learned("layout.sample_scale", "Divisor of samples after the mean is subtracted, float64.")
    sample_shape_: tuple[int, ...] = learned("layout.sample_shape", "Shape of one sample.")
    n_iter_: int = learned("n_epochs", "Number of epochs run.")
    best_epoch_: int = learned("best_epoch", "The epoch whose weights are kept; 0 if PCA is kept.")
    history_: list[dict[str, Any]] = learned("history", "One dict per epoch.")
    architecture_: Architecture = learned("spec.architecture", "The architecture object that built the network.")
    variant_: Variant = learned("spec.variant", "The variant object that built the network.")
    net_: AutoencoderNet = learned("net", "The trained skorch net.")
    _n_features_out: int = learned("n_components", "Number of columns, for get_feature_names_out.")

    @property
    def encoded_feature_names_(self) -> np.ndarray:
        """Names of the features that a table with categories, booleans or dates is encoded as."""
        encoder = self._learned.schema.encoder
        names = None if encoder is None else np.array(encoder.feature_names, dtype=object)
        return self._optional("encoded_feature_names_", names)

    @property
    def is_pca_(self) -> bool:
        """Whether ``fit`` fell back to PCA."""
        return self._learned.best_epoch == 0

    def _encode(self, result: FitResult, X: Any) -> np.ndarray:
        """Encode samples."""
        Z = encode(result, self._check(X, result.layout, result.schema, streams=True))
        check_no_overflow(Z, "codes", FAR_AWAY)
        return Z

    def _encode_to(self, result: FitResult, X: Any, out: Any) -> Any:
        """Encode samples batch by batch into ``out``."""
        if output_library(self) is not None:
            raise ValueError(
                f"out is an array, but set_output asks for data frames of {output_library(self)}. Call "
                f"set_output(transform='default')."
            )
        X = self._check(X, result.layout, result.schema, streams=True)
        target = OutputArray(out, None if isinstance(X, Stream) else len(X), (result.n_components,))
        with contextlib.closing(encode_batches(result, X)) as batches:
            for _, _, part in batches:
                codes = part.cpu().numpy()
                check_no_overflow(codes, "codes", FAR_AWAY)
                target.write(codes)
        return target.close()

    def _check_and_decode(self, result: FitResult, Z: Any) -> np.ndarray:
        """Decode codes."""
        is_nested = result.net.module_.bottleneck.is_nested
        return self._decode(result, check_codes(Z, result.n_components, is_nested))

    def _decode(self, result: FitResult, Z: np.ndarray) -> np.ndarray:
        """Decode checked codes."""
        samples = decode(result, Z)
        check_no_overflow(samples, "samples", "the codes are far from those of transform")
        return samples

    def _reconstruct(self, result: FitResult, X: Any) -> np.ndarray:
        """Reconstruct samples."""
        samples = reconstruct(result, self._check(X, result.layout, result.schema, streams=True))
        check_no_overflow(samples, "samples", FAR_AWAY)
        return samples

    def _map_to_samples(
        self, X: Any, result: FitResult, dtype: str | None, sizes: tuple[int, ...], compute: Callable[..., np.ndarray]
    ) -> Any:
        """The lazy array of samples that ``compute`` returns for the blocks of a dask array."""
        if result.schema.encoder is not None:
            raise TypeError(
                "Samples of this table are data frames with categories, booleans or dates, which no dask array can "
                "hold. Pass X in parts: X.blocks[i].compute()."
            )
        layout, compute = result.layout, getattr(snapshot(self), compute.__name__)
        kind = layout.input_dtype if dtype == "input" and layout.input_dtype is not None else layout.dtype
        convert = partial(compute_samples, partial(compute, result), dtype == "input", kind)
        return map_blocks(convert, X, sizes, layout.caller_shape, kind)

    def _convert_output(
        self,
        X: Any,
        samples: np.ndarray,
        result: FitResult,
        dtype: str | None,
        random: np.random.RandomState | None = None,
    ) -> Any:
        """Convert samples to the type of X, or to a data frame if ``set_output`` asks for one or X has categories."""
        library, frame = output_library(self), result.schema.frame
        if result.schema.encoder is not None:
            return convert_like(X, result.schema.restore(samples, library, pandas_index(X), random))
        if frame is not None and samples.ndim == 2 and library is not None:
            return frame.to_frame(samples.T, library, pandas_index(X))
        if dtype == "input" and result.layout.input_dtype is not None:
            samples = round_to_dtype(samples, result.layout.input_dtype)
        return convert_like(X, samples)

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
        tags.input_tags.allow_nan = True
        tags.target_tags.required = is_supervised(self.variant)
        return tags


def compute_samples(
    compute: Callable[[np.ndarray], np.ndarray], is_rounded: bool, dtype: np.dtype, block: np.ndarray
) -> np.ndarray:
    """The samples for a block of a dask array, rounded to the dtype of the fitted X if ``is_rounded``."""
    samples = compute(block)
    return round_to_dtype(samples, dtype) if is_rounded else samples


def convert_like(X: Any, result: np.ndarray) -> Any:
    """Convert the result to a tensor on the device of X if X is a tensor; else return it."""
    if not isinstance(X, torch.Tensor) or not isinstance(result, np.ndarray) or result.dtype.kind == "O":
        return result
    return torch.from_numpy(result).to(X.device)
