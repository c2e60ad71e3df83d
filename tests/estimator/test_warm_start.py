"""fit and partial_fit continue only where the samples and the outputs are the same."""

import numpy as np
import pytest

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_going_on_with_a_loss_of_other_outputs_is_refused():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(X)
    autoencoder.set_params(loss="huber").fit(X)
    for call in (autoencoder.fit, autoencoder.partial_fit):
        autoencoder.set_params(loss="bce")
        with pytest.raises(ValueError, match=r"loss='bce'.*loss='huber'"):
            call(X)


@pytest.mark.parametrize("changed", [{"axes": "h w", "sample_shape": (2, 3)}, {"sample_shape": (3, 2), "axes": "h w"}])
def test_going_on_with_another_form_of_samples_is_refused(changed):
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    with pytest.raises(ValueError, match="sample_shape"):
        autoencoder.set_params(**changed).partial_fit(X)
