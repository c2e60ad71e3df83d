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
from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Convolutional, Dense, Sequence

FOLDER = Path(__file__).parent
ROWS = np.sin(np.arange(480.0)).reshape(80, 6) * np.arange(1, 7)
PICTURES = np.sin(np.arange(40 * 64.0)).reshape(40, 8, 8)
TOKENS = (np.arange(300) ** 2 % 5).reshape(60, 5)
FRAME = pd.DataFrame(ROWS, columns=list("äbcdef")).assign(c=np.arange(80))
TABLE = pd.DataFrame(
    {
        "number": ROWS[:, 0],
        "text": np.array(["a", "ü", ""], dtype=object)[np.arange(80) % 3],
        "category": pd.Categorical(np.array([3, 1])[np.arange(80) % 2], [1, 2, 3], ordered=True),
        "flag": ROWS[:, 0] > 0,
        "day": np.datetime64("2024-01-01", "s") + (np.arange(80) % 7) * np.timedelta64(1, "D"),
    }
)
NOISE = np.random.RandomState(0).standard_normal((60, 4))
QUICK = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
SMALL = Dense((8,))


def models():
    """What fits an estimator, and its rows, by kind."""
    small = AutoencoderTransformer(2, architecture=SMALL, **QUICK)
    conv = AutoencoderTransformer(
        2, architecture=Convolutional((4,), hidden_sizes=(8,)), axes="h w", optimizer="sgd", **QUICK
    )
    sequence = AutoencoderTransformer(2, architecture=Sequence(4, hidden_sizes=(4,)), loss="cross_entropy", **QUICK)
    quantized = AutoencoderTransformer(4, architecture=SMALL, variant="vector_quantized", loss="bce", **QUICK)
    pipeline = make_pipeline(PCA(4), clone(small))
    search = BottleneckSearchCV(clone(small), n_components=(1, 2, 3), cv=2)
    novelty = AutoencoderNovelty(clone(small), n_members=2, random_state=0)
    return {
        "convolutions": (lambda: conv.fit(PICTURES), PICTURES),
        "tokens": (lambda: sequence.fit(TOKENS), TOKENS),
        "quantized": (lambda: quantized.fit(ROWS), ROWS),
        "frame": (lambda: clone(small).fit(FRAME), FRAME),
        "table": (lambda: clone(small).fit(TABLE), TABLE),
        "going on": (lambda: clone(small).partial_fit(ROWS).partial_fit(ROWS), ROWS),
        "pipeline": (lambda: pipeline.fit(ROWS), ROWS),
        "search": (lambda: search.fit(NOISE), NOISE),
        "novelty": (lambda: novelty.fit(NOISE), NOISE),
    }


def results(model, X):
    """What a model makes of its rows: codes, or scores where it has none."""
    return model.transform(X) if hasattr(model, "transform") else model.score_samples(X)


def main():
    for kind, (fit, X) in models().items():
        path = FOLDER / f"{skae.__version__} {kind}.safetensors"
        if not path.exists():
            model = fit()
            skae.save(model, path)
            np.save(path.with_suffix(".npy"), results(model, X))


if __name__ == "__main__":
    main()
