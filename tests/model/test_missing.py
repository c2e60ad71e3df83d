"""Values that training hides."""

import torch

from skae.model import MissingValues


def test_half_of_the_samples_lose_the_missing_values_of_another_sample():
    x = torch.zeros(4000, 6)
    x[::2, 3:] = torch.nan
    missing = MissingValues(0.75)
    missing.generator = torch.Generator().manual_seed(0)
    hidden = missing(x).isnan() & ~x.isnan()
    whole_block = hidden[1::2, 3:].all(1) & ~hidden[1::2, :3].any(1)
    assert 0.45 < float(whole_block.float().mean()) < 0.6
    assert 0.08 < float(hidden[::2, :3].float().mean()) < 0.12  # half of the samples, a fifth of their values
    assert bool((missing(x).isnan() | ~x.isnan()).all())
