"""The displays: what they draw of pictures, signals, tables, videos and tokens, and what they refuse."""

import subprocess
import sys

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
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

DISPLAYS = [
    GeneratedSamplesDisplay,
    LatentSpaceDisplay,
    LatentTraversalDisplay,
    ReconstructionDisplay,
    TrainingHistoryDisplay,
]


def kinds_of_data():
    """Samples by name, and the axes they need."""
    random = np.random.RandomState(0)
    digits = load_digits().images[:100]
    color = digits[:, :, :, None] * random.uniform(size=(100, 1, 1, 3))
    phases = random.uniform(0, 3, (100, 1, 2))
    signals = np.sin(np.linspace(0, 6, 32)[:, None] + phases) + 0.1 * random.standard_normal((100, 32, 2))
    return {
        "pictures": (digits, None),
        "color pictures": (color, None),
        "channels first": (color.transpose(0, 3, 1, 2), None),
        "signals": (signals, "t c"),
        "table": (load_wine(as_frame=True).data, None),
        "wide table": (digits.reshape(100, -1), None),
        "videos": (np.stack([np.roll(color, shift, 2) for shift in range(6)], 1), None),
        "tokens": (np.tile(random.randint(0, 5, (100, 4)), (1, 2)), "n"),
    }


DATA = kinds_of_data()
PICTURED = ("pictures", "color pictures", "channels first", "videos")


@pytest.fixture(scope="module")
def fitted():
    """A fitted autoencoder by kind of data."""
    return {
        name: AutoencoderTransformer(
            3, architecture="sequence" if name == "tokens" else Dense((8,)), axes=axes, max_epochs=2, random_state=0
        ).fit(X)
        for name, (X, axes) in DATA.items()
    }


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def drawn(display):
    """The display, rendered."""
    display.figure_.canvas.draw()
    return display


@pytest.mark.parametrize("kind", DATA)
def test_reconstructions_are_drawn_worst_first(fitted, kind):
    X = DATA[kind][0]
    display = drawn(ReconstructionDisplay.from_estimator(fitted[kind], X, n_samples=2))
    assert display.ax_.shape == (3 if kind in PICTURED else 2, 4)
    scores = fitted[kind].score_samples(X)[display.indices]
    assert scores[0] == fitted[kind].score_samples(X).min()
    assert scores[0] <= scores[1] <= scores[3] <= scores[2]
    np.testing.assert_array_equal(display.samples, np.asarray(X)[display.indices])
    assert display.ax_[0, 0].get_title().startswith(f"worst: row {display.indices[0]}")


@pytest.mark.parametrize("kind", DATA)
def test_traversals_pass_through_the_mean_code(fitted, kind):
    X = DATA[kind][0]
    display = drawn(LatentTraversalDisplay.from_estimator(fitted[kind], X, n_steps=3))
    assert display.ax_.shape == (3, 1)
    middle = fitted[kind].inverse_transform(fitted[kind].transform(X).mean(0, dtype=np.float64)[None])
    for samples in display.samples:
        np.testing.assert_allclose(samples[1], middle[0], rtol=1e-4, atol=1e-4)
    if kind != "tokens":
        assert not np.allclose(display.samples[0, 0], display.samples[0, 2])


@pytest.mark.parametrize("kind", DATA)
def test_generated_samples_are_those_of_sample(fitted, kind):
    display = drawn(GeneratedSamplesDisplay.from_estimator(fitted[kind], n_samples=5, random_state=1))
    np.testing.assert_array_equal(display.samples, fitted[kind].sample(5, random_state=1))
    assert display.ax_.shape == ((1, 1) if "table" in kind else (2, 3))


def test_generated_samples_come_from_the_sampler_asked_for(fitted):
    autoencoder = fitted["table"]
    for sampler in ("gaussian", "kernel"):
        display = GeneratedSamplesDisplay.from_estimator(autoencoder, n_samples=3, sampler=sampler)
        expected = np.asarray(autoencoder.sample(3, random_state=0, sampler=sampler))
        np.testing.assert_array_equal(np.asarray(display.samples), expected)
    with pytest.raises(ValueError, match="sampler"):
        GeneratedSamplesDisplay.from_estimator(autoencoder, sampler="priors")


