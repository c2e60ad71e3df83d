"""Is anything lost, and does anything get in? Each row is a kind of harm, how often it was done, and what came of it.

Failures at every executed line of a fit; Ctrl-C at some time; processes killed while they train with checkpoints, and
trained on; writes that fail; model files cut at every length, with flipped bits, and tampered with under a right
checksum; memory that may not grow; workers of a search that are killed. Each is done by its tests, which say how often
they did it, so the table and the tests cannot disagree. What tests/fuzz_loader.py does comes on top.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

from report import write

ROOT = Path(__file__).parent.parent
# What is done, and the tests that do it.
KINDS = {
    "bad input: right error, state kept": ("tests/inputs/test_bad_input.py", ""),
    "failures at every executed line": ("tests/estimator/test_atomicity.py", "executed_line"),
    "calls in any order": ("tests/estimator/test_call_order.py", ""),
    "Ctrl-C at some time": ("tests/estimator/test_interrupts.py", "signal_at_any_time"),
    "kills in training with checkpoints": ("tests/training/test_resume.py", "killed_process"),
    "checkpoints gone on from, to the same bits": ("tests/training/test_resume.py", "same_bits"),
    "fits and transforms beside each other": ("tests/estimator/test_threads.py", ""),
    "calls of partial_fit without growth": ("tests/training/test_memory.py", "does_not_grow"),
    "rows ten times as large as memory may be": ("tests/training/test_processes.py", "memmaps"),
    "workers of a search that are killed": ("tests/training/test_processes.py", "killed_workers"),
    "writes of model files that fail": ("tests/persistence/test_saving.py", "fails_at_any_step"),
    "full disks and limits of size": ("tests/persistence/test_saving.py", "disk or out_of_space"),
    "model files cut at every length": ("tests/persistence/test_damage.py", "cut_anywhere"),
    "flipped bits": ("tests/persistence/test_damage.py", "flipped_bit"),
    "files with anything anywhere": ("tests/persistence/test_tampering.py", "anything_anywhere"),
    "all else of model files": (
        "tests/persistence",
        "not (fails_at_any_step or disk or out_of_space or cut_anywhere or flipped_bit or anything_anywhere)",
    ),
}


def run(file, chosen, marks):
    """How often it was done, numbers of tests passed, failed and skipped, and seconds."""
    report = ROOT / "build" / "reliability.xml"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)  # a run that dies leaves none, not that of the run before
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        marks,
        "-o",
        "junit_family=xunit1",
        f"--junitxml={report}",
        file,
    ]
    began = time.perf_counter()
    subprocess.run([*command, "-k", chosen] if chosen else command, cwd=ROOT, capture_output=True, check=False)
    suite = ElementTree.parse(report).getroot()[0]
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    failed = counts["failures"] + counts["errors"]
    # A test that says nothing of it does its harm once.
    ran = [test for test in suite.iter("testcase") if test.find("skipped") is None]
    said = [test.find("properties/property[@name='times']") for test in ran]
    times = sum(1 if each is None else int(each.get("value", 1)) for each in said)
    return times, counts["tests"] - failed - counts["skipped"], failed, counts["skipped"], time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="without the tests marked soak")
    args = parser.parse_args()
    marks = "not gpu and not slow" + (" and not soak" if args.short else "")
    table = []
    for kind, (file, chosen) in KINDS.items():
        table.append([kind, *run(file, chosen, marks)])
        print("  ".join(f"{v:.0f}" if isinstance(v, float) else str(v) for v in table[-1]), flush=True)
    write("reliability", ["harm", "times", "tests passed", "failed", "skipped", "seconds"], table, short=args.short)
    assert all(row[2] > 0 for row in table), "a kind of harm was not tried"
    assert not any(row[3] for row in table), "something was lost, or got in"


if __name__ == "__main__":
    main()
