"""Global state of torch is restored after training, also after an interrupt."""

import contextlib

import pytest
import torch

from skae.training import device


def test_interrupt_restores_the_global_generator(monkeypatch):
    stream, before = device.BorrowedStream(0, torch.device("cpu")), torch.get_rng_state()
    with contextlib.suppress(KeyboardInterrupt), stream():
        torch.rand(1)
        raise KeyboardInterrupt
    monkeypatch.setattr(stream, "_states", lambda: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt), stream():
        pass
    assert torch.equal(torch.get_rng_state(), before)
    assert device._WEIGHTS_LOCK.acquire(timeout=1)
    device._WEIGHTS_LOCK.release()


def test_matmul_precision_is_restored():
    before, matmul = torch.get_float32_matmul_precision(), torch.backends.cuda.matmul
    for precision in ("highest", "high"):
        torch.set_float32_matmul_precision(precision)
        with device.without_tf32():
            # New in torch 2.9.
            assert matmul.fp32_precision == "ieee" if hasattr(matmul, "fp32_precision") else not matmul.allow_tf32
        assert torch.get_float32_matmul_precision() == precision
    torch.set_float32_matmul_precision(before)
