"""Losses against numpy and torch, one number per sample."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from skae.model import Code, Trace, UnitInterval
from skae.objectives import LOSSES, Objective, check_loss

GENERATOR = torch.Generator().manual_seed(0)
OUTPUT, TARGET = (torch.randn(7, 2, 3, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
DIFFERENCE = (OUTPUT - TARGET).numpy().reshape(7, -1)
EXPECTED = {
    "mse": (DIFFERENCE**2).mean(1),
    "mae": np.abs(DIFFERENCE).mean(1),
    "huber": np.where(np.abs(DIFFERENCE) < 1, DIFFERENCE**2 / 2, np.abs(DIFFERENCE) - 0.5).mean(1),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_losses_equal_those_of_numpy(name):
    np.testing.assert_allclose(LOSSES[name](OUTPUT, TARGET), EXPECTED[name])


def test_cross_entropy_equals_that_of_torch_on_probabilities():
    link = UnitInterval(torch.ones(1), torch.zeros(1))
    output = torch.linspace(-0.3, 1.3, 50, dtype=torch.float64)[:, None]
    target = torch.rand(50, 1, generator=GENERATOR, dtype=torch.float64)
    expected = functional.binary_cross_entropy(link.to_sample(output), target, reduction="none")[:, 0]
    torch.testing.assert_close(LOSSES["bce"](output, target), expected, rtol=1e-6, atol=1e-9)


def test_binary_cross_entropy_is_finite_far_outside_of_0_to_1():
    output = torch.tensor([[-50.0], [50.0], [0.5]], requires_grad=True)
    loss = LOSSES["bce"](output, torch.tensor([[1.0], [0.0], [0.5]]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(output.grad).all()


def test_unit_interval_is_smooth_and_inside_0_to_1():
    link = UnitInterval(torch.ones(1), torch.zeros(1))
    output = torch.linspace(-2, 3, 10001)[:, None]
    shares = link.to_sample(output)[:, 0]
    assert shares.min() >= 0
    assert shares.max() <= 1
    slopes = shares.diff() / output[:, 0].diff()
    assert slopes.diff().abs().max() < 0.02
    middle = torch.tensor([[0.05], [0.5], [0.95]])
    torch.testing.assert_close(link.to_sample(middle), middle)


@pytest.mark.parametrize("name", LOSSES)
def test_objective_is_the_mean_loss_of_the_samples(name):
    trace = Trace(OUTPUT, TARGET.sigmoid(), Code(torch.zeros(7, 1), torch.zeros(7, 1)), OUTPUT)
    objective = Objective(name)
    assert objective.per_sample(trace).shape == (7,)
    torch.testing.assert_close(objective(trace), objective.per_sample(trace).mean())


def test_callable_losses_are_not_rescaled():
    trace = Trace(OUTPUT, TARGET, Code(torch.zeros(7, 1), torch.zeros(7, 1)), OUTPUT)
    named, callable_ = Objective("huber"), Objective(lambda output, target: LOSSES["huber"](output, target))
    torch.testing.assert_close(callable_(trace), named(trace))
    torch.testing.assert_close(callable_.per_sample(trace), named.per_sample(trace))


def test_a_module_as_loss_is_neither_trained_nor_put_into_training_mode():
    given = torch.nn.BatchNorm1d(3)
    objective = Objective(given)
    objective.train()
    assert not objective.loss.training
    assert given.training
    assert not any(parameter.requires_grad for parameter in objective.parameters())


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda output, target: (output - target).abs().mean(), r"Got shape \(\) instead"),
        (lambda output, target: (output - target).abs(), r"Got shape \(7, 2, 3\) instead"),
        (lambda output, target: (output - target).abs().mean((0, 1)), r"Got shape \(3,\) instead"),
        (lambda output, target: 1.0, "Got 1.0 of type float"),
        (lambda output, target: (output.detach() - target).abs().flatten(1).mean(1), "differentiable numbers"),
        (lambda output, target: target.clone().requires_grad_().flatten(1).mean(1), "depend on output"),
        (lambda output, target: (output - target).log().flatten(1).mean(1), "finite numbers with finite gradients"),
        (lambda output, target: (0 * output).sqrt().flatten(1).mean(1), "finite numbers with finite gradients"),
        (lambda output: output, "It failed: .*positional argument"),
    ],
)
def test_invalid_callable_losses_are_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        check_loss(loss, OUTPUT, TARGET)
