"""The contract of every variant, alone and wrapped, and properties of single variants."""

import pickle

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer, Dense
from skae.variants import (
    VARIANTS,
    Adversarial,
    Contractive,
    Denoising,
    Hyperspherical,
    ImportanceWeighted,
    Info,
    Nested,
    Parts,
    Regularized,
    Sparse,
    Term,
    TotalCorrelation,
    VampPrior,
    Variant,
    Variational,
    VectorQuantized,
    Wasserstein,
    variant_for,
)
from skae.variants.bottlenecks import Bottleneck, Code, Prior
from skae.variants.penalties import SlicedWasserstein

X, y = load_digits(return_X_y=True)
SETTINGS = {
    "sparse kl": Sparse(form="kl"),
    "free bits": Variational(free_bits=0.2, warm_up=0.5),
    "capacity": Variational(beta=4, capacity=5.0),
    "factor": TotalCorrelation(estimate="discriminator"),
    "wasserstein rbf": Wasserstein(distance="rbf"),
    "wasserstein sliced": Wasserstein(distance="sliced"),
    "hyperspherical imq": Hyperspherical(distance="imq"),
    "regularized gradient": Regularized(smoothness="gradient"),
    "regularized spectral": Regularized(smoothness="spectral"),
    **{f"denoising {name}": Denoising(name) for name in ("gaussian", "salt_and_pepper", "swap")},
}
NOT_NESTABLE = ("vector_quantized", "hyperspherical", "importance_weighted")
PAIRS = {
    f"{wrapper} {name}": VARIANTS[wrapper](variant=name)
    for wrapper in ("denoising", "nested")
    for name in VARIANTS
    if name != "nested" and not (wrapper == "nested" and name in NOT_NESTABLE)
}
ALL = {**{name: name for name in VARIANTS}, **SETTINGS, **PAIRS, "denoising nested": Denoising(variant="nested")}


def quick(variant, n_components=4, **settings):
    return AutoencoderTransformer(n_components, variant=variant, **{"max_epochs": 2, "random_state": 0, **settings})


@pytest.mark.parametrize("variant", ALL.values(), ids=ALL.keys())
class TestEveryVariant:
    def test_fulfills_the_contract(self, variant):
        rows = X[:100]
        before = torch.get_rng_state(), np.random.get_state()[1].copy()
        fitted = quick(variant).fit(rows)
        Z = fitted.transform(rows)
        assert Z.shape == (100, 4)
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

    def test_fits_30_rows_with_one_component(self, variant):
        fitted = quick(variant, 1).fit(X[:30])
        assert np.isfinite(fitted.transform(X[:30])).all()
        fitted.partial_fit(X[:30])

    def test_is_better_than_the_mean_at_defaults(self, variant):
        # The trained weights are kept, also where they are worse than PCA.
        fitted = quick(variant, 8, max_epochs=4, early_stopping=False).fit(X[:200])
        assert fitted.score(X[500:700]) > 0.25


class TestVariational:
    def test_does_not_collapse_on_digits(self):
        fitted = AutoencoderTransformer(16, variant="variational", max_epochs=12, random_state=0).fit(X[:600])
        Z = fitted.transform(X[1300:]) / fitted.net_.module_.latent_scale.numpy()
        assert (Z.var(0) > 0.01).sum() >= 8
        assert fitted.score(X[1300:]) > 0.6

    def test_beta_weighs_the_kl_divergence(self):
        loose, tight = (quick(Variational(beta), 8, max_epochs=8).fit(X[:300]) for beta in (0.1, 20))
        assert loose.history_[-1]["train_kl_divergence"] > 2 * tight.history_[-1]["train_kl_divergence"]

    def test_the_kl_divergence_approaches_the_capacity(self):
        fitted = quick(Variational(beta=50, capacity=4.0), 8, max_epochs=15).fit(X[:800])
        assert fitted.history_[-1]["train_kl_divergence"] < 1.0  # nats away from 4


