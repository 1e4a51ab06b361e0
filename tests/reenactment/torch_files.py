"""Writes what PyTorch writes, without PyTorch: files of weights for tests."""

import io
import math
import pathlib
import pickle
import struct
import types
import zipfile

import numpy as np

from faceswap_lib.reenactment.bilayer_weights import OLD_MAGIC


class TorchPickler(pickle._Pickler):  # the one in Python, because this one in C cannot save globals by name
    """Writes what PyTorch writes, without PyTorch."""

    def persistent_id(self, obj):
        return None

    def save_named(self, obj):
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        self.memoize(obj)

    def save_storage(self, obj):
        self.save(tuple(list(obj.named)))  # PyTorch writes the tuple each time
        self.write(pickle.BINPERSID)

    def save_call(self, obj):
        self.save(obj.function)
        self.save(obj.arguments)
        self.write(pickle.REDUCE)


class Named(types.SimpleNamespace):
    __hash__ = object.__hash__


class Storage(types.SimpleNamespace):
    __hash__ = object.__hash__


class Call(types.SimpleNamespace):
    __hash__ = object.__hash__


TorchPickler.dispatch = pickle._Pickler.dispatch | {
    Named: TorchPickler.save_named,
    Storage: TorchPickler.save_storage,
    Call: TorchPickler.save_call,
}

FLOAT = Named(module="torch", name="FloatStorage")
LONG = Named(module="torch", name="LongStorage")
REBUILD = Named(module="torch._utils", name="_rebuild_tensor_v2")


def to_pickle(value) -> bytes:
    stream = io.BytesIO()
    TorchPickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def storage(key: str, elements: int, kind=FLOAT) -> Storage:
    return Storage(named=("storage", kind, key, "cpu", elements))


def tensor(place, shape, strides, *, offset=0) -> Call:
    hooks = Call(function=Named(module="collections", name="OrderedDict"), arguments=())
    return Call(function=REBUILD, arguments=(place, offset, shape, strides, False, hooks))


def write_archive(path: pathlib.Path, description: bytes, storages: dict[str, bytes], **options) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", options.get("compression", zipfile.ZIP_STORED)) as archive:
        archive.writestr("weights/data.pkl", description)
        archive.writestr("weights/byteorder", options.get("order", "little"))
        for key, data in storages.items():
            archive.writestr(f"weights/data/{key}", data)
        archive.writestr("weights/version", "3\n")
    return path


def write_old(path: pathlib.Path, content, blocks: list[tuple[str, int, bytes]]) -> pathlib.Path:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [OLD_MAGIC, *(pickle.dumps(value, protocol=2) for value in (1001, system)), to_pickle(content)]
    parts.append(pickle.dumps([key for key, _, _ in blocks], protocol=2))
    parts += [struct.pack("<q", count) + data for _, count, data in blocks]
    path.write_bytes(b"".join(parts))
    return path


def old_tensor(key: str, elements: int, shape, strides, kind=FLOAT) -> Call:
    return tensor(Storage(named=("storage", kind, key, "cpu", elements, None)), shape, strides)


def write_weights(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> pathlib.Path:
    """Writes float32 arrays as PyTorch 1.6 and later writes the state of a network."""
    content, storages = {}, {}
    for key, (name, array) in enumerate(arrays.items()):
        strides = tuple(math.prod(array.shape[axis + 1 :]) for axis in range(array.ndim))
        content[name] = tensor(storage(str(key), array.size), array.shape, strides)
        storages[str(key)] = np.ascontiguousarray(array, "<f4").tobytes()
    return write_archive(path, to_pickle(content), storages)
