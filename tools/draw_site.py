"""Draws docs/drawings/*.svg, the drawings of docs/how-it-works.md and docs/architecture.md.

Usage: python -m tools.draw_site [--check]

The photographs in them come from docs/drawings/photos (`tools/draw_photos.py`). The curves of the Kalman drawing are
computed by the library's own filter. Drawing twice creates the same bytes.
"""

import argparse
import pathlib
import sys

import numpy as np

from faceswap_lib.faces.smoothing import MEASUREMENT_SIGMA, CoordinateFilter
from tools.website.svg import Drawing

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs" / "drawings"
PHOTOS = FOLDER / "photos"


def main() -> int:
    """Draws all drawings, or with --check reports which are stale; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a drawing is stale")
    check = parser.parse_args().check
    drawings = {FOLDER / f"{draw.__name__}.svg": draw() for draw in (way, decoders, mask, two_lives, kalman, rooms)}
    stale = [path for path, text in drawings.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in stale:
        if not check:
            path.write_text(drawings[path], encoding="utf-8")
        print(f"{path.name} {'is stale; run python -m tools.draw_site' if check else 'drawn'}")
    return 1 if check and stale else 0


def way() -> str:
    """Draws the steps of a face through the program."""
    d = Drawing("way", 680, 520, PHOTOS)
    side, top, bottom = 128, 34, 262
    columns = (16, 190, 364, 538)
    steps = (
        ("a_frame", "1  frame", "as it was filmed"),
        ("a_found", "2  found, followed", "box and five points"),
        ("a_crop", "3  aligned", "256 pixels, eyes level"),
        ("a_seen", "4  its light taken out", "what the networks read"),
    )
    for x, (name, words, below) in zip(columns, steps, strict=True):
        d.photo(name, x, top, side, words=words, below=below, color="a")
    for x in columns[:3]:
        d.arrow((x + side + 6, top + side / 2), (x + 168, top + side / 2))
    d.text(16, 20, "A's video", color="a", anchor="start", weight=600)
    d.arrow((602, top + side + 42), (602, 234), head=False)
    d.arrow((602, 234), (602, bottom + 6))
    d.funnel(538, bottom + 8, 128, 52, "encoder", color="both", opens=False)
    d.arrow((602, bottom + 62), (602, bottom + 80))
    d.funnel(538, bottom + 82, 128, 52, "decoder B", color="b", opens=True)
    d.arrow((534, bottom + 108), (498, bottom + 108))
    d.photo("a_new", 364, bottom, 100, words="5  new face", color="b")
    d.photo("a_mask", 364, bottom + 128, 100, words="and its mask", color="b")
    d.arrow((470, bottom + 60), (498, bottom + 60), (498, bottom + 168), (470, bottom + 168), head=False)
    d.arrow((358, bottom + 108), (324, bottom + 108))
    d.photo("a_composite", 190, bottom + 40, side, words="6  painted", below="colors, detail, border", color="a")
    d.arrow((184, bottom + 108), (150, bottom + 108))
    d.photo("a_swapped", 16, bottom + 40, side, words="7  back in its frame", below="through the inverse", color="a")
    return d.to_svg(
        "A frame of A's video; the face found, with box and five points; the aligned crop; the face alone in standard "
        "light; encoder and decoder B; the new face and its mask; painted over the old one; back in the frame."
    )


def decoders() -> str:
    """Draws one encoder and two decoders, in training and in the swap."""
    d = Drawing("decoders", 680, 470, PHOTOS)
    d.text(10, 24, "Training: each face is read and written again", anchor="start", weight=600, size=16)
    for y, who, color in ((44, "a", "a"), (166, "b", "b")):
        d.photo(f"{who}_seen", 10, y, 96, color=color)
        d.arrow((110, y + 48), (176, 140 if who == "a" else 166), color=color)
        d.arrow((410, 136 if who == "a" else 170), (428, y + 48), color=color)
        d.funnel(430, y + 16, 110, 64, f"decoder {who.upper()}", color=color, opens=True)
        d.arrow((544, y + 48), (572, y + 48), color=color)
        d.photo(f"{who}_again", 576, y, 96, color=color)
    d.funnel(176, 108, 110, 90, "one encoder\nfor both", color="both", opens=False)
    _draw_output(d, 104, "512 numbers", "8 x 8 positions")
    d.arrow((10, 290), (670, 290), head=False, color="line", width=1)
    d.text(10, 320, "The swap: A is read, and B's decoder writes", anchor="start", weight=600, size=16)
    y = 340
    d.photo("a_seen", 10, y, 96, color="a")
    d.arrow((110, y + 48), (172, y + 48), color="a")
    d.funnel(176, y + 3, 110, 90, "the same\nencoder", color="both", opens=False)
    _draw_output(d, y - 1, "mainly who it is", "pose, expression")
    d.arrow((410, y + 48), (428, y + 48), color="b")
    d.funnel(430, y + 16, 110, 64, "decoder B", color="b", opens=True)
    d.arrow((544, y + 48), (572, y + 48), color="b")
    d.photo("a_new", 576, y, 96, color="b")
    d.text(672, y + 114, "B's face, as A holds it", anchor="end", size=12, color="soft")
    return d.to_svg(
        "Training: A's face goes through the encoder to a code and a few skip channels, and through decoder A back to "
        "A's face; B's face through the same encoder and decoder B back to B's. The swap: A's face through the "
        "encoder; the code says mainly who it is, the skip channels carry pose and expression; decoder B writes B's "
        "face in A's pose."
    )


def _draw_output(d: Drawing, top: float, code: str, skip: str) -> None:
    """Draws the two parts of the encoder's output, a box at height `top`, with a note for each part."""
    d.arrow((288, top + 49), (302, top + 49), color="both")
    d.box(304, top, 104, 98, "", color="both")
    d.arrow((304, top + 49), (408, top + 49), head=False, color="both", width=1)
    for y, words, note in ((top, "code", code), (top + 49, "skip channels", skip)):
        d.text(356, y + 23, words, color="both", weight=600, size=12.5)
        d.text(356, y + 39, note, size=11, color="soft")


