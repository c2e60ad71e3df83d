"""Values that training hides, and missing values that are filled."""

import pytest
import torch
from torch import nn

from skae.model import Autoencoder, Deterministic, EncoderDecoder, Identity, MissingValues
from skae.model.layers import SeededDropout, SpectralNorm


def test_half_of_the_samples_lose_the_missing_values_of_another_sample():
    x = torch.zeros(4000, 6)
    x[::2, 3:] = torch.nan
    missing = MissingValues(0.75, (-torch.ones(6), torch.ones(6)))
    missing.generator = torch.Generator().manual_seed(0)
    hidden = missing(x).isnan() & ~x.isnan()
    whole_block = hidden[1::2, 3:].all(1) & ~hidden[1::2, :3].any(1)
    assert 0.45 < float(whole_block.float().mean()) < 0.6
    assert 0.08 < float(hidden[::2, :3].float().mean()) < 0.12  # half of the samples, a fifth of their values
    assert bool((missing(x).isnan() | ~x.isnan()).all())


def overshooting(encoder):
    """An autoencoder of one component whose reconstruction of x is about -8 x."""
    parts = EncoderDecoder(encoder, nn.Linear(1, 3))
    limits = torch.full((3,), -2.0), torch.full((3,), 2.0)
    missing = MissingValues(0.75, limits)
    return Autoencoder(parts, None, torch.ones(1), Identity(), Deterministic(1), missing=missing)


def test_filled_values_stay_within_the_limits():
    module = overshooting(nn.Linear(3, 1)).eval()
    with torch.no_grad():
        for layer in (module.encoder, module.decoder):
            layer.weight.fill_(-9.0)
    filled = module.fill(torch.tensor([[1.0, torch.nan, torch.nan], [1.0, 5.0, 5.0]]))
    assert filled[0].tolist() == [1.0, 2.0, 2.0]
    assert filled[1].tolist() == [1.0, 5.0, 5.0]
    other = module.fill(torch.tensor([[1.0, torch.nan, torch.nan]]), (torch.zeros(3), torch.full((3,), 7.0)))
    assert other[0].tolist() == [1.0, 7.0, 7.0]


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), SpectralNorm(nn.Linear(3, 3)), SeededDropout(0.5)])
def test_filling_changes_no_state_and_is_that_of_inference(layer):
    module = overshooting(nn.Sequential(layer, nn.Linear(3, 1))).train()
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    x[::3, 1] = torch.nan
    before = {name: value.clone() for name, value in module.state_dict().items()}
    filled = module.fill(x)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(part.training for part in module.modules())
    torch.testing.assert_close(filled, module.eval().fill(x), rtol=0, atol=0)