def test_reconstructions_of_wide_tables_fit_a_page():
    X = load_breast_cancer(as_frame=True).data
    autoencoder = AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(X)
    assert drawn(ReconstructionDisplay.from_estimator(autoencoder, X)).figure_.get_size_inches()[0] < 30


@pytest.mark.parametrize("kind", ["pictures", "signals", "table"])
def test_codes_are_colored_by_labels_numbers_or_scores(fitted, kind):
    X = DATA[kind][0]
    labels = np.arange(len(X)) % 3
    display = drawn(LatentSpaceDisplay.from_estimator(fitted[kind], X, labels))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["0", "1", "2"]
    assert "first principal component of 3-component codes" in display.ax_.get_xlabel()
    display = drawn(LatentSpaceDisplay.from_estimator(fitted[kind], X))
    np.testing.assert_array_equal(display.values, fitted[kind].score_samples(X))
    display = LatentSpaceDisplay(codes=display.codes[:, :2], values=np.linspace(0, 1, len(X)), name="age").plot()
    assert [axes.get_ylabel() for axes in drawn(display).figure_.axes] == ["code 1", "age"]


def test_one_coordinate_is_a_histogram_or_a_strip():
    codes, random = np.arange(30.0)[:, None], np.random.RandomState(0)
    assert drawn(LatentSpaceDisplay(codes=codes).plot()).ax_.get_ylabel() == "samples"
    assert drawn(LatentSpaceDisplay(codes=codes, values=["a", "b"] * 15).plot()).ax_.get_ylabel() == "samples"
    display = LatentSpaceDisplay(codes=codes, values=random.uniform(size=30), name="age").plot()
    assert drawn(display).ax_.get_ylabel() == "age"


def test_codes_of_other_transformers_are_drawn(digits):
    display = LatentSpaceDisplay.from_estimator(PCA(2).fit(digits), digits)
    np.testing.assert_allclose(display.codes, PCA(2).fit_transform(digits))


def test_more_labels_than_colors_are_refused():
    names = [f"name {i}" for i in range(30)]
    with pytest.raises(ValueError, match=r"30 classes; at most 20"):
        LatentSpaceDisplay(codes=np.zeros((30, 2)), values=names).plot()
    assert LatentSpaceDisplay(codes=np.eye(30)[:, :2], values=np.arange(30)).plot().ax_.get_legend() is None


def test_history_marks_the_epoch_of_the_lowest_held_out_loss():
    history = [{"epoch": i + 1, "train_loss": 3.0 - i, "valid_loss": loss} for i, loss in enumerate([2.0, 1.0, 1.5])]
    X = DATA["wide table"][0]
    autoencoder = AutoencoderTransformer(2, variant="variational", max_epochs=2, random_state=0).fit(X)
    autoencoder.history_, autoencoder.best_epoch_ = history, 2
    display = drawn(TrainingHistoryDisplay.from_estimator(autoencoder))
    assert display.best_epoch == 2
    assert "best epoch: 2" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_history_marks_what_is_kept():
    few = AutoencoderTransformer(2, random_state=0).fit(np.random.RandomState(0).standard_normal((30, 5)))
    display = drawn(TrainingHistoryDisplay.from_estimator(few))
    assert display.best_epoch == 0
    assert "best: PCA initialization" in [text.get_text() for text in display.ax_.get_legend().get_texts()]
    for settings in ({"early_stopping": False}, {"variant": "denoising"}):
        fitted = AutoencoderTransformer(2, max_epochs=3, random_state=0, **settings).fit(load_digits().data)
        assert TrainingHistoryDisplay.from_estimator(fitted).best_epoch == fitted.best_epoch_ == 3


