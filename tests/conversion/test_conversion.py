"""Converting a video, with detectors and swappers whose answers are known, and with a trained run."""

import itertools
import os
import threading
import time

import av
import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig, KerasSwapper, convert_video
from faceswap_lib.conversion.color_transfer.registry import MATCHES
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.stages.annotate import AnnotateStage
from faceswap_lib.conversion.stages.composite import CompositeStage
from faceswap_lib.conversion.stages.frame_task import FrameTask
from faceswap_lib.conversion.stages.pipeline import run_stages
from faceswap_lib.conversion.stages.swap import SwapStage
from faceswap_lib.errors import InputError
from faceswap_lib.faces import (
    CROP_SIZE,
    Face,
    TrackConfig,
    VideoTracks,
    crop_from_frame,
    face_mask,
    points_in_crop,
    view_matrix,
    warp_frame,
)
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import count_frames, probe_video, read_frames
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views
from faceswap_lib.training import load_run
from tests.fakes import (
    BrokenSwapper,
    IdentitySwapper,
    ListedDetector,
    PaintSwapper,
    encode_like,
    make_face,
    swap_frames,
)
from tests.links import require_symlinks
from tests.videos import make_video, psnr

EXACT = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")
BARE = OutputConfig(label=False)
PLAIN = {"config": EXACT, "output_config": BARE}


@pytest.fixture(scope="module")
def tracks(portrait_clips, detector) -> VideoTracks:
    """One face in all 38 frames."""
    return track_video(portrait_clips[0], detector)


@pytest.fixture(scope="module")
def faces(tracks) -> list[Face]:
    """The one face of every frame."""
    return [face for (face,) in (found.values() for found in tracks.faces)]


@pytest.fixture(scope="module")
def reencoded(portrait_clips, tmp_path_factory) -> list[np.ndarray]:
    """The first clip's frames through the codec and nothing else."""
    path = encode_like(portrait_clips[0], tmp_path_factory.mktemp("plain") / "a.mp4", read_frames(portrait_clips[0]))
    return list(read_frames(path))


def sound_of(path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def face_box(face, scale: float = 1.0) -> tuple[slice, slice]:
    left, top, right, bottom = face.box_xyxy
    x, y, w, h = (left + right) / 2, (top + bottom) / 2, (right - left) * scale, (bottom - top) * scale
    return slice(max(0, int(y - h / 2)), int(y + h / 2)), slice(max(0, int(x - w / 2)), int(x + w / 2))


@pytest.mark.parametrize("color", MATCHES)
@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_a_face_swapped_with_itself_is_the_input(portrait_clips, reencoded, tracks, faces, tmp_path, direction, color):
    """Above 38 dB before encoding; the codec takes its own share of the noise away."""
    config = ConvertConfig(direction=direction, color_transfer=color, sharpen=0)
    out = tmp_path / "out.mp4"
    report = convert_video(
        ConversionJob(source=portrait_clips[0], out=out, config=config, output_config=BARE, tracks=tracks),
        IdentitySwapper(256),
        ListedDetector([]),
    )
    assert (report.frames, report.swapped, report.mask_mean) == (38, 38, 1.0)
    frames = list(read_frames(portrait_clips[0]))
    swapped = swap_frames(frames, [(face,) for face in faces], IdentitySwapper(256), config)
    for before, (now, _), plain, after, face in zip(frames, swapped, reencoded, read_frames(out), faces, strict=True):
        box = face_box(face)
        assert psnr(now[box], before[box]) >= 38
        assert psnr(after[box], before[box]) > psnr(plain[box], before[box]) - 4
        assert psnr(after, before) > psnr(plain, before) - 1.5


def test_count_size_rate_and_sound_are_the_inputs(portrait_clips, tracks, tmp_path):
    out = tmp_path / "new folder" / "out.mp4"
    convert_video(
        ConversionJob(source=portrait_clips[0], out=out, tracks=tracks), PaintSwapper((90, 80, 70)), ListedDetector([])
    )
    before, after = probe_video(portrait_clips[0]), probe_video(out)
    assert count_frames(out) == count_frames(portrait_clips[0]) == 38
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps) == (224, 224, 25)
    assert sound_of(out) == sound_of(portrait_clips[0]) and len(sound_of(out)) > 20


def test_a_turned_video_comes_out_upright(tmp_path):
    source = make_video(tmp_path / "phone.mp4", width=96, height=160, frames=6, rotation=90)
    faces = [(make_face(48, 60, 20),)] * 6
    convert_video(
        ConversionJob(source=source, out=tmp_path / "out.mp4", **PLAIN), IdentitySwapper(), ListedDetector(faces)
    )
    info = probe_video(tmp_path / "out.mp4")
    assert (info.width, info.height, info.rotation) == (96, 160, 0)
    for before, after in zip(read_frames(source), read_frames(tmp_path / "out.mp4"), strict=True):
        assert psnr(after[:30], before[:30]) > 33


