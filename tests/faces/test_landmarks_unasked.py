"""2D-FAN fetches nothing unasked: with a stand-in for the package, so that it is tested where it is not installed."""

import hashlib
import pathlib
import sys
import types

import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces.landmarks import LANDMARK_DETECTORS, available_landmarks, open_landmark_detector
from faceswap_lib.faces.weight_sums import note_path, read_note

BEGIN = hashlib.sha256(b"weights").hexdigest()[:10]

URL = f"https://weights.example/2DFAN4-{BEGIN}.pth.tar"


class Network:
    """Takes any weights."""

    def load_state_dict(self, weights: dict) -> None:
        self.weights = weights

    def to(self, device: str) -> "Network":
        return self

    def eval(self) -> "Network":
        return self


@pytest.fixture
def weights(tmp_path, monkeypatch) -> pathlib.Path:
    """Where the stand-in keeps its weights; it notes, in `fetched` beside them, that its own loader was used."""
    path = tmp_path / "hub" / "checkpoints" / f"2DFAN4-{BEGIN}.pth.tar"

    def load(file: pathlib.Path, *, map_location: str, weights_only: bool) -> dict:
        assert weights_only
        if pathlib.Path(file).read_bytes() != b"weights":
            raise RuntimeError("unexpected end of file\nand more")
        return {"one": 1}

    def fetch(*arguments: object, **options: object) -> types.SimpleNamespace:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
        (tmp_path / "fetched").touch()
        return types.SimpleNamespace(face_alignment_net=Network())

    torch = types.SimpleNamespace(
        cuda=types.SimpleNamespace(is_available=lambda: False),
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: False)),
        load=load,
    )
    api = types.ModuleType("face_alignment.api")
    vars(api).update(torch=torch, flip=None, FAN=lambda modules: Network(), FaceAlignment=fetch)
    vars(api).update(get_dir=lambda: str(tmp_path / "hub"), models_urls={"2DFAN-4": URL})
    vars(api).update(LandmarksType=types.SimpleNamespace(TWO_D=1))
    package = types.ModuleType("face_alignment")
    package.api = api
    monkeypatch.setitem(sys.modules, "face_alignment", package)
    monkeypatch.setitem(sys.modules, "face_alignment.api", api)
    return path


def test_without_its_file_it_is_unavailable_and_says_how_to_get_it(weights, tmp_path):
    reason = available_landmarks()["face-alignment"]
    assert str(weights) in reason and f"download {URL}" in reason
    assert "faceswap weights fetch fan" in reason
    with pytest.raises(InputError) as caught:
        open_landmark_detector("face-alignment")
    assert str(caught.value) == reason
    assert open_landmark_detector("auto").name in set(LANDMARK_DETECTORS) - {"face-alignment"}
    assert not list(tmp_path.iterdir())


def test_with_its_file_it_is_taken_without_the_packages_loader(weights, tmp_path):
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    assert available_landmarks()["face-alignment"] is None
    assert open_landmark_detector("auto").name == "face-alignment"
    assert not (tmp_path / "fetched").exists()
    assert read_note(weights).startswith(BEGIN)


def test_a_file_that_was_exchanged_after_its_first_use_is_refused(weights, monkeypatch):
    """Before PyTorch opens it, whatever the name says of its sum. The sum of a damaged file is not noted."""
    monkeypatch.setattr("faceswap_lib.faces.landmarks_fan.sum_in_name", lambda name: "")
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"other")
    with pytest.raises(CheckpointError, match=r"cannot be loaded \(unexpected end of file\); remove it and run"):
        open_landmark_detector("face-alignment")
    assert not note_path(weights).exists()
    weights.write_bytes(b"weights")
    assert open_landmark_detector("face-alignment").name == "face-alignment"
    weights.write_bytes(b"other")
    with pytest.raises(CheckpointError, match=f"expected SHA-256 {hashlib.sha256(b'weights').hexdigest()}, got"):
        open_landmark_detector("face-alignment")


@pytest.mark.parametrize("data", [b"", b"half", b"<!DOCTYPE html>"])
@pytest.mark.parametrize("backend", ["face-alignment", "auto"])
def test_a_damaged_file_is_named_stays_and_is_not_passed_over(weights, tmp_path, data, backend):
    weights.parent.mkdir(parents=True)
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"expected a SHA-256 that begins with {BEGIN}, got .*fetch the file"):
        open_landmark_detector(backend)
    assert weights.read_bytes() == data and not (tmp_path / "fetched").exists()
