"""What a conversion writes: every kind of output, stretches, masks, pictures side by side; going on after a kill."""

import fractions
import os
import shutil
import signal

import av
import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig, OutputConfig, convert_video
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.resume import CHUNK_FRAMES
from faceswap_lib.conversion.written import LIST
from faceswap_lib.errors import InputError
from faceswap_lib.faces import FaceTrack, VideoTracks
from faceswap_lib.media import count_frames, probe_video, read_frames, read_image, read_timed_frames
from faceswap_lib.signals import Stopped, catch_signals
from tests.fakes import IdentitySwapper, ListedDetector, PaintSwapper, make_face
from tests.videos import make_video, psnr, read_index

EXACT = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")
FACE = make_face(80, 80, 20)
GREEN = PaintSwapper((0, 255, 0))


def make_clip(path, frames=20, **options):
    return make_video(path, width=160, height=160, frames=frames, fps=fractions.Fraction(25), **options)


def tracks_of(frames: int) -> VideoTracks:
    return VideoTracks(length=frames, tracks=(FaceTrack(start=0, faces=(FACE,) * frames),))


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "a.mp4", audio_seconds=0.8)


def convert(clip, out, frames=20, swapper=GREEN, **options):
    output = {name: options.pop(name) for name in list(options) if name in OutputConfig.__dataclass_fields__}
    return convert_video(
        ConversionJob(
            source=clip,
            out=out,
            config=EXACT,
            output_config=OutputConfig(**{"label": False} | output),
            tracks=tracks_of(frames),
            **options,
        ),
        swapper,
        ListedDetector([]),
    )


def is_green(frame: np.ndarray, x: int = 80, y: int = 88) -> bool:
    return frame[y, x, 1] > 200 > 80 > max(frame[y, x, 0], frame[y, x, 2])


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.m4v", "o.mkv", "o.gif", "o", "o.MP4"])
def test_every_kind_of_output_holds_every_frame(clip, tmp_path, name):
    out = tmp_path / "new" / name
    report = convert(clip, out)
    assert (report.out, report.frames, report.swapped, report.resumed_at) == (out, 20, 20, 0)
    if out.suffix:
        frames = list(read_frames(out))
    else:
        assert sorted(os.listdir(out)) == [LIST, *(f"{index:06d}.png" for index in range(20))]
        frames = [read_image(path) for path in sorted(out.glob("*.png"))]
    assert [read_index(frame) for frame in frames] == list(range(20))
    assert all(is_green(frame) for frame in frames)
    if out.suffix.lower() in (".mp4", ".mov", ".m4v", ".mkv"):
        assert probe_video(out).has_audio
    assert os.listdir(tmp_path / "new") == [name]


@pytest.mark.parametrize("name", ["o.mkv", "o"])
def test_exact_outputs_keep_every_pixel_outside_the_face(clip, tmp_path, name):
    convert(clip, tmp_path / name)
    paths = sorted((tmp_path / name).glob("*.png")) if name == "o" else None
    frames = map(read_image, paths) if paths else read_frames(tmp_path / name)
    for before, after in zip(read_frames(clip), frames, strict=True):
        assert np.array_equal(after[:, :20], before[:, :20]) and np.array_equal(after[-20:], before[-20:])


def test_quality_is_that_of_the_encoder(clip, tmp_path):
    for quality in (10, 40):
        convert(clip, tmp_path / f"{quality}.mp4", crf=quality)
    assert (tmp_path / "10.mp4").stat().st_size > 1.5 * (tmp_path / "40.mp4").stat().st_size


