"""Trains presets on pairs of clips for the same number of steps and measures the quality of the results.

Usage: python benchmarks/quality.py [--clips DIR] [--pairs d6:d14 d9:d10] [--presets lite faceswap-gan] [--steps 2000]
       [--workspace DIR] [--json]

The last fifth of each faceset is held out of the training. On it, the reconstructions of both people are compared with
the crops: mean absolute difference in levels of 255 and structural similarity (SSIM), on the composite. All other
metrics are those of `faceswap_lib.evaluation`, on A's whole clip with B's face: distances of dlib's face embedding to
the averages of B and of A, the fraction of frames nearer to B, landmark error (dlib's 68 points) in eye distances,
jitter, the detector's score, and sharpness relative to the original. Time is that of the training alone; it is also
given relative to a 2048 x 2048 x 2048 matrix product in the same run.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses
import pathlib
import tempfile

import numpy as np
from harness import make_parser, print_json, print_table, time_matmul

from faceswap_lib.conversion import OutputConfig
from faceswap_lib.errors import InputError
from faceswap_lib.evaluation import image_metrics
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.evaluate import evaluate_to_page
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.manifest import read_manifest, write_manifest
from faceswap_lib.networks import PRESETS
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views
from faceswap_lib.pipeline import convert, extract
from faceswap_lib.training import TRAINING_PRESETS, load_run, train

HELD_OUT = 0.2
"""Fraction of each faceset, at its end, that is not used for training."""

COMPARED = 64
"""Number of held-out crops of each person that are reconstructed."""

METRICS = {
    "to B": "identity_distance",
    "to A": "original_distance",
    "nearer to B": "identity_transfer_rate",
    "landmarks": "landmark_error",
    "jitter": "jitter",
    "detector": "face_score",
    "sharpness": "sharpness",
}
"""Columns of the table and the names of the evaluation's metrics."""


def main() -> None:
    """Measures all pairs and presets and prints the results."""
    parser = make_parser(__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", default=["d6:d14", "d9:d10"], help="names of A's clip and B's clip")
    parser.add_argument("--presets", nargs="+", default=["lite", "faceswap-gan"], choices=sorted(PRESETS))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument(
        "--workspace", type=pathlib.Path, help="folder in which runs and videos are kept; by default they are deleted"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.workspace or pathlib.Path(temporary)
        rows = [row for pair in options.pairs for row in measure_pair(root, pair, options)]
    matmul = time_matmul()
    for row in rows:
        row["ratio per step"] = row["seconds"] / options.steps / matmul
    print_table(f"{options.steps} steps; one matrix product takes {matmul:.4f} s", rows)
    if options.json:
        print_json({"matmul_s": matmul, "steps": options.steps, "rows": rows})


def measure_pair(root: pathlib.Path, pair: str, options) -> list[dict]:
    """Extracts a pair of clips and trains every preset on it; returns one row of the table for each preset."""
    names = pair.split(":")
    clips = [options.clips / f"{name}.mp4" for name in names]
    missing = [str(clip) for clip in clips if not clip.is_file()]
    if len(clips) != 2 or missing:
        raise InputError(f"pairs: expected two clips such as d6:d14 in {options.clips}, got {pair}")
    workspace = Workspace(root / "-".join(names))
    tracks = None
    held = {}
    for clip, side in zip(clips, ("src", "dst"), strict=True):
        report = extract(clip, workspace, side, overwrite=True, progress=True)
        tracks = tracks or report.tracks
        held[side] = hold_out(workspace, side)
    rows = []
    for preset in options.presets:
        config = dataclasses.replace(TRAINING_PRESETS[preset], steps=options.steps)
        training = train(workspace, run=preset, network_config=PRESETS[preset], config=config, progress=True)
        out = workspace.root / f"{preset}.mp4"
        output = OutputConfig(label=False)
        convert(
            clips[0], workspace, out, run=preset, output_config=output, tracks=tracks, overwrite=True, progress=True
        )
        report = evaluate_to_page(
            out,
            clips[0],
            clips[1],
            out.with_suffix(".html"),
            config=EvaluateConfig(landmarks="dlib", embedder="dlib", baseline_frames=0),
            progress=True,
        )
        rows.append(
            {"pair": pair, "preset": preset, "seconds": training.seconds}
            | reconstruction(workspace, preset, held)
            | {column: report.values[name] for column, name in METRICS.items()}
        )
    return rows


def hold_out(workspace: Workspace, side: str) -> Faceset:
    """Removes the end of a faceset from its manifest and returns it as a separate faceset."""
    whole = Faceset.open(workspace, side)
    kept = round(len(whole) * (1 - HELD_OUT))
    write_manifest(workspace.faces(side), read_manifest(workspace.faces(side))[:kept])
    return dataclasses.replace(whole, records=whole.records[kept:])


def reconstruction(workspace: Workspace, run: str, held: dict[str, Faceset]) -> dict[str, float]:
    """Computes L1 (levels of 255) and SSIM between held-out views and their reconstructions, over both people."""
    networks, _ = load_run(workspace, run)
    config = networks.config
    distances, likenesses = [], []
    for side, direction in (("src", "a2a"), ("dst", "b2b")):
        views, faces = held[side].sample(COMPARED).load(config.stored_size).views(config.resolution)
        seen, tones = preprocess_views(views, faces, config.input_mode)
        mask, raw = networks.generate(seen, direction)
        mask = np.asarray(mask)
        made = np.round(mask * postprocess_faces(np.asarray(raw), tones) + (1 - mask) * views).astype(np.uint8)
        distances.append(np.abs(made.astype(float) - views).mean())
        likenesses.append(np.mean([image_metrics.ssim(a, b) for a, b in zip(made, views, strict=True)]))
    return {"L1": float(np.mean(distances)), "SSIM": float(np.mean(likenesses))}


if __name__ == "__main__":
    main()
