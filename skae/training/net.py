"""The skorch net: it trains on whole batches, with one device synchronization per epoch."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, PrintLog
from torch import Tensor, nn

from skae._processes import ALONE, Processes, current
from skae.data import inference_length, is_out_of_memory
from skae.model.layers import BATCH_NORMS, keep_frozen_statistics, set_generator
from skae.objectives import Objective

from .batches import Batches, LabeledBatch, Part
from .data_parallel import average_gradients, process_seed, synchronized_batch_norms
from .device import BorrowedStream
from .early_stopping import StopTraining
from .errors import check_enough, check_last_update, diverged, note_place, out_of_memory, with_smaller_batches
from .fused_update import Update, fused_update_for
from .net_state import available_device, move_net, state_on_cpu
from .schedule import learning_rate_share
from .step_replay import step_replay_for

OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adamw": (torch.optim.AdamW, {"fused": True, "weight_decay": 0.1}),
    "adam": (torch.optim.Adam, {"fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
}
HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class AutoencoderNet(NeuralNet):
    """A skorch net whose datasets are a ``Part``, shuffled by its own generator.

    ``seed`` is that of shuffling, dropout and noise; ``precision``, "float32" or "bfloat16", that of encoder and
    decoder in training, while the rest is in float32. Training steps of a ``compiled`` net use ``torch.compile``.
    Of the processes of a data-parallel training, each computes a share of every batch, and losses are those of all.
    Custom code may draw from torch's global generators. ``clip_norm`` limits the norm of the gradient of all weights.
    ``cycles`` are the epochs per cycle of the learning rate: a callback starts the next one by increasing ``cycle_``,
    else training stops at the end of the first.
    """

    def __init__(
        self,
        module,
        criterion=Objective,
        *,
        seed=0,
        precision="float32",
        compiled=False,
        is_custom=False,
        clip_norm=None,
        cycles=(1,),
        **kwargs,
    ):
        super().__init__(
            module,
            criterion,
            train_split=None,
            iterator_train=Batches,
            iterator_valid=Batches,
            max_epochs=sum(cycles),
            use_caching=False,
            **kwargs,
        )
        self.seed = seed
        self.precision = precision
        self.compiled = compiled
        self.is_custom = is_custom
        self.clip_norm = clip_norm
        self.cycles = cycles

    # skorch's callbacks synchronize the device once per batch.
    _default_callbacks: Any = property(lambda self: [])

    # The state of a training.
    forward_: Any = None
    replay_: Any = None
    fused_update_: Any = None
    parameters_: Sequence[nn.Parameter] = ()
    generator_: Any = None
    noise_: Any = None
    own_callbacks_: Sequence[Callback] = ()
    # Called with the number of a training batch, their number per epoch and the start of the epoch.
    report_batch_: Callable[[int, int, float], None] | None = None
    epochs_done_ = step_count_ = batch_ = 0
    # Maximum rows of a batch in validation, lower after running out of memory.
    longest_: float = math.inf
    stop_ = False

    def run(
        self,
        train: Part,
        valid: Part | None,
        own_callbacks: Sequence[Callback],
        planned: bool,
        resume: Callable[[AutoencoderNet], int] | None = None,
    ) -> None:
        """Train for all ``cycles`` or until a callback stops it. Unlike in skorch, KeyboardInterrupt is raised.

        With ``planned``, the learning rate follows the schedule; otherwise it is constant. ``resume`` restores an
        earlier state and returns its number of epochs.
        """
        smallest = 2 if any(isinstance(m, BATCH_NORMS) for m in self.module_.modules()) else 1
        self.smallest_batch_ = max(smallest, current().size)
        check_enough(len(train), smallest, current().size)
        users: list[tuple[str, Callback]] = self.callbacks_  # type: ignore[has-type]
        # The package's callbacks run first, so that an error in a callback of the user does not lose the best weights.
        self.own_callbacks_ = own_callbacks
        self.callbacks_ = [*((type(callback).__name__, callback) for callback in own_callbacks), *users]
        # Callbacks may freeze weights, for this training only.
        trained = [(weight, weight.requires_grad) for weight in self.module_.parameters()]
        self.has_batch_hooks_ = any(
            getattr(type(cb), hook) is not getattr(Callback, hook) for _, cb in users for hook in HOOKS
        )
        planned = planned and not any(isinstance(cb, LRScheduler) for _, cb in users)
        # Without callbacks that observe them, steps may be replayed and updates fused.
        self.is_observed_ = any(type(cb) is not PrintLog for _, cb in users)
        self._begin(len(self.get_iterator(train, training=True)), planned)
        try:
            self.notify("on_train_begin", X=(train, valid), y=None)
            with contextlib.suppress(StopTraining):
                done = 0 if resume is None else resume(self)
                if self.stop_:
                    raise StopTraining
                with synchronized_batch_norms(self.module_, current()):
                    self._fit_until_stopped(train, valid, self.max_epochs - done)
            if valid is None:
                check_last_update(self, train)
            self.notify("on_train_end", X=(train, valid), y=None)
        except Exception as error:
            if is_out_of_memory(error):
                raise out_of_memory(self.device, self.batch_size, error) from error
            note_place(error, len(self.history), self.batch_)
            raise
        finally:
            self.callbacks_, self.own_callbacks_, self.report_batch_ = users, (), None
            if isinstance(self.fused_update_, Update):
                self.fused_update_.separate()
            self.generator_ = self.noise_ = self.forward_ = self.replay_ = self.fused_update_ = None
            self.parameters_, self.module_.training_dtype = (), torch.float32
            for weight, is_trained in trained:
                weight.requires_grad_(is_trained)
            for part in (self.module_, self.criterion_):
                set_generator(part, None)
                part.eval()

    def _begin(self, n_batches: int, planned: bool) -> None:
        """Initialize the state of a training with ``n_batches`` steps per epoch."""
        device = torch.device(self.device)
        self.forward_ = torch.compile(self.module_.forward, dynamic=False) if self.compiled else self.module_.__call__
        self.parameters_ = list(self.module_.parameters())
        self.generator_ = torch.Generator().manual_seed(self.seed)
        # On the device, so that noise is not copied there.
        self.noise_ = torch.Generator(device).manual_seed(process_seed(self.seed))
        for part in (self.module_, self.criterion_):
            set_generator(part, self.noise_)
        self.stream_ = BorrowedStream(process_seed(self.seed), device) if self.is_custom else contextlib.nullcontext
        self.module_.training_dtype = getattr(torch, self.precision)
        self.replay_ = None if self.is_observed_ else step_replay_for(self)
        self.epochs_done_ = self.step_count_ = self.batch_ = 0
        self.n_batches_, self.planned_ = n_batches, planned
        self.cycle_ = 0
        self.stop_ = False

    @property
    def cycle_start_(self) -> int:
        """Epochs before the current cycle."""
        return sum(self.cycles[: self.cycle_])

    def on_epoch_end(self, net, **kwargs):
        self.epochs_done_ += 1

    def notify(self, method_name, **kwargs):
        """Call the callbacks; if one of them set ``stop_``, training ends after the last one."""
        super().notify(method_name, **kwargs)
        if method_name == "on_epoch_end":
            self.stop_ = current().any(self.stop_)
            if self.stop_:
                raise StopTraining

    def _fit_until_stopped(self, train: Part, valid: Part | None, epochs: int) -> None:
        try:
            self.fit_loop((train, valid), epochs=epochs)
        except KeyboardInterrupt:
            # skorch's EarlyStopping raises KeyboardInterrupt to stop.
            if not any(isinstance(cb, EarlyStopping) and cb.misses_ == cb.patience for _, cb in self.callbacks_):
                raise

    def fit(self, X=None, y=None, **fit_params):
        """Raise TypeError: the estimator trains the net."""
        raise TypeError(
            "net_ is trained by its estimator, which scales the samples. Call fit or partial_fit of the "
            "AutoencoderTransformer; with warm_start=True, its fit continues with the trained weights."
        )

    partial_fit = fit

    def get_split_datasets(self, X, y=None, **fit_params):
        return X

    def get_iterator(self, dataset, training=False):
        if not training:
            return self._batches_in_order(dataset, current())
        smallest, even = self.smallest_batch_, not self.compiled
        return Batches(dataset, self.batch_size, self.generator_, smallest, even, current())

    def _batches_in_order(self, dataset: Part, processes: Processes) -> Batches:
        length = max(self.batch_size, inference_length(dataset.rows.layout.n_features))
        return Batches(dataset, min(length, self.longest_), processes=processes)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch and record its losses."""
        if iterator is None:
            return
        run_batches = partial(self._run_batches, iterator, training, prefix, step_fn)
        if training:
            run_batches()
            # Custom modules may have statistics of their own batches.
            current().copy_from_first(self.module_.buffers())
        else:
            with_smaller_batches(self, iterator, run_batches)

    def _run_batches(self, iterator, training, prefix, step_fn):
        start, processes = time.perf_counter(), current()
        self._set_training(training)
        keep_frozen_statistics(self.module_)
        # One tensor for all losses: small tensors between the large ones of each step would fragment the memory.
        losses = torch.empty(len(iterator), dtype=torch.float32, device=self.device)
        lengths: list[int] = []
        named = {name: torch.zeros((), dtype=torch.float32, device=self.device) for name in self.criterion_.names}
        # After an error, threads that prepare batches end.
        with contextlib.closing(iter(iterator)) as batches:
            for number, batch in enumerate(batches):
                lengths.append(len(batch))
                self.batch_ = number + 1
                if self.has_batch_hooks_:
                    self.notify("on_batch_begin", batch=batch, training=training)
                step = step_fn(batch)
                losses[number] = step["loss"]
                for name, total in named.items() if len(batch) else ():
                    total.add_(self.criterion_.latest[name], alpha=len(batch))
                if self.has_batch_hooks_:
                    self.notify("on_batch_end", batch=batch, training=training, **step)
                if training and self.report_batch_ is not None:
                    self.report_batch_(number + 1, len(iterator), start)
                # Otherwise the output would stay in memory while the next batch is computed.
                del batch, step
        by_batch, weights = losses.cpu().double(), torch.tensor(lengths, dtype=torch.float64)
        if processes.size > 1:
            by_batch = by_batch.where(weights > 0, 0.0)  # the mean over no rows is NaN
            totals, weights = processes.sum(torch.stack([by_batch * weights, weights]))
            by_batch = totals / weights
        loss = float(by_batch @ weights) / len(iterator.dataset)
        residual = float(np.mean(iterator.dataset.residuals))
        loss += residual
        self.history.record(f"{prefix}_loss", loss)
        for name, value in named.items():
            mean = float(processes.sum(value)) / len(iterator.dataset)
            self.history.record(f"{prefix}_{name}", mean + residual if name == "reconstruction" else mean)
        # skorch's callbacks read a last batch and ``*_loss_best``.
        self.history.new_batch()
        self.history.record(f"{prefix}_loss_best", loss <= min(self.history[:, f"{prefix}_loss"]))
        if training:
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
            self.history.record("duration", time.perf_counter() - start)
        if not math.isfinite(loss):
            raise diverged(self, by_batch, iterator.dataset)

    def train_step(self, batch, **fit_params):
        if self.planned_:
            done = self.step_count_ - self.cycle_start_ * self.n_batches_
            progress = done / (self.cycles[self.cycle_] * self.n_batches_)
            lr = self.lr * learning_rate_share(progress)
            for group in self.optimizer_.param_groups:
                group["lr"] = lr
            # Weights of penalties increase in the first cycle only.
            self.criterion_.progress = 1.0 if self.cycle_ else progress
        self.step_count_ += 1
        loss, trace = self._compute_gradients(batch) if self.replay_ is None else (self.replay_(batch), None)
        if current().size > 1:
            average_gradients(self.parameters_, len(batch), is_mean=trace is None)
        if self.has_batch_hooks_:
            named = list(self.get_all_learnable_params())
            self.notify("on_grad_computed", named_parameters=named, batch=batch, training=True)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters_, self.clip_norm)
        (self.fused_update_ or self.optimizer_.step)()
        if self.fused_update_ is None and not self.is_observed_:
            self.fused_update_ = fused_update_for(self.optimizer_, is_small=self.replay_ is not None)
        return {"loss": loss, "y_pred": trace}

    def _compute_gradients(self, batch):
        """Set the gradients of a batch, with other processes their sum over rows; returns its loss and trace."""
        processes = current()
        for parameter in self.parameters_:  # zero_grad is slower, because it is profiled
            parameter.grad = None
        with self.stream_():
            # A batch of another size would be compiled again.
            length = -(-self.batch_size // processes.size)
            trace = self._trace(batch, self.forward_ if len(batch) == length else self.module_)
            loss = self.criterion_(trace)
        (loss if processes.size == 1 else loss * len(batch)).backward()
        return loss.detach(), trace

    def validation_step(self, batch, **fit_params):
        with torch.no_grad(), self.stream_():
            trace = self._trace(batch, self.module_)
            return {"loss": self.criterion_(trace), "y_pred": trace}

    def _trace(self, batch, forward):
        """The pass of a batch, with its y if there is one."""
        return replace(forward(batch.x), y=batch.y) if isinstance(batch, LabeledBatch) else forward(batch)

    def forward_iter(self, X, training=False, device="cpu"):
        """Yield reconstructions of scaled samples: an array-like (n, \\*network_shape) or a Part."""
        if isinstance(X, Part):
            batches = (getattr(batch, "x", batch) for batch in self._batches_in_order(X, ALONE))
        else:
            x = torch.as_tensor(X, dtype=torch.float32)
            batches = x.split(inference_length(math.prod(x.shape[1:])))
        self._set_training(False)
        for batch in batches:
            with torch.no_grad():
                yield self.module_.decode(self.module_.encode(batch.to(self.device))).to(device)

    def losses_per_row(self, part: Part) -> np.ndarray:
        """The loss of every row of ``part`` (n,), float64, with the current weights."""
        self._set_training(False)
        batches = self.get_iterator(part)

        @torch.no_grad()
        def losses() -> Tensor:
            result = torch.zeros(len(part), dtype=torch.float32, device=self.device)
            for span, batch in zip(batches.spans, batches, strict=True):
                result[span] = self.criterion_.per_sample(self._trace(batch, self.module_))
            return current().sum(result)

        with self.stream_():
            return with_smaller_batches(self, batches, losses).to("cpu", torch.float64).numpy() + part.residuals

    def forget_training(self) -> None:
        """Drop the moments and gradients, which do not fit the restored weights."""
        self.optimizer_.state.clear()
        self.optimizer_.zero_grad(set_to_none=True)

    def __getstate__(self):
        # The state of a training refers to the weights of this net and to the rows.
        unset = dict.fromkeys(("stream_", "forward_", "replay_", "fused_update_", "report_batch_"))
        callbacks = vars(self).get("callbacks_", ())
        users = [pair for pair in callbacks if all(pair[1] is not own for own in self.own_callbacks_)]
        return state_on_cpu({**vars(self), **unset, "callbacks_": users, "own_callbacks_": ()})

    def __setstate__(self, state):
        self.__dict__.update(state)
        move_net(self, available_device(self.device))
