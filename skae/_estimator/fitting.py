"""Training of an estimator: what ``fit`` and ``partial_fit`` do after their checks of parameters."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from skae._inputs.layout_inference import (
    check_same_tokens,
    extend_layout,
    infer_layout,
    note_missing,
    reads_token_rows,
    with_moments,
)
from skae._inputs.readers import load
from skae._inputs.schema import Schema, read_samples
from skae._inputs.validation import encode_groups, warn_if_y_is_target
from skae._parameters import warn
from skae._processes import current
from skae.data import SampleLayout, Stream, TableColumns, iterate_slices, sources
from skae.exceptions import PCAKeptWarning
from skae.training import (
    NO_ERROR,
    FitResult,
    Progress,
    TrainData,
    TrainingInterrupted,
    TrainSpec,
    checkpoints_for,
    describe,
    draw_seed,
    fingerprint,
    is_extensible,
    train,
)
from skae.variants import is_supervised

from .callbacks import EpochTasks
from .labels import Labels
from .settings import check_same_network, train_spec
from .training_data import all_rows, check_groups, check_stream, copy_validation, training_data

# Length of history_ after partial_fit.
MAX_HISTORY = 100
# Rows at each end of X that have to be equal in all processes of a data-parallel training.
SOME_ROWS = 100
# There is no PCAKeptWarning if the relative error of PCA is at most NO_ERROR, or max_epochs is below TRIAL_EPOCHS.
TRIAL_EPOCHS = 10


class FittingMixin:
    """Training in this process, and in the others that train with it. The methods need a checked estimator."""

    _result: FitResult
    # Whether ``fit`` reports that PCA is kept. AutoencoderNovelty sets it to False while it fits its members.
    _reports_pca = True
    # Whether the network is one of a search, see ``TrainSpec``. BottleneckSearchCV sets it.
    _in_search = False
    # The columns of rows of numbers and codes. AutoencoderNovelty sets it while it fits its members.
    _table: TableColumns | None = None

    def _fit(self: Any, X: Any, y: Any, X_val: Any, groups: Any, y_val: Any) -> None:
        """Train in this process, and in the others that train with it."""
        with Progress(self.verbose, "epoch") as progress:
            interrupt = self._train(X, y, X_val, groups, y_val, progress)
        result = self._result
        if self.whiten and result.net.module_.code_map is None:
            warn(
                "whiten=True has no effect: codes of this bottleneck are not mapped after training (nested codes, and "
                "codes of more than 512 components). Append StandardScaler() for unit variance."
            )
        if interrupt is not None and self.on_interrupt == "raise":
            raise interrupt
        if interrupt is not None:
            weights = "the best weights so far" if result.best_epoch else "the weights of PCA"
            warn(f"Training was interrupted after {result.n_epochs} epochs; {weights} are kept.")
        elif result.best_epoch > 0:
            progress.write(f"The weights of epoch {result.best_epoch} of {result.n_epochs} are kept.")
        elif self._reports_pca:
            self._report_pca(result, progress, has_groups=groups is not None)

    def _train(
        self: Any, X: Any, y: Any, X_val: Any, groups: Any, y_val: Any, progress: Progress
    ) -> BaseException | None:
        """Train, and assign the result; returns the interrupt after which it is kept, if there was one."""
        processes = current()
        start = self._result if self.warm_start and self.__sklearn_is_fitted__() else None
        X, layout, schema, spec = self._prepare(X, y, start, progress, is_warm_start=start is not None)
        layout = processes.from_first(layout)
        processes.check_equal(partial(self._describe_fit, X))
        check_stream(X, groups, is_supervised(self.variant))
        labels = Labels.read(self.variant, y, len(X), start)
        samples = {"X": X}
        if X_val is not None:
            X_val = self._check(X_val, layout, schema, streams=True)
            samples["X_val"] = load(X_val, "X_val", sources.CACHE_BYTES)
        layout = note_missing(layout, X if start is not None else None, samples.get("X_val"))
        if labels is not None and X_val is not None:
            labels = labels.with_validation(y_val, len(samples["X_val"]))
        groups = encode_groups(groups, len(X))
        groups = groups if X_val is None and self.early_stopping else None
        check_groups(groups)
        with checkpoints_for(
            self.checkpoint_dir, spec, samples, layout, groups, self.random_state, start, labels
        ) as checkpoints:
            seed = processes.from_first(draw_seed(self.random_state))
            spec = replace(spec, seed=seed if checkpoints.seed is None else checkpoints.seed, in_search=self._in_search)
            with progress.stage("Choosing training and validation rows"):
                data = training_data(spec, X, samples.get("X_val"), groups, layout, schema)
                data = copy_validation(data if labels is None else labels.add_to(data))
            try:
                result = train(spec, data, start, checkpoints, [partial(EpochTasks, self, X, y)], progress)
                checkpoints.finished = True
            except TrainingInterrupted as error:
                interrupt, result = error.__cause__, error.result
                if self.warm_start:
                    checkpoints.record_interrupt(result)
            else:
                interrupt = None
            self._result = result
        return interrupt

    def _continue(self: Any, X: Any, y: Any, progress: Progress) -> FitResult:
        """Train for one epoch in this process, and in the others that train with it; returns the result."""
        processes = current()
        start, rescaled = self._result if self.__sklearn_is_fitted__() else None, None
        X, layout, schema, spec = self._prepare(X, y, start, progress)
        layout = processes.from_first(layout)
        processes.check_equal(partial(self._describe_fit, X))
        check_stream(X, None, is_supervised(self.variant))
        labels = Labels.read(self.variant, y, len(X), start)
        if start is not None:
            if is_extensible(start.net.module_, layout):
                layout, changed = extend_layout(layout, self.scaling, X)
                rescaled = layout.from_flat(changed[None])[0]
            else:
                layout = note_missing(layout, X)
            start = replace(start, history=start.history[1 - MAX_HISTORY :])
        seed = processes.from_first(draw_seed(self.random_state))
        spec = replace(spec, early_stopping=False, single_pass=True, seed=seed)
        data = TrainData(all_rows(X, layout, spec.device), schema=schema, rescaled=rescaled)
        return train(spec, data if labels is None else labels.add_to(data), start, progress=progress)

    def _describe_fit(self: Any, X: Any) -> dict[str, str]:
        """What has to be equal in all processes that train together; ValueError if they cannot share the rows of X."""
        if isinstance(X, Stream):
            raise ValueError(
                f"{X.name} is read in passes, and processes that train together index rows. Pass an array, or "
                f"n_processes=1 to train in this process only."
            )
        parameters = {name: describe(value) for name, value in self.get_params(deep=False).items()}
        for name in ("device", "random_state", "verbose", "net_params"):  # callbacks may differ
            del parameters[name]
        ends = (X[0:SOME_ROWS], X[max(0, len(X) - SOME_ROWS) : len(X)])
        rows = (part for end in ends for part in iterate_slices(end, SOME_ROWS))
        return {**parameters, "shape of X": str(tuple(X.shape)), "fingerprint of X": fingerprint(rows)}

    def _prepare(
        self: Any, X: Any, y: Any, start: FitResult | None, progress: Progress, is_warm_start: bool = False
    ) -> tuple[Any, SampleLayout, Schema, TrainSpec]:
        """Check X; infer its layout and schema, or take those of ``start``, the fit that training continues.

        A warm start takes the ranges of features and the kind of data frame from X.
        """
        with progress.stage("Reading X"):
            if start is None:
                is_table = self._table is None and not reads_token_rows(self)
                X, schema = read_samples(type(self).__name__, X, self.categorical_features, is_table, streams=True)
                table = self._table if schema.encoder is None else schema.encoder.table
                layout = infer_layout(self, X, schema.feature_names, table).to(torch.device("cpu"))
            else:
                layout, given = start.layout, X
                X = self._check(X, layout, start.schema, streams=True)
                if isinstance(X, Stream):
                    X.learn()
                schema = start.schema.continued(given, is_warm_start)
                if is_warm_start and not isinstance(X, Stream):
                    layout = with_moments(layout, X, schema.feature_names)
        spec = train_spec(self, layout)
        if start is not None:
            check_same_network(self, start, spec, X.shape)
        if not is_supervised(self.variant):
            warn_if_y_is_target(X, y)
        return X, layout, schema, spec

    def _check(self: Any, X: Any, layout: SampleLayout, schema: Schema, streams: bool = False) -> Any:
        """Check X against a fitted layout and schema; ``streams`` as in ``Schema.check``."""
        X = schema.check(type(self).__name__, X, layout.sample_shape, streams)
        check_same_tokens(layout, X)
        return X

    def _report_pca(self: Any, result: FitResult, progress: Progress, has_groups: bool) -> None:
        """Print and warn that PCA is kept, unless PCA has no error or training was a short trial."""
        more = "More groups (each counts once, and the validation set needs five)" if has_groups else "More samples"
        message = (
            "PCA is kept: no epoch has a validation loss significantly below that of PCA, so codes and reconstructions "
            f"are those of PCA (is_pca_ is True). {more}, a larger max_epochs, another n_components or "
            "architecture may be better than PCA; early_stopping=False keeps the trained weights in any case."
        )
        progress.write(message)
        exact = result.history[-1].get("pca_loss", math.inf) <= NO_ERROR * result.layout.mean_variance
        if not exact and (self.max_epochs == "auto" or self.max_epochs >= TRIAL_EPOCHS):
            warn(message, PCAKeptWarning)
