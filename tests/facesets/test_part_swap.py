"""Training crops with another person's parts: `facesets/part_swap.py`, `facesets/appearance.py`."""

import json
import pathlib

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import Part, eye_mask, part_mask
from faceswap_lib.faces.alignment import five_points
from faceswap_lib.facesets import CropRecord, Faceset, Workspace, part_swap, write_eye_masks, write_manifest
from faceswap_lib.facesets.appearance import describe_appearances, describe_expression, describe_pose, make_thumbnail
from faceswap_lib.facesets.part_swap import paste_parts, swap_parts
from faceswap_lib.media import read_image, read_mask, write_image
from tests.faces68 import MEAN_FACE_68, template_points_68

SIZE = 256
LOWER_LIP, LOWER_LIDS = [55, 56, 57, 58, 59, 65, 66, 67], [40, 41, 46, 47]


def face_points(*, lips: float = 0.0, lids: float = 0.0, turn: float = 0.0, brows: float = 0.0) -> np.ndarray:
    """(68, 2) in a crop; the numbers move lower lip, lower lids, nose tip and brows, in eye distances."""
    points = MEAN_FACE_68.copy()
    points[LOWER_LIP, 1] += lips
    points[LOWER_LIDS, 1] += lids
    points[30, 0] += turn
    points[17:27, 1] -= brows
    return (points - MEAN_FACE_68) * 0.272 * SIZE + template_points_68(SIZE)


