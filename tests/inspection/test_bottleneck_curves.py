"""BottleneckCurve and its display."""

import numpy as np
import pytest
from displayed import DATA, drawn
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae._parameters import InvalidParameterError
from skae.inspection import BottleneckCurveDisplay


def test_curves_of_an_autoencoder_and_its_baselines_use_one_score():
    autoencoder = AutoencoderTransformer(architecture=Dense((8,)), max_epochs=2, random_state=0)
    X = DATA["pictures"][0]
    baselines = {"PCA": PCA(random_state=0)}
    cv = KFold(2, shuffle=True)
    with pytest.warns(UserWarning, match="over-complete"):
        display = BottleneckCurveDisplay.from_estimator(
            autoencoder, X, n_components=(4, 1, 2, 65), cv=cv, baselines=baselines
        )
    drawn(display)
    mine, pca = display.curves
    assert (mine.name, pca.name, display.score_name) == ("autoencoder", "PCA", "explained variance")
    np.testing.assert_array_equal(mine.n_components, [1, 2, 4, 65])
    np.testing.assert_array_equal(pca.n_components, [1, 2, 4])
    assert pca.chosen == 4
    assert np.all(np.abs(mine.scores[:3] - pca.scores) < 0.15)
    assert len(display.errorbars_) == 2


def test_curves_with_a_classifier_show_its_accuracy():
    X, y = load_wine(return_X_y=True)
    autoencoder = AutoencoderTransformer(architecture=Dense((8,)), max_epochs=2, random_state=0)
    display = BottleneckCurveDisplay.from_estimator(
        make_pipeline(StandardScaler(), autoencoder),
        X,
        y,
        n_components=(2, 4),
        classifier=LogisticRegression(),
        baselines={"PCA": make_pipeline(StandardScaler(), PCA())},
    )
    assert display.score_name == "score"
    assert all(curve.scores.min() > 0.85 for curve in display.curves)


@pytest.mark.filterwarnings("ignore:n_components=4 was chosen, the largest size")
def test_results_of_searches_are_drawn_together(digits):
    X = digits[:100]
    autoencoder = AutoencoderTransformer(architecture=Dense((8,)), max_epochs=2, random_state=0)
    mine = BottleneckSearchCV(autoencoder, (1, 2, 4), cv=2, refit=False).fit(X)
    grid = {"pca__n_components": [1, 2, 4], "pca__whiten": [False, True]}
    other = GridSearchCV(make_pipeline(StandardScaler(), PCA(random_state=0)), grid, cv=2).fit(X)
    display = BottleneckCurveDisplay.from_results({"mine": mine, "PCA": other})
    np.testing.assert_allclose(display.curves[0].scores, mine.cv_results_["mean_test_score"])
    np.testing.assert_allclose(display.curves[0].errors, mine.cv_results_["standard_error_test_score"])
    assert display.curves[0].chosen == mine.n_components_
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert ["lower estimate" in label for label in labels] == [True, False]
    best = other.cv_results_["mean_test_score"].reshape(3, 2).max(1)
    np.testing.assert_allclose(display.curves[1].scores, best)
    assert BottleneckCurveDisplay.from_results(other).curves[0].name == "Pipeline"


def test_results_of_several_metrics_use_the_refit_metric():
    X, y = load_wine(return_X_y=True)
    pipeline = make_pipeline(PCA(random_state=0), LogisticRegression(max_iter=5000))
    search = GridSearchCV(pipeline, {"pca__n_components": [1, 2]}, scoring=["accuracy", "f1_macro"], refit="f1_macro")
    curve = BottleneckCurveDisplay.from_results(search.fit(X, y), "PCA").curves[0]
    np.testing.assert_allclose(curve.scores, search.cv_results_["mean_test_f1_macro"])
    search.set_params(refit=False).fit(X, y)
    with pytest.raises(ValueError, match="several metrics"):
        BottleneckCurveDisplay.from_results(search)


def test_results_without_n_components_are_refused(digits):
    X = digits[:60]
    with pytest.raises(NotFittedError):
        BottleneckCurveDisplay.from_results(GridSearchCV(PCA(), {"n_components": [1]}))
    with pytest.raises(ValueError, match=r"one searched parameter that ends in 'n_components'. Got \['whiten'\]"):
        BottleneckCurveDisplay.from_results(GridSearchCV(PCA(2), {"whiten": [False]}, cv=2).fit(X))
    shares = GridSearchCV(PCA(svd_solver="full"), {"n_components": [0.5]}, cv=2).fit(X)
    with pytest.raises(ValueError, match=r"over ints. Got 0.5"):
        BottleneckCurveDisplay.from_results(shares)
    with pytest.raises(ValueError, match="did not vary 'size'"):
        BottleneckCurveDisplay.from_results(shares, parameter="size")


@pytest.mark.parametrize("baselines", [[PCA()], {"scaler": StandardScaler()}, {"text": "PCA"}])
def test_baselines_without_a_name_or_n_components_are_refused(digits, baselines):
    with pytest.raises(InvalidParameterError, match=r"baselines.*dict|one parameter that ends in"):
        BottleneckCurveDisplay.from_estimator(AutoencoderTransformer(), digits, baselines=baselines)
