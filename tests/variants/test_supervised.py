"""Supervised codes: what y changes, what it may not change, and every way to fit with y."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback
from stopped_fits import Stopping, bits

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.training.batches import LabeledBatch
from skae.variants import VARIANTS, Denoising, Nested, Supervised

DIGITS, LABELS = load_digits(return_X_y=True)
IRIS, SPECIES = load_iris(return_X_y=True)
NUMBERS = np.stack([IRIS[:, 0] * 3 + 7, IRIS[:, 2] ** 2], axis=1)


def quick(variant="plain", weight=1.0, **settings):
    variant = Supervised(weight, variant=variant)
    return AutoencoderTransformer(2, variant=variant, **{"max_epochs": 2, "random_state": 0, **settings})


@pytest.mark.parametrize("variant", [*VARIANTS, Nested("variational")], ids=str)
def test_wraps_every_variant(variant):
    fitted = quick(variant, architecture=Dense((4,))).fit(IRIS, SPECIES)
    Z = fitted.transform(IRIS)
    assert Z.shape == (150, 2)
    np.testing.assert_array_equal(Z, clone(fitted).fit(IRIS, SPECIES).transform(IRIS))
    np.testing.assert_array_equal(Z, pickle.loads(pickle.dumps(fitted)).transform(IRIS))
    assert {"train_prediction", "valid_prediction"} <= set(fitted.history_[-1])
    assert fitted.sample(3, random_state=0).shape == (3, 4)
    module, objective = fitted.net_.module_.train(), fitted.net_.criterion_.train()
    module.zero_grad()
    batch = LabeledBatch(torch.randn(32, 4, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 3)
    objective(fitted.net_._trace(batch, module)).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name


def test_codes_tell_classes_apart_better_than_plain_codes():
    def accuracy(variant):
        fitted = AutoencoderTransformer(2, variant=variant, max_epochs=6, random_state=0)
        Z = fitted.fit(DIGITS[:800], LABELS[:800]).transform(DIGITS[:1200])
        return KNeighborsClassifier().fit(Z[:800], LABELS[:800]).score(Z[800:], LABELS[800:1200])

    assert accuracy(Supervised()) > accuracy("plain") + 0.1


def test_numbers_are_predicted():
    fitted = quick(max_epochs=25).fit(IRIS, NUMBERS)
    assert fitted.history_[-1]["valid_prediction"] < 0.1 < 0.8 < fitted.history_[0]["valid_prediction"] * 10
    again = quick(max_epochs=25).fit(IRIS, NUMBERS * 1000 - 5)
    np.testing.assert_allclose(again.transform(IRIS), fitted.transform(IRIS), atol=1e-3)


def test_names_of_classes_do_not_matter():
    fitted = quick().fit(IRIS, SPECIES)
    for names in (["a", "b", "c"], [5.0, 7.0, 9.0]):
        np.testing.assert_array_equal(
            fitted.transform(IRIS), quick().fit(IRIS, np.array(names)[SPECIES]).transform(IRIS)
        )


def test_weight_0_and_rows_without_labels_count_for_reconstruction_alone():
    y = np.where(np.arange(150) % 10 == 0, SPECIES, -1)
    few, all_labels = quick(max_epochs=6).fit(IRIS, y), quick(max_epochs=6).fit(IRIS, SPECIES)
    # The same share of the loss, whatever the share of rows with labels.
    assert float(few.net_.module_.head.unit) == pytest.approx(10 * float(all_labels.net_.module_.head.unit), rel=0.4)
    swapped = quick(weight=0.0, max_epochs=6).fit(IRIS, SPECIES[::-1])
    np.testing.assert_array_equal(
        quick(weight=0.0, max_epochs=6).fit(IRIS, SPECIES).transform(IRIS), swapped.transform(IRIS)
    )


class Parts(Callback):
    def on_train_begin(self, net, X=None, **kwargs):
        self.validation = X[1].indices


def test_labels_of_validation_rows_are_not_trained_on():
    seen = Parts()
    settings = {"max_epochs": 3, "net_params": {"callbacks": [seen]}, "optimizer": "adam"}
    first = quick(**settings).fit(IRIS, SPECIES)
    y = SPECIES.copy()
    y[seen.validation] = (y[seen.validation] + 1) % 3
    second = quick(**settings).fit(IRIS, y)
    for name, same in (
        ("train_loss", True),
        ("train_prediction", True),
        ("valid_reconstruction", True),
        ("valid_prediction", False),
    ):
        assert ([row[name] for row in first.history_] == [row[name] for row in second.history_]) is same


def test_the_best_epoch_is_that_of_the_whole_validation_loss():
    fitted = quick(max_epochs=8, architecture=Dense((16,))).fit(DIGITS[:300], LABELS[:300])
    losses = [row["valid_loss"] for row in fitted.history_]
    assert fitted.best_epoch_ == 1 + int(np.argmin(losses))
    assert not fitted.is_pca_
    row = fitted.history_[-1]
    weight = float(fitted.net_.module_.head.unit)
    assert row["valid_loss"] == pytest.approx(row["valid_reconstruction"] + weight * row["valid_prediction"], rel=1e-4)


@pytest.mark.parametrize("loss", ["mae", "huber", "bce"])
def test_a_constant_prediction_costs_as_much_as_a_constant_reconstruction(loss):
    module = quick(loss=loss, max_epochs=1).fit(DIGITS, LABELS).net_.module_
    scaled = torch.from_numpy((DIGITS - DIGITS.mean(0)) / np.sqrt(DIGITS.var(0).mean())).float()
    target = module.link.to_output_space(scaled)
    mean = target.mean(0).expand_as(target)
    expected = {
        "mae": (target - mean).abs().mean(),
        "huber": torch.nn.functional.huber_loss(mean, target),
        "bce": torch.nn.functional.binary_cross_entropy(mean.clamp(0, 1), target.clamp(0, 1)),
    }[loss]
    assert float(module.head.unit) * np.log(10) == pytest.approx(float(expected), rel=0.05)


def test_sequences_of_tokens():
    tokens = np.random.RandomState(0).randint(0, 4, (60, 6))
    fitted = AutoencoderTransformer(2, variant=Supervised(), axes="n", max_epochs=2, random_state=0)
    assert fitted.fit(tokens, tokens[:, 0]).transform(tokens).shape == (60, 2)


def test_partial_fit_keeps_the_classes_of_the_first_call():
    fitted = quick().partial_fit(IRIS, SPECIES)
    fitted.partial_fit(IRIS[:20], SPECIES[:20])
    before = fitted.transform(IRIS)
    with pytest.raises(ValueError, match=r"y has the class 3, which the first call.*0, 1, 2"):
        fitted.partial_fit(IRIS, SPECIES + 1)
    with pytest.raises(ValueError, match="target y is None"):
        fitted.partial_fit(IRIS)
    np.testing.assert_array_equal(before, fitted.transform(IRIS))
    numbers = quick().partial_fit(IRIS, NUMBERS).partial_fit(IRIS[:20], NUMBERS[:20].round())
    with pytest.raises(ValueError, match=r"must have 2 numbers per row. Got 1"):
        numbers.partial_fit(IRIS, NUMBERS[:, 0])


def test_warm_start_continues_the_head():
    fitted = quick(warm_start=True, max_epochs=8).fit(IRIS, SPECIES)
    first = fitted.history_[0]["train_prediction"]
    assert fitted.fit(IRIS, SPECIES).history_[8]["train_prediction"] < 0.5 * first
    with pytest.raises(ValueError, match="variant=Plain"):
        fitted.set_params(variant="plain").fit(IRIS)


def test_checkpoints_resume_with_the_same_y_only(tmp_path, monkeypatch):
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)
    estimator = quick(max_epochs=4, checkpoint_dir=tmp_path)
    estimator.set_params(net_params={"callbacks": [Stopping(3, MemoryError("stands for a crash"))]})
    with pytest.raises(MemoryError):
        estimator.fit(IRIS, SPECIES)
    estimator.set_params(net_params=None)
    with pytest.raises(ValueError, match="checkpoint of another fit: y was"):
        estimator.fit(IRIS, SPECIES[::-1])
    resumed, whole = estimator.fit(IRIS, SPECIES), quick(max_epochs=4).fit(IRIS, SPECIES)
    assert bits(resumed) == bits(whole)


def test_x_val_with_its_own_y():
    fitted = quick().fit(IRIS[::2], SPECIES[::2], X_val=IRIS[1::2], y_val=SPECIES[1::2])
    other = quick().fit(IRIS[::2], SPECIES[::2], X_val=IRIS[1::2], y_val=SPECIES[::-2])
    assert fitted.history_[0]["train_loss"] == other.history_[0]["train_loss"]
    assert fitted.history_[0]["valid_prediction"] != other.history_[0]["valid_prediction"]


def test_pipelines_and_searches_pass_y():
    whole = make_pipeline(quick(), LogisticRegression())
    assert cross_val_score(whole, IRIS, SPECIES, cv=2).min() > 0.5
    weights = {"autoencodertransformer__variant__weight": [0.1, 1.0]}
    search = GridSearchCV(whole, weights, cv=2).fit(IRIS, SPECIES)
    assert search.best_estimator_[0].variant.weight in (0.1, 1.0)


def test_bottleneck_search_passes_y():
    search = BottleneckSearchCV(quick(), n_components=(1, 2, 4), classifier=LogisticRegression(), cv=2)
    assert search.fit(IRIS, SPECIES).best_score_ > 0.5
    with pytest.raises(ValueError, match=r"fit\(X, y\)"):
        BottleneckSearchCV(quick(), n_components=(1, 2)).fit(IRIS)


def test_other_variants_ignore_y():
    plain = AutoencoderTransformer(2, max_epochs=1, random_state=0)
    np.testing.assert_array_equal(clone(plain).fit(IRIS, NUMBERS).transform(IRIS), plain.fit(IRIS).transform(IRIS))
    assert not plain.__sklearn_tags__().target_tags.required
    assert quick().__sklearn_tags__().target_tags.required
    assert (
        quick(Denoising()).set_params(variant=Denoising(variant=Supervised())).__sklearn_tags__().target_tags.required
    )


def test_supervised_wraps_no_supervised_variant():
    with pytest.raises(ValueError, match="Supervised cannot wrap"):
        quick(Denoising(variant=Supervised())).fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match="'weight' parameter of Supervised"):
        quick(weight=-1).fit(IRIS, SPECIES)
