"""Is it faster to train the candidates of a search in one batched program than one after another?

Candidates that differ only in seed or learning rate, stacked by torch.func, compared with the same steps one after
another: the same networks, batches and optimizer on one device. Above 1 the stack is faster.
"""

import itertools
import time

import torch
from report import make_parser, write
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

CANDIDATES, STEPS = 8, 60
NETWORKS = {
    "64-32-8": ((64, 32, 8, 32, 64), 32),
    "64-256-128-8, the default for digits": ((64, 256, 128, 8, 128, 256, 64), 32),
    "784-1024-512-256-30, the default for MNIST": ((784, 1024, 512, 256, 30, 256, 512, 1024, 784), 256),
}


def network(widths, seed):
    torch.manual_seed(seed)
    layers = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.LayerNorm(n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-2])


def one_after_another(models, x):
    for model in models:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        for _ in range(STEPS):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), x).backward()
            optimizer.step()
    return models[0](x)


def together(models, x):
    parameters, buffers = stack_module_state(models)
    base = models[0]

    def call(p, b, rows):
        return functional_call(base, (p, b), (rows,))

    stacked = vmap(call, (0, 0, None))
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-3, fused=True)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (stacked(parameters, buffers, x) - x).square().mean((1, 2)).sum().backward()
        optimizer.step()
    return stacked(parameters, buffers, x)[0]


def seconds(train, widths, x, device):
    models = [network(widths, seed).to(device) for seed in range(CANDIDATES)]
    began = time.perf_counter()
    result = train(models, x)
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began, result.detach()


def main():
    args = make_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    table = []
    for name, (widths, batch) in NETWORKS.items():
        x = torch.randn(batch, widths[0]).to(args.device)
        ratios = []
        for _ in range(3):
            (alone, a), (stacked, b) = (
                seconds(train, widths, x, args.device) for train in (one_after_another, together)
            )
            ratios.append(alone / stacked)
            torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-2)
        table.append([name, batch, alone, stacked, sorted(ratios)[1]])
    write("together", ["network", "batch", "one after another", "together", "times as fast"], table, device=args.device)


if __name__ == "__main__":
    main()
