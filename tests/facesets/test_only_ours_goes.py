"""Only what this program wrote, and is still as it wrote it, is replaced or removed; what is finished is known."""

import dataclasses
import os
import pathlib
import shutil

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig, OutputConfig, convert_video
from faceswap_lib.conversion.image_conversion import convert_images
from faceswap_lib.conversion.image_outputs import ImageOutputs, finished_name
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.resume import CHUNK_FRAMES
from faceswap_lib.conversion.written import LIST, WrittenFiles
from faceswap_lib.errors import FaceswapError, InputError, WorkspaceError
from faceswap_lib.faces import FaceTrack, VideoTracks
from faceswap_lib.facesets import ExtractConfig, Workspace, extract_faces, write_eye_masks
from faceswap_lib.media import read_mask, write_image
from tests.conftest import HOPPER, contents
from tests.fakes import ListedDetector, PaintSwapper, make_face
from tests.links import require_symlinks
from tests.videos import make_video, pattern_frame

FACE = make_face(80, 80, 20)
EXACT = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")
FRAMES = 6
FIVE = ExtractConfig(landmarks="five")


def convert(clip, out, *, frames=FRAMES, **options):
    output = {name: options.pop(name) for name in list(options) if name in OutputConfig.__dataclass_fields__}
    swapper = options.pop("swapper", PaintSwapper((0, 255, 0)))
    return convert_video(
        ConversionJob(
            source=clip,
            out=out,
            config=EXACT,
            output_config=OutputConfig(label=False, **output),
            tracks=VideoTracks(length=frames, tracks=(FaceTrack(start=0, faces=(FACE,) * frames),)),
            **options,
        ),
        swapper,
        ListedDetector([]),
    )


@pytest.fixture
def clip(tmp_path):
    return make_video(tmp_path / "a.mp4", width=160, height=160, frames=FRAMES)


# A folder of PNG files ---------------------------------------------------------------------------------------------


def test_ones_own_numbered_picture_is_not_ours(clip, tmp_path):
    out = tmp_path / "o"
    write_image(out / "000000.png", pattern_frame(0))
    mine = contents(out)
    for overwrite in (False, True):
        with pytest.raises(InputError, match="already there|000000.png, which no conversion wrote"):
            convert(clip, out, overwrite=overwrite)
    assert contents(out) == mine


def test_a_picture_of_ours_that_was_changed_is_not_ours_any_more(clip, tmp_path):
    out = tmp_path / "o"
    convert(clip, out)
    write_image(out / "000003.png", pattern_frame(0))
    painted = contents(out)
    with pytest.raises(InputError, match="000003.png, which no conversion wrote, or which was changed since"):
        convert(clip, out, overwrite=True)
    assert contents(out) == painted


@pytest.mark.parametrize("begun", ["empty", "ours", "new"])
def test_what_is_put_into_the_folder_meanwhile_stays(clip, tmp_path, caplog, begun):
    out = tmp_path / "o"
    if begun == "ours":
        convert(clip, out, layout="pair")
    elif begun == "empty":
        out.mkdir()

    def put(unfinished: pathlib.Path) -> None:
        (out / "sub").mkdir(parents=True)
        for name in ("holiday.png", "sub/letter.txt"):
            (out / name).write_bytes(b"mine")

    convert(clip, out, overwrite=True, on_written=put)
    after = contents(out)
    assert after.pop("holiday.png") == after.pop("sub/letter.txt") == b"mine"
    assert sorted(after) == [LIST, *(f"{index:06d}.png" for index in range(FRAMES))]
    assert "holiday.png and 1 more was not written by a conversion, and stays" in caplog.text
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "o"]
    with pytest.raises(InputError, match="holiday.png and 1 more, which no conversion wrote"):
        convert(clip, out, overwrite=True)


def test_a_picture_of_the_same_name_put_there_meanwhile_stops_it_and_nothing_is_lost(clip, tmp_path):
    out = tmp_path / "o"

    def put(unfinished: pathlib.Path) -> None:
        out.mkdir()
        (out / "000001.png").write_bytes(b"mine")

    with pytest.raises(
        FaceswapError, match="000001.png, put there or changed during the conversion; move it elsewhere"
    ):
        convert(clip, out, on_written=put, fingerprint={"which": 1})
    assert contents(out) == {"000001.png": b"mine"}
    shutil.rmtree(out)
    assert convert(clip, out, fingerprint={"which": 1}).resumed_at == FRAMES
    assert len(contents(out)) == FRAMES + 1


