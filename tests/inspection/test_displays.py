"""Facts of all displays."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from displayed import DATA, DISPLAYS, drawn
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, Dense
from skae._parameters import InvalidParameterError
from skae.inspection import (
    BottleneckCurve,
    BottleneckCurveDisplay,
    GeneratedSamplesDisplay,
    LatentSpaceDisplay,
    LatentTraversalDisplay,
    ReconstructionDisplay,
    SampleFormat,
    TrainingHistoryDisplay,
)


def test_displays_draw_on_given_axes(fitted):
    X = DATA["pictures"][0]
    figure, ax = plt.subplots()
    curve = BottleneckCurve("PCA", np.array([1, 2]), np.array([0.1, 0.2]), np.zeros(2), 2)
    for display in (
        BottleneckCurveDisplay(curves=[curve]).plot(ax),
        TrainingHistoryDisplay.from_estimator(fitted["pictures"], ax=ax),
        LatentSpaceDisplay.from_estimator(fitted["pictures"], X, ax=ax),
    ):
        assert display.ax_ is ax
        assert display.figure_ is figure
    given = plt.subplots(3, 2)[1]
    assert ReconstructionDisplay.from_estimator(fitted["pictures"], X, n_samples=1, ax=given).ax_[2, 1] is given[2, 1]
    given = plt.subplots(3)[1]
    assert LatentTraversalDisplay.from_estimator(fitted["pictures"], X, ax=given).ax_[2, 0] is given[2]
    n_figures = len(plt.get_fignums())
    display = drawn(GeneratedSamplesDisplay.from_estimator(fitted["pictures"], n_samples=4, ax=plt.figure().gca()))
    assert display.ax_.shape == (2, 2)
    assert len(plt.get_fignums()) == n_figures + 1


def test_axes_of_another_number_or_kind_are_refused(fitted):
    X = DATA["pictures"][0]
    with pytest.raises(ValueError, match=r"needs 3 x 4 Axes here.* Got 2. Write plt.subplots\(3, 4\)"):
        ReconstructionDisplay.from_estimator(fitted["pictures"], X, n_samples=2, ax=plt.subplots(2)[1])
    with pytest.raises(TypeError, match=r"one matplotlib Axes\. Got ndarray"):
        LatentSpaceDisplay.from_estimator(fitted["pictures"], X, ax=plt.subplots(2)[1])


@pytest.mark.parametrize("display", DISPLAYS)
def test_unfitted_estimators_and_other_objects_are_refused(display):
    given = [DATA["pictures"][0]] if display not in (TrainingHistoryDisplay, GeneratedSamplesDisplay) else []
    with pytest.raises(NotFittedError):
        display.from_estimator(AutoencoderTransformer(), *given)
    with pytest.raises(InvalidParameterError, match=r"a fitted AutoencoderTransformer.*Got LogisticRegression"):
        display.from_estimator(LogisticRegression(), *given)
    assert not plt.get_fignums()


def test_invalid_n_samples_is_refused(fitted):
    X = DATA["pictures"][0]
    with pytest.raises(ValueError, match=r"n_samples=4 needs at least 8 rows. Got 5"):
        ReconstructionDisplay.from_estimator(fitted["pictures"], X[:5])
    with pytest.raises(InvalidParameterError, match=r"n_samples.*Got 0"):
        GeneratedSamplesDisplay.from_estimator(fitted["pictures"], n_samples=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentSpaceDisplay.from_estimator(fitted["pictures"], X, np.arange(3))


def test_displays_find_the_autoencoder_in_pipelines_and_searches():
    X = DATA["table"][0].to_numpy()
    autoencoder = AutoencoderTransformer(architecture=Dense((4,)), max_epochs=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), autoencoder)
    search = GridSearchCV(pipeline, {"autoencodertransformer__n_components": [2]}, cv=2).fit(X)
    display = ReconstructionDisplay.from_estimator(search, X, n_samples=1)
    np.testing.assert_allclose(display.samples, StandardScaler().fit_transform(X)[display.indices])
    display = LatentSpaceDisplay.from_estimator(search, X)
    np.testing.assert_allclose(display.codes, search.transform(X), rtol=1e-5)


@pytest.mark.slow
def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, skae.inspection; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_matplotlib_is_named_with_the_extra(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for draw in (
        lambda: TrainingHistoryDisplay.from_estimator(fitted["pictures"]),
        lambda: BottleneckCurveDisplay.from_estimator(AutoencoderTransformer(), DATA["pictures"][0]),
        lambda: GeneratedSamplesDisplay(samples=np.zeros((2, 4, 4)), sample_format=SampleFormat((4, 4), "h w")).plot(),
    ):
        with pytest.raises(ImportError, match=r'Display needs matplotlib. Install it: pip install "skae\[plot\]"'):
            draw()
