"""Custom modules and callable losses are not in a file; ``load`` takes them."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from model_files import (
    CUSTOM,
    SMALL,
    X,
    fit_model,
    half_squares,
    save_and_load,
)
from skae import AutoencoderTransformer, Custom, ModelFileError, load, save
from skae.model import EncoderDecoder
from skae.variants import Denoising, Variant


@pytest.mark.bad_input(127)
def test_an_error_names_the_missing_custom_modules(path):
    save(fit_model({"architecture": Custom(*CUSTOM.values())}, X), path)
    for modules in (None, {}, {"decoder": CUSTOM["decoder"]}):
        with pytest.raises(ModelFileError, match=r"encoder is custom \(Linear\).*custom_modules=\{'encoder'"):
            load(path, custom_modules=modules)


def test_custom_modules_may_be_functions(path):
    given = {"encoder": lambda sample_shape, n_components: nn.Linear(*sample_shape, n_components)}
    given["decoder"] = lambda: nn.Linear(2, 6)
    estimator = fit_model({"architecture": Custom(**given)}, X)
    loaded = save_and_load(estimator, path, custom_modules=given)
    np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))


def test_custom_modules_of_other_shapes_are_refused(path):
    save(fit_model({"architecture": Custom(*CUSTOM.values())}, X), path)
    with pytest.raises(ModelFileError, match=r"array .module/encoder"):
        load(path, custom_modules={**CUSTOM, "encoder": nn.Sequential(nn.Linear(6, 2))})


def test_a_custom_module_with_other_outputs_is_refused(path):
    given = {"encoder": nn.Sequential(nn.Linear(6, 2), nn.Tanh()), "decoder": nn.Linear(2, 6)}
    save(fit_model({"architecture": Custom(**given)}, X), path)
    with pytest.raises(ModelFileError, match=r"does not compute what the saved one did.*skae 0\."):
        load(path, custom_modules={**given, "encoder": nn.Sequential(nn.Linear(6, 2), nn.ReLU())})


def test_buffers_that_are_not_persistent_come_from_the_custom_module(path):
    class Rates(nn.Linear):
        def __init__(self):
            super().__init__(6, 2)
            self.register_buffer("rate", torch.full((2,), 3.0), persistent=False)

        def forward(self, x):
            return super().forward(x) * self.rate

    modules = {"encoder": Rates, "decoder": nn.LazyLinear(6)}
    estimator = fit_model({"architecture": Custom(**modules)}, X)
    loaded = save_and_load(estimator, path, custom_modules=modules)
    np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))


def test_custom_architectures_and_variants(path):
    class Lines(BaseEstimator):
        linear_path, is_custom = False, True

        def check(self):
            pass

        def build(self, shape, n_components):
            return EncoderDecoder(nn.Linear(6, n_components), nn.Linear(n_components, 6))

    class Quiet(Variant):
        pass

    estimator = fit_model({"architecture": Lines(), "variant": Denoising(variant=Quiet())}, X)
    save(estimator, path)
    with pytest.raises(ModelFileError, match=r"architecture.*\(Lines\)"):
        load(path)
    with pytest.raises(ModelFileError, match=r"variant.*\(Quiet\)"):
        load(path, custom_modules={"architecture": Lines()})
    loaded = load(path, custom_modules={"architecture": Lines(), "variant": Quiet()})
    np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))


def test_an_error_names_the_missing_loss(path):
    estimator = fit_model({"architecture": SMALL, "loss": half_squares}, X)
    save(estimator, path)
    with pytest.raises(ModelFileError, match=r"loss is custom \(half_squares\).*custom_modules"):
        load(path)
    with pytest.raises(ModelFileError, match="'loss' parameter"):
        load(path, custom_modules={"loss": 3})
    loaded = load(path, custom_modules={"loss": half_squares})
    assert loaded.loss is loaded.net_.criterion__loss is half_squares
    np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))
    np.testing.assert_array_equal(clone(loaded).fit(X).transform(X), clone(estimator).fit(X).transform(X))


def test_a_callable_loss_in_a_pipeline(path):
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, max_epochs=1, loss=half_squares)).fit(X)
    save(pipeline, path)
    loaded = load(path, custom_modules={"loss": half_squares})
    np.testing.assert_array_equal(loaded.transform(X), pipeline.transform(X))


def test_loss_auto_stays_auto(path):
    save(fit_model({"architecture": SMALL, "loss": "auto"}, X), path)
    assert (load(path).loss, load(path).net_.criterion__loss) == ("auto", "mse")


@pytest.mark.parametrize("modules", [["encoder"], "encoder", CUSTOM["encoder"], 3])
def test_custom_modules_are_a_dict(modules, saved):
    with pytest.raises(TypeError, match=r"'custom_modules' parameter of load must be a dict.*Got .* instead"):
        load(saved, custom_modules=modules)


def test_an_unknown_name_of_a_custom_module_is_an_error(saved):
    with pytest.raises(ValueError, match=r"one of 'encoder', 'decoder'.*Got 'encodr' instead\. Did you mean 'encoder'"):
        load(saved, custom_modules={"encodr": CUSTOM["encoder"]})
    np.testing.assert_array_equal(load(saved, custom_modules=CUSTOM).transform(X), load(saved).transform(X))
