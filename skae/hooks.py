"""Epochs as tasks of ``sklearn.callback``. The only place that imports it: it came with scikit-learn 1.9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

        def _init_callback_context(self, **kwargs) -> None:
            return None

    def with_callbacks(method):
        """The method itself."""
        return method


__all__ = ["CallbackSupportMixin", "EpochTasks", "with_callbacks"]


class EpochTasks(Callback):
    """A skorch callback that tells scikit-learn's callbacks of every epoch.

    Parameters
    ----------
    estimator : estimator
        The one whose ``fit`` runs.
    X, y : as given to ``fit``
        Without y, X stands for it: it is what the reconstruction is compared with, and scorers want one.
    learned : callable
        Gives the attributes that make a copy of ``estimator`` a fitted one as it is now.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, learned: Callable[[], dict[str, Any]]):
        self.estimator = estimator
        self.known = {"estimator": estimator, "X": X, "y": X if y is None else y, "reconstruction_attributes": learned}
        self.context = estimator._init_callback_context(max_subtasks=estimator.max_epochs)

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
