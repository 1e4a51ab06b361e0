"""Facesets that do not fit into memory are trained from a file, with the same result as from memory."""

import dataclasses
import os
import shutil

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace, pack_faceset
from faceswap_lib.facesets.crop_cache import CROP_CACHE, open_crop_rows, remove_crop_rows
from faceswap_lib.facesets.pack import remove_packed
from faceswap_lib.media import read_mask, write_image
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training import LoopConfig, TrainConfig, train, trainer
from tests.conftest import read_arrays

NETWORKS = NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none", face_region="ellipse")
CONFIG = TrainConfig(steps=6, batch_size=2, warmup_steps=2, seed=3)
LOOP = LoopConfig(log_every=1, checkpoint_every=3, preview_every=0, preview_interval="")
STREAMED = dataclasses.replace(LOOP, faceset_memory=1e-6)
SIZE = NETWORKS.stored_size


def train_small(workspace: Workspace, run: str, loop: LoopConfig, **options):
    train(workspace, run=run, network_config=NETWORKS, config=CONFIG, run_config=loop, **options)
    arrays = read_arrays(workspace.run(run), CONFIG.steps)
    del arrays["seconds"]
    return arrays


@pytest.fixture(scope="module")
def whole(small_workspace, tmp_path_factory) -> dict[str, np.ndarray]:
    """The weights at the end of a training from memory."""
    copy = shutil.copytree(small_workspace.root, tmp_path_factory.mktemp("whole") / "workspace")
    return train_small(Workspace(copy), "memory", LOOP)


@pytest.fixture
def faceset(workspace_copy) -> Faceset:
    return Faceset.open(workspace_copy, "src")


def test_rows_are_the_arrays_of_a_loaded_faceset(faceset, tmp_path):
    arrays, rows = faceset.load(SIZE), open_crop_rows(faceset, tmp_path, SIZE)
    index = np.array([5, 0, 37, 5])
    read = rows.read(index)
    assert read.shape == (4, SIZE, SIZE, 6) and np.array_equal(read[..., :3], arrays.images[index])
    for channel, mask in enumerate((arrays.eyes, arrays.mouth, arrays.face), 3):
        assert np.array_equal(read[..., channel], mask[index])
    assert np.array_equal(rows.rarity, arrays.rarity) and len(rows) == 38
    sample = rows.sample(4)
    assert np.array_equal(sample.images, arrays.sample(4).images)
    assert np.array_equal(sample.face, arrays.sample(4).face) and sample.visible is None


