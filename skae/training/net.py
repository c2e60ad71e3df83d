"""The skorch net: whole batches in, one device sync an epoch, nothing paid for callbacks nobody registered."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, PrintLog
from torch import Tensor, nn

from skae.data import inference_length, is_out_of_memory
from skae.model.layers import set_generator
from skae.objectives import Objective

from .batches import Batches, Part
from .device import BorrowedStream, training_precision
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
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class AutoencoderNet(NeuralNet):
    """A skorch net whose rows are ``Part``s and whose epochs are shuffled by a generator of their own.

    Parameters
    ----------
    module : Autoencoder
    criterion : Objective class
    seed : int
        Of shuffling, dropout and noise.
    precision : str
        "auto", "float32" or "bfloat16", for training only.
    compiled : bool
        Whether training steps go through ``torch.compile``; the module itself stays as it is.
    is_custom : bool
        Whether the module or the loss holds code that may draw from torch's global generators.
    clip_norm : float or None
        What the norm of all gradients together is at most.
    cycles : tuple of int
        Epochs of every cycle of the learning rate, ``max_epochs`` in all; all after the first are run only if
        ``restart`` is called at the end of the one before.
    """

    def __init__(
        self,
        module,
        criterion=Objective,
        *,
        seed=0,
        precision="auto",
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

    # Of one training.
    forward_: Any = None
    repeated_: Any = None
    update_: Any = None
    parameters_: Sequence[nn.Parameter] = ()
    generator_: Any = None
    noise_: Any = None
    own_: Sequence[Callback] = ()
    # Before any training, as where an interrupt comes before it begins.
    epochs_done_ = step_count_ = batch_ = 0
    # Rows of a batch that only reads, at most; fewer once memory wanted.
    longest_: float = math.inf
    stop_ = False

    def get_default_callbacks(self):
        """None of skorch's: they record and sync once a batch; epochs are recorded in ``run_single_epoch``."""
        return []

    _default_callbacks = property(get_default_callbacks)

    def run(
        self,
        train: Part,
        valid: Part | None,
        own_callbacks: Sequence[Callback],
        planned: bool,
        resume: Callable[[AutoencoderNet], int] | None = None,
    ) -> None:
        """Train for all ``cycles`` or until a callback stops it.

        ``planned`` says whether the learning rate rises and falls over the planned steps; else it stays. ``resume``
        puts back an earlier state and tells how many epochs it has. Unlike in skorch, KeyboardInterrupt gets through.
        """
        self.smallest_batch_ = 2 if any(isinstance(m, BATCH_NORMS) for m in self.module_.modules()) else 1
        check_enough(len(train), self.smallest_batch_)
        users: list[tuple[str, Callback]] = self.callbacks_  # type: ignore[has-type]
        # The package's own come first: what a user's callback raises finds the epoch's weights in safety.
        self.own_ = own_callbacks
        self.callbacks_ = [*((type(callback).__name__, callback) for callback in own_callbacks), *users]
        self.per_batch_ = any(
            getattr(type(cb), hook) is not getattr(Callback, hook) for _, cb in users for hook in HOOKS
        )
        planned = planned and not any(isinstance(cb, LRScheduler) for _, cb in users)
        # What is not watched may take shorter ways.
        self.watched_ = any(type(cb) is not PrintLog for _, cb in users)
        self._begin(len(self.get_iterator(train, training=True)), planned)
        try:
            self.notify("on_train_begin", X=(train, valid), y=None)
            with contextlib.suppress(StopTraining):
                done = 0 if resume is None else resume(self)
                if self.stop_:
                    raise StopTraining
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
            self.callbacks_, self.own_ = users, ()
            if isinstance(self.update_, Update):
                self.update_.separate()
            self.generator_ = self.noise_ = self.forward_ = self.repeated_ = self.update_ = None
            self.parameters_ = ()
            for part in (self.module_, self.criterion_):
                set_generator(part, None)
                part.eval()

    def _begin(self, n_batches: int, planned: bool) -> None:
        """Set what lasts for one training, of ``n_batches`` steps an epoch."""
        device = torch.device(self.device)
        self.forward_ = torch.compile(self.module_.forward, dynamic=False) if self.compiled else self.module_.__call__
        self.parameters_ = list(self.module_.parameters())
        self.generator_ = torch.Generator().manual_seed(self.seed)
        # Its own stream on the device, so that noise there costs no copy.
        self.noise_ = torch.Generator(device).manual_seed(self.seed)
        for part in (self.module_, self.criterion_):
            set_generator(part, self.noise_)
        self.stream_ = BorrowedStream(self.seed, device) if self.is_custom else contextlib.nullcontext
        self.autocast_dtype_ = training_precision(self.precision, device)
        self.repeated_ = None if self.watched_ else step_replay_for(self)
        self.epochs_done_ = self.step_count_ = self.batch_ = 0
        self.n_batches_, self.planned_ = n_batches, planned
        self.cycle_ = 0
        self.stop_ = False

    @property
    def cycle_start_(self) -> int:
        """Epochs before the present cycle."""
        return sum(self.cycles[: self.cycle_])

    def ends_cycle(self) -> bool:
        """Whether the epoch that was recorded last is the last one of its cycle."""
        return len(self.history) == self.cycle_start_ + self.cycles[self.cycle_]

    def restart(self) -> None:
        """Begin the next cycle of the learning rate."""
        self.cycle_ += 1

    def on_epoch_end(self, net, **kwargs):
        """An epoch is complete after its validation pass."""
        self.epochs_done_ += 1

    def notify(self, method_name, **kwargs):
        """Tell the callbacks; where one of them set ``stop_``, training ends once all have heard of the epoch."""
        super().notify(method_name, **kwargs)
        if method_name == "on_epoch_end" and self.stop_:
            raise StopTraining

    def _fit_until_stopped(self, train: Part, valid: Part | None, epochs: int) -> None:
        try:
            self.fit_loop((train, valid), epochs=epochs)
        except KeyboardInterrupt:
            # skorch's own EarlyStopping stops by this exception; a real one is passed on.
            stoppers = [cb for _, cb in self.callbacks_ if isinstance(cb, EarlyStopping)]
            if not any(cb.misses_ == cb.patience for cb in stoppers):
                raise

    def get_split_datasets(self, X, y=None, **fit_params):
        return X

    def get_iterator(self, dataset, training=False):
        if not training:
            length = max(self.batch_size, inference_length(dataset.rows.layout.n_features))
            return Batches(dataset, min(length, self.longest_))
        return Batches(dataset, self.batch_size, self.generator_, self.smallest_batch_, even=not self.compiled)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass. Losses stay where they were computed and are fetched once."""
        if iterator is None:
            return
        single_pass = partial(self._single_pass, iterator, training, prefix, step_fn)
        if training:
            single_pass()
        else:
            with_smaller_batches(self, iterator, single_pass)

    def _single_pass(self, iterator, training, prefix, step_fn):
        began = time.perf_counter()
        self._set_training(training)
        # One tensor for the whole pass: a small one per step would lie between the large ones of that step, and the
        # allocator could not reuse their memory.
        losses = torch.empty(len(iterator), dtype=torch.float32, device=self.device)
        lengths: list[int] = []
        named = {name: torch.zeros((), dtype=torch.float32, device=self.device) for name in self.criterion_.names}
        for number, batch in enumerate(iterator):
            lengths.append(len(batch))
            self.batch_ = number + 1
            if self.per_batch_:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch)
            losses[number] = step["loss"]
            for name, total in named.items():
                total.add_(self.criterion_.latest[name], alpha=len(batch))
            if self.per_batch_:
                self.notify("on_batch_end", batch=batch, training=training, **step)
            # Its output would take the memory of one more batch while the next one is computed.
            del batch, step
        by_batch = losses.cpu().double()
        loss = float(by_batch @ torch.tensor(lengths, dtype=torch.float64)) / len(iterator.dataset)
        self.history.record(f"{prefix}_loss", loss)
        for name, value in named.items():
            self.history.record(f"{prefix}_{name}", float(value) / len(iterator.dataset))
        # skorch's callbacks look for a last batch and for what is best so far.
        self.history.new_batch()
        self.history.record(f"{prefix}_loss_best", loss <= min(self.history[:, f"{prefix}_loss"]))
        if training:
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
            self.history.record("duration", time.perf_counter() - began)
        if not math.isfinite(loss):
            raise diverged(self, by_batch, iterator.dataset)

    def train_step(self, batch, **fit_params):
        if self.planned_:
            done = self.step_count_ - self.cycle_start_ * self.n_batches_
            progress = done / (self.cycles[self.cycle_] * self.n_batches_)
            lr = self.lr * learning_rate_share(progress)
            for group in self.optimizer_.param_groups:
                group["lr"] = lr
            # Weights that rise do so in the first cycle.
            self.criterion_.progress = 1.0 if self.cycle_ else progress
        self.step_count_ += 1
        loss, trace = self._differentiated(batch) if self.repeated_ is None else (self.repeated_(batch), None)
        if self.per_batch_:
            named = list(self.get_all_learnable_params())
            self.notify("on_grad_computed", named_parameters=named, batch=batch, training=True)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters_, self.clip_norm)
        (self.update_ or self.optimizer_.step)()
        if self.update_ is None and not self.watched_:
            self.update_ = fused_update_for(self.optimizer_, small=self.repeated_ is not None)
        return {"loss": loss, "y_pred": trace}

    def _differentiated(self, batch):
        """The loss of a batch and the pass it comes from; gradients are where the optimizer looks for them."""
        for parameter in self.parameters_:  # what zero_grad does, without its record of it
            parameter.grad = None
        with self.stream_(), self._autocast():
            # A batch of another length would trigger a second compilation.
            trace = (self.forward_ if len(batch) == self.batch_size else self.module_)(batch)
            loss = self.criterion_(trace)
        loss.backward()
        return loss.detach(), trace

    def validation_step(self, batch, **fit_params):
        with torch.no_grad(), self.stream_():
            trace = self.module_(batch)
            return {"loss": self.criterion_(trace), "y_pred": trace}

    def forward_iter(self, X, training=False, device="cpu"):
        """Reconstructions of scaled samples (n, \\*network_shape), an array or a Part, batch by batch."""
        if isinstance(X, Part):
            batches = self.get_iterator(X)
        else:
            batches = torch.as_tensor(X, dtype=torch.float32).split(inference_length(math.prod(X.shape[1:])))
        self._set_training(False)
        for batch in batches:
            with torch.no_grad():
                yield self.module_.decode(self.module_.encode(batch.to(self.device))).to(device)

    def losses_per_row(self, part: Part) -> np.ndarray:
        """The objective of every row of ``part`` as the weights are now, (n,) float64."""
        self._set_training(False)
        batches = self.get_iterator(part)

        @torch.no_grad()
        def losses() -> Tensor:
            found, start = torch.empty(len(part), dtype=torch.float32, device=self.device), 0
            for batch in batches:
                found[start : start + len(batch)] = self.criterion_.per_sample(self.module_(batch))
                start += len(batch)
            return found

        with self.stream_():
            return with_smaller_batches(self, batches, losses).to("cpu", torch.float64).numpy()

    def forget_training(self) -> None:
        """Drop the optimizer's state, which the restored weights no longer fit."""
        self.optimizer_.state.clear()
        self.optimizer_.zero_grad(set_to_none=True)

    def __getstate__(self):
        # What is of one training holds on to the weights of this net, not to those of a copy, and to its rows.
        of_training = dict.fromkeys(("stream_", "forward_", "repeated_", "update_"))
        users = [pair for pair in vars(self).get("callbacks_", ()) if all(pair[1] is not own for own in self.own_)]
        return state_on_cpu({**vars(self), **of_training, "callbacks_": users, "own_": ()})

    def __setstate__(self, state):
        self.__dict__.update(state)
        move_net(self, available_device(self.device))

    def _autocast(self):
        if self.autocast_dtype_ is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=self.autocast_dtype_)
