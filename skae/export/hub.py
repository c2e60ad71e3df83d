"""Folders and repositories of the Hugging Face Hub with a fitted estimator and its model card."""

from __future__ import annotations

import io
import os
import tempfile
from typing import Any

import torch
from numpy.typing import ArrayLike

from skae._version import __version__
from skae.persistence import load, save
from skae.serialization.container import write

from .model_card import MODEL_FILE, make_card


def save_pretrained(
    estimator: Any,
    folder: str | os.PathLike[str],
    *,
    X: ArrayLike | None = None,
    license: str | None = None,
    card: bool = True,
    name: str | None = None,
) -> None:
    """Write a fitted estimator and its model card to a folder, as :func:`push_to_hub` uploads them.

    The folder holds "model.safetensors", the file of :func:`skae.save`, and the model card: "README.md", with the shape
    of the data, figures of the fit and the code that loads the model, and pictures if matplotlib is installed.

    Parameters
    ----------
    estimator : AutoencoderTransformer, AutoencoderNovelty, BottleneckSearchCV or Pipeline
        As for :func:`skae.save`.
    folder : str or path-like
        Made if it does not exist. Files of an earlier call are replaced.
    X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape), default=None
        Samples for the card: it shows their explained variance, and reconstructions of some of them. Pass only samples
        that may be published, such as some of a test set.
    license : str, default=None
        Identifier of the license on the Hub, such as "mit".
    card : bool, default=True
        Whether to write the card. False keeps an edited one.
    name : str, default=None
        Name of the model on the card. None is the name of the folder.

    Raises
    ------
    TypeError, NotFittedError, ValueError, OSError
        As from :func:`skae.save`.

    Examples
    --------
    >>> import skae, tempfile
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> autoencoder = skae.AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skae.save_pretrained(autoencoder, folder)
    ...     loaded = skae.from_pretrained(folder)
    >>> bool((loaded.transform(X) == autoencoder.transform(X)).all())
    True
    """
    folder = os.fsdecode(folder)
    name = os.path.basename(os.path.abspath(folder)) if name is None else name
    model = io.BytesIO()
    save(estimator, model)
    card_files = make_card(estimator, name, X, license) if card else {}
    os.makedirs(folder, exist_ok=True)
    for file, content in {MODEL_FILE: model.getvalue(), **card_files}.items():
        write(os.path.join(folder, file), content)


def push_to_hub(
    estimator: Any,
    repo_id: str,
    *,
    X: ArrayLike | None = None,
    license: str | None = None,
    card: bool = True,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    commit_message: str = "Upload a model of skae",
) -> str:
    """Upload a fitted estimator and its model card to a repository of the Hugging Face Hub.

    Log in first: ``huggingface_hub.login()``, or the environment variable ``HF_TOKEN``.

    Parameters
    ----------
    estimator : AutoencoderTransformer, AutoencoderNovelty, BottleneckSearchCV or Pipeline
        As for :func:`skae.save`.
    repo_id : str
        Name of the repository, such as "user/digits". It is created if it does not exist.
    X, license, card
        As for :func:`save_pretrained`.
    private : bool, default=None
        Whether a new repository is private. None is the default of the account.
    token : str, default=None
        Access token. None is that of the login.
    revision : str, default=None
        Branch to upload to. None is the main branch.
    commit_message : str

    Returns
    -------
    url : str
        Address of the commit.

    Raises
    ------
    ImportError
        If huggingface_hub is not installed.
    ValueError
        If ``repo_id`` is not a valid name.
    OSError
        If the Hub cannot be reached, or refuses the upload.
    TypeError, NotFittedError, ValueError
        As from :func:`skae.save`; nothing is uploaded.

    Examples
    --------
    >>> import skae
    >>> from sklearn.datasets import load_iris
    >>> autoencoder = skae.AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(load_iris().data)
    >>> skae.push_to_hub(autoencoder, "user/iris", license="mit")  # doctest: +SKIP
    >>> skae.from_pretrained("user/iris").n_components_  # doctest: +SKIP
    2
    """
    hub, api = hub_api(token)
    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(estimator, folder, X=X, license=license, card=card, name=repo_id)
        try:
            api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repo_id, folder_path=folder, revision=revision, commit_message=commit_message
            )
        except hub.utils.HFValidationError:
            raise  # a ValueError: the name of the repository
        except Exception as error:
            raise OSError(
                f"The upload to the repository {repo_id!r} failed: {error}. Check the connection and the name, and "
                f"log in with huggingface_hub.login(). skae.save_pretrained(estimator, folder) writes the same files."
            ) from error
    return str(commit.commit_url)


def from_pretrained(
    repo_id_or_folder: str | os.PathLike[str],
    *,
    device: str | torch.device = "cpu",
    custom_modules: dict[str, Any] | None = None,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
) -> Any:
    """Load an estimator from a repository of the Hugging Face Hub, or from a folder that :func:`save_pretrained` wrote.

    As with :func:`skae.load`, loading runs no code from the repository.

    Parameters
    ----------
    repo_id_or_folder : str or path-like
        A folder, if there is one of this name, else the name of a repository, such as "user/digits".
    device, custom_modules
        As for :func:`skae.load`.
    revision : str, default=None
        Branch, tag or commit. None is the main branch.
    token : str, default=None
        Access token of a private repository. None is that of the login.
    cache_dir : str or path-like, default=None
        Folder for downloads. None is that of huggingface_hub.
    local_files_only : bool, default=False
        Whether to use earlier downloads only.

    Returns
    -------
    estimator : AutoencoderTransformer, AutoencoderNovelty, BottleneckSearchCV or Pipeline

    Raises
    ------
    ImportError
        If huggingface_hub is not installed; folders do not need it.
    FileNotFoundError
        If there is no such folder, and the name is not that of a repository; if the folder has no model file.
    OSError
        If the repository or its model file does not exist, or the Hub cannot be reached.
    ModelFileError
        As from :func:`skae.load`.

    Examples
    --------
    >>> import skae
    >>> autoencoder = skae.from_pretrained("user/digits")  # doctest: +SKIP
    """
    name = os.fsdecode(repo_id_or_folder)
    if os.path.isdir(name):
        path = os.path.join(name, MODEL_FILE)
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"The folder {name!r} holds no {MODEL_FILE!r}. Pass a folder that save_pretrained wrote. skae.load "
                f"takes the path of a model file."
            )
        return load(path, device, custom_modules)
    hub, api = hub_api(token)
    try:
        path = api.hf_hub_download(
            name, MODEL_FILE, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
    except hub.utils.HFValidationError as error:
        raise FileNotFoundError(
            f"{name!r} is neither a folder nor a name of a repository such as 'user/digits': {error}"
        ) from error
    except Exception as error:
        raise OSError(
            f"The repository {name!r} cannot be read: {error}. Check the connection and the name, which is that of a "
            f"folder or 'user/name'. A private repository needs huggingface_hub.login()."
        ) from error
    return load(path, device, custom_modules)


def hub_api(token: str | None) -> tuple[Any, Any]:
    """``huggingface_hub`` and its client; the ImportError without it names the extra to install."""
    try:
        import huggingface_hub.utils
    except ImportError as error:
        raise ImportError('The Hugging Face Hub needs huggingface_hub. Write: pip install "skae[hub]"') from error
    return huggingface_hub, huggingface_hub.HfApi(token=token, library_name="skae", library_version=__version__)
