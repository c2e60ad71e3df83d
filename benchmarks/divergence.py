"""Of runs whose loss stops being finite, how many would a second one at a tenth of the learning rate save?

One row an optimizer and a multiple of its automatic learning rate: fits of bundled tables, as they are and with wild
rows (one in a hundred, a million times as large), with three losses, early stopping on and off. A run is saved where
the second ends with a finite loss, and worth it where its codes then explain more than PCA's, or, without early
stopping, than the mean. Gradients are not clipped, which is what clipping.py asks about.
"""

import warnings

import torch
from never_worse_than_pca import TABLES
from report import parser_of, write

from skae import AutoencoderTransformer, DivergenceError
from skae._training import automatic_learning_rate

OPTIMIZERS = ("adamw", "sgd", "rmsprop")
MULTIPLES = (1, 10, 100, 1000, 1e6)
LOSSES = ("mse", "huber", "mae")
# Of the autoencoders here.
SETTINGS = {"device": "cpu"}


def tables():
    """Rows of bundled tables, each also with a few wild ones."""
    for name in ("iris", "wine", "breast cancer", "diabetes", "digits"):
        X = TABLES[name](return_X_y=True)[0][:600].astype(float)
        wild = X.copy()
        wild[:: len(X) // 2] *= 1e6
        yield from (X, wild)


def outcome(X, lr, **settings):
    """The share a fit explains, None where it diverges."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings = {"max_epochs": 8, "random_state": 0, "net_params": {"clip_norm": None}, **SETTINGS, **settings}
            return AutoencoderTransformer(2, lr=lr, **settings).fit(X).score(X)
    except DivergenceError:
        return None


def counted(optimizer, multiple):
    """Fits, those that diverge, those of them that a tenth saves, and those that are worth it."""
    fits = diverged = saved = worth = 0
    for X in tables():
        for loss in LOSSES:
            for early_stopping in (True, False):
                settings = {"optimizer": optimizer, "loss": loss, "early_stopping": early_stopping}
                lr = multiple * automatic_learning_rate(optimizer)
                fits += 1
                if outcome(X, lr, **settings) is not None:
                    continue
                diverged += 1
                again = outcome(X, lr / 10, **settings)
                saved += again is not None
                if again is not None:
                    # Of no use to anyone: an lr at which nothing is learned, so that the start is gone back to.
                    start = outcome(X, 1e-12, **settings) if early_stopping else 0.0
                    worth += again > start + 1e-3
    return fits, diverged, saved, worth


def main():
    SETTINGS["device"] = parser_of(__doc__).parse_args().device
    torch.set_num_threads(1)
    table = []
    for optimizer in OPTIMIZERS:
        for multiple in MULTIPLES:
            table.append([optimizer, f"{multiple:g}", *counted(optimizer, multiple)])
            print("  ".join(map(str, table[-1])), flush=True)
    columns = ["optimizer", "multiple of lr='auto'", "fits", "diverged", "saved", "worth it"]
    write("divergence", columns, table, **SETTINGS)
    assert table[0][3] == 0, "a fit with default settings diverged"


if __name__ == "__main__":
    main()
