"""Learned attributes, which are read from the result of ``fit``."""

from __future__ import annotations

import operator
from typing import Any

from sklearn.utils.validation import check_is_fitted

from skae.training import begin_computing


class ResultMixin:
    """``fit`` assigns its result to ``_result`` in one step, so other threads see the old fit or the new one."""

    _result: Any

    @property
    def _learned(self) -> Any:
        """The result of the last fit; AttributeError before ``fit``."""
        try:
            return vars(self)["_result"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no learned attributes before fit is called.") from None

    def _optional(self, name: str, value: Any) -> Any:
        """Return the value; AttributeError if it is None, because this fit does not have the attribute ``name``."""
        if value is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return value

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return self._learned.schema.n_features

    @property
    def feature_names_in_(self) -> Any:
        """Names of the columns, if X was a data frame."""
        return self._optional("feature_names_in_", self._learned.schema.feature_names)

    def _get_result(self) -> Any:
        """The result of the last fit; NotFittedError before ``fit``. A method calls it once."""
        begin_computing()
        if "_result" not in vars(self):
            check_is_fitted(self)
        return self._result

    def __sklearn_is_fitted__(self) -> bool:
        return "_result" in vars(self)


def learned(path: str, doc: str) -> Any:
    """Make a property that reads ``path``, such as "layout.mean", from the result."""
    return property(operator.attrgetter(f"_learned.{path}"), doc=doc)
