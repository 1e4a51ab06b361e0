"""Reads the published weights of the bilayer avatars: PyTorch's files of weights, without running what they contain.

The weights are files like `2225_texture_generator.pth`, one per network. PyTorch reads such a file with a pickle, which
can run any program. Here only arrays are read; everything else is refused. Both formats are read: that of PyTorch 1.6
and later, a ZIP archive, and the one before.

The arrays keep their names and their layout in PyTorch: kernels of convolutions are (output, input, height, width).
`bilayer.loading` puts them into networks of Keras.
"""

import contextlib
import dataclasses
import io
import math
import pathlib
import struct
import typing
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from faceswap_lib.errors import CheckpointError
from faceswap_lib.facesets.deepfacelab.pickle_objects import RestrictedPickleError
from faceswap_lib.limits import MODEL_BYTES
from faceswap_lib.reenactment.torch_pickle import StorageRef, TensorRef, load_torch_pickle, measure_pickle

MOST_PICKLE_BYTES = 16_000_000
"""Maximum size of the description of the arrays; that of 1000 arrays has about 150,000 bytes."""

MOST_ENTRIES = 100_000
"""Maximum number of files in an archive, and of arrays."""

OLD_MAGIC = b"\x80\x02\x8a\n" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
"""First pickle of a file before PyTorch 1.6."""

OLD_VERSION = 1001
"""Its second pickle."""

ReadStorage = typing.Callable[[StorageRef], np.ndarray]

