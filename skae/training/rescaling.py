"""Features whose scaling changes in ``partial_fit``: their weights are reset to 0 and trained again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from skae.data import SampleLayout, TokenLayout
from skae.model import Autoencoder, Identity

Convolution = nn.modules.conv._ConvNd
Transposed = nn.modules.conv._ConvTransposeNd


def is_extensible(module: Autoencoder, layout: SampleLayout) -> bool:
    """Whether the scaling may change: not for tokens, and not if a link function depends on it."""
    is_learned = layout.scaling.moments is not None and not isinstance(layout, TokenLayout)
    return is_learned and isinstance(module.link, Identity)


@torch.no_grad()
def forget_features(module: Autoencoder, changed: Tensor) -> None:
    """Set the weights of the ``changed`` features to 0: codes do not depend on them, and their output is the mean.

    Weights of convolutions are set to 0 for the channels of which all features changed.
    """
    if not bool(changed.any()):
        return
    changed = changed.to(module.latent_scale.device)
    if module.linear is not None:
        forget_in_layers(module.linear.encoder, module.linear.decoder, changed)
    first = [m for m in module.encoder.modules() if isinstance(m, (nn.Linear, Convolution))]
    last = [m for m in module.decoder.modules() if isinstance(m, (nn.Linear, Convolution))]
    if first and last:
        forget_in_layers(first[0], last[-1], changed)


def forget_in_layers(first: Any, last: Any, changed: Tensor) -> None:
    """Set weights of the first layer of an encoder and of the last layer of a decoder to 0."""
    features = changed.flatten()
    channels = changed.flatten(1).all(1) if changed.ndim > 1 else features
    if isinstance(first, nn.Linear) and first.in_features == len(features):
        first.weight[:, features] = 0
    elif isinstance(first, Convolution) and first.in_channels == len(channels):
        first.weight[:, channels] = 0
    if isinstance(last, nn.Linear) and last.out_features == len(features):
        outputs: Any = features
    elif isinstance(last, Transposed) and last.out_channels == len(channels):
        outputs = (slice(None), channels)
    else:
        return
    last.weight[outputs] = 0
    if last.bias is not None:
        last.bias[outputs if outputs is features else channels] = 0
