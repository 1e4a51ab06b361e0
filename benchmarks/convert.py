"""Times the conversion of videos: the whole conversion, each part separately, and a lower bound for this machine.

Usage: python benchmarks/convert.py [--clips DIR] [--frames N] [--preset lite] [--inference-backend auto] [--json]

The networks are untrained, because their output does not change the time. Outlines are detected, codes mapped and
detail transferred as in any conversion, with the faces of two of the clips. "whole" is both passes over a file with its
sound, from opening it to the finished output, including the label; starting the program, choosing the inference backend
and signing are not included. The parts are timed separately, one after the other, on frames in memory. "floor" is the
time that no program can avoid: decoding and encoding at the same time, or the networks alone, whichever is larger.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import itertools
import logging
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from harness import (
    cut_clip,
    find_clips,
    make_parser,
    own_peak_memory,
    print_json,
    print_table,
    repeat_video,
    time_matmul,
)

from faceswap_lib.conversion import ConvertConfig, OutputConfig, ViewSwapper, convert_video
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.faces import MTCNN, DetectConfig, TrackConfig, VideoTracks
from faceswap_lib.faces.keyframe_detection import detect_keyframes
from faceswap_lib.faces.tracking import track_faces
from faceswap_lib.facesets import ExtractConfig, Workspace
from faceswap_lib.media import VideoWriter, probe_video, read_frames
from faceswap_lib.networks import PRESETS, build_networks
from faceswap_lib.pipeline import extract, open_swapper
from faceswap_lib.prefetch import prefetch

LARGE = (1280, 720)
REPEATS = (1, 8)
FACES = 240
"""Number of crops of each person, as many as the detail transfer uses."""

REFERENCE = {"480x480": 1.13, "1280x720": 2.3, "1280x720 downscaled": 1.16}
"""Time per frame of the reference implementation, in matrix products; without decoding and encoding."""


def convert(clip: pathlib.Path, out: pathlib.Path, swapper: ViewSwapper, frames: int) -> float:
    """Measures the seconds per frame of the whole conversion."""
    end = frames / float(probe_video(clip).fps)
    began = time.perf_counter()
    report = convert_video(
        ConversionJob(source=clip, out=out, output_config=OutputConfig(end=end), overwrite=True), swapper, MTCNN()
    )
    return (time.perf_counter() - began) / report.frames


def time_parts(clip: pathlib.Path, folder: pathlib.Path, swapper: ViewSwapper, frames: int) -> dict[str, float]:
    """Measures the seconds per frame of each part separately, and the floor."""
    info, config = probe_video(clip), ConvertConfig()
    parts = {}
    pictures, parts["decode"] = clocked(lambda: list(read_frames(clip, stop=frames)))
    tracks, parts["detect"] = clocked(lambda: follow(pictures))
    faces = [next(iter(found.values())) for found in tracks.faces]
    places = list(zip(pictures, faces, strict=True))

    def swap_all():
        batches = (
            places[first : first + config.swap_batch_size] for first in range(0, len(places), config.swap_batch_size)
        )
        return list(itertools.chain.from_iterable(swap_faces(batch, swapper) for batch in batches))

    swapped, parts["network"] = clocked(swap_all)
    compositor = Compositor(config, swapper.coverage)

    def paint_all():
        return [
            compositor.composite(picture, face, track=0).frame for picture, face in zip(pictures, swapped, strict=True)
        ]

    painted, parts["color and blend"] = clocked(paint_all)

    def write(frames) -> None:
        with VideoWriter.like(folder / "alone.mp4", info) as writer:
            for frame in frames:
                writer.write(frame)

    _, parts["encode"] = clocked(lambda: write(painted))
    _, floor = clocked(lambda: write(prefetch(read_frames(clip, stop=frames), 8)))
    parts = {name: seconds / len(pictures) for name, seconds in parts.items()}
    return parts | {"floor": max(floor / len(pictures), parts["network"])}


def follow(pictures: list[np.ndarray]) -> VideoTracks:
    """Tracks the faces of frames in memory."""
    return track_faces(detect_keyframes(pictures, MTCNN(), DetectConfig().detect_every), TrackConfig())


def clocked(work) -> tuple[object, float]:
    """Calls a function; returns its result and its duration in seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def collect_faces(clips: list[pathlib.Path], workspace: Workspace) -> None:
    """Extracts the faces of the first clip as A and of the last clip as B."""
    for clip, side in zip((clips[0], clips[-1]), ("src", "dst"), strict=True):
        extract(clip, workspace, side, config=ExtractConfig(max_crops=FACES))