def mask() -> str:
    """Draws the effect of the attention mask."""
    d = Drawing("mask", 680, 380, PHOTOS)
    side, top = 128, 20
    d.photo("a_mask", 16, top, side, words="mask", below="white is 1, black is 0", color="b")
    d.text(167, top + 70, "×", size=28)
    d.photo("a_new", 190, top, side, words="raw face", below="what decoder B wrote", color="b")
    d.arrow((330, top + side / 2), (400, 128), (448, 166), color="b")
    lower = 204
    d.text(80, lower + 56, "1 − mask", size=19, weight=600)
    d.text(80, lower + 78, "what is left over", size=12, color="soft")
    d.text(167, lower + 66, "×", size=28)
    d.photo("a_view", 190, lower, side, words="input", below="A, as filmed", color="a")
    d.arrow((330, lower + side / 2), (400, 228), (448, 194), color="a")
    d.text(420, 187, "+", size=28)
    d.photo("a_mixed", 458, 92, 176, words="composite", below="with A's light and a soft border", color="good")
    return d.to_svg(
        "The mask times the raw face that decoder B wrote, plus one minus the mask times the input: the composite."
    )


def two_lives() -> str:
    """Draws a comparison of training and swap."""
    d = Drawing("two_lives", 680, 590, PHOTOS)
    d.text(10, 24, "In training, again and again", anchor="start", weight=600, size=16)
    d.photo("a_crop", 10, 100, 96, words="a crop", below="one of hundreds", color="a")
    d.arrow((110, 128), (140, 92), color="a")
    d.arrow((110, 168), (140, 222), color="a")
    d.photo("warped", 146, 42, 96, words="warped view", below="bent at random*", color="a")
    d.photo("real", 146, 186, 96, words="real view", below="what it should be", color="a")
    d.arrow((246, 90), (276, 90), color="a")
    d.funnel(280, 54, 84, 72, "encoder", color="both", opens=False)
    d.arrow((368, 90), (388, 90), color="both")
    d.funnel(392, 54, 84, 72, "decoder A", color="a", opens=True)
    d.arrow((480, 90), (510, 90), color="a")
    d.photo("a_again", 514, 42, 96, words="written again", color="a")
    d.arrow((562, 160), (562, 202), color="a")
    d.arrow((246, 234), (446, 234), color="a")
    d.box(450, 206, 222, 56, "losses", small="how far off, and does it look real?", color="good")
    d.arrow((561, 264), (561, 296), (378, 296), (378, 132), color="good", dashed=True)
    d.text(469, 315, "every weight moves a little, the way that helps", size=12, color="good")
    d.text(10, 342, "* drawn four times as strongly as in training", anchor="start", size=12, color="soft")
    d.arrow((10, 360), (670, 360), head=False, color="line", width=1)
    d.text(10, 392, "In the swap, once per frame", anchor="start", weight=600, size=16)
    y = 414
    d.photo("a_frame", 10, y, 96, words="frame", color="a")
    d.arrow((110, y + 48), (142, y + 48), color="a")
    d.photo("a_seen", 146, y, 96, words="view", color="a")
    d.arrow((246, y + 48), (276, y + 48), color="a")
    d.funnel(280, y + 12, 84, 72, "encoder", color="both", opens=False)
    d.arrow((368, y + 48), (388, y + 48), color="both")
    d.funnel(392, y + 12, 84, 72, "decoder B", color="b", opens=True)
    d.arrow((480, y + 48), (510, y + 48), color="b")
    d.photo("a_swapped", 514, y, 96, words="painted frame", color="good")
    words = "No losses, no warping, nothing is learned: the weights are as training left them."
    d.text(10, y + 150, words, anchor="start", size=13, color="soft")
    return d.to_svg(
        "In training a crop gives a warped and a real view; the warped one goes through encoder and decoder A, losses "
        "compare what comes out with the real one, and all weights move a little. In the swap a frame's view goes "
        "through the encoder and decoder B and is painted into the frame; nothing is learned."
    )


