"""Checks that this version goes on with what the version before the new names left, byte for byte.

Usage: python -m tools.check_upgrade --folder DIR

With the code of commit `OLD`, a workspace is made: crops of both portraits, a `tiny` run of 40 steps, a conversion that
is killed after its first chunk. Then either version finishes a copy of it, and both results are compared. Last, the
command lines of the old README are run by this version. What is in DIR already is not made again.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from tools.upgrade_cases import OLD_COMMANDS, compare_checkpoints, compare_json, compare_videos

ROOT = pathlib.Path(__file__).resolve().parent.parent
OLD = "2e8016a"
"""The last commit with the old names."""

CLIPS = ("hopper.mp4", "collins.mp4")
CONSENT = ("--consent", "Two public-domain portraits")
START = "import sys; from faceswap_lib.cli import main; sys.exit(main(sys.argv[1:]))"
PATIENCE_S = 600.0


def main() -> None:
    """Makes the workspace, finishes it with both versions, compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="work is done here; some 300 MB")
    folder = parser.parse_args().folder.resolve()
    old_code = export_old_code(folder / "old-code")
    made = folder / "made"
    if not (made / "done").exists():
        make_workspace(made, old_code)
        (made / "done").touch()
    for name, code in (("old", old_code), ("new", ROOT)):
        if not (folder / name / "done").exists() or name == "new":
            shutil.rmtree(folder / name, ignore_errors=True)
            shutil.copytree(made, folder / name)
            finish_workspace(folder / name, code)
            (folder / name / "done").touch()
    failures = compare_workspaces(folder / "old", folder / "new")
    failures += run_old_commands(folder / "new")
    for failure in failures:
        print("FAILED:", failure)
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
    run(code, folder, "train", "--workspace", "W", "--steps", "80", log="train.txt")


def compare_workspaces(old: pathlib.Path, new: pathlib.Path) -> list[str]:
    """Lists what differs between the two finished workspaces."""
    return [
        *compare_checkpoints(old / "W", new / "W"),
        *compare_videos(old / "W" / "half.mp4", new / "W" / "half.mp4"),
        *compare_json(old / "report.json", new / "report.json"),
        *(["the half-done conversion began anew"] if "240" not in (new / "convert.txt").read_text() else []),
    ]


def run_old_commands(folder: pathlib.Path) -> list[str]:
    """Runs the command lines of the old README; lists those that fail."""
    failures = []
    for line, wanted in OLD_COMMANDS:
        log = f"command-{line.split()[0]}.txt"
        if start(ROOT, folder, *line.split(), log=log).wait():
            failures.append(f"faceswap {line}: see {folder / log}")
        elif wanted not in (folder / log).read_text():
            failures.append(f"faceswap {line}: does not name {wanted}")
    return failures


if __name__ == "__main__":
    main()
