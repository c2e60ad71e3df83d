"""What holds for every variant and every pair of wrapper and variant, and what holds for single ones."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer, Dense
from skae.variants import (
    VARIANTS,
    Contractive,
    Denoising,
    Hyperspherical,
    Info,
    Ordered,
    Regularised,
    Sparse,
    TotalCorrelation,
    Variational,
    VectorQuantised,
    Wasserstein,
    variant_for,
)

X, y = load_digits(return_X_y=True)
SETTINGS = {
    "sparse divergence": Sparse(form="divergence"),
    "free bits": Variational(free_bits=0.2, warm_up=0.5),
    "capacity": Variational(beta=4, capacity=5.0),
    "wasserstein rbf": Wasserstein(distance="rbf"),
    "wasserstein sliced": Wasserstein(distance="sliced"),
    "hyperspherical imq": Hyperspherical(distance="imq"),
    "regularised gradient": Regularised(smoothness="gradient"),
    "regularised spectral": Regularised(smoothness="spectral"),
    **{f"denoising {name}": Denoising(name) for name in ("gaussian", "salt_and_pepper", "swap")},
}
PAIRS = {
    f"{wrapper} {name}": VARIANTS[wrapper](variant=name)
    for wrapper in ("denoising", "ordered")
    for name in VARIANTS
    if name != "ordered" and not (wrapper == "ordered" and name in ("vector_quantised", "hyperspherical"))
}
ALL = {**{name: name for name in VARIANTS}, **SETTINGS, **PAIRS, "denoising ordered": Denoising(variant="ordered")}


def quick(variant, n_components=4, **settings):
    return AutoencoderTransformer(n_components, variant=variant, **{"max_epochs": 2, "random_state": 0, **settings})


@pytest.mark.parametrize("variant", ALL.values(), ids=ALL.keys())
class TestEveryVariant:
    def test_keeps_the_contract(self, variant):
        rows = X[:200]
        before = torch.get_rng_state(), np.random.get_state()[1].copy()
        fitted = quick(variant).fit(rows)
        Z = fitted.transform(rows)
        assert Z.shape == (200, 4)
        assert Z.dtype == np.float32
        np.testing.assert_array_equal(Z, fitted.transform(rows))
        np.testing.assert_allclose(Z[:7], fitted.transform(rows[:7]), atol=1e-4)
        np.testing.assert_array_equal(fitted.inverse_transform(Z), fitted.reconstruct(rows))
        np.testing.assert_array_equal(Z, clone(fitted).fit(rows).transform(rows))
        np.testing.assert_array_equal(Z, pickle.loads(pickle.dumps(fitted)).transform(rows))
        assert torch.equal(before[0], torch.get_rng_state())
        assert (before[1] == np.random.get_state()[1]).all()
        terms = {f"train_{term.name}" for term in variant_for(variant).parts().terms}
        assert terms <= set(fitted.history_[-1])
        assert all(np.isfinite(list(row.values())).all() for row in fitted.history_)
        assert fitted.sample(3, random_state=0).shape == (3, 64)

    def test_gradient_reaches_every_parameter(self, variant):
        fitted = quick(variant, architecture=Dense((16,), linear_path=False)).fit(X[:100])
        module, objective = fitted.net_.module_.train(), fitted.net_.criterion_.train()
        module.zero_grad()
        objective(module(torch.randn(32, 64, generator=torch.Generator().manual_seed(0)))).backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert bool(parameter.grad.any()), name

    def test_survives_30_rows_and_one_component(self, variant):
        fitted = quick(variant, 1).fit(X[:30])
        assert np.isfinite(fitted.transform(X[:30])).all()
        fitted.partial_fit(X[:30])

    def test_beats_the_mean_at_defaults(self, variant):
        assert quick(variant, 8, max_epochs=8).fit(X[:500]).score(X[500:700]) > 0.25


class TestVariational:
    def test_does_not_collapse_on_digits(self):
        fitted = AutoencoderTransformer(16, variant="variational", random_state=0).fit(X[:1300])
        Z = fitted.transform(X[1300:]) / fitted.net_.module_.latent_scale.numpy()
        assert (Z.var(0) > 0.01).sum() >= 8
        assert fitted.score(X[1300:]) > 0.6

    def test_beta_weighs_the_divergence(self):
        loose, tight = (quick(Variational(beta), 8, max_epochs=8).fit(X[:500]) for beta in (0.1, 20))
        assert loose.history_[-1]["train_divergence"] > 2 * tight.history_[-1]["train_divergence"]

    def test_capacity_is_what_the_divergence_is_held_at(self):
        fitted = quick(Variational(beta=50, capacity=4.0), 8, max_epochs=15).fit(X[:800])
        assert fitted.history_[-1]["train_divergence"] < 1.0  # nats away from 4


class TestVectorQuantised:
    def test_codes_are_sums_of_codebook_vectors(self):
        fitted = quick(VectorQuantised(8, 2), 4, max_epochs=6).fit(X[:500])
        assert len(np.unique(fitted.transform(X[:500]).round(4), axis=0)) <= 64
        bottleneck = fitted.net_.module_.bottleneck
        features = torch.from_numpy(fitted._codes)
        used = [len(torch.unique(column)) for column in bottleneck.indices(features).T]
        assert min(used) >= 4, "most of a codebook is dead"

    def test_a_codebook_larger_than_the_data(self):
        fitted = quick(VectorQuantised(512, 1)).fit(X[:40])
        assert np.isfinite(fitted.transform(X[:40])).all()


class TestSparseAndOthers:
    def test_a_sparse_code_is_smaller(self):
        dense, sparse = (quick(variant, 16, max_epochs=8).fit(X[:500]) for variant in (Sparse(0.0), Sparse(20.0)))

        def size(fitted):
            return np.abs(fitted.transform(X[:500]) / fitted.net_.module_.latent_scale.numpy()).mean()

        assert size(sparse) < 0.8 * size(dense)

    def test_a_contractive_code_is_flatter(self):
        steep, flat = (quick(Contractive(weight), 8, max_epochs=8).fit(X[:500]) for weight in (0.0, 30.0))
        assert flat.history_[-1]["train_slope"] < 0.7 * steep.history_[-1]["train_slope"]

    def test_total_correlation_falls(self):
        free, tight = (quick(TotalCorrelation(beta), 6, max_epochs=8).fit(X[:800]) for beta in (1.0, 20.0))
        assert tight.history_[-1]["train_total_correlation"] < free.history_[-1]["train_total_correlation"]

    def test_codes_lie_on_the_sphere(self):
        fitted = quick("hyperspherical").fit(X[:200])
        Z = fitted.transform(X[:50]) / fitted.net_.module_.latent_scale.numpy()
        np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 2.0, rtol=1e-4)

    def test_info_without_divergence_is_wasserstein(self):
        terms = {term.name: term.weight for term in Info(alpha=1.0, weight=5.0).parts().terms}
        assert terms == {"divergence": 0.0, "discrepancy": 5.0}

    def test_warm_start_with_another_variant_is_an_error(self):
        fitted = quick("plain", warm_start=True).fit(X[:100])
        with pytest.raises(ValueError, match=r"variant=Variational\(\).*variant=Plain\(\)"):
            fitted.set_params(variant="variational").fit(X[:100])


@pytest.mark.parametrize(
    ("variant", "match"),
    [
        ("variatonal", "Did you mean 'variational'"),
        (3, "a name in VARIANTS or a variant such as Variational"),
        (Variational, "a name in VARIANTS or a variant such as Variational"),
        (Variational(beta=-1), "'beta' parameter of Variational.*Got -1"),
        (Variational(warm_up=2), "'warm_up' parameter of Variational"),
        (Denoising("maskin"), "Did you mean 'masking'"),
        (Denoising("masking", 1.5), r"'amount' parameter of Denoising.*\[0.0, 1.0\].*Got 1.5"),
        (Denoising(variant="nothing"), "'variant' parameter of Denoising"),
        (Ordered("vector_quantised"), "Ordered cannot wrap 'vector_quantised'"),
        (Ordered(Denoising(variant="ordered")), "ordered already"),
        (VectorQuantised(codebook_size=1), "'codebook_size' parameter"),
        (Sparse(rate=0.0), "'rate' parameter"),
        (TotalCorrelation(beta=0.5), "'beta' parameter of TotalCorrelation"),
        (Wasserstein(distance="mmd"), "'distance' parameter"),
    ],
)
def test_bad_variants(variant, match):
    with pytest.raises((ValueError, TypeError), match=match):
        quick(variant).fit(X[:50])