def test_pictures_side_by_side(clip, tmp_path):
    original = list(read_frames(clip))
    convert(clip, tmp_path / "pair.mp4", layout="pair")
    convert(clip, tmp_path / "triple.mkv", layout="triple")  # exact: no color runs from one picture into the next
    for before, pair, triple in zip(
        original, read_frames(tmp_path / "pair.mp4"), read_frames(tmp_path / "triple.mkv"), strict=True
    ):
        assert pair.shape == (160, 320, 3) and triple.shape == (160, 480, 3)
        assert psnr(pair[:, :160], before) > 32 and np.array_equal(triple[:, :160], before)
        assert is_green(pair[:, 160:]) and is_green(triple[:, 160:320])
        mask = triple[:, 320:]
        assert mask[88, 80].min() > 240 and mask[:20].max() < 16 and not np.ptp(mask, axis=2).any()


@pytest.mark.parametrize("name", ["m.mp4", "m.mkv", "m"])
def test_the_mask_is_white_where_the_new_face_shows(clip, tmp_path, name):
    swapper = PaintSwapper((0, 255, 0), mask=0.5)
    convert(clip, tmp_path / "o.mp4", swapper=swapper, mask_path=tmp_path / name)
    paths = sorted((tmp_path / name).glob("*.png")) if name == "m" else None
    masks = [read_image(path) for path in paths] if paths else list(read_frames(tmp_path / name))
    assert len(masks) == 20
    for mask in masks:
        assert mask[88, 80] == pytest.approx([128] * 3, abs=4) and mask[:20].max() <= 3
    if name == "m.mp4":
        assert not probe_video(tmp_path / name).has_audio


def test_the_label_is_on_the_result_unless_it_is_turned_off(clip, tmp_path):
    convert(clip, tmp_path / "plain.mkv", layout="pair")
    convert(clip, tmp_path / "labeled.mkv", layout="pair", label=True)
    for plain, labeled in zip(read_frames(tmp_path / "plain.mkv"), read_frames(tmp_path / "labeled.mkv"), strict=True):
        changed = (plain != labeled).any(axis=2)
        assert changed[140:, 160:260].mean() > 0.2 and not changed[:, :160].any() and not changed[:120].any()


def test_frames_without_a_face_are_labelled_too_and_the_input_is_not(clip, tmp_path):
    tracks = VideoTracks(length=20, tracks=(FaceTrack(start=10, faces=(FACE,) * 10),))
    convert_video(
        ConversionJob(
            source=clip, out=tmp_path / "o.mkv", config=EXACT, output_config=OutputConfig(layout="pair"), tracks=tracks
        ),
        GREEN,
        ListedDetector([]),
    )
    for before, after in zip(read_frames(clip), read_frames(tmp_path / "o.mkv"), strict=True):
        assert np.array_equal(after[:, :160], before)
        assert (after[140:, 160:260] != before[140:, :100]).any(axis=2).mean() > 0.2


# Stretches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "indices"),
    [(0, 0.4, range(10)), (0.4, None, range(10, 20)), (0.2, 0.6, range(5, 15)), (0.21, 0.59, range(6, 15))],
)
def test_a_stretch_and_its_sound(clip, tmp_path, start, end, indices):
    report = convert(clip, tmp_path / "o.mp4", start=start, end=end)
    found = list(read_timed_frames(tmp_path / "o.mp4"))
    assert [read_index(frame) for _, frame in found] == list(indices) and report.frames == len(indices)
    assert [time for time, _ in found] == pytest.approx(np.arange(len(indices)) / 25, abs=1e-6)
    with av.open(str(tmp_path / "o.mp4")) as container:
        times = [float(packet.pts * packet.time_base) for packet in container.demux(audio=0) if packet.size]
    assert -0.03 <= times[0] < 0.05 and len(indices) / 25 - 0.1 < times[-1] <= len(indices) / 25 + 0.01


def test_a_stretch_is_followed_by_itself(tmp_path):
    """The detector sees the frames of the stretch and no others."""
    clip = make_clip(tmp_path / "a.mp4")
    seen = []

    class Detector:
        def detect(self, frames):
            seen.extend(read_index(frame) for frame in frames)
            return [(FACE,) for _ in frames]

    convert_video(
        ConversionJob(
            source=clip,
            out=tmp_path / "o.mp4",
            config=EXACT,
            output_config=OutputConfig(start=0.2, end=0.6, label=False),
        ),
        GREEN,
        Detector(),
    )
    assert sorted(set(seen)) == list(range(5, 15))
    assert all(is_green(frame) for frame in read_frames(tmp_path / "o.mp4"))


