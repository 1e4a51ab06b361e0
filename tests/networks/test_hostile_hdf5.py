"""Weight files in HDF5 that reach for other files, load plugins, ask for too much, or crash what reads them."""

import json
import pathlib
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.limits import MODEL_BYTES
from faceswap_lib.networks import child_process
from faceswap_lib.networks.child_process import run_child
from faceswap_lib.networks.pretrained.hdf5_reading import read_into
from faceswap_lib.networks.pretrained.weight_files import read_weights
from tests import child_functions
from tests.conftest import ROOT

KERNEL = np.arange(108, dtype=np.float32).reshape(3, 3, 3, 4)
NAME = "conv1/conv1/kernel:0"


def write(path: pathlib.Path, change=None, *, kernel=KERNEL, **options) -> pathlib.Path:
    """A file with one layer of one kernel; `change` gets it before it is closed."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"input_1", b"conv1"])
        file.create_group("input_1").attrs["weight_names"] = np.array([], "S")
        group = file.create_group("conv1")
        group.attrs["weight_names"] = np.array([b"conv1/kernel:0"])
        if kernel is not None:
            file.create_dataset(NAME, data=kernel, **options)
        if change is not None:
            change(file)
    return path


def with_secret(folder: pathlib.Path) -> pathlib.Path:
    """Another user's file, whose numbers must not appear."""
    with h5py.File(folder / "secret.h5", "w") as file:
        file["numbers"] = np.full((3, 3, 3, 4), 4711, np.float32)
    (folder / "secret.bin").write_bytes(np.full(108, 4711, np.float32).tobytes())
    return folder / "secret.h5"


def replace(make):
    """A change that puts something else in the place of the kernel."""

    def change(file: h5py.File) -> None:
        if NAME in file:
            del file[NAME]
        make(file)

    return change


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 3, 3, 4), np.float32)
    layout[:] = h5py.VirtualSource("secret.h5", "numbers", (3, 3, 3, 4))
    file.create_virtual_dataset(NAME, layout)


def unwritten(file: h5py.File) -> None:
    file.create_dataset(NAME, (3, 3, 3, 4), np.float32)


def vast(file: h5py.File) -> None:
    file.create_dataset(NAME, (1 << 20, 1 << 20), np.float32, chunks=(1, 64), compression="gzip")


def wide_chunk(file: h5py.File) -> None:
    file.create_dataset(NAME, (3, 3), np.float32, maxshape=(None, None), chunks=(1 << 14, 1 << 14), compression="gzip")


def unknown_filter(file: h5py.File) -> None:
    """As a packer that is loaded from a plugin (here Blosc's number) leaves it."""
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((3, 3, 3, 4))
    made.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (0,))
    h5py.h5d.create(
        file.id,
        NAME.encode(),
        h5py.h5t.IEEE_F32LE,
        h5py.h5s.create_simple((3, 3, 3, 4)),
        made,
        h5py.h5p.create(h5py.h5p.LINK_CREATE),
    )
    file[NAME][:] = KERNEL


def external(file: h5py.File) -> None:
    file.create_dataset(NAME, (3, 3, 3, 4), np.float32, external=[("secret.bin", 0, 432)])


def set_names(attribute: str, value: object, where: str = "/"):
    def change(file: h5py.File) -> None:
        file[where].attrs[attribute] = value

    return change


def circle(file: h5py.File) -> None:
    file["conv1/conv1/kernel:0"] = file["conv1"]