_TROUBLES = (
    *(RestrictedPickleError, zipfile.BadZipFile, zlib.error, struct.error),
    *(KeyError, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArrayInfo:
    """Shape and type of a stored array.

    Attributes:
        shape: Its shape.
        dtype: Type of its elements.
    """

    shape: tuple[int, ...]
    dtype: np.dtype


def list_arrays(path: pathlib.Path) -> dict[str, ArrayInfo]:
    """Lists the arrays of a file of weights by the names of their layers; reads no numbers.

    Args:
        path: The file.

    Raises:
        CheckpointError: If the file is damaged, is no file of weights, or contains something else than arrays.
        InputError: If it has more bytes of arrays than `limits.MODEL_BYTES`.
        OSError: If it cannot be read.
    """
    with _open(path) as (tensors, _):
        return {name: ArrayInfo(shape=ref.shape, dtype=ref.storage.dtype) for name, ref in tensors.items()}


def read_arrays(path: pathlib.Path, names: typing.Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Reads arrays of a file of weights.

    Args:
        path: The file.
        names: Names of the arrays; None reads all.

    Returns:
        The arrays by name, in the order of the file.

    Raises:
        CheckpointError: As in `list_arrays`, or if a name is missing.
        InputError: If it has more bytes of arrays than `limits.MODEL_BYTES`.
        OSError: If it cannot be read.
    """
    with _open(path) as (tensors, read_storage):
        wanted = set(tensors if names is None else names)
        if missing := sorted(wanted - set(tensors)):
            raise CheckpointError(f"{path}: expected an array {missing[0]!r}, the file has {', '.join(tensors)!r:.200}")
        storages: dict[str, np.ndarray] = {}
        arrays = {}
        for name, ref in tensors.items():
            if name not in wanted:
                continue
            if ref.storage.key not in storages:
                storages[ref.storage.key] = read_storage(ref.storage)
            arrays[name] = _view(storages[ref.storage.key], ref)
        return arrays


@contextlib.contextmanager
def _open(path: pathlib.Path) -> Iterator[tuple[dict[str, TensorRef], ReadStorage]]:
    """Opens a file of weights; every error about its content becomes a `CheckpointError`.

    Args:
        path: The file.

    Yields:
        The tensors by name, and a function that reads a storage.
    """
    with path.open("rb") as file:
        try:
            is_old = file.read(len(OLD_MAGIC)) == OLD_MAGIC
            content, read = _open_old(file) if is_old else _open_archive(file)
            tensors = dict(_flatten(content))
            if not tensors:
                raise RestrictedPickleError("it contains no arrays")
            sizes = {ref.storage.key: ref.storage.elements * ref.storage.dtype.itemsize for ref in tensors.values()}
            MODEL_BYTES.check(sum(sizes.values()), path)
            yield tensors, read
        except _TROUBLES as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise CheckpointError(f"{path}: these are no weights of PyTorch that can be used: {reason}") from error


def _open_archive(file: typing.BinaryIO) -> tuple[object, ReadStorage]:
    """Opens an archive of PyTorch 1.6 or later; returns its content, and a function that reads a storage."""
    archive = zipfile.ZipFile(file)
    infos = archive.infolist()
    if len(infos) > MOST_ENTRIES or len({info.filename for info in infos}) != len(infos):
        raise RestrictedPickleError(f"it has more than {MOST_ENTRIES:,} entries, or one twice")
    entries = {info.filename.partition("/")[2]: info for info in infos}
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise RestrictedPickleError("it is compressed, which PyTorch's files are not")
    if entries["data.pkl"].file_size > MOST_PICKLE_BYTES:
        raise RestrictedPickleError(f"its description has more than {MOST_PICKLE_BYTES:,} bytes")
    order = entries.get("byteorder")
    if order is not None and (order.file_size > 10 or archive.read(order) != b"little"):
        raise RestrictedPickleError("its byte order is not 'little'")

    def read(storage: StorageRef) -> np.ndarray:
        info = entries[f"data/{storage.key}"]
        size = storage.elements * storage.dtype.itemsize
        if info.file_size != size:
            raise RestrictedPickleError(
                f"storage {storage.key!r:.40} has {info.file_size:,} bytes, {size:,} are stated"
            )
        return np.frombuffer(archive.read(info), storage.dtype)

    return load_torch_pickle(archive.read(entries["data.pkl"])), read


def _open_old(file: typing.BinaryIO) -> tuple[object, ReadStorage]:
    """Opens a file before PyTorch 1.6, whose first pickle has been read: four pickles, then the storages."""
    version, system, content, keys = (load_torch_pickle(measure_pickle(file, MOST_PICKLE_BYTES)) for _ in range(4))
    if version != OLD_VERSION or not (isinstance(system, dict) and system.get("little_endian") is True):
        raise RestrictedPickleError("its version or its byte order is unknown")
    if not isinstance(keys, list) or len(keys) > MOST_ENTRIES:
        raise RestrictedPickleError("its list of storages is damaged")
    refs = {ref.storage.key: ref.storage for _, ref in _flatten(content)}
    position, places = file.tell(), {}
    end = file.seek(0, io.SEEK_END)
    for key in keys:
        if not isinstance(key, str) or key not in refs or key in places:
            raise RestrictedPickleError(f"its list of storages has {key!r:.40}, which no array uses, or twice")
        file.seek(position)
        (elements,) = struct.unpack("<q", file.read(8))
        size = refs[key].elements * refs[key].dtype.itemsize
        if elements != refs[key].elements or position + 8 + size > end:
            raise RestrictedPickleError(f"storage {key!r:.40} has {elements:,} elements, or is cut off")
        places[key] = position + 8
        position += 8 + size

    def read(storage: StorageRef) -> np.ndarray:
        if refs[storage.key] != storage:
            raise RestrictedPickleError(f"storage {storage.key!r:.40} is described in two ways")
        file.seek(places[storage.key])
        return np.frombuffer(file.read(storage.elements * storage.dtype.itemsize), storage.dtype)

    return content, read


def _flatten(content: object) -> Iterator[tuple[str, TensorRef]]:
    """Lists the tensors in nested dicts; names of nested dicts are joined by dots, other values are left out.

    Raises:
        RestrictedPickleError: If the content is no dict, or two tensors have the same name.
    """
    if not isinstance(content, dict):
        raise RestrictedPickleError(f"expected a dict of arrays, got {type(content).__name__}")
    names: set[str] = set()
    pending = [("", content)]
    while pending:
        prefix, values = pending.pop(0)
        for key, value in values.items():
            if isinstance(value, dict):
                pending.append((f"{prefix}{key}.", value))
            elif isinstance(value, TensorRef):
                name = f"{prefix}{key}"
                if name in names:
                    raise RestrictedPickleError(f"it has two arrays {name!r:.60}")
                names.add(name)
                yield name, value


def _view(storage: np.ndarray, ref: TensorRef) -> np.ndarray:
    """Returns a copy of the part of a storage that a tensor shows; `torch_pickle` has checked that it lies inside."""
    if storage.size != ref.storage.elements:
        raise RestrictedPickleError(f"storage {ref.storage.key!r:.40} is cut off")
    if not math.prod(ref.shape):
        return np.zeros(ref.shape, storage.dtype)
    size = storage.dtype.itemsize
    part = storage[ref.offset :]
    return np.lib.stride_tricks.as_strided(part, ref.shape, [size * stride for stride in ref.strides]).copy()