def test_history_names_its_terms():
    X = DATA["wide table"][0]
    autoencoder = AutoencoderTransformer(2, variant="variational", max_epochs=2, random_state=0).fit(X)
    display = drawn(TrainingHistoryDisplay.from_estimator(autoencoder))
    assert {"train_loss", "valid_loss", "train_kl_divergence", "valid_reconstruction"} <= set(display.lines_)
    display.plot(terms=["kl_divergence"])
    assert set(display.lines_) == {"train_kl_divergence", "valid_kl_divergence"}
    with pytest.raises(ValueError, match=r"terms must be among \['loss'.*Got \['lss'\]"):
        display.plot(terms=["lss"])


def test_the_legend_of_many_terms_stands_beside_them():
    names = ("loss", "reconstruction", "kl_divergence")
    history = [{"epoch": i + 1} | {f"train_{name}": 2.0 - i for name in names} for i in range(2)]
    history = [row | {key.replace("train", "valid"): 1.0 for key in row if key != "epoch"} for row in history]
    for terms, beside in ((names[:2], False), (names, True)):
        display = drawn(TrainingHistoryDisplay(history=history).plot(terms=terms))
        legend = display.ax_.get_legend().get_window_extent()
        assert bool(legend.x0 >= display.ax_.get_window_extent().x1) is beside
    figure, ax = plt.subplots()  # makes no room
    display = drawn(TrainingHistoryDisplay(history=history).plot(ax))
    assert ax.get_legend().get_window_extent().x1 <= figure.bbox.x1


def test_history_without_held_out_rows_marks_nothing():
    history = [{"epoch": 1, "train_loss": -1.0, "lr": 0.1}]
    display = drawn(TrainingHistoryDisplay(history=history).plot())
    assert set(display.lines_) == {"train_loss"}
    assert display.ax_.get_yscale() == "linear"
    with pytest.raises(ValueError, match="at least one epoch"):
        TrainingHistoryDisplay(history=[]).plot()


def test_curves_of_an_autoencoder_and_its_baselines_are_by_one_score():
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


def test_curves_with_a_classifier_are_its_accuracy():
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
def test_results_of_searches_stand_together(digits):
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


LETTERS = np.array(["a", "b", "c"] * 10)
DAYS = pd.date_range("2020-01-05", periods=30, freq="5D")


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (LETTERS, ["a", "b", "c"]),
        (LETTERS[:, None], ["a", "b", "c"]),
        (pd.DataFrame({"kind": LETTERS}), ["a", "b", "c"]),
        (pl.DataFrame({"kind": LETTERS}), ["a", "b", "c"]),
        (pd.Series(LETTERS).where(np.arange(30) > 3), ["missing", "a", "b", "c"]),
        ([None, *LETTERS[1:]], ["missing", "a", "b", "c"]),
        (pd.Series([pd.NA, *LETTERS[1:]], dtype="string"), ["missing", "a", "b", "c"]),
        (pl.Series([None, *LETTERS[1:].tolist()]), ["missing", "a", "b", "c"]),
        (pl.Series(LETTERS).cast(pl.Categorical), ["a", "b", "c"]),
        (pd.Series(pd.Categorical([None, *LETTERS[1:]], categories=list("zcba"))), ["missing", "c", "b", "a"]),
        (pd.Series([None, *np.arange(29) % 2]), ["missing", "0", "1"]),
        (pd.Series([pd.NA, *np.arange(29) % 2], dtype="Int64"), ["missing", "0", "1"]),
        (pd.Series([pd.NA, *(np.arange(29) % 2 > 0)], dtype="boolean"), ["missing", "False", "True"]),
        ([1, "a"] * 15, ["1", "a"]),
        ([None] * 30, ["missing"]),
    ],
)
def test_codes_are_colored_by_labels_some_of_which_may_be_missing(n_components, values, expected):
    codes = np.random.RandomState(0).standard_normal((30, n_components))
    display = drawn(LatentSpaceDisplay(codes=codes, values=values).plot())
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == expected


@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize(
    "values",
    [
        pd.Series(DAYS),
        pd.Series(DAYS.tz_localize("UTC")),
        pd.Series([pd.NaT, *DAYS[1:]]),
        DAYS.to_numpy(),
        DAYS.date.tolist(),
        pl.Series(DAYS.date.tolist()),
        pl.DataFrame({"day": DAYS.to_numpy()}),
    ],
)
def test_codes_are_colored_by_dates(n_components, values):
    codes = np.random.RandomState(0).standard_normal((30, n_components))
    display = drawn(LatentSpaceDisplay(codes=codes, values=values).plot())
    axis = display.ax_.yaxis if n_components == 1 else display.figure_.axes[-1].yaxis
    assert {"Mar", "Apr", "May"} <= {label.get_text() for label in axis.get_ticklabels()}


