"""How long does one row take, compared with PCA and with the bare module?

Microseconds of one call with one row: the least of many calls, which alternate between all methods, so that other
programs on the machine disturb all of them alike. The claim is about the default network of digits (64 features, 8
components).
"""

import time

import numpy as np
import pandas as pd
import polars as pl
import torch
from report import make_parser, write
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderNovelty, AutoencoderTransformer, Dense

# Rounds, and calls per round and method.
N_ROUNDS, N_CALLS = 20, 20
# Largest time of transform relative to that of PCA.
CLAIM = 2.2


def make_bare(autoencoder, row):
    """A function that encodes a scaled row by the module alone."""
    result = autoencoder._result
    x, module = result.layout.to_network(torch.from_numpy(row)), result.net.module_

    def encode():
        with torch.inference_mode():
            return module.encode(x).cpu().numpy()

    return encode


def make_calls(device):
    """Functions without parameters, by name."""
    X = load_digits().data
    row, names = X[:1].copy(), [f"pixel {i}" for i in range(64)]
    frame = pd.DataFrame(row, columns=names)
    settings = {"max_epochs": 2, "early_stopping": False, "random_state": 0, "device": device}
    autoencoder, small = (AutoencoderTransformer(8, architecture=a, **settings).fit(X) for a in ("auto", Dense((32,))))
    of_frame = AutoencoderTransformer(8, **settings).fit(pd.DataFrame(X, columns=names))
    pictures = np.random.default_rng(0).integers(0, 256, (500, 1, 28, 28)).astype(np.uint8)
    of_pictures = AutoencoderTransformer(8, **settings).fit(pictures)
    novelty = AutoencoderNovelty(AutoencoderTransformer(8, **settings), random_state=0).fit(X)
    pca, scaled = PCA(8).fit(X), StandardScaler().fit_transform(X)
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(8, **settings)).fit(X)
    pca_pipeline = make_pipeline(StandardScaler(), PCA(8)).fit(X)
    to_frames = AutoencoderTransformer(8, **settings).fit(scaled).set_output(transform="pandas")
    pca_to_frames = PCA(8).fit(scaled).set_output(transform="pandas")
    pca_of_frame = PCA(8).fit(pd.DataFrame(X, columns=names))
    row32, row8, codes, tensor = row.astype(np.float32), row.astype(np.uint8), pca.transform(row), torch.from_numpy(row)
    rows, polars = row.tolist(), pl.from_pandas(frame)
    return {
        "PCA, transform": lambda: pca.transform(row),
        "PCA, inverse_transform": lambda: pca.inverse_transform(codes),
        "PCA, score_samples": lambda: pca.score_samples(row),
        "PCA, pandas": lambda: pca_of_frame.transform(frame),
        "PCA, polars": lambda: pca_of_frame.transform(polars),
        "PCA, set_output": lambda: pca_to_frames.transform(row),
        "PCA in a pipeline": lambda: pca_pipeline.transform(row),
        "bare module": make_bare(autoencoder, row),
        "bare module, 64-32-8": make_bare(small, row),
        "transform": lambda: autoencoder.transform(row),
        "64-32-8": lambda: small.transform(row),
        "float32": lambda: autoencoder.transform(row32),
        "uint8": lambda: autoencoder.transform(row8),
        "lists": lambda: autoencoder.transform(rows),
        "tensor": lambda: autoencoder.transform(tensor),
        "pandas": lambda: of_frame.transform(frame),
        "polars": lambda: of_frame.transform(polars),
        "set_output": lambda: to_frames.transform(row),
        "in a pipeline": lambda: pipeline.transform(row),
        "inverse_transform": lambda: autoencoder.inverse_transform(codes),
        "reconstruct": lambda: autoencoder.reconstruct(row),
        "score_samples": lambda: autoencoder.score_samples(row),
        "bare module, picture of 28 x 28": make_bare(of_pictures, pictures[:1]),
        "picture of 28 x 28": lambda: of_pictures.transform(pictures[:1]),
        "AutoencoderNovelty, predict": lambda: novelty.predict(row),
    }


def measure(calls):
    """Microseconds of the fastest call of each function."""
    best = dict.fromkeys(calls, np.inf)
    for _ in range(N_ROUNDS):
        for name, call in calls.items():
            for _ in range(N_CALLS):
                began = time.perf_counter()
                call()
                best[name] = min(best[name], 1e6 * (time.perf_counter() - began))
    return best


def main():
    args = make_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    taken = measure(make_calls(args.device))
    pca = taken["PCA, transform"]
    rows = [[name, microseconds, microseconds / pca] for name, microseconds in taken.items()]
    write("latency", ["call", "microseconds", "relative to PCA, transform"], rows, device=args.device, claim=CLAIM)
    assert taken["transform"] <= CLAIM * pca, f"one row takes {taken['transform'] / pca:.2f} times as long as PCA"


if __name__ == "__main__":
    main()
