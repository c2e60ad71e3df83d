"""The same seed gives the same bits."""

import numpy as np
import torch
from sklearn.base import clone

from skae import AutoencoderTransformer, Dense

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_same_seed_gives_equal_bits_and_another_seed_does_not():
    first, again, other = (AutoencoderTransformer(2, max_epochs=5, random_state=s).fit(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.transform(X), again.transform(X))
    timeless = [[{k: v for k, v in row.items() if k != "duration"} for row in a.history_] for a in (first, again)]
    assert timeless[0] == timeless[1]
    assert first.history_[0]["train_loss"] != other.history_[0]["train_loss"]


def test_dropout_is_reproducible_and_leaves_the_global_generator_unchanged():
    before = torch.get_rng_state()
    estimator = AutoencoderTransformer(2, architecture=Dense((16,), dropout=0.5), early_stopping=False, **QUICK)
    codes = [clone(estimator).fit_transform(X) for _ in range(2)]
    np.testing.assert_array_equal(*codes)
    assert torch.equal(before, torch.get_rng_state())
