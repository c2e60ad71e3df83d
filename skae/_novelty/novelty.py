"""``AutoencoderNovelty``: autoencoders, each trained without one part of the rows, and a threshold of their scores."""

from __future__ import annotations

import importlib
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin

from skae._estimator.callbacks import CallbackSupportMixin, with_callbacks
from skae._estimator.html import HTMLMixin, html_facts
from skae._estimator.results import ResultMixin, learned
from skae._estimator.transformer import AutoencoderTransformer, convert_like
from skae._inputs.data_frames import FrameSchema, pandas_index
from skae._parameters import check_choice, check_integer, check_nested, check_real, invalid, is_integer
from skae.data import SelectedRows
from skae.training import Progress, one_at_a_time

from .distances import DISTANCES
from .members import fit_novelty
from .scores import OWNER, NoveltyResult, feature_errors, log_distances, score_decreases, select_all


class AutoencoderNovelty(HTMLMixin, ResultMixin, CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Novelty detection by several autoencoders, with the methods of ``LocalOutlierFactor(novelty=True)``.

    ``fit`` splits the rows into ``n_members`` parts. For each part, one autoencoder, a member, is trained on all other
    parts. The score of a new row is an average over all members. A row of ``fit`` is scored, in every method, only by
    the member that was not trained on it, unless copies of it are in several parts. The threshold is computed from the
    scores of the rows of ``fit``.

    Parameters
    ----------
    autoencoder : AutoencoderTransformer, default=None
        It is cloned for each member, which has its own ``random_state``. The default has dense layers for samples of up
        to 4,096 values. Its bottleneck size is smaller than the number of features, and otherwise the size at which PCA
        explains 0.75 of the variance.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the rows of ``fit`` that are classified as anomalies. "auto" classifies rows above the fence of Tukey
        (1977), which is 1.5 interquartile ranges above the upper quartile of the logarithms of distances, and at least
        about 0.01 of the rows. Equal distances, which copies of rows have, count once.
    n_members : int, default=5
        Number of autoencoders, at least 2.
    distance : {"neighbors", "mahalanobis", "error"}, default="neighbors"
        "neighbors" is the mean distance to the five nearest training rows (Angiulli and Pizzuti, 2002), or to more if
        rows have copies. Each row is represented by its standardized columns (pictures and signals: its reconstruction)
        and its whitened reconstruction error, both scaled to a typical length of 1. Distances below 0.001, such as
        those of copies, count as 0.001. The distance thus measures both the position and the error of a row (Hubert,
        Rousseeuw and Vanden Branden, 2005). "mahalanobis" is the norm of the whitened error. "error" is the mean
        squared error in the scaling of the autoencoder. In each of them, a category that ``fit`` did not have is far
        from all others, also if it is encoded like rare ones.

        Errors of tables are whitened by their covariance (Ledoit and Wolf, 2004), computed on rows that the members
        were not trained on. Errors of pictures and signals are divided by one number instead.
    n_jobs : int, default=None
        Number of members that are trained in parallel, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the parts and of all members.
    verbose : int, default=0
        Above 0, show how many members are trained, and the time that is left: a bar in terminals and notebooks, and
        plain lines in other output. ``verbose`` of ``autoencoder`` shows the epochs of each member.

    Attributes
    ----------
    offset_ : float
        Threshold: scores below it are anomalies.
    members_ : list of AutoencoderTransformer
        The fitted members.
    distance_ : str
        The ``distance`` that ``fit`` used.
    n_components_ : int
        Bottleneck size of the first member.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the columns. Defined only if X is a data frame.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoencoderNovelty
    >>> X, y = load_wine(return_X_y=True)
    >>> novelty = AutoencoderNovelty(random_state=0).fit(X[y == 0])
    >>> set(novelty.predict(X[y == 2]).tolist())  # all wines of another class are anomalies
    {-1}
    """

    def __init__(
        self,
        autoencoder: AutoencoderTransformer | None = None,
        *,
        contamination: Literal["auto"] | float = "auto",
        n_members: int = 5,
        distance: Literal["neighbors", "mahalanobis", "error"] = "neighbors",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.autoencoder = autoencoder
        self.contamination = contamination
        self.n_members = n_members
        self.distance = distance
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params: Any) -> AutoencoderNovelty:
        """Set parameters. Write ``autoencoder__max_epochs`` for a parameter of the autoencoder."""
        check_nested(self, params, {"autoencoder": lambda *_: AutoencoderTransformer.__name__})
        return super().set_params(**params)

    @one_at_a_time
    @with_callbacks
    def fit(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> AutoencoderNovelty:
        """Train the members, each without one part of X, and compute the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            At least 4 samples, most of them normal. Sparse matrices are converted to dense batch by batch. Missing
            values (NaN) do not count in distances. Tokens are not supported.
        y : ignored
        groups : array-like of shape (n_samples,), default=None
            A label per row. Dependent rows share a label: rows of one subject or one series, or copies of one sample.
            All rows of a group are in one part, so no member scores rows of a group that it was trained on. Equal rows
            are in one part too, unless columns have so few values (flags, counts) that rows are equal by chance; near
            duplicates are detected as in :meth:`AutoencoderTransformer.fit`.

        Returns
        -------
        self : AutoencoderNovelty

        Raises
        ------
        ValueError, TypeError
            If a parameter, X or groups are invalid, or all rows are of one group.
        RuntimeError
            If another thread is fitting this estimator.
        """
        self._check_parameters()
        with Progress(min(int(self.verbose), 1), "member") as progress:
            self._result = fit_novelty(self, X, groups, progress)
        return self

    def score_samples(self, X: Any) -> Any:
        """Compute the score of each sample: minus its distance, divided by the median distance of the rows of ``fit``.

        Anomalies have low scores. The score is -1 at the median distance, and -2 at twice the median distance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
        """
        return convert_like(X, self._scores(self._get_result(), X))

    def decision_function(self, X: Any) -> Any:
        """Compute ``score_samples(X) - offset_``, float64 (n_samples,): negative values are anomalies."""
        result = self._get_result()
        return convert_like(X, self._scores(result, X) - result.offset)

    def predict(self, X: Any) -> np.ndarray:
        """Classify samples: -1 for anomalies, 1 for others, as an int array of shape (n_samples,)."""
        result = self._get_result()
        return np.where(self._scores(result, X) - result.offset < 0, -1, 1)

    def explain(self, X: Any, standardized: bool = False) -> Any:
        """Compute the reconstruction error of each feature: X minus its mean reconstruction, in the units of X.

        The mean is over all members. A row of ``fit`` is reconstructed only by the member that was not trained on it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        standardized : bool, default=False
            Whether to return values that compare features of different units; the largest absolute value is at the most
            anomalous feature. For tables, the absolute value is the decrease of the row's distance if the value of this
            column is missing, relative to the median distance: 1.5 if the score would be -1.2 instead of -2.7, and 0 if
            it would not be higher. Its sign is that of the error. This takes as long as scores of ``n_features`` times
            as many rows. For pictures and signals, it is the error divided by the root mean square error of the feature
            on the rows of ``fit``.

        Returns
        -------
        error : ndarray of the shape of X, float64; 0 for missing values
            A data frame with the columns and the index of X if X is a data frame. For a column of categories, it is the
            distance of its one-hot vector from the reconstructed probabilities, divided by the square root of 2: 0 if
            the category is certain, about 1 if another one is, or if it is a category that ``fit`` did not have. For
            booleans, it is the difference from the reconstructed probability. For dates and time spans, it is the share
            of their range in ``fit``.
        """
        result = self._get_result()
        form, index = FrameSchema.of(X), pandas_index(X)
        rows = self._samples(result, X)
        errors = feature_errors(result, rows)
        if standardized and result.is_table:
            errors = np.copysign(score_decreases(result, rows), errors)
        elif standardized:
            errors /= result.typical_error
        return convert_like(X, errors) if form is None else to_data_frame(form, errors, index)

    offset_: float = learned("offset", "Threshold of ``score_samples``.")
    members_: list[AutoencoderTransformer] = learned("members", "The fitted members.")
    distance_: str = learned("distance", "The ``distance`` that ``fit`` used.")

    @property
    def n_components_(self) -> int:
        """Bottleneck size of the first member."""
        return self._learned.members[0].n_components_

    def _html_details(self) -> str:
        members = self.members_
        facts = {
            "members": len(members),
            "of these, PCA": sum(member.is_pca_ for member in members),
            "n_components": self.n_components_,
            "distance": self.distance_,
            "threshold of score_samples": self.offset_,
        }
        return html_facts(facts)

    def _check_parameters(self) -> None:
        if self.autoencoder is not None and not isinstance(self.autoencoder, AutoencoderTransformer):
            raise invalid(OWNER, "autoencoder", "an AutoencoderTransformer or None", self.autoencoder)
        if not (isinstance(self.contamination, str) and self.contamination == "auto"):
            check_real(OWNER, "contamination", self.contamination, "(0.0, 0.5]", otherwise=" or 'auto'")
        check_integer(OWNER, "n_members", self.n_members, 2)
        check_choice(OWNER, "distance", self.distance, DISTANCES)
        if self.n_jobs is not None and (not is_integer(self.n_jobs) or self.n_jobs == 0):
            raise invalid(OWNER, "n_jobs", "an int other than 0, or None", self.n_jobs)
        check_integer(OWNER, "verbose", int(self.verbose) if self.verbose is True else self.verbose, 0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags

    def _scores(self, result: NoveltyResult, X: Any) -> np.ndarray:
        return -np.exp(log_distances(result, self._samples(result, X)) - result.median)

    def _samples(self, result: NoveltyResult, X: Any) -> SelectedRows:
        """Check X against the fitted schema and sample shape."""
        X = result.schema.check(type(self).__name__, X, result.sample_shape)
        if X.shape[1:] != result.sample_shape:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}, but {OWNER} was fitted on samples of shape "
                f"{result.sample_shape}."
            )
        return select_all(X)


def to_data_frame(form: FrameSchema, rows: np.ndarray, index: Any) -> Any:
    """Convert rows of float64 to a data frame with the library and the columns of ``form``."""
    library = importlib.import_module(form.library)
    if form.library == "pyarrow":
        return library.table(list(rows.T), names=list(form.names))
    if form.library == "pandas":
        return library.DataFrame(rows, columns=form.pandas_columns(), index=index)
    return library.DataFrame(rows, schema=list(form.names))
