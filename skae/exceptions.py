"""Errors and warnings of this package. Each error is a subclass of a built-in error."""

from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

# Maximum number of characters of a message about an untrusted file, and of one value from the file.
LONGEST_MESSAGE, LONGEST_VALUE = 800, 100


def printable(text: str, max_length: int = LONGEST_MESSAGE) -> str:
    """Convert untrusted text to one line of printable characters; remove the middle of long text."""
    if len(text) > 4 * max_length:
        text = text[: 2 * max_length] + text[-2 * max_length :]
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    if len(text) <= max_length:
        return text
    end = max_length // 4
    return f"{text[: max_length - end - 5]} ... {text[-end:]}"


def shown(value: Any) -> str:
    """Convert an untrusted value to text for a message: its ``repr``, escaped and shortened."""
    return printable(repr(value), LONGEST_VALUE)


class DivergenceError(ValueError):
    """The training loss became NaN or infinite. The estimator keeps its state from before ``fit``."""


class OutOfMemoryError(MemoryError):
    """The device ran out of memory; the message names the batch size and the device."""


class ModelFileError(ValueError):
    """A model file is damaged, was tampered with, or has an unsupported format.

    The message is always one line of at most 800 printable characters.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(str(message)))


class PCAKeptWarning(UserWarning):
    """``fit`` fell back to PCA: no epoch has a significantly lower validation loss."""


class OtherVersionWarning(InconsistentVersionWarning):
    """A pickle was written by another version of this package."""

    def __init__(self, message: str) -> None:
        Warning.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])
