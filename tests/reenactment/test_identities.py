"""A folder of many people in VoxCeleb's layout: aligned once, stored, and trained on from disk."""

import collections
import shutil

import numpy as np
import pytest

from faceswap_lib.arrays import read_arrays
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.reenactment import identities as module
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.crops import hold_out
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.identities import load_identities
from faceswap_lib.reenactment.identity_extraction import IdentityCrop, read_pictures
from faceswap_lib.reenactment.identity_folders import open_identities
from faceswap_lib.reenactment.identity_store import read_notes, rows_path, write_identity
from faceswap_lib.reenactment.pair_sampling import PairSampler
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.training import train_reenactment
from faceswap_lib.training import LoopConfig
from tests.reenactment.faces import irises_of, points_68

needs_mesh = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")

SIZE = 80


def make_crop(number: int, person: int) -> IdentityCrop:
    """A crop whose pixels and shape tell its number and its person."""
    points = points_68() + number / 10
    return IdentityCrop(
        image=np.full((SIZE, SIZE, 3), [person, number, 7], np.uint8),
        head=np.full((SIZE, SIZE), 200, np.uint8),
        shape=FaceShape(points=points, irises=irises_of(points), yaw=person),
        tier=number % 3,
        frame=2 * number,
    )


def fill_store(folder, counts: tuple[int, ...]) -> tuple[Workspace, object]:
    """A folder of people without pictures that can be read, and a workspace with the crops of so many of each."""
    for person in range(len(counts)):
        write_file(folder / "vox" / f"id{person}" / "v" / "1.jpg", b"not read")
    people, workspace = open_identities(folder / "vox"), Workspace(folder / "w")
    for number, (person, count) in enumerate(zip(people.people, counts, strict=True)):
        key = module._key_of(person, "counting", 50)
        crops = [make_crop(crop, number) for crop in range(count)]
        skipped = collections.Counter({"unreadable": 1})
        write_identity(workspace.root / "identities" / "vox", person.name, key, SIZE, crops, skipped)
    return workspace, people


