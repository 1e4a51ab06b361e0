"""Head masks: what is segmented, and that it is computed once."""

import numpy as np
import pytest

from faceswap_lib.facesets import Faceset
from faceswap_lib.reenactment import head_masks
from faceswap_lib.reenactment import people as people_module
from faceswap_lib.reenactment.crops import hold_out
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.head_masks import HEADS, SIDE, read_heads, segment_head
from faceswap_lib.reenactment.people import load_people, open_people
from tests.reenactment.faces import between, points_68, portrait_crop
from tests.reenactment.test_avatar import LandmarksAsShapes


def painted_head(hair: tuple[int, int, int] = (60, 40, 30)) -> tuple[np.ndarray, FaceShape, np.ndarray]:
    """A face with hair above it and a neck below it, in front of a blue wall; with its shape and the true head."""
    points = points_68()
    rows, columns = np.mgrid[:256, :256]
    middle = points[36:48].mean(axis=0)
    skull = ((columns - middle[0]) / 88) ** 2 + ((rows - middle[1]) / 100) ** 2 < 1
    hair_part = skull & (rows < middle[1] - 25)
    face = between(np.concatenate([points[:17], [[points[16, 0], middle[1] - 30], [points[0, 0], middle[1] - 30]]]))
    neck = (np.abs(columns - middle[0]) < 45) & (rows > points[8, 1] - 20) & ~face
    image = np.full((256, 256, 3), (60, 90, 200), np.uint8)
    image[neck] = (150, 110, 90)
    image[hair_part] = hair
    image[face & ~hair_part] = (210, 160, 130)
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), FaceShape(points=points), (face | hair_part) & ~neck


def test_face_and_hair_are_segmented_without_neck_and_wall():
    image, shape, truth = painted_head()
    mask = segment_head(image, shape)
    assert mask.shape == (256, 256) and mask.dtype == np.uint8
    found = mask > 127
    overlap = (found & truth).sum() / (found | truth).sum()
    assert overlap > 0.9
    chin = round(shape.points[8, 1])
    assert mask[chin + 12 :, 100:156].max() == 0, "the neck"
    assert mask[:, :8].max() == 0 and mask[:, -8:].max() == 0, "the wall"


def test_the_same_picture_has_the_same_mask_at_every_size():
    image, shape, _ = painted_head()
    first = segment_head(image, shape)
    assert np.array_equal(segment_head(image, shape), first)
    small = segment_head(image, shape, size=64)
    assert small.shape == (64, 64)
    assert np.abs(small.astype(int) - first.reshape(64, 4, 64, 4).mean(axis=(1, 3))).mean() < 4


def test_portraits_have_heads_around_their_faces(portraits):
    for portrait in portraits:
        image, shape = portrait_crop(portrait)
        mask = segment_head(image, shape)
        assert mask[between(0.8 * shape.points[:17] + 0.2 * shape.points[30])].min() > 200
        assert 0.25 < (mask > 127).mean() < 0.75


def test_a_face_that_fills_the_picture_is_all_head():
    points = points_68()
    shape = FaceShape(points=128 + 3.5 * (points - points[27:36].mean(axis=0)))
    assert segment_head(painted_head()[0], shape).min() > 200


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    calls = []

    def count(*arguments, **options):
        calls.append(1)
        return segment_head(*arguments, **options)

    monkeypatch.setattr(head_masks, "segment_head", count)
    return calls


def test_masks_are_computed_once_and_again_if_the_file_is_damaged_or_of_other_crops(workspace_copy, counted):
    faceset = Faceset.open(workspace_copy, "src").part(0, 4)
    shapes = [*LandmarksAsShapes().detect(faceset.read_crops()[:3]), None]
    masks = read_heads(faceset, shapes, "five")
    assert masks.shape == (4, SIDE, SIDE) and masks[3].max() == 0 and len(counted) == 3
    assert np.array_equal(read_heads(faceset, shapes, "five"), masks) and len(counted) == 3
    (faceset.folder / HEADS).write_bytes((faceset.folder / HEADS).read_bytes()[:-100])
    assert np.array_equal(read_heads(faceset, shapes, "five"), masks) and len(counted) == 6
    read_heads(faceset, shapes, "other")
    assert len(counted) == 9
    read_heads(faceset.part(0, 3), shapes[:3], "other")
    assert len(counted) == 12


def test_people_have_heads_only_if_they_are_asked(workspace_copy, monkeypatch):
    monkeypatch.setattr(people_module, "open_shape_detector", LandmarksAsShapes)
    facesets = {name: faceset.part(0, 4) for name, faceset in open_people([workspace_copy]).items()}
    assert load_people(facesets, 80).heads is None
    people = load_people(facesets, 80, heads=True)
    assert people.heads is not None and people.heads.shape == (8, 80, 80)
    kept, held = hold_out(people, 0.5)
    assert kept.heads is not None and held.heads is not None
    assert np.array_equal(kept.heads, people.heads[[0, 1, 4, 5]]) and len(held.heads) == 4
