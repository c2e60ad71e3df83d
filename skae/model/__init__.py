"""Networks: how features are computed and undone, and how they become a latent code."""

from .autoencoder import Autoencoder, Identity, LinearPath, Softmax, Trace, UnitInterval
from .convolutional import Convolutional
from .custom import Custom
from .dense import Dense
from .sequential import Sequence
from .table import LayerRow, LayerTable, layer_rows, layer_table

__all__ = [
    "Autoencoder",
    "Convolutional",
    "Custom",
    "Dense",
    "Identity",
    "LayerRow",
    "LayerTable",
    "LinearPath",
    "Sequence",
    "Softmax",
    "Trace",
    "UnitInterval",
    "layer_rows",
    "layer_table",
]