def test_a_folder_named_with_a_dot_is_taken_if_it_is_there(clip, tmp_path):
    (tmp_path / "frames.v2").mkdir()
    convert(clip, tmp_path / "frames.v2")
    assert len(list((tmp_path / "frames.v2").glob("*.png"))) == FRAMES
    with pytest.raises(InputError, match="expected an output named .mp4"):
        convert(clip, tmp_path / "frames.v3")


def test_the_list_is_read_as_a_stranger_may_have_written_it(tmp_path):
    (tmp_path / "mine.png").write_bytes(b"mine")
    for text in ("", "{}", "[]\n", "{" * 100_000, '{"file": "mine.png", "bytes": true, "sha256": "", "made_of": ""}\n'):
        (tmp_path / LIST).write_text(text)
        assert not WrittenFiles(tmp_path).is_ours(tmp_path / "mine.png")
    written = WrittenFiles(tmp_path)
    (tmp_path / LIST).write_bytes(b'{"file": "cut off')
    written = WrittenFiles(tmp_path)
    written.add(tmp_path / "mine.png", "mine.png")
    assert WrittenFiles(tmp_path).is_ours(tmp_path / "mine.png")
    (tmp_path / LIST).unlink()
    require_symlinks(tmp_path)
    (tmp_path / LIST).symlink_to("mine.png")
    with pytest.raises(WorkspaceError, match="expected a file, got something else"):
        WrittenFiles(tmp_path)


# Pieces ------------------------------------------------------------------------------------------------------------


def test_files_of_others_among_the_pieces_stay(clip, tmp_path, caplog):
    parts = tmp_path / ".o.mkv.parts"
    parts.mkdir()
    (parts / "notes.txt").write_bytes(b"mine")
    convert(clip, tmp_path / "o.mkv")
    assert contents(parts) == {"notes.txt": b"mine"}
    assert "notes.txt, which no conversion wrote" in caplog.text


def test_a_damaged_piece_is_made_again(tmp_path, caplog):
    frames = CHUNK_FRAMES + 3
    clip = make_video(tmp_path / "a.mp4", width=64, height=48, frames=frames)

    def fail(path: pathlib.Path) -> None:
        raise OSError("no key")

    with pytest.raises(OSError, match="no key"):
        convert(clip, tmp_path / "o.mkv", frames=frames, fingerprint={"which": 1}, on_written=fail)
    piece = tmp_path / ".o.mkv.parts" / "000001.npz"
    data = piece.read_bytes()
    piece.write_bytes(data[:-40] + bytes(40))
    assert convert(clip, tmp_path / "o.mkv", frames=frames, fingerprint={"which": 1}).resumed_at == CHUNK_FRAMES
    assert "000001.npz is damaged" in caplog.text