class TestVectorQuantized:
    def test_codes_are_sums_of_codebook_vectors(self):
        fitted = quick(VectorQuantized(8, 2), 4, max_epochs=6).fit(X[:300])
        assert len(np.unique(fitted.transform(X[:300]).round(4), axis=0)) <= 64
        bottleneck = fitted.net_.module_.bottleneck
        features = torch.from_numpy(fitted._result.codes)
        used = [len(torch.unique(column)) for column in bottleneck.indices(features).T]
        assert min(used) >= 4, "most of a codebook is dead"

    def test_a_codebook_larger_than_the_data(self):
        fitted = quick(VectorQuantized(512, 1)).fit(X[:40])
        assert np.isfinite(fitted.transform(X[:40])).all()


class TestSparseAndOthers:
    def test_a_sparse_code_has_few_large_coordinates(self):
        """By the measure of Hoyer (2004): 0 if all are equally large, 1 if all but one are zero."""
        dense, sparse = (quick(variant, 16, max_epochs=8).fit(X[:300]) for variant in (Sparse(0.0), Sparse(20.0)))

        def sparsity(fitted):
            code = fitted.transform(X[:300])
            code /= np.sqrt(np.square(code).mean(0))
            return np.mean(4 - np.abs(code).sum(1) / np.linalg.norm(code, axis=1)) / 3

        assert sparsity(sparse) > 1.3 * sparsity(dense)

    def test_two_corruptions_are_both_applied(self):
        corruption = Denoising("gaussian", 1.0, variant=Denoising("masking", 1.0)).parts().corruption
        assert not corruption(torch.ones(3, 4)).any()
        corruption = Denoising("masking", 1.0, variant=Denoising("gaussian", 1.0)).parts().corruption
        assert corruption(torch.ones(3, 4)).all()

    @pytest.mark.parametrize(
        ("optimizer", "own", "everywhere"),
        [("adamw", None, 0.1), ("adamw", 0.25, 0.25), ("adam", None, 0.0), ("adam", 0.25, 0.25)],
    )
    def test_weight_decay_applies_to_the_whole_regularized_decoder(self, optimizer, own, everywhere):
        net_params = None if own is None else {"optimizer__weight_decay": own}
        settings = {"optimizer": optimizer, "net_params": net_params}
        net = quick(Regularized(decoder_weight=0.5), **settings).fit(X[:100]).net_
        decay = {id(p): group["weight_decay"] for group in net.optimizer_.param_groups for p in group["params"]}
        module = net.module_
        assert [decay[id(path.weight)] for path in (module.linear.encoder, module.linear.decoder)] == [0.0, 0.5]
        assert decay[id(module.encoder[0].weight)] == everywhere
        assert decay[id(module.decoder[0].weight)] == everywhere + 0.5

    def test_a_contractive_encoder_has_a_smaller_jacobian(self):
        free, contractive = (quick(Contractive(weight), 8, max_epochs=8).fit(X[:300]) for weight in (0.0, 30.0))
        assert contractive.history_[-1]["train_jacobian"] < 0.7 * free.history_[-1]["train_jacobian"]

    def test_total_correlation_falls(self):
        free, tight = (quick(TotalCorrelation(beta), 6, max_epochs=8).fit(X[:400]) for beta in (1.0, 20.0))
        assert tight.history_[-1]["train_total_correlation"] < free.history_[-1]["train_total_correlation"]

    def test_total_correlation_keeps_most_units_by_default(self):
        fitted = quick("total_correlation", 16, max_epochs=10).fit(X[:800])
        codes = fitted.transform(X[:800]) / fitted.net_.module_.latent_scale.numpy()
        assert (codes.var(0) > 0.01).sum() > 12

    def test_codes_lie_on_the_sphere(self):
        fitted = quick("hyperspherical").fit(X[:200])
        Z = fitted.transform(X[:50]) / fitted.net_.module_.latent_scale.numpy()
        np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 2.0, rtol=1e-4)

    def test_info_without_kl_divergence_is_wasserstein(self):
        terms = {term.name: term.weight for term in Info(alpha=1.0, weight=5.0).parts().terms}
        assert terms == {"kl_divergence": 0.0, "mmd": 5.0}

    def test_warm_start_with_another_variant_is_an_error(self):
        fitted = quick("plain", warm_start=True).fit(X[:100])
        with pytest.raises(ValueError, match=r"variant=Variational\(\).*variant=Plain\(\)"):
            fitted.set_params(variant="variational").fit(X[:100])