def test_frames_without_a_face_are_the_inputs_own(portrait_clips, reencoded, detector, tmp_path):
    """Ten frames in the middle show no face to the detector: they come out as if only re-encoded."""
    frames = list(read_frames(portrait_clips[0]))
    found = detector.detect(frames)
    gone = range(14, 24)
    for index in gone:
        found[index] = ()
    out = tmp_path / "out.mp4"
    report = convert_video(
        ConversionJob(source=portrait_clips[0], out=out, **PLAIN), PaintSwapper((0, 255, 0)), ListedDetector(found)
    )
    assert (report.frames, report.swapped) == (38, 28)
    for index, (after, plain) in enumerate(zip(read_frames(out), reencoded, strict=True)):
        if index in gone:
            assert psnr(after, frames[index]) > psnr(plain, frames[index]) - 2
            assert psnr(after, frames[index]) > 35
        else:
            assert psnr(after, frames[index]) < 25


def test_untouched_frames_are_handed_on_as_they_are():
    frames = [np.full((200, 200, 3), value, np.uint8) for value in range(6)]
    face = make_face(100, 80, 30)
    faces = [(), (face,), (), (), (face,), ()]
    swapped = list(swap_frames(iter(frames), faces, PaintSwapper((200, 0, 0)), EXACT))
    for frame, seen, (result, means) in zip(frames, faces, swapped, strict=True):
        if not seen:
            assert result is frame and means == []
        else:
            assert means == [1.0] and result[80, 100, 0] > 190 and result[0, 0, 0] == frame[0, 0, 0]


def test_a_color_is_painted_where_the_face_is_and_nowhere_else(portrait_clips, reencoded, tracks, faces, tmp_path):
    out = tmp_path / "out.mp4"
    swapper = PaintSwapper((0, 255, 0))
    report = convert_video(
        ConversionJob(source=portrait_clips[0], out=out, **PLAIN, tracks=tracks), swapper, ListedDetector([])
    )
    assert report.mask_mean == 1.0
    rows, columns = np.mgrid[:224, :224]
    for after, plain, face in zip(read_frames(out), reencoded, faces, strict=True):
        for x, y in np.round(face.landmarks).astype(int):
            assert after[y, x, 1] > 200 > 80 > after[y, x, 0]
        middle = face.landmarks.mean(axis=0)
        eye_distance = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
        far = np.hypot(columns - middle[0], rows - middle[1]) > 2.6 * eye_distance
        assert far.mean() > 0.1
        assert psnr(after[far], plain[far]) > 35


def test_the_mean_mask_is_reported(portrait_clips, tracks, tmp_path):
    swapper = PaintSwapper((0, 0, 0), mask=0.25)
    report = convert_video(
        ConversionJob(source=portrait_clips[0], out=tmp_path / "out.mp4", tracks=tracks), swapper, ListedDetector([])
    )
    assert report.mask_mean == pytest.approx(0.25)


def test_a_swapper_that_fails_leaves_no_file(portrait_clips, tracks, tmp_path):
    with pytest.raises(RuntimeError, match="the swapper broke"):
        convert_video(
            ConversionJob(source=portrait_clips[0], out=tmp_path / "out.mp4", tracks=tracks),
            BrokenSwapper(),
            ListedDetector([]),
        )
    assert os.listdir(tmp_path) == []


def test_a_failure_keeps_the_older_output(portrait_clips, tracks, tmp_path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"older")
    with pytest.raises(InputError, match="is already there; pass --overwrite"):
        convert_video(
            ConversionJob(source=portrait_clips[0], out=out, tracks=tracks), BrokenSwapper(), ListedDetector([])
        )
    with pytest.raises(RuntimeError, match="the swapper broke"):
        convert_video(
            ConversionJob(source=portrait_clips[0], out=out, tracks=tracks, overwrite=True),
            BrokenSwapper(),
            ListedDetector([]),
        )
    assert os.listdir(tmp_path) == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"older"


def test_the_input_is_never_overwritten(tmp_path):
    require_symlinks(tmp_path)
    source = make_video(tmp_path / "a.mp4")
    before = source.read_bytes()
    (tmp_path / "link.mp4").symlink_to(source)
    for out in (source, tmp_path / "link.mp4", tmp_path / ".." / tmp_path.name / "a.mp4"):
        with pytest.raises(InputError, match="is the input; name another place"):
            convert_video(ConversionJob(source=source, out=out), IdentitySwapper(), ListedDetector([]))
    assert source.read_bytes() == before