def test_a_kill_between_two_outputs_is_gone_on_with(clip, tmp_path, monkeypatch):
    """The mask has its name already, the picture has not."""
    options = {"mask_path": tmp_path / "m.mkv", "fingerprint": {"which": 1}}

    def die(path: pathlib.Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(clip, tmp_path / "o.mkv", on_written=die, **options)
    assert (tmp_path / "m.mkv").is_file() and not (tmp_path / "o.mkv").exists()
    mask = (tmp_path / "m.mkv").stat().st_mtime_ns
    with pytest.raises(InputError, match="m.mkv is already there"):
        convert(clip, tmp_path / "o.mkv", **options | {"fingerprint": {"which": 2}})
    assert convert(clip, tmp_path / "o.mkv", **options).resumed_at == FRAMES
    assert (tmp_path / "m.mkv").stat().st_mtime_ns == mask


# Pictures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    for index, name in enumerate(("a.png", "b.png", "b.jpg")):
        write_image(tmp_path / "in" / name, pattern_frame(index, 160, 160))
    return tmp_path / "in"


def convert_pictures(source, out, count=3, **options):
    output = OutputConfig(label=False, mask_path=options.pop("mask_path", None), layout=options.pop("layout", "result"))
    faces = ListedDetector([(FACE,)] * count)
    return convert_images(
        ConversionJob(source=source, out=out, config=EXACT, output_config=output, **options),
        PaintSwapper((0, 255, 0)),
        faces,
    )


def test_pictures_that_were_not_signed_are_not_finished(pictures, tmp_path):
    out, signed = tmp_path / "out.v2", []

    def sign(path: pathlib.Path) -> None:
        if len(signed) == 1:
            raise FaceswapError("the key cannot be kept")
        signed.append(finished_name(path))

    with pytest.raises(FaceswapError, match="the key cannot be kept"):
        convert_pictures(pictures, out, on_written=sign)
    assert sorted(os.listdir(out)) == [LIST, "a.png"]
    signed.clear()
    report = convert_pictures(pictures, out, 2, on_written=lambda path: signed.append(finished_name(path)))
    assert (report.frames, report.resumed_at) == (2, 1) and signed == ["b.jpg", "b.png"]
    assert sorted(os.listdir(out)) == [LIST, "a.png", "b.jpg", "b.png"]


def test_pictures_of_another_run_or_option_or_input_are_not_finished(pictures, tmp_path):
    out = tmp_path / "out"
    convert_pictures(pictures, out, fingerprint={"step": 1})
    first = contents(out)
    for options in ({"fingerprint": {"step": 2}}, {"fingerprint": {"step": 1}, "layout": "pair"}):
        with pytest.raises(InputError, match="a.png and 2 more, already there from another run, with other options"):
            convert_pictures(pictures, out, **options)
    assert contents(out) == first
    assert convert_pictures(pictures, out, 0, fingerprint={"step": 1}).resumed_at == 3
    write_image(pictures / "b.png", pattern_frame(9, 160, 160))
    with pytest.raises(InputError, match="b.png, already there"):
        convert_pictures(pictures, out, fingerprint={"step": 1})
    assert convert_pictures(pictures, out, fingerprint={"step": 2}, overwrite=True).frames == 3
    assert contents(out).keys() == first.keys() and contents(out)["b.png"] != first["b.png"]


def test_files_of_others_in_the_folder_of_pictures_stay(pictures, tmp_path):
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "notes.txt").write_bytes(b"mine")
    convert_pictures(pictures, out)
    convert_pictures(pictures, out, overwrite=True)
    assert (out / "notes.txt").read_bytes() == b"mine" and (out / "sub").is_dir()
    write_image(out / "b.jpg", pattern_frame(0))
    before = contents(out)
    with pytest.raises(InputError, match="b.jpg, which no conversion wrote, or which was changed since"):
        convert_pictures(pictures, out, overwrite=True)
    assert contents(out) == before


def test_masks_of_pictures_that_share_a_stem_are_apart(pictures, tmp_path):
    convert_pictures(pictures, tmp_path / "out", mask_path=tmp_path / "masks")
    assert sorted(os.listdir(tmp_path / "masks")) == [LIST, "a.png", "b.jpg.png", "b.png.png"]


def test_two_pictures_are_never_written_as_one(pictures, tmp_path):
    for name in ("c.bmp", "c.bmp.png"):
        shutil.copy(pictures / "a.png", pictures / name)
    with pytest.raises(InputError, match=r"c.bmp.png is the picture of c.bmp; name another place"):
        ImageOutputs(pictures, sorted(pictures.iterdir()), tmp_path / "out")


# Facesets ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(blurred_clip, tmp_path) -> Workspace:
    """16 crops, their masks, and what was saved to look at; among them files of the user."""
    workspace = Workspace(tmp_path / "w")
    saving = dataclasses.replace(FIVE, save_faces=True)
    extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=saving)
    write_eye_masks(workspace, "src")
    for name in MINE:
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_bytes(b"mine")
    return workspace


MINE = (
    *("face_src/holiday.jpg", "face_src/notes.txt", "face_src/sub/000000.jpg", "face_src/set_aside/letter.txt"),
    *("binary_masks/face_src_eyes/sketch.png", "faces/raw_faces/cat.jpg", "faces/list.txt"),
)


def extract_again(clip, workspace, **options):
    config = dataclasses.replace(FIVE, **({"frame_stride": 2} | options))
    return extract_faces(clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=config, overwrite=True)


