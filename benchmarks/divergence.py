"""Of fits whose loss becomes non-finite, how many would a retry at a tenth of the learning rate save?

One row per optimizer and multiple of its automatic learning rate: fits of bundled tables, original and with outliers
(one row in a hundred, a million times as large), with three losses, early stopping on and off. A fit is saved if the
retry ends with a finite loss. The retry is useful if its explained variance is higher than that of PCA or, without
early stopping, than that of the mean. Gradients are not clipped; see clipping.py.
"""

import warnings

import torch
from never_worse_than_pca import TABLES
from report import make_parser, write

from skae import AutoencoderTransformer, DivergenceError
from skae.training.schedule import automatic_learning_rate

OPTIMIZERS = ("adamw", "sgd", "rmsprop")
MULTIPLES = (1, 10, 100, 1000, 1e6)
LOSSES = ("mse", "huber", "mae")
# Parameters of the autoencoders.
SETTINGS = {"device": "cpu"}


def tables():
    """Bundled tables, original and with outliers."""
    for name in ("iris", "wine", "breast cancer", "diabetes", "digits"):
        X = TABLES[name](return_X_y=True)[0][:600].astype(float)
        wild = X.copy()
        wild[:: len(X) // 2] *= 1e6
        yield from (X, wild)


def fit_score(X, lr, **settings):
    """Explained variance of a fit; None if it diverges."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings = {"max_epochs": 8, "random_state": 0, "net_params": {"clip_norm": None}, **SETTINGS, **settings}
            return AutoencoderTransformer(2, lr=lr, **settings).fit(X).score(X)
    except DivergenceError:
        return None


def count(optimizer, multiple):
    """Number of fits, of diverging fits, of fits that a retry saves, and of useful retries."""
    fits = diverged = saved = worth = 0
    for X in tables():
        for loss in LOSSES:
            for early_stopping in (True, False):
                settings = {"optimizer": optimizer, "loss": loss, "early_stopping": early_stopping}
                lr = multiple * automatic_learning_rate(optimizer)
                fits += 1
                if fit_score(X, lr, **settings) is not None:
                    continue
                diverged += 1
                again = fit_score(X, lr / 10, **settings)
                saved += again is not None
                if again is not None:
                    # A learning rate at which nothing is learned, so that fit falls back to PCA, is not useful.
                    start = fit_score(X, 1e-12, **settings) if early_stopping else 0.0
                    worth += again > start + 1e-3
    return fits, diverged, saved, worth


def main():
    SETTINGS["device"] = make_parser(__doc__).parse_args().device
    torch.set_num_threads(1)
    table = []
    for optimizer in OPTIMIZERS:
        for multiple in MULTIPLES:
            table.append([optimizer, f"{multiple:g}", *count(optimizer, multiple)])
            print("  ".join(map(str, table[-1])), flush=True)
    columns = ["optimizer", "multiple of lr='auto'", "fits", "diverged", "saved", "worth it"]
    write("divergence", columns, table, **SETTINGS)
    assert table[0][3] == 0, "a fit with default settings diverged"


if __name__ == "__main__":
    main()
