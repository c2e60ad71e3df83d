"""Build a network, initialize it by PCA, and make its skorch net."""

from __future__ import annotations

import inspect
import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import PrintLog
from torch import Tensor, nn

from skae._parameters import InvalidParameterError, is_real, warn
from skae._processes import current
from skae.data import Rows, SampleLayout, Target
from skae.model import (
    Autoencoder,
    Bottleneck,
    CodeMap,
    Deterministic,
    EncoderDecoder,
    Head,
    Identity,
    LayerRow,
    LinearPath,
    MissingValues,
    Softmax,
    UnitInterval,
    layer_rows,
)
from skae.objectives import Objective, check_loss
from skae.objectives.penalties import prediction_error
from skae.variants import Parts, Plain

from .code_map import MAX_MAPPED
from .data_parallel import writes_files
from .device import seeded_weights
from .net import OPTIMIZERS, AutoencoderNet
from .pca_init import fit_pca
from .scoring import adapt_scoring
from .spec import TrainSpec

# Maximum number of weights of the linear path of an encoder.
LINEAR_PATH_WEIGHTS = 2**25
# SGD diverges on some tables otherwise (benchmarks/clipping.py); the other optimizers normalize gradients.
CLIP_NORMS = {"sgd": 1.0}
# Weights, gradients and the two moments of the optimizer.
COPIES_IN_TRAINING = 4
NET_PARAMS = {name for net in (NeuralNet, AutoencoderNet) for name in inspect.signature(net).parameters}
RESERVED = NET_PARAMS - {"callbacks", "clip_norm", "torch_load_kwargs"}
RESERVED_PREFIXES = ("criterion__", "dataset__", "iterator_", "module__", "optimizer__lr", "optimizer__param_groups")


def build(
    spec: TrainSpec, layout: SampleLayout, n_components: int, target: Target | None = None
) -> tuple[Autoencoder, list[LayerRow]]:
    """Build the network of a spec, with random weights, and its layer table; with a target, it has a head.

    On the device ``meta``, no memory is allocated. ValueError if it does not fit into memory, or shapes are wrong.
    """
    shape, architecture, parts = layout.network_shape, spec.architecture, spec.variant.parts()
    has_linear_path = architecture.linear_path and layout.n_features * n_components <= LINEAR_PATH_WEIGHTS
    on_meta = torch.get_default_device().type == "meta"
    if not (architecture.is_custom or on_meta):
        check_memory(architecture, shape, n_components, parts)
    with seeded_weights(spec.seed):
        bottleneck = parts.bottleneck(n_components)
        encoder_decoder = build_encoder_decoder(architecture, shape, bottleneck)
        linear = LinearPath(shape, n_components).float() if has_linear_path else None
        head = None if target is None else Head(bottleneck.n_out, target.n_outputs).float()
        for part in (encoder_decoder.encoder, encoder_decoder.decoder, bottleneck):
            part.float()
        if not on_meta:
            check_shapes(encoder_decoder.encoder, encoder_decoder.decoder, shape, bottleneck)
    weights = [*encoder_decoder.encoder.parameters(), *encoder_decoder.decoder.parameters()]
    if not weights and linear is None:
        raise ValueError(f"{architecture!r} has no weights to train. Pass modules with parameters.")
    if parts.decoder is not None:
        encoder_decoder = replace(encoder_decoder, decoder=parts.decoder(encoder_decoder.decoder))
    latent_scale = torch.ones(n_components, dtype=torch.float32)
    n_pseudo_inputs = bottleneck.n_pseudo_inputs
    pseudo_inputs = torch.zeros(n_pseudo_inputs, *shape, dtype=torch.float32) if n_pseudo_inputs else None
    link = output_link(spec.loss, layout)
    code_map = CodeMap(n_components) if has_code_map(spec, parts, bottleneck) else None
    module = Autoencoder(
        encoder_decoder,
        linear,
        latent_scale,
        link,
        bottleneck,
        parts.corruption,
        pseudo_inputs,
        head,
        code_map,
        missing_values(layout),
    )
    module.input_requires_grad = parts.input_requires_grad
    return module, layer_rows(encoder_decoder, linear, shape)


