"""The weight of a supervised head relative to the reconstruction."""

from __future__ import annotations

import numpy as np
import torch

from skae.model import Autoencoder, Code, Trace
from skae.objectives import Objective

from .batches import Part
from .spec import TrainSpec

# Rows on which the reconstruction loss of a constant is measured.
MEASURED_ROWS = 1000


@torch.no_grad()
def initialize_head(module: Autoencoder, spec: TrainSpec, part: Part) -> None:
    """Set the unit of the head: a constant prediction of y costs as much as a constant reconstruction."""
    if module.head is None or part.rows.y is None:
        return
    x = part.rows.take(part.indices[np.linspace(0, len(part) - 1, min(len(part), MEASURED_ROWS)).astype(np.intp)]).cpu()
    y = part.rows.y.cpu()[torch.from_numpy(part.indices)]
    layout = part.rows.layout
    observed = ~x.isnan() if layout.has_missing else None
    target = module.link.to_output_space(x.nan_to_num_() if layout.has_missing else x)
    constant = target.mean(0, keepdim=True).expand_as(target)
    if spec.loss == "cross_entropy":
        constant = constant.clamp(min=1e-6).log()
    trace = Trace(x, target, Code(x, x), constant, observed=observed, observed_share=layout.observed_share)
    reconstruction = float(Objective(spec.loss)(trace)) + float(np.mean(part.residuals))
    if y.ndim == 1:
        shares = torch.bincount(y[y >= 0]).double() / len(y)
        prediction = float(torch.special.entr(shares / shares.sum()).sum() * shares.sum())
    else:
        prediction = float(y.square().nan_to_num().mean())
    if reconstruction > 0:
        module.head.unit.fill_(reconstruction / prediction)
