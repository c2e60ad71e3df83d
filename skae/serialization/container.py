"""The file format: a safetensors file whose metadata holds JSON, a format number and a checksum.

Any safetensors tool reads the arrays and the metadata: ``skae_sha256``, ``skae_format``, ``skae`` (the JSON) and
``format`` ("pt"). The checksum comes first, so its position is fixed, and covers all other bytes of the file. Later
formats keep this start, and {"versions": {"skae": ...}} in the JSON, so that older versions can name the version that
reads them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import IO, Any

import safetensors.torch
import torch
from torch import Tensor

from skae._version import __version__
from skae.exceptions import LONGEST_VALUE, ModelFileError, printable
from skae.serialization.strict_json import LONGEST_JSON, parse

FORMAT = 1
# The start of the header, after its length in eight bytes, and the 64 hexadecimal digits of the checksum after it.
START = b'{"__metadata__":{"skae_sha256":"'
CHECKSUM = slice(8 + len(START), 8 + len(START) + 64)

Table = dict[str, tuple[torch.dtype, tuple[int, ...]]]


@dataclass(frozen=True)
class Stored:
    """The content of a file whose checksum is right: JSON and arrays."""

    content: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def table(self) -> Table:
        """Type and shape of every array."""
        return {name: (array.dtype, tuple(array.shape)) for name, array in self.tensors.items()}

    def arrays(self) -> dict[str, Tensor]:
        """The arrays, each in its own memory."""
        # Cloned into memory with torch's alignment: sums may differ in their last bit elsewhere.
        return {name: array.clone() for name, array in self.tensors.items()}

    def part(self, content: dict[str, Any], prefix: str) -> Stored:
        """A part of the file: its JSON, and the arrays whose names begin with ``prefix``, without it."""
        names = [name for name in self.tensors if name.startswith(prefix)]
        return Stored(content, {name.removeprefix(prefix): self.tensors[name] for name in names})


def with_prefix(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays under names that begin with ``prefix``."""
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def pack(content: dict[str, Any], arrays: dict[str, Tensor]) -> bytes:
    """The bytes of a file; ValueError if the JSON is too long, TypeError for types that safetensors does not know."""
    try:
        data = safetensors.torch.save(arrays)
    except KeyError as error:
        raise TypeError(f"A model file cannot hold arrays of type {error}. Use float32.") from error
    start = 8 + int.from_bytes(data[:8], "little")
    header = make_header(content, json.loads(data[8:start]))
    if len(header) > LONGEST_JSON:
        raise ValueError(
            f"The parameters, column names and history_ take {len(header):,} bytes; a model file holds at most "
            f"{LONGEST_JSON:,}. Shorten history_, or fit on an array instead of a data frame."
        )
    return seal(header, memoryview(data)[start:])


def make_header(content: dict[str, Any], table: dict[str, Any], number: int = FORMAT) -> bytes:
    """The header of a safetensors file, with zeros in place of its checksum."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    metadata = {"skae_sha256": "0" * 64, "skae_format": str(number), "skae": text, "format": "pt"}
    return json.dumps({"__metadata__": metadata, **table}, separators=(",", ":")).encode("ascii")


def seal(header: bytes, numbers: bytes | memoryview) -> bytes:
    """The file of a header and the bytes of arrays, with its checksum."""
    header += b" " * (-len(header) % 8)  # safetensors aligns arrays to eight bytes
    head = len(header).to_bytes(8, "little") + header
    digest = checksum(head, numbers)
    return b"".join((head[: CHECKSUM.start], digest, head[CHECKSUM.stop :], numbers))


def checksum(*parts: bytes | memoryview) -> bytes:
    """SHA-256, in hexadecimal digits, of the bytes of a file except the checksum itself."""
    first, *rest = parts
    digest = hashlib.sha256(first[: CHECKSUM.start])
    for part in (memoryview(first)[CHECKSUM.stop :], *rest):
        digest.update(part)
    return digest.hexdigest().encode("ascii")


def read(file: IO[bytes]) -> Stored:
    """The content of a file, whose checksum is verified first; ModelFileError if it is damaged or of a newer format."""
    raw = file.read(CHECKSUM.stop)
    if not is_model_file(raw):
        raise ModelFileError("it is not a skae model, as skae.save writes them")
    raw += file.read()
    if checksum(raw) != raw[CHECKSUM]:
        raise ModelFileError(
            f"it is damaged: the checksum in it is not that of its {len(raw):,} bytes. Copy or save it again"
        )
    metadata = parse(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    content = parse(metadata["skae"].encode("utf-8"))
    if metadata["skae_format"] != str(FORMAT):
        raise make_format_error(metadata["skae_format"], content)
    return Stored(content, safetensors.torch.load(raw))


def is_model_file(start: bytes) -> bool:
    """Whether a file that starts with these bytes is a model file, valid or damaged."""
    return start[8 : CHECKSUM.start] == START


def make_format_error(number: Any, content: dict[str, Any]) -> ModelFileError:
    """The error for a format that this version does not read."""
    versions = content.get("versions")
    version = versions.get("skae") if isinstance(versions, dict) else None
    writer = printable(version, LONGEST_VALUE) if isinstance(version, str) else "of a newer version"
    return ModelFileError(
        f"it was written by skae {writer} (format {printable(str(number), LONGEST_VALUE)}); this is skae {__version__} "
        f"(reads format {FORMAT}): upgrade skae"
    )


def write(path: str, content: bytes, prefix: str = ".skae-") -> None:
    """Write ``content`` to ``path`` in one step; on an OSError the earlier file is unchanged."""
    temporary = os.path.join(os.path.dirname(path), f"{prefix}{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if os.path.isfile(path):
                shutil.copymode(path, temporary)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, path) from error
        raise


def check_replaceable(path: str, overwrite: bool) -> None:
    """Raise OSError unless ``path`` is free, or a model file, empty file or, with ``overwrite``, any writable file."""
    if os.path.isdir(path) or os.path.basename(path) in ("", os.curdir, os.pardir):
        raise IsADirectoryError(errno.EISDIR, "It names a folder. Pass the path of a file", path)
    if not os.path.exists(path):
        return
    if not os.path.isfile(path):
        raise FileExistsError(errno.EEXIST, "It is not a regular file. Pass another path", path)
    with open(path, "r+b") as file:  # replacing a file needs write access to its folder only
        start = file.read(CHECKSUM.start)
    if start and not is_model_file(start) and not overwrite:
        reason = "It is a file that skae.save did not write. Pass another path, or overwrite=True"
        raise FileExistsError(errno.EEXIST, reason, path)
