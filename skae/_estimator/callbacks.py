"""Callbacks of scikit-learn: ``sklearn.callback``, available since version 1.9."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from skorch.callbacks import Callback

Method = TypeVar("Method", bound=Callable[..., Any])
try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as manage_callbacks
except ImportError:  # scikit-learn before 1.9
    manage_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replaces the mixin of scikit-learn."""

        def _init_callback_context(self, **kwargs) -> None:
            return None


def with_callbacks(method: Method) -> Method:
    """Decorate ``fit`` with ``sklearn.callback.with_callbacks``, if scikit-learn has it."""
    return manage_callbacks(method) if manage_callbacks else method


@contextlib.contextmanager
def subtask(caller: Any, context: Any, X: Any, y: Any) -> Iterator[Callable[[Any], Any]]:
    """Report a fit inside ``caller``; yields a function of the estimator that returns a context manager."""
    if context is None:
        yield lambda estimator: contextlib.nullcontext()
        return

    @contextlib.contextmanager
    def propagate(estimator: Any) -> Iterator[None]:
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(estimator=caller, X=X, y=y)
            yield

    try:
        yield propagate
    finally:
        context.call_on_fit_task_end(estimator=caller, X=X, y=y)


class EpochTasks(Callback):
    """Reports each epoch of ``estimator.fit(X, y)``, with the current result, to the callbacks of scikit-learn."""

    def __init__(self, estimator: Any, X: Any, y: Any, n_epochs: int, get_result: Callable[[], Any]):
        # Scorers need a target: y, or else X.
        self.task_info = {"estimator": estimator, "X": X, "y": X if y is None else y}
        self.get_attributes = lambda: {"_result": get_result()}
        self.context = estimator._init_callback_context(max_subtasks=n_epochs)

    def on_train_begin(self, net, **kwargs):
        if self.context is not None:
            self.context.call_on_fit_task_begin(**self.task_info)

    def on_train_end(self, net, **kwargs):
        if self.context is not None:
            self.context.call_on_fit_task_end(**self.task_info, reconstruction_attributes=self.get_attributes)

    def on_epoch_begin(self, net, **kwargs):
        if self.context is not None:
            self.task = self.context.subcontext(task_name="epoch")
            self.task.call_on_fit_task_begin(**self.task_info)

    def on_epoch_end(self, net, **kwargs):
        if self.context is None:
            return
        net.module_.eval()
        if self.task.call_on_fit_task_end(**self.task_info, reconstruction_attributes=self.get_attributes):
            net.stop_ = True