def kalman() -> str:
    """Draws the idea of the Kalman filter, and its effect on a noisy point."""
    d = Drawing("kalman", 680, 590, PHOTOS)
    d.text(10, 24, "One step, for one coordinate", anchor="start", weight=600, size=16)
    left, right, foot = 40, 640, 180
    guess, seen = (0.34, 0.11), (0.66, 0.075)
    weight = guess[1] ** 2 / (guess[1] ** 2 + seen[1] ** 2)
    best = (guess[0] + weight * (seen[0] - guess[0]), (1 - weight) ** 0.5 * guess[1])
    at = np.linspace(0, 1, 101)
    for (mean, sigma), color, words, shift in (
        (guess, "both", "where it should be", -60),
        (seen, "a", "where it was seen", 78),
        (best, "good", "what is believed", -14),
    ):
        heights = np.exp(-0.5 * ((at - mean) / sigma) ** 2) * 8.2 / sigma
        points = [(left + x * (right - left), foot - h) for x, h in zip(at, heights, strict=True)]
        d.area([(left, foot), *points, (right, foot)], color=color, opacity=0.18)
        d.arrow(*points, color=color, head=False)
        x = left + mean * (right - left)
        d.arrow((x, foot), (x, foot + 6), color=color, head=False)
        d.text(x + shift, foot + 24, words, color=color, weight=600, size=14)
    d.arrow((left, foot), (right, foot), head=False, color="line")
    words = "Narrow means sure. The surer one pulls harder; what is believed is surer than either."
    d.text(340, foot + 46, words, size=13, color="soft")
    _draw_curves(d, top=290)
    return d.to_svg(
        "Above, three bell curves: where the point should be by its speed, where it was seen, and between them, "
        "narrower than either, what is believed. Below, a point that moves to and fro: scattered sightings, the "
        "forward filter slightly behind, and the smoothed curve on the true one."
    )