def test_samples_without_a_number_are_gray():
    numbers = np.r_[np.nan, np.linspace(0, 1, 29)]
    display = drawn(LatentSpaceDisplay(codes=np.random.RandomState(0).rand(30, 2), values=numbers, name="age").plot())
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["missing"]
    assert display.figure_.axes[-1].get_ylabel() == "age"
    assert [len(points.get_offsets()) for points in display.ax_.collections] == [1, 29]


def test_data_frames_name_the_labels(fitted):
    X, labels = DATA["table"][0], pd.DataFrame({"kind": load_wine().target}).iloc[:100]
    display = drawn(LatentSpaceDisplay.from_estimator(fitted["table"], X[:100], labels))
    assert display.ax_.get_legend().get_title().get_text() == "kind"
    with pytest.raises(ValueError, match=r"shape \(n_samples,\). Got shape \(100, 2\)"):
        LatentSpaceDisplay.from_estimator(fitted["table"], X[:100], labels.assign(other=1))


def test_results_of_several_metrics_are_those_refitted_by():
    X, y = load_wine(return_X_y=True)
    pipeline = make_pipeline(PCA(random_state=0), LogisticRegression(max_iter=5000))
    search = GridSearchCV(pipeline, {"pca__n_components": [1, 2]}, scoring=["accuracy", "f1_macro"], refit="f1_macro")
    curve = BottleneckCurveDisplay.from_results(search.fit(X, y), "PCA").curves[0]
    np.testing.assert_allclose(curve.scores, search.cv_results_["mean_test_f1_macro"])
    search.set_params(refit=False).fit(X, y)
    with pytest.raises(ValueError, match="several metrics"):
        BottleneckCurveDisplay.from_results(search)


def test_results_without_a_size_are_refused(digits):
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
def test_baselines_without_a_name_or_a_size_are_refused(digits, baselines):
    with pytest.raises(InvalidParameterError, match=r"baselines.*dict|one parameter that ends in"):
        BottleneckCurveDisplay.from_estimator(AutoencoderTransformer(), digits, baselines=baselines)


def test_displays_draw_on_the_axes_they_are_given(fitted):
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
def test_estimators_that_are_not_fitted_or_none_are_refused(display):
    given = [DATA["pictures"][0]] if display not in (TrainingHistoryDisplay, GeneratedSamplesDisplay) else []
    with pytest.raises(NotFittedError):
        display.from_estimator(AutoencoderTransformer(), *given)
    with pytest.raises(InvalidParameterError, match=r"a fitted AutoencoderTransformer.*Got LogisticRegression"):
        display.from_estimator(LogisticRegression(), *given)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"n_steps": 1}, "n_steps.*Got 1"),
        ({"extent": 0}, "extent.*Got 0"),
        ({"coordinates": []}, "coordinates.*non-empty"),
        ({"coordinates": [-1]}, "coordinates.*Got -1"),
        ({"coordinates": [0, 3]}, "coordinates must be from 0 to 2. Got 3"),
    ],
)
def test_traversals_that_cannot_be_are_refused(fitted, parameters, match):
    with pytest.raises(ValueError, match=match):
        LatentTraversalDisplay.from_estimator(fitted["pictures"], DATA["pictures"][0], **parameters)