def is_mine_there(workspace: Workspace) -> bool:
    return all((workspace.root / name).read_bytes() == b"mine" for name in MINE)


@pytest.mark.parametrize("saves", [False, True])
def test_extracting_again_leaves_the_files_of_others(blurred_clip, workspace, caplog, saves):
    assert extract_again(blurred_clip, workspace, save_faces=saves).crops == 8
    assert is_mine_there(workspace)
    assert len(list(workspace.faces("src").glob("0*.jpg"))) == 8
    assert len(list((workspace.root / "faces" / "raw_faces").glob("0*.jpg"))) == (8 if saves else 16)
    assert not list(workspace.eye_masks("src").glob("0*.png"))
    assert f"{workspace.faces('src')}: 6 files or folders that no extraction wrote stay there" in caplog.text


def test_too_few_faces_remove_only_what_was_written(blurred_clip, workspace):
    with pytest.raises(InputError, match="at least 17 are needed"):
        extract_again(blurred_clip, workspace, frame_stride=1, min_crops=17)
    assert is_mine_there(workspace) and not list(workspace.faces("src").glob("0*.jpg"))


def test_a_file_in_the_way_is_said_before_the_search(blurred_clip, workspace):
    mine = workspace.faces("src") / "000777.jpg"
    mine.write_bytes(b"mine")
    before = contents(workspace.root)
    with pytest.raises(
        WorkspaceError, match="000777.jpg was not written by this faceset's extraction and is in its way"
    ):
        extract_faces(blurred_clip, workspace, "src", ListedDetector([]), config=FIVE, overwrite=True)
    assert contents(workspace.root) == before


def test_masks_drawn_by_hand_are_not_removed(blurred_clip, workspace):
    path = workspace.eye_masks("src") / "000002.png"
    drawn = read_mask(path)
    drawn[:60] = 255
    write_image(path, drawn)
    before = contents(workspace.root)
    with pytest.raises(WorkspaceError, match="000002.png and 0 more masks were changed by hand"):
        extract_again(blurred_clip, workspace)
    assert contents(workspace.root) == before and np.array_equal(read_mask(path), drawn)


@pytest.mark.parametrize("name", ["face_src", "binary_masks/face_src_eyes", "face_src/set_aside"])
def test_nothing_is_removed_or_written_through_a_link(blurred_clip, workspace, tmp_path, name):
    require_symlinks(tmp_path)
    place, pictures = workspace.root / name, tmp_path / "my pictures"
    shutil.move(place, tmp_path / "away")
    shutil.copytree(tmp_path / "away", pictures)
    place.symlink_to(pictures, target_is_directory=True)
    before = contents(pictures)
    with pytest.raises(WorkspaceError, match=f"{place.name} is a link to"):
        extract_again(blurred_clip, workspace)
    if name != "face_src/set_aside":
        with pytest.raises(WorkspaceError, match=f"{place.name} is a link to"):
            write_eye_masks(workspace, "src")
    assert contents(pictures) == before and place.is_symlink()


def test_a_removal_that_was_killed_is_finished_by_the_next_call(blurred_clip, workspace, monkeypatch):
    unlink, left = pathlib.Path.unlink, [9]

    def unlink_or_die(path: pathlib.Path, **options) -> None:
        left[0] -= path.suffix == ".jpg"
        if left[0] < 0 and path.suffix == ".jpg":
            raise KeyboardInterrupt
        unlink(path, **options)

    monkeypatch.setattr(pathlib.Path, "unlink", unlink_or_die)
    with pytest.raises(KeyboardInterrupt):
        extract_again(blurred_clip, workspace)
    monkeypatch.undo()
    assert extract_again(blurred_clip, workspace).crops == 8
    assert is_mine_there(workspace) and len(list(workspace.faces("src").glob("0*.jpg"))) == 8


def test_two_extractions_of_one_side_are_one_too_many(blurred_clip, tmp_path):
    from faceswap_lib.locks import hold

    workspace = Workspace(tmp_path / "w")
    with (
        hold(workspace.faces("src"), what="an extraction"),
        pytest.raises(WorkspaceError, match="is in use by process"),
    ):
        extract_faces(blurred_clip, workspace, "src", ListedDetector([]), config=FIVE)