def missing_values(layout: SampleLayout) -> MissingValues | None:
    """The module that hides values in training, if values of the training rows are missing."""
    if not layout.has_missing:
        return None
    return MissingValues(layout.observed_share, layout.limits, layout.feature_columns)


def has_code_map(spec: TrainSpec, parts: Parts, bottleneck: Bottleneck) -> bool:
    """Whether codes are mapped after training: if nothing depends on their axes, or they are whitened."""
    if bottleneck.is_nested or bottleneck.n_components > MAX_MAPPED:
        return False
    return spec.whiten or (type(bottleneck) is Deterministic and not parts.terms)


def initialize(module: Autoencoder, spec: TrainSpec, rows: Rows) -> None:
    """Initialize the linear path by the PCA of the rows, and pseudo-inputs by random rows."""
    n_components, n_features = module.bottleneck.n_components, rows.layout.n_features
    if spec.architecture.linear_path and module.linear is None:
        warn(
            f"The linear path from PCA is left out: with n_components={n_components} on {n_features} features it would "
            f"have more than {2 * LINEAR_PATH_WEIGHTS:,} weights. The result may be worse than PCA's; pass a smaller "
            f"n_components, or linear_path=False for no such warning."
        )
    if n_components > n_features:
        message = f"The latent code is over-complete: n_components={n_components} is more than n_features={n_features}"
        if isinstance(spec.variant, Plain):
            raise ValueError(
                f"{message}, and variant='plain' would copy its input. Pass n_components={n_features} or less, as for "
                f"PCA, or a variant that regularizes codes, such as 'sparse', 'denoising' or 'variational'."
            )
        warn(f"{message}.")
    if module.linear is not None:
        components, mean, deviations = fit_pca(rows, n_components, spec.seed, spec.solver)
        if bool(deviations.any()):
            # A lower bound for directions of almost no variance.
            module.latent_scale.fill_(float(deviations.clamp(min=1e-6).median()))
            least = max(1e-6, 1e-3 * float(deviations.max()))
            module.latent_scale[: len(deviations)] = deviations.clamp(min=least)
        module.linear.initialize_from_pca(components, mean, module.latent_scale)
        module.link.convert_linear_path(module.linear)
        module.bottleneck.initialize_from_pca(deviations.square(), float(rows.layout.scaling.total_variance))
    module.latent_scale.mul_(rows.layout.code_unit)
    if module.pseudo_inputs is not None:
        n_inputs = len(module.pseudo_inputs)
        indices = np.resize(np.random.RandomState(spec.seed).permutation(len(rows))[:n_inputs], n_inputs)
        with torch.no_grad():
            module.pseudo_inputs.copy_(rows.take(np.sort(indices)).nan_to_num_())


def output_link(loss: Any, layout: SampleLayout) -> Identity | UnitInterval | Softmax:
    """The link function of a loss, which maps outputs of the decoder to samples."""
    if loss == "cross_entropy":
        mean = layout.from_flat(layout.scaling.mean.float().cpu()[None])[0]
        return Softmax(mean, layout.scaling.scale.float().cpu())
    if loss == "bce":
        gain, offset = layout.scaling.unit_interval()
        return UnitInterval(*(layout.from_flat(value.cpu()[None])[0] for value in (gain, offset)))
    return Identity()


def build_encoder_decoder(architecture: Any, shape: tuple[int, ...], bottleneck: Bottleneck) -> EncoderDecoder:
    """An encoder and a decoder with the input and output sizes of the bottleneck."""
    encoder_decoder = architecture.build(shape, bottleneck.n_in)
    if bottleneck.n_in == bottleneck.n_out:
        return encoder_decoder
    other = architecture.build(shape, bottleneck.n_out)
    return EncoderDecoder(encoder_decoder.encoder, other.decoder, encoder_decoder.encoder_steps, other.decoder_steps)