def draw_lips(points: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) bool, true between and on the lips."""
    hull = cv2.convexHull(np.round(points[48:68]).astype(int))
    return cv2.fillConvexPoly(np.zeros((SIZE, SIZE), np.uint8), hull, 1) > 0


def write_faceset(root: pathlib.Path, faces: list[np.ndarray], *, color: int = 120, with_68: bool = True) -> Faceset:
    """A person whose crops are of one gray with darker mouths and eyes, as `src` of a workspace."""
    workspace = Workspace(root)
    folder = workspace.faces("src")
    records = []
    for index, points in enumerate(faces):
        name = f"{index:06d}.png"
        shade = part_mask(points, SIZE, Part.EYES | Part.MOUTH)[..., None] / 255
        write_image(folder / name, np.round(color - 40 * shade).astype(np.uint8).repeat(3, axis=2))
        records.append(
            CropRecord(
                crop=name,
                frame=index,
                time=index / 25,
                box_xyxy=(40.0, 40.0, 216.0, 216.0),
                landmarks=tuple(map(tuple, five_points(points).tolist())),
                crop_from_frame=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
                score=1.0,
                sharpness=100.0,
                landmarks_68=tuple(map(tuple, points.tolist())) if with_68 else None,
            )
        )
    write_manifest(folder, records)
    write_eye_masks(workspace, "src")
    return Faceset.open(workspace, "src")


def read_origins(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "origins.jsonl").read_text().splitlines()]


MOUTHS = [{"lips": lips} for lips in (0.0, 0.1, 0.2, 0.3, 0.4)]


@pytest.fixture
def person(tmp_path) -> Faceset:
    return write_faceset(tmp_path / "person", [face_points(**mouth) for mouth in MOUTHS])


@pytest.fixture
def other(tmp_path) -> Faceset:
    """The same mouths backwards, on a lighter person with higher brows and wider eyes."""
    faces = [face_points(**mouth, brows=0.2, lids=0.08) for mouth in reversed(MOUTHS)]
    return write_faceset(tmp_path / "other", faces, color=200)


# What looks alike --------------------------------------------------------------------------------------------------


def test_the_pose_is_where_nose_and_mouth_lie_under_the_eyes():
    upright = np.array([[10.0, 20.0], [30.0, 20.0], [24.0, 32.0], [12.0, 44.0], [28.0, 46.0]])
    np.testing.assert_allclose(describe_pose(upright), [0.2, 0.6, 1.25])
    turned = upright @ np.array([[0.0, 1.0], [-1.0, 0.0]]) * 3 + [100, 7]  # a quarter turn, three times as large
    np.testing.assert_allclose(describe_pose(turned), [0.2, 0.6, 1.25])
    # The eyes of the 68 are the means of six points each, the rest is the same.
    np.testing.assert_allclose(describe_pose(face_points(turn=0.1))[0], 0.1, atol=0.01)


def test_an_expression_is_the_gaps_of_the_parts_asked_for():
    shut, open_mouth = (describe_expression(face_points(lips=lips), Part.MOUTH) for lips in (0, 0.3))
    np.testing.assert_allclose(open_mouth - shut, [0.3, 0.3, 0], atol=0.02)  # inner lips, outer lips, width
    eyes = describe_expression(face_points(lips=0.3, lids=0.1), Part.EYES)
    assert eyes[0] == 0  # the mouth is not asked for
    np.testing.assert_allclose(eyes[1:] - describe_expression(face_points(), Part.EYES)[1:], 0.1, atol=0.02)
    assert len(describe_expression(face_points(), Part.EYES | Part.EYEBROWS | Part.MOUTH)) == 9


def test_a_small_picture_knows_no_brightness_or_contrast():
    image = np.random.default_rng(0).integers(0, 100, (SIZE, SIZE, 1), np.uint8).repeat(3, axis=2)
    plain, brighter = (make_thumbnail(given, face_points(), Part.EYES) for given in (image, 2 * image + 20))
    assert plain.mean() == pytest.approx(0) and plain.std() == pytest.approx(1)
    np.testing.assert_allclose(plain, brighter, atol=0.1)
    assert np.abs(make_thumbnail(np.full_like(image, 9), face_points(), Part.MOUTH)).max() < 1e-3


def test_pose_expression_and_picture_count_alike(person, other):
    looks = describe_appearances([person, other], Part.MOUTH)
    assert [look.shape for look in looks] == [(5, 3 + 3 + 144)] * 2
    for block in (slice(3, 6), slice(6, None)):  # nobody here turns the head
        spread = np.mean([look[:, block].var(axis=0).sum() for look in looks])
        assert spread == pytest.approx(1)


def test_the_look_alike_does_the_same_whoever_it_is(person, other, tmp_path):
    """Of the five mouths the equally open one is found, though eyes, brows and colors differ."""
    swap_parts(person, other, Part.MOUTH, Workspace(tmp_path / "out"), "src", keep=False)
    origins = read_origins(tmp_path / "out" / "face_src")
    assert [origin["source"] for origin in origins] == [f"{index:06d}.png" for index in range(5)]
    assert [origin["other"] for origin in origins] == [f"{4 - index:06d}.png" for index in range(5)]
    assert max(origin["distance"] for origin in origins) < 0.1


# The faceset -------------------------------------------------------------------------------------------------------


def test_training_can_read_it_and_every_crop_says_where_it_is_from(person, other, tmp_path):
    out = Workspace(tmp_path / "out")
    report = swap_parts(person, other, Part.EYES | Part.MOUTH, out, "dst", fraction=0.6, seed=1)
    made = Faceset.open(out, "dst")
    assert report.folder == out.faces("dst")
    assert (report.swapped, report.kept, len(made)) == (3, 5, 8)
    assert 1 <= report.others <= 3 and 0 <= report.distance < 3
    arrays = made.load(64)
    assert arrays.images.shape == (8, 64, 64, 3) and arrays.eyes.any() and arrays.mouth.any()
    origins = read_origins(report.folder)
    assert [origin["crop"] for origin in origins] == [record.crop for record in made.records]
    for record, kept, origin in zip(made.records, person.records, origins, strict=False):
        assert (record, origin["source"], origin["other"], origin["parts"]) == (kept, kept.crop, None, [])
        assert (made.folder / kept.crop).read_bytes() == (person.folder / kept.crop).read_bytes()
    for record, origin in zip(made.records[5:], origins[5:], strict=True):
        assert record.crop == f"{pathlib.Path(origin['source']).stem}-eyes-mouth.jpg"
        assert origin["parts"] == ["eyes", "mouth"] and (other.folder / origin["other"]).is_file()
        before = next(kept for kept in person.records if kept.crop == origin["source"])
        assert (record.landmarks, record.frame) == (before.landmarks, before.frame)
        mask = eye_mask(record.landmarks_in_crop(), SIZE)
        assert np.array_equal(read_mask(made.masks / record.mask), mask)


def test_the_seed_says_which_crops_get_parts(person, other, tmp_path):
    drawn = []
    for number, seed in enumerate((0, 0, 1, 2)):
        out = Workspace(tmp_path / f"out{number}")
        swap_parts(person, other, Part.NOSE, out, "src", fraction=0.4, keep=False, seed=seed)
        drawn.append([origin["source"] for origin in read_origins(out.faces("src"))])
    assert all(len(sources) == 2 for sources in drawn)
    assert drawn[0] == drawn[1] and len(set(map(tuple, drawn))) > 1


def test_five_landmarks_are_enough(tmp_path, person):
    other = write_faceset(tmp_path / "five", [face_points()] * 3, color=200, with_68=False)
    report = swap_parts(person, other, Part.MOUTH, Workspace(tmp_path / "out"), "src", keep=False)
    made = Faceset.open(Workspace(tmp_path / "out"), "src")
    assert report.swapped == 5
    for record, before in zip(made.records, person.records, strict=True):
        assert record.landmarks_68 == before.landmarks_68


def test_a_finished_faceset_is_not_touched_and_a_killed_one_made_again(person, other, tmp_path, monkeypatch):
    out = Workspace(tmp_path / "out")

    def die(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(part_swap, "write_manifest", die)
        swap_parts(person, other, Part.MOUTH, out, "src")
    with pytest.raises(WorkspaceError, match="no manifest.jsonl"):
        Faceset.open(out, "src")
    assert swap_parts(person, other, Part.MOUTH, out, "src").swapped == 5
    with pytest.raises(WorkspaceError, match="holds a faceset already; name another workspace"):
        swap_parts(person, other, Part.EYES, out, "src")


def test_what_cannot_be_done_is_said(person, other, tmp_path):
    out = Workspace(tmp_path / "out")
    with pytest.raises(InputError, match="expected one or more of the parts eyes, eyebrows, nose, mouth, got none"):
        swap_parts(person, other, Part(0), out, "src")
    with pytest.raises(InputError, match="got the whole face"):
        swap_parts(person, other, Part.FACE | Part.EYES, out, "src")
    with pytest.raises(InputError, match="fraction must be between 0 and 1, got 1.5"):
        swap_parts(person, other, Part.EYES, out, "src", fraction=1.5)
    with pytest.raises(InputError, match="fraction: 0.05 of 5 crops is none; raise it"):
        swap_parts(person, other, Part.EYES, out, "src", fraction=0.05, keep=False)
    assert not out.root.exists()


# The paste ---------------------------------------------------------------------------------------------------------


def test_a_part_takes_the_light_of_the_skin_around_it():
    """Skin of 100 gets a mouth of 150 on skin of 180: 150 * 100 / 180; nothing else changes."""
    points = template_points_68(SIZE)
    image, other = np.full((SIZE, SIZE, 3), 100, np.uint8), np.full((SIZE, SIZE, 3), 180, np.uint8)
    mouth = part_mask(points, SIZE, Part.MOUTH, feather=0) > 0
    inner = part_mask(points * 0.5 + points[48:68].mean(axis=0) * 0.5, SIZE, Part.MOUTH, feather=0) > 127
    other[inner] = 150
    result, now = paste_parts(image, points, other, points, Part.MOUTH)
    x, y = np.round(points[48:68].mean(axis=0)).astype(int)
    assert np.abs(result[y, x].astype(int) - 83).max() <= 1
    far = part_mask(points, SIZE, Part.MOUTH, feather=0.15) == 0
    assert np.array_equal(result[far], image[far])
    assert np.abs(result[mouth & ~inner].astype(int) - 100).max() <= 1
    np.testing.assert_allclose(now, points)


def test_black_stays_black_between_skins_of_other_colors():
    points = template_points_68(SIZE)
    image, other = (np.full((SIZE, SIZE, 3), color, np.uint8) for color in ((230, 200, 180), (220, 130, 90)))
    other[draw_lips(points)] = (4, 2, 2)
    result, _ = paste_parts(image, points, other, points, Part.MOUTH)
    x, y = np.round(points[48:68].mean(axis=0)).astype(int)
    assert result[y, x].max() <= 5


def test_light_that_comes_from_the_side_goes_on_through_the_part():
    points = template_points_68(SIZE)
    slope = np.linspace(60, 180, SIZE)[None, :, None].repeat(SIZE, 0).repeat(3, 2).astype(np.uint8)
    result, _ = paste_parts(slope, points, np.full_like(slope, 200), points, Part.MOUTH)
    x, y = np.round(points[48:68].mean(axis=0)).astype(int)
    row = result[y, x - 20 : x + 21, 0].astype(int)
    assert np.abs(row - slope[y, x - 20 : x + 21, 0]).max() < 8
    assert row[-1] - row[0] > 8


def test_a_part_is_placed_by_its_own_landmarks():
    """The other's mouth lies elsewhere and is smaller; its eyes do not matter."""
    points = template_points_68(SIZE)
    there = points.copy()
    there[48:68] = points[48:68] * 0.8 + [30, 10]
    there[36:48] += [9, -4]
    image = np.full((SIZE, SIZE, 3), 128, np.uint8)
    other = np.full((SIZE, SIZE, 3), 128, np.uint8)
    x, y = np.round(there[57]).astype(int)
    other[y - 3 : y + 4, x - 3 : x + 4] = 10
    result, now = paste_parts(image, points, other, there, Part.MOUTH)
    np.testing.assert_allclose(now, points, atol=1e-9)
    dark = np.argwhere(result[..., 0] < 80)
    np.testing.assert_allclose(dark.mean(axis=0)[::-1], points[57], atol=1)


