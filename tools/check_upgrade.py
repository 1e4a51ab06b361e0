"""Checks that this version goes on with what the version before the new names left, byte for byte.

Usage: python -m tools.check_upgrade --folder DIR

With the code of commit `OLD`, a workspace is made: crops of both portraits, a `tiny` run of 40 steps, a conversion that
is killed after its first chunk. Then either version finishes a copy of it, and both results are compared. Last, the
command lines of the old README are run by this version. What is in DIR already is not made again.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np

from faceswap_lib.evaluation.report import Report
from faceswap_lib.media import read_frames
from faceswap_lib.training import read_history
from faceswap_lib.training.checkpoint_file import read_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
OLD = "ad2e50b"
"""The last commit with the old names of options, loss terms, arrays and metrics."""

CLIPS = ("hopper.mp4", "collins.mp4")
CONSENT = ("--consent", "Two public-domain portraits")
STEPS = 80
"""Steps of the training that is resumed; 40 of them are done by the old version."""

NOT_COMPARED = ("seconds", "position")
"""Arrays of a checkpoint that say how long it took, and how many bytes `history.jsonl` has; names in it are others."""

ROUNDING = 1e-8
"""Largest relative difference of two metrics; threads that add up in another order made one of 2e-10."""

OLD_COMMANDS = (
    (
        "run clips/hopper.mp4 clips/collins.mp4 --workspace R --preset tiny --steps 6 --consent 'Both agreed' "
        "--every 10 --min-crops 4 --warm-up 2 --swap-batch 8 --code-shift 0.5 --engine keras --end 1",
        ("--frame-stride", "--warmup-steps", "--swap-batch-size", "--latent-shift", "--inference-backend"),
    ),
    ("extract clips/hopper.mp4 --workspace V --as src --consent 'Both agreed' --every 10 --min-crops 4", ("--person",)),
    (
        "extract clips/collins.mp4 --workspace V --as dst --consent 'Both agreed' --target 12 --min-face 0.2",
        ("--person",),
    ),
    ("masks --workspace V", ()),
    ("train --workspace V --preset faithful --plan --plan-picture plan.png", ("--show-schedule", "faceswap-gan")),
    ("train --workspace V --steps 4 --preset tiny --turn 3 --zoom 0.1 --ema 0.9", ("--rotation-range", "--ema-decay")),
    (
        "convert clips/hopper.mp4 --workspace V --out swapped.mp4 --colour adain --colour-steady 3 --end 1 "
        "--engine keras",
        ("--color-transfer", "--color-smoothing", "--inference-backend"),
    ),
    ("verify swapped.mp4", ()),
    (
        "evaluate W/half.mp4 --original clips/hopper.mp4 --identity clips/collins.mp4 --out short.html "
        "--points five --recognition none --baseline-frames 0 --fail-under background=10",
        ("--landmarks", "--embedder"),
    ),
    ("swap-parts --workspace V --as src --parts eyes --out U --share 0.5", ("--person", "--fraction")),
    ("weights", ()),
    ("doctor", ()),
)
"""Command lines of the old README, each with old options, and words of the lines that name the new ones."""

START = "import sys; from faceswap_lib.cli import main; sys.exit(main(sys.argv[1:]))"
PATIENCE_S = 600.0


def main() -> None:
    """Makes the workspace, finishes it with both versions, compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="work is done here; some 300 MB")
    folder = parser.parse_args().folder.resolve()
    old_code, work = export_old_code(folder / "old-code"), folder / "work"
    if not (folder / "made").exists():
        shutil.rmtree(work, ignore_errors=True)
        make_workspace(work, old_code)
        work.rename(folder / "made")
    for name, code in (("old", old_code), ("new", ROOT)):
        if name == "old" and (folder / name).exists():
            continue
        for path in (work, folder / name):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(folder / "made", work)  # always to the same place: a conversion knows its input by its path
        finish_workspace(work, code)
        if name == "new":
            failures = run_old_commands(work)
        work.rename(folder / name)
    failures += compare_workspaces(folder / "old", folder / "new")
    for failure in failures:
        print("FAILED:", failure)
    print(f"{len(failures)} failures")
    sys.exit(bool(failures))


