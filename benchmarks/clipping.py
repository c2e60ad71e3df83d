"""Does it pay to clip gradients by default?

One row an optimizer and a kind of clipping: fits of bundled tables with wild rows (one in a hundred, a million times as
large) that diverge at the automatic learning rate; the mean held-out share on the tables as they are; and the time of a
step beside the same step without it. Clipped is the norm of all gradients together: to 1, or to ten times the median of
the last fifty norms. The package's own clipping, which SGD has from what was found here, is off.
"""

import time
import warnings

import numpy as np
import torch
from divergence import tables
from report import parser_of, write
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, DivergenceError

KINDS = ("none", "to 1", "to 10 medians")
WINDOW = 50
# Of the autoencoders here.
SETTINGS = {"device": "cpu"}


class Clip(Callback):
    """Clips gradients as they are computed, without a sync."""

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


def fitted(X, optimizer, kind, seed=0, **settings):
    """A fit, None where it diverges."""
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
    """Mean share of a held-out quarter, 0 of a fit that diverges."""
    shares = []
    for k in (2, 8):
        for seed in range(seeds):
            train, test = train_test_split(X, test_size=0.25, random_state=seed)
            made = fitted(train, optimizer, kind, seed, n_components=min(k, X.shape[1]))
            shares.append(0.0 if made is None else made.score(test))
    return float(np.mean(shares))


def seconds(X, optimizer, kinds):
    """The least time of a fit, each kind in turn."""
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(5):
        for kind in kinds:
            began = time.process_time()
            fitted(X, optimizer, kind, n_components=8, max_epochs=8, early_stopping=False)
            best[kind] = min(best[kind], time.process_time() - began)
    return best


def main():
    parser = parser_of(__doc__)
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
            gone = sum(fitted(X, optimizer, kind, max_epochs=8, **s) is None for X in wild for s in settings)
            share = float(np.mean([quality(X, optimizer, kind, args.seeds) for X in plain]))
            table.append([optimizer, kind, gone, share, times[kind] / times["none"]])
            print("  ".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in table[-1]), flush=True)
    columns = ["optimizer", "clipped", "diverged of 20", "held-out share", "time"]
    write("clipping", columns, table, device=args.device, seeds=args.seeds)
    adamw, adamw_to_1, _, sgd, sgd_to_1, _ = table
    assert sgd_to_1[2] == 0 < sgd[2], "SGD clipped to 1 diverges, or does not without"
    assert sgd_to_1[3] > sgd[3], "clipping costs SGD quality"
    assert adamw[2] == 0, "AdamW diverges"
    assert adamw[3] >= adamw_to_1[3], "clipping would pay with AdamW"


if __name__ == "__main__":
    main()
