"""Crops stored larger than the networks read: how large they come out, that all else stays what it was, and that old
facesets stay valid."""

import dataclasses
import json

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.faces.alignment import resize_matrix, warp_frame
from faceswap_lib.facesets import ExtractConfig, Faceset, Workspace, extract_faces
from faceswap_lib.facesets.crop_writer import LARGEST_CROP, natural_crop_size
from faceswap_lib.facesets.eye_masks import write_eye_masks
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.media import read_image
from tests.conftest import HOPPER
from tests.fakes import ListedDetector, make_face
from tests.videos import psnr

FIVE = ExtractConfig(landmarks="five", min_sharpness=0)


def extract_at(crop_size: int, clip, root) -> Faceset:
    workspace, config = Workspace(root), dataclasses.replace(FIVE, crop_size=crop_size)
    extract_faces(clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=config)
    write_eye_masks(workspace, "src")
    return Faceset.open(workspace, "src")


@pytest.fixture(scope="module")
def both(blurred_clip, tmp_path_factory) -> tuple[Faceset, Faceset]:
    """The same faces at 256 and at 512 pixels."""
    folder = tmp_path_factory.mktemp("sizes")
    return extract_at(256, blurred_clip, folder / "small"), extract_at(512, blurred_clip, folder / "large")


def test_crops_are_as_large_as_the_faces_within_bounds():
    sides = [natural_crop_size([make_face(300, 300, distance)] * 5) for distance in (20, 69, 90, 120, 400)]
    assert sides == [256, 256, 384, 448, LARGEST_CROP]
    mixed = [make_face(300, 300, 30)] * 3 + [make_face(300, 300, 110)] * 4
    assert natural_crop_size(mixed) == 448 and natural_crop_size([]) == CROP_SIZE


def test_only_the_pictures_are_larger(both, clip_frames):
    """Landmarks, masks and what networks read are the same; the picture shows the same place more finely."""
    small, large = both
    assert large.records == small.records
    for one, other in zip(small.read_crops(stored_size=True), large.read_crops(stored_size=True), strict=True):
        assert one.image.shape == (256, 256, 3) and other.image.shape == (512, 512, 3)
        assert np.allclose((other.landmarks + 0.5) / 2 - 0.5, one.landmarks)
        again = warp_frame(clip_frames[0], resize_matrix(np.array(small.records[0].crop_from_frame), 2), 512)
    assert psnr(large.read_crops(stored_size=True)[0].image, again) > 34
    for one, other in zip(small.read_crops(), large.read_crops(), strict=True):
        assert other.image.shape == (256, 256, 3) and np.allclose(one.landmarks, other.landmarks)
        assert psnr(other.image, one.image) > 34
    arrays, others = small.load(160), large.load(160)
    for name in ("eyes", "mouth", "face"):
        assert np.array_equal(getattr(arrays, name), getattr(others, name))
    assert psnr(others.images, arrays.images) > 36
    assert np.array_equal(arrays.rarity, others.rarity)


def test_crop_sizes_out_of_range_are_refused():
    for size in (1, 255, 1025, -256):
        with pytest.raises(InputError, match="crop_size"):
            ExtractConfig(crop_size=size)


def test_a_faceset_from_before_there_were_sizes_is_still_the_same(blurred_clip, tmp_path):
    """Its source.json does not know the option; it is taken as it is, whatever size is asked for."""
    faceset = extract_at(0, blurred_clip, tmp_path)
    path = faceset.folder / "source.json"
    source = json.loads(path.read_text())
    assert source["extract"].pop("crop_size") == 0
    path.write_text(json.dumps(source))
    again = extract_faces(
        blurred_clip,
        Workspace(tmp_path),
        "src",
        ListedDetector([]),
        config=dataclasses.replace(FIVE, crop_size=512),
    )
    assert again.written == 0 and again.crops == len(read_manifest(faceset.folder))
    assert read_image(faceset.folder / faceset.records[0].crop).shape == (256, 256, 3)


def test_sharpness_is_measured_alike_at_every_size(both):
    for one, other in zip(*(faceset.records for faceset in both), strict=True):
        assert one.sharpness == other.sharpness
