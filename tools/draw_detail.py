"""Draws the sheet of docs/detail.md: how detail of the wanted person is transferred to a new face of the demo.

Usage: python -m tools.draw_detail --workspace DIR

DIR is a workspace with the two portraits' clips, facesets and a trained run, as created by `faceswap demo`.
"""

import numpy as np

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.detail.detailed_face import DetailedFace
from faceswap_lib.conversion.detail.transfer import DetailTransfer
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.faces import MTCNN, align_face
from faceswap_lib.pipeline.load_swapper import open_swapper
from tools.demo_run import open_demo_run
from tools.draw_conversion_sheets import TILE, draw_tile
from tools.pictures import save

STRONGER = 2.0
"""Factor by which detail is amplified in the drawing."""


def main() -> None:
    """Draws the steps for one face in each direction."""
    run, rows = open_demo_run(__doc__.splitlines()[0]), []
    for frame, direction in zip(run.frames, ("a2b", "b2a"), strict=True):
        swapper = open_swapper(run.networks, run.workspace, ConvertConfig(direction=direction))
        tiles = draw_steps(frame, swapper, direction)
        rows += [np.hstack(tiles[: len(tiles) // 2]), np.hstack(tiles[len(tiles) // 2 :])]
    save("conversion_detail", np.vstack(rows))


def draw_steps(frame: np.ndarray, swapper, direction: str) -> list[np.ndarray]:
    """Draws the aligned face, the network's output, the detail of the crops, and both together."""
    (face,) = MTCNN().detect(frame)
    (swapped,) = swap_faces([(frame, face)], swapper)
    detailed = DetailTransfer().transfer(swapped.swapped, swapped.detail)
    tiles = [draw_tile("frame", align_face(frame, face).image), draw_tile("written by the network", swapped.swapped)]
    pieces = sorted(detailed.pieces, key=lambda piece: -float(piece.strength.sum()))[:3]
    tiles += [draw_tile(f"crop {n}, what is finer", _stronger(piece.detail)) for n, piece in enumerate(pieces, 1)]
    tiles += [draw_tile("", np.full((TILE, TILE, 3), 255, np.uint8))] * (3 - len(pieces))
    gray = DetailedFace(np.full_like(swapped.swapped, 128), detailed.pieces)
    tiles += [draw_tile("bent, where it belongs", _stronger(gray.draw_alone(2 * TILE)))]
    tiles += [draw_tile("both", detailed.draw_alone(2 * TILE))]
    for source in ("none", "original", "wanted"):
        config = ConvertConfig(direction=direction, detail_transfer=source)
        painted = Compositor(config, swapper.coverage).composite(frame, swapped).frame
        tiles.append(draw_tile(f"--detail-transfer {source}", align_face(painted, face).image))
    return tiles


def _stronger(detail: np.ndarray) -> np.ndarray:
    """Amplifies detail around mid-gray."""
    return to_picture(128 + STRONGER * (detail.astype(np.float32) - 128))


if __name__ == "__main__":
    main()
