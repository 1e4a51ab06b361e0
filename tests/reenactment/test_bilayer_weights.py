"""Files of PyTorch's weights: arrays are read exactly, and nothing else in the file is run."""

import collections
import os
import pathlib
import pickle
import sys
import zipfile

import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.reenactment.bilayer_weights import OLD_MAGIC, list_arrays, read_arrays
from tests.reenactment.torch_files import (
    LONG,
    Call,
    Named,
    Storage,
    old_tensor,
    storage,
    tensor,
    to_pickle,
    write_archive,
    write_old,
)

NUMBERS = np.arange(24, dtype=np.float32)


@pytest.fixture
def weights(tmp_path: pathlib.Path) -> pathlib.Path:
    """A 2 x 3 x 4 kernel, its transpose as a view of the same storage, and a count, in a nested dict."""
    place = storage("0", 24)
    content = {
        "conv.weight": tensor(place, (2, 3, 4), (12, 4, 1)),
        "part": {"turned": tensor(place, (4, 3), (1, 4), offset=12), "count": tensor(storage("1", 1, LONG), (), ())},
        "epoch": 2225,
    }
    return write_archive(
        tmp_path / "w.pth", to_pickle(content), {"0": NUMBERS.tobytes(), "1": np.array([7], "<i8").tobytes()}
    )


def test_arrays_are_listed_by_layer_name_with_shape_and_type(weights):
    listed = list_arrays(weights)
    assert {name: (info.shape, info.dtype) for name, info in listed.items()} == {
        "conv.weight": ((2, 3, 4), np.dtype("<f4")),
        "part.turned": ((4, 3), np.dtype("<f4")),
        "part.count": ((), np.dtype("<i8")),
    }


def test_arrays_are_read_exactly_also_views(weights):
    arrays = read_arrays(weights)
    np.testing.assert_array_equal(arrays["conv.weight"], NUMBERS.reshape(2, 3, 4))
    np.testing.assert_array_equal(arrays["part.turned"], NUMBERS.reshape(2, 3, 4)[1].T)
    assert arrays["part.count"] == 7
    assert list(read_arrays(weights, ["part.count"])) == ["part.count"]
    with pytest.raises(CheckpointError, match="conv.bias"):
        read_arrays(weights, ["conv.bias"])


def test_files_before_pytorch_1_6(tmp_path):
    content = {"a": old_tensor("9", 24, (4, 6), (6, 1)), "b": old_tensor("8", 2, (2,), (1,), LONG)}
    blocks = [("8", 2, np.array([5, -6], "<i8").tobytes()), ("9", 24, NUMBERS.tobytes())]
    path = write_old(tmp_path / "old.pth", content, blocks)
    arrays = read_arrays(path)
    np.testing.assert_array_equal(arrays["a"], NUMBERS.reshape(4, 6))
    np.testing.assert_array_equal(arrays["b"], [5, -6])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cut off"):
        list_arrays(path)


def test_files_that_pytorch_wrote(tmp_path):
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5))
    state = network.state_dict()
    assert isinstance(state, collections.OrderedDict)
    for name, is_new in (("new.pth", True), ("old.pth", False)):
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=is_new)
        arrays = read_arrays(tmp_path / name)
        assert list(arrays) == list(state)
        for key, value in state.items():
            np.testing.assert_array_equal(arrays[key], value.numpy())
    half = {"h": torch.ones(3, dtype=torch.float16), "p": torch.nn.Parameter(torch.eye(2))}
    torch.save(half, tmp_path / "half.pth")
    assert read_arrays(tmp_path / "half.pth")["h"].dtype == np.float16
    np.testing.assert_array_equal(read_arrays(tmp_path / "half.pth")["p"], np.eye(2))


class Attack:
    def __reduce__(self):
        return os.system, (f"{sys.executable} -c \"open('attacked', 'w')\"",)


def hostile_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Files with something wrong, by what the message has to say."""

    def save(name: str, description, storages=None, **options) -> pathlib.Path:
        data = description if isinstance(description, bytes) else to_pickle(description)
        return write_archive(folder / name, data, {"0": NUMBERS.tobytes()} if storages is None else storages, **options)

    place = storage("0", 24)
    good = {"a": tensor(place, (24,), (1,))}
    evil = Call(function=Named(module="builtins", name="eval"), arguments=("1",))
    bomb = [pickle.PROTO, b"\x02", pickle.EMPTY_TUPLE, pickle.BINPUT, b"\x00"]
    for index in range(40):  # every tuple has the one before twice
        bomb += [pickle.BINGET, bytes([index]), pickle.BINGET, bytes([index]), pickle.TUPLE2]
        bomb += [pickle.BINPUT, bytes([index + 1])]
    files = {
        "os.system|posix.system|nt.system": save("attack.pth", pickle.dumps({"a": Attack()}, protocol=2)),
        "builtins.eval": save("eval.pth", {"a": evil}),
        "outside that is no storage": save("outside.pth", {"a": Storage(named=("module", "x", "y"))}),
        "does not fit": save("long.pth", {"a": tensor(place, (25,), (1,))}),
        r"does not fit.*24": save("stride.pth", {"a": tensor(place, (2,), (24,))}),
        "whole numbers": save("negative.pth", {"a": tensor(place, (2,), (-1,))}),
        "fit into its storage ": save("repeat.pth", {"a": tensor(place, (1000, 1000), (0, 0))}),
        "96 bytes, 400": save("short.pth", {"a": tensor(storage("0", 100), (100,), (1,))}),
        "data/5": save("missing.pth", {"a": tensor(storage("5", 24), (24,), (1,))}),
        "expected a dict": save("list.pth", [1, 2]),
        "contains no arrays": save("empty.pth", {"a": 1}),
        "byte order": save("order.pth", good, order="big"),
        "compressed": save("deflated.pth", good, compression=zipfile.ZIP_DEFLATED),
        "not there|not allowed|refers to": save("bomb.pth", b"".join([*bomb, pickle.STOP])),
        "cut off|states|has no end": save("cut.pth", to_pickle(good)[:-20]),
        "opcode": save("junk.pth", b"\xff" * 50),
        "data.pkl": folder / "other.pth",
        "no weights of PyTorch": folder / "text.pth",
        "no complete pickle": folder / "old.pth",
    }
    with zipfile.ZipFile(folder / "other.pth", "w") as archive:
        archive.writestr("readme", "hello")
    (folder / "text.pth").write_text("hello")
    (folder / "old.pth").write_bytes(OLD_MAGIC + b"\x80\x02M\xe9\x03.\x8c\xff")
    return files


def test_hostile_and_damaged_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for message, path in hostile_files(tmp_path).items():
        with pytest.raises(CheckpointError, match=message):
            read_arrays(path)
        with pytest.raises(CheckpointError, match=path.name):
            read_arrays(path)
    assert not (tmp_path / "attacked").exists()


def test_every_cut_of_a_file_is_refused(weights, tmp_path):
    data = weights.read_bytes()
    for length in range(0, len(data), 37):
        path = tmp_path / "cut.pth"
        path.write_bytes(data[:length])
        with pytest.raises(CheckpointError):
            read_arrays(path)


def test_size_is_limited(weights, monkeypatch):
    monkeypatch.setenv("FACESWAP_MAX_MODEL_BYTES", "100")
    with pytest.raises(InputError, match="FACESWAP_MAX_MODEL_BYTES=104"):
        list_arrays(weights)