def write_file(path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class NoDetector:
    """Stands for the networks that made the stored crops; nothing may be detected again."""

    name = "counting"

    def detect(self, crops):
        raise AssertionError("detected again")


def load(workspace, people, size: int = SIZE):
    return load_identities(people, workspace, size, crops_per_person=50, shape_detector=NoDetector())


def test_people_are_folders_and_their_files_are_found_below(tmp_path):
    for name in ("b/v1/1.jpg", "b/v2/u/2.PNG", "b/v2/1.mp4", "a/x.jpeg", "a/notes.txt", ".hidden/1.jpg", "empty/x.txt"):
        write_file(tmp_path / name, b"x")
    people = open_identities(tmp_path)
    assert [(person.name, person.images, person.clips) for person in people.people] == [("a", 1, 0), ("b", 2, 1)]
    before = people.digest
    write_file(tmp_path / "a" / "y.jpg", b"x")
    assert open_identities(tmp_path).digest != before, "another file is another folder for consents"


def test_a_folder_of_photos_is_one_person(tmp_path):
    for name in ("me/1.jpg", "me/2.jpg"):
        write_file(tmp_path / name, b"x")
    (only,) = open_identities(tmp_path / "me").people
    assert (only.name, only.images) == ("me", 2)


def test_folders_without_people_are_refused(tmp_path):
    with pytest.raises(InputError, match="one folder per person"):
        open_identities(tmp_path / "missing")
    write_file(tmp_path / "a" / "notes.txt", b"x")
    with pytest.raises(InputError, match=r"PERSON/VIDEO/0001\.jpg"):
        open_identities(tmp_path)


def test_pictures_are_spread_over_images_and_clips(tmp_path, portrait_clips):
    for number in range(9):
        write_image(tmp_path / "v" / f"{number}.png", np.full((40, 40, 3), 20 * number, np.uint8))
    skipped = collections.Counter()
    assert [picture[0, 0, 0] for picture in read_pictures(tmp_path, 3, skipped)] == [0, 80, 160]
    shutil.copy(portrait_clips[0], tmp_path / "clip.mp4")
    write_file(tmp_path / "v" / "broken.mp4", b"x")
    write_file(tmp_path / "v" / "9.png", b"x")
    pictures = list(read_pictures(tmp_path, 8, skipped))
    sides = [len(picture) for picture in pictures]
    assert sides == [40, 40, 40, 224, 224] and skipped == {"unreadable": 2}
    first, second = pictures[3:]
    frames = list(read_frames(portrait_clips[0]))
    assert (first == frames[0]).all() and (second == frames[len(frames) // 2]).all()


def test_stored_crops_come_back_as_they_were(tmp_path):
    people = load(*fill_store(tmp_path, (3, 1, 4)))
    assert people.names == ("id0", "id2"), "one crop is no pair"
    assert people.person.tolist() == [0, 0, 0, 1, 1, 1, 1] and people.frames.tolist() == [0, 2, 4, 0, 2, 4, 6]
    found = people.read(np.array([5, 1]))
    assert found.images[:, 3, 5].tolist() == [[2, 2, 7], [0, 1, 7]]
    assert found.heads.min() == found.heads.max() == 200 and found.shapes.yaw.tolist() == [2, 0]
    assert found.shapes.points == pytest.approx(np.stack([points_68() + 0.2, points_68() + 0.1]), abs=1e-3)
    assert people.outlines[1] == pytest.approx(points_68()[:17] + 0.15, abs=1e-3)
    smaller = load(Workspace(tmp_path / "w"), open_identities(tmp_path / "vox"), 40)
    assert smaller.read(np.array([5])).images.shape == (1, 40, 40, 3)


def test_selections_read_the_same_crops(tmp_path):
    people = load(*fill_store(tmp_path, (10, 5)))
    trained, held = hold_out(people, 0.2)
    assert held.frames.tolist() == [16, 18, 8]
    assert held.read(np.arange(3)).images[:, 0, 0, 1].tolist() == [8, 9, 4]
    (only,) = {*trained.keep_people(np.array([1])).names}
    assert only == "id1" and trained.keep_people(np.array([1])).read(np.array([0])).images[0, 0, 0, 0] == 1


def test_damage_is_noticed(tmp_path):
    workspace, folder = fill_store(tmp_path, (3, 3))
    people, store = load(workspace, folder), workspace.root / "identities" / "vox"
    path = rows_path(store, "id1")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(WorkspaceError, match="crop 0 is damaged"):
        people.read(np.array([3]))
    path.write_bytes(data[:-5])
    key = module._key_of(folder.people[1], "counting", 50)
    assert read_notes(store, "id1", key, SIZE) is None, "cut off: it is made again"
    assert read_notes(store, "id0", "another key", SIZE) is None
    assert read_notes(store, "id0", module._key_of(folder.people[0], "counting", 50), SIZE + 1) is None, "too small"


def test_views_of_crops_on_disk_are_those_of_crops_in_memory(tmp_path):
    import keras

    from faceswap_lib.reenactment.pair_views import DeviceCrops, to_device, view_pairs
    from faceswap_lib.training.loss_model import Batch

    people = load(*fill_store(tmp_path, (5, 4)))
    whole = people.read(np.arange(len(people)))
    memory = ReenactmentDataset(
        names=people.names, person=people.person, frames=people.frames, rarity=people.rarity, **vars(whole)
    )
    sources, targets, config = np.array([0, 6]), np.array([3, 8]), ReenactmentTrainConfig(batch_size=2)
    (crops_a, shapes_a), (crops_b, shapes_b) = people.read_packed(sources), people.read_packed(targets)
    batch = Batch(
        index_a=sources, index_b=targets, crops_a=crops_a, crops_b=crops_b, shapes_a=shapes_a, shapes_b=shapes_b
    )
    batch = Batch(**{name: keras.ops.convert_to_tensor(array) for name, array in batch.arrays().items()})
    views = [
        view_pairs(to_device(each), sources, targets, config, 64, keras.random.SeedGenerator(1), crops=crops)
        for each, crops in ((memory, None), (people, DeviceCrops.of_batch(batch)))
    ]
    for name in ("source", "target", "person", "source_heads", "target_heads"):
        one, other = (keras.ops.convert_to_numpy(getattr(each, name)) for each in views)
        assert np.array_equal(one, other), name
    one, other = (keras.ops.convert_to_numpy(each.target_shapes.points) for each in views)
    assert np.array_equal(one, other)


def test_pairs_of_many_people_are_drawn_without_looking_at_all_crops(tmp_path):
    """Each pair is of one person, and every person is drawn."""
    people = load(*fill_store(tmp_path, (2,) * 12))
    sources, targets = PairSampler(people, 0.5).draw(500, (1, 2))
    assert (people.person[sources] == people.person[targets]).all()
    assert set(people.person[sources].tolist()) == set(range(12))


@pytest.fixture(scope="module")
def vox(portrait_clips, tmp_path_factory):
    """Two people as images and as a clip, and a person of whom no face is found."""
    root = tmp_path_factory.mktemp("dataset") / "vox"
    for number, frame in enumerate(read_frames(portrait_clips[0], step=6)):
        write_image(root / "id1" / "video" / f"{number:07d}.jpg", frame)
    (root / "id2" / "video").mkdir(parents=True)
    shutil.copy(portrait_clips[1], root / "id2" / "video" / "00001.mp4")
    write_image(root / "id3" / "video" / "1.jpg", np.full((90, 90, 3), 120, np.uint8))
    write_file(root / "id1" / "video" / "broken.jpg", b"x")
    return root


TINY = ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity="tiny")
QUICK = "keypoints=0 adversarial=0 identity=0"
OPTIONS = ReenactmentTrainConfig(steps=6, batch_size=2, warmup_steps=2, perceptual="none", loss_weights=QUICK)
QUIET = LoopConfig(log_every=1, checkpoint_interval="", preview_interval="")


def train(workspace: Workspace, folder, **options):
    return train_reenactment(
        [workspace],
        network_config=TINY,
        config=OPTIONS,
        run_config=QUIET,
        identities=open_identities(folder),
        crops_per_person=7,
        **options,
    )


@needs_mesh
def test_a_training_from_disk_aligns_once_and_resumes_with_the_same_bytes(vox, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO")
    whole, parts = Workspace(tmp_path / "whole"), Workspace(tmp_path / "parts")
    assert train(whole, vox).step == 6
    assert "3 people with 13 crops; skipped pictures: 1 unreadable, 1 without a face" in caplog.text
    assert "1 people are left out" in caplog.text
    shutil.copytree(whole.root / "identities", parts.root / "identities")
    monkeypatch.setattr(module, "IdentityExtractor", None)  # nothing is aligned again
    train(parts, vox, should_stop=iter([False, False, True]).__next__)
    assert train(parts, vox).resumed_at == 3
    one, other = (read_arrays(each.run("reenactment") / "checkpoints" / "step-00000006.npz") for each in (whole, parts))
    assert [
        name for name in one if name not in ("seconds", "digest") and not np.array_equal(one[name], other[name])
    ] == []


@needs_mesh
def test_a_run_keeps_to_its_kind_of_people(vox, tmp_path, workspace_copy):
    workspace = Workspace(tmp_path)
    train(workspace, vox)
    with pytest.raises(WorkspaceError, match="trained on the people in vox"):
        shutil.copytree(workspace_copy.faces("src"), workspace.faces("src"))
        shutil.copytree(workspace_copy.eye_masks("src"), workspace.eye_masks("src"))
        train_reenactment([workspace], network_config=TINY, config=OPTIONS, run_config=QUIET)
    with pytest.raises(InputError, match="expected one workspace, got 2"):
        train_reenactment([workspace, workspace_copy], identities=open_identities(vox))
