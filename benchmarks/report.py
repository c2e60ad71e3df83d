"""Output of benchmarks: a table on the screen, and a JSON file with the machine and versions."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy
import sklearn
import skorch
import torch

import skae
from skae.training.device import resolve_device

RESULTS = Path(__file__).parent / "results"


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the common options; its description is the first line of the script's docstring."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument(
        "--device", type=parse_device, default="cpu", help="device of the autoencoders: cpu, cuda, mps or auto"
    )
    return parser


def parse_device(device: str) -> str:
    """Convert to a device name of torch; "auto" is a GPU if there is one."""
    try:
        return str(resolve_device(device))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def machine() -> dict[str, Any]:
    """Processor, threads and versions."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        **{m.__name__: m.__version__ for m in (numpy, sklearn, skorch, torch, skae)},
    }


def show(columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table with right-aligned numbers."""
    cells = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for number, row in enumerate(cells):
        print("  ".join(v.ljust(w) if i == 0 else v.rjust(w) for i, (v, w) in enumerate(zip(row, widths, strict=True))))
        if number == 0:
            print("  ".join("-" * w for w in widths))


def write(question: str, columns: list[str], rows: list[list[Any]], device: str = "cpu", **figures: Any) -> None:
    """Print the table and write ``results/<question>.json``; the name ends with the device unless it is a CPU."""
    show(columns, rows)
    question = question if device == "cpu" else f"{question}_{device}"
    RESULTS.mkdir(exist_ok=True)
    record = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
        **figures,
    }
    path = RESULTS / f"{question}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"Written to {path.relative_to(Path(__file__).parent.parent)}.")
