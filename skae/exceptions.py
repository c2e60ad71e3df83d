"""Errors of this package. Every one is also the built-in error a caller would expect."""

from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

# Characters of a message about a file, and of one value in it: it may name anything, at any length.
LONGEST_MESSAGE, LONGEST_VALUE = 800, 100


def printable(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Text for a terminal or a log: on one line, without control characters, its middle left out where it is long."""
    if len(text) > 4 * longest:
        text = text[: 2 * longest] + text[-2 * longest :]
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - end - 5]} ... {text[-end:]}"


def shown(value: Any) -> str:
    """An untrusted value for a message: what ``repr`` gives, escaped and cut."""
    return printable(repr(value), LONGEST_VALUE)


class DivergenceError(ValueError):
    """The training loss stopped being finite. What was fitted before is kept."""


class OutOfMemoryError(MemoryError):
    """Memory of the device did not suffice; the message names the batch size and the device."""


class ModelFileError(ValueError):
    """A model file is damaged, was tampered with, or is not one this version reads.

    Its message is on one line, of at most 800 characters, all of them printable, whatever the file holds.
    """

    def __init__(self, message: str = ""):
        super().__init__(printable(str(message)))


class PCAKeptWarning(UserWarning):
    """``fit`` fell back to PCA: no epoch was significantly better on the validation set."""


class OtherVersionWarning(InconsistentVersionWarning):
    """A pickle was made by another version of this package."""

    def __init__(self, message: str):
        Warning.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])
