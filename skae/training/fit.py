"""``train(spec, data)`` trains a network and returns a ``FitResult``; estimators are not changed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor

from skae._parameters import is_fraction, warn
from skae._processes import current
from skae.data import SampleLayout, StreamRows, Target
from skae.exceptions import DivergenceError
from skae.model import LayerRow, Projection

from .batches import Part
from .build import build, initialize, missing_values, new_net, try_loss
from .checkpoints import Checkpoints, NoCheckpoints
from .code_map import explained_variance, fit_code_map
from .cross_validation import LossesPerGroup, cross_validation_losses, has_enough_folds
from .early_stopping import FEWEST_GROUPS, BestWeights
from .head import initialize_head
from .history import plain_history
from .nested_codes import cumulative_explained_variance, training_codes
from .net import AutoencoderNet
from .net_state import continue_optimizer
from .pca_init import count_components
from .precision import training_precision
from .progress import NO_PROGRESS, EpochProgress, Progress
from .projection import (
    fit_projection,
    has_trial,
    is_projected,
    net_on_samples,
    network_on_coordinates,
    project_rows,
    trial_spec,
    with_projection_layers,
)
from .rescaling import forget_features
from .result import FitResult
from .spec import TrainSpec

# Least number of rows per batch when the explained variance of nested codes is measured.
MEASURED_BATCH = 256

# Makes a skorch callback from the number of epochs and a function that returns the current result.
Listener = Callable[[int, Callable[[], FitResult]], Callback]


@dataclass(frozen=True)
class TrainData:
    """The rows of one training.

    ``is_split`` says that both parts are rows of one X, so cross-validation can split it otherwise. ``rescaled``
    (channels, \\*sizes), bool, marks features whose scaling differs from the result that training continues.
    ``target`` describes the ``y`` of the rows, if they have one.
    """

    train: Part
    validation: Part | None = None
    schema: Any = None
    is_split: bool = False
    rescaled: Tensor | None = None
    target: Target | None = None

    @property
    def layout(self) -> SampleLayout:
        """The layout of all rows."""
        return self.train.rows.layout

    def projected(self, projection: Projection, fill: Callable[[Tensor], Tensor] | None = None) -> TrainData:
        """The same training on coordinates; ``fill`` replaces missing values."""
        train = replace(self.train, rows=project_rows(self.train.rows, projection, fill))
        validation = self.validation
        if validation is not None:
            is_same = validation.rows is self.train.rows
            rows = train.rows if is_same else project_rows(validation.rows, projection, fill)
            validation = replace(validation, rows=rows)
        return replace(self, train=train, validation=validation, rescaled=None)


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C after at least one epoch; ``result`` has the best weights so far, ``__cause__`` is the interrupt."""

    def __init__(self, result: FitResult):
        super().__init__()
        self.result = result


@dataclass
class Training:
    """A net in training, and the callback that keeps its best weights."""

    net: AutoencoderNet
    layers: list[LayerRow]
    best: BestWeights | None
    start: FitResult | None = None
    projection: Projection | None = None

    @classmethod
    def prepare(
        cls, spec: TrainSpec, data: TrainData, start: FitResult | None = None, progress: Progress = NO_PROGRESS
    ) -> Training:
        """Build the network and initialize it by PCA, or copy the network that training continues."""
        rows, n_train = data.train.rows, len(data.train)
        if start is None:
            with progress.stage("Building the network and its PCA initialization"):
                n_components = current().from_first(count_components(rows, n_train, spec))
                module, layers = build(spec, rows.layout, n_components, data.target)
                initialize(module, spec, rows)
                initialize_head(module, spec, data.train)
        else:
            module, layers = copy.deepcopy(start.net.module_.with_projection(None)), start.layers
            if data.rescaled is not None:
                forget_features(module, data.rescaled)
            module.missing = missing_values(rows.layout)
        try_loss(spec.loss, module, rows)
        current().copy_from_first(module.state_dict().values())
        cycles = spec.cycles_for(n_train)
        batch_size = spec.batch_size_for(n_train)
        precision = training_precision(spec, layers, min(batch_size, n_train))
        net = new_net(spec, module, batch_size, cycles, precision)
        if rows.residual is not None:
            net.criterion_.n_features = rows.residual.n_features
            net.criterion_.residual = float(np.mean(data.train.residuals))
        if start is not None and spec.single_pass:
            continue_optimizer(net, start.net)
        best = BestWeights(spec.patience_for(cycles), spec.tol) if spec.early_stopping else None
        return cls(net, layers, best, start)

    def run(self, spec: TrainSpec, data: TrainData, callbacks: Sequence[Callback], resume: Any = None) -> None:
        """Train to the end, or until a callback stops it."""
        own = callbacks if self.best is None else [self.best, *callbacks]
        self.net.run(data.train, data.validation, own, planned=not spec.single_pass, resume=resume)

    def project(self, projection: Projection, has_layers: bool) -> None:
        """Give results the projection to the coordinates that the net is trained on."""
        self.projection = projection
        if not has_layers:
            self.layers = with_projection_layers(self.layers, projection)

    def keeps_codes(self) -> bool:
        """Whether training continued with the encoder as it was, because its weights were frozen."""
        if self.start is None:
            return False
        before, after = (net.module_.with_projection(None).state_dict() for net in (self.start.net, self.net))
        names = [name for name in before if name.startswith(("encoder", "linear.encoder", "bottleneck"))]
        return all(name in after and torch.equal(before[name], after[name]) for name in names)

    @property
    def n_components(self) -> int:
        """Size of the code that is trained."""
        return self.net.module_.bottleneck.n_components


