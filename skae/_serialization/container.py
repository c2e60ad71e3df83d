"""The file: a head, JSON, and arrays as safetensors holds them. It knows nothing of estimators.

The head is 60 bytes, numbers little-endian: MAGIC (8), format number (4), lengths of the JSON and of the arrays (8
each), and the SHA-256 of all other bytes of the file (32). Formats to come keep this head, and {"versions": {"skae":
...}} in the JSON, so that older versions can say what they would need.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import secrets
import shutil
import stat
import struct
from dataclasses import dataclass
from typing import IO, Any

import safetensors.torch
from torch import Tensor

from skae._serialization.strict_json import LONGEST_JSON, MOST_VALUES, parsed, unquoted, values_in
from skae._version import __version__
from skae.exceptions import LONGEST_VALUE, ModelFileError, printable, shown

MAGIC = b"\x93skae\r\n\x1a"
FORMAT = 1
HEAD = struct.Struct("<8sIQQ32s")
# Types of arrays, with their bytes a number.
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

Table = dict[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Stored:
    """What a file holds, its checksum and form checked: JSON, type and shape of every array, and their bytes."""

    content: dict[str, Any]
    table: Table
    data: bytes

    def arrays(self) -> dict[str, Tensor]:
        """The arrays, each in memory of its own."""
        # Cloned into memory aligned as torch wants it: sums may differ in their last bit elsewhere.
        return {name: array.clone() for name, array in safetensors.torch.load(self.data).items()}


def packed(content: dict[str, Any], arrays: dict[str, Tensor]) -> bytes:
    """The bytes of a file.

    Raises
    ------
    ValueError
        If there is more JSON than a file may hold.
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
    n_values = values_in(unquoted(text))
    if len(text) > LONGEST_JSON or n_values > MOST_VALUES:
        raise ValueError(
            f"The settings, names of columns and history_ are {n_values:,} values in {len(text):,} bytes; a file holds "
            f"{MOST_VALUES:,} in {LONGEST_JSON:,}. Shorten history_, or fit on an array in place of a frame."
        )
    data = safetensors.torch.save(arrays)
    return sealed(FORMAT, text, data)


def sealed(number: int, text: bytes, data: bytes) -> bytes:
    """A file of these parts, with its checksum."""
    digest = checksum(number, text, data)
    return b"".join((HEAD.pack(MAGIC, number, len(text), len(data), digest), text, data))


def checksum(number: int, text: bytes, data: bytes) -> bytes:
    """SHA-256 of everything in a file but itself."""
    digest = hashlib.sha256(HEAD.pack(MAGIC, number, len(text), len(data), b"")[: -hashlib.sha256().digest_size])
    digest.update(text)
    digest.update(data)
    return digest.digest()


def write(path: str, content: bytes, prefix: str = ".skae-") -> None:
    """Put ``content`` at ``path`` in one step: whoever reads it finds the earlier file or the new one, whole.

    A link at ``path`` is replaced, not followed. Once the new file is in its place the write is done: if its folder
    cannot be synchronized, only a power failure soon after can bring the earlier file back.

    Raises
    ------
    OSError
        If the new file cannot be written, synchronized or put in place; then the earlier file is as it was.
    """
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f"{prefix}{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if os.path.isfile(path):
                shutil.copymode(path, temporary)
            file.write(content)
            file.flush()
            synchronize(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, path) from error
        raise
    if os.name == "posix":
        with contextlib.suppress(OSError):
            synchronize_folder(folder or os.curdir)


def synchronize(handle: int) -> None:
    """Bring a file to the disk, where its file system can do that."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise


def synchronize_folder(folder: str) -> None:
    """Bring the entries of a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_replaceable(path: str, overwrite: bool) -> None:
    """Raise OSError if ``path`` is something that may not be replaced: no file, or one of another kind.

    Raises
    ------
    FileExistsError
        If it is a file that is neither empty nor one of ours, and ``overwrite`` is false; or a device or a pipe.
    IsADirectoryError
        If it is a folder, or ends as only the name of a folder does.
    PermissionError
        If it is a file that may not be written; replacing it would only take a folder that may.
    """
    if os.path.basename(path) in ("", os.curdir, os.pardir):
        raise IsADirectoryError(errno.EISDIR, "It names a folder. Pass the path of a file", path)
    if not os.path.exists(path):
        return
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not os.path.isdir(path):
        raise FileExistsError(errno.EEXIST, "It is no regular file. Pass another path", path)
    # Not os.access alone, which root always passes.
    may_write = mode & 0o222 and os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    if stat.S_ISREG(mode) and not may_write:
        raise PermissionError(errno.EACCES, "The file is read-only. Pass another path, or make it writable", path)
    with open(path, "rb") as file:
        if not overwrite and file.read(len(MAGIC)) not in (b"", MAGIC):
            told = "There is a file that skae.save did not write. Pass another path, or overwrite=True"
            raise FileExistsError(errno.EEXIST, told, path)


