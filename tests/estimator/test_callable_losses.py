"""Losses that are functions or modules of the user."""

import copy

import numpy as np
import pytest
import torch
from sample_kinds import samples
from torch import nn

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, **QUICK).fit(X)


class TestCallableLosses:
    @staticmethod
    def squares(output, target):
        return (output - target).square().flatten(1).mean(1)

    @pytest.mark.parametrize("shape", [(6,), (9, 8), (8, 7, 3)])
    @pytest.mark.parametrize("variant", ["plain", "importance_weighted", "nested"])
    def test_callable_losses_train(self, shape, variant):
        given = samples(shape)
        fitted = AutoencoderTransformer(2, loss=self.squares, variant=variant, **QUICK).fit(given)
        assert np.isfinite(fitted.score(given))

    def test_callable_mse_equals_the_named_loss(self):
        by_name, by_callable = (AutoencoderTransformer(2, loss=loss, **QUICK).fit(X) for loss in ("mse", self.squares))
        np.testing.assert_allclose(by_callable.transform(X), by_name.transform(X), rtol=1e-4, atol=1e-5)

    def test_loss_modules_are_copied(self):
        class Weighted(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.arange(6.0))

            def forward(self, output, target):
                return ((output - target).square() * self.weight).mean(1)

        given = Weighted()
        fitted = AutoencoderTransformer(2, loss=given, **QUICK).fit(X)
        assert given.weight.grad is None
        torch.testing.assert_close(given.weight.detach(), torch.arange(6.0))
        torch.testing.assert_close(fitted.net_.criterion_.loss.weight.detach(), torch.arange(6.0))

    @pytest.mark.parametrize("loss", [nn.MSELoss(), nn.MSELoss(reduction="none"), lambda output, target: 0.0])
    def test_losses_of_the_wrong_shape_are_refused_before_training(self, fitted, loss):
        estimator = copy.copy(fitted).set_params(loss=loss)
        with pytest.raises(ValueError, match=r"must map \(output, target\).*to 2 numbers, one for each sample"):
            estimator.fit(X)
        assert estimator.net_ is fitted.net_

    @pytest.mark.parametrize("loss", [nn.MSELoss, 3, None])
    def test_objects_that_are_not_losses_are_refused(self, loss):
        with pytest.raises(ValueError, match=r"'loss' parameter .* or a callable that takes"):
            AutoencoderTransformer(2, loss=loss).fit(X)

    def test_averages_over_the_wrong_axis_are_refused_for_any_number_of_features(self):
        two = X[:, :2]
        with pytest.raises(ValueError, match=r"Got shape \(2,\) instead"):
            AutoencoderTransformer(1, loss=lambda output, target: (output - target).abs().mean(0)).fit(two)

    def test_warm_start_accepts_another_callable_loss(self):
        estimator = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(X).set_params(loss=self.squares).fit(X)
        assert estimator.set_params(loss="auto").fit(X).n_iter_ == 6
        with pytest.raises(ValueError, match="cannot continue with loss='bce'"):
            estimator.set_params(loss="bce").fit(X)

    def test_losses_that_draw_leave_the_global_generator_unchanged(self):
        def noisy(output, target):
            return self.squares(output + 0.1 * torch.randn_like(output), target)

        before = torch.get_rng_state()
        one, two = (AutoencoderTransformer(2, loss=noisy, **QUICK).fit(X) for _ in range(2))
        torch.testing.assert_close(torch.get_rng_state(), before)
        np.testing.assert_array_equal(one.transform(X), two.transform(X))