def train(
    spec: TrainSpec,
    data: TrainData,
    start: FitResult | None = None,
    checkpoints: Checkpoints | NoCheckpoints | None = None,
    listeners: Sequence[Listener] = (),
    progress: Progress = NO_PROGRESS,
) -> FitResult:
    """Train a network, or continue ``start``, and keep its best weights.

    ``listeners`` are called with the number of epochs and a function that returns the current result, and return
    callbacks. After Ctrl-C, TrainingInterrupted is raised if at least one epoch is done, else KeyboardInterrupt.
    """
    checkpoints = checkpoints or NoCheckpoints()
    given, fitted = data, spec
    if start is None:
        fitted, data, projection = on_coordinates(spec, data, progress)
    else:
        data, projection = on_known_coordinates(start, data)
    training = Training.prepare(fitted, data, start, progress)
    if projection is not None:
        training.project(projection, has_layers=start is not None)
    net, best = training.net, training.best
    if best is not None and data.is_split and start is None:
        best.cross_validate = other_folds(fitted, data, training, progress)
        best.is_lenient = spec.in_search
    before = [] if start is None else start.history[: len(start.history) - checkpoints.counted]
    present = partial(result_of, spec, given, training, before)
    callbacks = [listener(sum(net.cycles), present) for listener in listeners if current().is_first]
    if spec.verbose == 1 and current().is_first:
        callbacks.append(EpochProgress(progress))
    interrupt: KeyboardInterrupt | None = None
    try:
        training.run(spec, data, [*callbacks, *checkpoints.callbacks(best)], checkpoints.resume)
    except KeyboardInterrupt as error:
        # Other processes may not have been interrupted.
        if net.epochs_done_ == 0 or current().size > 1:
            raise
        interrupt = error
    try:
        result = finish(training, data, present, is_interrupted=interrupt is not None)
    except KeyboardInterrupt as error:
        if current().size > 1:
            raise
        # Training is complete, so the result is finished without cross-validation, unless interrupted again.
        interrupt = error
        result = finish(training, data, present, is_interrupted=True)
    except Exception as error:
        if interrupt is None:
            raise
        raise interrupt from error
    if interrupt is not None:
        raise TrainingInterrupted(result) from interrupt
    # After an error in another process, no estimator has a new result.
    current().wait()
    return result


def on_coordinates(
    spec: TrainSpec, data: TrainData, progress: Progress
) -> tuple[TrainSpec, TrainData, Projection | None]:
    """The training of wide rows on their coordinates, and the projection; other rows are not projected."""
    rows = data.train.rows
    if isinstance(rows, StreamRows) or not is_projected(spec, rows.layout, len(rows)):
        return spec, data, None
    with progress.stage("Computing the principal axes of wide rows"):
        projection = fit_projection(spec, rows)
        current().copy_from_first(projection.state_dict().values())
        data = data.projected(projection)
    is_large = True
    if has_trial(spec) and data.validation is not None:
        with progress.stage("Trying a small network"):
            is_large = is_promising(spec, data)
    return replace(spec, architecture=network_on_coordinates(spec.architecture, is_large)), data, projection


def is_promising(spec: TrainSpec, data: TrainData) -> bool:
    """Whether a trial of a few epochs is better than PCA on the validation set."""
    assert data.validation is not None
    losses = LossesPerGroup(data.validation)
    try:
        train_fold(trial_spec(spec, len(data.train)), data.train, data.validation, losses)
    except DivergenceError:
        return False
    return min(loss.mean() for loss in losses.by_epoch) < losses.at_start.mean()


def on_known_coordinates(start: FitResult, data: TrainData) -> tuple[TrainData, Projection | None]:
    """The same on the coordinates of the training to continue; missing values are filled."""
    module = start.net.module_
    projection = module.projection
    if projection is None:
        return data, None
    if isinstance(data.train.rows, StreamRows):
        raise ValueError(
            "Training cannot continue on a stream of wide rows: the fitted network is trained on coordinates of all "
            "rows. Pass an array, or fit with architecture=Dense(projection=None)."
        )
    if data.rescaled is not None and bool(data.rescaled.any()):
        projection = projection.without_features(data.rescaled.to(projection.components.device))
    fill = None
    if data.layout.has_missing:
        fill = partial(module.fill, limits=[end.to(module.latent_scale.device) for end in data.layout.limits])
    return data.projected(projection, fill), projection


