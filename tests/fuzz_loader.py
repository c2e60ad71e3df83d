"""Is there a file that ``load`` neither reads nor refuses? Fuzzing under coverage, the checksum made right each time.

An input is the length of the JSON (4 bytes), the JSON, and the arrays; the head with its checksum is put before them.
Seeds are models of every kind. All that may come of a file is an estimator or ModelFileError, and no code may run.

    pip install -c constraints.txt -e ".[fuzz]"
    python tests/fuzz_loader.py -max_total_time=600
"""

import contextlib
import json
import os
import random
import struct
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "socket.connect", "ctypes.dlopen")
LENGTH = struct.Struct("<I")
VALUES = [None, True, -1, 0, 10**30, 1e300, "", "os.system", [], {}, {"own": ["encoder", ""]}, {"tuple": []}]
PIECES = [b"[", b"{", b'"', b'":', b",", b"\\u0000", b"1e999", b"NaN", b"9" * 50, b"[" * 100, b"\xff", bytes(8)]
LONGEST = 200_000


def seeds(skae, folder):
    """Inputs made of models of every kind."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = np.random.RandomState(0).standard_normal((40, 4))
    small = {"architecture": skae.Dense((3,)), "max_epochs": 1, "random_state": 0}
    pictures = {"architecture": skae.Convolutional((2,)), "max_epochs": 1}
    kinds = [
        (skae.AutoencoderTransformer(2, **small), X),
        *[
            (skae.AutoencoderTransformer(2, variant=name, **small), X)
            for name in ("nested", "vector_quantized", "variational", "denoising")
        ],
        (skae.AutoencoderTransformer(2, **pictures), np.random.RandomState(0).uniform(size=(20, 4, 4))),
        (skae.AutoencoderTransformer(2, architecture="sequence", max_epochs=1), np.arange(80).reshape(20, 4) % 3),
        (make_pipeline(StandardScaler(), skae.AutoencoderTransformer(2, **small)), X),
        (skae.AutoencoderNovelty(skae.AutoencoderTransformer(2, **small), n_members=2), X),
        (skae.BottleneckSearchCV(skae.AutoencoderTransformer(**small), n_components=(1, 2), cv=2), X),
    ]
    for number, (estimator, data) in enumerate(kinds):
        skae.save(estimator.fit(data), folder / "model")
        raw = (folder / "model").read_bytes()
        head = skae._serialization.container.HEAD
        n_text = head.unpack(raw[: head.size])[2]
        (folder / "seeds" / str(number)).write_bytes(LENGTH.pack(n_text) + raw[head.size :])


def with_another_value(value, draw):
    """The JSON value with one place in it changed."""
    if isinstance(value, (dict, list)) and value and draw.random() < 0.85:
        entries = list(value) if isinstance(value, dict) else range(len(value))
        key = draw.choice(entries)
        if draw.random() < 0.05:
            del value[key]
        else:
            value[key] = with_another_value(value[key], draw)
        return value
    if isinstance(value, int) and draw.random() < 0.5:
        return value + draw.choice((-1, 1, 2**31, -(2**63)))
    return draw.choice(VALUES)


def with_other_bytes(data, draw):
    """The input with some bytes changed, put in, taken out or repeated."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        # Heads and JSON are what is read with care, and they come first.
        place = draw.randrange(min(len(data), draw.choice((4, 64, 4096, LONGEST))) + 1)
        some = data[place : place + draw.choice((1, 2, 8, 64))]
        new = draw.choice((b"", draw.randbytes(1), draw.randbytes(8), some * 2, draw.choice(PIECES)))
        data[place : place + draw.choice((0, len(some)))] = new
    return bytes(data)


class Loading:
    """One execution, and how inputs are changed."""

    def __init__(self, skae, path):
        self.skae, self.path = skae, path
        self.watching = False
        sys.addaudithook(self.heard)

    def heard(self, event, arguments):
        if self.watching and event in FORBIDDEN:
            os.write(2, f"code of a file was run: {event} {arguments}\n".encode())
            os.abort()

    def change(self, data, most, seed):
        """Every second time a change of the JSON that leaves it well formed, else any bytes."""
        draw = random.Random(seed)
        n_text = LENGTH.unpack(data[:4])[0] if len(data) >= 4 else 0
        try:
            content = json.loads(data[4 : 4 + n_text])
        except ValueError:
            content = None
        if content is None or draw.random() < 0.5:
            return with_other_bytes(data, draw)[:most]
        text = json.dumps(with_another_value(content, draw)).encode()
        return (LENGTH.pack(len(text)) + text + data[4 + n_text :])[:most]

    def once(self, data):
        if len(data) < 4:
            return
        n_text = LENGTH.unpack(data[:4])[0]
        files = self.skae._serialization.container
        Path(self.path).write_bytes(files.sealed(files.FORMAT, data[4 : 4 + n_text], data[4 + n_text :]))
        self.watching = True
        try:
            with warnings.catch_warnings(), contextlib.suppress(self.skae.ModelFileError):
                warnings.simplefilter("ignore")
                self.skae.load(self.path)
        finally:
            self.watching = False


def main():
    import atheris

    with atheris.instrument_imports(include=["skae"]):
        import skae
        import skae._serialization.container
    import skops.io  # noqa: F401 - imported late it would be code that runs
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "seeds").mkdir()
        seeds(skae, folder)
        loading = Loading(skae, str(folder / "model"))
        limits = [f"-max_len={LONGEST}", "-timeout=30", "-rss_limit_mb=12000", f"-artifact_prefix={os.getcwd()}/"]
        arguments = [sys.argv[0], *limits, *sys.argv[1:], str(folder / "seeds")]
        atheris.Setup(arguments, loading.once, custom_mutator=loading.change)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
