"""Should gradients be clipped by default?

One row per optimizer and kind of clipping: the number of fits that diverge at the automatic learning rate, on bundled
tables with outliers (one row in a hundred, a million times as large); the mean explained variance on the test sets of
the original tables; and the time of a step relative to a step without clipping. The norm of all gradients together is
clipped: to 1, or to ten times the median of the last fifty norms. The clipping of the package, a default for SGD, is
off.
"""

import time
import warnings

import numpy as np
import torch
from divergence import tables
from report import make_parser, write
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, DivergenceError

KINDS = ("none", "to 1", "to 10 medians")
WINDOW = 50
# Parameters of the autoencoders.
SETTINGS = {"device": "cpu"}


class Clip(Callback):
    """Clips gradients without a device sync."""

    def __init__(self, kind):
        self.kind = kind

    def on_train_begin(self, net, **kwargs):
        self.norms, self.step = torch.full((WINDOW,), torch.nan), 0

    def on_grad_computed(self, net, **kwargs):
        if self.kind == "none":
            return
        parameters = list(net.module_.parameters())
        if self.kind == "to 1":
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            return
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        self.norms[self.step % WINDOW] = norm
        self.step += 1
        torch.nn.utils.clip_grads_with_norm_(parameters, 10 * self.norms.nanmedian(), norm)


def fit(X, optimizer, kind, seed=0, **settings):
    """Fit an autoencoder; None if training diverges."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return AutoencoderTransformer(
                optimizer=optimizer,
                random_state=seed,
                net_params={"callbacks": [Clip(kind)], "clip_norm": None},
                **SETTINGS,
                **settings,
            ).fit(X)
        except DivergenceError:
            return None


def quality(X, optimizer, kind, seeds):
    """Mean explained variance on a test quarter; 0 for a fit that diverges."""
    shares = []
    for k in (2, 8):
        for seed in range(seeds):
            train, test = train_test_split(X, test_size=0.25, random_state=seed)
            made = fit(train, optimizer, kind, seed, n_components=min(k, X.shape[1]))
            shares.append(0.0 if made is None else made.score(test))
    return float(np.mean(shares))


def seconds(X, optimizer, kinds):
    """Minimum time of a fit, alternating between kinds."""
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(5):
        for kind in kinds:
            began = time.process_time()
            fit(X, optimizer, kind, n_components=8, max_epochs=8, early_stopping=False)
            best[kind] = min(best[kind], time.process_time() - began)
    return best


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    SETTINGS["device"] = args.device
    torch.set_num_threads(1)
    given = list(tables())
    plain, wild = given[::2], given[1::2]
    table = []
    for optimizer in ("adamw", "sgd"):
        times = seconds(plain[-1], optimizer, KINDS)
        for kind in KINDS:
            settings = [{"loss": loss, "early_stopping": e} for loss in ("mse", "huber") for e in (True, False)]
            gone = sum(fit(X, optimizer, kind, max_epochs=8, **s) is None for X in wild for s in settings)
            share = float(np.mean([quality(X, optimizer, kind, args.seeds) for X in plain]))
            table.append([optimizer, kind, gone, share, times[kind] / times["none"]])
            print("  ".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in table[-1]), flush=True)
    columns = ["optimizer", "clipped", "diverged of 20", "held-out share", "time"]
    write("clipping", columns, table, device=args.device, seeds=args.seeds)
    adamw, adamw_to_1, _, sgd, sgd_to_1, _ = table
    assert sgd_to_1[2] == 0 < sgd[2], "SGD diverges with clipping to 1, or does not diverge without"
    assert sgd_to_1[3] > sgd[3], "clipping makes SGD worse"
    assert adamw[2] == 0, "AdamW diverges"
    assert adamw[3] >= adamw_to_1[3], "clipping makes AdamW better"


if __name__ == "__main__":
    main()