def test_a_smaller_part_leaves_nothing_of_the_larger_one_beside_it():
    """An open mouth gets shut lips: where it was open there is skin, and its landmarks are shut."""
    open_mouth, shut = face_points(lips=0.4), face_points()
    image = np.full((SIZE, SIZE, 3), 120, np.uint8)
    lips = draw_lips(open_mouth)
    image[lips] = 20
    result, now = paste_parts(image, open_mouth, np.full_like(image, 120), shut, Part.MOUTH)
    assert result[lips].min() > 110
    gap = np.linalg.norm(now[62] - now[66])
    assert gap < 0.4 * np.linalg.norm(open_mouth[62] - open_mouth[66])
    np.testing.assert_allclose(np.delete(now, slice(48, 68), axis=0), np.delete(open_mouth, slice(48, 68), axis=0))


def test_portraits_exchange_eyes(small_workspace, tmp_path):
    """Real pictures with five landmarks: the eyes change and the rest does not."""
    people = [Faceset.open(small_workspace, side).sample(4) for side in ("src", "dst")]
    out = Workspace(tmp_path / "out")
    assert swap_parts(*people, Part.EYES, out, "src", keep=False).swapped == 4
    for made, before in zip(Faceset.open(out, "src").records, people[0].records, strict=True):
        changed = np.abs(
            read_image(out.faces("src") / made.crop).astype(int) - read_image(people[0].folder / before.crop)
        )
        points = before.points_in_crop()
        inside = part_mask(points, SIZE, Part.EYES, feather=0) > 0
        far = part_mask(points, SIZE, Part.EYES, feather=0.4) == 0
        assert changed[inside].mean() > 8
        assert changed[far].mean() < 1.5  # what JPEG changes