def export_old_code(folder: pathlib.Path) -> pathlib.Path:
    """Writes the old commit's files."""
    if not folder.exists():
        folder.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", OLD], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def start(code: pathlib.Path, cwd: pathlib.Path, *arguments: str, log: str = "log.txt") -> subprocess.Popen:
    """Starts one verb of the command line of the code in a folder."""
    environment = os.environ | {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
    output = (cwd / log).open("a")
    print(">", code.name, "faceswap", *arguments, flush=True)
    return subprocess.Popen(
        [sys.executable, "-c", START, *arguments], cwd=cwd, env=environment, stdout=output, stderr=output
    )


def run(code: pathlib.Path, cwd: pathlib.Path, *arguments: str, log: str = "log.txt") -> None:
    """Runs one verb to its end.

    Raises:
        SystemExit: If it fails.
    """
    if code_of_exit := start(code, cwd, *arguments, log=log).wait():
        sys.exit(f"faceswap {' '.join(arguments)}: exit code {code_of_exit}; see {cwd / log}")


def make_workspace(folder: pathlib.Path, code: pathlib.Path) -> None:
    """Makes crops, a run and half a conversion."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    clips = "from faceswap_lib.demo.course import make_clips; make_clips('clips', seconds=12.0, size=256)"
    subprocess.run([sys.executable, "-c", clips], cwd=folder, env=os.environ | {"PYTHONPATH": str(code)}, check=True)
    for clip, side in zip(CLIPS, ("src", "dst"), strict=True):
        run(code, folder, "extract", f"clips/{clip}", "--workspace", "W", "--as", side, "--every", "3", *CONSENT)
    run(code, folder, "train", "--workspace", "W", "--preset", "tiny", "--steps", "40", "--seed", "3")
    process = start(code, folder, *convert_arguments())
    until = time.monotonic() + PATIENCE_S
    while not list(folder.glob("W/.*/000000.npz")):
        if process.poll() is not None or time.monotonic() > until:
            sys.exit("the conversion was not killed between its first chunk and its end")
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def convert_arguments() -> tuple[str, ...]:
    """The conversion that is half done, as the old version spelled it."""
    options = (
        "--engine",
        "keras",
        "--colour",
        "mkl",
        "--swap-batch",
        "8",
        "--show",
        "pair",
        "--no-label",
        "--quality",
        "12",
    )
    return ("convert", f"clips/{CLIPS[0]}", "--workspace", "W", "--out", "W/half.mp4", *options)


def finish_workspace(folder: pathlib.Path, code: pathlib.Path) -> None:
    """Ends the conversion, evaluates it, and trains on; all in the old spelling."""
    run(code, folder, *convert_arguments(), log="convert.txt")
    clips = ("--original", f"clips/{CLIPS[0]}", "--identity", f"clips/{CLIPS[1]}")
    few = ("--recognise-every", "20", "--baseline-frames", "0")
    run(code, folder, "evaluate", "W/half.mp4", *clips, "--out", "report.html", *few)
    run(code, folder, "train", "--workspace", "W", "--steps", str(STEPS), log="train.txt")


def compare_workspaces(old: pathlib.Path, new: pathlib.Path) -> list[str]:
    """Lists what differs between the two finished workspaces."""
    failures = []
    name = f"W/models/default/checkpoints/step-{STEPS:08d}.npz"
    arrays, renamed = read_arrays(old / name), read_arrays(new / name)
    if arrays.keys() != renamed.keys():
        failures.append(f"checkpoints: {sorted(arrays.keys() ^ renamed.keys())} are in one of them only")
    elif different := [key for key in arrays if arrays[key].tobytes() != renamed[key].tobytes()]:
        failures.append(f"checkpoints: {len(different)} of {len(arrays)} arrays differ: {different[:5]}")
    print(f"compared {len(arrays)} arrays of the checkpoints")
    histories = [read_history(root / "W/models/default/history.jsonl") for root in (old, new)]
    if histories[0] != histories[1]:
        failures.append("histories differ")
    frames = [list(read_frames(root / "W/half.mp4")) for root in (old, new)]
    if len(frames[0]) != len(frames[1]) or not all(np.array_equal(*pair) for pair in zip(*frames, strict=True)):
        failures.append("converted videos differ")
    print(f"compared {len(frames[0])} frames of the converted videos")
    reports = [Report.read(root / "report.json") for root in (old, new)]
    scores = [(report.summary.score, report.summary.parts) for report in reports]  # the words of the verdict may change
    values = [[np.nan if value is None else value for value in report.values.values()] for report in reports]
    if not np.allclose(*values, rtol=ROUNDING, atol=0, equal_nan=True) or scores[0] != scores[1]:
        failures.append("reports differ")
    print(f"compared {len(reports[0].values)} metrics of the reports")
    if "continuing after frame 240" not in (new / "convert.txt").read_text():
        failures.append("the half-done conversion began anew")
    return failures


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads a checkpoint under the names of this version, without what must differ."""
    return {name: array for name, array in read_file(path).arrays.items() if name not in NOT_COMPARED}


def run_old_commands(folder: pathlib.Path) -> list[str]:
    """Runs the command lines of the old README; lists those that fail."""
    failures = []
    for number, (line, wanted) in enumerate(OLD_COMMANDS):
        log = f"command-{number}.txt"
        if start(ROOT, folder, *shlex.split(line), log=log).wait():
            failures.append(f"faceswap {line}: see {folder / log}")
        elif missing := [name for name in wanted if name not in (folder / log).read_text()]:
            failures.append(f"faceswap {line}: does not name {missing}")
    return failures


if __name__ == "__main__":
    main()
