"""Step replay: the bits of autograd, and only for steps without side effects."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from skae import AutoencoderTransformer, Convolutional, Custom, Dense
from skae.training import fused_update, step_replay
from skae.training.fused_update import Update, fused_update_for
from skae.training.net import AutoencoderNet
from skae.training.step_replay import StepReplay, step_replay_for

OPTIMIZERS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1, fused=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1, betas=(0.8, 0.9), maximize=True, fused=True),
    "adam with decoupled decay": lambda p: torch.optim.Adam(
        p, lr=0.1, weight_decay=0.3, decoupled_weight_decay=True, fused=True
    ),
    "amsgrad": lambda p: torch.optim.AdamW(p, lr=0.1, amsgrad=True, fused=True),
    "not fused": lambda p: torch.optim.AdamW(p, lr=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}


@pytest.fixture
def replays(monkeypatch):
    """One entry per replayed step."""
    run = []
    original = step_replay.replay
    monkeypatch.setattr(step_replay, "replay", lambda *args: run.append(1) or original(*args))
    return run


def weights(autoencoder):
    return np.concatenate([value.flatten().numpy() for value in autoencoder.net_.module_.state_dict().values()])


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("architecture", [Dense(), Dense((16,), activation="gelu", normalization=None)], ids=str)
def test_replayed_steps_train_to_the_same_bits(architecture, optimizer, loss, replays, monkeypatch, digits):
    def fit():
        # 101 rows in batches of at most 50 are of two lengths.
        return AutoencoderTransformer(
            4, architecture=architecture, loss=loss, optimizer=optimizer, batch_size=50, max_epochs=15,
            early_stopping=False, device="cpu", random_state=0,
        ).fit(digits[:101])  # fmt: skip

    with_recordings = fit()
    assert len(replays) > 10
    monkeypatch.setattr(step_replay, "ENABLED", False)
    monkeypatch.setattr(fused_update, "ENABLED", False)
    without = fit()
    np.testing.assert_array_equal(weights(with_recordings), weights(without))
    losses = [[row["train_loss"] for row in a.history_] for a in (with_recordings, without)]
    assert losses[0] == losses[1]


def test_replayed_steps_of_nested_codes_draw_the_same_sizes(replays, monkeypatch, digits):
    def fit():
        return AutoencoderTransformer(
            6, variant="nested", batch_size=50, max_epochs=15, early_stopping=False, device="cpu", random_state=0
        ).fit(digits[:101])

    with_recordings = fit()
    assert len(replays) > 10
    monkeypatch.setattr(step_replay, "ENABLED", False)
    np.testing.assert_array_equal(weights(with_recordings), weights(fit()))


@pytest.mark.parametrize(
    "settings",
    [
        {"architecture": Dense(dropout=0.1)},
        {"architecture": Dense(normalization="batch")},
        {"architecture": Convolutional((4,)), "sample_shape": (8, 8)},
        {"variant": "variational"},
        {"variant": "denoising"},
        {"loss": "bce"},
        {"net_params": {"callbacks": [Callback()]}},
        {"precision": "bfloat16"},
    ],
    ids=["dropout", "batch normalization", "convolutions", "variational", "denoising", "bce", "callbacks", "bfloat16"],
)
def test_steps_with_randomness_or_state_or_observers_are_not_replayed(settings, replays, digits):
    AutoencoderTransformer(
        2, batch_size=16, max_epochs=2, early_stopping=False, device="cpu", random_state=0, **settings
    ).fit(digits[:200])
    assert not replays


@pytest.mark.parametrize("verbose", [1, 2])
def test_printing_does_not_prevent_replay(verbose, replays, digits, capsys):
    AutoencoderTransformer(2, batch_size=16, max_epochs=2, device="cpu", random_state=0, verbose=verbose).fit(
        digits[:200]
    )
    assert replays
    assert "train_loss" in capsys.readouterr().out


HOOKS = {
    "forward": lambda module: module.encoder.register_forward_hook(print),
    "forward pre": lambda module: module.encoder.register_forward_pre_hook(print),
    "backward": lambda module: module.encoder.register_full_backward_hook(print),
    "backward pre": lambda module: module.encoder.register_full_backward_pre_hook(print),
    "all forward": lambda module: nn.modules.module.register_module_forward_hook(print),
    "all forward pre": lambda module: nn.modules.module.register_module_forward_pre_hook(print),
    "all backward": lambda module: nn.modules.module.register_module_full_backward_hook(print),
    "all backward pre": lambda module: nn.modules.module.register_module_full_backward_pre_hook(print),
    "gradient": lambda module: next(module.parameters()).register_hook(print),
    "accumulated": lambda module: next(module.parameters()).register_post_accumulate_grad_hook(print),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_are_called_at_every_step(kind, digits):
    net = AutoencoderTransformer(2, max_epochs=1, device="cpu", random_state=0).fit(digits[:100]).net_
    assert step_replay.is_replayable(net.module_, net.criterion_)
    handle = HOOKS[kind](net.module_)
    try:
        assert not step_replay.is_replayable(net.module_, net.criterion_)
    finally:
        handle.remove()
    assert step_replay.is_replayable(net.module_, net.criterion_)


def test_frozen_weights_and_patched_passes_and_large_networks_are_not_recorded(digits, monkeypatch):
    net = AutoencoderTransformer(2, max_epochs=1, device="cpu", random_state=0).fit(digits[:100]).net_
    module, objective = net.module_, net.criterion_
    next(module.parameters()).requires_grad_(False)
    assert not step_replay.is_replayable(module, objective)
    next(module.parameters()).requires_grad_(True)
    assert step_replay.is_replayable(module, objective)
    module.encoder[0].forward = lambda x: x
    assert not step_replay.is_replayable(module, objective)
    del module.encoder[0].forward
    assert step_replay.is_replayable(module, objective)
    monkeypatch.setattr(step_replay, "MAX_WEIGHTS", 1000)
    assert not step_replay.is_replayable(module, objective)


def test_anomaly_detection_sees_every_step(digits):
    net = AutoencoderTransformer(2, max_epochs=1, device="cpu", random_state=0).fit(digits[:100]).net_
    assert step_replay_for(net) is not None
    with torch.autograd.set_detect_anomaly(True):
        assert step_replay_for(net) is None


def run_steps(compute_loss, parameters, n=15):
    """The losses and gradients of ``n`` steps, and the same without recordings."""
    steps = StepReplay(compute_loss, parameters)
    batches = [torch.randn(8, 5, generator=torch.Generator().manual_seed(seed)) for seed in range(n)]
    got = [(steps(batch), *[p.grad for p in parameters]) for batch in batches]
    expected = [
        (compute_loss(b).detach(), *torch.autograd.grad(compute_loss(b), parameters, allow_unused=True))
        for b in batches
    ]
    return steps, got, expected


def test_steps_that_differ_from_their_recording_are_not_replayed():
    weight, calls = nn.Parameter(torch.ones(5)), []

    def changing(batch):
        calls.append(1)
        return (batch * weight).square().mean() * len(calls)

    steps = StepReplay(changing, [weight])
    for _ in range(40):
        steps(torch.ones(8, 5))
    assert not steps.checked
    assert len(calls) == 40


@pytest.mark.parametrize("way", ["buffer", "in place", "number", "unused"])
def test_steps_that_cannot_be_recorded_use_autograd(way):
    weight, unused, count = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(1)), torch.zeros(())
    parameters = [weight, unused] if way == "unused" else [weight]

    def compute_loss(batch):
        if way == "in place":
            batch = batch.clone().mul_(2)
        if way == "number" and batch.sum().item() > 0:
            return (batch * weight).sum()
        return (batch * weight + (count if way == "buffer" else 0)).square().mean()

    steps, got, expected = run_steps(compute_loss, parameters)
    assert not steps.checked
    for one, other in zip(got, expected, strict=True):
        assert all(a is b is None or torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_updates_equal_those_of_the_optimizer(name, small):
    results = []
    for short in (True, False):
        # Those of 16 and 3 times 16 numbers may be joined.
        parameters = [nn.Parameter(torch.arange(1.0, n)) for n in (3, 9, 17, 49, 31)]
        optimizer = OPTIMIZERS[name]([{"params": parameters[:1], "weight_decay": 0.0}, {"params": parameters[1:]}])
        update = None
        for step in range(1, 6):
            for group in optimizer.param_groups:
                group["lr"] = 0.1 / step
            for parameter in parameters:
                parameter.grad = parameter.detach().cos() * step
            (update or optimizer.step)()
            update = fused_update_for(optimizer, small) if short else None
        if isinstance(update, Update):
            update.separate()
        results.append([parameter.detach() for parameter in parameters])
        assert all(int(optimizer.state[parameter].get("step", 5)) == 5 for parameter in parameters)
        moments = [value for parameter in parameters for value in optimizer.state[parameter].values()]
        assert all(owns_its_memory(array) for array in (*parameters, *filter(torch.is_tensor, moments)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def owns_its_memory(array):
    return array.untyped_storage().nbytes() == array.nbytes


def test_flat_weights_accept_any_gradients():
    parameters = [nn.Parameter(torch.ones(16)) for _ in range(3)]
    optimizer = OPTIMIZERS["adamw"](parameters)
    for parameter in parameters:
        parameter.grad = torch.ones(16)
    optimizer.step()
    update = fused_update_for(optimizer, is_small=True)
    assert not any(owns_its_memory(parameter) for parameter in parameters)
    before = torch.stack([parameter.detach() for parameter in parameters])
    places = [parameter.grad for parameter in parameters]
    for parameter, sign in zip(parameters, (1, -1, 1), strict=True):
        parameter.grad = torch.full((16,), 100.0 * sign)
    update()
    assert [bool((p < q).all()) for p, q in zip(parameters, before, strict=True)] == [True, False, True]
    assert all(p.grad is place for p, place in zip(parameters, places, strict=True))
    parameters[0].grad = None
    before = parameters[0].detach().clone()
    update()
    assert torch.equal(parameters[0], before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_weights_own_their_memory_after_training(method, digits):
    autoencoder = getattr(AutoencoderTransformer(2, max_epochs=2, device="cpu", random_state=0), method)(digits[:200])
    net = autoencoder.net_
    moments = [value for state in net.optimizer_.state.values() for value in state.values()]
    assert bool(moments) == (method == "partial_fit")
    assert all(owns_its_memory(array) for array in (*net.module_.state_dict().values(), *moments))


@pytest.mark.parametrize("where", ["own", "all"])
def test_optimizer_hooks_are_called_at_every_step(where):
    parameter = nn.Parameter(torch.ones(3))
    optimizer = OPTIMIZERS["adamw"]([parameter])
    parameter.grad = torch.ones(3)
    optimizer.step()
    calls = []
    register = optimizer.register_step_post_hook if where == "own" else register_optimizer_step_post_hook
    handle = register(lambda *args: calls.append(1))
    try:
        fused_update_for(optimizer)()
    finally:
        handle.remove()
    assert calls


class Branching(nn.Module):
    """Uses one of its layers in the first calls only, and another never; the third is frozen."""

    def __init__(self):
        super().__init__()
        self.always, self.at_first, self.never, self.frozen = (nn.Linear(64, 3) for _ in range(4))
        self.frozen.requires_grad_(False)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.always(x) + self.frozen(x) + (self.at_first(x) if self.calls < 20 else 0)


def test_weights_without_gradients_are_not_updated(digits):
    autoencoder = AutoencoderTransformer(
        3, architecture=Custom(Branching, nn.Linear(3, 64)), max_epochs=4, batch_size=16, device="cpu", random_state=0
    )
    autoencoder.fit(digits[:200])
    assert autoencoder.n_iter_ == 4


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_frozen_weights_do_not_change(method, digits):
    autoencoder = AutoencoderTransformer(3, max_epochs=3, warm_start=True, device="cpu", random_state=0)
    autoencoder.fit(digits[:200])
    autoencoder.net_.module_.encoder.requires_grad_(False)
    before = [p.detach().clone() for p in autoencoder.net_.module_.encoder.parameters()]
    getattr(autoencoder, method)(digits[:200])
    assert all(torch.equal(a, b) for a, b in zip(before, autoencoder.net_.module_.encoder.parameters(), strict=True))


def test_default_optimizer_uses_fused_updates(digits, monkeypatch):
    calls = []
    function = fused_update.FUNCTIONS[torch.optim.AdamW]
    monkeypatch.setitem(
        fused_update.FUNCTIONS, torch.optim.AdamW, lambda *args, **kwargs: calls.append(1) or function(*args, **kwargs)
    )
    autoencoder = AutoencoderTransformer(2, max_epochs=2, device="cpu", random_state=0).fit(digits[:100])
    assert calls
    for name in ("replay_", "fused_update_"):
        assert getattr(autoencoder.net_, name) is None
    assert isinstance(autoencoder.net_, AutoencoderNet)
