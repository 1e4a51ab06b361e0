"""Draws the images of docs/normal.md: a real training on the two portraits, at several steps.

Usage: python -m tools.draw_normal [--workspace DIR] [--steps 1500]

Takes about ten minutes on two cores; an interrupted training continues. Also prints the numbers of the page's table.
"""

import argparse
import pathlib

import cv2
import numpy as np

from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.media import read_image
from faceswap_lib.networks import PRESETS
from faceswap_lib.show import plot_losses
from faceswap_lib.show.training import preview_column
from faceswap_lib.training import LoopConfig, TrainConfig, read_history, train
from tools.pictures import FOLDER, save

SHARES = (0.02, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Moments of the training that are shown, as fractions of its steps."""

TERMS = ("reconstruction", "dssim", "edges", "perceptual", "mask_mean", "composite", "adversarial", "discriminator")
HEADER, MARGIN = 18, 60
"""Height of the captions and width of the column of step numbers, in pixels."""

COLUMNS = {
    "A read": ("a2a", 0),
    "A again": ("a2a", 3),
    "B read": ("b2b", 0),
    "B again": ("b2b", 3),
    "A as B": ("a2b", 3),
    "mask": ("a2b", 1),
    "B as A": ("b2a", 3),
}
"""Columns of the preview that are shown: the direction, and the index among its four columns."""

FACE = 1
"""Index of the face in the preview."""


def main() -> None:
    """Trains, draws the images and prints the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=pathlib.Path, default=pathlib.Path("normal-training"))
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    workspace, every = make_facesets(options.workspace, seconds=8.0), round(SHARES[0] * options.steps)
    report = train(
        workspace,
        network_config=PRESETS["lite"],
        config=TrainConfig(steps=options.steps),
        run_config=LoopConfig(log_every=5, preview_every=every),
        progress=True,
    )
    steps = [max(every, round(share * options.steps / every) * every) for share in SHARES]
    previews = {step: read_image(report.folder / "previews" / f"step-{step:08d}.png") for step in steps}
    save("normal_previews", draw_previews(previews))
    history = read_history(report.folder / "history.jsonl")
    plot_losses(history, terms=TERMS).savefig(FOLDER / "normal_losses.png")
    for step in steps:
        near = [line for line in history if abs(line["step"] - step) <= every]
        known = {
            term: [line[f"{term}_{side}"] for line in near for side in "ab" if f"{term}_{side}" in line]
            for term in TERMS
        }
        print(step, " ".join(f"{term} {np.mean(values):.3f}" for term, values in known.items() if values))
    print(f"{report.seconds_in_all:.0f} s")


def draw_previews(previews: dict[int, np.ndarray]) -> np.ndarray:
    """Draws one row of preview images per step, with captions."""
    rows = []
    for step, preview in previews.items():
        tiles = [preview_column(preview, to, face=FACE, column=column) for to, column in COLUMNS.values()]
        side = len(tiles[0])
        rows.append(np.hstack([_write(str(step), 0.5, (6, side // 2), (side, MARGIN)), *tiles]))
    captions = [_write(text, 0.42, (4, 13), (HEADER, side)) for text in COLUMNS]
    return np.vstack([np.hstack([_write("", 0.42, (0, 0), (HEADER, MARGIN)), *captions]), *rows])


def _write(text: str, scale: float, at: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Draws black text on a white image of the given height and width."""
    paper = np.full((*shape, 3), 255, np.uint8)
    return cv2.putText(paper, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)


if __name__ == "__main__":
    main()
