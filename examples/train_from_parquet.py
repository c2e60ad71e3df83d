"""Training on partitioned Parquet files, without reading them into memory as a whole.

Question: how much memory does training on files take, and does the result explain more variance than PCA?

Data: 1,100,000 rows of 64 columns (282 MB as float32), functions of eight hidden variables, made here, in one folder of
files per month.

Baseline: PCA with the same number of components, fitted in memory to a sample of the rows.

Result: training takes about 400 MB, as it would for any number of rows, and the autoencoder explains more variance.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow
import pyarrow.dataset
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, Dense, metrics

N_MONTHS, N_FILES, ROWS_PER_FILE = 5, 4, 55_000
N_HIDDEN, N_COLUMNS = 8, 64
NAMES = [f"sensor_{place}" for place in range(N_COLUMNS)]


def make_rows(n_rows, seed):
    """Rows (n_rows, 64), float32: linear and bent functions of eight hidden variables, and noise."""
    random = np.random.RandomState(seed)
    hidden = random.standard_normal((n_rows, N_HIDDEN)).astype(np.float32)
    mixing = np.random.RandomState(0).standard_normal((3 * N_HIDDEN, N_COLUMNS)).astype(np.float32)
    bent = np.hstack([hidden, np.abs(hidden), np.sin(2 * hidden)])
    return bent @ mixing + 0.1 * random.standard_normal((n_rows, N_COLUMNS)).astype(np.float32)


def write_files(folder):
    """Write a folder of Parquet files per month, in row groups of 10,000 rows."""
    for month in range(1, N_MONTHS + 1):
        path = folder / f"month={month}"
        path.mkdir()
        for number in range(N_FILES):
            frame = pl.DataFrame(make_rows(ROWS_PER_FILE, 100 * month + number), schema=NAMES)
            frame.write_parquet(path / f"{number}.parquet", row_group_size=10_000)


def peak_memory():
    """Peak memory of this process in MB; NaN where the system does not report it."""
    if not sys.platform.startswith("linux"):
        return float("nan")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main():
    X_test = make_rows(10_000, seed=1)
    autoencoder = AutoencoderTransformer(
        N_HIDDEN, architecture=Dense((64,)), max_epochs=2, batch_size=2048, random_state=0
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        files = pyarrow.dataset.dataset(folder, partitioning="hive")
        # The month is a column too: select the others.
        files = files.replace_schema(pyarrow.schema([files.schema.field(column) for column in NAMES]))
        before, began = peak_memory(), time.perf_counter()
        autoencoder.fit(files)
        size = 4 * files.count_rows() * N_COLUMNS / 1e6
        print(f"fit on {size:.0f} MB: {time.perf_counter() - began:.0f} s, {peak_memory() - before:.0f} MB of memory")
        codes = np.lib.format.open_memmap(folder / "codes.npy", "w+", np.float32, (files.count_rows(), N_HIDDEN))
        autoencoder.transform(files, out=codes)
        print(f"codes of all rows, in a file: {codes.shape}")
    pca = PCA(N_HIDDEN).fit(make_rows(100_000, seed=2))
    print("explained variance on test rows:")
    print(f"  PCA         {metrics.explained_variance(X_test, pca.inverse_transform(pca.transform(X_test))):.3f}")
    frame = pl.DataFrame(X_test, schema=NAMES)  # names of columns are checked
    print(f"  autoencoder {metrics.explained_variance(X_test, autoencoder.reconstruct(frame)):.3f}")


if __name__ == "__main__":
    main()
