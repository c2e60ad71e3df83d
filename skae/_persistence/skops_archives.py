"""What skops is given to read, checked before it reads: sizes, names, references; and what it made, before its use."""

from __future__ import annotations

import gc
import io
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import IO, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from skae._serialization.strict_json import LONGEST_JSON, MOST_VALUES, check_json, parsed, values_of
from skae.exceptions import ModelFileError, shown

# What skops writes beside the arrays.
SCHEMA = "schema.json"
# Words of a vocabulary stand in it one by one.
LONGEST_SCHEMA = 16 * LONGEST_JSON
# How much smaller skops makes a sparse matrix, at most.
SPARSE_RATIO = 32
# Files within an archive, by what reads them.
SUFFIXES = {"NdArrayNode": "npy", "SparseMatrixNode": "npz"}
ARRAYS = re.compile(r"[0-9]{1,20}\.(npy|npz)")
# Parameters of scikit-learn's estimators that say where later calls read or write, with what says nothing: folders of
# caches, which hold pickles, and documents that are names of files.
PLACES = {"memory": None, "input": "content", "checkpoint_dir": None}
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
        raise ModelFileError(f"its pipeline holds {shown((strange or names)[0])}, which is no array, or is there twice")
    check_tree(parsed(archive.read(SCHEMA), LONGEST_SCHEMA), {entry.filename: entry.file_size for entry in entries})
    unpacked = 0
    for entry in entries:
        if entry.filename.endswith(".npy"):
            with archive.open(entry) as file:
                check_array(file, entry.file_size)
        elif entry.filename.endswith(".npz"):
            unpacked += checked_sparse(archive.read(entry))
    if unpacked > 2**20 + SPARSE_RATIO * length:
        raise ModelFileError("its sparse matrices would take far more bytes than the file has")


def checked_sparse(content: bytes) -> int:
    """The bytes of the arrays of a packed sparse matrix, each of which is as large as it says."""
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        for entry in inner.infolist():
            with inner.open(entry) as file:
                check_array(file, entry.file_size)
        return sum(entry.file_size for entry in inner.infolist())


