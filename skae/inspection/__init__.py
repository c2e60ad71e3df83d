"""Displays in scikit-learn's form: what an autoencoder learned, drawn. Needs ``pip install "skae[plot]"``."""

from .bottleneck import BottleneckCurveDisplay
from .curves import BottleneckCurve
from .forms import SampleForm
from .generated import GeneratedSamplesDisplay
from .history import TrainingHistoryDisplay
from .latent_space import LatentSpaceDisplay
from .reconstruction import ReconstructionDisplay
from .traversal import LatentTraversalDisplay

__all__ = [
    "BottleneckCurve",
    "BottleneckCurveDisplay",
    "GeneratedSamplesDisplay",
    "LatentSpaceDisplay",
    "LatentTraversalDisplay",
    "ReconstructionDisplay",
    "SampleForm",
    "TrainingHistoryDisplay",
]
