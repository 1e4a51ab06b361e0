"""Colors of videos that are not BT.709's: converted, or kept where they look the same, and said."""

import fractions
import logging

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from faceswap_lib.media import VideoWriter, read_frames
from faceswap_lib.media.gamut import GamutConverter, converter_for
from tests.videos import make_video, pattern_frame

BT709, BT2020, P3 = int(ColorPrimaries.BT709), int(ColorPrimaries.BT2020), int(ColorPrimaries.SMPTE432)
PQ, HLG = int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)

PUBLISHED = {  # linear light to that of BT.709: ITU-R BT.2407, and the usual four digits for the others
    BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    P3: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
    int(ColorPrimaries.SMPTE170M): ((0.9395, 0.0502, 0.0103), (0.0178, 0.9658, 0.0164), (-0.0016, -0.0044, 1.0060)),
}


def picture(*pixel: int, dtype=np.uint8) -> np.ndarray:
    return np.full((1, 1, 3), pixel, dtype)


def make_tagged(path, primaries, curve, *, pixel_format="yuv420p", level=(180, 90, 60), color_range=ColorRange.MPEG):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = primaries, curve, 1
        context.color_range = color_range
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8))
        frame = frame.reformat(format=pixel_format, dst_colorspace="ITU709", dst_color_range=color_range)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.parametrize("primaries", PUBLISHED)
@pytest.mark.parametrize("values", [(180, 90, 60), (60, 120, 200), (128, 128, 128), (255, 255, 255), (0, 255, 0)])
def test_other_primaries_become_those_of_bt709(primaries, values):
    found = GamutConverter(primaries, int(ColorTrc.BT709))(picture(*values))[0, 0]
    light = np.array([((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in values])
    light = np.clip(np.array(PUBLISHED[primaries]) @ light, 0, 1)  # what lies outside is cut to the border
    wanted = [255 * (1.055 * v ** (1 / 2.4) - 0.055 if v > 0.0031308 else 12.92 * v) for v in light]
    assert np.abs(found.astype(int) - wanted).max() <= 1.2


def test_the_white_of_a_projector_becomes_white():
    found = GamutConverter(int(ColorPrimaries.SMPTE431), int(ColorTrc.BT709))(picture(255, 255, 255))
    assert (found >= 254).all()


@pytest.mark.parametrize("primaries", [BT709, int(ColorPrimaries.UNSPECIFIED)])
@pytest.mark.parametrize("curve", ["BT709", "SMPTE170M", "IEC61966_2_1", "BT2020_10", "UNSPECIFIED", "GAMMA22"])
def test_what_looks_like_bt709_is_kept(primaries, curve):
    assert converter_for(primaries, int(ColorTrc[curve])) is None


@pytest.mark.parametrize(
    ("curve", "values"),
    # 100 cd/m2 and reference white in PQ; 50 cd/m2, reference white and the peak in HLG (ITU-R BT.2408)
    [(PQ, {0.0: 0, 0.5081: 186, 0.5807: 232}), (HLG, {0.0: 0, 0.5: 137, 0.75: 232, 1.0: 255})],
)
def test_high_dynamic_range_is_compressed_above_half_of_reference_white(curve, values):
    convert = GamutConverter(BT709, curve)
    assert convert.is_hdr
    for signal, wanted in values.items():
        found = convert(picture(*[round(signal * 65535)] * 3, dtype=np.uint16))[0, 0]
        assert np.abs(found.astype(int) - wanted).max() <= 1
    ramp = convert(np.repeat(np.linspace(0, 65535, 999).astype(np.uint16)[None, :, None], 3, axis=2))[0, :, 0]
    assert (np.diff(ramp.astype(int)) >= 0).all() and ramp[0] == 0 and ramp[-1] >= 254


def test_reading_converts_says_so_and_what_is_written_means_the_same(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    frame = next(read_frames(make_tagged(tmp_path / "p3.mp4", P3, int(ColorTrc.IEC61966_2_1))))
    assert np.abs(frame[20, 20].astype(int) - (193, 83, 51)).max() <= 3
    assert "its colors (Display P3) are converted to BT.709" in caplog.text
    with VideoWriter(tmp_path / "out.mp4", width=64, height=48, fps=fractions.Fraction(30)) as writer:
        writer.write(frame)
    with av.open(str(tmp_path / "out.mp4")) as container:
        written = next(container.decode(video=0))
        assert (written.color_primaries, written.color_trc) == (ColorPrimaries.BT709, ColorTrc.BT709)
    assert np.abs(next(read_frames(tmp_path / "out.mp4"))[20, 20].astype(int) - frame[20, 20]).max() <= 3


@pytest.mark.parametrize(("curve", "name"), [(PQ, "PQ"), (HLG, "HLG")])
def test_high_dynamic_range_keeps_its_hue(tmp_path, curve, name, caplog):
    path = make_tagged(tmp_path / "a.mp4", BT709, curve, pixel_format="yuv420p10le", level=(120, 80, 70))
    red, green, blue = next(read_frames(path))[20, 20].astype(int)
    assert 255 > red > green > blue > 0
    assert f"has high dynamic range ({name}); it is tone-mapped" in caplog.text


@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
def test_full_range_is_read_as_such(tmp_path, color_range):
    path = make_tagged(tmp_path / "a.mp4", BT709, 1, color_range=color_range, level=(250, 128, 8))
    assert np.abs(next(read_frames(path))[20, 20].astype(int) - (250, 128, 8)).max() <= 3


def test_frames_of_a_video_of_another_size_later_are_scaled_and_that_is_said(tmp_path, caplog):
    small = make_video(tmp_path / "a.ts", frames=10)
    large = make_video(tmp_path / "b.ts", pictures=[pattern_frame(index, 128, 96) for index in range(10)])
    path = tmp_path / "cat.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    assert {frame.shape for frame in read_frames(path)} == {(48, 64, 3)}
    assert "changes its size to 128x96; such frames are scaled to 64x48" in caplog.text