def test_bad_numbers_of_samples_are_refused(fitted):
    X = DATA["pictures"][0]
    with pytest.raises(ValueError, match=r"n_samples=4 needs at least 8 rows. Got 5"):
        ReconstructionDisplay.from_estimator(fitted["pictures"], X[:5])
    with pytest.raises(InvalidParameterError, match=r"n_samples.*Got 0"):
        GeneratedSamplesDisplay.from_estimator(fitted["pictures"], n_samples=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentSpaceDisplay.from_estimator(fitted["pictures"], X, np.arange(3))


def test_pipelines_and_searches_are_seen_through():
    X = DATA["table"][0].to_numpy()
    autoencoder = AutoencoderTransformer(architecture=Dense((4,)), max_epochs=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), autoencoder)
    search = GridSearchCV(pipeline, {"autoencodertransformer__n_components": [2]}, cv=2).fit(X)
    display = ReconstructionDisplay.from_estimator(search, X, n_samples=1)
    np.testing.assert_allclose(display.samples, StandardScaler().fit_transform(X)[display.indices])
    display = LatentSpaceDisplay.from_estimator(search, X)
    np.testing.assert_allclose(display.codes, search.transform(X), rtol=1e-5)


class OnlySlices:
    """Rows that know little more than slicing."""

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        if not isinstance(index, slice):
            raise TypeError("slices only")
        return self.rows[index]


FORMS = {
    "tensor": torch.tensor,
    "sparse": sparse.csr_array,
    "list": list,
    "slices": OnlySlices,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_in_any_form_are_drawn(fitted, form):
    X = DATA["wide table"][0]
    for display in (ReconstructionDisplay, LatentTraversalDisplay, LatentSpaceDisplay):
        mine, other = (display.from_estimator(fitted["wide table"], rows) for rows in (form(X), X))
        name = "codes" if display is LatentSpaceDisplay else "samples"
        np.testing.assert_allclose(getattr(mine, name), getattr(other, name), rtol=1e-4, atol=1e-4)


def test_frames_that_transform_gives_are_drawn(fitted):
    X = DATA["table"][0]
    autoencoder = AutoencoderTransformer(2, architecture=Dense((4,)), max_epochs=1, random_state=0).fit(X)
    expected = LatentTraversalDisplay.from_estimator(autoencoder, X).samples
    autoencoder.set_output(transform="pandas")
    shown = LatentTraversalDisplay.from_estimator(autoencoder, X).samples
    np.testing.assert_allclose(shown, expected, atol=0.51)  # whole numbers of a frame stay whole
    drawn(ReconstructionDisplay.from_estimator(autoencoder, X, n_samples=1))


def test_forms_bring_axes_into_one_order():
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(SampleFormat((3, 4, 5), "c h w").to_pictures(x), x.transpose(0, 2, 3, 1))
    two = x[:, :2]
    np.testing.assert_array_equal(SampleFormat((2, 4, 5), "c h w").to_pictures(two), two.mean(1))
    flat = x[:, 0].reshape(2, 20)
    np.testing.assert_array_equal(SampleFormat((4, 5), "w h").to_pictures(flat), x[:, 0].transpose(0, 2, 1))
    np.testing.assert_array_equal(SampleFormat((4, 5), "c t").to_lines(flat), x[:, 0].transpose(0, 2, 1))
    frames = SampleFormat((3, 4, 5), "t h w").to_pictures(x)
    assert frames.shape == (2, 4, 5 * 3 + 2)
    np.testing.assert_array_equal(frames[:, :, 6:11], x[:, 1])
    with pytest.raises(ValueError, match="names 2 axes, but samples have shape"):
        SampleFormat((3, 4, 5), "h w")
    with pytest.raises(ValueError, match=r"Expected samples of shape \(4, 4\). Got \(4, 5\)"):
        SampleFormat((4, 4), "h w").to_pictures(x[:, 0])


@pytest.mark.slow
def test_matplotlib_is_loaded_only_to_draw():
    code = "import sys, skae.inspection; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_matplotlib_is_named_where_it_is_missing(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for draw in (
        lambda: TrainingHistoryDisplay.from_estimator(fitted["pictures"]),
        lambda: BottleneckCurveDisplay.from_estimator(AutoencoderTransformer(), DATA["pictures"][0]),
        lambda: GeneratedSamplesDisplay(samples=np.zeros((2, 4, 4)), sample_format=SampleFormat((4, 4), "h w")).plot(),
    ):
        with pytest.raises(ImportError, match=r'Display needs matplotlib. Install it: pip install "skae\[plot\]"'):
            draw()