CASES = {
    "external link": (
        replace(lambda file: file.__setitem__(NAME, h5py.ExternalLink("secret.h5", "numbers"))),
        "a link",
    ),
    "soft link": (replace(lambda file: file.__setitem__(NAME, h5py.SoftLink("/input_1"))), "a link"),
    "link to nowhere": (replace(lambda file: file.__setitem__(NAME, h5py.SoftLink("/gone"))), "a link"),
    "a layer behind a link": (
        lambda file: (file.move("conv1", "c"), file.__setitem__("conv1", h5py.SoftLink("/c"))),
        "a link",
    ),
    "all behind a link": (
        lambda file: (
            file.attrs.pop("layer_names"),
            file.__setitem__("model_weights", h5py.ExternalLink("secret.h5", "/")),
        ),
        "a link",
    ),
    "virtual": (replace(virtual), "is a virtual dataset"),
    "external storage": (replace(external), "is stored in another file"),
    "unknown filter": (replace(unknown_filter), "compressed by filter 32001"),
    "never written": (replace(unwritten), "claims 432 bytes and has 0"),
    "vast": (replace(vast), "claims 4,398,046,511,104 bytes"),
    "chunks larger than the array": (replace(wide_chunk), "chunks that are larger"),
    "a group": (replace(circle), "is not an array"),
    "integers": (replace(lambda file: file.__setitem__(NAME, KERNEL.astype(np.int32))), "expected floats"),
    "texts": (replace(lambda file: file.__setitem__(NAME, ["a", "b"])), "expected floats"),
    "complex": (replace(lambda file: file.__setitem__(NAME, KERNEL.astype(np.complex64))), "expected floats"),
    "records": (replace(lambda file: file.__setitem__(NAME, np.zeros(3, [("a", "f4")]))), "expected floats"),
    "nothing": (replace(lambda file: None), "has no 'kernel:0'"),
    "no such layer": (set_names("layer_names", [b"conv2"]), "has no 'conv2'"),
    "names above": (set_names("weight_names", [b"../input_1"], "conv1"), "has no '..'"),
    "a name like a path": (set_names("weight_names", [b"/etc/passwd"], "conv1"), "has no 'etc'"),
    "numbers for names": (set_names("layer_names", [1, 2]), "expected names"),
    "names of nothing": (set_names("layer_names", h5py.Empty("S4")), ""),
    "long names": (set_names("layer_names", [b"x" * 2000]), "a name that is too long"),
    "long texts": (set_names("layer_names", np.array(["x" * 2000], h5py.string_dtype())), "a name that is too long"),
    "many names": (set_names("layer_names", np.zeros(30_000, "S2")), "expected names"),
    "no names": (lambda file: file.attrs.pop("layer_names"), "no attribute layer_names"),
    "bad text": (set_names("layer_names", [b"\xff\xfe"]), "cut short or damaged"),
    "no weight names": (lambda file: file["conv1"].attrs.pop("weight_names"), "no attribute weight_names"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_plain_array_in_the_file_itself_is_refused(tmp_path, monkeypatch, case):
    """Links and virtual datasets read other files before; the numbers of one must never appear."""
    change, words = CASES[case]
    monkeypatch.chdir(tmp_path)
    with_secret(tmp_path)
    path = write(tmp_path / "a.h5", change)
    (tmp_path / "out").mkdir()
    start = time.perf_counter()
    with pytest.raises(ValueError) as caught:
        read_into(path, tmp_path / "out")
    assert words in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert time.perf_counter() - start < 2 and list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip", "shuffle": True},
        {"chunks": True, "fletcher32": True},
        {"kernel": KERNEL.astype(">f8")},
    ],
    ids=["plain", "gzip", "checksum", "double"],
)
def test_what_weights_are_made_of_is_read(tmp_path, options):
    stored = read_weights(write(tmp_path / "a.h5", **options))
    ((name, array),) = stored["conv1"]
    assert name == "conv1/kernel:0" and np.array_equal(array, KERNEL) and array.dtype.isnative


def test_a_link_to_another_file_is_refused_where_users_name_a_file(tmp_path):
    """The whole way, in a process of its own."""
    with_secret(tmp_path)
    path = write(tmp_path / "a.h5", CASES["external link"][0])
    with pytest.raises(CheckpointError, match=r"a\.h5: .* is a link to another place.*remove it and download it again"):
        read_weights(path)


