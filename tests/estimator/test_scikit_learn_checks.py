"""scikit-learn's estimator checks."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

from skae import AutoencoderTransformer, Convolutional, Custom, Dense
from skae.variants import VARIANTS, Supervised


class Narrow(nn.Sequential):
    """A custom encoder that is built for the given sizes."""

    def __init__(self, sample_shape, n_components):
        super().__init__(nn.Linear(sample_shape[0], 8), nn.Tanh(), nn.Linear(8, n_components))


class Wide(nn.Sequential):
    def __init__(self, sample_shape, n_components):
        super().__init__(nn.Linear(n_components, 8), nn.Tanh(), nn.Linear(8, sample_shape[0]))


class ByParts(AutoencoderTransformer):
    """Trained by ``partial_fit`` alone: ``fit`` is one pass."""

    def fit(self, X, y=None):
        vars(self).pop("_result", None)
        return self.partial_fit(X)


CONFIGURATIONS = {
    "defaults": AutoencoderTransformer(),
    "few epochs": AutoencoderTransformer(max_epochs=3),
    "one component": AutoencoderTransformer(n_components=1, max_epochs=1),
    "dense, mean absolute error": AutoencoderTransformer(architecture="dense", loss="mae", max_epochs=3),
    "dense, cross entropy": AutoencoderTransformer(architecture=Dense((8,)), loss="bce", max_epochs=3),
    "batch normalization": AutoencoderTransformer(
        architecture=Dense((16,), normalization="batch"), early_stopping=False, max_epochs=3
    ),
    "one-dimensional convolution": AutoencoderTransformer(
        architecture=Convolutional((8,), normalization="layer"), axes="t", max_epochs=1
    ),
    "custom modules": AutoencoderTransformer(architecture=Custom(Narrow, Wide), max_epochs=1),
    "no early stopping": AutoencoderTransformer(early_stopping=False, max_epochs=3),
    "warm start": AutoencoderTransformer(warm_start=True, max_epochs=3),
    "by parts": ByParts(),
    "supervised": AutoencoderTransformer(variant=Supervised(variant="denoising"), max_epochs=1),
    **{name: AutoencoderTransformer(variant=name, max_epochs=1) for name in VARIANTS if name != "plain"},
}
# Those that differ most; the others are marked slow.
QUICK = ("few epochs", "one-dimensional convolution", "custom modules", "vector_quantized")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CONFIGURATIONS]
)
@pytest.mark.filterwarnings("ignore:The latent code is over-complete:UserWarning")
def test_estimator_checks_pass(name):
    results = check_estimator(CONFIGURATIONS[name], on_fail=None, on_skip=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert not failed
    assert len(results) > 40


@pytest.mark.filterwarnings("ignore:The latent code is over-complete:UserWarning")
@pytest.mark.filterwarnings("ignore:An ill-conditioned matrix:RuntimeWarning")
def test_pipeline_passes_the_checks_that_a_pipeline_with_pca_passes():
    # A Pipeline fits its steps in place, which two checks forbid whatever the steps are.
    def failed(transformer):
        results = check_estimator(make_pipeline(MinMaxScaler(), transformer), on_fail=None, on_skip=None)
        assert len(results) > 40
        return {r["check_name"] for r in results if r["status"] != "passed"}

    in_place = {"check_dont_overwrite_parameters", "check_estimators_overwrite_params"}
    # A Pipeline does not have the tag allow_nan of its steps, so that a check expects an error for missing values.
    assert failed(AutoencoderTransformer(max_epochs=3)) == in_place | {"check_estimators_nan_inf"}
    assert failed(PCA()) >= in_place


def test_estimator_checks_fail_for_a_broken_estimator():
    class Broken(AutoencoderTransformer):
        def transform(self, X):
            return super().transform(X) + np.random.standard_normal()

    results = check_estimator(Broken(max_epochs=1), on_fail=None)
    assert any(r["status"] == "failed" for r in results)
