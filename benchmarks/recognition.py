"""Compares the face recognition network in Keras with dlib's own program: milliseconds per face, largest difference.

Usage: python benchmarks/recognition.py [--clips DIR] [--crops N] [--batches N ...] [--json]

The crops are evenly spaced faces of all clips. Landmarks, the cut of the face and the network are timed apart, the
network for several batch sizes. The two programs take turns, and the best of some turns counts. "cpu" is the time that
all threads of the process computed; it tells more than "wall" on a machine with other work.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pathlib
import time
import typing

import keras
import numpy as np
from harness import find_clips, make_parser, print_json, print_table, time_matmul

from faceswap_lib.faces import MTCNN, FaceCrop, align_face
from faceswap_lib.faces.landmarks_dlib import find_model_file
from faceswap_lib.faces.recognition import BATCH, DlibEmbedder, preprocess
from faceswap_lib.faces.recognition_weights import NETWORK_FILE
from faceswap_lib.media import count_frames, read_frames

TURNS = 3


def read_crops(clips: list[pathlib.Path], count: int) -> list[FaceCrop]:
    """Aligns about `count` faces, evenly spaced in each clip."""
    detector, crops = MTCNN(), []
    for clip in clips:
        step = max(1, count_frames(clip) * len(clips) // count)
        for frame in read_frames(clip, step=step):
            crops += [align_face(frame, face) for face in detector.detect(frame)[:1]]
    return crops[:count]


def time_call(work: typing.Callable[[], object], faces: int) -> tuple[float, float]:
    """Measures the wall and the CPU milliseconds per face of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1e3 / faces, (time.process_time() - cpu) * 1e3 / faces


def compare(calls: dict[str, typing.Callable[[], object]], faces: int) -> list[dict[str, object]]:
    """Times several programs in turns; returns a row for each with the best turn."""
    turns = [{name: time_call(work, faces) for name, work in calls.items()} for _ in range(TURNS)]
    best = {name: [min(turn[name][place] for turn in turns) for place in (0, 1)] for name in calls}
    return [{"what": name, "wall_ms": wall, "cpu_ms": cpu} for name, (wall, cpu) in best.items()]


def in_batches(run: typing.Callable[[typing.Any], np.ndarray], items: typing.Sequence | np.ndarray, batch: int):
    """Runs a function on batches of items and joins the arrays that it returns."""
    return np.concatenate([run(items[start : start + batch]) for start in range(0, len(items), batch)])


def open_dlib() -> typing.Callable[[np.ndarray], np.ndarray]:
    """Opens dlib's own program; returns a function from (N, 150, 150, 3) faces to their embeddings."""
    import dlib as untyped_dlib

    network = typing.cast(typing.Any, untyped_dlib).face_recognition_model_v1(str(find_model_file(NETWORK_FILE)))
    return lambda batch: np.array(network.compute_face_descriptor(list(batch)))


def compare_networks(programs: dict[str, typing.Callable], chips: np.ndarray, batch: int) -> list[dict[str, object]]:
    """Times the programs on batches of one size."""
    some = chips[: max(32, batch)]
    for run in programs.values():
        run(some[:batch])  # compiles
    names = {f"network, batch {batch}: {name}": run for name, run in programs.items()}
    return compare({name: lambda run=run: in_batches(run, some, batch) for name, run in names.items()}, len(some))


def main() -> None:
    """Runs the benchmark."""
    parser = make_parser(__doc__.split("\n")[0])
    parser.add_argument("--crops", type=int, default=500, help="number of faces")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 16, 128], help="batch sizes of the network")
    options = parser.parse_args()
    matmul, backend = time_matmul(), keras.backend.backend()
    crops, embedder = read_crops(find_clips(options.clips), options.crops), DlibEmbedder()
    chips = in_batches(embedder._cut_chips, crops, BATCH)
    programs = {"Keras": lambda batch: embedder._network(preprocess(batch))[0], "dlib": open_dlib()}
    few = crops[:64]
    steps = {
        "landmarks": lambda: embedder._landmarks.detect(few),
        "landmarks and cut": lambda: embedder._cut_chips(few),
        "landmarks, cut and network": lambda: embedder.embed(few),
    }
    rows = compare(steps, len(few))
    for batch in options.batches:
        rows += compare_networks(programs, chips, batch)
    print_table(f"{len(crops)} faces, {backend}: milliseconds per face, the best of {TURNS} turns", rows)
    ours, theirs = (in_batches(run, chips, BATCH) for run in programs.values())
    difference = float(np.abs(ours - theirs).max())
    print(f"\nLargest difference of an embedding's numbers: {difference:.2g}")
    print(f"One matrix product of 2048: {matmul:.3f} s at the start, {time_matmul():.3f} s at the end")
    if options.json:
        print_json({"backend": backend, "rows": rows, "difference": difference, "matmul_s": matmul})


if __name__ == "__main__":
    main()
