"""What notebooks show of a fitted estimator below the diagram of scikit-learn, and its link to the documentation."""

from __future__ import annotations

from html import escape
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

# Properties that are computed or copied at each access.
COMPUTED = ("autoencoder_", "components_", "decoder_", "encoder_")
BOX = '<div style="border-left: 2px solid #ccc; margin: 4px 0; padding-left: 8px;">{}</div>'


class HTMLMixin:
    """Appends ``_html_details`` of a fitted estimator to the diagram of scikit-learn."""

    _doc_link_module = "skae"

    @property
    def _doc_link_template(self) -> str:
        """The address of the class in the reference; "" if no address of the documentation is published."""
        address = documentation_address()
        return f"{address}/generated/{{estimator_module}}.{{estimator_name}}.html" if address else ""

    def _html_details(self) -> str:
        """HTML of the result of ``fit``."""
        raise NotImplementedError

    def _details_if_fitted(self) -> str:
        is_fitted = self.__sklearn_is_fitted__()  # type: ignore[attr-defined]
        return BOX.format(self._html_details()) if is_fitted else ""

    def __dir__(self) -> list[str]:
        # scikit-learn gets each attribute to see whether it is defined, also for completions in notebooks.
        is_fitted = self.__sklearn_is_fitted__()  # type: ignore[attr-defined]
        return [name for name in object.__dir__(self) if (is_fitted if name in COMPUTED else hasattr(self, name))]

    def _get_fitted_attr_html(self, doc_link: str = "") -> dict[str, Any]:
        """No list of all fitted attributes in the diagram of scikit-learn 1.9, which would get each of them."""
        return {}

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + self._details_if_fitted()  # type: ignore[misc]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += self._details_if_fitted()
        return bundle


def documentation_address() -> str:
    """The address "Documentation" among the project's URLs; "" if there is none."""
    try:
        urls = metadata("skae").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    pairs = (url.partition(", ") for url in urls)
    return next((address.rstrip("/") for name, _, address in pairs if name == "Documentation"), "")


def html_facts(facts: dict[str, Any]) -> str:
    """A line of facts; those that are None are left out."""
    shown = {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in facts.items()}
    return "<br>".join(f"{escape(name)}: {escape(str(value))}" for name, value in shown.items() if value is not None)
