"""Penalties against closed forms."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.distributions import Categorical, Normal, kl_divergence

from skae.model import Code, Deterministic, StandardNormal, Trace, UniformSphere
from skae.model.bottlenecks import importance_weighted_bound
from skae.objectives import Objective, Term
from skae.objectives.penalties import (
    MMD,
    DecoderJacobianPenalty,
    EncoderJacobianPenalty,
    KLSparsity,
    SlicedWasserstein,
    gaussian_kl,
    l1_penalty,
    l2_penalty,
    mixture_kl,
    monte_carlo_kl,
    prediction_error,
    total_correlation,
)

random = torch.Generator().manual_seed(0)
MEAN, LOG_VARIANCE = torch.randn(64, 3, generator=random), torch.randn(64, 3, generator=random)


def trace_of(latent, mean=None, log_variance=None, seen=None, output=None, prior=None):
    mean = latent if mean is None else mean
    seen = latent if seen is None else seen
    code = Code(latent, mean, extras={"log_variance": log_variance})
    return Trace(seen, seen, code, seen if output is None else output, prior)


def seeded(penalty):
    penalty.generator = torch.Generator().manual_seed(0)
    return penalty


def test_kl_divergence_equals_that_of_torch():
    expected = kl_divergence(Normal(MEAN, (LOG_VARIANCE / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(gaussian_kl(trace_of(MEAN, MEAN, LOG_VARIANCE)), expected)


def test_kl_divergence_of_draws_equals_that_of_torch_on_average():
    noise = torch.randn(20_000, *MEAN.shape, generator=random)
    drawn = MEAN + (LOG_VARIANCE / 2).exp() * noise
    extras = {"log_variance": LOG_VARIANCE}
    code = Code(drawn[0], MEAN, drawn.flatten(0, 1), repeats=len(drawn), extras=extras)
    found = monte_carlo_kl(Trace(MEAN, MEAN, code, MEAN)).view(len(drawn), -1).mean(0)
    torch.testing.assert_close(found, gaussian_kl(trace_of(MEAN, MEAN, LOG_VARIANCE)), atol=0.1, rtol=0.05)


def supervised_trace(prediction, y, repeats=1):
    return replace(trace_of(MEAN), code=Code(MEAN, MEAN, repeats=repeats), prediction=prediction, y=y)


def test_prediction_error_of_classes_is_minus_the_log_probability_and_0_where_missing():
    y = torch.arange(64) % 4 - 1
    found = prediction_error(supervised_trace(MEAN.repeat(2, 1), y, repeats=2))
    expected = -Categorical(logits=MEAN).log_prob(y.clamp(min=0)) * (y >= 0)
    torch.testing.assert_close(found, expected.repeat(2))


def test_prediction_error_of_numbers_is_the_mean_square_and_0_where_missing():
    y = MEAN + torch.tensor([1.0, 2.0, torch.nan])
    prediction = MEAN.clone().requires_grad_()
    found = prediction_error(supervised_trace(prediction, y))
    torch.testing.assert_close(found, torch.full((64,), 5 / 3))
    found.sum().backward()
    assert bool(prediction.grad.isfinite().all())
    assert not bool(prediction.grad[:, 2].any())


def test_prediction_error_without_y_is_an_error():
    with pytest.raises(ValueError, match=r"fit\(X, y\)"):
        prediction_error(trace_of(MEAN))


def pseudo_input_trace(mean, log_variance):
    pseudo_codes = Code(mean, mean, extras={"log_variance": log_variance})
    code = Code(MEAN, MEAN, extras={"log_variance": LOG_VARIANCE, "pseudo_codes": pseudo_codes})
    return Trace(MEAN, MEAN, code, MEAN)


def test_kl_divergence_from_a_mixture_of_one_equals_that_of_torch():
    mean, log_variance = (torch.randn(1, 3, generator=random) for _ in range(2))
    own = Normal(MEAN, (LOG_VARIANCE / 2).exp())
    expected = kl_divergence(own, Normal(mean, (log_variance / 2).exp())).sum(1)
    torch.testing.assert_close(mixture_kl(pseudo_input_trace(mean, log_variance)), expected)
    repeated = mixture_kl(pseudo_input_trace(mean.repeat(5, 1), log_variance.repeat(5, 1)))
    torch.testing.assert_close(repeated, expected)


def test_kl_divergence_from_a_mixture_is_bounded_from_above():
    mean, log_variance = torch.randn(4, 3, generator=random), torch.randn(4, 3, generator=random)
    bound = mixture_kl(pseudo_input_trace(mean, log_variance))
    own = Normal(MEAN, (LOG_VARIANCE / 2).exp())
    drawn = MEAN + (LOG_VARIANCE / 2).exp() * torch.randn(20_000, *MEAN.shape, generator=random)
    each = Normal(mean[:, None, None], (log_variance / 2).exp()[:, None, None]).log_prob(drawn).sum(-1)
    exact = (own.log_prob(drawn).sum(-1) - each.logsumexp(0) + math.log(4)).mean(0)
    assert bool((bound >= exact - 0.05).all())
    assert float((bound - exact).mean()) < 1.0


def test_the_objective_of_draws_is_the_bound_of_burda():
    """Its gradient is that of the logarithm of the mean of likelihoods over draws, at the best noise variance."""
    x, output = torch.randn(8, 5, generator=random), torch.randn(3, 8, 5, generator=random)
    mean, log_variance = MEAN[:8], LOG_VARIANCE[:8]
    drawn = (mean + (log_variance / 2).exp() * torch.randn(3, 8, 3, generator=random)).requires_grad_()
    output.requires_grad_()
    extras = {"log_variance": log_variance}
    code = Code(
        drawn[0], mean, drawn.flatten(0, 1), 3, reduce=partial(importance_weighted_bound, n_draws=3), extras=extras
    )
    objective = Objective("mse", (Term("kl_divergence", 1.0, monte_carlo_kl),))
    target = x.repeat(3, 1)
    objective(Trace(x, target, code, output.flatten(0, 1))).backward()
    ours = output.grad.clone(), drawn.grad.clone()
    output.grad = drawn.grad = None
    variance = (output - x).square().mean().detach()
    likelihood = Normal(output, variance.sqrt()).log_prob(x).sum(2)
    ratio = Normal(0.0, 1.0).log_prob(drawn).sum(2) - Normal(mean, (log_variance / 2).exp()).log_prob(drawn).sum(2)
    bound = ((likelihood + ratio).logsumexp(0) - math.log(3)).mean()
    (-bound * 2 * variance / 5).backward()
    torch.testing.assert_close(ours[0], output.grad)
    torch.testing.assert_close(ours[1], drawn.grad)


def test_l1_and_l2_penalties_equal_their_closed_forms():
    unit = MEAN / MEAN.square().mean(0).sqrt()
    torch.testing.assert_close(l1_penalty(trace_of(MEAN)), unit.abs().sum(1))
    torch.testing.assert_close(l1_penalty(trace_of(5 * MEAN)), unit.abs().sum(1))
    torch.testing.assert_close(l2_penalty(trace_of(MEAN)), 0.5 * MEAN.norm(dim=1) ** 2)


def test_kl_sparsity_is_zero_at_its_rate():
    rate = 0.2
    codes = torch.full((5, 3), math.log(rate / (1 - rate)))
    torch.testing.assert_close(KLSparsity(rate)(trace_of(codes)), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert KLSparsity(rate)(trace_of(codes + 1)) > 0


def test_encoder_jacobian_penalty_is_the_frobenius_norm_on_average():
    weight = torch.randn(3, 5, generator=random)
    x = torch.randn(4000, 5, generator=random, requires_grad=True)
    jacobian = seeded(EncoderJacobianPenalty())(trace_of(x @ weight.T, seen=x))
    torch.testing.assert_close(jacobian.mean(), weight.square().sum(), rtol=0.05, atol=0)


def test_decoder_jacobian_penalty_is_the_frobenius_norm_on_average():
    weight = torch.randn(5, 3, generator=random)
    codes = torch.randn(4000, 3, generator=random, requires_grad=True)
    jacobian = seeded(DecoderJacobianPenalty())(trace_of(codes, output=codes @ weight.T))
    torch.testing.assert_close(jacobian.mean(), weight.square().sum(), rtol=0.05, atol=0)


def test_total_correlation_rises_with_dependence():
    low = torch.full((512, 3), -4.0)
    independent = torch.randn(512, 3, generator=random)
    same = torch.randn(512, 1, generator=random).expand(512, 3)
    values = [
        total_correlation(trace_of(mean + low.div(2).exp() * torch.randn(512, 3, generator=random), mean, low)).mean()
        for mean in (independent, same)
    ]
    assert values[0] < 1.5
    assert values[1] > values[0] + 1.5


@pytest.mark.parametrize("penalty", [MMD("imq"), MMD("rbf"), SlicedWasserstein()])
@pytest.mark.parametrize("prior", [StandardNormal(3), UniformSphere(3)])
def test_distances_are_about_zero_at_the_prior_and_larger_elsewhere(penalty, prior):
    codes = torch.randn(800, 3, generator=random)
    if isinstance(prior, UniformSphere):
        codes = codes / codes.norm(dim=1, keepdim=True) * math.sqrt(3)
    at, near, far = (float(seeded(penalty)(trace_of(codes + d, prior=prior))) for d in (0.0, 0.5, 2.0))
    assert abs(at) < 0.05
    assert at < near < far


def test_sliced_distance_of_a_shift_is_its_square():
    codes = torch.randn(20000, 4, generator=random)
    shift = torch.tensor([1.0, 0.0, 0.0, 0.0])
    value = seeded(SlicedWasserstein())(trace_of(codes + shift, prior=StandardNormal(4)))
    torch.testing.assert_close(value, torch.tensor(1.0), atol=0.4, rtol=0)


def test_the_objective_is_the_evidence_lower_bound():
    """Its gradient is that of the bound per feature, at the best noise variance."""
    x, output = (torch.randn(64, 10, generator=random) for _ in range(2))
    output.requires_grad_()
    mean = MEAN.clone().requires_grad_()
    objective = Objective("mse", (Term("kl_divergence", 1.0, gaussian_kl),))
    objective(Trace(x, x, Code(mean, mean, extras={"log_variance": LOG_VARIANCE}), output)).backward()
    ours = output.grad.clone(), mean.grad.clone()
    output.grad = mean.grad = None
    variance = (output - x).square().mean().detach()
    likelihood = Normal(output, variance.sqrt()).log_prob(x).sum(1)
    bound = (likelihood - kl_divergence(Normal(mean, (LOG_VARIANCE / 2).exp()), Normal(0.0, 1.0)).sum(1)).mean()
    (-bound * 2 * variance / 10).backward()
    torch.testing.assert_close(ours[0], output.grad)
    torch.testing.assert_close(ours[1], mean.grad)


def test_weights_rise_in_the_warm_up_of_training_only():
    objective = Objective("bce", (Term("size", 2.0, l2_penalty, warm_up=0.5),))
    objective.progress = 0.25
    assert objective.train()._weight(objective.terms[0], 1.0) == 1.0
    assert objective.eval()._weight(objective.terms[0], 1.0) == 2.0


def test_a_penalty_names_the_missing_extra_or_prior():
    with pytest.raises(ValueError, match=r"needs the extra 'log_variance'.*Combine the penalty with one"):
        gaussian_kl(Trace(MEAN, MEAN, Deterministic(3)(MEAN), MEAN))
    with pytest.raises(ValueError, match=r"the bottleneck has none\. Pass one to it"):
        MMD()(trace_of(MEAN))