def test_rows_have_the_visible_parts_where_there_are_occlusion_masks(workspace_copy, faceset, tmp_path):
    hidden = np.full((256, 256), 255, np.uint8)
    hidden[:, :128] = 0
    write_image(workspace_copy.occlusion_masks("src") / faceset.records[2].mask, hidden)
    arrays, rows = faceset.load(SIZE), open_crop_rows(faceset, tmp_path, SIZE)
    read = rows.read(np.array([2, 3]))
    assert arrays.visible is not None and read.shape[-1] == 7
    assert np.array_equal(read[..., 6], arrays.visible[2:4]) and np.array_equal(read[..., 5], arrays.face[2:4])
    assert not read[0, :, : SIZE // 2 - 2, 5].any() and read[1, ..., 6].all()


def test_rows_are_made_once(faceset, tmp_path, monkeypatch):
    open_crop_rows(faceset, tmp_path, SIZE).close()
    monkeypatch.setattr(Faceset, "measure_rarity", lambda self: pytest.fail("made again"))
    assert len(open_crop_rows(faceset, tmp_path, SIZE)) == 38


@pytest.mark.parametrize("what", ["crop", "mask", "size", "rows cut off", "notes damaged", "notes missing", "records"])
def test_rows_of_other_crops_are_made_again(workspace_copy, faceset, tmp_path, what):
    open_crop_rows(faceset, tmp_path, SIZE).close()
    rows, notes, size = tmp_path / "face_src.rows", tmp_path / "face_src.npz", SIZE
    if what == "crop":
        shutil.copyfile(faceset.folder / faceset.records[9].crop, faceset.folder / faceset.records[4].crop)
    elif what == "mask":
        path = faceset.masks / faceset.records[4].mask
        write_image(path, 255 - read_mask(path))
    elif what == "size":
        size = 2 * SIZE
    elif what == "rows cut off":
        os.truncate(rows, rows.stat().st_size - 1)
    elif what == "notes damaged":
        notes.write_bytes(b"PK")
    elif what == "notes missing":
        notes.unlink()
    else:
        faceset = dataclasses.replace(faceset, records=faceset.records[::-1])
    again, arrays = open_crop_rows(faceset, tmp_path, size), faceset.load(size)
    read = again.read(np.array([4]))
    assert np.array_equal(read[0, ..., :3], arrays.images[4]) and np.array_equal(read[0, ..., 3], arrays.eyes[4])


def test_a_damaged_row_is_never_trained_on(faceset, tmp_path):
    rows = open_crop_rows(faceset, tmp_path, SIZE)
    with rows.path.open("r+b") as file:
        file.seek(3 * SIZE * SIZE * 6 + 100)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    rows.read(np.array([2, 4]))
    with pytest.raises(WorkspaceError, match=r"crop 3 is damaged; remove it, and run the same command again"):
        rows.read(np.array([2, 3]))
    os.truncate(rows.path, 100)
    with pytest.raises(WorkspaceError, match="cut off"):
        rows.read(np.array([2]))


def test_only_its_own_files_are_removed(faceset, tmp_path):
    folder = tmp_path / "cache"
    open_crop_rows(faceset, folder, SIZE).close()
    (folder / "mine.txt").write_text("x")
    remove_crop_rows(folder, "face_dst")
    assert (folder / "face_src.rows").is_file()
    remove_crop_rows(folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_training_from_a_file_ends_with_the_same_weights(whole, workspace_copy):
    streamed = train_small(workspace_copy, "file", STREAMED)
    assert whole.keys() == streamed.keys() and len(whole) > 20
    assert all(np.array_equal(whole[name], streamed[name]) for name in whole)


def test_one_person_may_be_in_memory_and_the_other_in_a_file(whole, workspace_copy, monkeypatch):
    monkeypatch.setattr(trainer, "choose_streamed", lambda facesets, size, limit: (False, True))
    mixed = train_small(workspace_copy, "mixed", LOOP)
    assert all(np.array_equal(whole[name], mixed[name]) for name in whole)


def test_a_stopped_training_from_a_file_resumes_to_the_same_weights(whole, workspace_copy):
    taken = []
    stopping = {"on_log": lambda step, terms: taken.append(step), "should_stop": lambda: len(taken) >= 3}
    train(workspace_copy, run="parts", network_config=NETWORKS, config=CONFIG, run_config=STREAMED, **stopping)
    cache = workspace_copy.run("parts") / CROP_CACHE
    assert 3 <= len(taken) < CONFIG.steps
    assert sorted(path.name for path in cache.iterdir()) == [
        *("face_dst.npz", "face_dst.rows", "face_src.npz", "face_src.rows")
    ]
    resumed = train_small(workspace_copy, "parts", STREAMED)
    assert all(np.array_equal(whole[name], resumed[name]) for name in resumed)
    assert not cache.exists()


def test_crops_that_fit_again_need_no_file_any_more(workspace_copy):
    taken = []
    stopping = {"on_log": lambda step, terms: taken.append(step), "should_stop": lambda: len(taken) >= 2}
    train(workspace_copy, run="r", network_config=NETWORKS, config=CONFIG, run_config=STREAMED, **stopping)
    cache = workspace_copy.run("r") / CROP_CACHE
    assert cache.is_dir()
    taken.clear()
    train(workspace_copy, run="r", network_config=NETWORKS, config=CONFIG, run_config=LOOP, **stopping)
    assert not cache.exists()


@pytest.mark.parametrize("loop", [LOOP, STREAMED], ids=["memory", "file"])
def test_a_training_from_a_pack_ends_with_the_same_weights(whole, workspace_copy, loop):
    for side in ("src", "dst"):
        remove_packed(workspace_copy, side, pack_faceset(workspace_copy, side).path)
    assert not list(workspace_copy.faces("src").glob("*.jpg"))
    packed = train_small(workspace_copy, "pack", loop)
    assert all(np.array_equal(whole[name], packed[name]) for name in whole)
