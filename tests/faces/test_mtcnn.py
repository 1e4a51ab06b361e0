"""MTCNN's weights, and what happens between its networks, worked by hand."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import types

import cv2
import keras
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError
from faceswap_lib.faces.mtcnn_boxes import (
    build_pyramid,
    crop_and_resize,
    non_max_suppression,
    pairwise_overlaps,
    place_landmarks,
    pyramid_scales,
    regress_boxes,
    square_boxes,
    window_boxes,
)
from faceswap_lib.faces.mtcnn_networks import CpuNetwork, build_onet, build_pnet, build_rnet, padded_size, preprocess
from faceswap_lib.faces.mtcnn_weights import DIGESTS, load_weights, weights_folder
from tests.conftest import ROOT

# Weights ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied_package(tmp_path, monkeypatch) -> pathlib.Path:
    """A package with copies of the weights, found instead of the installed one; gives their folder."""
    folder = tmp_path / "mtcnn" / "assets" / "weights"
    shutil.copytree(weights_folder(), folder)
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path / "mtcnn")])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    return folder


def test_the_weights_are_found_without_importing_the_package():
    program = (
        "from faceswap_lib.faces.mtcnn_weights import DIGESTS, load_weights; import sys\n"
        "print(*(len(load_weights(name)) for name in DIGESTS), *({'mtcnn', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["13", "16", "21"]


@pytest.mark.parametrize("network", DIGESTS)
def test_a_file_with_another_digest_is_not_opened(network, copied_package, tmp_path):
    assert len(load_weights(network)) > 10
    path = copied_package / f"{network}.lz4"
    path.write_bytes(trap(tmp_path / "sprung"))
    with pytest.raises(
        CheckpointError, match=rf"{network}.lz4: expected SHA-256 {DIGESTS[network]}, got [0-9a-f]{{64}}"
    ):
        load_weights(network)
    assert not (tmp_path / "sprung").exists()


def test_one_changed_bit_is_noticed(copied_package):
    path = copied_package / "pnet.lz4"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="--force-reinstall"):
        load_weights("pnet")


def test_missing_weights_say_what_to_do(copied_package, monkeypatch):
    (copied_package / "onet.lz4").unlink()
    with pytest.raises(CheckpointError, match="onet.lz4: cannot be read.*pip install"):
        load_weights("onet")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="not installed; reinstall it: pip install"):
        load_weights("onet")


def test_files_of_these_names_in_the_current_folder_are_not_opened(tmp_path):
    """Each would run code as it is unpickled."""
    for network in DIGESTS:
        (tmp_path / f"{network}.lz4").write_bytes(trap(tmp_path / f"sprung_{network}"))
    program = (
        "import numpy as np\n"
        "from faceswap_lib.faces import MTCNN\n"
        "from faceswap_lib.networks.pretrained.onet import build_onet_features, build_onet_points\n"
        "MTCNN().detect([np.zeros((64, 64, 3), np.uint8)])\n"
        "build_onet_features(48), build_onet_points()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert not list(tmp_path.glob("sprung*"))


def test_the_trap_springs_where_it_is_opened(tmp_path):
    import joblib

    path = tmp_path / "pnet.lz4"
    path.write_bytes(trap(tmp_path / "sprung"))
    joblib.load(path)
    assert (tmp_path / "sprung").exists()


class Trap:
    def __init__(self, path: pathlib.Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def trap(path: pathlib.Path) -> bytes:
    """A file that makes a folder when it is unpickled."""
    import pickle

    import lz4.frame

    return lz4.frame.compress(pickle.dumps(Trap(path)))


# Networks --------------------------------------------------------------------------------------------------------

SIDES = {"pnet": 37, "rnet": 24, "onet": 48}


@pytest.mark.parametrize(("network", "build"), [("pnet", build_pnet), ("rnet", build_rnet), ("onet", build_onet)])
def test_the_networks_say_what_the_packages_own_say(network, build):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the package's own networks need TensorFlow")
    from mtcnn.network import onet, pnet, rnet

    theirs = {"pnet": pnet.PNet, "rnet": rnet.RNet, "onet": onet.ONet}[network]()
    theirs.build()
    theirs.set_weights(load_weights(network))
    side = SIDES[network]
    pictures = preprocess(np.random.default_rng(1).uniform(0, 255, (3, side, side, 3)).astype(np.float32))
    ours = CpuNetwork(build)(pictures)
    for one, other in zip(ours, theirs(pictures), strict=True):
        assert one.dtype == np.float32 and one == pytest.approx(np.asarray(other), abs=1e-5)
    assert not build().trainable_variables


def test_batches_are_padded_to_powers_of_two():
    assert [padded_size(count) for count in (1, 2, 3, 4, 5, 8, 9, 100)] == [1, 2, 4, 4, 8, 8, 16, 128]


@pytest.mark.parametrize("singly", [False, True])
def test_where_every_shape_is_compiled_there_are_few(singly, monkeypatch):
    seen = []
    network = CpuNetwork(lambda dtype: build_rnet(dtype), singly=singly)
    pictures = np.random.default_rng(2).uniform(-1, 1, (11, 24, 24, 3)).astype(np.float32)
    plain = network(pictures)
    monkeypatch.setattr(network, "_is_compiled", True)
    monkeypatch.setattr(network, "_singly", singly)
    predict = network._predict
    monkeypatch.setattr(network, "_predict", lambda batch: [seen.append(len(batch)), predict(batch)][1])
    for count in range(1, 12):
        for one, other in zip(network(pictures[:count]), plain, strict=True):
            assert one == pytest.approx(other[:count], abs=1e-5)
    assert set(seen) == ({1} if singly else {8, 16})


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA of TensorFlow")
def test_tensorflow_never_compiles_them_with_xla(detector):
    assert [net._model.jit_compile for net in (detector._pnet, detector._rnet, detector._onet)] == [False] * 3


def test_a_detector_computes_in_float32_whatever_keras_is_set_to():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = CpuNetwork(build_onet)._model
    finally:
        keras.config.set_dtype_policy(before)
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}


# Boxes -----------------------------------------------------------------------------------------------------------


def rows(*boxes: tuple[float, ...]) -> np.ndarray:
    """Rows of picture 0 from boxes and scores."""
    return np.array([[0, *box] for box in boxes], float)


def test_the_pyramid_ends_where_hardly_a_window_fits():
    scales = pyramid_scales(100, 200)
    # log(100 / 12) / -log(0.709) - 1 = 5.17, so five pictures, the first with 12 pixels for a face of 20.
    assert scales == pytest.approx(0.6 * 0.709 ** np.arange(5))
    assert pyramid_scales(12, 500).size == 0
    pictures = build_pyramid(np.zeros((2, 100, 200, 3), np.float32), scales)
    assert [picture.shape for picture in pictures][:2] == [(2, 60, 120, 3), (2, 42, 85, 3)]
    assert min(pictures[-1].shape[1:3]) >= 12


def test_a_picture_of_the_pyramid_is_a_mean_over_areas():
    picture = np.repeat(np.arange(5, dtype=np.float32)[None, None, :, None], 3, axis=3)
    (small,) = build_pyramid(picture.repeat(5, axis=1), np.array([0.4]))
    # Two pixels of 2.5 each: (0 + 1 + 2 / 2) / 2.5 and (2 / 2 + 3 + 4) / 2.5.
    assert small[0, :, :, 0] == pytest.approx(np.array([[0.8, 3.2], [0.8, 3.2]]))


def test_a_sure_window_becomes_a_box_by_hand():
    scores, offsets = np.zeros((2, 3, 4)), np.zeros((2, 3, 4, 4))
    scores[1, 2, 3], scores[0, 0, 1], scores[0, 1, 1] = 0.7, 0.9, 0.6
    offsets[1, 2, 3] = [0.1, -0.2, 0, 1]
    # Row 2, column 3: from pixel (2 * 3 + 1, 2 * 2 + 1) on, 11 wide; moved by 0.1, -0.2, 0 and 1 of that.
    wanted = [[0, 3, 1, 14, 12, 0.9], [1, 7 + 1.1, 5 - 2.2, 18, 16 + 11, 0.7]]
    assert window_boxes(offsets, scores, 0.6) == pytest.approx(np.array(wanted))
    assert window_boxes(offsets, scores, 0.95).shape == (0, 6)


def test_bounding_box_regression_by_hand():
    before = rows((10, 20, 19, 39, 0.9))  # 10 wide and 20 high, both ends counted
    moved = regress_boxes(before, np.array([[0.1, -0.2, 0.3, 0.05]]))
    assert moved == pytest.approx(rows((11, 16, 22, 40, 0.9)))
    assert before[0, 1] == 10


def test_landmarks_are_placed_by_hand():
    shares = np.array([[0, 1, 0.5, 0.2, 0.8, 0, 1, 0.5, 0.1, 0.9]])
    placed = place_landmarks(rows((10, 20, 19, 39, 0.9)), shares)
    assert placed == pytest.approx(np.array([[9, 19, 14, 11, 17, 19, 39, 29, 21, 37]]))


def test_square_boxes_by_hand():
    squares = square_boxes(rows((10, 20, 14, 30, 0.9), (0, 0, 6, 2, 0.8)))
    assert squares == pytest.approx(rows((7, 20, 17, 30, 0.9), (0, -2, 6, 4, 0.8)))


def test_overlaps_by_hand():
    boxes = np.array([[0, 0, 4, 4], [2, 0, 6, 4], [1, 1, 3, 3], [9, 9, 10, 10]], float)
    # 16, 16, 4 and 1 large; the first two share 8, the third lies in the first and shares 2 with the second.
    union = [[1, 8 / 24, 4 / 16, 0], [8 / 24, 1, 2 / 18, 0], [4 / 16, 2 / 18, 1, 0], [0, 0, 0, 1]]
    smaller = [[1, 8 / 16, 1, 0], [8 / 16, 1, 2 / 4, 0], [1, 2 / 4, 1, 0], [0, 0, 0, 1]]
    assert pairwise_overlaps(boxes, "union") == pytest.approx(np.array(union))
    assert pairwise_overlaps(boxes, "min") == pytest.approx(np.array(smaller))


def test_non_max_suppression_by_hand():
    """Each box overlaps the next by 6 of 14; the second is dropped, and still drops the third."""
    chain = rows((0, 0, 10, 1, 0.9), (4, 0, 14, 1, 0.8), (8, 0, 18, 1, 0.7), (30, 0, 40, 1, 0.6))
    assert non_max_suppression(chain, 0.4)[:, 5].tolist() == [0.9, 0.6]
    assert non_max_suppression(chain, 0.45)[:, 5].tolist() == [0.9, 0.8, 0.7, 0.6]
    assert non_max_suppression(chain, 0.55, overlap="min")[:, 5].tolist() == [0.9, 0.6]
    other = chain.copy()
    other[[1, 3], 0] = 1
    assert non_max_suppression(other, 0.4)[:, [0, 5]].tolist() == [[0, 0.9], [0, 0.7], [1, 0.8], [1, 0.6]]
    assert non_max_suppression(np.empty((0, 6)), 0.4).shape == (0, 6)


def test_a_crop_by_hand():
    """On a ramp a crop shows where its samples lie."""
    ramp = np.broadcast_to(np.arange(9, dtype=np.float32)[None, None, :, None], (1, 9, 9, 3))
    # Left 1.8 and right 7.2 of 9 pixels stand for 1.6 and 6.4 between the first and last center.
    crop = crop_and_resize(ramp, rows((1.8, 0, 7.2, 9, 1)), 4)
    assert crop.dtype == np.float32 and crop.shape == (1, 4, 4, 3)
    assert crop[0, :, :, 0] == pytest.approx(np.tile([1.6, 3.2, 4.8, 6.4], (4, 1)), abs=1e-5)
    down = crop_and_resize(ramp.swapaxes(1, 2), rows((0, 1.8, 9, 7.2, 1)), 4)
    assert down == pytest.approx(crop.swapaxes(1, 2), abs=1e-5)


def test_outside_a_picture_a_crop_is_gray():
    ones = np.ones((2, 9, 9, 3), np.float32)
    ones[1] = 2
    crop = crop_and_resize(ones, np.array([[1, -4.5, 3, 13.5, 6, 1.0]]), 5)
    # Samples at -4, 0, 4, 8 and 12 of 0 to 8.
    assert crop[0, :, :, 1] == pytest.approx(np.tile([0, 2, 2, 2, 0], (5, 1)))


def test_pyramid_and_crops_are_those_of_tensorflows_image_operations(portraits):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("compared with TensorFlow")
    from mtcnn.utils.images import apply_scales, build_scale_pyramid, extract_patches

    picture = preprocess(cv2.resize(portraits[0].image, (213, 187)).astype(np.float32))[None]
    scales = build_scale_pyramid(213, 187, min_face_size=20, scale_factor=0.709)
    assert pyramid_scales(187, 213) == pytest.approx(scales)
    for ours, theirs in zip(build_pyramid(picture, scales), apply_scales(picture, [scales])[0], strict=True):
        assert ours == pytest.approx(theirs.numpy(), abs=1e-4)
    draws = np.random.default_rng(3).uniform(-40, 200, (50, 2))
    boxes = np.column_stack([np.zeros(50), draws, draws + np.linspace(5, 150, 50)[:, None], np.ones(50)])
    for side in (24, 48):
        theirs = extract_patches(picture, boxes, expected_size=(side, side)).numpy()
        assert crop_and_resize(picture, boxes, side) == pytest.approx(theirs, abs=1e-4)
