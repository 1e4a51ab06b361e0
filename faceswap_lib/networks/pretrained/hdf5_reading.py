"""Reads HDF5 weight files in a child process (see `child_process`): only plain datasets of floats behind plain links.

HDF5 files can refer to other files (external links, external storage, virtual datasets) and to filters that HDF5 loads
as plugins. Files of network weights need none of these features, so such a file is rejected before a dataset is read.
"""

import itertools
import json
import math
import pathlib
import typing

import numpy as np

from faceswap_lib.limits import MODEL_BYTES

if typing.TYPE_CHECKING:
    import h5py

ENVIRONMENT = {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_PLUGIN_PATH": "", "HDF5_USE_FILE_LOCKING": "FALSE"}
"""Environment variables of the child process; `::` disables plugins."""

FILTERS = (1, 2, 3)
"""Allowed HDF5 filters by number: gzip, shuffle and the Fletcher32 checksum."""

MOST_PRESSED = 1000
"""Largest accepted compression ratio of a dataset; gzip compresses even zeros no further."""

SMALL = 1 << 20
"""Size in bytes up to which a chunk may be larger than its dataset."""

MOST_NAMES = 20_000
"""Largest accepted number of layers in a network, and of weights in a layer."""

LONGEST_NAME = 1_000
"""Largest accepted length of a name of a layer or weight."""

INDEX, ARRAYS = "index.json", "arrays.npz"
"""Output files: the layer and the name of each array, in order; and the arrays themselves, named a0, a1, ..."""

_TROUBLES = (OSError, KeyError, RuntimeError, TypeError, OverflowError, MemoryError, AttributeError, UnicodeError)


def read_into(file: pathlib.Path, folder: pathlib.Path) -> None:
    """Reads a weight file of Keras 2 and writes its content to `INDEX` and `ARRAYS` in a folder.

    Args:
        file: The weight file.
        folder: Where the output files are written.

    Raises:
        ValueError: If the file is damaged, has another format, or needs other files or plugins.
    """
    import h5py

    if not h5py.is_hdf5(file):
        raise ValueError("expected network weights in HDF5, got another kind of file")
    try:
        with h5py.File(file, "r") as opened:
            index, arrays = _read_layers(opened)
    except _TROUBLES as error:
        raise ValueError(f"cut short or damaged ({' '.join(str(error).split())[:200]})") from error
    np.savez(folder / ARRAYS, **typing.cast(dict[str, typing.Any], arrays))  # the stubs confuse names with allow_pickle
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def _read_layers(file: "h5py.File") -> tuple[list[list[str]], dict[str, np.ndarray]]:
    has_layers = "layer_names" in file.attrs or "layer_names0" in file.attrs
    is_model = not has_layers and file.get("model_weights", getlink=True) is not None
    root = _member(file, "model_weights") if is_model else file
    room, index, arrays = MODEL_BYTES.value, [], {}
    for layer in _read_names(root, "layer_names"):
        group = _member(root, layer)
        for weight in _read_names(group, "weight_names"):
            array = _read_dataset(_member(group, weight), room)
            room -= array.nbytes
            arrays[f"a{len(index)}"] = array
            index.append([layer, weight])
    return index, arrays


def _member(group: typing.Any, name: str) -> typing.Any:
    """Returns the group or dataset with a name; each part of the name must be a hard link."""
    import h5py

    found = group
    for part in filter(None, name.split("/")):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            raise ValueError(f"cut short or damaged ({found.name!r:.80} has no {part!r:.80})")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name!r:.80} is a link to another place, which weight files do not need")
        found = typing.cast(typing.Any, found)[part]
    return found


def _read_names(group, attribute: str) -> list[str]:
    """Reads a list of names, which may be split into several attributes with the suffixes 0, 1, and so on."""
    if attribute in group.attrs:
        parts = [attribute]
    else:
        numbered = (f"{attribute}{number}" for number in itertools.count())
        parts = list(itertools.takewhile(group.attrs.__contains__, numbered))
    if not parts:
        raise ValueError(f"cut short or damaged ({group.name!r:.80} has no attribute {attribute})")
    names: list[str] = []
    for part in parts:
        stored = group.attrs.get_id(part)
        if math.prod(stored.shape) == 0:  # a layer without weights has an empty list of any type
            continue
        if (
            math.prod(stored.shape) > MOST_NAMES
            or stored.dtype.kind not in "SO"
            or stored.dtype.itemsize > LONGEST_NAME
        ):
            raise ValueError(f"{attribute} of {group.name!r:.80}: expected names, got {stored.shape} {stored.dtype}")
        texts = np.atleast_1d(group.attrs[part]).ravel()
        names += [text.decode() if isinstance(text, bytes) else str(text) for text in texts]
    if len(names) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in names):
        raise ValueError(f"{attribute} of {group.name!r:.80}: too many names, or a name that is too long")
    return names


def _read_dataset(found, room: int) -> np.ndarray:
    """Reads a dataset of at most `room` bytes that is stored completely in this file."""
    import h5py

    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"cut short or damaged ({found.name!r:.80} is not an array)")
    properties = found.id.get_create_plist()
    if properties.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED, h5py.h5d.COMPACT):
        raise ValueError(f"{found.name!r:.80} is a virtual dataset, which weight files do not need")
    if properties.get_external_count():
        raise ValueError(f"{found.name!r:.80} is stored in another file, which weight files do not need")
    filters = [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]
    if unknown := set(filters) - set(FILTERS):
        raise ValueError(f"{found.name!r:.80} is compressed by filter {max(unknown)}; expected gzip or none")
    if found.dtype.kind != "f" or found.dtype.itemsize not in (2, 4, 8):
        raise ValueError(f"{found.name!r:.80}: expected floats, got {str(found.dtype)[:80]}")
    size, stored = math.prod(found.shape) * found.dtype.itemsize, found.id.get_storage_size()
    is_chunked = properties.get_layout() == h5py.h5d.CHUNKED
    if is_chunked and math.prod(properties.get_chunk()) * found.dtype.itemsize > max(2 * size, SMALL):
        raise ValueError(f"{found.name!r:.80} has chunks that are larger than itself")
    if size > room or size > stored * (MOST_PRESSED if filters else 1):
        raise ValueError(f"cut short or damaged ({found.name!r:.80} claims {size:,} bytes and has {stored:,})")
    return np.ascontiguousarray(found[()]).astype(found.dtype.newbyteorder("="), copy=False)
