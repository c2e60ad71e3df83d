"""Do faults lose data, and do untrusted files run code? Each row is a kind of fault, its count, and the test results.

Failures at every executed line of a fit; Ctrl-C at random times; processes that are killed during training with
checkpoints, and resumed; failing writes; model files that are truncated at every length, have flipped bits, or are
tampered with under a valid checksum; limited memory; killed workers of a search. Each fault is injected by its tests,
which report the count, so that the table and the tests agree. tests/fuzz_loader.py adds more.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

from report import write

ROOT = Path(__file__).parent.parent
# Kind of fault, and the tests that inject it.
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
    "model files with random changes": ("tests/persistence/test_tampering.py", "random_changes"),
    "all else of model files": (
        "tests/persistence",
        "not (fails_at_any_step or disk or out_of_space or cut_anywhere or flipped_bit or random_changes)",
    ),
}


def run(file, chosen, marks):
    """Number of faults, of tests passed, failed and skipped, and seconds."""
    report = ROOT / "build" / "reliability.xml"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)  # a run that crashes must not leave the report of the run before
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
    # A test without a count injects one fault.
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
    assert all(row[2] > 0 for row in table), "a kind of fault was not tested"
    assert not any(row[3] for row in table), "a test failed"


if __name__ == "__main__":
    main()
