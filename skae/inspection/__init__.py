"""Displays of fitted autoencoders, in the style of scikit-learn. They need ``pip install "skae[plot]"``."""

from .bottleneck import BottleneckCurveDisplay
from .curves import BottleneckCurve
from .generated import GeneratedSamplesDisplay
from .history import TrainingHistoryDisplay
from .latent_space import LatentSpaceDisplay
from .reconstruction import ReconstructionDisplay
from .samples import SampleFormat
from .traversal import LatentTraversalDisplay

__all__ = [
    "BottleneckCurve",
    "BottleneckCurveDisplay",
    "GeneratedSamplesDisplay",
    "LatentSpaceDisplay",
    "LatentTraversalDisplay",
    "ReconstructionDisplay",
    "SampleFormat",
    "TrainingHistoryDisplay",
]
