"""Features whose scaling changes between passes: their weights are reset, and trained again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from skae.data import SampleLayout, TokenLayout
from skae.model import Autoencoder, Identity

Convolution = nn.modules.conv._ConvNd
Transposed = nn.modules.conv._ConvTransposeNd


def is_extensible(module: Autoencoder, layout: SampleLayout) -> bool:
    """Whether scaling may change: outputs are samples, not shares between known ends or likelihoods of tokens."""
    known = layout.scaling.moments is not None and not isinstance(layout, TokenLayout)
    return known and isinstance(module.link, Identity)


@torch.no_grad()
def forget_features(module: Autoencoder, changed: Tensor) -> None:
    """Set the weights of features to and from the network to 0, so that they add nothing to codes, and their mean is
    reconstructed.

    ``changed`` (channels, \\*sizes) or (n_features,) tells which. Weights of convolutions are of whole channels,
    and are set to 0 where all features of the channel change.
    """
    if not bool(changed.any()):
        return
    changed = changed.to(module.latent_scale.device)
    if module.linear is not None:
        forget_in_layers(module.linear.encoder, module.linear.decoder, changed)
    layers = [
        [m for m in half.modules() if isinstance(m, (nn.Linear, Convolution))]
        for half in (module.encoder, module.decoder)
    ]
    if all(layers):
        forget_in_layers(layers[0][0], layers[1][-1], changed)


def forget_in_layers(first: Any, last: Any, changed: Tensor) -> None:
    """Set weights of the first layer of an encoder and of the last one of a decoder to 0."""
    features = changed.flatten()
    channels = changed.flatten(1).all(1) if changed.ndim > 1 else features
    if isinstance(first, nn.Linear) and first.in_features == len(features):
        first.weight[:, features] = 0
    elif isinstance(first, Convolution) and first.in_channels == len(channels):
        first.weight[:, channels] = 0
    if isinstance(last, nn.Linear) and last.out_features == len(features):
        places: Any = features
    elif isinstance(last, Transposed) and last.out_channels == len(channels):
        places = (slice(None), channels)
    else:
        return
    last.weight[places] = 0
    if last.bias is not None:
        last.bias[places if places is features else channels] = 0