def test_a_stretch_past_the_end_is_refused(clip, tmp_path):
    with pytest.raises(InputError, match=r"start: expected less than the video's 0.76 s, got 3"):
        convert(clip, tmp_path / "o.mp4", start=3)
    with pytest.raises(InputError, match=r"expected a range that contains a frame, got 0.21 to 0.22 s"):
        convert(clip, tmp_path / "o.mp4", start=0.21, end=0.22)
    with pytest.raises(InputError, match="end: expected more than start"):
        OutputConfig(start=2, end=1)


# What is refused ---------------------------------------------------------------------------------------------------


def test_a_format_that_cannot_be_written_is_refused(clip, tmp_path):
    with pytest.raises(InputError, match="expected an output named .mp4"):
        convert(clip, tmp_path / "o.avi")
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_a_folder_with_other_files_is_never_replaced(clip, tmp_path):
    out = tmp_path / "pictures"
    out.mkdir()
    (out / "holiday.png").write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="already there|holiday.png, which no conversion wrote"):
            convert(clip, out, overwrite=overwrite)
    assert os.listdir(out) == ["holiday.png"]


def test_a_folder_of_an_earlier_conversion_is_replaced_when_asked(clip, tmp_path):
    out = tmp_path / "pictures"
    convert(clip, out)
    with pytest.raises(InputError, match="already there"):
        convert(clip, out)
    convert(clip, out, start=0.4, overwrite=True)
    assert len(list(out.glob("*.png"))) == 10


# Going on ----------------------------------------------------------------------------------------------------------


class Dying:
    """Paints, and dies at a frame."""

    resolution, coverage = 64, GREEN.coverage

    def __init__(self, faces: int):
        self.left = faces

    def swap(self, views, faces):
        self.left -= len(views)
        if self.left < 0:
            raise KeyboardInterrupt
        return GREEN.swap(views, faces)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("long") / "a.mp4", frames=2 * CHUNK_FRAMES + 15, audio_seconds=2.0)