def _draw_curves(d: Drawing, top: int) -> None:
    """Draws a point over 60 frames: measurements, forward filter, smoother; positions in face widths."""
    frames, random = np.arange(60), np.random.default_rng(5)
    truth = 0.07 * np.sin(frames / 6.2) + 0.02 * np.sin(frames / 2.9)
    sightings = truth + random.normal(0, MEASUREMENT_SIGMA, len(frames))
    kalman_filter = CoordinateFilter(sightings[:1], noise_coefficient=1e-3)
    xs, ps = [kalman_filter.state()[0]], [kalman_filter.state()[1]]
    for z in sightings[1:]:
        kalman_filter.step(np.array([z]))
        xs.append(kalman_filter.state()[0])
        ps.append(kalman_filter.state()[1])
    forward = np.array(xs)[:, 0, 0]
    smooth = kalman_filter.run_back(np.array(xs), np.array(ps))[:, 0, 0]

    def place(values):
        return [(40 + index * 600 / 59, top + 110 - value * 1150) for index, value in enumerate(values)]

    d.text(10, top - 18, "Sixty frames of it", anchor="start", weight=600, size=16)
    d.arrow(*place(truth), color="line", head=False, width=6)
    for x, y in place(sightings):
        d.dot(x, y, 3, color="a")
    d.arrow(*place(forward), color="both", head=False, dashed=True)
    d.arrow(*place(smooth), color="good", head=False, width=2.5)
    entries = (
        ("line", "the truth"),
        ("a", "as seen"),
        ("both", "forward filter"),
        ("good", "forward and backward"),
    )
    errors = [0, *(float(np.abs(values - truth).mean()) for values in (sightings, forward, smooth))]
    for index, ((color, words), error) in enumerate(zip(entries, errors, strict=True)):
        x = (30, 150, 310, 476)[index]
        d.dot(x, top + 246, 6, color=color)
        d.text(x + 12, top + 251, words, anchor="start", size=14, weight=600)
        off = "" if not index else f"off by {100 * error:.2f} % of a face"
        d.text(x + 12, top + 268, off, anchor="start", size=11.5, color="soft")


def rooms() -> str:
    """Draws the packages of the library and the files between them on disk."""
    d = Drawing("rooms", 680, 640, PHOTOS)
    plan = (
        ("media", "pictures and video, in and out", "ink"),
        ("faces", "a face in a frame: find, follow, align, mask", "ink"),
        ("facesets", "many faces of one person on disk", "ink"),
        ("networks", "encoder, two decoders, discriminators", "both"),
        ("training", "augmentation, losses, schedule, checkpoints", "both"),
        ("conversion", "a trained run and a video: a swapped video", "ink"),
        ("evaluation", "how good it is, and whether it is a swap", "ink"),
    )
    step = 66
    for index, (name, words, color) in enumerate(plan):
        y = 40 + index * step
        d.box(146, y, 336, 48, name, small=words, color=color)
        if index:
            d.arrow((314, y - step + 50), (314, y - 3), color="line")
    d.text(314, 24, "a room imports only from rooms above it", size=13, color="soft", style="italic")
    d.text(72, 60, "A.mp4, B.mp4", size=12.5, color="a", weight=600)
    d.arrow((20, 68), (140, 68), color="a")
    stores = ((2, "face_src/ face_dst/", "a"), (4, "models/RUN/", "a"), (5, "swap.mp4", "good"))
    for index, words, color in (*stores, (6, "report.html", "good")):
        y = 40 + index * step
        d.text(72, y + 20, words, size=12.5, color=color, weight=600)
        d.arrow((142, y + 28), (20, y + 28), color=color)
    for y, words in ((40 + 1 * step, "detectors, landmarks"), (40 + 3 * step, "Keras 3 on"), (40 + 5 * step, "C2PA,")):
        d.arrow((486, y + 24), (512, y + 24), head=False, color="line", dashed=True)
        d.text(518, y + 22, words, anchor="start", size=12.5, color="soft")
    d.text(518, 40 + step + 38, "mtcnn, dlib, 2D-FAN", anchor="start", size=12.5, color="soft")
    d.text(518, 40 + 3 * step + 38, "TensorFlow, JAX, PyTorch", anchor="start", size=12.5, color="soft")
    d.text(518, 40 + 5 * step + 38, "ONNX Runtime", anchor="start", size=12.5, color="soft")
    y = 40 + 7 * step + 18
    d.arrow((314, y - 32), (314, y - 3), color="line")
    d.box(40, y, 600, 84, "", color="ink")
    d.text(340, y + 26, "what puts them together", size=13, color="soft", style="italic")
    for x, name, words in (
        (95, "show", "pictures"),
        (193, "widgets", "things to click"),
        (291, "pipeline", "all in order"),
        (389, "demo", "two portraits"),
        (487, "diagnostics", "this machine"),
        (585, "cli", "one verb each"),
    ):
        d.text(x, y + 52, name, weight=600)
        d.text(x, y + 69, words, size=12, color="soft")
    return d.to_svg(
        "The rooms in their order: media, faces, facesets, networks, training, conversion, evaluation; each imports "
        "only from those before it. Facesets and runs are written to the workspace, conversion writes the swapped "
        "video, evaluation the report. Below them show, widgets, pipeline, demo, diagnostics and cli put the rooms "
        "together."
    )


if __name__ == "__main__":
    sys.exit(main())
