"""Networks that say who a face is: `evaluation/embedders.py`, `evaluation/onnx_embedder.py`."""

import pathlib
import shutil
import subprocess
import sys
import types

import h5py
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.evaluation.embedders import VggFaceEmbedder, cut_square, open_identity
from faceswap_lib.evaluation.onnx_embedder import ARCFACE_POINTS, OnnxEmbedder, align_like_arcface
from faceswap_lib.faces import FaceCrop, align_face
from faceswap_lib.faces.alignment import template_points
from faceswap_lib.faces.recognition import DlibEmbedder, FaceEmbedder
from faceswap_lib.media import read_frames
from tests.conftest import ROOT, annotated_face
from tests.weight_files import randomize, resnet50_layers, write_weights

VGGFACE_FILE = "rcmalli_vggface_tf_notop_resnet50.h5"


@pytest.fixture(scope="module")
def portrait_crops(portraits) -> list[FaceCrop]:
    return [align_face(portrait.image, annotated_face(portrait)) for portrait in portraits]


@pytest.fixture(scope="module")
def vggface_file(tmp_path_factory) -> pathlib.Path:
    """VGGFace with random weights in a file like the published one; not to be changed."""
    from faceswap_lib.networks.pretrained.vggface import build_vggface

    model = randomize(build_vggface("resnet50", 32))
    return write_weights(tmp_path_factory.mktemp("weights") / VGGFACE_FILE, model, resnet50_layers())


@pytest.fixture(scope="module")
def vggface(vggface_file) -> VggFaceEmbedder:
    return VggFaceEmbedder(vggface_file)


