"""What skops is given to read, checked before it reads: sizes, names, references; and what it made, before its use."""

from __future__ import annotations

import gc
import io
import math
import re
import zipfile
from types import FunctionType, ModuleType
from typing import IO, Any

import numpy as np
from scipy.sparse import issparse

from skae.exceptions import ModelFileError
from skae.strict_json import LONGEST_JSON, MOST_VALUES, check_json, parsed, values_of

# What skops writes beside the arrays.
SCHEMA = "schema.json"
# Words of a vocabulary stand in it one by one.
LONGEST_SCHEMA = 16 * LONGEST_JSON
# How much smaller skops makes a sparse matrix, at most.
SPARSE_RATIO = 32
# Files within an archive, by what reads them.
SUFFIXES = {"NdArrayNode": "npy", "SparseMatrixNode": "npz"}
ARRAYS = re.compile(r"[0-9]{1,20}\.(npy|npz)")
# Numbers that a random stream reads from.
STREAM = 624


def check_archive(archive: zipfile.ZipFile, length: int) -> None:
    """Raise ModelFileError if a file would take more memory than its bytes: skops packs without compressing.

    Its JSON has to be as strict as that of any model file, and its arrays as large as they say.
    """
    entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > length:
        raise ModelFileError("its pipeline would take more bytes than the file has")
    names = [entry.filename for entry in entries]
    strange = [name for name in names if name != SCHEMA and not ARRAYS.fullmatch(name)]
    if strange or len(set(names)) < len(names):
        raise ModelFileError(f"its pipeline holds {(strange or names)[0]!r}, which skops does not write, or not twice")
    check_tree(parsed(archive.read(SCHEMA), LONGEST_SCHEMA))
    for entry in entries:
        if entry.filename.endswith(".npy"):
            with archive.open(entry) as file:
                check_array(file, entry.file_size)
        elif entry.filename.endswith(".npz"):
            check_sparse(archive.read(entry))


def check_sparse(content: bytes) -> None:
    """Raise ModelFileError if the arrays of a packed sparse matrix would take far more bytes than it has."""
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        if sum(entry.file_size for entry in inner.infolist()) > 2**20 + SPARSE_RATIO * len(content):
            raise ModelFileError("its sparse matrix would take far more bytes than the file has")
        for entry in inner.infolist():
            with inner.open(entry) as file:
                check_array(file, entry.file_size)


def check_array(file: IO[bytes], length: int) -> None:
    """Raise ModelFileError if an array says that it is larger than the ``length`` of its file."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject or any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize > length:
        raise ModelFileError(f"its array of shape {shape} is not in the file")


def check_tree(schema: dict[str, Any]) -> None:
    """Raise ModelFileError if what skops would go through is more than stands there: parts are referred to by number.

    Each is counted as often as it is referred to, and as large as it is anywhere; JSON within strings is bounded as
    that around it is, all of it together.
    """
    tree = Tree()
    tree.look_at(schema)
    if tree.values > MOST_VALUES or tree.size(schema) > 4 * tree.stored + 10_000:
        raise ModelFileError("its pipeline refers to parts of itself too often")


class Tree:
    """What stands in a schema, and how large it is with its references."""

    def __init__(self) -> None:
        self.named: dict[int, list[dict[str, Any]]] = {}
        self.sizes: dict[int, int] = {}
        self.stored = self.values = 0

    def look_at(self, node: Any) -> None:
        """Count parts, gather those with a number, and check what each says of itself."""
        self.stored += 1
        if isinstance(node, list):
            for part in node:
                self.look_at(part)
        if not isinstance(node, dict):
            return
        if "__id__" in node:
            number = node["__id__"]
            # skops takes anything for a number, and none that is 0.
            if type(number) is not int or number <= 0:
                raise ModelFileError(f"its pipeline numbers a part {number!r}")
            self.named.setdefault(number, []).append(node)
        loader = node.get("__loader__")
        if loader == "RandomGeneratorNode":
            # scikit-learn takes RandomStates only, and numpy may hang over states of these.
            raise ModelFileError("its pipeline holds a numpy.random.Generator")
        if loader == "JsonNode" and isinstance(node.get("content"), str):
            text = node["content"].encode()
            check_json(text)
            self.values += values_of(text)
        file = node.get("file")
        if isinstance(file, str) and isinstance(loader, str) and not file.endswith(SUFFIXES.get(loader, "")):
            raise ModelFileError(f"its pipeline reads {file!r} as something else")
        for part in node.values():
            self.look_at(part)

    def size(self, node: Any) -> int:
        """How many parts skops goes through at most."""
        if isinstance(node, list):
            return 1 + sum(map(self.size, node))
        if not isinstance(node, dict):
            return 1
        if "__id__" not in node:
            return 1 + sum(map(self.size, node.values()))
        number = node["__id__"]
        if number not in self.sizes:
            self.sizes[number] = 0  # while its own parts are counted
            self.sizes[number] = max(1 + sum(map(self.size, one.values())) for one in self.named[number])
        elif self.sizes[number] == 0:
            raise ModelFileError("its pipeline holds a part that holds itself")
        return self.sizes[number]


def check_made(made: Any) -> None:
    """Raise ModelFileError if something anywhere in ``made`` would read from beyond what it has.

    numpy takes any position of a random stream, and reads there when it is asked for a number; scipy any index.
    """
    seen, pending = set(), [made]
    while pending:
        part = pending.pop()
        if id(part) in seen or isinstance(part, (type, ModuleType, FunctionType, str, bytes)):
            continue
        seen.add(id(part))
        if isinstance(part, np.ndarray):
            # What an array holds, the garbage collector does not tell.
            pending.extend(part.ravel().tolist() if part.dtype.hasobject else [])
        elif isinstance(part, np.random.RandomState):
            place = part.get_state(legacy=False)["state"]["pos"]
            if not 0 <= place <= STREAM:
                raise ModelFileError(f"a random stream stands at {place} of {STREAM}")
        else:
            if issparse(part) and hasattr(part, "check_format"):
                part.check_format(full_check=True)
            pending.extend(gc.get_referents(part))