def test_plugins_are_not_loaded(tmp_path, monkeypatch):
    """A library in HDF5_PLUGIN_PATH is not opened, whatever the user's environment says."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(folder))
    path = write(tmp_path / "a.h5", CASES["unknown filter"][0])
    with pytest.raises(CheckpointError, match="compressed by filter 32001"):
        read_weights(path)
    seen = run_child(child_functions.tell_plugins, path, {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_PLUGIN_PATH": ""}, "-")
    assert json.loads(seen["seen"]) == ["::", "", str(folder) not in sys.path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals of this kind")
def test_a_crash_ends_the_other_process_only(tmp_path, monkeypatch):
    """A damaged file ended the program with a segmentation fault."""
    path = write(tmp_path / "a.h5")
    with pytest.raises(CheckpointError, match=r"crashed \(signal 11\).*; do this"):
        run_child(child_functions.crash, path, {}, "do this")
    monkeypatch.setattr(child_process, "SECONDS", 1)
    start = time.perf_counter()
    with pytest.raises(CheckpointError, match="took more than 1 seconds; do this"):
        run_child(child_functions.hang, path, {}, "do this")
    assert time.perf_counter() - start < 6


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_memory_is_limited(tmp_path):
    with pytest.raises(CheckpointError, match="no memory for that; do this"):
        run_child(child_functions.take_all_memory, write(tmp_path / "a.h5"), {}, "do this")


def test_files_larger_than_the_limit_are_not_opened(tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5")
    monkeypatch.setenv(MODEL_BYTES.variable, "100")
    with pytest.raises(CheckpointError, match=f"set {MODEL_BYTES.variable}="):
        read_weights(path)
    with pytest.raises(InputError, match="expected a file of network weights, got none there"):
        read_weights(tmp_path)


READER = """
import pathlib, sys, os
sys.path.insert(0, sys.argv[1])
from faceswap_lib.networks.pretrained.hdf5_reading import read_into
import numpy as np
folder, first = pathlib.Path(sys.argv[2]), int(sys.argv[3])
data = (folder / "whole").read_bytes()
wanted = np.arange(108, dtype=np.float32).reshape(3, 3, 3, 4)
bits = np.load(folder / "bits.npy")
for number in range(first, len(bits)):
    (folder / "at").write_text(str(number))
    damaged = bytearray(data)
    damaged[bits[number] // 8] ^= 1 << bits[number] % 8
    (folder / "a.h5").write_bytes(damaged)
    try:
        read_into(folder / "a.h5", folder / "out")
        with np.load(folder / "out" / "arrays.npz") as file:
            print("same" if file.files == ["a0"] and np.array_equal(file["a0"], wanted) else "other")
    except ValueError:
        print("refused")
(folder / "at").write_text("done")
"""


def read_damaged(folder: pathlib.Path, bits: np.ndarray) -> list[str]:
    """What becomes of a small file with each of some bits flipped; a process that crashes is started again."""
    (folder / "out").mkdir()
    np.save(folder / "bits.npy", bits)
    write(folder / "whole", chunks=(3, 3, 3, 4), fletcher32=True)
    outcomes, first = [], 0
    while True:
        command = [sys.executable, "-c", READER, str(ROOT), str(folder), str(first)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        outcomes += done.stdout.split()
        at = (folder / "at").read_text()
        if at == "done":
            return outcomes
        assert done.returncode < 0, done.stderr
        outcomes.append("crashed")
        outcomes += [] if len(outcomes) == int(at) + 1 else ["crashed"]
        first = int(at) + 1


def test_flipped_bits_are_refused_change_nothing_or_end_the_other_process(tmp_path):
    """300 of the bits of a file whose numbers have a checksum; what HDF5 does not check itself are names."""
    size = write(tmp_path / "size", chunks=(3, 3, 3, 4), fletcher32=True).stat().st_size
    bits = np.random.default_rng(3).choice(8 * size, 300, replace=False)
    outcomes = read_damaged(tmp_path, bits)
    assert outcomes.count("other") == 0 and outcomes.count("refused") > 10 and outcomes.count("same") > 100