def stages_of(swapper):
    composite = CompositeStage(Compositor(EXACT, swapper.coverage), BARE)
    annotate = AnnotateStage(BARE, width=160, height=120, length=96)
    return [SwapStage(swapper, EXACT)], [composite, annotate]


def test_a_video_without_a_face_is_refused_before_anything_is_written(tmp_path):
    source = make_video(tmp_path / "a.mp4", frames=7)
    with pytest.raises(InputError, match="no face in any of its 7 frames"):
        convert_video(
            ConversionJob(source=source, out=tmp_path / "out.mp4"), IdentitySwapper(), ListedDetector([()] * 7)
        )
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_fixed_number_of_frames_is_on_its_way(size):
    """Three stages, each with a batch at work and one that waits; and the batch that is handed on."""
    taken = 0

    def batches():
        nonlocal taken
        for first in range(0, 96, size):
            numbers = range(first, min(first + size, 96))
            taken += len(numbers)
            yield [
                FrameTask(
                    index=number,
                    seconds=number / 25,
                    frame=np.full((120, 160, 3), number, np.uint8),
                    faces={0: make_face(80, 50, 20)},
                )
                for number in numbers
            ]

    swapper = IdentitySwapper(64)
    shots = itertools.chain.from_iterable(run_stages(batches(), *stages_of(swapper)))
    ahead = []
    for given, shot in enumerate(shots):
        assert shot.index == given == shot.output[0, 0, 0]
        time.sleep(0.002)
        ahead.append(taken - given)
    assert len(ahead) == 96 and max(ahead) <= 7 * size
    assert max(swapper.batches) == size and sum(swapper.batches) == 96


def test_an_early_end_stops_the_stages():
    def batches():
        for number in itertools.count():
            yield [FrameTask(index=number, seconds=0, frame=np.zeros((120, 160, 3), np.uint8), faces={})]

    before = threading.active_count()
    swapper = IdentitySwapper(64)
    finished = run_stages(batches(), *stages_of(swapper))
    assert [next(finished)[0].index for _ in range(5)] == [0, 1, 2, 3, 4]
    finished.close()
    assert threading.active_count() == before


def test_tracks_of_another_video_are_refused(portrait_clips, tracks, tmp_path):
    short = VideoTracks(length=20, tracks=())
    with pytest.raises(InputError, match="has 38 frames, its tracks 20"):
        convert_video(
            ConversionJob(source=portrait_clips[0], out=tmp_path / "o.mp4", tracks=short),
            IdentitySwapper(),
            ListedDetector([]),
        )
    assert os.listdir(tmp_path) == []


# Several faces -----------------------------------------------------------------------------------------------------


class NumberingSwapper(PaintSwapper):
    """Paints every face in a color of its own, in the order in which they come; remembers what it was given."""

    COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))

    def __init__(self, resolution: int = 64):
        super().__init__((0, 0, 0), resolution)
        self.views: list[np.ndarray] = []
        self.faces: list[np.ndarray] = []

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        masks, new = super().swap(views, faces)
        for picture, color in zip(new, self.COLORS[len(self.views) :], strict=False):
            picture[:] = color
        self.views += list(views)
        self.faces += list(faces)
        return masks, new


def color_at(frame: np.ndarray, point: np.ndarray) -> tuple[int, ...]:
    x, y = np.round(point).astype(int)
    return tuple(int(value) for value in frame[y, x])


def view_of(frame: np.ndarray, face: Face, size: int, coverage: float) -> np.ndarray:
    """The view that a conversion should cut."""
    return warp_frame(frame, view_matrix(crop_from_frame(face), CROP_SIZE, size, coverage), size)


