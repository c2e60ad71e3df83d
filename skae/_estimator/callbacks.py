"""Callbacks of scikit-learn (``sklearn.callback``, since 1.9). Only this module imports it."""

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

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replaces the mixin of scikit-learn."""

        def _init_callback_context(self, **kwargs) -> None:
            return None

    def manage_callbacks(method):
        """Return the method."""
        return method


def with_callbacks(method: Method) -> Method:
    """Decorate ``fit`` with ``sklearn.callback.with_callbacks``, if scikit-learn has it."""
    return manage_callbacks(method)


__all__ = ["CallbackSupportMixin", "EpochTasks", "subtask", "with_callbacks"]


@contextlib.contextmanager
def subtask(caller: Any, context: Any, X: Any, y: Any) -> Iterator[Callable[[Any], Any]]:
    """Report a task of a meta-estimator, in which it fits another estimator, to its callbacks.

    Parameters
    ----------
    caller : estimator
    context : CallbackContext or None
        Context of the task; None without callbacks.
    X, y : of the task

    Yields
    ------
    propagate : callable
        Takes the estimator to fit, and returns the context manager for its fit.
    """
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
    """A skorch callback that reports each epoch to the callbacks of scikit-learn.

    Parameters
    ----------
    estimator : estimator
        The one whose ``fit`` runs.
    X, y : as given to ``fit``
        If y is None, X replaces it, because scorers need a target.
    n_epochs : int
        Maximum number of epochs.
    learned : callable
        Returns the attributes with which a copy of ``estimator`` is fitted, with the present weights.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, n_epochs: int, learned: Callable[[], dict[str, Any]]):
        self.estimator = estimator
        self.known = {"estimator": estimator, "X": X, "y": X if y is None else y, "reconstruction_attributes": learned}
        self.context = estimator._init_callback_context(max_subtasks=n_epochs)

    def on_train_begin(self, net, **kwargs):
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=self.estimator, X=self.known["X"], y=self.known["y"])

    def on_train_end(self, net, **kwargs):
        if self.context is not None:
            self.context.call_on_fit_task_end(**self.known)

    def on_epoch_begin(self, net, **kwargs):
        if self.context is not None:
            self.task = self.context.subcontext(task_name="epoch")
            self.task.call_on_fit_task_begin(estimator=self.estimator, X=self.known["X"], y=self.known["y"])

    def on_epoch_end(self, net, **kwargs):
        if self.context is None:
            return
        net.module_.eval()
        if self.task.call_on_fit_task_end(**self.known):
            net.stop_ = True