@pytest.fixture
def no_weights(tmp_path, monkeypatch) -> pathlib.Path:
    """A machine on which no weights lie in usual places; gives the folder that Keras would put them into."""
    for name in ("HOME", "USERPROFILE", "KERAS_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path / "KERAS_HOME" / "models" / "vggface"


@pytest.fixture
def no_dlib(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)


@pytest.fixture(scope="module")
def onnx() -> types.ModuleType:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return pytest.importorskip("onnx", reason="onnx, with which the test makes its networks, is not installed")


def write_network(onnx, path, shape, reduced, *, number="FLOAT", scale=1.0, inputs=("picture",)):
    """Writes a network that gives the mean and the maximum over some axes, times a scale, as (N, 6)."""
    helper, kind = onnx.helper, getattr(onnx.TensorProto, number)
    axes = onnx.numpy_helper.from_array(np.array(reduced, np.int64), "axes")
    factor = onnx.numpy_helper.from_array(
        np.array(scale, {"FLOAT16": np.float16, "DOUBLE": float}.get(number, np.float32)), "factor"
    )
    nodes = [
        helper.make_node("ReduceMean", ["picture", "axes"], ["mean"], keepdims=0),
        helper.make_node("ReduceMax", ["picture", "axes"], ["highest"], keepdims=0),
        helper.make_node("Concat", ["mean", "highest"], ["both"], axis=1),
        helper.make_node("Mul", ["both", "factor"], ["embedding"]),
    ]
    entries = [helper.make_tensor_value_info(name, kind, shape) for name in inputs]
    graph = helper.make_graph(
        nodes, "net", entries, [helper.make_tensor_value_info("embedding", kind, None)], [axes, factor]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def plain_crop(color, size: int = 256) -> FaceCrop:
    picture = np.full((size, size, 3), color, np.uint8)
    return FaceCrop(image=picture, landmarks=template_points(size), crop_from_frame=np.eye(2, 3))


def dotted_crop(points: np.ndarray, size: int = 256) -> FaceCrop:
    """A black crop with a white dot at each of its five points."""
    picture = np.zeros((size, size, 3), np.uint8)
    for x, y in np.round(points).astype(int):
        picture[y - 1 : y + 2, x - 1 : x + 2] = 255
    return FaceCrop(image=picture, landmarks=points, crop_from_frame=np.eye(2, 3))


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a[:, None] - b, axis=-1)


def check_contract(embedder: FaceEmbedder, crops: list[FaceCrop], length: int) -> np.ndarray:
    """What every network of this kind promises."""
    before = [crop.image.copy() for crop in crops]
    embeddings = embedder.embed(crops)
    assert embeddings.shape == (len(crops), length) and embeddings.dtype == np.float64
    assert np.array_equal(embedder.embed(crops), embeddings)
    assert np.concatenate([embedder.embed([crop]) for crop in crops]) == pytest.approx(embeddings, abs=1e-4)
    assert embedder.embed([]).shape == (0, length)
    assert embedder.name and 0 < embedder.same_person < 2
    assert all(np.array_equal(crop.image, image) for crop, image in zip(crops, before, strict=True))
    return embeddings


@pytest.fixture(scope="module")
def dlib_embedder() -> DlibEmbedder:
    try:
        return DlibEmbedder()
    except InputError as error:
        pytest.skip(str(error))


def test_dlib_tells_the_portraits_apart(dlib_embedder, portraits, portrait_crops):
    """The same face cut out a little differently stays one person; the other portrait is another."""
    embeddings = check_contract(dlib_embedder, portrait_crops, 128)
    assert distances(embeddings, embeddings)[0, 1] > dlib_embedder.same_person
    for portrait, embedding in zip(portraits, embeddings, strict=True):
        small = align_face(portrait.image, annotated_face(portrait), 128)
        darker = FaceCrop(
            image=(small.image * 0.7).astype(np.uint8),
            landmarks=small.landmarks,
            crop_from_frame=small.crop_from_frame,
        )
        assert distances(dlib_embedder.embed([small, darker]), embedding[None]).max() < 0.4


@pytest.mark.clips
def test_dlib_tells_the_people_of_real_clips_apart(dlib_embedder, detector, real_clips):
    people = []
    for name in ("d6.mp4", "d9.mp4", "d10.mp4", "d14.mp4"):
        frames = list(read_frames(real_clips / name, start=30, stop=390, step=60))
        crops = [align_face(frame, faces[0]) for frame, faces in zip(frames, detector.detect(frames), strict=True)]
        people.append(dlib_embedder.embed(crops))
    for index, person in enumerate(people):
        assert distances(person, person).max() < dlib_embedder.same_person
        for other in people[:index]:
            assert distances(person, other).mean() > dlib_embedder.same_person
            assert distances(person.mean(axis=0)[None], other.mean(axis=0)[None]).min() > 0.55


def test_vggface_gives_unit_vectors(vggface, portrait_crops):
    embeddings = check_contract(vggface, portrait_crops, 2048)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1)
    assert distances(embeddings, embeddings)[0, 1] > 0.01
    assert embeddings.min() >= 0


def test_vggface_is_given_bgr_less_the_means(vggface, vggface_file, portrait_crops):
    """The whole way from crop to embedding, by hand."""
    from faceswap_lib.networks.pretrained.vggface import build_vggface
    from faceswap_lib.networks.pretrained.weight_files import load_weights

    network = build_vggface("resnet50")
    load_weights(network, vggface_file)
    squares = np.stack([cut_square(crop, 224) for crop in portrait_crops]).astype(np.float32)
    by_hand = network.predict_on_batch(squares[..., ::-1] - np.float32([91.4953, 103.8827, 131.0912]))
    assert vggface.embed(portrait_crops) == pytest.approx(unit(by_hand.astype(np.float64)), abs=1e-4)


def test_the_third_channel_of_vggface_is_red(vggface_file, tmp_path):
    """A network whose first layer looks at its third channel alone sees red, and neither green nor blue."""
    path = shutil.copy(vggface_file, tmp_path / "red.h5")
    with h5py.File(path, "r+") as file:
        file["conv1/7x7_s2/conv1/7x7_s2/kernel:0"][:, :, :2] = 0
    colors = [(100, 100, 100), (100, 200, 30), (200, 100, 100)]
    gray, green, red = VggFaceEmbedder(path).embed([plain_crop(color) for color in colors])
    assert np.array_equal(gray, green)
    assert np.linalg.norm(gray - red) > 1e-3


