"""How much faster do two processes train together, and how many bytes does a step move?

Data-parallel training on two cores, one thread per process, at the same global batch: rows per second of one process
and of two, the best of several epochs, alternately. The efficiency is that of two processes relative to twice one, and
in processor time, which other programs on the machine change less, the time of one process relative to the sum of both.
Bytes per step: those that a process sends, and those on the network device of this machine (Linux), against a
model: 4 bytes per weight and for the number of rows, of which a ring of n processes sends the share 2 (n - 1) / n.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from report import write

from skae import AutoencoderTransformer, Convolutional, Dense, _processes
from skae.training import AutoencoderNet

HINTON = Dense((1000, 500, 250), normalization="batch")
# Name, shape of X, n_components, architecture, batch size, epochs.
NETWORKS = [
    ("64-128-8", (20_000, 64), 8, Dense((128,)), 256, 4),
    ("784-1000-500-250-30", (8_192, 784), 30, HINTON, 256, 2),
    ("784-1000-500-250-30", (8_192, 784), 30, HINTON, 2_048, 2),
    ("convolutions 28 x 28", (2_048, 28, 28), 16, Convolutional(), 256, 2),
]
ROUNDS = 2
# Least efficiency of the best network in processor time, and largest ratio of bytes to the model.
LEAST_EFFICIENCY, MOST_BYTES = 0.6, 1.15


def loopback_bytes():
    """Bytes that this machine has sent to itself; 0 if the system does not report them."""
    path = Path("/proc/net/dev")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) for line in lines if line.strip().startswith("lo:")), 0)


def work():
    """Train each network, and print seconds per epoch, weights, and bytes per step, by network."""
    torch.set_num_threads(1)
    n_bytes, seconds = 0, []
    all_reduce, run_batches = _processes.dist.all_reduce, AutoencoderNet._run_batches

    def counted(tensor, group=None):
        nonlocal n_bytes
        n_bytes += tensor.nbytes
        return all_reduce(tensor, group=group)

    def timed(*arguments):
        began = time.process_time()
        run_batches(*arguments)
        seconds.append(time.process_time() - began)

    _processes.dist.all_reduce, AutoencoderNet._run_batches = counted, timed
    found = []
    for _, shape, n_components, architecture, batch_size, epochs in NETWORKS:
        X = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
        estimator = AutoencoderTransformer(
            n_components,
            architecture=architecture,
            axes="h w" if len(shape) == 3 else None,
            batch_size=batch_size,
            max_epochs=epochs,
            early_stopping=False,
            precision="float32",
            device="cpu",
            random_state=0,
        )
        n_bytes, before = 0, loopback_bytes()
        seconds.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = estimator.fit(X)
        n_steps = epochs * -(-shape[0] // batch_size)
        found.append(
            {
                "seconds": min(epoch["duration"] for epoch in fitted.history_),
                "processor": min(seconds),
                "weights": sum(p.numel() for p in fitted.net_.module_.parameters()),
                "bytes": n_bytes / n_steps,
                "on_device": (loopback_bytes() - before) / n_steps,
            }
        )
    print(json.dumps(found))


def run(n_processes):
    """The figures of each network, by process; they are trained by processes of their own."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = str(bound.getsockname()[1])
    common = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = []
    for rank in range(n_processes):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(n_processes)}
        command = [sys.executable, __file__, "--work"]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=common | place))
    outputs = [process.communicate()[0] for process in processes]
    assert not any(process.returncode for process in processes)
    return [json.loads(output) for output in outputs]


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", action="store_true", help="be one of the processes that train")
    if parser.parse_args().work:
        work()
        return
    rounds = [(run(1), run(2)) for _ in range(ROUNDS)]
    table = []
    for number, (name, shape, _, _, batch_size, _) in enumerate(NETWORKS):
        one, two = (min(by_process[0][number]["seconds"] for by_process in runs) for runs in zip(*rounds, strict=True))
        processor = [
            min(sum(p[number]["processor"] for p in runs) for runs in pair) for pair in zip(*rounds, strict=True)
        ]
        last = rounds[-1][1][0][number]
        model = 4 * (last["weights"] + 1)
        row = [name, batch_size, last["weights"], round(shape[0] / one), round(shape[0] / two), one / (2 * two)]
        row += [processor[0] / processor[1], round(last["bytes"] / 1e3, 1), round(model / 1e3, 1)]
        table.append([*row, last["on_device"] / (2 * model)])
    columns = ["network", "batch", "weights", "rows/s 1 process", "rows/s 2 processes", "efficiency"]
    write("distributed", [*columns, "of processor", "kB per step", "model kB", "sent / model"], table)
    efficiency = max(row[6] for row in table)
    assert efficiency >= LEAST_EFFICIENCY, f"two processes need {1 / efficiency:.2f} times the processor time of one"
    for row in table:
        assert row[7] / row[8] < MOST_BYTES, f"{row[0]}: a step sends {row[7]} kB, the model says {row[8]}"


if __name__ == "__main__":
    main()