def open_untrained(preset: str, engine: str, workspace: Workspace) -> ViewSwapper:
    """Opens a swapper with untrained networks and all other steps of a conversion."""
    networks = build_networks(PRESETS[preset])
    return open_swapper(networks, workspace, ConvertConfig(latent_map="project"), inference_backend=engine)


def measure_clip(name: str, clip: pathlib.Path, folder: pathlib.Path, swapper: ViewSwapper, options) -> dict:
    """Measures one row of the table: the whole conversion, its parts, and the floor."""
    out = folder / "out.mp4"
    convert(clip, out, swapper, 16)  # the first call compiles
    whole = [convert(clip, out, swapper, options.frames)]
    parts = time_parts(clip, folder, swapper, options.frames)
    whole.append(convert(clip, out, swapper, options.frames))
    floor = parts.pop("floor")
    return {"clip": name, "s_per_frame": min(whole), "parts": parts, "floor_s": floor}


def peak_memory(video: pathlib.Path, preset: str, workspace: Workspace) -> float:
    """Measures the peak resident memory in MB of a process that converts a video."""
    command = [sys.executable, __file__, "--memory-of", str(video), "--faces", str(workspace.root)]
    command += ["--preset", preset, "--inference-backend", "keras"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def main() -> None:
    """Runs all measurements and prints the results."""
    parser = make_parser(__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=240, help="frames of each clip that are converted")
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--inference-backend", default="auto", choices=["auto", "keras", "onnx"])
    parser.add_argument("--memory-of", type=pathlib.Path, help="only convert this video and print the peak memory")
    parser.add_argument("--faces", type=pathlib.Path, help="workspace with both people's faces, for --memory-of")
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("faceswap_lib.conversion.inference_backends").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        if options.memory_of:
            swapper = open_untrained(options.preset, options.inference_backend, Workspace(options.faces))
            convert_video(ConversionJob(source=options.memory_of, out=folder / "out.mp4"), swapper, MTCNN())
            print(own_peak_memory())
            return
        clips = find_clips(options.clips)
        workspace = Workspace(folder / "faces")
        collect_faces(clips, workspace)
        swapper = open_untrained(options.preset, options.inference_backend, workspace)
        matmul = time_matmul()
        rows = [measure_clip(clip.stem, clip, folder, swapper, options) for clip in clips]
        cut_clip(clips[0], folder / "large.mp4", options.frames, LARGE)
        name = f"{clips[0].stem} at {LARGE[0]}x{LARGE[1]}"
        rows.append(measure_clip(name, folder / "large.mp4", folder, swapper, options))
        print_table(
            f"Seconds per frame; one matrix product takes {matmul:.4f} s",
            [
                {
                    "clip": row["clip"],
                    "whole": row["s_per_frame"],
                    "in products": row["s_per_frame"] / matmul,
                    "to slowest part": row["s_per_frame"] / max(row["parts"].values()),
                    "to floor": row["s_per_frame"] / row["floor_s"],
                    **row["parts"],
                    "floor": row["floor_s"],
                }
                for row in rows
            ],
        )
        print("The reference, in matrix products:", ", ".join(f"{size} {ratio}" for size, ratio in REFERENCE.items()))
        memory = []
        shortest = min(clips, key=lambda clip: probe_video(clip).duration or 0)
        for times in REPEATS:
            long = folder / f"{times}.mp4"
            repeat_video(shortest, times, long)
            memory.append({"repeats": times, "peak_rss_mb": peak_memory(long, options.preset, workspace)})
        print_table(f"Memory while {shortest.name} is converted several times over", memory)
    if options.json:
        clips = {
            row["clip"]: {name: value for name, value in row.items() if name != "clip"}
            | {"ratio": row["s_per_frame"] / matmul}
            for row in rows
        }
        rss = {row["repeats"]: row["peak_rss_mb"] for row in memory}
        print_json({"matmul_s": matmul, "clips": clips, "rss_mb": rss})


if __name__ == "__main__":
    main()
