"""Frames of a reenacted photo: made in threads, in order, and as many as the motion has."""

import pathlib
import threading

import cv2
import numpy as np
import pytest

from faceswap_lib.faces import CROP_SIZE, align_face
from faceswap_lib.reenactment import frames as frames_module
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.frames import BATCH, FrameMaker
from faceswap_lib.reenactment.photo import Photo
from faceswap_lib.reenactment.retargeting import Retargeted
from tests.conftest import annotated_face
from tests.reenactment.faces import irises_of, open_mouth, portrait_crop

COUNT = 2 * BATCH + 3


@pytest.fixture(scope="module")
def photo(portraits) -> Photo:
    portrait = portraits[0]
    _, shape = portrait_crop(portrait)
    crop = align_face(portrait.image, annotated_face(portrait))
    return Photo(path=pathlib.Path("photo.png"), image=portrait.image, crop=crop, shape=shape)


@pytest.fixture(scope="module")
def motion(photo) -> Retargeted:
    """A mouth that opens, in a head that moves to the left."""
    shapes = []
    for index in range(COUNT):
        points = open_mouth(photo.shape.points, 0.4 * index)
        shapes.append(FaceShape(points=points, irises=irises_of(points)))
    matrices = np.stack([photo.crop.crop_from_frame] * COUNT)
    matrices[:, 0, 2] += np.arange(COUNT)
    return Retargeted(shapes=tuple(shapes), crop_from_output=matrices, held=0, reference=0)


class NumberRenderer:
    """Renders a picture whose gray is the opening of the mouth."""

    def __init__(self):
        self.batches, self.threads = [], set()

    def render(self, shapes):
        self.batches.append(len(shapes))
        self.threads.add(threading.get_ident())
        gaps = shapes.points[:, 66, 1] - shapes.points[:, 62, 1]
        return np.round(gaps)[:, None, None, None].astype(np.uint8) + np.zeros((1, 64, 64, 3), np.uint8)


def maker_of(photo, monkeypatch, renderer, config) -> FrameMaker:
    maker = FrameMaker(photo, None, config)
    monkeypatch.setattr(maker, "_renderer", renderer)
    return maker


def test_frames_come_in_the_order_of_the_motion_from_batches_of_the_networks(photo, motion, monkeypatch):
    renderer = NumberRenderer()
    maker = maker_of(photo, monkeypatch, renderer, FrameConfig(fusion="none", background="crop"))
    made = list(maker.frames(motion))
    gaps = [shape.points[66, 1] - shape.points[62, 1] for shape in motion.shapes]
    assert [frame[100, 100, 0] for frame in made] == [round(gap) for gap in gaps]
    assert renderer.batches == [BATCH, BATCH, 3] and threading.get_ident() not in renderer.threads


@pytest.mark.parametrize("background", ["move", "keep"])
def test_threads_make_the_same_frames_as_one_after_the_other(photo, motion, monkeypatch, background):
    maker = FrameMaker(photo, None, FrameConfig(background=background))
    together = list(maker.frames(motion))
    alone = FrameMaker(photo, None, FrameConfig(background=background))
    monkeypatch.setattr(frames_module, "map_in_threads", map)
    for index in (0, 7, COUNT - 1):
        one = Retargeted(
            shapes=motion.shapes[index : index + 1],
            crop_from_output=motion.crop_from_output[index : index + 1],
            held=0,
            reference=0,
        )
        (frame,) = alone.frames(one)
        np.testing.assert_array_equal(frame, together[index])


def test_frames_that_are_near_the_photo_show_it_and_are_counted(photo, motion, monkeypatch):
    config = FrameConfig(fusion="none", background="crop", copy_below=0.5)
    maker = maker_of(photo, monkeypatch, NumberRenderer(), config)
    made = list(maker.frames(motion))
    eyes = np.stack([photo.shape.points[eye].mean(axis=0) for eye in (slice(36, 42), slice(42, 48))])
    unit = np.linalg.norm(eyes[1] - eyes[0])
    moved = [100 * np.linalg.norm(s.points - photo.shape.points, axis=1).mean() / unit for s in motion.shapes]
    shows_photo = [np.array_equal(frame, photo.crop.image) for frame in made]
    assert shows_photo == [distance < 0.5 for distance in moved]
    assert maker.copied == sum(shows_photo) > 0


def test_a_network_picture_becomes_a_crop_of_the_usual_side(photo, motion, monkeypatch):
    maker = maker_of(photo, monkeypatch, NumberRenderer(), FrameConfig(fusion="none"))
    (crop,) = maker.crops(motion.shapes[5:6])
    assert crop.shape == (CROP_SIZE, CROP_SIZE, 3)
    fused = maker_of(photo, monkeypatch, NumberRenderer(), FrameConfig()).crops(motion.shapes[5:6])[0]
    cheek = tuple(np.round(photo.shape.points[[1, 31]].mean(axis=0)).astype(int)[::-1])
    blurred = cv2.GaussianBlur(photo.crop.image, (0, 0), 3)
    assert np.abs(fused[cheek].astype(int) - blurred[cheek]).max() < 60, "the skin is the photo's"
    assert np.abs(crop[cheek].astype(int) - blurred[cheek]).max() > 60