def check_array(file: IO[bytes], length: int) -> None:
    """Raise ModelFileError if an array says that it is larger than the ``length`` of its file."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    # Numbers of no bytes are as many as one likes.
    if dtype.hasobject or any(size < 0 for size in shape) or math.prod(shape) * max(1, dtype.itemsize) > length:
        raise ModelFileError(f"its array of shape {shape} is not in the file")


def check_tree(schema: dict[str, Any], lengths: dict[str, int]) -> None:
    """Raise ModelFileError if what skops would go through is more than stands there: parts are referred to by number.

    Each is counted as often as it is referred to, and as large as it is anywhere; JSON within strings is bounded as
    that around it is, all of it together. ``lengths`` are those of the files beside it, of which each is read once.
    """
    tree = Tree(lengths)
    tree.look_at(schema)
    if tree.values > MOST_VALUES or tree.size(schema) > 4 * tree.stored + 10_000:
        raise ModelFileError("its pipeline refers to parts of itself too often")
    # Arrays within arrays of objects may be taken apart, number by number.
    if sum(map(tree.bytes_in, tree.arrays_of_objects.values())) > sum(lengths.values()):
        raise ModelFileError("its pipeline refers to arrays too often")


class Tree:
    """What stands in a schema, and how large it is with its references.

    Parameters
    ----------
    lengths : dict
        Bytes of the files that parts name.
    """

    def __init__(self, lengths: dict[str, int]) -> None:
        self.lengths = lengths
        self.named: dict[int, list[dict[str, Any]]] = {}
        self.sizes: dict[int, int] = {}
        self.weights: dict[int, int] = {}
        self.arrays_of_objects: dict[Any, dict[str, Any]] = {}
        self.stored = self.values = 0

    def look_at(self, node: Any) -> None:
        """Count parts, gather those with a number, and check what each says of itself."""
        self.stored += 1
        if isinstance(node, dict):
            self._check(node)
        for part in parts_of(node):
            self.look_at(part)

    def _check(self, node: dict[str, Any]) -> None:
        number, loader, content = node.get("__id__"), node.get("__loader__"), node.get("content")
        if "__id__" in node:
            # skops takes anything for a number, and none that is 0.
            if type(number) is not int or number <= 0:
                raise ModelFileError(f"its pipeline numbers a part {shown(number)}")
            self.named.setdefault(number, []).append(node)
        if loader == "RandomGeneratorNode":
            # scikit-learn takes RandomStates only, and numpy may hang over states of these.
            raise ModelFileError("its pipeline holds a numpy.random.Generator")
        if loader == "JsonNode" and isinstance(content, str):
            check_json(content.encode())
            self.values += values_of(content.encode())
        if loader == "NdArrayNode" and content is not None:
            self.arrays_of_objects[number or id(node)] = node
        # A file is named by the number of its part, so that it is read once.
        if "file" in node and node["file"] != f"{number}.{SUFFIXES.get(str(loader))}":
            raise ModelFileError(f"its pipeline reads {shown(node['file'])} as something else")

    def size(self, node: Any) -> int:
        """How many parts skops goes through at most."""
        return self._total(node, self.sizes, lambda part: 1)

    def bytes_in(self, node: Any) -> int:
        """How many bytes of files are in a part at most."""
        return self._total(node, self.weights, self._length)

    def _length(self, part: Any) -> int:
        return self.lengths.get(str(part.get("file")), 0) if isinstance(part, dict) else 0

    def _total(self, node: Any, known: dict[int, int], own: Callable[[Any], int]) -> int:
        """The sum of ``own`` of a part and all within it, of those with a number the largest that has it."""

        def of(one: Any) -> int:
            return own(one) + sum(self._total(part, known, own) for part in parts_of(one))

        if not isinstance(node, dict) or "__id__" not in node:
            return of(node)
        number = node["__id__"]
        if number not in known:
            known[number] = -1  # while its own parts are counted
            known[number] = max(of(one) for one in self.named[number])
        elif known[number] == -1:
            raise ModelFileError("its pipeline holds a part that holds itself")
        return known[number]


def parts_of(node: Any) -> list[Any]:
    """What a part of a schema consists of; the content of a dictionary is no part, its values are."""
    if not isinstance(node, dict):
        return node if isinstance(node, list) else []
    content = node.get("content")
    if node.get("__loader__") != "DictNode" or not isinstance(content, dict):
        return list(node.values())
    return [part for name, part in node.items() if name != "content"] + list(content.values())


def check_made(made: Any) -> None:
    """Raise ModelFileError if something anywhere in ``made`` would read from beyond what it has, or names a place.

    numpy takes any position of a random stream, and reads there when it is asked for a number; scipy any index.
    """
    for part in parts_within(made):
        place = place_named_by(part)
        if place:
            raise ModelFileError(f"it says where later calls read or write: {place}")
        if isinstance(part, np.random.RandomState):
            at = part.get_state(legacy=False)["state"]["pos"]
            if not 0 <= at <= STREAM:
                raise ModelFileError(f"a random stream stands at {at} of {STREAM}")
        elif issparse(part) and hasattr(part, "check_format"):
            part.check_format(full_check=True)
        elif isinstance(part, (SVC, NuSVC, SVR, NuSVR, OneClassSVM)) and hasattr(part, "_n_support"):
            check_support_vectors(part)


def place_named_by(part: Any) -> str:
    """The parameter of PLACES by which an estimator names a place, in words; empty if there is none."""
    for name, default in PLACES.items() if isinstance(part, BaseEstimator) else ():
        value = vars(part).get(name, default)
        if value is not default and not (isinstance(value, str) and value == default):
            return f"{type(part).__name__} has {name}={shown(value)} in place of {default!r}"
    return ""


def parts_within(made: Any) -> Iterator[Any]:
    """All objects that ``made`` refers to, itself included, each once; no types, functions and text."""
    seen, pending = set(), [made]
    while pending:
        part = pending.pop()
        if id(part) in seen or isinstance(part, (type, ModuleType, FunctionType, str, bytes)):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, np.ndarray):
            # What an array holds, the garbage collector does not tell.
            pending.extend(np.asarray(part).ravel().tolist() if part.dtype.hasobject else [])
        elif not isinstance(part, np.random.RandomState):
            pending.extend(gc.get_referents(part))


def check_support_vectors(machine: Any) -> None:
    """Raise ModelFileError if a fitted machine holds fewer numbers than libsvm would read."""
    n_classes, n_vectors = len(machine._n_support), len(machine.support_vectors_)
    n_pairs = n_classes * (n_classes - 1) // 2
    if (
        np.shape(machine._dual_coef_) != (n_classes - 1, n_vectors)
        or np.shape(machine._intercept_) != (n_pairs,)
        or any(np.shape(given) not in ((0,), (n_pairs,)) for given in (machine._probA, machine._probB))
        or np.shape(machine.support_) != (n_vectors,)
    ):
        raise ModelFileError("the numbers of its support vector machine do not fit each other")
