"""How long does `fit` take on containers that are larger than memory, relative to a memory map, and in how much memory?

Rows are numbers of a low dimension and noise, in chunks of 10,000 rows. Each container is read in a new process. Peaks
of anonymous memory (Linux) of `fit`, and of `transform` after it, must be at most 600 MiB beyond the output.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from report import make_parser, write
from scaling import MIB, WATCHER

N_COLUMNS, CHUNK = 64, 10_000
MOST = 600
KINDS = ("memmap", "zarr", "h5py", "dask", "parquet", "LazyFrame")
# The file of each kind, and code that makes X of its path.
FILES = {
    "zarr": "zarr",
    "dask": "zarr",
    "h5py": "h5py",
    "parquet": "parquet",
    "LazyFrame": "parquet",
}
OPEN = """
import torch
torch.set_num_threads(1)
def rows():
    return np.load(path, mmap_mode="r")
def open_container(kind):
    if kind == "memmap":
        return rows()
    if kind == "zarr":
        import zarr
        return zarr.open_array(path, mode="r")
    if kind == "dask":
        import dask.array
        return dask.array.from_zarr(path)
    if kind == "h5py":
        import h5py
        return h5py.File(path)["X"]
    if kind == "parquet":
        import pyarrow.dataset
        return pyarrow.dataset.dataset(path)
    import polars
    return polars.scan_parquet(path)
"""
CALLS = """
from skae import AutoencoderTransformer, Dense
warnings.simplefilter("ignore")
path, kind = sys.argv[1:]
def new():
    return AutoencoderTransformer(8, architecture=Dense((64,)), max_epochs=2, batch_size=1024, random_state=0)
new().fit(np.random.RandomState(0).rand(300, 9))
X = open_container(kind)
autoencoder, fitting, fit_peak = watched(lambda: new().fit(X))
Z, transforming, peak = watched(lambda: np.asarray(autoencoder.transform(X)))
print(fitting, transforming, fit_peak, peak, Z.nbytes)
"""


def parts(n_rows):
    """Parts of (CHUNK, N_COLUMNS) rows, float32."""
    random = np.random.RandomState(0)
    mixing = random.standard_normal((8, N_COLUMNS)).astype(np.float32)
    for _ in range(n_rows // CHUNK):
        hidden = np.abs(random.standard_normal((CHUNK, 8))).astype(np.float32)
        yield hidden @ mixing + 0.3 * random.standard_normal((CHUNK, N_COLUMNS)).astype(np.float32)


def write_file(folder, name, n_rows):
    """The path of a file of a format, which is written unless it exists."""
    path, shape = folder / name, (n_rows // CHUNK * CHUNK, N_COLUMNS)
    if path.exists():
        return path
    if name == "parquet":
        import pyarrow
        import pyarrow.parquet

        columns = [f"column_{place}" for place in range(N_COLUMNS)]
        schema = pyarrow.schema([(column, pyarrow.float32()) for column in columns])
        with pyarrow.parquet.ParquetWriter(path, schema) as writer:
            for part in parts(n_rows):
                writer.write_table(pyarrow.table(list(part.T), schema=schema))
        return path
    if name == "zarr":
        import zarr

        array = zarr.create_array(str(path), shape=shape, chunks=(CHUNK, N_COLUMNS), dtype="f4")
    elif name == "h5py":
        import h5py

        array = h5py.File(path, "w").create_dataset("X", shape, "f4", chunks=(CHUNK, N_COLUMNS))
    else:
        array = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for number, part in enumerate(parts(n_rows)):
        array[number * CHUNK : (number + 1) * CHUNK] = part
    if name == "h5py":
        array.file.close()
    return path


def measure(path, kind):
    """Seconds of fit and of transform, their peaks in bytes, and the bytes of the output."""
    arguments = [sys.executable, "-c", WATCHER + OPEN + CALLS, str(path), kind]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    fitting, transforming, *sizes = done.stdout.split()
    return float(fitting), float(transforming), *map(int, sizes)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_200_000)
    options = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            path = write_file(Path(folder), FILES.get(kind, "npy"), options.rows)
            fitting, transforming, fit_peak, peak, size = measure(path, kind)
            speeds = int(options.rows / fitting), int(options.rows / transforming)
            slower = 1.0 if not table else round(fitting * table[0][1] / options.rows, 2)
            table.append([kind, *speeds, slower, round(fit_peak / MIB), round((peak - size) / MIB)])
            print(*table[-1], flush=True)
    columns = ["X", "fit rows/s", "transform rows/s", "fit time / memmap", "fit peak MiB", "transform peak MiB"]
    write("containers", columns, table, n_rows=options.rows)
    for kind, *_, fit_peak, peak in table:
        assert max(fit_peak, peak) <= MOST, f"{kind} took {fit_peak} and {peak} MiB, allowed {MOST}"


if __name__ == "__main__":
    main()
