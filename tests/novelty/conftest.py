"""A fitted AutoencoderNovelty."""

import pytest
from novel_rows import X

from skae import AutoencoderNovelty, AutoencoderTransformer


@pytest.fixture(scope="session")
def fitted():
    return AutoencoderNovelty(AutoencoderTransformer(2, max_epochs=5), n_members=3, random_state=0).fit(X)