class TestImportanceWeighted:
    def test_one_draw_is_about_as_good_as_the_variational_variant(self):
        variants = Variational(), ImportanceWeighted(1), ImportanceWeighted(8)
        bound, one, many = (quick(variant, 8, max_epochs=8).fit(X[:500]) for variant in variants)
        assert one.score(X[500:700]) == pytest.approx(bound.score(X[500:700]), abs=0.03)
        # With more draws, codes have a larger variance, because not every draw has to be likely.
        divergence = [fitted.history_[-1]["valid_kl_divergence"] for fitted in (one, many)]
        assert divergence[1] < 0.95 * divergence[0]

    def test_the_decoder_gets_every_draw(self):
        module = quick(ImportanceWeighted(3)).fit(X[:100]).net_.module_.train()
        trace = module(torch.zeros(7, 64))
        assert trace.output.shape == trace.target.shape == (21, 64)
        assert trace.code.decoder_input.shape == (21, 4)


class TestVampPrior:
    def test_pseudo_inputs_are_initialized_with_rows_and_trained(self):
        fitted = quick(VampPrior(10), max_epochs=6).fit(X[:300])
        pseudo_inputs = fitted.net_.module_.pseudo_inputs.detach()
        scaled = fitted._result.layout.to_network(torch.from_numpy(X[:300]))
        nearest = torch.cdist(pseudo_inputs, scaled).amin(1)
        assert pseudo_inputs.shape == (10, 64)
        assert bool((nearest > 0).all())
        assert float(nearest.mean()) < float(torch.cdist(scaled[:100], scaled[100:200]).mean())

    def test_new_codes_come_from_their_mixture(self):
        fitted = quick(VampPrior(3), max_epochs=3).fit(X[:300])
        module = fitted.net_.module_
        with torch.no_grad():
            code = module.bottleneck(module.features(module.pseudo_inputs))
        with torch.no_grad():
            sampler = module.fit_sampler(torch.from_numpy(fitted._result.codes))
        Z = sampler.sample(20_000, np.random.RandomState(0))
        np.testing.assert_allclose(Z.mean(0), code.mean.mean(0), atol=0.05)
        variance = code.extra("log_variance").exp().mean(0) + code.mean.var(0, correction=0)
        np.testing.assert_allclose(Z.var(0), variance, rtol=0.1)

    def test_pictures_and_fewer_rows_than_pseudo_inputs(self):
        fitted = quick(VampPrior(50)).fit(X[:20].reshape(-1, 8, 8))
        assert fitted.net_.module_.pseudo_inputs.shape == (50, 1, 8, 8)
        assert fitted.sample(2, random_state=0).shape == (2, 8, 8)


class UniformCube(Prior):
    """Independent uniform coordinates of variance 1."""

    def sample(self, n_samples, random):
        return random.uniform(-(3**0.5), 3**0.5, (n_samples, self.n_components))

    def draw_like(self, codes, generator):
        return torch.empty_like(codes).uniform_(-(3**0.5), 3**0.5, generator=generator)

    def marginal(self, k):
        return UniformCube(k)


class CubeCodes(Bottleneck):
    """A bottleneck with its own prior, extra, interpolation and stored codes."""

    max_kept = 50

    def __init__(self, n_components):
        super().__init__(n_components, UniformCube(n_components))

    def forward(self, features):
        code = self.deterministic_code(features)
        return Code(code, code, extras={"overflow": (features - code).square().sum(1)})

    def deterministic_code(self, features):
        return features.clamp(-(3**0.5), 3**0.5)

    def interpolate(self, a, b, t):
        return np.where(t < 0.5, a, b)


class Cube(Variant):
    """A variant with custom parts."""

    def parts(self):
        overflow = Term("overflow", 1.0, lambda trace: trace.code.extra("overflow"))
        return Parts(CubeCodes, (Term("sliced_wasserstein", 10.0, SlicedWasserstein()), overflow))