def read(path: str) -> Stored:
    """What the file at ``path`` holds; nothing of it is looked at before its checksum was found right.

    Raises
    ------
    ModelFileError
        If it is no model file, one of a newer format, or not as it was written.
    OSError
        If it cannot be opened or read.
    """
    # Asked before it is opened: opening a pipe would wait.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFileError("it is not a skae model, nor any regular file")
    with open(path, "rb") as file:
        return read_open(file)


def read_open(file: IO[bytes]) -> Stored:
    """What a regular file that is open for reading holds, in the same way."""
    length = os.fstat(file.fileno()).st_size
    head = file.read(HEAD.size)
    _, n_text, n_data, _ = read_head(head, length)
    return opened(head + file.read(n_text + n_data))


def opened(raw: bytes) -> Stored:
    """What the bytes of a file hold, in the same way."""
    head = raw[: HEAD.size]
    number, n_text, _, digest = read_head(head, len(raw))
    text, data = raw[HEAD.size : HEAD.size + n_text], raw[HEAD.size + n_text :]
    if checksum(number, text, data) != digest:
        raise ModelFileError("it is damaged: its checksum is wrong. Copy or save it again")
    content = parsed(text)
    if number > FORMAT:
        raise newer(number, content)
    return Stored(content, table_of(data), data)


def read_head(head: bytes, length: int) -> tuple[int, int, int, bytes]:
    """Format number, lengths of JSON and arrays, and checksum, from the head of a file of ``length`` bytes."""
    if head[: len(MAGIC)] != MAGIC[: len(head)] or not head:
        raise ModelFileError("it is not a skae model, as skae.save writes them")
    if len(head) < HEAD.size:
        raise ModelFileError(f"it is truncated or damaged: {length} bytes, fewer than its head. Copy or save it again")
    _, number, n_text, n_data, digest = HEAD.unpack(head)
    if number < 1 or n_text > LONGEST_JSON or HEAD.size + n_text + n_data != length:
        raise ModelFileError(
            f"it is truncated or damaged: {length:,} bytes, where its head speaks of {HEAD.size + n_text + n_data:,}; "
            f"no checksum can be right. Copy or save it again"
        )
    return number, n_text, n_data, digest


def newer(number: int, content: dict[str, Any]) -> ModelFileError:
    """The error for a format that this version does not know."""
    versions = content.get("versions")
    writer = versions.get("skae") if isinstance(versions, dict) else None
    told = printable(writer, LONGEST_VALUE) if isinstance(writer, str) else "of a newer version"
    return ModelFileError(
        f"it was written by skae {told} (format {number}); this "
        f"is skae {__version__} (reads up to format {FORMAT}): upgrade skae"
    )


def table_of(data: bytes) -> Table:
    """Type and shape of every array, from the head of the safetensors bytes; all of the bytes belong to one array.

    The head is read here, not by safetensors, because a name that stands there twice would go unnoticed.
    """
    n_head = int.from_bytes(data[:8], "little")
    if len(data) < 8 or n_head > min(LONGEST_JSON, len(data) - 8):
        raise ModelFileError("its arrays are not in the form of safetensors")
    found = []
    for name, entry in parsed(data[8 : 8 + n_head]).items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ModelFileError(f"its array {shown(name)} is not described as safetensors does")
        dtype, shape, places = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in SIZES or not are_sizes(shape) or not are_sizes(places):
            raise ModelFileError(f"its array {shown(name)} has a type or shape that is unknown")
        if len(places) != 2 or places[1] - places[0] != SIZES[dtype] * math.prod(shape):
            raise ModelFileError(f"its array {shown(name)} has another length than its shape")
        found.append((*places, name, (dtype, tuple(shape))))
    end = 0
    for start, stop, name, _ in sorted(found):
        if start != end:
            raise ModelFileError(f"its array {shown(name)} overlaps another one, or leaves a gap")
        end = stop
    if end != len(data) - 8 - n_head:
        raise ModelFileError("its arrays are fewer than their bytes")
    return {name: described for _, _, name, described in found}


def are_sizes(value: Any) -> bool:
    """Whether it is a short list of whole numbers from 0 on."""
    return isinstance(value, list) and len(value) <= 16 and all(type(size) is int and size >= 0 for size in value)