def check_memory(architecture: Any, shape: tuple[int, ...], n_components: int, parts: Parts) -> None:
    """Raise ValueError if training needs more memory than the machine has."""
    with torch.device("meta"):
        encoder_decoder, bottleneck = architecture.build(shape, n_components), parts.bottleneck(n_components)
    weights = sum(p.numel() for part in (encoder_decoder.encoder, encoder_decoder.decoder) for p in part.parameters())
    weights += sum(p.numel() for p in (*bottleneck.parameters(), *bottleneck.buffers()))
    weights += bottleneck.n_pseudo_inputs * math.prod(shape)
    needed = weights * 4 * COPIES_IN_TRAINING
    if needed > physical_memory():
        raise ValueError(
            f"n_components={n_components} with {type(architecture).__name__} on samples of shape {shape} makes "
            f"{weights:,} weights, and training needs an estimated {needed / 2**30:,.1f} GiB of memory; this machine "
            f"has {physical_memory() / 2**30:,.1f} GiB. Pass a smaller n_components or a smaller architecture"
            f"{', or fewer pseudo-inputs (n_pseudo_inputs)' if bottleneck.n_pseudo_inputs else ''}."
        )


def physical_memory() -> int:
    """Memory of this machine in bytes; 64 GiB if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 64 * 2**30


def check_shapes(encoder: nn.Module, decoder: nn.Module, shape: tuple[int, ...], bottleneck: Bottleneck) -> None:
    """Raise ValueError unless encoder and decoder map two samples to codes and back in the expected shapes."""
    n_components = bottleneck.n_components
    for name, module, in_shape, out_shape in (
        ("encoder", encoder, shape, (bottleneck.n_in,)),
        ("decoder", decoder, (bottleneck.n_out,), shape),
    ):
        modes = [(part, part.training) for part in module.modules()]
        module.eval()
        try:
            with torch.no_grad():
                got = module(torch.zeros(2, *in_shape, dtype=torch.float32))
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"The {name} failed on two samples of shape {in_shape} (n_components={n_components}; the variant needs "
                f"an encoder to {bottleneck.n_in} numbers and a decoder from {bottleneck.n_out}): {error}"
            ) from error
        finally:
            for part, training in modes:
                part.training = training
        if not isinstance(got, Tensor) or tuple(got.shape) != (2, *out_shape):
            shown = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
            raise ValueError(
                f"The {name} must map a batch of shape {(2, *in_shape)} to {(2, *out_shape)} "
                f"(n_components={n_components}, samples of shape {shape}, channels first). Got {shown} instead."
            )


def check_net_params(net_params: Any) -> None:
    """Raise InvalidParameterError unless ``net_params`` is None or a dict without reserved parameters."""
    if net_params is None:
        return
    if not isinstance(net_params, dict):
        raise InvalidParameterError(
            "The 'net_params' parameter of AutoencoderTransformer must be a dict such as "
            f"{{'optimizer__weight_decay': 1e-4}} or None. Got {net_params!r} instead."
        )
    for name in net_params:
        if not isinstance(name, str) or name in RESERVED or name.startswith(RESERVED_PREFIXES):
            raise InvalidParameterError(
                f"net_params={net_params!r} may not hold {name!r}: AutoencoderTransformer sets it from its own "
                f"parameters. Pass other parameters of skorch, such as 'callbacks' or 'optimizer__weight_decay'."
            )
    decay = net_params.get("optimizer__weight_decay", 0.0)
    if not (is_real(decay) and decay >= 0):
        raise InvalidParameterError(
            f"'optimizer__weight_decay' of net_params must be a float in the range [0.0, inf). Got {decay!r} instead."
        )
    clip_norm = net_params.get("clip_norm")
    if clip_norm is not None and not (is_real(clip_norm) and clip_norm > 0):
        raise InvalidParameterError(
            f"'clip_norm' of net_params must be a float in the range (0.0, inf), or None. Got {clip_norm!r} instead."
        )


def new_net(
    spec: TrainSpec, module: Autoencoder, batch_size: int, cycles: tuple[int, ...], precision: str = "float32"
) -> AutoencoderNet:
    """The initialized skorch net of ``module``; ``precision`` is that of training."""
    parts, net_params = spec.variant.parts(), spec.net_params or {}
    unit = 1.0 if module.head is None else float(module.head.unit)
    terms = [replace(t, weight=t.weight * unit) if t.function is prediction_error else t for t in parts.terms]
    optimizer_class, defaults = OPTIMIZERS[spec.optimizer]
    params = {f"optimizer__{name}": value for name, value in defaults.items()}
    params["clip_norm"] = CLIP_NORMS.get(spec.optimizer)
    decay = net_params.get("optimizer__weight_decay", defaults.get("weight_decay", 0.0))
    groups = weight_decay_groups(module, parts.decoder_decay, decay)
    if groups:
        params["optimizer__param_groups"] = groups
    params.update(net_params)
    if params.get("optimizer__foreach") and "fused" in defaults and "optimizer__fused" not in net_params:
        # The optimizer supports only one of both.
        params["optimizer__fused"] = False
    if "optimizer__weight_decay" in params:
        params["optimizer__weight_decay"] = float(decay)
    callbacks = params.pop("callbacks", None) or []
    callbacks = [] if isinstance(callbacks, str) and callbacks == "disable" else list(map(adapt_scoring, callbacks))
    if spec.verbose > 1:
        callbacks.append(("print_log", PrintLog()))
    if not current().is_first:
        callbacks = [callback for callback in callbacks if not writes_files(callback)]
    try:
        return AutoencoderNet(
            module,
            criterion__loss=spec.loss,
            criterion__terms=tuple(terms),
            optimizer=optimizer_class,
            device=str(spec.device),
            verbose=int(spec.verbose),
            callbacks=callbacks,
            lr=spec.peak_lr,
            batch_size=batch_size,
            cycles=cycles,
            compiled=bool(spec.compile),
            precision=precision,
            is_custom=spec.architecture.is_custom or callable(spec.loss),
            seed=spec.seed,
            **params,
        ).initialize()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidParameterError(
            f"net_params={spec.net_params!r} does not fit the net with optimizer={spec.optimizer!r}: {error}"
        ) from error


def try_loss(loss: Any, module: Autoencoder, rows: Rows) -> None:
    """Raise ValueError unless a callable loss of a few rows is valid."""
    if not callable(loss):
        return
    # The batch is as long as no other axis, so that a loss averaged over the wrong axis is detected.
    n_rows = next(n for n in range(2, 9) if n not in rows.layout.network_shape)
    x = rows.take(np.sort(np.resize(np.arange(len(rows)), n_rows))).to(module.latent_scale.device)
    was_training = module.training
    with seeded_weights(0):  # a loss may draw random numbers
        with torch.no_grad():
            trace = module.eval()(x)
        # As in training, a module is copied to the device.
        check_loss(Objective(loss).to(x.device).loss, trace.output, trace.target)  # type: ignore[arg-type]
    module.train(was_training)


def weight_decay_groups(module: Autoencoder, decoder_decay: float, decay: float) -> list[tuple[str, dict[str, float]]]:
    """Patterns of weights whose decay differs from ``decay``; ``decoder_decay`` is added for the decoder."""
    groups = []
    if module.linear is not None and decoder_decay > 0:
        groups.append(("linear.decoder.*", {"weight_decay": decoder_decay}))
    if module.linear is not None and decay > 0:
        # Decay would pull the linear path away from PCA.
        groups.append(("linear.*", {"weight_decay": 0.0}))
    if decoder_decay > 0:
        groups.append(("decoder.*", {"weight_decay": decay + decoder_decay}))
    return groups
