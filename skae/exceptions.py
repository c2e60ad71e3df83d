"""Errors of this package. Every one is also the built-in error a caller would expect."""

from sklearn.exceptions import InconsistentVersionWarning


class DivergenceError(ValueError):
    """The training loss stopped being finite. What was fitted before is kept."""


class OutOfMemoryError(MemoryError):
    """Memory of the device did not suffice; the message names the batch size and the device."""


class ModelFileError(ValueError):
    """A model file is damaged, was tampered with, or is not one this version reads."""


class OtherVersionWarning(InconsistentVersionWarning):
    """A pickle was made by another version of this package."""

    def __init__(self, message: str):
        Warning.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])
