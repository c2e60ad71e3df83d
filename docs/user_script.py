"""A user's script: compress a table, choose the size, find anomalies, save, export. ``mypy --strict`` accepts it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_wine

import skae
from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.variants import Denoising, Variational

Array = npt.NDArray[np.float64]


def compress(X: Array) -> Array:
    """Reconstruct each row from two numbers."""
    autoencoder = AutoencoderTransformer(2, architecture=Dense((32,)), max_epochs=5, random_state=0).fit(X)
    Z: npt.NDArray[np.float32] = autoencoder.transform(X)
    score: float = autoencoder.score(X)
    print(f"{autoencoder.n_components_} components, codes {Z.shape}, explained variance {score:.2f}")
    reconstructed: Array = autoencoder.inverse_transform(Z)
    return reconstructed


def choose_size(X: Array) -> int:
    """Compare sizes by cross-validation."""
    variant = Denoising("gaussian", 0.1, variant=Variational(beta=0.5))
    autoencoder = AutoencoderTransformer(variant=variant, max_epochs=3, random_state=0)
    search = BottleneckSearchCV(autoencoder, n_components=(1, 2, 4, 13), cv=2).fit(X)
    return search.n_components_


def find_anomalies(X: Array, path: Path) -> npt.NDArray[np.int_]:
    """Fit a detector, save and load it, and return -1 for each anomaly."""
    autoencoder = AutoencoderTransformer(4, max_epochs=5)
    novelty = AutoencoderNovelty(autoencoder, contamination=0.05, n_members=2, random_state=0).fit(X)
    skae.save(novelty, path)
    loaded: AutoencoderNovelty = skae.load(path)
    return loaded.predict(X)


def export(X: Array, folder: Path) -> torch.Tensor:
    """Write a model and its card to a folder, and use the encoder as the first layer of a network."""
    skae.save_pretrained(AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X), folder, license="mit")
    autoencoder: AutoencoderTransformer = skae.from_pretrained(folder)
    network = torch.nn.Sequential(autoencoder.encoder_, torch.nn.Linear(2, 3))
    logits: torch.Tensor = network(torch.from_numpy(X))
    return logits


def main() -> None:
    X: Array = load_wine().data
    print(compress(X).shape)
    print(choose_size(X))
    with TemporaryDirectory() as folder:
        print((find_anomalies(X, Path(folder) / "novelty.skae") == -1).sum(), "anomalies")
        print(export(X, Path(folder) / "wine").shape)


if __name__ == "__main__":
    main()
