"""Training on a GPU: data transfer, precision, out of memory."""

import pickle

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer, Convolutional, Dense, OutOfMemoryError
from skae.data import sources
from skae.training.net_state import net_tensors

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")]


def test_codes_agree_with_the_cpu(digits):
    autoencoder = AutoencoderTransformer(8, device="cuda", max_epochs=5, random_state=0).fit(digits)
    on_gpu = autoencoder.transform(digits)
    autoencoder.net_.module_.cpu()
    autoencoder.net_.device = "cpu"
    np.testing.assert_allclose(autoencoder.transform(digits), on_gpu, rtol=1e-4, atol=1e-3)


def test_default_precision_does_as_well_as_float32(digits):
    scores = [
        AutoencoderTransformer(8, device="cuda", precision=p, random_state=0).fit(digits).score(digits)
        for p in ("auto", "float32")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_tensors_on_the_gpu_stay_there(digits):
    X = torch.from_numpy(digits).cuda()
    autoencoder = AutoencoderTransformer(4, max_epochs=2, random_state=0).fit(X)
    assert autoencoder.transform(X).device == X.device
    assert autoencoder.reconstruct(X).device == X.device


@pytest.mark.parametrize("cache", [0, sources.CACHE_BYTES])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_every_transfer_to_the_gpu_trains(cache, share, monkeypatch, digits):
    monkeypatch.setattr(sources, "CACHE_BYTES", cache)
    monkeypatch.setattr(sources, "RESIDENT_SHARE", share)
    X = digits.astype(np.uint8).reshape(-1, 8, 8)
    autoencoder = AutoencoderTransformer(8, architecture=Convolutional(), device="cuda", max_epochs=5, random_state=0)
    assert autoencoder.fit(X).score(X) > 0.7


def test_too_large_a_batch_is_a_memory_error_and_the_next_fit_works(digits):
    free, _ = torch.cuda.mem_get_info()
    X = np.zeros((200_000, 64), dtype=np.float32)
    width = int(free / 4 / len(X)) + 1
    autoencoder = AutoencoderTransformer(
        2, architecture=Dense((width,), normalization=None), batch_size=len(X), early_stopping=False, device="cuda"
    )
    with pytest.raises(OutOfMemoryError, match="batch_size=200000"):
        autoencoder.fit(X)
    AutoencoderTransformer(2, device="cuda", max_epochs=1).fit(digits)


@pytest.mark.parametrize("given", ["arrays", "tensors on the GPU"])
def test_pickles_hold_cpu_tensors_and_return_to_the_gpu(given, digits, monkeypatch):
    X = digits if given == "arrays" else torch.from_numpy(digits).cuda()
    autoencoder = AutoencoderTransformer(2, device="cuda", random_state=0).partial_fit(X)
    dumped, codes = pickle.dumps(autoencoder), autoencoder.transform(digits)
    assert {array.device.type for array in net_tensors(autoencoder.net_.__getstate__())} == {"cpu"}
    restored = pickle.loads(dumped)
    np.testing.assert_array_equal(restored.transform(digits), codes)
    assert {value.device.type for value in restored.net_.module_.state_dict().values()} == {"cuda"}
    np.testing.assert_array_equal(
        restored.partial_fit(X).transform(digits), autoencoder.partial_fit(X).transform(digits)
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(UserWarning, match="device='cuda'.*device='cpu'") as caught:
        moved = pickle.loads(dumped)
    assert len(caught) == 1
    np.testing.assert_allclose(moved.transform(digits), codes, rtol=1e-4, atol=1e-3)
    assert {value.device.type for value in moved.net_.module_.state_dict().values()} == {"cpu"}
