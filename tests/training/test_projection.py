"""Wide rows: training on coordinates is training on all features."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA
from torch import nn

from skae import AutoencoderTransformer, Convolutional, Custom, Dense, load, save
from skae.exceptions import PCAKeptWarning
from skae.model import Code, Projection, Trace
from skae.objectives import Objective, Term
from skae.training import projection
from skae.variants import Denoising
from skae.variants.penalties import l2_penalty

RANDOM = np.random.RandomState(0)
# Curved rows of 1,100 features in three dimensions, and noise.
LATENT = RANDOM.standard_normal((70, 3))
X = np.sin(LATENT @ RANDOM.standard_normal((3, 1100))) + 0.3 * RANDOM.standard_normal((70, 1100))
SMALL = Dense((8,))
SETTINGS = {"architecture": SMALL, "max_epochs": 2, "random_state": 0}


def fit(X=X, n_components=3, fit_params=None, **settings):
    return AutoencoderTransformer(n_components, **{**SETTINGS, **settings}).fit(X, **(fit_params or {}))


def n_coordinates(autoencoder):
    found = autoencoder.net_.module_.projection
    return None if found is None else found.n_coordinates


@pytest.fixture
def few_coordinates(monkeypatch):
    """Coordinates that leave out much of each row."""
    monkeypatch.setattr(projection, "FEWEST", 5)
    monkeypatch.setattr(projection, "MOST", 5)


def test_coordinates_are_those_of_an_orthonormal_basis():
    components = torch.linalg.qr(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)))[0].T
    given = Projection(components, (3, 4))
    coordinates = torch.arange(8.0).view(2, 4)
    samples = given.decode(coordinates)
    assert samples.shape == (2, 3, 4)
    torch.testing.assert_close(given.encode(samples), coordinates)
    # Mean squares over coordinates are those over features.
    torch.testing.assert_close(samples.square().mean((1, 2)), coordinates.square().mean(1))


def test_the_loss_on_coordinates_is_that_on_features():
    on_coordinates, on_features = fit(), fit(architecture=Dense((8,), projection=None))
    assert n_coordinates(on_coordinates) == 69
    assert n_coordinates(on_features) is None
    losses = [autoencoder.history_[0]["pca_loss"] for autoencoder in (on_coordinates, on_features)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_losses_include_what_coordinates_leave_out(few_coordinates):
    autoencoder = fit(X[:50], fit_params={"X_val": X[50:]}, early_stopping=False, max_epochs=1)
    assert n_coordinates(autoencoder) == 5
    valid_loss = -autoencoder.score_samples(X[50:]).mean()
    assert autoencoder.history_[0]["valid_loss"] == pytest.approx(valid_loss, rel=1e-5)
    assert autoencoder.explained_variance_ratio_.sum() == pytest.approx(autoencoder.score(X[:50]), rel=1e-5)


def test_explained_variance_of_nested_codes_includes_what_coordinates_leave_out(few_coordinates):
    autoencoder = fit(variant="nested", early_stopping=False)
    assert autoencoder.explained_variance_ratio_.sum() == pytest.approx(autoencoder.score(X), rel=1e-5)


@pytest.mark.parametrize("rows", [X, sparse.csr_array(np.where(X > 0.8, X, 0.0))], ids=["dense", "sparse"])
@pytest.mark.parametrize("gram_rows", [0, 2048], ids=["PCA", "inner products"])
def test_where_pca_is_kept_results_are_those_of_pca(rows, gram_rows, monkeypatch):
    monkeypatch.setattr(projection, "GRAM_ROWS", gram_rows)
    with pytest.warns(PCAKeptWarning):
        autoencoder = fit(rows, lr=1e-9, max_epochs=10)
    dense = rows.toarray() if sparse.issparse(rows) else rows
    pca = PCA(3, svd_solver="full").fit(dense)
    assert autoencoder.is_pca_
    assert n_coordinates(autoencoder) == 69
    np.testing.assert_allclose(autoencoder.transform(rows), pca.transform(dense), atol=1e-3)
    np.testing.assert_allclose(autoencoder.components_, pca.components_, atol=1e-4)
    np.testing.assert_allclose(autoencoder.explained_variance_, pca.explained_variance_, rtol=1e-4)
    reconstructed = pca.inverse_transform(pca.transform(dense))
    np.testing.assert_allclose(autoencoder.reconstruct(rows), reconstructed, atol=1e-4)


def test_components_of_a_network_are_the_mean_jacobian_of_its_decoder():
    autoencoder = fit(early_stopping=False, max_epochs=4)
    codes = autoencoder.transform(X)
    step = 0.1 * codes.std(0)[0] * np.eye(3)[0]
    change = autoencoder.inverse_transform(codes + step) - autoencoder.inverse_transform(codes - step)
    expected = change.mean(0) / (2 * step[0])
    np.testing.assert_allclose(autoencoder.components_[0], expected, atol=0.05 * np.abs(expected).max())


def test_pictures_with_dense_layers_are_projected():
    autoencoder = fit(X.reshape(70, 22, 50), axes="h w", scaling="global")
    assert n_coordinates(autoencoder) == 69
    np.testing.assert_allclose(
        autoencoder.transform(X.reshape(70, 22, 50)), fit(scaling="global").transform(X), atol=1e-3
    )
    assert autoencoder.components_.shape == (3, 1100)


def test_codes_may_have_more_components_than_the_rows_have_dimensions():
    autoencoder = fit(X[:20], 30)
    assert n_coordinates(autoencoder) == 30
    assert autoencoder.score(X[:20]) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": Denoising()},
        {"variant": "contractive"},
        {"loss": "mae"},
        {"architecture": Dense((8,), projection=None)},
        {"architecture": Custom(nn.Linear(1100, 3), nn.Linear(3, 1100))},
        {"architecture": Convolutional(channels=(2,)), "axes": "t"},
    ],
    ids=str,
)
def test_rows_are_not_projected_if_features_matter(settings):
    assert n_coordinates(fit(max_epochs=1, **settings)) is None


def test_rows_of_few_features_and_partial_fit_are_not_projected():
    assert n_coordinates(fit(X[:, :1023])) is None
    assert n_coordinates(AutoencoderTransformer(3, **SETTINGS).partial_fit(X)) is None


def test_penalties_weigh_as_much_on_coordinates_as_on_features(few_coordinates):
    generator = torch.Generator().manual_seed(0)
    output, target, latent = (torch.randn(size, generator=generator) for size in ((6, 20), (6, 20), (6, 2)))
    terms = (Term("l2", 1.0, l2_penalty),)
    given = Projection(torch.linalg.qr(torch.randn(20, 5, generator=generator))[0].T, (20,))
    # The output is in the span of the components, the target is not.
    seen = given.encode(target)
    residual = (target - given.decode(seen)).square().mean()
    on_features, on_coordinates = Objective("mse", terms), Objective("mse", terms)
    on_coordinates.n_features, on_coordinates.residual = 20, float(residual)
    code = Code(latent, latent)
    expected = on_features(Trace(target, target, code, given.decode(given.encode(output))))
    loss = on_coordinates(Trace(seen, seen, code, given.encode(output)))
    torch.testing.assert_close(loss + residual, expected)


def test_training_continues_on_the_same_coordinates():
    autoencoder = fit(warm_start=True, early_stopping=False)
    before = autoencoder.net_.module_.projection.components.clone()
    autoencoder.fit(X)
    assert torch.equal(autoencoder.net_.module_.projection.components, before)
    assert autoencoder.n_iter_ == 4
    autoencoder.partial_fit(X[:40])
    assert torch.equal(autoencoder.net_.module_.projection.components, before)


def test_coordinates_do_not_depend_on_features_whose_scale_changes_in_partial_fit():
    rows = X.copy()
    rows[:, 7] = 1.0
    autoencoder = fit(rows)
    autoencoder.partial_fit(X)
    components = autoencoder.net_.module_.projection.components
    assert not components[:, 7].any()
    assert components[:, 8].any()


def test_fits_are_bitwise_equal():
    assert np.array_equal(fit().transform(X), fit().transform(X))


def test_layer_table_has_the_projection():
    autoencoder = fit()
    names = [row.name for row in autoencoder._result.layers]
    assert names[:2] == ["samples", "principal axes"]
    assert names[-1] == "principal axes, back"


def test_invalid_projection_is_an_error():
    with pytest.raises(ValueError, match="'projection' parameter of Dense"):
        fit(architecture=Dense(projection=100))


def test_missing_values_are_filled_before_rows_are_projected():
    autoencoder = fit(n_components=5, architecture=Dense((32,)), max_epochs=30)
    holes = X.copy()
    holes[3, :40] = np.nan
    with pytest.warns(UserWarning, match="missing"):
        codes = autoencoder.transform(holes)
    spread = np.linalg.norm(autoencoder.transform(X).std(0))
    assert np.linalg.norm(codes[3] - autoencoder.transform(X)[3]) < 0.2 * spread
    autoencoder.partial_fit(holes)
    assert np.isfinite(autoencoder.transform(holes)).all()
    assert n_coordinates(fit(holes)) is None


@pytest.mark.parametrize("is_promising", [False, True])
def test_a_small_network_is_trained_if_its_trial_is_not_better_than_pca(is_promising, monkeypatch, tmp_path):
    def train_fold(spec, train, validation, losses):
        assert spec.max_epochs == 75  # of four batches
        losses.at_start, losses.by_epoch = np.ones(7), [np.full(7, 0.9 if is_promising else 1.1)]

    with monkeypatch.context() as patched:
        patched.setattr("skae.training.fit.train_fold", train_fold)
        autoencoder = fit(architecture="dense", max_epochs=1, n_components=9)
    assert autoencoder._result.layers[2].shape == ((512,) if is_promising else (256,))
    assert repr(autoencoder.architecture_) == "Dense()"
    save(autoencoder, tmp_path / "model.skae")
    loaded = load(tmp_path / "model.skae")
    assert np.array_equal(loaded.transform(X), autoencoder.transform(X))