@pytest.mark.parametrize("size", [128, 256, 512])
def test_vggface_is_shown_the_face_as_its_makers_cut_it(size):
    """Eyes 76 pixels of 224 apart and above the middle, for crops of any side."""
    dots = cut_square(dotted_crop(template_points(size), size), 224)[..., 0]
    rows, columns = np.nonzero(dots > 40)
    eyes = rows < 100
    apart = np.ptp([columns[eyes & (columns < 112)].mean(), columns[eyes & (columns > 112)].mean()])
    assert apart == pytest.approx(224 / 2.95, abs=1.5)
    assert rows[eyes].mean() == pytest.approx(111.5 - 0.29 * 224 / 2.95, abs=1.5)
    assert columns.mean() == pytest.approx(111.5, abs=1.5)


def test_a_damaged_file_of_vggface_is_refused(tmp_path):
    (tmp_path / "cut.h5").write_bytes(b"half a network")
    with pytest.raises(CheckpointError, match="expected network weights in HDF5"):
        VggFaceEmbedder(tmp_path / "cut.h5")


SHAPES = {
    "channels first": (["N", 3, 64, 64], [2, 3], 64),
    "channels last": (["N", 64, 64, 3], [1, 2], 64),
    "one at a time": ([1, 3, 112, 112], [2, 3], 112),
    "three at a time": ([3, 48, 48, 3], [1, 2], 48),
    "open": (["N", 3, "H", "W"], [2, 3], 112),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_users_network_is_given_what_its_input_says(onnx, tmp_path, portrait_crops, case):
    shape, reduced, side = SHAPES[case]
    embedder = OnnxEmbedder(write_network(onnx, tmp_path / "net.onnx", shape, reduced))
    embeddings = check_contract(embedder, [*portrait_crops, plain_crop((255, 0, 51)), *portrait_crops], 6)
    assert embedder.name == "onnx:net.onnx" and embedder.same_person == 1.2
    faces = np.stack([align_like_arcface(crop, side) for crop in portrait_crops]).astype(np.float64)
    values = (faces - 127.5) / 127.5
    by_hand = unit(np.concatenate([values.mean(axis=(1, 2)), values.max(axis=(1, 2))], axis=1))
    assert embeddings[:2] == pytest.approx(by_hand, abs=1e-5) and embeddings[3:] == pytest.approx(by_hand, abs=1e-5)
    assert embeddings[2] == pytest.approx(unit(np.array([[1, -1, -0.6, 1, -1, -0.6]]))[0], abs=1e-5)


def test_a_users_network_may_have_its_own_conventions(onnx, tmp_path):
    path = write_network(onnx, tmp_path / "net.onnx", [1, 3, 32, 32], [2, 3])
    embedder = OnnxEmbedder(path, same_person=0.9, mean=0, scale=255)
    assert embedder.same_person == 0.9
    wanted = unit(np.array([[255, 0, 51, 255, 0, 51]]))
    assert embedder.embed([plain_crop((255, 0, 51))]) == pytest.approx(wanted, abs=1e-6)
    halves = write_network(onnx, tmp_path / "halves.onnx", [1, 3, 32, 32], [2, 3], number="FLOAT16")
    assert OnnxEmbedder(halves, mean=0, scale=255).embed([plain_crop((255, 0, 51))]) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("side", [112, 224])
def test_a_users_network_sees_the_points_where_arcface_has_them(side):
    """Turned and moved inside the crop, the five points come to lie on the published ones."""
    angle = np.deg2rad(8)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (ARCFACE_POINTS - 56) * 2 @ turn.T + [131, 120]
    picture = align_like_arcface(dotted_crop(points), side)[..., 0].astype(float)
    for x, y in (ARCFACE_POINTS + 0.5) * side / 112 - 0.5:
        rows, columns = np.mgrid[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6]
        near = picture[rows, columns]
        assert near.max() > 60
        assert [(near * columns).sum() / near.sum(), (near * rows).sum() / near.sum()] == pytest.approx([x, y], abs=0.6)


def test_an_unfit_network_is_named(onnx, tmp_path):
    def check(message, **changes):
        options = {"shape": ["N", 3, 64, 64], "reduced": [2, 3], **changes}
        with pytest.raises(InputError, match=message):
            OnnxEmbedder(write_network(onnx, tmp_path / "net.onnx", **options))

    check(
        r"net\.onnx: expected an input \(N, 3, S, S\) or \(N, S, S, 3\), got \('N', 1, 64, 64\)", shape=["N", 1, 64, 64]
    )
    check("expected an input", shape=["N", 3, 64, 48])
    check("expected an input", shape=["N", 3, 8, 64, 64], reduced=[2, 3, 4])
    check(r"expected one input of floats, got picture tensor\(float\), ages", inputs=("picture", "ages"))
    check(r"expected one input of floats, got picture tensor\(double\)", number="DOUBLE")
    check(r"expected finite numbers for 1 faces", scale=np.inf)
    check(r"expected finite numbers for 1 faces, got \(3, 128\)", reduced=[0, 3])


def test_a_damaged_or_missing_network_is_named(onnx, tmp_path):
    (tmp_path / "page.onnx").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(InputError, match=r"page\.onnx: expected a network in ONNX; it cannot be read"):
        OnnxEmbedder(tmp_path / "page.onnx")
    with pytest.raises(InputError, match=r"none\.onnx: expected a recognition network in ONNX, got no file there"):
        OnnxEmbedder(tmp_path / "none.onnx")


def test_without_onnxruntime_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="onnxruntime cannot be imported .*pip install 'faceswap_lib.onnx.'"):
        OnnxEmbedder(tmp_path / "net.onnx")


