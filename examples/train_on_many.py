"""Training in several processes: the same script alone, and under torchrun.

Run ``python examples/train_on_many.py``, or ``torchrun --nproc_per_node 2 examples/train_on_many.py``. On several
machines, torchrun gets ``--nnodes`` and ``--rdzv-endpoint`` in addition.

Data: handwritten digits, which ship with scikit-learn.

Result: each process trains on its share of every batch, and all of them have the same fitted estimator. The explained
variance is that of one process, 0.9 with 16 components.
"""

import os
import tempfile
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import skae

# Without torchrun, one process of number 0.
RANK, N_PROCESSES = (int(os.environ.get(name, default)) for name, default in (("RANK", 0), ("WORLD_SIZE", 1)))


def main():
    X_train, X_test = train_test_split(load_digits(return_X_y=True)[0], test_size=0.2, random_state=0)
    # All processes read the same rows; batch_size is that of all processes together.
    autoencoder = skae.AutoencoderTransformer(16, batch_size=64, random_state=0).fit(X_train)
    score = autoencoder.score(X_test)
    if RANK == 0:
        print(f"{N_PROCESSES} process(es), {autoencoder.n_iter_} epochs, explained variance {score:.3f}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "digits.skae"
            skae.save(autoencoder, path)
            print(f"saved {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
