"""Does ``import skae`` take longer than ``import skorch``, its dependency?

Seconds of a fresh process that imports one or the other, alternating; the median of the ratios counts.
"""

import subprocess
import sys
import time

import numpy as np
from report import write

N_FOLDS = 15
CLAIM = 1.2


def seconds(module):
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - began


def main():
    for module in ("skae", "skorch"):
        seconds(module)
    taken = []
    for repeat in range(N_FOLDS):
        order = ("skae", "skorch") if repeat % 2 else ("skorch", "skae")
        measured = {module: seconds(module) for module in order}
        taken.append((measured["skae"], measured["skorch"]))
    skae, skorch = np.median(taken, axis=0)
    ratio = float(np.median([one / other for one, other in taken]))
    write("import_time", ["skae", "skorch", "ratio"], [[float(skae), float(skorch), ratio]], claim=CLAIM)
    assert ratio <= CLAIM, f"import skae takes {ratio:.2f} times as long as import skorch, claimed {CLAIM}"


if __name__ == "__main__":
    main()
