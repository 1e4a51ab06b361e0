"""Draws the gallery of docs/filming.md: good crops and crops with faults, with the verdict of `faceswap audit` on each.

Usage: python -m tools.draw_crops --network FILE

Makes a clip of a portrait in which some frames have a fault, extracts it, and audits the crops. FILE is an occlusion
network, as `faceswap mask --train` writes it; without it, covered faces are not recognized.
"""

import argparse
import collections
import dataclasses
import fractions
import pathlib
import tempfile
import typing

import cv2
import numpy as np

from faceswap_lib.curation import audit_faceset
from faceswap_lib.demo.animate import animate_portrait
from faceswap_lib.demo.motion import lively_poses
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.evaluation.embedders import open_by_option
from faceswap_lib.faces import MTCNN, DetectConfig, TrackConfig
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.media import VideoWriter
from faceswap_lib.occlusion.apply import write_occlusion_masks
from faceswap_lib.occlusion.choice import open_occlusion_network
from faceswap_lib.pipeline import extract
from tools.draw_occlusion import cover
from tools.pictures import draw_tile, join_rows, save

SIDE, COLUMNS = 200, 4
SIZE = 480
"""Side of the frames of the clip in pixels."""

FPS = fractions.Fraction(25)
GOOD, REPEATS = 120, 4
"""Number of frames without a fault, and of frames with each fault."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of a frame.

    Attributes:
        title: What is wrong.
        spoil: Spoils a frame, (H, W, 3) RGB uint8.
    """

    title: str
    spoil: typing.Callable[[np.ndarray], np.ndarray]


def move_fast(frame: np.ndarray) -> np.ndarray:
    """Blurs a frame as fast motion does."""
    return cv2.blur(frame, (17, 3))


def defocus(frame: np.ndarray) -> np.ndarray:
    """Blurs a frame as a lens out of focus does."""
    return cv2.GaussianBlur(frame, (0, 0), 4)


def darken(frame: np.ndarray) -> np.ndarray:
    """Darkens a frame."""
    return np.round(frame * 0.22).astype(np.uint8)


def overexpose(frame: np.ndarray) -> np.ndarray:
    """Brightens a frame until the skin is white."""
    return np.clip(frame * 1.9, 0, 255).astype(np.uint8)


def move_out(frame: np.ndarray) -> np.ndarray:
    """Moves a frame so that a part of the face is outside."""
    (face,) = MTCNN().detect(frame)
    matrix = np.array([[1.0, 0.0, 12 - face.landmarks[0, 0]], [0.0, 1.0, 0.0]])
    return cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def shrink(frame: np.ndarray) -> np.ndarray:
    """Films the same from far away."""
    small = cv2.resize(frame, None, fx=0.24, fy=0.24, interpolation=cv2.INTER_AREA)
    paper, (h, w) = cv2.GaussianBlur(frame, (0, 0), 30), small.shape[:2]
    top, left = (frame.shape[0] - h) // 2, (frame.shape[1] - w) // 2
    paper[top : top + h, left : left + w] = small
    return paper


def cover_face(frame: np.ndarray) -> np.ndarray:
    """Puts a cup in front of the face."""
    (face,) = MTCNN().detect(frame)
    return cover(frame, face, "cup")


FAULTS = (
    Fault(title="fast motion", spoil=move_fast),
    Fault(title="out of focus", spoil=defocus),
    Fault(title="too dark", spoil=darken),
    Fault(title="overexposed", spoil=overexpose),
    Fault(title="cut off", spoil=move_out),
    Fault(title="too small", spoil=shrink),
    Fault(title="covered", spoil=cover_face),
)


def main() -> None:
    """Draws the gallery and prints what the audit says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", type=pathlib.Path, default=None, help="an occlusion network")
    parser.add_argument("--folder", type=pathlib.Path, default=None, help="folder of the pictures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        titles, frames, workspace = make_workspace(pathlib.Path(folder))
        if options.network is not None:
            write_occlusion_masks(workspace, "src", open_occlusion_network(options.network))
        faceset = Faceset.open(workspace, "src")
        embedder, _ = open_by_option("auto", "")
        audit = audit_faceset(faceset, embedder=embedder)
        crops = dict(zip([record.crop for record in faceset.records], faceset.read_crops(), strict=True))
        print(audit.counts(), audit.skipped)
        verdicts: dict[str, list[tuple[np.ndarray, str]]] = {title: [] for title in titles}
        for record, kind in zip(faceset.records, audit.kinds, strict=True):
            verdicts[titles[record.frame]].append((crops[record.crop].image, kind or "kept"))
        tiles = []
        for title, found in verdicts.items():
            print(title, collections.Counter(kind for _, kind in found))
            if not found:
                tiles.append(draw_tile(f"{title}\nno face is found", frames[titles.index(title)], SIDE, size=15))
            for image, kind in found[:: max(1, len(found) // 4)][: 4 if title == "good" else 1]:
                tiles.append(draw_tile(f"{title}\naudit: {kind}", image, SIDE, size=15))
        print(save("crops", join_rows(tiles, COLUMNS), *([options.folder] if options.folder else [])))


def make_workspace(folder: pathlib.Path) -> tuple[list[str], list[np.ndarray], Workspace]:
    """Makes the clip and extracts it; returns what is wrong with each frame, the frames and the workspace."""
    other, portrait = load_portraits()
    numbers = {"frame_count": GOOD, "fps": FPS, "size": SIZE}
    good = list(animate_portrait(portrait, seed=3, motion=lively_poses, **numbers))
    frames, titles = list(good), ["good"] * GOOD
    for number, fault in enumerate(FAULTS):
        chosen = good[10 * number + 20 : 10 * number + 20 + REPEATS]
        frames += [fault.spoil(frame) for frame in chosen]
        titles += [fault.title] * REPEATS
    frames += list(animate_portrait(other, seed=1, frame_count=REPEATS, fps=FPS, size=SIZE))
    titles += ["another person"] * REPEATS
    frames += [good[60]] * REPEATS
    titles += ["no motion"] * REPEATS
    path = folder / "A.mp4"
    with VideoWriter(path, width=SIZE, height=SIZE, fps=FPS) as writer:
        for frame in frames:
            writer.write(frame)
    workspace = Workspace(folder / "W")
    extract(
        path,
        workspace,
        person="a",
        consent="public-domain portraits",
        detect_config=DetectConfig(detect_every=1, min_face_size=0.05),
        track_config=TrackConfig(smoothing="none", subject="all"),
    )
    return titles, frames, workspace


if __name__ == "__main__":
    main()
