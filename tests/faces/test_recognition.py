"""dlib's recognition network in Keras: against loops that compute it pixel by pixel, and against dlib itself."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing

import cv2
import keras
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError
from faceswap_lib.faces import FaceCrop, align_face, recognition
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector, find_model_file
from faceswap_lib.faces.mtcnn_networks import CpuNetwork
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.faces.recognition_network import (
    Architecture,
    Convolution,
    ConvolutionWeights,
    RecognitionWeights,
    build_recognition_network,
    preprocess,
)
from faceswap_lib.faces.recognition_weights import NETWORK_FILE
from faceswap_lib.media import read_frames
from tests.conftest import ROOT, annotated_face
from tests.dlib_files import SMALL, random_weights

needs_dlib = pytest.mark.skipif(DlibEmbedder.unavailable_reason() is not None, reason="dlib is not installed")

ELSEWHERE = """
import json
import keras
import numpy as np
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.faces import align_face
from faceswap_lib.faces.recognition import DlibEmbedder
from tests.conftest import annotated_face
from tests.faces.test_recognition import SMALL, compute, draw_pictures
found = {"backend": keras.backend.backend(), "small": compute(draw_pictures(5)).tolist()}
if DlibEmbedder.unavailable_reason() is None:
    crops = [align_face(portrait.image, annotated_face(portrait)) for portrait in load_portraits()]
    found["portraits"] = DlibEmbedder().embed(crops).tolist()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def embedder() -> DlibEmbedder:
    return DlibEmbedder()


@pytest.fixture(scope="module")
def crops(portraits) -> list[FaceCrop]:
    """Both portraits upright, tilted, mirrored, dark, in several sizes, and near the border of the picture."""
    made = []
    for portrait in portraits:
        face = annotated_face(portrait)
        made += [align_face(portrait.image, face), align_face(portrait.image, face, 512)]
        for angle, scale, shift in ((25, 1, 0), (-30, 0.8, 30), (10, 1.3, -60)):
            made.append(turn(align_face(portrait.image, face), angle, scale, shift))
        small = align_face(portrait.image, face, 96)
        made.append(FaceCrop(image=small.image // 4, landmarks=small.landmarks, crop_from_frame=np.eye(2, 3)))
        mirrored = align_face(portrait.image, face)
        points = mirrored.landmarks[[1, 0, 2, 4, 3]] * [-1, 1] + [255, 0]
        made.append(FaceCrop(image=mirrored.image[:, ::-1], landmarks=points, crop_from_frame=np.eye(2, 3)))
    return made


def turn(crop: FaceCrop, angle: float, scale: float, shift: float) -> FaceCrop:
    """Turns, scales and shifts the face in a crop of 256 pixels."""
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), angle, scale)
    matrix[:, 2] += shift
    image = cv2.warpAffine(crop.image, matrix, (256, 256))
    points = crop.landmarks @ matrix[:, :2].T + matrix[:, 2]
    return FaceCrop(image=image, landmarks=points, crop_from_frame=np.eye(2, 3))


# The network, in loops -------------------------------------------------------------------------------------------


def convolve(image: np.ndarray, shape: Convolution, weights: ConvolutionWeights) -> np.ndarray:
    """A convolution with zeros around (C, H, W), and the affine layer behind it."""
    padded = np.pad(image, ((0, 0), *2 * ((shape.padding, shape.padding),)))
    count = (padded.shape[1] - shape.kernel) // shape.stride + 1
    out = np.empty((shape.channels, count, count))
    for row in range(count):
        for column in range(count):
            top, left = row * shape.stride, column * shape.stride
            window = padded[:, top : top + shape.kernel, left : left + shape.kernel]
            for channel in range(shape.channels):
                out[channel, row, column] = (window * weights.kernel[channel]).sum() + weights.bias[channel]
    return out * weights.factor[:, None, None] + weights.offset[:, None, None]


def pool(image: np.ndarray, window: int, reduce: typing.Callable) -> np.ndarray:
    """Pooling with stride 2; windows that reach over the border are left out."""
    count = (image.shape[1] - window) // 2 + 1
    out = np.empty((len(image), count, count))
    for row in range(count):
        for column in range(count):
            out[:, row, column] = reduce(image[:, 2 * row : 2 * row + window, 2 * column : 2 * column + window], (1, 2))
    return out


def compute_in_loops(picture: np.ndarray, architecture: Architecture, weights: RecognitionWeights) -> np.ndarray:
    """The embedding of one normalized (S, S, 3) picture; also checks that a block had sums of different sizes."""
    left, sizes = iter(weights.convolutions), []
    x = convolve(picture.transpose(2, 0, 1), architecture.stem_convolution, next(left)).clip(0)
    x = pool(x, 3, np.max)
    for block, (first, second) in zip(architecture.blocks, architecture.block_convolutions(), strict=True):
        y = convolve(convolve(x, first, next(left)).clip(0), second, next(left))
        x = pool(x, 2, np.mean) if block.halves else x
        sizes.append((x.shape, y.shape))
        total = np.zeros([max(pair) for pair in zip(x.shape, y.shape, strict=True)])
        for part in (x, y):
            total[: part.shape[0], : part.shape[1], : part.shape[2]] += part
        x = total.clip(0)
    assert ((6, 4, 4), (9, 3, 3)) in sizes
    return x.mean((1, 2)) @ weights.projection


