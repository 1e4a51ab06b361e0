"""Charts, differences and pages, each on a case with a known answer."""

import re

import numpy as np
import pytest

from faceswap_lib.evaluation import Page, compare_videos, draw_losses
from faceswap_lib.evaluation.aggregate import _ratio
from faceswap_lib.evaluation.html_report import _axis_label
from faceswap_lib.faces import Face, FaceTrack, VideoTracks

FACE = Face(box_xyxy=[60, 40, 140, 150], score=0.99, landmarks=[[85, 80], [115, 80], [100, 98], [88, 115], [112, 115]])


def tracks_of(*people: tuple[Face | None, ...]) -> VideoTracks:
    """Tracks through six frames, from the first one on."""
    return VideoTracks(length=6, tracks=tuple(FaceTrack(start=0, faces=faces) for faces in people))


def history(steps: int) -> list[dict[str, float]]:
    terms = ("reconstruction", "dssim", "edges", "mask_mean")
    return [{"step": n, **{f"{t}_{s}": 1 / n for t in terms for s in "ab"}} for n in range(10, 10 * steps + 1, 10)]


def write_frames(path, frames):
    from fractions import Fraction

    from faceswap_lib.media import VideoWriter

    height, width = frames[0].shape[:2]
    with VideoWriter(path, width=width, height=height, fps=Fraction(25), crf=0) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture
def gray_clip(tmp_path):
    return write_frames(tmp_path / "gray.mp4", [np.full((200, 200, 3), 100, np.uint8)] * 6)


def test_a_copy_differs_nowhere(gray_clip):
    difference = compare_videos(gray_clip, gray_clip, tracks_of((FACE,) * 6), every=2)
    assert difference.frames == 3 and difference.face_change == 0 and difference.background_psnr > 100


def test_a_change_is_counted_where_it_is(gray_clip, tmp_path):
    """A patch in the middle of the face changes the face, a stripe at the edge changes the background."""
    face, edge = (np.full((200, 200, 3), 100, np.uint8) for _ in range(2))
    face[60:130, 70:130] = 140
    edge[:10] = 140
    tracks = tracks_of((FACE,) * 6)
    changed = compare_videos(gray_clip, write_frames(tmp_path / "face.mp4", [face] * 6), tracks)
    assert changed.face_change > 15 and changed.background_psnr > 45
    changed = compare_videos(gray_clip, write_frames(tmp_path / "edge.mp4", [edge] * 6), tracks)
    assert changed.face_change < 1 and changed.background_psnr < 30


def test_frames_without_a_face_are_not_compared(gray_clip):
    seen_twice = tracks_of((None, FACE, None, FACE))
    assert compare_videos(gray_clip, gray_clip, seen_twice, every=1).frames == 2
    assert compare_videos(gray_clip, gray_clip, seen_twice, every=3).frames == 1


def test_with_two_faces_a_change_of_either_is_the_faces(gray_clip, tmp_path):
    """And no longer the background's, as it is when only the other face is known."""
    second = Face(box_xyxy=FACE.box_xyxy / 4, score=0.9, landmarks=FACE.landmarks / 4)
    picture = np.full((200, 200, 3), 100, np.uint8)
    picture[18:30, 18:32] = 250
    clip = write_frames(tmp_path / "second.mp4", [picture] * 6)
    larger = compare_videos(gray_clip, clip, tracks_of((FACE,) * 6))
    both = compare_videos(gray_clip, clip, tracks_of((FACE,) * 6, (second,) * 6))
    assert larger.face_change < 0.5 and larger.background_psnr < 30
    assert both.face_change > 5 and both.background_psnr > 45


def test_without_a_face_there_is_nothing_to_compare(gray_clip):
    with pytest.raises(ValueError, match="expected a face in some compared frame, got none in 6"):
        compare_videos(gray_clip, gray_clip, tracks_of())


def test_the_chart_shows_the_curves():
    flat, falling = (draw_losses(lines) for lines in ([{**line, "dssim_a": 0.01} for line in history(20)], history(20)))
    assert flat.dtype == np.uint8 and flat.shape == falling.shape and flat.shape[2] == 3
    assert (flat != falling).any()
    assert {tuple(color) for color in falling.reshape(-1, 3)} >= {(31, 119, 180), (255, 127, 14)}


def test_a_loss_of_weight_0_has_no_curve():
    lines = [{name: value for name, value in line.items() if not name.startswith("dssim")} for line in history(20)]
    without, both = draw_losses(lines), draw_losses(history(20))
    assert without.shape == both.shape and (without != both).any()


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="at least one line"):
        draw_losses([])


def test_a_page_holds_its_pictures_and_escapes_its_text(tmp_path):
    page = Page("A < B")
    page.add_heading("Numbers & such")
    page.add_text("<script>alert(1)</script>")
    page.add_table({"steps": "12"})
    page.add_picture(np.zeros((8, 9, 3), np.uint8), "black")
    page.add_video("swap.mp4", "the result")
    page.write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "A &lt; B" in text and "<script>" not in text and "Numbers &amp; such" in text
    assert re.search(r'<img src="data:image/jpeg;base64,[\w+/=]{100,}" alt="black" width="9" height="8">', text)
    assert '<video src="swap.mp4" controls' in text and not re.findall(r'(?:src|href)="https?:', text)


def test_a_still_original_has_no_ratio():
    assert _ratio(3.0, 2.0) == 1.5
    assert np.isnan(_ratio(3.0, 0.0))


@pytest.mark.parametrize(
    ("metric", "label"),
    [("identity_distance", "distance"), ("eyes_likeness", "likeness"), ("sharpness", "original = 1")],
)
def test_the_axis_of_a_chart_says_what_it_shows(metric, label):
    assert _axis_label(metric) == label
