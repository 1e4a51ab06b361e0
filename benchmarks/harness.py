"""Shared code of the benchmarks: the clips, the speed of this machine, and the output of results."""

import argparse
import json
import pathlib
import time

import av
import cv2
import numpy as np

from faceswap_lib.media import VideoWriter, probe_video, read_frames
from faceswap_lib.memory import peak_memory

CLIPS = pathlib.Path(__file__).resolve().parent.parent.parent / "shared" / "clips"
"""Default folder of the real clips, if `--clips` is not given; see CONTRIBUTING.md."""

MATMUL_SIDE = 2048


def make_parser(description: str) -> argparse.ArgumentParser:
    """Creates a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--clips", type=pathlib.Path, default=CLIPS, help="folder of .mp4 files")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    return parser


def find_clips(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists the clips of a folder, sorted by name; exits the program if there are none."""
    clips = sorted(folder.glob("*.mp4"))
    if not clips:
        raise SystemExit(f"no .mp4 files in {folder}; name a folder of clips with --clips")
    return clips


def time_matmul(repeats: int = 20) -> float:
    """Measures the seconds of a 2048 x 2048 x 2048 float32 matrix product in NumPy, the best of some repeats."""
    a = np.random.default_rng(0).random((MATMUL_SIDE, MATMUL_SIDE), np.float32)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return best


def repeat_video(video: pathlib.Path, times: int, out: pathlib.Path) -> None:
    """Writes a video repeated several times, without re-encoding and without sound."""
    with av.open(str(out), "w") as target:
        stream, offset = None, 0
        for _ in range(times):
            with av.open(str(video)) as source:
                pictures = source.streams.video[0]
                stream = stream or target.add_stream_from_template(pictures)
                end = offset
                for packet in source.demux(pictures):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    end = max(end, packet.pts + packet.duration)
                    target.mux(packet)
                offset = end


def cut_clip(video: pathlib.Path, out: pathlib.Path, frames: int, size: tuple[int, int] | None = None) -> None:
    """Writes the first frames of a video; if a size is given, resizes them and pads them with gray."""
    info = probe_video(video)
    width, height = size or (info.width, info.height)
    scale = min(width / info.width, height / info.height)
    inner = round(info.width * scale), round(info.height * scale)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    with VideoWriter(out, width=width, height=height, fps=info.fps) as writer:
        for frame in read_frames(video, stop=frames):
            canvas = np.full((height, width, 3), 128, np.uint8)
            resized = frame if inner == (info.width, info.height) else cv2.resize(frame, inner)
            canvas[top : top + inner[1], left : left + inner[0]] = resized
            writer.write(canvas)


def own_peak_memory() -> float:
    """Returns the peak resident memory of this process so far, in MB."""
    return peak_memory() / 2**20


def print_table(title: str, rows: list[dict[str, object]]) -> None:
    """Prints rows that have the same keys as a table."""
    names = list(rows[0])
    cells = [names, *([_text(row[name]) for name in names] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    print(f"\n{title}")
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def print_json(result: dict) -> None:
    """Prints the result as JSON on one line."""
    print(json.dumps(result))


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