def draw_pictures(count: int) -> np.ndarray:
    """Random pictures of the small network's size, uint8."""
    return np.random.default_rng(5).integers(0, 256, (count, SMALL.side, SMALL.side, 3), np.uint8)


def compute(pictures: np.ndarray) -> np.ndarray:
    """What the small network computes in Keras."""
    network = CpuNetwork(
        lambda dtype: build_recognition_network(random_weights(SMALL), architecture=SMALL, dtype=dtype), singly=True
    )
    (embeddings,) = network(preprocess(pictures))
    return embeddings


def test_the_network_computes_what_loops_compute():
    pictures = draw_pictures(2)
    found = compute(pictures)
    assert found.shape == (2, 5) and found.dtype == np.float32
    for picture, embedding in zip(pictures, found, strict=True):
        normalized = (picture - np.array([122.782, 117.001, 104.298])) / 256
        wanted = compute_in_loops(normalized, SMALL, random_weights(SMALL))
        assert np.abs(wanted).max() > 0.1 and embedding == pytest.approx(wanted, abs=1e-5)


def test_nothing_of_the_network_is_trained():
    model = build_recognition_network(random_weights(SMALL), architecture=SMALL)
    assert not model.trainable_variables and len(model.weights) == 2 * 9 + 1


# Against dlib ----------------------------------------------------------------------------------------------------


def embed_with_dlib(crops: typing.Sequence[FaceCrop]) -> np.ndarray:
    """What dlib's own program computes, one crop after the other."""
    import dlib as untyped_dlib

    dlib = typing.cast(typing.Any, untyped_dlib)
    network = dlib.face_recognition_model_v1(str(find_model_file(NETWORK_FILE)))
    embeddings = []
    for crop, points in zip(crops, DlibLandmarkDetector().detect(crops), strict=True):
        side = len(crop.image)
        parts = [dlib.point(round(x), round(y)) for x, y in points.tolist()]
        shape = dlib.full_object_detection(dlib.rectangle(0, 0, side - 1, side - 1), parts)
        embeddings.append(network.compute_face_descriptor(np.ascontiguousarray(crop.image), shape))
    return np.array(embeddings)


@needs_dlib
def test_embeddings_are_those_of_dlib(embedder, crops):
    found = embedder.embed(crops)
    assert found.shape == (len(crops), 128) and found.dtype == np.float64
    assert found == pytest.approx(embed_with_dlib(crops), abs=1e-5)
    assert np.linalg.norm(found[0] - found[len(crops) // 2]) > DlibEmbedder.same_person  # two people


@needs_dlib
@pytest.mark.clips
def test_embeddings_of_real_clips_are_those_of_dlib(embedder, detector, real_clips):
    found = []
    for name in ("d3.mp4", "d9.mp4", "s18.mp4"):
        for frame in read_frames(real_clips / name, start=0, stop=160, step=40):
            found += [align_face(frame, face) for face in detector.detect(frame)]
    assert len(found) > 9
    assert embedder.embed(found) == pytest.approx(embed_with_dlib(found), abs=1e-5)


@needs_dlib
def test_an_embedding_does_not_depend_on_the_other_crops(embedder, crops, monkeypatch):
    together = embedder.embed(crops)
    assert embedder.embed(crops[::-1])[::-1] == pytest.approx(together, abs=1e-5)
    assert np.concatenate([embedder.embed([crop]) for crop in crops]) == pytest.approx(together, abs=1e-5)
    sizes, cut = [], embedder._cut_chips
    monkeypatch.setattr(recognition, "BATCH", 4)  # so that memory is bounded
    monkeypatch.setattr(embedder, "_cut_chips", lambda batch: [sizes.append(len(batch)), cut(batch)][1])
    assert embedder.embed(crops) == pytest.approx(together, abs=1e-5)
    assert sizes == [4, 4, 4, 2]


@needs_dlib
def test_no_crops_have_no_embeddings(embedder):
    assert embedder.embed([]).shape == (0, 128)


@needs_dlib
def test_the_network_computes_in_float32_whatever_keras_is_set_to(embedder, crops):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = DlibEmbedder().embed(crops[:2])
    finally:
        keras.config.set_dtype_policy(before)
    assert found == pytest.approx(embedder.embed(crops[:2]), abs=1e-5)


@needs_dlib
def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    path = find_model_file(NETWORK_FILE)
    assert path is not None
    damaged = pathlib.Path(shutil.copy(path, tmp_path))
    with damaged.open("r+b") as file:
        file.seek(20_000)
        file.write(b"damage")
    monkeypatch.setattr(recognition, "find_model_file", lambda name: damaged)
    with pytest.raises(CheckpointError, match="expected SHA-256 .*pip install"):
        DlibEmbedder()


@pytest.mark.parity
@pytest.mark.parametrize(
    "backend", [name for name in ("jax", "tensorflow", "torch") if name != keras.backend.backend()]
)
def test_every_backend_computes_the_same(backend, portraits):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", ELSEWHERE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == backend
    assert np.array(found["small"]) == pytest.approx(compute(draw_pictures(5)), abs=1e-5)
    if "portraits" in found:
        wanted = DlibEmbedder().embed([align_face(one.image, annotated_face(one)) for one in portraits])
        assert np.array(found["portraits"]) == pytest.approx(wanted, abs=1e-5)
