"""Does ``load`` read or refuse every file? Fuzzing under coverage; each file gets a valid checksum.

An input is the JSON, the table of arrays (both after their length in 4 bytes), and the bytes of arrays. Seeds are of
models of every kind. Each file must give an estimator or ModelFileError, and no code of it may run.

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
        start = 8 + int.from_bytes(raw[:8], "little")
        table = json.loads(raw[8:start])
        text = table.pop("__metadata__")["skae"].encode()
        rest = json.dumps(table).encode()
        (folder / "seeds" / str(number)).write_bytes(b"".join(map(with_length, (text, rest))) + raw[start:])


def with_length(part):
    return LENGTH.pack(len(part)) + part


def take_part(data):
    """The first part of an input, and what follows."""
    stop = 4 + (LENGTH.unpack(data[:4])[0] if len(data) >= 4 else 0)
    return data[4:stop], data[stop:]


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
        text, rest = take_part(data)
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if content is None or draw.random() < 0.5:
            return with_other_bytes(data, draw)[:most]
        return (with_length(json.dumps(with_another_value(content, draw)).encode()) + rest)[:most]

    def once(self, data):
        text, rest = take_part(data)
        table, numbers = take_part(rest)
        container = self.skae.serialization.container
        metadata = {"skae_sha256": "0" * 64, "skae_format": "1", "skae": text.decode("utf-8", "surrogateescape")}
        header = json.dumps({"__metadata__": metadata}, separators=(",", ":")).encode()[:-1] + b"," + table[1:]
        Path(self.path).write_bytes(container.seal(header, numbers))
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
        import skae.serialization.container
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
