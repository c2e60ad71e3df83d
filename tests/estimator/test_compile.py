"""Compiled networks."""

import pytest

from skae import AutoencoderTransformer


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
def test_compiled_training_scores_as_well(digits):
    scores = [
        AutoencoderTransformer(8, compile=compiled, max_epochs=5, random_state=0).fit(digits).score(digits)
        for compiled in (True, False)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
