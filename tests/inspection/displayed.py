"""Samples of every kind, and a drawn display."""

import numpy as np
from sklearn.datasets import load_digits, load_wine

from skae.inspection import (
    GeneratedSamplesDisplay,
    LatentSpaceDisplay,
    LatentTraversalDisplay,
    ReconstructionDisplay,
    TrainingHistoryDisplay,
)

DISPLAYS = [
    GeneratedSamplesDisplay,
    LatentSpaceDisplay,
    LatentTraversalDisplay,
    ReconstructionDisplay,
    TrainingHistoryDisplay,
]


def kinds_of_data():
    """Samples by name, and the axes they need."""
    random = np.random.RandomState(0)
    digits = load_digits().images[:100]
    color = digits[:, :, :, None] * random.uniform(size=(100, 1, 1, 3))
    phases = random.uniform(0, 3, (100, 1, 2))
    signals = np.sin(np.linspace(0, 6, 32)[:, None] + phases) + 0.1 * random.standard_normal((100, 32, 2))
    return {
        "pictures": (digits, None),
        "color pictures": (color, None),
        "channels first": (color.transpose(0, 3, 1, 2), None),
        "signals": (signals, "t c"),
        "table": (load_wine(as_frame=True).data, None),
        "wide table": (digits.reshape(100, -1), None),
        "videos": (np.stack([np.roll(color, shift, 2) for shift in range(6)], 1), None),
        "tokens": (np.tile(random.randint(0, 5, (100, 4)), (1, 2)), "n"),
    }


DATA = kinds_of_data()
PICTURED = ("pictures", "color pictures", "channels first", "videos")


def drawn(display):
    """The display, rendered."""
    display.figure_.canvas.draw()
    return display
