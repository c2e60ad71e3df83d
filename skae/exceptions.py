"""Errors and warnings of this package. Each error is a subclass of a built-in error."""

from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

__all__ = [
    "DivergenceError",
    "ModelFileError",
    "OtherVersionWarning",
    "OutOfMemoryError",
    "PCAKeptWarning",
    "ProcessFailedError",
]
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
    """The training loss became NaN or infinite. The estimator keeps its state from before ``fit``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer, DivergenceError
    >>> autoencoder = AutoencoderTransformer(2, optimizer="sgd", lr=1e30, random_state=0)
    >>> try:
    ...     autoencoder.fit(load_iris().data)
    ... except DivergenceError:
    ...     print("use a smaller lr")
    use a smaller lr
    """


class OutOfMemoryError(MemoryError):
    """The device ran out of memory; the message names the batch size and the device.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer, OutOfMemoryError
    >>> autoencoder = AutoencoderTransformer(2, batch_size=128, max_epochs=1, random_state=0)
    >>> try:
    ...     autoencoder = autoencoder.fit(load_iris().data)
    ... except OutOfMemoryError:
    ...     autoencoder = autoencoder.set_params(batch_size=32).fit(load_iris().data)
    """


class ModelFileError(ValueError):
    """A model file is damaged, was tampered with, or has an unsupported format.

    The message is always one line of at most 800 printable characters.

    Examples
    --------
    >>> import io, skae
    >>> try:
    ...     skae.load(io.BytesIO(b"no model file"))
    ... except skae.ModelFileError:
    ...     print("fit again")
    fit again
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(str(message)))


class ProcessFailedError(RuntimeError):
    """Training in several processes ended because another process failed; the message has the error of that process.

    The estimator keeps its state from before ``fit``, in all processes.

    Examples
    --------
    >>> from skae.exceptions import ProcessFailedError
    >>> issubclass(ProcessFailedError, RuntimeError)
    True
    """


class PCAKeptWarning(UserWarning):
    """``fit`` fell back to PCA: no epoch has a significantly lower validation loss.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.exceptions import PCAKeptWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", PCAKeptWarning)
    ...     autoencoder = AutoencoderTransformer(3, max_epochs=10, random_state=0).fit(load_iris().data)
    >>> autoencoder.is_pca_
    True
    """


class OtherVersionWarning(InconsistentVersionWarning):
    """A pickle was written by another version of this package.

    Examples
    --------
    >>> import warnings
    >>> from skae.exceptions import OtherVersionWarning
    >>> warnings.simplefilter("error", OtherVersionWarning)  # refuse pickles of other versions
    """

    def __init__(self, message: str) -> None:
        Warning.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])
