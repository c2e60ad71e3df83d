"""Writes the files that later versions have to read: one of each kind of model, named by the version that wrote it.

Once a release: ``python tests/files/release_files.py``. What is there already stays as it is.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import skae
from skae import AutoencoderTransformer, Convolutional, Dense, Sequence

FOLDER = Path(__file__).parent
ROWS = np.sin(np.arange(480.0)).reshape(80, 6) * np.arange(1, 7)
PICTURES = np.sin(np.arange(40 * 64.0)).reshape(40, 8, 8)
TOKENS = (np.arange(300) ** 2 % 5).reshape(60, 5)
FRAME = pd.DataFrame(ROWS, columns=list("äbcdef")).assign(c=np.arange(80))
QUICK = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
SMALL = Dense((8,))


def models():
    """An estimator and its rows, by kind."""
    small = AutoencoderTransformer(2, architecture=SMALL, **QUICK)
    conv = AutoencoderTransformer(
        2, architecture=Convolutional((4,), hidden_sizes=(8,)), axes="h w", optimizer="sgd", **QUICK
    )
    sequence = AutoencoderTransformer(2, architecture=Sequence(4, hidden_sizes=(4,)), loss="cross_entropy", **QUICK)
    quantised = AutoencoderTransformer(4, architecture=SMALL, variant="vector_quantised", loss="bce", **QUICK)
    return {
        "convolutions": (conv.fit(PICTURES), PICTURES),
        "tokens": (sequence.fit(TOKENS), TOKENS),
        "quantised": (quantised.fit(ROWS), ROWS),
        "frame": (clone(small).fit(FRAME), FRAME),
        "going on": (clone(small).partial_fit(ROWS).partial_fit(ROWS), ROWS),
        "pipeline": (make_pipeline(PCA(4), clone(small)).fit(ROWS), ROWS),
    }


def main():
    for kind, (model, X) in models().items():
        path = FOLDER / f"{skae.__version__} {kind}.skae"
        if not path.exists():
            skae.save(model, path)
            np.save(path.with_suffix(".npy"), model.transform(X))


if __name__ == "__main__":
    main()