def other_folds(spec: TrainSpec, data: TrainData, training: Training, progress: Progress) -> Any:
    """A function that trains with other validation sets; None if it cannot change the decision or costs too much."""
    whole, n_validation = Part.whole(data.train.rows, data.train.groups), len(data.validation or ())
    if training.n_components >= data.layout.n_features or not whole.rows.small:
        return None
    if not has_enough_folds(whole, n_validation):
        return None
    n_groups = 0 if data.validation is None else len(data.validation.group_means(np.zeros(n_validation)))
    if spec.in_search and n_groups >= FEWEST_GROUPS:
        return None
    return partial(cross_validation_losses, spec, whole, n_validation, train_fold, progress)


def train_fold(spec: TrainSpec, train_part: Part, validation: Part, callback: Callback) -> None:
    """Train one network of a fold; the callback gets its losses."""
    data = TrainData(train_part, validation)
    training = Training.prepare(spec, data)
    training.run(spec, data, [callback])


def finish(training: Training, data: TrainData, present: Callable[..., FitResult], is_interrupted: bool) -> FitResult:
    """Restore the best weights, and compute the codes for ``sample``."""
    net, best = training.net, training.best
    if best is not None and is_interrupted:
        best.cross_validate = None
    kept = net.epochs_done_ if best is None else best.restore(net)
    result = present(kept)
    net.module_.is_linear = result.net.module_.is_linear = result.best_epoch == 0
    codes = training_codes(net.module_, data.train, net.batch_size)
    result = replace(result, codes=codes)
    if net.module_.bottleneck.is_nested:
        result = with_explained_variance(result, data.train)
    elif not (result.spec.single_pass and training.start is not None):
        part, is_pca = data.train, result.best_epoch == 0
        n_trained = result.n_epochs * len(part)
        if is_pca:
            # PCA was fitted to all rows, so its variances are those of all rows.
            part = Part.whole(part.rows)
            codes = training_codes(net.module_, part, net.batch_size)
        r2 = explained_variance(net.module_, part, net.batch_size, n_trained) * part.visible_share
        r2_in_units = r2 * result.layout.code_variance
        keeps_codes = training.keeps_codes()
        shares = fit_code_map(net.module_, codes, r2_in_units, is_pca, result.spec.whiten, n_trained, keeps_codes)
        result = replace(result, explained_variance_ratio=shares * r2)
    if not result.spec.single_pass:
        net.forget_training()
    return result


def result_of(
    spec: TrainSpec,
    data: TrainData,
    training: Training,
    before: list[dict[str, Any]],
    kept: int | None = None,
) -> FitResult:
    """The current result of a training; ``kept`` is the epoch of its weights, by default the last."""
    net, start = training.net, training.start
    done_before = before[-1]["epoch"] if before else 0
    kept = net.epochs_done_ if kept is None else kept
    best_epoch = done_before + kept
    if kept == 0:
        # The initial weights.
        best_epoch = 0 if start is None else min(start.best_epoch, done_before)
    return FitResult(
        spec=spec,
        layout=data.layout,
        schema=data.schema,
        net=net if training.projection is None else net_on_samples(net, training.projection),
        layers=training.layers,
        n_components=training.n_components if start is None else start.n_components,
        history=[*before, *plain_history(net, start=done_before)],
        n_epochs=done_before + net.epochs_done_,
        best_epoch=best_epoch,
        target=data.target,
        explained_variance_ratio=None if start is None else start.explained_variance_ratio,
    )


def with_explained_variance(result: FitResult, part: Part) -> FitResult:
    """The result with the explained variance of each nested coordinate, truncated to the requested share."""
    net, requested = result.net, result.spec.n_components
    module = net.module_.with_projection(None)
    shares: np.ndarray = cumulative_explained_variance(module, part, max(net.batch_size, MEASURED_BATCH))
    shares *= part.visible_share
    n_components = result.n_components
    if is_fraction(requested):
        enough = np.flatnonzero(shares >= requested)
        n_components = int(enough[0]) + 1 if len(enough) else len(shares)
        if not len(enough):
            warn(
                f"n_components={requested}: the {n_components} coordinates that PCA needs for it explain "
                f"{shares[-1]:.3f}. Pass a larger max_epochs, or the number of components."
            )
        net.module_.bottleneck.code_size = n_components
    ratio = np.diff(shares[:n_components], prepend=0.0)
    return replace(result, n_components=n_components, explained_variance_ratio=ratio)