def test_auto_takes_dlib_first(dlib_embedder, no_weights, vggface_file):
    no_weights.mkdir(parents=True)
    shutil.copy(vggface_file, no_weights)
    assert open_identity().name == open_identity("auto").name == open_identity("dlib").name == "dlib"


def test_auto_takes_vggface_where_its_file_lies(no_dlib, no_weights, vggface_file):
    no_weights.mkdir(parents=True)
    shutil.copy(vggface_file, no_weights)
    assert open_identity().name == open_identity("vggface").name == "vggface"


def test_auto_says_why_nothing_works(no_dlib, no_weights):
    with pytest.raises(InputError) as caught:
        open_identity()
    message = str(caught.value)
    assert "dlib: dlib cannot be imported" in message and "pip install 'faceswap_lib[dlib]'" in message
    assert f"vggface: {VGGFACE_FILE} is not in " in message and str(no_weights) in message
    assert f"download https://github.com/rcmalli/keras-vggface/releases/download/v2.0/{VGGFACE_FILE}" in message
    assert caught.value.exit_code == 2 and not no_weights.exists()
    with pytest.raises(InputError, match="dlib cannot be imported"):
        open_identity("dlib")
    with pytest.raises(InputError, match=f"{VGGFACE_FILE} is not in"):
        open_identity("vggface")


def test_a_file_that_is_named_is_used(no_dlib, no_weights, vggface_file, onnx, tmp_path):
    network = write_network(onnx, tmp_path / "net.onnx", ["N", 3, 64, 64], [2, 3])
    assert open_identity(onnx=network).name == open_identity("onnx", onnx=network).name == "onnx:net.onnx"
    assert open_identity(vggface=vggface_file).name == "vggface"
    with pytest.raises(InputError, match="gone: expected rcmalli"):
        open_identity(vggface=tmp_path / "gone")


def test_what_is_asked_for_must_be_known(tmp_path):
    with pytest.raises(InputError, match="onnx: expected the file of a recognition network, got none"):
        open_identity("onnx")
    with pytest.raises(InputError, match=r"net\.onnx: a file for onnx, but the network asked for is dlib"):
        open_identity("dlib", onnx=tmp_path / "net.onnx")
    with pytest.raises(InputError, match="identity: expected auto, dlib, vggface or onnx, got 'arcface'"):
        open_identity("arcface")


def test_importing_evaluation_brings_in_no_network():
    program = (
        "import faceswap_lib.evaluation, faceswap_lib.evaluation.embedders, faceswap_lib.evaluation.lpips_like, sys; "
        "print(*sorted({'keras', 'tensorflow', 'torch', 'h5py', 'dlib', 'onnxruntime', 'mtcnn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