FRAMES = 2 * CHUNK_FRAMES + 15


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_a_killed_conversion_goes_on_and_ends_as_if_undisturbed(long_clip, tmp_path, name):
    """To the last bit of what was encoded; x264 itself does not always write the same bits twice."""
    plan = {"which": 1}
    convert(long_clip, tmp_path / "whole" / name, FRAMES, fingerprint=plan, mask_path=tmp_path / "whole" / "m.mp4")
    out, mask = tmp_path / name, tmp_path / "m.mp4"
    counts = []
    for faces in (CHUNK_FRAMES + 100, 200, FRAMES):
        try:
            swapper = Dying(faces)
            report = convert(long_clip, out, FRAMES, swapper=swapper, fingerprint=plan, mask_path=mask)
        except KeyboardInterrupt:
            assert not out.exists() and not mask.exists()
        counts.append(faces - max(swapper.left, 0))
    assert report.resumed_at == CHUNK_FRAMES and report.frames == FRAMES and counts[-1] == FRAMES - CHUNK_FRAMES
    assert sorted(os.listdir(tmp_path)) == ["m.mp4", name, "whole"]
    for made, whole in ((out, tmp_path / "whole" / name), (mask, tmp_path / "whole" / "m.mp4")):
        assert count_frames(made) == FRAMES
        for mine, theirs in zip(read_timed_frames(made), read_timed_frames(whole), strict=True):
            assert mine[0] == theirs[0]
            assert np.array_equal(mine[1], theirs[1]) if made.suffix == ".mkv" else psnr(mine[1], theirs[1]) > 40
    assert len(report.samples) == len(range(0, FRAMES, FRAMES // 48))


class Signaling(Dying):
    """Paints, and at a frame sends this process a signal."""

    def swap(self, views, faces):
        before, self.left = self.left, self.left - len(views)
        if before >= 0 > self.left:
            os.kill(os.getpid(), signal.SIGTERM)
        return GREEN.swap(views, faces)


@pytest.mark.skipif(os.name == "nt", reason="Windows knows other signals")
def test_a_signal_ends_a_conversion_and_keeps_the_finished_pieces(long_clip, tmp_path):
    out, plan = tmp_path / "o.mkv", {"which": 1}
    kept = f"stopped by SIGTERM; {CHUNK_FRAMES} of {FRAMES} frames are kept"
    with pytest.raises(Stopped, match=kept) as stopped, catch_signals():
        convert(long_clip, out, FRAMES, swapper=Signaling(CHUNK_FRAMES + 100), fingerprint=plan)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert not out.exists() and not list(tmp_path.rglob("*partial*")) and not list(tmp_path.rglob("*faceswap-lock"))
    assert convert(long_clip, out, FRAMES, fingerprint=plan).resumed_at == CHUNK_FRAMES


def test_another_plan_begins_anew(long_clip, tmp_path):
    out = tmp_path / "o.mp4"
    for plan, resumed_at in (({"which": 1}, None), ({"which": 2}, 0)):
        swapper = Dying(CHUNK_FRAMES + 100) if resumed_at is None else GREEN
        try:
            report = convert(long_clip, out, FRAMES, swapper=swapper, fingerprint=plan)
        except KeyboardInterrupt:
            continue
        assert report.resumed_at == resumed_at


def test_a_piece_cut_off_while_it_was_written_is_not_taken(long_clip, tmp_path):
    out, parts = tmp_path / "o.mp4", tmp_path / ".o.mp4.parts"
    with pytest.raises(KeyboardInterrupt):
        convert(long_clip, out, FRAMES, swapper=Dying(CHUNK_FRAMES + 100), fingerprint={"which": 1})
    assert (parts / "000000.npz").is_file() and not (parts / "000001.npz").exists()
    (parts / ".picture-000001.partial.mp4").write_bytes(b"half of one")
    kept = tmp_path / "kept"
    shutil.copytree(parts, kept)
    assert convert(long_clip, out, FRAMES, fingerprint={"which": 1}).resumed_at == CHUNK_FRAMES
    assert not parts.exists()


def test_the_first_pass_is_not_done_again(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", frames=CHUNK_FRAMES + 10)
    detector = ListedDetector([(FACE,)] * (CHUNK_FRAMES + 10))
    options = {"config": EXACT, "output_config": OutputConfig(label=False), "fingerprint": {"which": 1}}
    with pytest.raises(KeyboardInterrupt):
        convert_video(ConversionJob(source=clip, out=tmp_path / "o.mp4", **options), Dying(30), detector)
    report = convert_video(ConversionJob(source=clip, out=tmp_path / "o.mp4", **options), GREEN, ListedDetector([]))
    assert (report.swapped, report.resumed_at) == (CHUNK_FRAMES + 10, 0)


def test_finishing_comes_before_the_name(clip, tmp_path):
    out = tmp_path / "o.mp4"

    def finish(path):
        assert not out.exists() and count_frames(path) == 20
        raise OSError("no key")

    with pytest.raises(OSError, match="no key"):
        convert(clip, out, on_written=finish)
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_an_identity_network_gives_the_input_in_every_kind_of_output(clip, tmp_path):
    """38 dB and better, the codec's loss left out."""
    for layout, panels in (("result", 1), ("pair", 2), ("triple", 3)):
        out = tmp_path / f"{layout}.mkv"
        convert(clip, out, swapper=IdentitySwapper(128), layout=layout)
        for before, after in zip(read_frames(clip), read_frames(out), strict=True):
            result = after[:, 160 * min(panels - 1, 1) :][:, :160]
            assert psnr(result[50:120, 50:110], before[50:120, 50:110]) > 38