def test_two_faces_in_a_frame_are_each_swapped_in_their_own_place():
    frame = np.random.default_rng(1).integers(0, 200, (240, 400, 3)).astype(np.uint8)
    left, right = make_face(100, 90, 36, angle=20), make_face(290, 110, 24, angle=-10)
    swapper = NumberingSwapper()
    swapped = swap_frames([frame, frame, frame], [(left, right), (), (right, left)], swapper, EXACT)
    (both, means), (untouched, none), (other_order, _) = swapped
    assert means == [1.0, 1.0] and untouched is frame and none == []
    red, green, blue, yellow = NumberingSwapper.COLORS
    for picture, colors in ((both, (red, green)), (other_order, (yellow, blue))):
        for face, color in zip((left, right), colors, strict=True):
            for point in face.landmarks:
                assert np.abs(np.subtract(color_at(picture, point), color)).max() <= 3
    rows, columns = np.mgrid[:240, :400]
    far = np.ones((240, 400), bool)
    for face in (left, right):
        x, y = face.landmarks.mean(axis=0)
        far &= np.hypot(columns - x, rows - y) > 2.6 * np.linalg.norm(face.landmarks[1] - face.landmarks[0])
    assert far.mean() > 0.3 and np.array_equal(both[far], frame[far])
    # Each view and the face in it are cut out and drawn by that face's own landmarks.
    for number, face in enumerate((left, right, right, left)):
        assert np.array_equal(swapper.views[number], view_of(frame, face, 64, VIEW_COVERAGE))
        points = points_in_crop(face, view_matrix(crop_from_frame(face), CROP_SIZE, 64, VIEW_COVERAGE))
        assert np.array_equal(swapper.faces[number], face_mask(points, 64, coverage=VIEW_COVERAGE))


def test_faces_that_overlap_both_show():
    frame = np.full((240, 400, 3), 90, np.uint8)
    behind, before = make_face(170, 100, 40), make_face(225, 100, 40)
    (result, means) = next(swap_frames([frame], [(behind, before)], NumberingSwapper(), EXACT))
    assert means == [1.0, 1.0]
    red, green = NumberingSwapper.COLORS[:2]
    for point in before.landmarks:  # the later one is on top
        assert np.abs(np.subtract(color_at(result, point), green)).max() <= 3
    for point in behind.landmarks[[0, 3]]:  # the left eye and mouth corner of the other one stay free
        assert np.abs(np.subtract(color_at(result, point), red)).max() <= 3
    # The view of the face on top shows the frame as it was, not the face painted before.
    swapper = NumberingSwapper()
    list(swap_frames([frame], [(behind, before)], swapper, EXACT))
    assert all(np.array_equal(view, np.full_like(view, 90)) for view in swapper.views)


def test_everybody_in_a_video_is_swapped(pair_clip, detector, tmp_path):
    everybody = track_video(pair_clip, detector, track_config=TrackConfig(subject="all"))
    assert [track.found for track in everybody.tracks] == [38, 38]
    out, color = tmp_path / "out.mp4", np.array((0, 200, 0))
    swapper = PaintSwapper(tuple(color.tolist()))
    report = convert_video(
        ConversionJob(source=pair_clip, out=out, **PLAIN, tracks=everybody), swapper, ListedDetector([])
    )
    assert (report.frames, report.swapped, report.mask_mean) == (38, 38, 1.0)
    for frame, found in zip(read_frames(out), everybody.faces, strict=True):
        assert len(found) == 2
        for face in found.values():
            for point in face.landmarks:
                assert np.abs(color_at(frame, point) - color).max() < 40
    alone = convert_video(
        ConversionJob(source=pair_clip, out=out, **PLAIN, overwrite=True), swapper, detector
    )  # only the larger face
    assert alone.swapped == 38
    for frame, found in zip(read_frames(out), everybody.faces, strict=True):
        painted = [
            max(np.abs(color_at(frame, point) - color).max() for point in face.landmarks) < 40
            for face in found.values()
        ]
        assert sum(painted) == 1


# A trained run -----------------------------------------------------------------------------------------------------


def test_a_trained_run_writes_the_person_its_direction_says(tiny_run, portrait_clips, faces):
    networks, _ = load_run(tiny_run.workspace)
    frame, face = next(iter(read_frames(portrait_clips[0]))), faces[0]
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, 64, VIEW_COVERAGE)
    view = warp_frame(frame, matrix, 64)[None]
    inside = face_mask(points_in_crop(face, matrix), 64, coverage=VIEW_COVERAGE)[None]
    results = {}
    for direction in ("a2b", "b2a"):
        swapper = KerasSwapper(networks, direction)
        assert swapper.resolution == 64
        masks, new = swapper.swap(view, inside)
        assert masks.shape == (1, 64, 64) and masks.dtype == np.float32 and 0 <= masks.min() <= masks.max() <= 1
        assert new.shape == (1, 64, 64, 3) and new.dtype == np.uint8
        seen, tones = preprocess_views(view, inside)
        mask, raw = (x.numpy() for x in networks.generate(seen, direction))
        assert masks == pytest.approx(mask[..., 0], abs=1e-5)
        assert np.abs(new.astype(int) - postprocess_faces(raw, tones)).max() <= 1
        results[direction] = new.astype(int)
    assert np.abs(results["a2b"] - results["b2a"]).mean() > 1
    with pytest.raises(ValueError, match="expected direction"):
        KerasSwapper(networks, "a2c")
