"""TrainingHistoryDisplay."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from displayed import DATA, drawn
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer
from skae.inspection import TrainingHistoryDisplay


def test_history_marks_the_epoch_of_the_lowest_validation_loss():
    history = [{"epoch": i + 1, "train_loss": 3.0 - i, "valid_loss": loss} for i, loss in enumerate([2.0, 1.0, 1.5])]
    X = DATA["wide table"][0]
    autoencoder = AutoencoderTransformer(2, variant="variational", max_epochs=2, random_state=0).fit(X)
    autoencoder._result = replace(autoencoder._result, history=history, best_epoch=2)
    display = drawn(TrainingHistoryDisplay.from_estimator(autoencoder))
    assert display.best_epoch == 2
    assert "best epoch: 2" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_history_marks_the_best_epoch_or_pca_initialization():
    few = AutoencoderTransformer(2, random_state=0).fit(np.random.RandomState(0).standard_normal((30, 5)))
    display = drawn(TrainingHistoryDisplay.from_estimator(few))
    assert display.best_epoch == 0
    assert "best: PCA initialization" in [text.get_text() for text in display.ax_.get_legend().get_texts()]
    for settings in ({"early_stopping": False}, {"variant": "denoising"}):
        fitted = AutoencoderTransformer(2, max_epochs=3, random_state=0, **settings).fit(load_digits().data)
        assert TrainingHistoryDisplay.from_estimator(fitted).best_epoch == fitted.best_epoch_ == 3


def test_history_has_a_line_for_the_validation_loss_of_pca():
    fitted = AutoencoderTransformer(2, max_epochs=3, random_state=0).fit(load_digits().data)
    display = drawn(TrainingHistoryDisplay.from_estimator(fitted))
    assert set(display.lines_["pca_loss"].get_ydata()) == {fitted.history_[0]["pca_loss"]}
    assert "pca_loss" not in TrainingHistoryDisplay(history=[{"epoch": 1, "train_loss": 1.0}]).plot().lines_


def test_history_names_its_loss_terms():
    X = DATA["wide table"][0]
    autoencoder = AutoencoderTransformer(2, variant="variational", max_epochs=2, random_state=0).fit(X)
    display = drawn(TrainingHistoryDisplay.from_estimator(autoencoder))
    assert {"train_loss", "valid_loss", "train_kl_divergence", "valid_reconstruction"} <= set(display.lines_)
    display.plot(terms=["kl_divergence"])
    assert set(display.lines_) == {"train_kl_divergence", "valid_kl_divergence"}
    with pytest.raises(ValueError, match=r"terms must be among \['loss'.*Got \['lss'\]"):
        display.plot(terms=["lss"])


def test_the_legend_is_below_the_axes_of_a_new_figure_and_beside_given_ones():
    names = ("loss", "reconstruction", "kl_divergence")
    history = [{"epoch": i + 1} | {f"train_{name}": 2.0 - i for name in names} for i in range(2)]
    history = [row | {key.replace("train", "valid"): 1.0 for key in row if key != "epoch"} for row in history]
    for terms in (names[:1], names):
        display = drawn(TrainingHistoryDisplay(history=history).plot(terms=terms))
        legend, figure = display.ax_.get_legend().get_window_extent(), display.figure_.bbox
        assert legend.y1 <= display.ax_.xaxis.label.get_window_extent().y0
        assert 0 <= legend.x0 < legend.x1 <= figure.x1
        assert legend.y0 >= 0
        ax = plt.subplots(layout="constrained")[1]
        display = drawn(TrainingHistoryDisplay(history=history).plot(ax, terms=terms))
        assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    figure, ax = plt.subplots()  # no layout engine
    display = drawn(TrainingHistoryDisplay(history=history).plot(ax))
    assert ax.get_legend().get_window_extent().x1 <= figure.bbox.x1


def test_history_without_a_validation_set_marks_nothing():
    history = [{"epoch": 1, "train_loss": -1.0, "lr": 0.1}]
    display = drawn(TrainingHistoryDisplay(history=history).plot())
    assert set(display.lines_) == {"train_loss"}
    assert display.ax_.get_yscale() == "linear"
    with pytest.raises(ValueError, match="at least one epoch"):
        TrainingHistoryDisplay(history=[]).plot()
