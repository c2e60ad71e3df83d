"""What notebooks show of fitted estimators."""

import copy
import pickle

import pandas as pd
import pytest
import sklearn
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.utils.fixes import parse_version

from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Dense
from skae._estimator import html

X = load_digits().data[:100]
SMALL = AutoencoderTransformer(4, architecture=Dense((8,)), max_epochs=3, random_state=0)
KINDS = {
    "autoencoder": SMALL,
    "search": BottleneckSearchCV(SMALL, (1, 4, 64), cv=2),
    "search without refit": BottleneckSearchCV(SMALL, (1, 4, 64), cv=2, refit=False),
    "novelty": AutoencoderNovelty(SMALL, n_members=2, random_state=0),
}
INJECTED = '<img src=x onerror="alert(1)">'


def test_a_fitted_autoencoder_shows_its_result_and_layers():
    autoencoder = copy.deepcopy(SMALL)
    before = autoencoder._repr_html_()
    assert "explained variance" not in before
    shown = autoencoder.fit(X)._repr_html_()
    ratio = autoencoder.explained_variance_ratio_.sum()
    assert f"explained variance of training rows: {ratio:.3f}" in shown
    kept = f"epoch {autoencoder.best_epoch_} of 3" if autoencoder.best_epoch_ else "PCA"
    assert f"kept: {kept}<br>" in shown
    assert "<td>linear path, decoder</td>" in shown
    assert autoencoder._repr_mimebundle_()["text/html"].endswith(shown[-200:])


def test_a_fallback_to_pca_is_shown():
    autoencoder = copy.deepcopy(SMALL).set_params(n_components=2, lr=1e-9).fit(X)
    assert autoencoder.is_pca_
    assert "kept: PCA<br>" in autoencoder._repr_html_()


@pytest.mark.parametrize("name", KINDS)
def test_every_estimator_has_html_before_and_after_fit(name):
    estimator = copy.deepcopy(KINDS[name])
    assert "n_components: 4" not in estimator._repr_html_()
    shown = estimator.fit(X)._repr_html_()
    assert (f"n_components: {estimator.n_components_}<br>" in shown) == (name != "autoencoder")
    assert ("<td>decoder dense 1</td>" in shown) == (name in ("autoencoder", "search"))


def test_html_of_autoencoders_without_validation_or_history():
    assert "kept: epoch 3 of 3" in copy.deepcopy(SMALL).set_params(early_stopping=False).fit(X)._repr_html_()
    assert "kept: epoch 2 of 2" in copy.deepcopy(SMALL).partial_fit(X).partial_fit(X)._repr_html_()


@pytest.mark.parametrize("name", KINDS)
def test_names_of_columns_are_escaped(name):
    frame = pd.DataFrame(X[:, 2:6], columns=["a", INJECTED, "b", "c"])
    frame["kind"] = pd.Categorical([INJECTED, "x"] * 50)
    estimator = copy.deepcopy(KINDS[name])
    if "search" in name:
        estimator.set_params(n_components=(1, 2))
    else:
        estimator.set_params(**{"n_components" if name == "autoencoder" else "autoencoder__n_components": 2})
    estimator.fit(frame)
    assert INJECTED not in estimator._repr_html_()


def test_cells_and_notes_of_the_layer_table_are_escaped():
    table = copy.deepcopy(SMALL).fit(X).summary()
    table.rows = [(INJECTED, "(1,)", "0", INJECTED)]
    table.notes = [INJECTED]
    assert INJECTED not in table._repr_html_()


def test_the_layer_table_is_printed_text_and_html(capsys):
    table = copy.deepcopy(SMALL).fit(X).summary()
    assert capsys.readouterr().out == f"{table}\n"
    assert repr(table) == ""
    assert table._repr_html_().count("<tr>") == len(table.rows) + 1
    for copied in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert copied == table
        assert copied._repr_html_() == table._repr_html_()


def test_diagrams_and_completions_compute_no_attributes(monkeypatch):
    autoencoder = copy.deepcopy(SMALL)
    assert "components_" not in dir(autoencoder)
    assert "n_components_" not in dir(autoencoder)
    autoencoder.fit(X)

    def compute(self):
        raise AssertionError("components_ is computed")

    monkeypatch.setattr(AutoencoderTransformer, "components_", property(compute))
    monkeypatch.setattr(AutoencoderTransformer, "encoder_", property(compute))
    assert {"components_", "encoder_", "n_components_", "transform"} <= set(dir(autoencoder))
    assert "encoded_feature_names_" not in dir(autoencoder)
    autoencoder._repr_html_()
    make_pipeline(autoencoder)._repr_html_()


def test_text_is_shown_if_diagrams_are_turned_off():
    autoencoder = copy.deepcopy(SMALL).fit(X)
    with sklearn.config_context(display="text"):
        assert not hasattr(autoencoder, "_repr_html_")
        assert set(autoencoder._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.parametrize("cls", [AutoencoderTransformer, AutoencoderNovelty, BottleneckSearchCV])
def test_diagrams_link_to_the_published_reference(cls, monkeypatch):
    estimator = cls(SMALL) if cls is BottleneckSearchCV else cls()
    assert estimator._get_doc_link() == ""  # no address is published
    monkeypatch.setattr(html, "documentation_address", lambda: "https://example.org/skae")
    expected = f"https://example.org/skae/generated/skae.{cls.__name__}.html"
    assert estimator._get_doc_link() == expected
    if parse_version(sklearn.__version__) >= parse_version("1.7"):
        assert expected in estimator._repr_html_()


def test_the_address_is_that_of_the_project(monkeypatch):
    class Metadata:
        def get_all(self, name):
            return ["Source, https://example.org/code", "Documentation, https://example.org/skae/"]

    monkeypatch.setattr(html, "metadata", lambda name: Metadata())
    assert html.documentation_address() == "https://example.org/skae"