class TestCustomVariants:
    @pytest.mark.parametrize("variant", [Cube(), Denoising(variant=Cube()), Nested(Cube())])
    def test_a_bottleneck_supplies_sampler_interpolation_and_stored_codes(self, variant):
        fitted = quick(variant, 3).fit(X[:200])
        assert {"train_sliced_wasserstein", "train_overflow"} <= set(fitted.history_[-1])
        assert len(fitted._result.codes) == 50
        assert np.isfinite(fitted.sample(20, random_state=0)).all()
        steps = fitted.interpolate(X[:2], X[2:4], steps=4)
        np.testing.assert_array_equal(steps[:, 0], steps[:, 1])
        np.testing.assert_array_equal(steps[:, 2], steps[:, 3])
        Z = fitted.net_.module_.fit_sampler(torch.from_numpy(fitted._result.codes)).sample(
            1000, np.random.RandomState(0)
        )
        assert 1.7 < np.abs(Z).max() < 1.7321


class TestDiscriminators:
    def test_adversarial_codes_are_distributed_like_the_prior(self):
        wild, tame = (quick(Adversarial(w), 2, max_epochs=15).fit(X[:500]) for w in (0.0, 10.0))

        def unlike(fitted):
            Z = fitted.transform(X[:500]) / fitted.net_.module_.latent_scale.numpy()
            return sum(kstest(column, "norm").statistic for column in Z.T)

        assert unlike(tame) < 0.7 * unlike(wild)

    def test_the_discriminator_learns(self):
        fitted = quick(Adversarial(0.0), 4, max_epochs=8).fit(X[:500])
        last = fitted.history_[-1]
        assert last["train_discriminator"] < 0.8 * 2 * np.log(2)
        # The validation loss does not include it.
        assert last["valid_loss"] == pytest.approx(last["valid_reconstruction"], rel=1e-5)
        assert not {"valid_discriminator", "valid_kl_divergence"} & set(last)
        assert fitted.history_[-1]["train_kl_divergence"] > 0.1

    def test_a_discriminator_of_shuffled_codes_lowers_the_total_correlation(self):
        free, tight = (
            quick(TotalCorrelation(beta, estimate="discriminator"), 6, max_epochs=12).fit(X[:500])
            for beta in (1.0, 20.0)
        )
        assert tight.history_[-1]["train_total_correlation"] < 0.4 * free.history_[-1]["train_total_correlation"]
        assert tight.score(X[1000:]) > 0.5


@pytest.mark.parametrize(
    ("variant", "match"),
    [
        ("variatonal", "Did you mean 'variational'"),
        (3, "a name in VARIANTS or a variant such as Variational"),
        (Variational, "a name in VARIANTS or a variant such as Variational"),
        (
            Variational(free_bits=0.1, capacity=3.0),
            "'free_bits' parameter of Variational must be 0.0 with a capacity",
        ),
        (Variational(beta=-1), "'beta' parameter of Variational.*Got -1"),
        (Variational(warm_up=2), "'warm_up' parameter of Variational"),
        (Denoising("maskin"), "Did you mean 'masking'"),
        (Denoising("masking", 1.5), r"'amount' parameter of Denoising.*\[0.0, 1.0\].*Got 1.5"),
        (Denoising(variant="nothing"), "'variant' parameter of Denoising"),
        (Nested("vector_quantized"), "Nested cannot wrap 'vector_quantized'"),
        (Nested(Denoising(variant="nested")), "nested already"),
        (VectorQuantized(codebook_size=1), "'codebook_size' parameter"),
        (Sparse(rate=0.0), "'rate' parameter"),
        (TotalCorrelation(beta=0.5), "'beta' parameter of TotalCorrelation"),
        (Wasserstein(distance="mmd"), "'distance' parameter"),
        (Nested("importance_weighted"), "Nested cannot wrap 'importance_weighted'"),
        (ImportanceWeighted(0), "'n_draws' parameter of ImportanceWeighted.*Got 0"),
        (VampPrior(n_pseudo_inputs=2.5), "'n_pseudo_inputs' parameter of VampPrior"),
        (VampPrior(n_pseudo_inputs=10**9), "an estimated"),
        (Adversarial(-1), "'weight' parameter of Adversarial"),
        (TotalCorrelation(estimate="discriminators"), "Did you mean 'discriminator'"),
    ],
)
def test_invalid_variants_are_refused(variant, match):
    with pytest.raises((ValueError, TypeError), match=match):
        quick(variant).fit(X[:50])
